// The regions in their order of priority: choose, show and hide, move up and down with buttons or by dragging.

import { problemsOf } from "./geometry.js";
import { byId, h, icon, iconButton, setAttribute, setText } from "./dom.js";
import { count, nameOf, problemText, say } from "./words.js";

export class List {
  #rows = new Map();

  constructor(editor) {
    this.editor = editor;
    this.list = byId("editor-list");
    editor.model.subscribe((state, before, moving) => { if (!moving) this.draw(); });
    editor.ui.subscribe(() => this.draw());
    this.draw();
  }

  draw() {
    const { model, ui } = this.editor;
    const { rois, selection } = model.state;
    setText(byId("editor-count"), rois.length ? String(rois.length) : "");
    setAttribute(byId("editor-list-empty"), "hidden", rois.length > 0);
    for (const [key, { row }] of this.#rows) {
      if (rois.some((roi) => roi.key === key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    rois.forEach((roi, i) => {
      const parts = this.#rows.get(roi.key) ?? this.#newRow(roi.key);
      this.#rows.set(roi.key, parts);
      if (this.list.children[i] !== parts.row) this.#insert(parts.row, i);
      this.#fill(parts, roi, { i, last: rois.length - 1, selected: selection.keys.includes(roi.key), hidden: ui.hidden.has(roi.key) });
    });
  }

  // Moving a node takes its focus away: it is given back.
  #insert(row, i) {
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    this.list.insertBefore(row, this.list.children[i] ?? null);
    focused?.focus();
  }

  #newRow(key) {
    const { act, ui, model, speak } = this.editor;
    const place = () => model.state.rois.findIndex((roi) => roi.key === key);
    const parts = {
      swatch: h("span", { class: "ed-swatch" }),
      name: h("span", { class: "ed-list-name" }),
      meta: h("span", { class: "ed-list-meta" }),
      show: iconButton("eye", "", () => {
        const roi = model.state.rois[place()];
        speak(say(ui.toggleHidden(key) ? "hidden" : "shown", { name: nameOf(roi) }));
      }),
      up: iconButton("up", "", () => act.reorder(key, place() - 1)),
      down: iconButton("down", "", () => act.reorder(key, place() + 1)),
      grip: h("span", { class: "ed-grip", "aria-hidden": "true" }, icon("grip")),
    };
    parts.choose = h("button", { type: "button", class: "ed-choose", onclick: (event) => this.#choose(key, event) }, parts.swatch, h("span", { class: "ed-list-text" }, parts.name, parts.meta));
    const acts = ui.readonly ? [parts.show] : [parts.show, parts.up, parts.down];
    parts.row = h("li", { class: "ed-list-row" }, ui.readonly ? null : parts.grip, parts.choose, ...acts);
    if (!ui.readonly) parts.grip.addEventListener("pointerdown", (event) => this.#drag(event, key, parts.row));
    return parts;
  }

  #fill(parts, roi, { i, last, selected, hidden }) {
    const { ui } = this.editor;
    const wrong = problemsOf(roi);
    const fault = wrong.length ? problemText(wrong[0]) : ((ui.errors.get(roi.key) ?? [])[0]?.message ?? "");
    const binds = (roi.binds ?? []).length;
    const name = nameOf(roi);
    setAttribute(parts.row, "data-color", roi.color ?? 0);
    parts.row.classList.toggle("ed-selected", selected);
    parts.row.classList.toggle("ed-dim", hidden || !roi.enabled);
    parts.meta.classList.toggle("ed-bad", fault !== "");
    setText(parts.name, name);
    setText(parts.meta, fault || [say(roi.roi_type), roi.mask ? say("mask") : count("rules", binds), roi.enabled ? "" : say("switched_off")].filter(Boolean).join(" · "));
    setAttribute(parts.choose, "aria-pressed", selected);
    for (const [node, key] of [[parts.show, hidden ? "show" : "hide"], [parts.up, "move_up"], [parts.down, "move_down"]]) {
      setAttribute(node, "aria-label", say(key, { name }));
      setAttribute(node, "title", say(key, { name }));
    }
    parts.show.querySelector("use").setAttribute("href", hidden ? "#ed-icon-eye-off" : "#ed-icon-eye");
    // Not `disabled`: the button keeps the focus at the end of the list.
    setAttribute(parts.up, "aria-disabled", i === 0 ? "true" : null);
    setAttribute(parts.down, "aria-disabled", i === last ? "true" : null);
  }

  #choose(key, event) {
    const { model, stage, drawing, ui } = this.editor;
    drawing.cancel();
    const { keys } = model.state.selection;
    const adding = ui.several || event.shiftKey || event.ctrlKey || event.metaKey;
    if (adding) model.select(keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key]);
    else model.select([key]);
    const roi = model.state.rois.find((one) => one.key === key);
    if (!stage.view.fitted && roi.coordinates[0].every(Number.isFinite)) stage.reveal(roi.coordinates[0]);
  }

  // Rows are measured once, when the drag begins; a line shows where the row would go.
  #drag(event, key, row) {
    if (event.button !== 0) return;
    event.preventDefault();
    const { grip } = this.#rows.get(key);
    const rows = [...this.list.children];
    const middles = rows.map((one) => { const { top, height } = one.getBoundingClientRect(); return top + height / 2; });
    const from = rows.indexOf(row);
    let to = from;
    grip.setPointerCapture(event.pointerId);
    row.classList.add("ed-lifted");
    const move = ({ clientY }) => {
      const before = middles.filter((middle, i) => i !== from && middle < clientY).length;
      to = before;
      rows.forEach((one) => one.removeAttribute("data-drop"));
      const others = rows.filter((one) => one !== row);
      if (to !== from) (others[to] ?? others.at(-1)).setAttribute("data-drop", to < others.length ? "before" : "after");
    };
    const end = (done) => {
      grip.removeEventListener("pointermove", move);
      row.classList.remove("ed-lifted");
      rows.forEach((one) => one.removeAttribute("data-drop"));
      if (done && to !== from) this.editor.act.reorder(key, to);
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", () => end(true), { once: true });
    grip.addEventListener("pointercancel", () => end(false), { once: true });
  }
}
