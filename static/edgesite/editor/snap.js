// Where a dragged point lands: on a vertex, on an edge, or straight and at 45° from its neighbours. Pure, in pixels.

import { distance, nearestOnSegment } from "./geometry.js";

const DIAGONALS = [[1, 0], [0, 1], [Math.SQRT1_2, Math.SQRT1_2], [Math.SQRT1_2, -Math.SQRT1_2]];

// p: the pointer. targets: {points, segments} of what lies around. anchors: the neighbours of the dragged point.
// reach: how near counts. force: always at 45° from the first anchor (Shift). Gives {at, kind, guides: [[a, b], …]}.
export function snap(p, { points = [], segments = [] }, anchors, reach, force = false) {
  if (force && anchors.length) return { kind: "angle", ...straight(p, anchors[0]) };
  const vertex = nearest(points.filter((point) => near(p, point, point, reach)).map((point) => ({ at: point, distance: distance(point, p) })), reach);
  if (vertex) return { at: vertex.at, kind: "vertex", guides: [] };
  const rays = anchors.map((anchor) => straight(p, anchor)).filter((ray) => ray.distance <= reach);
  const both = rays.length > 1 ? corner(rays[0], rays[1], p, reach) : null;
  if (both) return both;
  const edge = nearest(segments.filter(([a, b]) => near(p, a, b, reach)).map(([a, b]) => nearestOnSegment(p, a, b)), reach);
  if (edge) return { at: edge.at, kind: "edge", guides: [] };
  const ray = nearest(rays, reach);
  return ray ? { at: ray.at, kind: "angle", guides: ray.guides } : { at: p, kind: "", guides: [] };
}

// Whether the box around a segment is within reach: of a thousand that lie elsewhere nothing more is calculated.
const near = ([x, y], a, b, reach) =>
  x >= Math.min(a[0], b[0]) - reach && x <= Math.max(a[0], b[0]) + reach && y >= Math.min(a[1], b[1]) - reach && y <= Math.max(a[1], b[1]) + reach;

function nearest(found, reach) {
  return found.reduce((best, one) => (one.distance <= (best?.distance ?? reach) ? one : best), null);
}

// The point on the anchor's best ray at a multiple of 45°.
function straight(p, anchor) {
  const dx = p[0] - anchor[0], dy = p[1] - anchor[1];
  let best = null;
  for (const [ux, uy] of DIAGONALS) {
    const along = dx * ux + dy * uy;
    const at = [anchor[0] + along * ux, anchor[1] + along * uy];
    const away = distance(at, p);
    if (!best || away < best.distance) best = { at, distance: away, anchor, direction: [ux, uy] };
  }
  return { ...best, guides: [[anchor, best.at]] };
}

// Where two rays cross, when that is near too: straight from both neighbours.
function corner(one, two, p, reach) {
  const [ax, ay] = one.direction, [bx, by] = two.direction;
  const turn = ax * by - ay * bx;
  if (Math.abs(turn) < 1e-9) return null;
  const dx = two.anchor[0] - one.anchor[0], dy = two.anchor[1] - one.anchor[1];
  const t = (dx * by - dy * bx) / turn;
  const at = [one.anchor[0] + t * ax, one.anchor[1] + t * ay];
  if (distance(at, p) > reach * 1.5) return null;
  return { at, kind: "angle", guides: [[one.anchor, at], [two.anchor, at]] };
}
