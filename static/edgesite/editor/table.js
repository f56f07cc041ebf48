// The selected region's points as numbers: the way without dragging, always in step with the picture.

import { only, setCoordinates, takesPoints } from "./commands.js";
import { problemsOf } from "./geometry.js";
import { byId, h, iconButton, setAttribute, setText } from "./dom.js";
import { nameOf, problemText, say, share } from "./words.js";

const STEP = 0.001;
const MOVING_MS = 100; // while something is dragged: as often as numbers can be read; laying out the table is dearer than the drag

export function readNumber(text) {
  const cleaned = text.trim().replace(",", ".");
  return cleaned === "" ? NaN : Number(cleaned);
}

export class Table {
  #rows = [];
  #shown = null; // the region that the rows show
  #chosen = null;
  #picture = null;
  #timer = 0;

  constructor(editor) {
    this.editor = editor;
    this.body = byId("editor-points");
    this.empty = byId("editor-points-empty");
    this.title = byId("editor-points-title");
    this.problem = byId("editor-points-problem");
    editor.model.subscribe((state, before, moving) => (moving ? this.#later() : this.draw()));
    editor.ui.subscribe((changed) => changed.includes("errors") && this.draw(true));
    editor.stage.subscribe(() => editor.stage.picture !== this.#picture && this.draw(true));
    this.#build(null, true);
    this.draw(true);
  }

  #later() {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.draw();
    }, MOVING_MS);
  }

  draw(everything = false) {
    const { model, ui, stage } = this.editor;
    const roi = only(model.state);
    const { points } = model.state.selection;
    if (!everything && roi && roi === this.#shown && points === this.#chosen) return;
    this.#picture = stage.picture;
    const rebuilt = !roi || roi.key !== this.#shown?.key || roi.coordinates.length !== this.#rows.length || roi.roi_type !== this.#shown?.roi_type;
    this.#shown = roi;
    this.#chosen = points;
    if (rebuilt) this.#build(roi, ui.readonly);
    if (!roi) return;
    const wrong = problemsOf(roi);
    const faults = (ui.errors.get(roi.key) ?? []).filter(({ field }) => field.startsWith("coordinates") || field === "roi_type");
    setText(this.title, say("points_of", { name: nameOf(roi) }));
    setText(this.problem, wrong.length ? problemText(wrong[0]) : faults.map(({ message }) => message).join(" "));
    setAttribute(this.problem, "hidden", !this.problem.textContent);
    roi.coordinates.forEach((point, i) => this.#fill(this.#rows[i], point, i, wrong, points.includes(i) && roi.coordinates.length > 2));
  }

  #build(roi, readonly) {
    setAttribute(this.body.closest("table"), "hidden", !roi);
    setAttribute(this.empty, "hidden", roi);
    setAttribute(this.problem, "hidden", true);
    if (!roi) setText(this.title, say("points_title"));
    const count = this.editor.model.state.selection.keys.length;
    if (!roi) setText(this.empty, count > 1 ? say("points_of_many", { n: count }) : say("points_of_none"));
    this.#rows = (roi?.coordinates ?? []).map((_, i) => this.#newRow(roi, i, readonly));
    this.body.replaceChildren(...this.#rows.map(({ row }) => row));
  }

  #newRow(roi, i, readonly) {
    const field = (axis, name) =>
      h("input", {
        type: "text", inputmode: "decimal", autocomplete: "off", class: "ed-number", readonly, "aria-label": say("point_axis", { n: i + 1, axis: name }),
        onchange: (event) => this.#set(i, axis, readNumber(event.target.value)), onkeydown: (event) => this.#step(event, i, axis),
        onfocus: () => this.#mark(i), "aria-describedby": "editor-points-problem",
      });
    const inputs = [field(0, "x"), field(1, "y")];
    const pixels = h("td", { class: "ed-pixels" });
    const acts = h("td", { class: "ed-row-acts" });
    if (takesPoints(roi) && !readonly) acts.append(...this.#buttons(i));
    const row = h("tr", {}, h("th", { scope: "row" }, this.#rowName(roi, i)), h("td", {}, inputs[0]), h("td", {}, inputs[1]), pixels, acts);
    return { row, inputs, pixels };
  }

  #rowName(roi, i) {
    if (roi.roi_type === "line") return say(i ? "line_end" : "line_start");
    return roi.roi_type === "rectangle" && roi.coordinates.length === 2 ? say("corner", { n: i + 1 }) : String(i + 1);
  }

  #buttons(i) {
    const { act, model } = this.editor;
    const key = () => model.state.selection.keys[0];
    return [
      iconButton("plus", say("insert_after", { n: i + 1 }), () => {
        const made = act.insertAfter(key(), i);
        if (made !== undefined) this.#rows[made].inputs[0].focus();
      }),
      iconButton("minus", say("delete_point", { n: i + 1 }), () => {
        act.removePoints(key(), [i]);
        this.#rows[Math.min(i, this.#rows.length - 1)].inputs[0].focus();
      }),
    ];
  }

  #fill({ row, inputs, pixels }, point, i, wrong, chosen) {
    const { width, height } = this.editor.stage.picture;
    row.classList.toggle("ed-chosen", chosen);
    point.forEach((value, axis) => {
      const input = inputs[axis];
      // What somebody typed and is no number stays, to be corrected.
      if (Number.isFinite(value) && (document.activeElement !== input || readNumber(input.value) !== value)) {
        const text = share(value);
        if (input.value !== text) input.value = text;
      }
      setAttribute(input, "aria-invalid", wrong.some((one) => one.point === i && one.axis === "xy"[axis]) ? "true" : null);
    });
    setText(pixels, point.every(Number.isFinite) ? `${Math.round(point[0] * width)}, ${Math.round(point[1] * height)}` : "");
  }

  #mark(i) {
    const { model, ui } = this.editor;
    const roi = only(model.state);
    if (roi && !ui.readonly && roi.coordinates.length > 2) model.select([roi.key], [i]);
  }

  #set(i, axis, value) {
    const { act, speak, model } = this.editor;
    const roi = only(model.state);
    if (!roi || Object.is(roi.coordinates[i][axis], value)) return;
    act.setCoordinates(roi.key, roi.coordinates.map((point, n) => (n === i ? point.with(axis, value) : point)));
    const wrong = problemsOf(only(model.state));
    speak(wrong.length ? problemText(wrong[0]) : say("point_at", { n: i + 1, x: share(only(model.state).coordinates[i][0]), y: share(only(model.state).coordinates[i][1]) }));
  }

  #step(event, i, axis) {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const { model, ui } = this.editor;
    if (!by || ui.readonly) return;
    event.preventDefault();
    const roi = only(model.state);
    const value = readNumber(event.target.value);
    if (!Number.isFinite(value)) return;
    const next = Math.round((value + by * STEP * (event.shiftKey ? 10 : 1)) * 1e5) / 1e5;
    const coordinates = roi.coordinates.map((point, n) => (n === i ? point.with(axis, next) : point));
    model.commit((state) => setCoordinates(state, roi.key, coordinates), { label: "numbers", merge: `step ${roi.key} ${i} ${axis}` });
  }
}
