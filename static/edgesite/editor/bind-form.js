// The form of one binding: its algorithm's settings, generated from their schema, then severity, schedule and switch.

import { kindOf, plain } from "./bind-check.js";
import { createField } from "./bind-fields.js";
import { createSteps } from "./bind-steps.js";
import { h, setAttribute, setText } from "./dom.js";
import { say } from "./words.js";

const SEVERITIES = ["info", "warning", "critical"];
// What one seldom touches stands folded below the rest; what an algorithm needs never does.
const FINE = new Set(["min_score", "exit_s", "anchor", "min_overlap", "margin", "pause_s", "back_s", "max_gap_s", "entry", "number", "looks_per_s", "views", "needed", "min_height", "crop"]);

// Settings that the algorithm does not know (any more) are shown as they are, to be taken out.
function settingsOf(bind, algorithm) {
  const { properties = {}, required = [] } = algorithm?.schema ?? {};
  const known = Object.entries(properties).map(([name, schema]) => ({ name, schema: plain(schema), required: required.includes(name) }));
  const strange = Object.keys(bind.params).filter((name) => !(name in properties)).map((name) => ({ name, schema: { title: name, description: say("unknown_setting") }, required: false }));
  return [...strange, ...known.filter((one) => one.required), ...known.filter((one) => !one.required)];
}

export class BindForm {
  // id: of the form. change(changed(bind), merge): a step of the history. areas(): see bind-steps.js.
  constructor({ id, bind, algorithm, schedules, readonly, change, areas }) {
    Object.assign(this, { id, algorithm, schedules, readonly, change, areas });
    this.general = h("p", { class: "ed-param-problem", id: `${id}-problem`, hidden: true });
    const settings = settingsOf(bind, algorithm);
    this.fields = new Map(settings.map((one) => [one.name, this.#setting(one)]));
    const [fine, plainOnes] = [true, false].map((wanted) => settings.filter(({ name, required }) => (FINE.has(name) && !required) === wanted).map(({ name }) => this.fields.get(name).element));
    this.fine = fine.length ? h("details", { class: "ed-fine" }, h("summary", {}, say("fine_settings")), ...fine) : null;
    this.fineNames = settings.filter(({ name, required }) => FINE.has(name) && !required).map(({ name }) => name);
    this.element = h("div", { class: "ed-bind-form", id, role: "group", "aria-label": algorithm?.label ?? bind.algo_code },
      algorithm ? h("p", { class: "ed-help" }, algorithm.sentence) : null, this.general,
      h("fieldset", { class: "ed-group" }, h("legend", {}, say("settings")), ...plainOnes, this.fine), this.#alert());
  }

  #setting({ name, schema, required }) {
    const write = (value) => this.change((bind) => ({ ...bind, params: withParam(bind.params, name, value) }), name);
    const options = { id: `${this.id}-${name}`, name, schema, required, readonly: this.readonly, write, areas: this.areas };
    return kindOf(schema) === "steps" ? createSteps(options) : createField(options);
  }

  #alert() {
    const { id, readonly } = this;
    const set = (name, value) => this.change((bind) => ({ ...bind, [name]: value }), "");
    this.severity = h("select", { class: "ed-input", id: `${id}-severity`, disabled: readonly, onchange: () => set("severity", this.severity.value) }, ...SEVERITIES.map((one) => h("option", { value: one }, say(`severity_${one}`))));
    this.schedule = h("select", { class: "ed-input", id: `${id}-schedule`, disabled: readonly, "aria-describedby": `${id}-schedule-problem`, onchange: () => set("schedule_id", this.schedule.value || null) });
    this.enabled = h("input", { type: "checkbox", id: `${id}-enabled`, disabled: readonly, onchange: () => set("enabled", this.enabled.checked) });
    this.page = h("a", { class: "ed-link", hidden: true }, say("schedule_open"));
    this.wrong = h("p", { class: "ed-param-problem", id: `${id}-schedule-problem`, hidden: true });
    const field = (label, control, ...more) => h("div", { class: "ed-param" }, h("label", { class: "ed-label", for: control.id }, label), control, ...more);
    return h("fieldset", { class: "ed-group" }, h("legend", {}, say("alert")), field(say("severity"), this.severity), field(say("schedule"), this.schedule, this.wrong, this.page),
      h("div", { class: "ed-param ed-param-switch" }, h("div", { class: "ed-param-row" }, h("label", { class: "ed-label", for: this.enabled.id }, this.enabled, say("switched_on")))));
  }

  // faults: [{path: "params.dwell_s", text}] of the server.
  update(bind, faults) {
    const rest = new Set(faults);
    for (const [name, field] of this.fields) {
      const mine = faults.filter(({ path }) => path === `params.${name}` || path.startsWith(`params.${name}.`));
      mine.forEach((one) => rest.delete(one));
      const wrong = field.update(bind.params[name], field.areas ? mine.map(({ path, text }) => ({ path: path.slice(`params.${name}.`.length), text })) : mine.map(({ text }) => text));
      if (wrong && this.fineNames.includes(name)) this.fine.open = true;
    }
    this.#updateAlert(bind, faults, rest);
    setText(this.general, [...rest].map(({ path, text }) => (path.startsWith("params.") ? `${path.slice(7)}: ${text}` : text)).join(" "));
    setAttribute(this.general, "hidden", rest.size === 0);
  }

  #updateAlert(bind, faults, rest) {
    this.severity.value = bind.severity;
    this.enabled.checked = bind.enabled;
    const known = this.schedules.some(({ schedule_id: id }) => id === bind.schedule_id);
    const strange = bind.schedule_id && !known ? [{ schedule_id: bind.schedule_id, name: bind.schedule_id }] : [];
    const options = [{ schedule_id: "", name: say("always") }, ...this.schedules, ...strange];
    if (this.schedule.options.length !== options.length) this.schedule.replaceChildren(...options.map(({ schedule_id: id, name }) => h("option", { value: id }, name)));
    this.schedule.value = bind.schedule_id ?? "";
    const wrong = faults.filter(({ path }) => path === "schedule_id");
    wrong.forEach((one) => rest.delete(one));
    setText(this.wrong, wrong.map(({ text }) => text).join(" "));
    setAttribute(this.wrong, "hidden", wrong.length === 0);
    setAttribute(this.schedule, "aria-invalid", wrong.length ? "true" : null);
    setAttribute(this.page, "href", this.schedules.find(({ schedule_id: id }) => id === bind.schedule_id)?.url);
    setAttribute(this.page, "hidden", !this.page.href);
  }

  focus() { this.element.querySelector("input, select, textarea, .ed-param button")?.focus(); }
}

function withParam(params, name, value) {
  const { [name]: _, ...rest } = params;
  if (value === undefined) return rest;
  return { ...params, [name]: value };
}
