// What buttons and keys do: one function each, with what is said about it.

import * as commands from "./commands.js";
import { handles, isFinitePoint } from "./geometry.js";
import { newKey } from "./model.js";
import { count, nameOf, say, share } from "./words.js";

const BEGIN = { polygon: [[0.4, 0.35], [0.6, 0.35], [0.6, 0.65], [0.4, 0.65]], rectangle: [[0.4, 0.35], [0.6, 0.65]], line: [[0.35, 0.5], [0.65, 0.5]] };

export function createActions(editor) {
  const { model, view, drawing, speak, stage } = editor;
  const chosen = () => commands.selected(model.state);
  const commit = (label, change, options = {}) => model.commit(change, { label, ...options });

  const after = (text) => {
    view.now();
    speak(text);
  };

  return {
    undo() {
      if (drawing.started) return drawing.back();
      const label = model.undo();
      return after(label ? say("undone", { what: say(`step_${label}`) }) : say("nothing_to_undo"));
    },
    redo() {
      if (drawing.active) return drawing.again();
      const label = model.redo();
      return after(label ? say("redone", { what: say(`step_${label}`) }) : say("nothing_to_redo"));
    },
    tool(type) {
      drawing.cancel();
      if (type !== "select") drawing.start(type);
    },
    // Without drawing: a shape in the middle, to be given its place by numbers or arrow keys.
    addByNumbers(type) {
      drawing.cancel();
      const key = drawing.create(type, BEGIN[type]);
      view.now();
      return key;
    },
    // The selected points, or else the regions; `whole`: the regions in any case.
    removeSelected({ whole = false } = {}) {
      const { keys, points } = model.state.selection;
      if (points.length && !whole) return this.removePoints(keys[0], points);
      if (!keys.length) return undefined;
      const text = keys.length === 1 ? say("deleted", { name: nameOf(chosen()[0]) }) : count("deleted", keys.length);
      commit("deleted", (state) => commands.removeRois(state, keys));
      return after(text);
    },
    removePoints(key, indexes) {
      const roi = commands.find(model.state, key);
      const before = model.state;
      if (!commands.takesPoints(roi)) return speak(say("keeps_points", { shape: say(roi.roi_type) }));
      commit("point_deleted", (state) => commands.removePoints(state, key, indexes));
      if (model.state.rois === before.rois) return speak(say("problem_few_points", { n: roi.coordinates.length - indexes.length }));
      after(count("points_deleted", indexes.length));
      return view.focus(view.handleNode(model.state.selection.points[0]));
    },
    insertAfter(key, index) {
      const roi = commands.find(model.state, key);
      if (!commands.takesPoints(roi)) return speak(say("keeps_points", { shape: say(roi.roi_type) }));
      const [a, b] = [roi.coordinates[index], roi.coordinates[(index + 1) % roi.coordinates.length]];
      if (![a, b].every(isFinitePoint)) return undefined;
      commit("point_added", (state) => commands.insertPoint(state, key, index, [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]));
      after(say("point_inserted", { n: index + 2 }));
      return index + 1;
    },
    // Moves by picture pixels: the selected points, or the selected regions.
    nudge(dx, dy, pixels) {
      const shift = [(dx * pixels) / stage.picture.width, (dy * pixels) / stage.picture.height];
      const { keys, points } = model.state.selection;
      if (!keys.length) return;
      if (points.length) {
        commit("point_moved", (state) => commands.moveHandles(state, keys[0], points, shift), { merge: `nudge ${keys[0]} ${points}` });
        const roi = commands.only(model.state);
        const [x, y] = handles(roi)[points[0]];
        stage.reveal([x, y]);
        after(say("point_at", { n: points[0] + 1, x: share(x), y: share(y) }));
      } else {
        commit("moved", (state) => commands.moveRois(state, keys, shift), { merge: `nudge ${keys}` });
        const [x, y] = chosen()[0].coordinates[0];
        after(say("moved_to", { name: nameOf(chosen()[0]), x: share(x), y: share(y) }));
      }
    },
    duplicate() {
      const { keys } = model.state.selection;
      if (!keys.length) return;
      commit("duplicated", (state) => commands.duplicate(state, keys, newKey, (roi) => say("copy_name", { name: nameOf(roi) })));
      after(count("duplicated", keys.length));
    },
    reorder(key, to) {
      commit("reordered", (state) => commands.reorder(state, key, to));
      const place = model.state.rois.findIndex((roi) => roi.key === key) + 1;
      after(say("reordered", { name: nameOf(commands.find(model.state, key)), n: place, all: model.state.rois.length }));
    },
    swap(key) {
      commit("swapped", (state) => commands.swapEnds(state, key));
      after(say("swapped"));
    },
    toPolygon(key) {
      commit("to_polygon", (state) => commands.toPolygon(state, key));
      after(say("is_polygon"));
    },
    setField(key, name, value, merge = "") {
      commit(`field_${name}`, (state) => commands.setField(state, key, name, value), { merge });
    },
    setCoordinates(key, coordinates) {
      commit("numbers", (state) => commands.setCoordinates(state, key, coordinates));
    },
    selectAll() {
      model.select(model.state.rois.filter((roi) => !editor.ui.hidden.has(roi.key)).map((roi) => roi.key));
      after(count("chosen", model.state.selection.keys.length));
    },
  };
}
