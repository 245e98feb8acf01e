// Controls for an attack. What there is to choose from comes as a catalogue; what came of a run
// comes drawn. Steps and attacks follow each other: each list marks or holds what fits the other.

let instances = 0;

function render({ model, el }) {
  const { servers: sizes, steps, attacks, defences, most } = model.get("catalogue");
  const asked = model.get("asked");
  const state = { ...asked, corrupt: new Set(asked.corrupt) };
  let shown = key(); // what the page below is about
  let seed = asked.seed;
  let waiting = false;
  const id = `mpclab-cheating-${++instances}`;

  const stepOf = (name) => steps.find((step) => step.id === name);
  const clientsOf = () => stepOf(state.step).clients[state.attack] ?? [];

  function key() {
    return JSON.stringify([state.servers, [...state.corrupt].sort(), state.step, state.attack,
      state.without, state.field]);
  }

  // -- what there is -----------------------------------------------------------------------------
  const root = element(el, "div", {
    class: "mpclab-act", role: "group", "aria-label": "An attack to choose and run",
    "data-lm-suppress-shortcuts": "true",
  });
  const lab = element(root, "div", { class: "mpclab-lab" });
  const rows = element(lab, "div", { class: "mpclab-rows" });

  const choices = (legend, width) => {
    const set = element(rows, "fieldset", { class: width });
    element(set, "legend", {}, legend);
    return element(set, "div", { class: "mpclab-choices" });
  };
  const cell = (name, width) => {
    const made = element(rows, "div", { class: `mpclab-cell ${width}` });
    const select = `${id}-${name.replace(/\W/g, "")}`;
    element(made, "label", { class: "mpclab-name", for: select }, name);
    return element(made, "select", { id: select });
  };

  const sizeBox = choices("Servers", "mpclab-w3");
  for (const n of sizes) {
    const label = element(sizeBox, "label");
    const input = element(label, "input", { type: "radio", name: `${id}-n`, value: n });
    input.checked = n === state.servers;
    label.append(String(n));
    input.addEventListener("change", () => { state.servers = n; clip(); refresh(); });
  }
  const partyBox = choices("Corrupt parties", "mpclab-w9");
  const stepList = cell("Step", "mpclab-w5");
  const attackList = cell("Attack", "mpclab-w4");
  const fieldList = cell("Field", "mpclab-w3");
  const defenceList = cell("Defence to take away", "mpclab-w5");
  const press = element(rows, "div", { class: "mpclab-press mpclab-w4" });
  const once = element(press, "button", { type: "button", class: "mpclab-go" }, "Run");
  const often = element(press, "button", { type: "button" }, `Run ${most} times`);
  const aim = element(lab, "p", { class: "mpclab-aim" });
  const say = element(lab, "p", { class: "mpclab-say", role: "status" });
  const result = element(root, "div", { class: "mpclab-result" });

  for (const [value, name] of [["large", "p = 2^61 - 1"], ["small", "p = 101"]]) {
    element(fieldList, "option", { value }, name);
  }
  fieldList.value = state.field;

  // -- keeping choices together --------------------------------------------------------------------
  const serversIn = () => [...state.corrupt].filter((name) => name.startsWith("server "));

  function clip() { // no corrupt server that is not there, and one honest server at least
    for (const name of serversIn()) {
      if (Number(name.split(" ")[1]) >= state.servers) state.corrupt.delete(name);
    }
    if (serversIn().length >= state.servers) state.corrupt.delete("server 0");
    if (attacks[state.attack].least > state.servers) {
      state.attack = fitting(stepOf(state.step))[0];
    }
    suffice();
  }

  function suffice() { // the parties that the attack takes
    for (const name of clientsOf()) if (name !== "alice") state.corrupt.add(name);
    for (let i = state.servers - 1; serversIn().length < attacks[state.attack].servers; i -= 1) {
      state.corrupt.add(`server ${i}`);
    }
  }

  function fitting(step) {
    return step.attacks.filter((name) => attacks[name].least <= state.servers);
  }

  function parties() {
    partyBox.replaceChildren();
    const all = Array.from({ length: state.servers }, (_, i) => [`server ${i}`, `server ${i}`]);
    all.push(["users", "dummy users"], ["requester", "the requester"]);
    const full = serversIn().length >= state.servers - 1;
    for (const [name, text] of all) {
      const label = element(partyBox, "label");
      const server = name.startsWith("server ");
      if (server) label.style.setProperty("--chip", `var(--mpclab-s${name.split(" ")[1]})`);
      const input = element(label, "input", { type: "checkbox", value: name });
      input.checked = state.corrupt.has(name);
      input.disabled = server && full && !input.checked;
      if (input.disabled) label.title = "One server at least must stay honest.";
      label.append(text);
      input.addEventListener("change", () => {
        if (input.checked) state.corrupt.add(name);
        else state.corrupt.delete(name);
        refresh();
        partyBox.querySelector(`input[value="${name}"]`)?.focus();
      });
    }
  }

  function fill(select, groups, chosen) {
    select.replaceChildren();
    for (const [name, options] of groups) {
      if (!options.length) continue;
      const group = name ? element(select, "optgroup", { label: name }) : select;
      for (const [value, text, disabled] of options) {
        const option = element(group, "option", { value }, text);
        option.disabled = Boolean(disabled);
      }
    }
    select.value = chosen;
  }

  function lists() {
    const groups = new Map();
    for (const step of steps) {
      if (!groups.has(step.group)) groups.set(step.group, []);
      const here = step.attacks.includes(state.attack);
      const absent = state.field === "small" && !step.small;
      groups.get(step.group).push([step.id, `${here ? "\u25CF" : "\u2007"} ${step.text}`,
        absent || !fitting(step).length]);
    }
    fill(stepList, groups, state.step);
    const here = fitting(stepOf(state.step));
    const there = Object.keys(attacks).filter(
      (name) => !here.includes(name) && attacks[name].least <= state.servers);
    fill(attackList, [
      ["at this step", here.map((name) => [name, name])],
      ["at other steps (the step follows)", there.map((name) => [name, name])],
    ], state.attack);
    const meets = attacks[state.attack].without;
    fill(defenceList, [["", [["", "none: all are in place"]]], ["take away", Object.keys(defences).map(
      (name) => [name, name === meets ? `${name}  \u2190 meets this attack` : name])]],
      state.without);
  }

  function refresh() {
    parties();
    lists();
    const each = attacks[state.attack];
    aim.replaceChildren();
    element(aim, "b", {}, `${state.attack}. `);
    aim.append(`${each.aim} What should meet it: ${each.defence}.`);
    if (state.without) aim.append(` Taken away: ${defences[state.without]}.`);
    const problem = missing();
    once.disabled = often.disabled = waiting || Boolean(problem);
    const stale = key() !== shown;
    result.classList.toggle("mpclab-stale", stale || waiting);
    say.textContent = problem || (waiting ? "Running ..."
      : stale ? "This has not been run yet: press Run." : model.get("tally"));
  }

  function missing() {
    const each = attacks[state.attack];
    if (serversIn().length < each.servers) return "This attack takes a corrupt server: tick one.";
    for (const name of clientsOf()) {
      if (name !== "alice" && !state.corrupt.has(name)) {
        return `This attack takes ${name === "users" ? "dummy users" : "the requester"}, too: tick it.`;
      }
    }
    if (!state.corrupt.size && !clientsOf().length) return "Nobody is corrupt: tick a party.";
    if (state.field === "small" && !stepOf(state.step).small) {
      return "This step does not occur in a field of 101 elements: take another.";
    }
    return "";
  }

  stepList.addEventListener("change", () => {
    state.step = stepList.value;
    const here = fitting(stepOf(state.step));
    if (!here.includes(state.attack)) state.attack = here[0];
    suffice();
    refresh();
  });
  attackList.addEventListener("change", () => {
    state.attack = attackList.value;
    if (!stepOf(state.step).attacks.includes(state.attack)) state.step = attacks[state.attack].home;
    suffice();
    refresh();
  });
  fieldList.addEventListener("change", () => {
    state.field = fieldList.value;
    refresh();
  });
  defenceList.addEventListener("change", () => {
    state.without = defenceList.value;
    refresh();
  });

  // -- running -------------------------------------------------------------------------------------
  function run(times) {
    seed += 1;
    waiting = true;
    shown = key();
    refresh();
    model.set("asked", {
      servers: state.servers, corrupt: [...state.corrupt], step: state.step, attack: state.attack,
      without: state.without, field: state.field, seed, times,
    });
    seed += times - 1;
    model.save_changes();
  }
  once.addEventListener("click", () => run(1));
  often.addEventListener("click", () => run(most));

  function show() {
    result.innerHTML = model.get("html");
  }
  const answered = () => {
    waiting = false;
    show();
    refresh();
    if (document.activeElement === document.body) once.focus();
  };
  model.on("change:answered", answered);
  show();
  refresh();
  return () => model.off("change:answered", answered);
}

export default { render };
