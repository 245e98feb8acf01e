// Put in front of each program here: a browser loads a widget's program as one file.

function element(parent, tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  if (["input", "select", "button"].includes(tag)) { // else JupyterLab takes Enter and the arrows
    made.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  parent.append(made);
  return made;
}

