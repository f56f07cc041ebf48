// The editor's one state, what was stored last, and the history. Everybody else listens.
//
//   model.onSelect((roi) => …)        the only selected region, or null, whenever that changes
//   model.setBinds(roiId, binds)      a region's bindings, as one step of the history; `merge` as in history.js

import * as commands from "./commands.js";
import { problemsOf } from "./geometry.js";
import { createHistory } from "./history.js";

let made = 0;
export const newKey = () => `new-${(made += 1)}`;

const STORED = ["name", "roi_type", "coordinates", "color", "enabled", "priority", "mask", "binds"];
const picture = (rois) => JSON.stringify(rois.map((roi) => [roi.key, ...STORED.map((name) => roi[name])]));
// Not what JSON makes of NaN (null): a region with it is never equal to a stored one, and never sent.

export class Model {
  #state = { rois: [], selection: { keys: [], points: [] } };
  #before = null; // while something is dragged: the state it began with
  #stored = [];
  #storedText = "[]";
  #history = createHistory();
  #listeners = [];
  #ids = new Map(); // key → roi_id as stored, for regions that were made here

  // rois: as the server gives them. Keeps the history: undo goes back over a save.
  load(rois, keys = new Map()) {
    const known = rois.map((roi) => this.#keyed(roi, keys.get(roi.roi_id)));
    this.#stored = known;
    this.#storedText = picture(known);
    return known;
  }

  #keyed(roi, key) {
    const own = key ?? [...this.#ids].find(([, id]) => id === roi.roi_id)?.[0] ?? roi.roi_id;
    if (own !== roi.roi_id) this.#ids.set(own, roi.roi_id);
    return { ...roi, key: own };
  }

  get state() { return this.#state; }
  get stored() { return this.#stored; }
  get dragging() { return this.#before !== null; }
  get history() { return this.#history; }
  get dirty() { return this.#state.rois !== this.#stored && picture(this.#state.rois) !== this.#storedText; }
  get changes() { return countChanges(this.#stored, this.#state.rois); }
  get problems() { return this.#state.rois.filter((roi) => problemsOf(roi).length); }

  // The stored region's ID; null for one that is not stored (made here, or deleted and brought back).
  idOf(roi) {
    return this.#stored.some((one) => one.key === roi.key) ? (this.#ids.get(roi.key) ?? roi.key) : null;
  }

  // The server's regions under the keys that they have here.
  keyed(rois) { return rois.map((roi) => this.#keyed(roi)); }

  subscribe(listener) { this.#listeners.push(listener); }

  // Not while something is dragged: once, at its end.
  onSelect(listener) {
    let told = commands.only(this.#state);
    this.subscribe((state, before, moving) => {
      const roi = commands.only(state);
      if (moving || roi === told) return;
      told = roi;
      listener(roi);
    });
    listener(told);
  }

  setBinds(roiId, binds, { merge = "" } = {}) {
    const roi = this.#state.rois.find((one) => one.key === roiId || this.idOf(one) === roiId);
    if (roi) this.commit((state) => commands.setBinds(state, roi.key, binds), { label: "binds", merge });
  }

  #show(state, moving = false) {
    const before = this.#state;
    if (state === before && !moving) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state, before, moving);
  }

  // One step of the history: `change` makes the next state from this one.
  commit(change, { label, merge = "", now = performance.now() }) {
    this.drop();
    const before = this.#state;
    const after = change(before);
    if (after.rois !== before.rois) this.#history.push(before, after, { label, merge, now });
    this.#show(after);
  }

  // While something is dragged: always from the state that the drag began with. `keep` makes it one step.
  preview(change) {
    this.#before ??= this.#state;
    this.#show(change(this.#before), true);
  }

  keep(label) {
    const before = this.#before;
    this.#before = null;
    if (!before) return;
    if (this.#state.rois !== before.rois && picture(this.#state.rois) !== picture(before.rois)) {
      this.#history.push(before, this.#state, { label });
      this.#show({ ...this.#state });
    } else {
      this.#show({ ...before, selection: this.#state.selection });
    }
  }

  drop() {
    const before = this.#before;
    this.#before = null;
    if (before) this.#show(before);
  }

  select(keys, points = []) {
    const { selection } = this.#state;
    if (String(selection.keys) === String(keys) && String(selection.points) === String(points)) return;
    this.#show(commands.select(this.#state, keys, points));
  }

  // Both give the label of what was undone or done again, or "".
  undo() { return this.#travel(this.#history.undo()); }
  redo() { return this.#travel(this.#history.redo()); }

  #travel(step) {
    if (!step) return "";
    this.drop();
    this.#show({ ...step.state });
    return step.label;
  }

  // What others did goes into every state of the history as well: undo takes back only what was done here.
  rebase(change) {
    this.drop();
    const known = new Map();
    const changed = (state) => {
      if (!known.has(state)) known.set(state, { rois: change(state.rois), selection: { keys: state.selection.keys, points: [] } });
      return known.get(state);
    };
    this.#history.rewrite(changed);
    this.#show(changed(this.#state));
  }

  // Another content without a step: what the server made of it.
  replace(rois) {
    const keys = new Set(rois.map((roi) => roi.key));
    const selection = { keys: this.#state.selection.keys.filter((key) => keys.has(key)), points: [] };
    this.#show({ rois, selection });
  }
}

function countChanges(stored, rois) {
  const before = new Map(stored.map((roi) => [roi.key, picture([roi])]));
  const now = new Set(rois.map((roi) => roi.key));
  const changed = rois.filter((roi) => before.get(roi.key) !== picture([roi])).length;
  return changed + stored.filter((roi) => !now.has(roi.key)).length;
}
