// What a rule's state is in words, as a chip. Pure: a state is detection/core/preview.py's StatePart.

import { say } from "./words.js";

const MARKS = {
  idle: ["off", "ring"], counting: ["busy", "half"], step: ["busy", "half"], cooling: ["off", "half"], raised: ["bad", "diamond"],
  open: ["bad", "diamond"], outside_schedule: ["off", "ring"], unknown: ["warn", "triangle"],
};
const COUNTED = ["a_to_b", "b_to_a", "persons", "visits", "washing", "complete", "present", "missing"];

const round = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(1));

// Whole seconds that are still to come: 0.2 s are one.
const left = (seconds) => Math.ceil(Math.max(seconds, 0));

export function progressText({ word, value, target, left_s: wait, unit = "s" }) {
  if (word === "counting" || word === "step") return say(`live_${word}${unit === "s" ? "" : "_number"}`, { value: unit === "s" ? value.toFixed(1) : round(value), target: round(target) });
  return say(`live_${word}`, { left: left(wait ?? 0) });
}

function whyText({ why, detail }) {
  return say(`live_${why || "unknown"}`, { detail });
}

function counts({ counts: given = {} }) {
  const shown = COUNTED.filter((name) => given[name] > 0);
  return shown.map((name) => say(`live_count_${name}`, { n: given[name] }));
}

// {tone, shape, text} of a rule.
export function stateMark(state) {
  const [tone, shape] = MARKS[state.word] ?? MARKS.unknown;
  const text = state.word === "unknown" ? whyText(state) : progressText(state);
  return { tone, shape, text: [text, ...counts(state)].join(" · ") };
}

// Which of several states of one object is shown at it: the one that is nearest to an alert.
const ORDER = ["raised", "counting", "cooling", "step"];
export function nearest(states) {
  const known = states.filter(({ word }) => ORDER.includes(word));
  return known.sort((a, b) => ORDER.indexOf(a.word) - ORDER.indexOf(b.word) || (a.target - a.value) - (b.target - b.value))[0] ?? null;
}
