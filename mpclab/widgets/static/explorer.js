// Controls around a pure function. The kernel says which controls there are and how they stand;
// what it made of them comes drawn.

let instances = 0;

function render({ model, el }) {
  const id = `mpclab-explorer-${++instances}`;
  const root = element(el, "div", {
    class: "mpclab-act mpclab-explorer", role: "group", "aria-label": model.get("title"),
    "data-lm-suppress-shortcuts": "true",
  });
  const lab = element(root, "div", { class: "mpclab-lab" });
  const rows = element(lab, "div", { class: "mpclab-rows" });
  const result = element(root, "div", { class: "mpclab-result" });

  let values = {};
  let waiting = false; // for an answer: what is moved meanwhile is sent after it
  let moved = false;
  let asking = 0;
  const standing = new Map(); // name of a control -> its outline, element and setter
  const setters = {};

  function send() {
    if (waiting) {
      moved = true;
      return;
    }
    waiting = true;
    moved = false;
    asking += 1; // so that no two questions are the same: each is answered
    model.set("asked", { ...values, asking });
    model.save_changes();
  }

  function change(name, value) {
    values[name] = value;
    send();
  }

  // -- kinds of controls ---------------------------------------------------------------------------
  const color = (made, name) => {
    const server = /^server (\d+)$/.exec(name);
    if (server) made.style.setProperty("--chip", `var(--mpclab-s${Number(server[1]) % 10})`);
  };

  const kinds = {
    slider(c) {
      const cell = element(rows, "div", { class: `mpclab-cell mpclab-w${c.width}` });
      element(cell, "label", { class: "mpclab-name", for: `${id}-${c.name}` }, c.label);
      const line = element(cell, "div", { class: "mpclab-slide" });
      const input = element(line, "input", {
        type: "range", id: `${id}-${c.name}`, min: c.low, max: c.high, step: 1,
        "data-control": c.name,
      });
      const output = element(line, "output", { for: `${id}-${c.name}` });
      const tell = () => {
        output.textContent = c.texts[input.value - c.low] ?? input.value;
        input.setAttribute("aria-valuetext", output.textContent);
      };
      input.addEventListener("input", () => { tell(); change(c.name, Number(input.value)); });
      setters[c.name] = (value) => { input.value = value; tell(); };
    },

    choice(c) {
      const set = element(rows, "fieldset", { class: `mpclab-w${c.width}` });
      element(set, "legend", {}, c.label);
      const box = element(set, "div", { class: "mpclab-choices" });
      const inputs = c.options.map(([value, text]) => {
        const label = element(box, "label");
        color(label, value);
        const input = element(label, "input", {
          type: "radio", name: `${id}-${c.name}`, value, "data-control": c.name,
        });
        label.append(text);
        input.addEventListener("change", () => change(c.name, value));
        return input;
      });
      setters[c.name] = (value) => { for (const i of inputs) i.checked = i.value === value; };
    },

    select(c) {
      const cell = element(rows, "div", { class: `mpclab-cell mpclab-w${c.width}` });
      element(cell, "label", { class: "mpclab-name", for: `${id}-${c.name}` }, c.label);
      const input = element(cell, "select", { id: `${id}-${c.name}`, "data-control": c.name });
      for (const [value, text] of c.options) element(input, "option", { value }, text);
      input.addEventListener("change", () => change(c.name, input.value));
      setters[c.name] = (value) => { input.value = value; };
    },

    integers(c) {
      const set = element(rows, "fieldset", { class: `mpclab-w${c.width}` });
      element(set, "legend", {}, c.label);
      const boxes = element(set, "div", { class: "mpclab-boxes" });
      const inputs = c.value.map((_, k) => {
        const label = element(boxes, "label");
        if (c.servers) {
          color(label, `server ${k}`);
          element(label, "span", {}, String(k));
        }
        const input = element(label, "input", {
          type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false",
          "data-control": c.name,
          "aria-label": c.servers ? `${c.label}: server ${k}` : c.label,
        });
        input.addEventListener("keydown", (event) => {
          if (event.key === "Enter") told();
          const by = { ArrowUp: 1n, ArrowDown: -1n }[event.key];
          if (!by) return;
          event.preventDefault();
          try { input.value = String(BigInt(input.value.trim() || "0") + by); } catch { return; }
          told();
        });
        input.addEventListener("change", () => told());
        return input;
      });
      const told = () => {
        const now = inputs.map((input) => input.value);
        if (now.join() !== values[c.name].join()) change(c.name, now);
      };
      setters[c.name] = (value) => {
        inputs.forEach((input, k) => {
          if (input.value !== value[k]) input.value = value[k];
          input.disabled = value[k] === "?";
        });
      };
    },

    tick(c) {
      const set = element(rows, "fieldset", { class: `mpclab-w${c.width}` });
      element(set, "legend", {}, c.label);
      const label = element(element(set, "div", { class: "mpclab-choices" }), "label");
      const input = element(label, "input", { type: "checkbox", "data-control": c.name });
      label.append(c.text);
      input.addEventListener("change", () => change(c.name, input.checked));
      setters[c.name] = (value) => { input.checked = value; };
    },

    button(c) {
      const cell = element(rows, "div", { class: `mpclab-press mpclab-w${c.width}` });
      const made = element(cell, "button", { type: "button", "data-control": c.name }, c.text);
      made.addEventListener("click", () => change(c.name, values[c.name] + 1));
      setters[c.name] = () => {};
    },
  };

  // -- what stands there ---------------------------------------------------------------------------
  const outline = (c) => JSON.stringify(
    { ...c, value: c.kind === "integers" ? c.value.length : null });

  function stand() {
    const controls = model.get("controls");
    const active = document.activeElement;
    const name = rows.contains(active) ? active.dataset.control : null;
    const here = () => [...rows.querySelectorAll(`[data-control="${name}"]`)];
    const place = name === null ? -1 : here().indexOf(active);
    controls.forEach((c, k) => { // only what is another control than before is made anew
      const now = outline(c);
      const old = standing.get(c.name);
      if (old?.now !== now) {
        kinds[c.kind](c); // at the end, from where it is moved to its place
        old?.made.remove();
        standing.set(c.name, { now, made: rows.lastElementChild });
      }
      const { made } = standing.get(c.name);
      if (rows.children[k] !== made) rows.insertBefore(made, rows.children[k] ?? null);
    });
    if (name !== null && document.activeElement !== active) { // whoever was using one goes on
      const same = here();
      same[Math.min(place, same.length - 1)]?.focus();
    }
    for (const c of controls) {
      values[c.name] = c.value;
      setters[c.name](c.value);
    }
  }

  function answer() {
    waiting = false;
    result.innerHTML = model.get("html");
    if (moved) send(); // the controls stand where they were moved to, not where the answer has them
    else stand();
  }

  model.on("change:answered", answer);
  result.innerHTML = model.get("html");
  stand();
  return () => model.off("change:answered", answer);
}

export default { render };
