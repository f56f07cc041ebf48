// What lies under a pointer, by arithmetic instead of by the browser's hit test: reach, and who comes first, are ours.

import { area, contains, edges, handles, hitEdge, hitPoint, isFinitePoint } from "./geometry.js";
import { only, takesPoints } from "./commands.js";
import { middles } from "./shape.js";

export const REACH = { mouse: 12, pen: 14, touch: 22 };

const onStage = (roi, stage) => handles(roi).map((point) => (isFinitePoint(point) ? stage.toScreen(point) : [NaN, NaN]));

// {kind: "handle" | "middle" | "shape" | "", key, index, click}: `click` is the region that a click without a drag means.
export function pick({ model: { state }, ui, stage }, p, reach) {
  const roi = only(state);
  if (roi && !ui.readonly && !ui.hidden.has(roi.key)) {
    const points = onStage(roi, stage);
    const index = hitPoint(points, p, reach);
    if (index >= 0) return { kind: "handle", key: roi.key, index };
    const between = takesPoints(roi) ? middles(points) : [];
    const middle = hitPoint(between.map(({ at }) => at), p, Math.min(reach, 14));
    if (middle >= 0) return { kind: "middle", key: roi.key, index: between[middle].index };
  }
  return pickShape({ state, ui, stage }, p, reach);
}

function pickShape({ state, ui, stage }, p, reach) {
  const found = [];
  for (const roi of state.rois) {
    if (ui.hidden.has(roi.key)) continue;
    const points = onStage(roi, stage).filter(([x]) => Number.isFinite(x));
    const closed = roi.roi_type !== "line";
    if ((closed && contains(points, p)) || hitEdge(points, closed, p, closed ? reach / 2 : reach)) {
      found.push({ key: roi.key, size: closed ? Math.abs(area(points)) : 0 });
    }
  }
  if (!found.length) return { kind: "" };
  const smallest = found.reduce((a, b) => (b.size < a.size ? b : a)).key;
  const chosen = found.find(({ key }) => state.selection.keys.includes(key))?.key;
  return { kind: "shape", key: chosen ?? smallest, click: smallest };
}

// The nearest edge of the only selected polygon: {key, index, at} for a new point there, or null.
export function pickEdge({ model, ui, stage }, p, reach) {
  const roi = only(model.state);
  if (!roi || ui.readonly || !takesPoints(roi)) return null;
  const found = hitEdge(onStage(roi, stage), true, p, reach);
  return found && { key: roi.key, index: found.index, at: stage.toShare(found.at) };
}

const FRAME = [[0, 0], [1, 0], [1, 1], [0, 1]];

// What a dragged point may snap to: the other shapes' points and edges, the picture's frame. `skip` keys move themselves;
// of `own` (roi) everything counts that does not hang on its handle `index`.
export function snapTargets({ model, state = model.state, ui, stage }, { skip = [], own = null, index = -1 } = {}) {
  const frame = FRAME.map(stage.toScreen);
  const points = [...frame], segments = edges(frame, true).map(([a, b]) => [a, b]);
  for (const roi of state.rois) {
    if (ui.hidden.has(roi.key) || skip.includes(roi.key) || roi.key === own?.key) continue;
    const outline = onStage(roi, stage);
    points.push(...outline.filter(isFinitePoint));
    for (const [a, b] of edges(outline, roi.roi_type !== "line")) segments.push([a, b]);
  }
  if (own && takesPoints(own)) points.push(...onStage(own, stage).filter((point, i) => i !== index && isFinitePoint(point) && !isNeighbour(own, i, index)));
  return { points, segments };
}

function isNeighbour(roi, i, index) {
  const n = roi.coordinates.length;
  return (i + 1) % n === index || (index + 1) % n === i;
}

// The neighbours that a dragged handle keeps straight lines to.
export function anchors(roi, index, stage) {
  const points = onStage(roi, stage);
  const n = points.length;
  const around = roi.roi_type === "line" ? [points[1 - index]] : [points[(index + n - 1) % n], points[(index + 1) % n]];
  return around.filter(isFinitePoint);
}
