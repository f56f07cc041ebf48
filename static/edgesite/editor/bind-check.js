// What an algorithm's settings may hold, by their JSON schema (cameras/core/parameter_form.py): read, written and checked.

import { say } from "./words.js";

// What somebody typed and is no value of its kind. It stays, to be corrected, and is never saved.
export class Unread {
  constructor(text) { this.text = text; }
  toJSON() { return { unread: this.text }; }
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const BETWEEN = /[,;，；、\n]/;

// `X or null` is an X that may be left empty.
export function plain(schema) {
  const others = schema.anyOf?.filter(({ type }) => type !== "null") ?? [];
  const one = others.length === 1 ? { ...others[0], ...schema, anyOf: undefined, nullable: others.length < schema.anyOf.length } : schema;
  return one.const === undefined ? one : { ...one, enum: [one.const] };
}

// "number", "switch", "choice", "text", "words", "steps", or "json" for everything else. schema: a plain one.
export function kindOf(schema) {
  if (schema.enum?.every((one) => typeof one === "string")) return "choice";
  if (schema.enum || schema.anyOf) return "json";
  if (schema.type === "array") return schema.items?.type === "string" ? "words" : schema.items?.properties?.roi_id ? "steps" : "json";
  return { number: "number", integer: "number", boolean: "switch", string: "text" }[schema.type] ?? "json";
}

// The value of a text; undefined for an empty one: then the default counts.
export function read(kind, text) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (kind === "number") {
    const number = trimmed.replace(",", ".");
    return NUMBER.test(number) && Number.isFinite(Number(number)) ? Number(number) : new Unread(text);
  }
  if (kind === "words") return trimmed.split(BETWEEN).map((word) => word.trim()).filter(Boolean);
  if (kind !== "json") return trimmed;
  try {
    return JSON.parse(trimmed);
  } catch {
    return new Unread(text);
  }
}

export function write(kind, value) {
  if (value === undefined || value === null) return "";
  if (value instanceof Unread) return value.text;
  if (kind === "words" && Array.isArray(value)) return value.join(", ");
  return typeof value === "object" || kind === "json" ? JSON.stringify(value, null, 1) : String(value);
}

// What is wrong with a value, in words; "" when nothing is. Steps: see stepProblems.
export function problemOf(schema, value, required) {
  const kind = kindOf(schema);
  if (value === undefined) return required ? say("value_needed") : "";
  if (value === null && schema.nullable) return "";
  if (value instanceof Unread) return say(kind === "number" ? "value_no_number" : "value_no_json");
  if (kind === "number") return numberProblem(schema, value);
  if (kind === "text") return textProblem(schema, value);
  if (kind === "words") return wordsProblem(schema, value);
  if (kind === "choice" && !schema.enum.includes(value)) return say("choice_needed");
  return "";
}

function numberProblem(schema, value) {
  if (typeof value !== "number") return say("value_no_number");
  if (schema.type === "integer" && !Number.isInteger(value)) return say("value_not_whole");
  const wrong = value < schema.minimum || value > schema.maximum || value <= schema.exclusiveMinimum || value >= schema.exclusiveMaximum;
  return wrong ? say("value_outside", { range: range(schema) }) : "";
}

function textProblem({ minLength, maxLength, pattern, pattern_text: allowed }, value) {
  if (typeof value !== "string" || value.length < minLength) return say("value_needed");
  if ([...value].length > maxLength) return say("value_long", { n: maxLength });
  return pattern && !new RegExp(pattern, "u").test(value) ? (allowed ?? say("value_form", { pattern })) : "";
}

function wordsProblem({ minItems, maxItems, items }, value) {
  if (!Array.isArray(value)) return say("value_needed");
  if (value.length < minItems) return say("value_needed");
  if (value.length > maxItems) return say("value_many", { n: maxItems });
  return value.map((word) => textProblem(items, word)).find(Boolean) ?? "";
}

// The numbers that are allowed, in words; "" when all are.
export function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  const least = minimum ?? exclusiveMinimum, most = maximum ?? exclusiveMaximum;
  const from = minimum === undefined ? "above" : "from", to = maximum === undefined ? "below" : "to";
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return say(`range_${from}`, { least });
  return say(least === undefined ? `range_${to}` : `range_${from}_${to}`, { least, most });
}

// areas: Map of roi_id → region, of the camera's polygons and rectangles. Answers [{path: "0.roi_id", text}].
export function stepProblems(schema, value, areas, required) {
  const rows = Array.isArray(value) ? value : [];
  if (!rows.length) return required ? [{ path: "", text: say("steps_needed") }] : [];
  const problems = rows.length > schema.maxItems ? [{ path: "", text: say("value_many", { n: schema.maxItems }) }] : [];
  rows.forEach((row, i) => {
    const id = row?.roi_id;
    if (!id) problems.push({ path: `${i}.roi_id`, text: say("step_choose") });
    else if (!areas.has(id)) problems.push({ path: `${i}.roi_id`, text: say("step_gone", { id }) });
    else if (rows.findIndex((other) => other?.roi_id === id) < i) problems.push({ path: `${i}.roi_id`, text: say("step_twice") });
    const text = problemOf(schema.items.properties.min_s ?? {}, row?.min_s, false);
    if (text) problems.push({ path: `${i}.min_s`, text });
  });
  return problems;
}

// Everything that is wrong with a binding's settings: [{path: "dwell_s" or "steps.0.roi_id", title, text}].
export function bindProblems(bind, algorithm, areas) {
  const { properties = {}, required = [] } = algorithm?.schema ?? {};
  return Object.entries(properties).flatMap(([name, given]) => {
    const schema = plain(given), value = bind.params[name], needed = required.includes(name);
    const found = kindOf(schema) === "steps" ? stepProblems(schema, value, areas, needed) : [{ path: "", text: problemOf(schema, value, needed) }];
    return found.filter(({ text }) => text).map(({ path, text }) => ({ path: path ? `${name}.${path}` : name, title: schema.title ?? name, text }));
  });
}
