// Two people changed the same camera: what both did is put together, region by region and field by field. Pure.
// All three lists hold regions with `key`; base is what both started from.

const FIELDS = { name: ["name"], shape: ["roi_type", "coordinates"], color: ["color"], enabled: ["enabled"], priority: ["priority"], mask: ["mask"], binds: ["binds"] };
const QUIET = new Set(["priority"]); // order is not worth a question: mine stays

const text = (roi, names) => JSON.stringify(names.map((name) => roi[name] ?? null));
const same = (a, b) => Object.values(FIELDS).every((names) => text(a, names) === text(b, names));
const byKey = (rois) => new Map(rois.map((roi) => [roi.key, roi]));

// {rois: mine where both differ, conflicts: [{key, kind, fields, mine, theirs}], taken: [{key, kind, roi}]}.
// kind of a conflict: "both" changed it, "gone" there but changed here, "removed" here but changed there.
export function merge(base, mine, theirs) {
  const from = byKey(base), here = byKey(mine), there = byKey(theirs);
  const result = { rois: [], conflicts: [], taken: [] };
  for (const roi of mine) mergeMine(roi, from.get(roi.key), there.get(roi.key), result);
  for (const roi of theirs) if (!here.has(roi.key)) mergeMissing(roi, from.get(roi.key), result);
  return result;
}

function mergeMine(mine, base, theirs, result) {
  if (!theirs) {
    if (base && same(base, mine)) result.taken.push({ key: mine.key, kind: "deleted", roi: mine });
    else {
      result.rois.push(mine);
      if (base) result.conflicts.push({ key: mine.key, kind: "gone", fields: [], mine, theirs: null });
    }
    return;
  }
  const merged = { ...mine };
  const fields = [];
  for (const [field, names] of Object.entries(FIELDS)) {
    const was = base ? text(base, names) : null, now = text(mine, names), other = text(theirs, names);
    if (other === now || other === was) continue;
    if (now === was) for (const name of names) merged[name] = theirs[name];
    else if (!QUIET.has(field)) fields.push(field);
  }
  result.rois.push(merged);
  if (fields.length) result.conflicts.push({ key: mine.key, kind: "both", fields, mine: merged, theirs });
  else if (!same(merged, mine)) result.taken.push({ key: mine.key, kind: "changed", roi: merged });
}

function mergeMissing(theirs, base, result) {
  if (!base) {
    result.rois.push(theirs);
    result.taken.push({ key: theirs.key, kind: "added", roi: theirs });
  } else if (!same(base, theirs)) {
    result.conflicts.push({ key: theirs.key, kind: "removed", fields: [], mine: null, theirs });
  }
}

// answers: key → "mine", "theirs" or "both". makeCopy(roi): mine as a region of its own.
export function resolve({ rois, conflicts }, answers, makeCopy) {
  let result = rois;
  for (const { key, kind, fields, mine, theirs } of conflicts) {
    const answer = answers.get(key) ?? "mine";
    if (answer === "mine") continue;
    if (kind === "gone") result = result.filter((roi) => roi.key !== key);
    else if (kind === "removed") result = [...result, theirs];
    else {
      const taken = { ...mine };
      for (const name of fields.flatMap((field) => FIELDS[field])) taken[name] = theirs[name];
      result = result.flatMap((roi) => (roi.key !== key ? [roi] : answer === "both" ? [taken, makeCopy(mine)] : [taken]));
    }
  }
  return result;
}
