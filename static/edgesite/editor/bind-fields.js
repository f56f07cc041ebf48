// One labelled field for one setting, made from its schema: label, unit, help, range, default, and what is wrong with it.
//
//   createField({id, name, schema, required, readonly, write(value)})   schema: a plain one; write(undefined): the default
//   → {element, update(value, faults)}     faults: texts of the server. Answers whether something is wrong.

import { kindOf, problemOf, range, read, write as written } from "./bind-check.js";
import { h, iconButton, setAttribute, setText } from "./dom.js";
import { say } from "./words.js";

export function choiceText(value) {
  const text = say(`choice_${value}`);
  return text === `choice_${value}` ? value.replaceAll("_", " ") : text;
}

const withUnit = (text, unit) => (unit ? `${text} ${unit}` : text);

function defaultText(schema) {
  const kind = kindOf(schema);
  if (schema.default === undefined) return "";
  if (kind === "choice") return choiceText(schema.default);
  if (kind === "switch") return say(schema.default ? "on" : "off");
  return written(kind, schema.default);
}

// "How long it must stay. 0 to 60 s."
function helpText(schema, kind) {
  const allowed = kind === "number" ? range(schema) : "";
  const sentences = [schema.description, allowed && say("range_allowed", { range: withUnit(allowed, schema.unit) }), kind === "words" ? say("words_how") : "", kind === "json" ? say("json_how") : ""];
  return sentences.filter(Boolean).join(" ");
}

// Control and its way in and out: {control, show(value), value()}.
function controlOf(kind, schema, attributes) {
  if (kind === "choice") {
    const options = schema.enum.map((one) => h("option", { value: one }, one === schema.default ? say("choice_default", { choice: choiceText(one) }) : choiceText(one)));
    const empty = schema.default === undefined || schema.default === null ? [h("option", { value: "" }, say(schema.nullable ? "choice_none" : "choice_needed"))] : [];
    const control = h("select", { class: "ed-input", ...attributes }, ...empty, ...options);
    return { control, show: (value) => { control.value = value ?? schema.default ?? ""; }, value: () => (control.value === "" || control.value === schema.default ? undefined : control.value) };
  }
  if (kind === "switch") {
    const control = h("input", { type: "checkbox", ...attributes });
    return { control, show: (value) => { control.checked = value ?? schema.default ?? false; }, value: () => (control.checked === (schema.default ?? false) ? undefined : control.checked) };
  }
  const look = { class: kind === "json" ? "ed-input ed-code" : "ed-input", placeholder: defaultText(schema) || null, autocomplete: "off", spellcheck: "false", ...attributes };
  const control = kind === "json" ? h("textarea", { rows: 3, ...look }) : h("input", { type: "text", inputmode: kind === "number" ? "decimal" : null, ...look });
  const show = (value) => {
    // What is being typed stays as it is typed.
    if (document.activeElement === control && JSON.stringify(read(kind, control.value)) === JSON.stringify(value)) return;
    const text = written(kind, value);
    if (control.value !== text) control.value = text;
  };
  return { control, show, value: () => read(kind, control.value) };
}

export function createField({ id, schema, name, required, readonly, write }) {
  const kind = kindOf(schema), title = schema.title ?? name, help = helpText(schema, kind);
  const describedby = [help && `${id}-help`, `${id}-problem`].filter(Boolean).join(" ");
  const { control, show, value } = controlOf(kind, schema, { id, disabled: readonly, "aria-describedby": describedby, "aria-required": required ? "true" : null });
  control.addEventListener(kind === "choice" || kind === "switch" ? "change" : "input", () => write(value()));
  const label = h("label", { class: "ed-label", for: id }, kind === "switch" ? control : null, title, schema.unit ? h("span", { class: "es-unseen" }, ` (${schema.unit})`) : null, required ? h("span", { class: "ed-needed" }, ` · ${say("needed")}`) : null);
  const back = iconButton("undo", say("to_default", { title, value: withUnit(defaultText(schema), schema.unit) || say("nothing") }), () => {
    write(undefined);
    control.focus();
  });
  const problem = h("p", { class: "ed-param-problem", id: `${id}-problem`, hidden: true });
  const unit = schema.unit ? h("span", { class: "ed-unit", "aria-hidden": "true" }, schema.unit) : null;
  const row = kind === "switch" ? [label, back] : [control, unit, back];
  const element = h("div", { class: `ed-param ed-param-${kind}` }, kind === "switch" ? null : label, h("div", { class: "ed-param-row" }, ...row), help ? h("p", { class: "ed-help", id: `${id}-help` }, help) : null, problem);
  const update = (given, faults) => {
    show(given);
    const text = problemOf(schema, given, required) || faults.join(" ");
    setText(problem, text);
    setAttribute(problem, "hidden", text === "");
    setAttribute(control, "aria-invalid", text ? "true" : null);
    setAttribute(back, "hidden", given === undefined || readonly);
    return text !== "";
  };
  return { element, update };
}
