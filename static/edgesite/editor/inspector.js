// The selected region's name, colour and switch, and what can be done with what is selected.

import { only, selected } from "./commands.js";
import { byId, h, setAttribute, setText } from "./dom.js";
import { isTwoCorners } from "./geometry.js";
import { nameOf, say } from "./words.js";

const COLORS = 8;

export class Inspector {
  constructor(editor, { copy }) {
    this.editor = editor;
    this.box = byId("editor-inspector");
    this.name = byId("editor-name");
    this.enabled = byId("editor-enabled");
    this.mask = byId("editor-mask");
    this.colors = byId("editor-colors");
    this.problem = byId("editor-name-problem");
    this.colors.append(...Array.from({ length: COLORS }, (_, color) => this.#color(color)));
    this.name.addEventListener("input", () => this.#set("name", this.name.value, "name"));
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && this.name.blur());
    this.enabled.addEventListener("change", () => this.#set("enabled", this.enabled.checked));
    this.mask.addEventListener("change", () => this.#set("mask", this.mask.checked));
    const acts = {
      swap: () => editor.act.swap(only(editor.model.state).key),
      "to-polygon": () => editor.act.toPolygon(only(editor.model.state).key),
      duplicate: () => editor.act.duplicate(),
      copy,
      delete: () => editor.act.removeSelected({ whole: true }),
    };
    for (const [name, act] of Object.entries(acts)) byId(`editor-${name}`).addEventListener("click", act);
    editor.model.subscribe((state, before, moving) => { if (!moving) this.draw(); });
    editor.ui.subscribe(() => this.draw());
    this.draw();
  }

  #set(field, value, merge = "") {
    const roi = only(this.editor.model.state);
    if (roi && roi[field] !== value) this.editor.act.setField(roi.key, field, value, merge && `${merge} ${roi.key}`);
  }

  #color(color) {
    const radio = h("input", { type: "radio", name: "editor-color", value: color, onchange: () => this.#set("color", color) });
    return h("label", { class: "ed-color", "data-color": color, title: say(`color_${color}`) }, radio, h("span", { class: "ed-swatch" }), h("span", { class: "es-unseen" }, say(`color_${color}`)));
  }

  draw() {
    const { model, ui } = this.editor;
    const chosen = selected(model.state);
    const roi = only(model.state);
    setAttribute(this.box, "hidden", chosen.length === 0);
    if (!chosen.length) return;
    setText(byId("editor-inspector-title"), roi ? nameOf(roi) : say("chosen_many", { n: chosen.length }));
    setAttribute(byId("editor-fields"), "hidden", !roi);
    setAttribute(byId("editor-swap"), "hidden", roi?.roi_type !== "line" || ui.readonly);
    setAttribute(byId("editor-to-polygon"), "hidden", roi?.roi_type !== "rectangle" || ui.readonly);
    setAttribute(byId("editor-acts"), "hidden", ui.readonly);
    if (roi) this.#fill(roi, ui);
  }

  #fill(roi, ui) {
    if (this.name.value !== roi.name) this.name.value = roi.name;
    setAttribute(this.name, "placeholder", roi.roi_id ?? "");
    this.enabled.checked = roi.enabled;
    setAttribute(this.enabled, "disabled", ui.readonly);
    this.mask.checked = roi.mask;
    setAttribute(this.mask, "disabled", ui.readonly || (roi.roi_type === "line" && !roi.mask));
    setAttribute(this.name, "readonly", ui.readonly);
    for (const radio of this.colors.querySelectorAll("input")) {
      radio.checked = Number(radio.value) === roi.color;
      radio.disabled = ui.readonly;
    }
    const faults = (ui.errors.get(roi.key) ?? []).filter(({ field }) => !field.startsWith("coordinates") && !field.startsWith("binds"));
    setText(this.problem, faults.map(({ message }) => message).join(" "));
    setAttribute(this.problem, "hidden", faults.length === 0);
    setAttribute(this.name, "aria-invalid", faults.length ? "true" : null);
    setText(byId("editor-kind"), [say(roi.roi_type), isTwoCorners(roi) ? say("by_corners") : ""].filter(Boolean).join(", "));
  }
}
