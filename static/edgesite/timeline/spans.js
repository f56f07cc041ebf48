// Recorded spans, [[begin, end], …] in order, Unix seconds; and where a film's own time lies on the wall clock.

export function holds(spans, at) { return spans.some(([begin, end]) => begin <= at && at < end); }

// The next moment, from `at` on, of which something is recorded; null when there is none.
export function nextRecorded(spans, at) {
  const span = spans.find(([, end]) => end - at > 0.5);
  return span ? Math.max(at, span[0]) : null;
}

const missing = (extract) => extract.gaps.filter(([, end]) => end > extract.started_at + 0.001);

// Wall time of a moment of the film: it begins with its first picture, and leaves the gaps out.
export function wallOf(extract, media) {
  let wall = extract.started_at + media;
  for (const [begin, end] of missing(extract)) {
    if (begin > wall) break;
    wall += end - begin;
  }
  return wall;
}

export function mediaOf(extract, wall) {
  let media = wall - extract.started_at;
  for (const [begin, end] of missing(extract)) {
    if (begin >= wall) break;
    media -= Math.min(end, wall) - begin;
  }
  return Math.max(0, media);
}
