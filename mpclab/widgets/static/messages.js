// The player of a sequence diagram. It lays nothing out: the picture comes drawn, each arrowhead
// with the number of its message (data-mark), so its line (data-lane), and the places of all
// arrows are in the list of messages.

const SVG = "http://www.w3.org/2000/svg";
const SPEEDS = [1, 3, 10, 30, 100]; // messages a second

const ICONS = {
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z",
  back: "M3 2.5h2v11H3zM13 2.5v11L6 8z",
  forth: "M11 2.5h2v11h-2zM3 2.5v11L10 8z",
  close: "M3 4.4 4.4 3 8 6.6 11.6 3 13 4.4 9.4 8 13 11.6 11.6 13 8 9.4 4.4 13 3 11.6 6.6 8z",
};

function drawn(parent, tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function sign(button, path) {
  button.replaceChildren();
  const icon = drawn(button, "svg", {
    viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true",
  });
  drawn(icon, "path", { d: path, fill: "currentColor" });
}

function render({ model, el }) {
  const messages = model.get("messages");
  const notes = model.get("notes");
  const last = messages.length;
  let open = false; // whether the panel is shown
  let timer = null;
  let frame = null;
  let shown = 0; // up to which message the picture is lit

  // -- what there is -----------------------------------------------------------------------------
  // JupyterLab keeps keys such as the arrows for itself unless an element says otherwise.
  const root = element(el, "div", {
    class: "mpclab-player", role: "group", "aria-label": model.get("title"),
    "data-lm-suppress-shortcuts": "true",
  });
  const bar = element(root, "div", { class: "mpclab-bar" });
  const button = (label, icon, what) => {
    const made = element(bar, "button", { type: "button", "aria-label": label, title: label });
    sign(made, icon);
    made.addEventListener("click", what);
    return made;
  };
  const back = button("One message back", ICONS.back, () => { stop(); go(position() - 1); });
  const play = button("Play", ICONS.play, () => (timer === null ? start() : stop()));
  const forth = button("One message on", ICONS.forth, () => { stop(); go(position() + 1); });
  play.classList.add("mpclab-play");
  const slider = element(bar, "input", {
    type: "range", min: 0, max: last, step: 1, value: 0,
    "aria-label": "Message, in the order of time", "data-lm-suppress-shortcuts": "true",
  });
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  const count = element(bar, "output", { class: "mpclab-count", "aria-hidden": "true" });
  const label = element(bar, "label", { class: "mpclab-speed" }, "Speed ");
  const speed = element(label, "select", {});
  const wanted = SPEEDS.find((s) => last / s <= 40) ?? SPEEDS[SPEEDS.length - 1];
  for (const s of SPEEDS) {
    const option = element(speed, "option", { value: s }, `${s} a second`);
    option.selected = s === wanted;
  }
  speed.addEventListener("change", () => { if (timer !== null) { stop(); start(); } });

  const line = element(root, "p", { class: "mpclab-line", role: "status" });

  const box = element(root, "div", {
    class: "mpclab-box", tabindex: 0, role: "group",
    "aria-label": "Picture of the messages. Arrow keys step, space plays, Enter shows a message.",
  });
  // Heads that stay when the picture is scrolled.
  const above = element(box, "div", { class: "mpclab-above", "aria-hidden": "true" });
  const sheet = element(box, "div", { class: "mpclab-sheet" });
  sheet.innerHTML = model.get("svg");
  const svg = sheet.firstElementChild;
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const heads = svg.querySelector("g.heads");
  const headsEnd = model.get("heads");
  const copy = drawn(above, "svg", {
    class: svg.getAttribute("class"), viewBox: `0 0 ${width} ${headsEnd}`,
    width, height: headsEnd,
  });
  drawn(copy, "rect", { class: "paper", x: 0.5, y: -9, width: width - 1, height: headsEnd + 8.5 });
  copy.append(heads.cloneNode(true));

  above.hidden = true;
  box.addEventListener("scroll", () => { above.hidden = box.scrollTop < 4; });

  const arrows = [];
  for (const head of svg.querySelectorAll("[data-mark]")) {
    const number = Number(head.dataset.mark);
    (arrows[number] ??= []).push(head);
    head.classList.add("mpclab-head");
  }
  for (const lane of svg.querySelectorAll("[data-lane]")) {
    (arrows[Number(lane.dataset.lane)] ??= []).push(lane);
  }
  const over = drawn(svg, "g", { class: "mpclab-over", visibility: "hidden" });
  const halo = drawn(over, "path", { class: "mpclab-halo" });
  const way = drawn(over, "path", { class: "mpclab-way" });
  const tip = drawn(over, "path", { class: "mpclab-tip" });
  const dot = drawn(over, "circle", { class: "mpclab-dot", r: 5 });

  const panel = element(root, "section", { class: "mpclab-panel", "aria-label": "The message" });
  panel.hidden = true;

  // -- what it does ------------------------------------------------------------------------------
  const position = () => model.get("position");
  const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  function go(to) {
    const next = Math.min(Math.max(to, 0), last);
    if (next === position()) return;
    model.set("position", next);
    model.save_changes();
  }

  function start() {
    if (position() >= last) go(0);
    sign(play, ICONS.pause);
    play.setAttribute("aria-label", "Pause");
    play.title = "Pause";
    line.setAttribute("aria-live", "off"); // too fast to be read aloud
    // By the clock, several messages at once where drawing each would take too long.
    const begun = performance.now();
    const from = position();
    const pace = Number(speed.value) / 1000;
    const tick = () => {
      go(from + 1 + Math.floor((performance.now() - begun) * pace));
      if (position() >= last) stop();
    };
    timer = setInterval(tick, Math.max(1 / pace, 33));
    tick();
  }

  function stop() {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    sign(play, ICONS.play);
    play.setAttribute("aria-label", "Play");
    play.title = "Play";
    line.setAttribute("aria-live", "polite");
  }

  function light() {
    const now = position();
    svg.classList.toggle("mpclab-playing", now > 0);
    const dim = (number, sent) => {
      for (const part of arrows[number] ?? []) part.classList.toggle("mpclab-sent", sent);
    };
    for (let i = shown; i < now; i += 1) dim(i, true);
    for (let i = now; i < shown; i += 1) dim(i, false);
    shown = now;
  }

  function point() {
    cancelAnimationFrame(frame);
    const m = messages[position() - 1];
    over.setAttribute("visibility", m ? "visible" : "hidden");
    if (!m) return;
    const [x0, x1, y] = m.place;
    const toward = x1 > x0 ? 1 : -1;
    const path = `M${x0} ${y}H${x1 - 7 * toward}`;
    for (const part of [halo, way]) part.setAttribute("d", path);
    tip.setAttribute("d", `M${x1} ${y}l${-10 * toward} -5.5v11Z`);
    for (const part of [way, tip, dot]) {
      part.setAttribute("class", `${part.getAttribute("class").split(" ")[0]} ${m.css}`);
    }
    dot.setAttribute("cy", y);
    const takes = Math.min(450, 700 / Number(speed.value));
    if (calm() || takes < 60) {
      dot.setAttribute("cx", x0);
      return;
    }
    const begun = performance.now();
    const move = (time) => {
      const part = Math.min(Math.max((time - begun) / takes, 0), 1);
      dot.setAttribute("cx", x0 + (x1 - x0) * part);
      if (part < 1) frame = requestAnimationFrame(move);
      else dot.setAttribute("cx", x0);
    };
    dot.setAttribute("cx", x0);
    frame = requestAnimationFrame(move);
  }

  function scroll() {
    const m = messages[position() - 1];
    const scale = svg.getBoundingClientRect().height / height;
    if (!m || !scale) return;
    const y = m.place[2] * scale;
    const top = box.scrollTop + headsEnd * scale + 30;
    const bottom = box.scrollTop + box.clientHeight - 40;
    if (y < top || y > bottom) box.scrollTop = y - box.clientHeight / 2;
  }

  function tell() {
    const now = position();
    const m = messages[now - 1];
    slider.value = now;
    slider.setAttribute("aria-valuetext", m ? `${now} of ${last}: ${m.line}` : "before the first");
    count.textContent = `${now} / ${last}`;
    back.disabled = now === 0;
    forth.disabled = now === last;
    line.textContent = m
      ? m.line
      : model.get("intro");
    panel.hidden = !open || !m;
    if (!panel.hidden) fill(m);
  }

  function fill(m) {
    panel.replaceChildren();
    const head = element(panel, "div", { class: "mpclab-panel-head" });
    element(head, "strong", {}, `${m.sender} \u2192 ${m.receiver}`);
    const close = element(head, "button", {
      type: "button", "aria-label": "Close the message", title: "Close",
    });
    sign(close, ICONS.close);
    close.addEventListener("click", () => { open = false; tell(); box.focus(); });
    const list = element(panel, "dl");
    for (const [name, value] of m.facts) {
      const pair = element(list, "div");
      element(pair, "dt", {}, name);
      element(pair, "dd", {}, value);
    }
    const told = element(panel, "div", { class: "mpclab-told" });
    element(told, "span", { class: "mpclab-small" }, "What the receiver can conclude");
    for (const sentence of notes[m.note]) element(told, "p", {}, sentence);
    if (m.contents.length > 0) {
      const inside = element(panel, "div", { class: "mpclab-inside" });
      element(inside, "span", { class: "mpclab-small" }, "What is in it (from the view)");
      const values = element(inside, "ul");
      for (const value of m.contents) element(values, "li", {}, value);
    }
  }

  function show(number) {
    stop();
    open = true;
    if (number === position()) tell();
    else go(number);
  }

  function nearest(event) {
    const area = svg.getBoundingClientRect();
    const scale = width / area.width;
    const x = (event.clientX - area.left) * scale;
    const y = (event.clientY - area.top) * scale;
    let best = 0;
    let least = Infinity;
    messages.forEach((m, i) => {
      const [x0, x1, at] = m.place;
      const off = Math.abs(y - at);
      if (off > 9 || x < Math.min(x0, x1) - 12 || x > Math.max(x0, x1) + 12) return;
      const far = 6 * off + Math.abs(x - x1);
      if (far < least) [best, least] = [i + 1, far];
    });
    return best;
  }

  svg.addEventListener("click", (event) => {
    const number = nearest(event);
    if (number) show(number);
  });

  root.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (target === speed) return;
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    const pressed = target.tagName === "BUTTON" && (key === " " || key === "Enter");
    if (pressed) {
      event.stopPropagation(); // the button does it
      return;
    }
    if (key in steps) { stop(); go(position() + steps[key]); }
    else if (key === "Home") { stop(); go(0); }
    else if (key === "End") { stop(); go(last); }
    else if (key === " ") { if (timer === null) start(); else stop(); }
    else if (key === "Enter") show(Math.max(position(), 1));
    else if (key === "Escape" && open) { open = false; tell(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  const changed = () => { light(); point(); tell(); scroll(); };
  model.on("change:position", changed);
  changed();
  return () => {
    stop();
    cancelAnimationFrame(frame);
    model.off("change:position", changed);
  };
}

export default { render };
