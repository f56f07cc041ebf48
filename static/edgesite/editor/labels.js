// Keeps labels readable where objects stand close together: each one gives way to those placed before it. Pure, in pixels.

// wanted: {left, top, width, out} in any order; high: of each; size: {width, height} of the stage. Gives [left, top] of
// each: as wanted, else above what is in the way, else below it, on the stage. `out`: its object is not on the stage, nor is it.
export function apart(wanted, high, size) {
  const placed = [];
  const order = wanted.map((label, i) => i).sort((a, b) => wanted[b].top - wanted[a].top || a - b); // the lowest, which is nearest, first
  const found = new Array(wanted.length);
  for (const i of order) {
    const { width, out } = wanted[i];
    if (out) {
      found[i] = [wanted[i].left, wanted[i].top];
      continue;
    }
    const left = clamp(wanted[i].left, 0, size.width - width);
    const top = clamp(wanted[i].top, 0, size.height - high);
    const up = free(placed, { left, top, width }, high, -1);
    const place = { left, top: up >= 0 ? up : Math.min(free(placed, { left, top, width }, high, 1), Math.max(size.height - high, 0)), width };
    placed.push(place);
    found[i] = [place.left, place.top];
  }
  return found;
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), Math.max(most, least));

// The nearest free height from `top` on, upwards (-1) or downwards (1). Each step leaves one of the placed ones behind.
function free(placed, { left, top, width }, high, direction) {
  let at = top;
  for (let n = 0; n <= placed.length; n++) {
    const hit = placed.find((one) => left < one.left + one.width && one.left < left + width && Math.abs(at - one.top) < high);
    if (!hit) return at;
    at = hit.top + direction * high;
  }
  return at;
}
