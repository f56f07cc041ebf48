// What the editor says, in the person's language: the page's template holds the texts (regions_texts.html).

const texts = new Map();
for (const one of document.getElementById("editor-texts")?.content.querySelectorAll("data") ?? []) {
  texts.set(one.getAttribute("value"), one.textContent.trim());
}

export function say(key, values = {}) {
  return (texts.get(key) ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// "1 point", "4 points": the key's `_one` or `_many` text.
export const count = (key, n) => say(`${key}_${n === 1 ? "one" : "many"}`, { n });

const AGES = [["days_ago", 86400], ["hours_ago", 3600], ["minutes_ago", 60], ["seconds_ago", 1]];

export function ago(seconds) {
  const [key, length] = AGES.find(([, one]) => seconds >= Math.max(one, 3)) ?? ["just_now", 1];
  return say(key, { n: Math.floor(seconds / length) });
}

// A share of the picture as the table and the voice give it: four digits are a fifth of a pixel of full HD.
export const share = (value) => (Number.isFinite(value) ? String(Math.round(value * 1e4) / 1e4) : say("no_number"));

export const nameOf = (roi) => roi.name || roi.roi_id || say("unnamed");

export function problemText(problem) {
  const { code, point, axis, at, n } = problem;
  const place = at ? { x: share(at[0]), y: share(at[1]) } : {};
  return say(`problem_${code}`, { point: point === undefined ? "" : point + 1, axis: axis ?? "", n: n ?? "", ...place });
}
