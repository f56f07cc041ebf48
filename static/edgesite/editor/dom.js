// Small helpers for elements. Attributes are set one by one, texts as text: nothing is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? (name.startsWith("aria-") ? "true" : "") : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

// A symbol of the page's icon sheet.
export function icon(name) {
  return svg("svg", { class: "ed-icon", "aria-hidden": "true" }, svg("use", { href: `#ed-icon-${name}` }));
}

export function iconButton(name, label, onclick, attributes = {}) {
  return h("button", { type: "button", class: "ed-icon-button", "aria-label": label, title: label, onclick, ...attributes }, icon(name));
}

// Resolves with the dialog's return value when it closes ("" for Esc).
export function ask(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}
