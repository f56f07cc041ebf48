// A shape that is being drawn, by pointer or by keys: its points so far, undo inside it, its end.

import { addRoi, freeColor, inPicture } from "./commands.js";
import { isPoint, lastEdgeCrossing, problems } from "./geometry.js";
import { newKey } from "./model.js";
import { count, problemText, say, share } from "./words.js";

const ENOUGH = { rectangle: 2, line: 2 };

export class Drawing {
  #undone = [];

  // changed(): the draft looks different now. speak(text): says it.
  constructor({ model, ui, speak, changed }) {
    Object.assign(this, { model, ui, speak, changed });
    this.draft = null; // {type, points, hover}
  }

  get active() { return this.draft !== null; }
  get started() { return this.active && this.draft.points.length > 0; }

  start(type) {
    this.draft = { type, points: [], hover: null };
    this.#undone = [];
    this.ui.set({ tool: type });
    this.speak(say(`draw_${type}`));
    this.changed();
  }

  cancel() {
    if (!this.active) return;
    this.draft = null;
    this.ui.set({ tool: "select" });
    this.changed();
  }

  hover(point) {
    if (!this.active) return;
    this.draft = { ...this.draft, hover: point && inPicture(point) };
    this.changed();
  }

  add(point) {
    const placed = inPicture(point);
    const { type, points } = this.draft;
    if (points.length && isPoint(points.at(-1), placed)) return;
    this.draft = { ...this.draft, points: [...points, placed], hover: placed };
    this.#undone = [];
    this.speak(say("point_placed", { n: points.length + 1, x: share(placed[0]), y: share(placed[1]) }));
    if (points.length + 1 >= (ENOUGH[type] ?? Infinity)) this.finish();
    else this.changed();
  }

  // Takes the last point back; `again` places it once more.
  back() {
    const { points } = this.draft;
    if (!points.length) return this.cancel();
    this.#undone.push(points.at(-1));
    this.draft = { ...this.draft, points: points.slice(0, -1) };
    this.speak(count("points_left", points.length - 1));
    return this.changed();
  }

  again() {
    const point = this.#undone.pop();
    if (!point) return;
    this.draft = { ...this.draft, points: [...this.draft.points, point] };
    this.changed();
  }

  // What is wrong with what there is, while it is drawn: only what more points would not mend.
  get problem() {
    const { type, points, hover } = this.draft;
    if (type !== "polygon") return null;
    const chain = hover && points.length && !isPoint(points.at(-1), hover) ? [...points, hover] : points;
    for (let n = 4; n <= chain.length; n++) {
      const found = lastEdgeCrossing(chain.slice(0, n));
      if (found) return found;
    }
    return null;
  }

  // Becomes a region; a crossing one too, marked, because it can be mended by dragging. Gives its key, or "".
  finish() {
    if (!this.active) return "";
    const { type, points } = this.draft;
    const wrong = problems(type, points).find((one) => !["crosses", "touches"].includes(one.code));
    if (wrong) {
      if (ENOUGH[type] && points.length >= ENOUGH[type]) this.draft = { ...this.draft, points: points.slice(0, -1) };
      this.speak(problemText(wrong));
      this.changed();
      return "";
    }
    this.draft = null;
    this.ui.set({ tool: "select" });
    const key = this.create(type, points);
    this.changed();
    return key;
  }

  create(type, coordinates) {
    const key = newKey();
    const { state } = this.model;
    const names = new Set(state.rois.map((roi) => roi.name));
    let n = state.rois.length + 1;
    while (names.has(say("new_name", { n }))) n += 1;
    const roi = {
      key, roi_id: null, name: say("new_name", { n }), roi_type: type, coordinates, color: freeColor(state),
      enabled: true, mask: false, priority: Math.min(0, ...state.rois.map((one) => one.priority)), binds: [],
    };
    this.model.commit((now) => addRoi(now, roi), { label: "drawn" });
    this.speak(say("drawn", { name: roi.name }));
    return key;
  }
}
