// A procedure's steps as rows in their order: a region of this camera, and how long somebody must have been there.
//
//   createSteps({id, schema, required, readonly, write(value), areas()})   areas(): Map of roi_id → {name, saved}
//   → {element, update(value, faults)}     faults: [{path: "0.roi_id", text}] of the server. Answers whether something is wrong.

import { read, stepProblems, write as written } from "./bind-check.js";
import { byId, h, iconButton, setAttribute, setText } from "./dom.js";
import { say } from "./words.js";

class Steps {
  #rows = [];
  #value = [];

  constructor(options) {
    Object.assign(this, options);
    this.seconds = this.schema.items.properties.min_s ?? {};
    this.list = h("ol", { class: "ed-steps" });
    this.problem = h("p", { class: "ed-param-problem", id: `${this.id}-problem`, hidden: true });
    this.control = h("button", { type: "button", class: "ed-button", id: this.id, "aria-describedby": `${this.id}-problem`, onclick: () => this.#add() }, say("step_add"));
    const needed = this.required ? h("span", { class: "ed-needed" }, ` · ${say("needed")}`) : null;
    this.element = h("fieldset", { class: "ed-param ed-param-steps", "aria-describedby": `${this.id}-help` },
      h("legend", { class: "ed-label" }, this.schema.title, needed), h("p", { class: "ed-help", id: `${this.id}-help` }, say("steps_how")),
      this.list, this.problem, this.readonly ? null : this.control);
  }

  // The added row's choice has the focus, so that one goes on by keys.
  #add() {
    if (this.control.getAttribute("aria-disabled")) return;
    this.write([...this.#value, { roi_id: "" }]);
    byId(`${this.id}-${this.#value.length - 1}-roi`)?.focus();
  }

  #change(i, changed) {
    this.write(this.#value.map((row, n) => (n === i ? changed(row) : row)));
  }

  #move(i, to, button) {
    if (to < 0 || to >= this.#value.length) return;
    this.write(this.#value.toSpliced(i, 1).toSpliced(to, 0, this.#value[i]));
    byId(`${this.id}-${to}-${button}`)?.focus();
  }

  #remove(i) {
    const rest = this.#value.toSpliced(i, 1);
    this.write(rest.length ? rest : undefined);
    (byId(`${this.id}-${Math.min(i, rest.length - 1)}-roi`) ?? this.control).focus();
  }

  #newRow(i) {
    const at = `${this.id}-${i}`, n = i + 1;
    const roi = h("select", { class: "ed-input", id: `${at}-roi`, disabled: this.readonly, "aria-label": say("step_region", { n }), "aria-describedby": `${at}-problem`, onchange: () => this.#change(i, (row) => ({ ...row, roi_id: roi.value })) });
    const seconds = h("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", class: "ed-input", id: `${at}-s`, disabled: this.readonly, placeholder: this.seconds.default ?? null,
      "aria-label": say("step_seconds", { n }), "aria-describedby": `${at}-problem`, oninput: () => this.#change(i, ({ min_s: _, ...row }) => withSeconds(row, read("number", seconds.value))),
    });
    const problem = h("p", { class: "ed-param-problem", id: `${at}-problem`, hidden: true });
    const acts = this.readonly ? [] : [
      iconButton("up", say("step_up", { n }), () => this.#move(i, i - 1, "up"), { id: `${at}-up` }),
      iconButton("down", say("step_down", { n }), () => this.#move(i, i + 1, "down"), { id: `${at}-down` }),
      iconButton("bin", say("step_delete", { n }), () => this.#remove(i), { id: `${at}-bin` }),
    ];
    const wait = h("div", { class: "ed-step-wait" }, h("span", { class: "ed-quiet", "aria-hidden": "true" }, say("at_least")), seconds, h("span", { class: "ed-quiet", "aria-hidden": "true" }, "s"), h("span", { class: "ed-step-acts" }, ...acts));
    return { element: h("li", { class: "ed-step" }, roi, wait, problem), roi, seconds, problem, acts };
  }

  update(value, faults) {
    this.#value = Array.isArray(value) ? value : [];
    if (this.#rows.length !== this.#value.length) this.#build();
    const areas = this.areas();
    const found = [...stepProblems(this.schema, value, areas, this.required), ...faults];
    const about = (i) => found.filter(({ path }) => path === String(i) || path.startsWith(`${i}.`));
    this.#rows.forEach((row, i) => this.#fill(row, this.#value[i] ?? {}, about(i), areas, i));
    const general = found.filter(({ path }) => !/^\d/.test(path)).map(({ text }) => text)[0] ?? "";
    setText(this.problem, general);
    setAttribute(this.problem, "hidden", general === "");
    setAttribute(this.control, "aria-disabled", this.#value.length >= (this.schema.maxItems ?? Infinity) ? "true" : null);
    return found.length > 0;
  }

  #build() {
    this.#rows = this.#value.map((_, i) => this.#newRow(i));
    this.list.replaceChildren(...this.#rows.map(({ element }) => element));
  }

  #fill({ roi, seconds, problem, acts }, given, faults, areas, i) {
    const known = [...areas].map(([id, { name, saved }]) => h("option", { value: id, disabled: !saved }, saved ? name : say("step_unsaved", { name })));
    const other = areas.has(given.roi_id) ? [] : [h("option", { value: given.roi_id ?? "" }, given.roi_id || say("step_choose_one"))];
    const text = JSON.stringify([...areas, other.length && given.roi_id]);
    if (roi.dataset.shown !== text) roi.replaceChildren(...other, ...known);
    roi.dataset.shown = text;
    roi.value = given.roi_id ?? "";
    if (document.activeElement !== seconds || JSON.stringify(read("number", seconds.value)) !== JSON.stringify(given.min_s)) seconds.value = written("number", given.min_s);
    setAttribute(roi, "aria-invalid", faults.some(({ path }) => path.endsWith("roi_id")) ? "true" : null);
    setAttribute(seconds, "aria-invalid", faults.some(({ path }) => path.endsWith("min_s")) ? "true" : null);
    setText(problem, faults.map((one) => one.text).join(" "));
    setAttribute(problem, "hidden", faults.length === 0);
    if (!acts.length) return;
    setAttribute(acts[0], "aria-disabled", i === 0 ? "true" : null);
    setAttribute(acts[1], "aria-disabled", i === this.#value.length - 1 ? "true" : null);
  }
}

const withSeconds = (row, seconds) => (seconds === undefined ? row : { ...row, min_s: seconds });

export const createSteps = (options) => new Steps(options);
