// Choosing an algorithm for a new binding: a card each, with a drawing and a sentence of what it does.

import { drawingOf } from "./algorithm-drawings.js";
import { ask, byId, h, setText } from "./dom.js";
import { nameOf, say } from "./words.js";

function card({ code, label, sentence }) {
  const id = `editor-pick-${code}`;
  return h("li", {}, h("button", { type: "submit", value: code, class: "ed-algorithm", "aria-labelledby": id, "aria-describedby": `${id}-what` },
    drawingOf(code), h("span", { class: "ed-algorithm-text" }, h("span", { class: "ed-algorithm-name", id }, label), h("span", { class: "ed-help", id: `${id}-what` }, sentence))));
}

// Resolves with the code of what was chosen, "" for nothing. Offered is only what can watch such a shape.
export function pickAlgorithm(roi, algorithms) {
  const dialog = byId("editor-pick");
  setText(byId("editor-pick-title"), say("pick_for", { name: nameOf(roi) }));
  setText(byId("editor-pick-fits"), say(`pick_fits_${roi.roi_type === "line" ? "line" : "area"}`));
  byId("editor-pick-list").replaceChildren(...algorithms.filter(({ roi_types: shapes }) => shapes.includes(roi.roi_type)).map(card));
  return ask(dialog);
}
