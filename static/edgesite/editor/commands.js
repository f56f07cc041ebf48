// What can be done to the regions: pure functions from one state to the next. A state is
// {rois: [roi], selection: {keys: [key], points: [handle index of the only selected region]}}; nothing in it is changed.

import { handles, withHandle } from "./geometry.js";

const DIGITS = 1e5; // a hundredth of a pixel of full HD

const round = (value) => Math.round(value * DIGITS) / DIGITS;
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
export const inPicture = ([x, y]) => [round(clamp(x, 0, 1)), round(clamp(y, 0, 1))];

export const find = (state, key) => state.rois.find((roi) => roi.key === key);
export const selected = (state) => state.selection.keys.map((key) => find(state, key)).filter(Boolean);
export const only = (state) => (state.selection.keys.length === 1 ? find(state, state.selection.keys[0]) ?? null : null);

export const select = (state, keys, points = []) => ({ ...state, selection: { keys, points } });

function change(state, key, changed) {
  return { ...state, rois: state.rois.map((roi) => (roi.key === key ? { ...roi, ...changed(roi) } : roi)) };
}

export const setField = (state, key, name, value) => change(state, key, () => ({ [name]: value }));
export const setCoordinates = (state, key, coordinates) => change(state, key, () => ({ coordinates }));
export const setBinds = (state, key, binds) => change(state, key, () => ({ binds }));

export function addRoi(state, roi) {
  return select({ ...state, rois: [...state.rois, roi] }, [roi.key]);
}

export function removeRois(state, keys) {
  const first = state.rois.findIndex((roi) => keys.includes(roi.key));
  const rois = state.rois.filter((roi) => !keys.includes(roi.key));
  const next = rois[Math.min(first, rois.length - 1)];
  return select({ ...state, rois }, next ? [next.key] : []);
}

// Moves handles of one region by a common shift, of which as much is used as keeps them in the picture.
export function moveHandles(state, key, indexes, [dx, dy]) {
  const roi = find(state, key);
  const points = handles(roi);
  const [mx, my] = roomFor(indexes.map((index) => points[index]), dx, dy);
  let moved = roi;
  for (const index of indexes) {
    const [x, y] = points[index];
    moved = { ...moved, coordinates: withHandle(moved, index, [round(x + mx), round(y + my)]) };
  }
  return setCoordinates(state, key, moved.coordinates);
}

export const placeHandle = (state, key, index, point) => setCoordinates(state, key, withHandle(find(state, key), index, inPicture(point)));

export function moveRois(state, keys, [dx, dy]) {
  const chosen = state.rois.filter((roi) => keys.includes(roi.key));
  const [mx, my] = roomFor(chosen.flatMap((roi) => roi.coordinates), dx, dy);
  const shift = (roi) => ({ ...roi, coordinates: roi.coordinates.map(([x, y]) => [round(x + mx), round(y + my)]) });
  return { ...state, rois: state.rois.map((roi) => (keys.includes(roi.key) ? shift(roi) : roi)) };
}

// A point that is outside already does not hold the others back.
function roomFor(points, dx, dy) {
  const along = (axis, by) => {
    const values = points.map((point) => point[axis]).filter((value) => value >= 0 && value <= 1);
    return values.length ? clamp(by, -Math.min(...values), 1 - Math.max(...values)) : by;
  };
  return [along(0, dx), along(1, dy)];
}

export const takesPoints = (roi) => roi.roi_type === "polygon";

// A new point after the one at `index`; it becomes the selected one.
export function insertPoint(state, key, index, point) {
  const roi = find(state, key);
  if (!takesPoints(roi)) return state;
  const coordinates = roi.coordinates.toSpliced(index + 1, 0, inPicture(point));
  return select(setCoordinates(state, key, coordinates), [key], [index + 1]);
}

export function removePoints(state, key, indexes) {
  const roi = find(state, key);
  if (!takesPoints(roi) || roi.coordinates.length - indexes.length < 3) return state;
  const coordinates = roi.coordinates.filter((_, index) => !indexes.includes(index));
  return select(setCoordinates(state, key, coordinates), [key], [Math.min(...indexes, coordinates.length - 1)]);
}

// The other side of a line becomes A.
export const swapEnds = (state, key) => setCoordinates(state, key, find(state, key).coordinates.toReversed());

// Any quadrilateral or rectangle with its corners as points of a polygon.
export function toPolygon(state, key) {
  return change(state, key, (roi) => ({ roi_type: "polygon", coordinates: [...handles(roi)] }));
}

const COPY_SHIFT = 0.02;

export function duplicate(state, keys, newKey, copyName) {
  let rois = state.rois;
  const copies = [];
  for (const roi of state.rois.filter((one) => keys.includes(one.key))) {
    const copy = { ...roi, key: newKey(), roi_id: null, name: copyName(roi), binds: (roi.binds ?? []).map((bind) => ({ ...bind, bind_id: null })) };
    rois = rois.toSpliced(rois.findIndex((one) => one.key === roi.key) + 1, 0, copy);
    copies.push(copy.key);
  }
  const moved = moveRois({ ...state, rois }, copies, [COPY_SHIFT, COPY_SHIFT]);
  return select(withPriorities(moved, state.rois), copies);
}

export function reorder(state, key, to) {
  const from = state.rois.findIndex((roi) => roi.key === key);
  const place = clamp(to, 0, state.rois.length - 1);
  if (from === place || from < 0) return state;
  const rois = state.rois.toSpliced(from, 1).toSpliced(place, 0, state.rois[from]);
  return withPriorities({ ...state, rois }, state.rois);
}

// Priorities that say the order of the list. Numbers that differ already are only dealt out anew; only equal ones change.
function withPriorities(state, before) {
  const numbers = before.map((roi) => roi.priority).sort((a, b) => b - a);
  const distinct = new Set(numbers).size === state.rois.length && before.length === state.rois.length;
  const n = state.rois.length;
  const rois = state.rois.map((roi, index) => {
    const priority = distinct ? numbers[index] : n - 1 - index;
    return roi.priority === priority ? roi : { ...roi, priority };
  });
  return { ...state, rois };
}

// The colour that is used least, first in the set.
export function freeColor(state, colors = 8) {
  const uses = Array.from({ length: colors }, (_, color) => state.rois.filter((roi) => roi.color === color).length);
  return uses.indexOf(Math.min(...uses));
}

