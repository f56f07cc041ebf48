// Shapes: what is wrong with one, where its handles are, what lies under a point. Pure; the server has the last word
// (cameras/core/geometry.py), with the same limits. Points are [x, y]; `problems` takes shares of the picture, the
// rest any unit that is the same in both directions.

export const MAX_POINTS = 200;
export const MIN_AREA = 1e-6;
export const MIN_LENGTH = 1e-4;

export const isFinitePoint = ([x, y]) => Number.isFinite(x) && Number.isFinite(y);
export const isPoint = (a, b) => a[0] === b[0] && a[1] === b[1];
export const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const cross = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

// Everything that is wrong, worst first: `{code, point?, axis?, at?, n?}`, `point` counted from 0; empty when it is fine.
export function problems(type, points) {
  const wrong = points.flatMap(pointProblems);
  if (wrong.length) return wrong;
  if (points.length > MAX_POINTS) return [{ code: "many_points", n: MAX_POINTS }];
  const ring = withoutRepeats(points);
  if (type === "line") return lineProblems(ring);
  if (type === "rectangle" && ring.length === 2) {
    const [[x1, y1], [x2, y2]] = ring;
    return Math.abs(x2 - x1) * Math.abs(y2 - y1) < MIN_AREA ? [{ code: "no_area" }] : [];
  }
  if (type === "rectangle" && ring.length !== 4) return [{ code: "corners", n: ring.length }];
  if (ring.length < 3) return [{ code: "few_points", n: ring.length }];
  const crossing = ringCrossing(ring);
  if (crossing) return [crossing];
  return Math.abs(area(ring)) < MIN_AREA ? [{ code: "no_area" }] : [];
}

const known = new WeakMap();

// The problems of a region, remembered as long as it is the same (immutable) object.
export function problemsOf(roi) {
  if (!known.has(roi)) known.set(roi, problems(roi.roi_type, roi.coordinates));
  return known.get(roi);
}

function pointProblems(point, index) {
  for (const [axis, value] of [["x", point[0]], ["y", point[1]]]) {
    if (!Number.isFinite(value)) return [{ code: "not_a_number", point: index, axis }];
    if (value < 0 || value > 1) return [{ code: "outside", point: index, axis, at: point }];
  }
  return [];
}

function lineProblems(ring) {
  if (ring.length !== 2) return [{ code: "line_points", n: ring.length }];
  return distance(ring[0], ring[1]) < MIN_LENGTH ? [{ code: "short_line" }] : [];
}

export function withoutRepeats(points) {
  const kept = points.filter((point, index) => index === 0 || !isPoint(point, points[index - 1]));
  while (kept.length > 1 && isPoint(kept[0], kept.at(-1))) kept.pop();
  return kept;
}

// Shoelace formula; the sign tells the direction of drawing.
export function area(ring) {
  let twice = 0;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) twice += ring[j][0] * ring[i][1] - ring[i][0] * ring[j][1];
  return twice / 2;
}

// Where a closed ring first crosses or touches itself.
export function ringCrossing(ring) {
  const n = ring.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const a = ring[i], b = ring[(i + 1) % n], c = ring[j], d = ring[(j + 1) % n];
      let found = null;
      if (j === i + 1) found = spike(a, b, d);
      else if (i === 0 && j === n - 1) found = spike(c, a, b);
      else found = meeting(a, b, c, d);
      if (found) return found;
    }
  }
  return null;
}

// Two edges that share `middle` lie on each other.
function spike(before, middle, after) {
  const forward = (before[0] - middle[0]) * (after[0] - middle[0]) + (before[1] - middle[1]) * (after[1] - middle[1]);
  return cross(before, middle, after) === 0 && forward > 0 ? { code: "touches", at: middle } : null;
}

export function meeting(a, b, c, d) {
  const c1 = cross(a, b, c), d1 = cross(a, b, d), a1 = cross(c, d, a), b1 = cross(c, d, b);
  if (c1 * d1 < 0 && a1 * b1 < 0) {
    const t = a1 / (a1 - b1);
    return { code: "crosses", at: [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])] };
  }
  const on = [[c1, c, a, b], [d1, d, a, b], [a1, a, c, d], [b1, b, c, d]].find(([side, p, s, e]) => side === 0 && within(p, s, e));
  return on ? { code: "touches", at: on[1] } : null;
}

const within = (p, a, b) =>
  Math.min(a[0], b[0]) <= p[0] && p[0] <= Math.max(a[0], b[0]) && Math.min(a[1], b[1]) <= p[1] && p[1] <= Math.max(a[1], b[1]);

// An open chain while it is drawn: does its last edge meet an earlier one?
export function lastEdgeCrossing(chain) {
  const n = chain.length;
  for (let i = 0; i + 3 < n; i++) {
    const found = meeting(chain[i], chain[i + 1], chain[n - 2], chain[n - 1]);
    if (found) return found;
  }
  return n > 2 ? spike(chain[n - 3], chain[n - 2], chain[n - 1]) : null;
}

// Handles: a rectangle stored as two corners is taken hold of at all four.

export const isTwoCorners = (roi) => roi.roi_type === "rectangle" && roi.coordinates.length === 2;

export function handles(roi) {
  if (!isTwoCorners(roi)) return roi.coordinates;
  const [[x1, y1], [x2, y2]] = roi.coordinates;
  return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
}

// The coordinates with one handle elsewhere.
export function withHandle(roi, index, [x, y]) {
  if (!isTwoCorners(roi)) return roi.coordinates.map((point, i) => (i === index ? [x, y] : point));
  const [[x1, y1], [x2, y2]] = roi.coordinates;
  const left = index === 0 || index === 3, top = index < 2;
  return [[left ? x : x1, top ? y : y1], [left ? x2 : x, top ? y2 : y]];
}

export function nearestOnSegment(p, a, b) {
  const ex = b[0] - a[0], ey = b[1] - a[1];
  const length2 = ex * ex + ey * ey;
  const t = length2 ? Math.min(Math.max(((p[0] - a[0]) * ex + (p[1] - a[1]) * ey) / length2, 0), 1) : 0;
  const at = [a[0] + t * ex, a[1] + t * ey];
  return { at, t, distance: distance(p, at) };
}

// The edges of an outline: [start, end, index of start].
export function edges(points, closed) {
  const found = points.slice(0, -1).map((point, i) => [point, points[i + 1], i]);
  if (closed && points.length > 2) found.push([points.at(-1), points[0], points.length - 1]);
  return found.filter(([a, b]) => isFinitePoint(a) && isFinitePoint(b));
}

// The nearest of the points within reach, or -1.
export function hitPoint(points, p, reach) {
  let best = -1, nearest = reach;
  points.forEach((point, index) => {
    const away = distance(point, p);
    if (away <= nearest) [best, nearest] = [index, away];
  });
  return best;
}

// The nearest edge within reach: {index, at, t, distance}, or null.
export function hitEdge(points, closed, p, reach) {
  let best = null;
  for (const [a, b, index] of edges(points, closed)) {
    const found = nearestOnSegment(p, a, b);
    if (found.distance <= (best?.distance ?? reach)) best = { index, ...found };
  }
  return best;
}

// Even-odd rule (M. Shimrat, "Algorithm 112: Position of point relative to polygon", CACM 5(8), 1962).
export function contains(ring, [x, y]) {
  let odd = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [ax, ay] = ring[i], [bx, by] = ring[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

export function box(points) {
  const xs = points.filter(isFinitePoint).map((p) => p[0]), ys = points.filter(isFinitePoint).map((p) => p[1]);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}
