// Asks what to keep when two people changed the same region: both shapes side by side, one choice each.

import { ask, byId, h, svg } from "./dom.js";
import { handles } from "./geometry.js";
import { nameOf, say } from "./words.js";

const CHOICES = { both: ["mine", "theirs", "both"], gone: ["mine", "theirs"], removed: ["mine", "theirs"] };

// Resolves with {answer: "" | "merge" | "save", choices: key → choice}.
export async function askConflict({ conflicts, taken }) {
  const dialog = byId("editor-conflict");
  const place = byId("editor-conflict-list");
  place.replaceChildren(...conflicts.map(question));
  byId("editor-conflict-taken").replaceChildren(...taken.map(({ kind, roi }) => h("li", {}, say(`taken_${kind}`, { name: nameOf(roi) }))));
  byId("editor-conflict-none").hidden = conflicts.length > 0;
  const answer = await ask(dialog);
  const choices = new Map(conflicts.map(({ key }, i) => [key, dialog.querySelector(`input[name="conflict-${i}"]:checked`)?.value ?? "mine"]));
  return { answer, choices };
}

function question({ kind, fields, mine, theirs }, i) {
  const radios = CHOICES[kind].map((choice) =>
    h("label", { class: "ed-choice" }, h("input", { type: "radio", name: `conflict-${i}`, value: choice, checked: choice === "mine" }), h("span", {}, say(`keep_${kind}_${choice}`))));
  const what = kind === "both" ? say("conflict_both", { what: fields.map((field) => say(`field_${field}`)).join(", ") }) : say(`conflict_${kind}`);
  return h("fieldset", { class: "ed-question" }, h("legend", {}, nameOf(mine ?? theirs)), h("p", { class: "ed-quiet" }, what), drawing(mine, theirs), h("div", { class: "ed-choices" }, ...radios));
}

// Both outlines in a small picture: mine whole, theirs dashed.
function drawing(mine, theirs) {
  const outline = (roi, name) => roi && svg(roi.roi_type === "line" ? "polyline" : "polygon", {
    class: name, "data-color": roi.color ?? 0, points: handles(roi).map(([x, y]) => `${(x * 160).toFixed(1)},${(y * 90).toFixed(1)}`).join(" "),
  });
  return svg("svg", { class: "ed-mini", viewBox: "0 0 160 90", role: "img", "aria-label": say("conflict_drawing") }, ...[outline(theirs, "ed-theirs"), outline(mine, "ed-mine")].filter(Boolean));
}
