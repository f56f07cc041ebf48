// The bindings of the selected region, which people read as its rules: list, add, order, delete, and a form for the open one.

import { pickAlgorithm } from "./algorithm-cards.js";
import { bindProblems, plain, kindOf, write as written } from "./bind-check.js";
import { BindForm } from "./bind-form.js";
import { only } from "./commands.js";
import { byId, h, icon, iconButton, setAttribute, setText } from "./dom.js";
import { nameOf, say } from "./words.js";

const MARKS = { info: ["busy", "ring"], warning: ["warn", "triangle"], critical: ["bad", "diamond"] };
const LIMIT = 1_000_000; // of a priority (cameras/core/document.py)
const PLACE = /^binds\.(\d+)(?:\.(.+))?$/;

// Texts that are equal when the values are, in whatever order their keys stand.
const canonical = (value) => JSON.stringify(value, (key, one) => (one && typeof one === "object" && !Array.isArray(one) && !one.toJSON ? Object.fromEntries(Object.entries(one).sort()) : one));

export class Binds {
  #rows = [];
  #open = -1;
  #key = null;
  #shape = null;

  constructor(editor, { algorithms, schedules }) {
    this.editor = editor;
    this.algorithms = algorithms;
    this.byCode = new Map(algorithms.map((one) => [one.code, one]));
    this.schedules = schedules;
    this.box = byId("editor-binds");
    this.title = byId("bindings-title");
    this.list = h("ol", { class: "ed-binds" });
    this.none = h("p", { class: "ed-quiet" });
    this.faults = h("p", { class: "ed-param-problem", hidden: true });
    this.adds = h("button", { type: "button", class: "ed-button ed-edits", id: "editor-bind-add", onclick: () => this.#add() }, say("bind_add"));
    this.box.replaceChildren(this.faults, this.list, this.none, this.adds);
    editor.model.subscribe((state, before, moving) => { if (!moving) this.draw(); });
    editor.ui.subscribe((changed) => {
      if (changed.includes("errors")) this.#openFaulty();
      this.draw();
    });
    this.draw();
  }

  get #roi() { return only(this.editor.model.state); }

  // Regions that a step can be done in. One that is not stored yet has no identifier to be named by.
  #areas(own) {
    const { model } = this.editor;
    const areas = model.state.rois.filter((roi) => roi.roi_type !== "line" && roi.key !== own);
    return new Map(areas.map((roi) => [model.idOf(roi) ?? roi.key, { name: nameOf(roi), saved: model.idOf(roi) !== null }]));
  }

  #problems(bind, areas) { return bindProblems(bind, this.byCode.get(bind.algo_code), areas); }

  // The first setting that cannot be saved: {roi, text}, or null.
  get firstProblem() {
    const areas = this.#areas(null);
    for (const roi of this.editor.model.state.rois) {
      for (const [index, bind] of (roi.binds ?? []).entries()) {
        const [found] = this.#problems(bind, areas);
        if (found) return { roi, index, text: `${this.#label(bind)}, ${found.title}: ${found.text}` };
      }
    }
    return null;
  }

  // Selects the region, opens the binding and goes to its first wrong field.
  show({ roi, index }) {
    this.editor.model.select([roi.key]);
    this.#open = index;
    this.draw();
    this.box.querySelector("[aria-invalid=true]")?.focus();
  }

  // Of the selected region, as the server complained: [{index, path, text}].
  #complaints(roi) {
    return (this.editor.ui.errors.get(roi.key) ?? []).filter(({ field }) => field.startsWith("binds")).map(({ field, message }) => {
      const [, index, path] = PLACE.exec(field) ?? [null, -1, ""];
      return { index: Number(index), path: path ?? "", text: message };
    });
  }

  #openFaulty() {
    const wrong = this.#roi ? this.#complaints(this.#roi).find(({ index }) => index >= 0) : undefined;
    if (wrong) this.#open = wrong.index;
  }

  #label({ algo_code: code }) { return this.byCode.get(code)?.label ?? code; }

  draw() {
    const roi = this.#roi, binds = roi?.binds ?? [], { ui } = this.editor;
    if (roi?.key !== this.#key) {
      this.#key = roi?.key;
      this.#open = -1;
      if (roi) this.#openFaulty();
    }
    const shape = JSON.stringify([roi?.key, ui.readonly, this.#open, binds.map(({ algo_code: code, params }) => [code, Object.keys(params).filter((name) => !(name in (this.byCode.get(code)?.schema.properties ?? {})))])]);
    if (shape !== this.#shape) this.#build(binds, ui.readonly);
    this.#shape = shape;
    setText(this.title, roi ? say("rules_of", { name: nameOf(roi) }) : say("rules"));
    setText(this.none, roi ? say("no_binds", { name: nameOf(roi) }) : say("binds_of_none"));
    setAttribute(this.none, "hidden", binds.length > 0);
    setAttribute(this.adds, "hidden", !roi || ui.readonly);
    const complaints = roi ? this.#complaints(roi) : [];
    const areas = this.#areas(null);
    const general = complaints.filter(({ index }) => index < 0 || index >= binds.length);
    setText(this.faults, general.map(({ text }) => text).join(" "));
    setAttribute(this.faults, "hidden", general.length === 0);
    binds.forEach((bind, i) => this.#fill(this.#rows[i], bind, { areas, i, last: binds.length - 1, complaints: complaints.filter(({ index }) => index === i) }));
    this.drawLive();
  }

  // What the rules do right now, while the camera is watched.
  drawLive() {
    const roi = this.#roi, { live } = this.editor;
    this.#rows.forEach(({ live: chip }, i) => {
      const told = roi && live?.told(roi, i);
      setAttribute(chip, "hidden", !told);
      if (!told) return;
      setAttribute(chip, "data-tone", told.tone);
      setAttribute(chip, "data-shape", told.shape);
      setText(chip, told.text);
    });
  }

  // Rows that are made anew give the focus back to the element of the same name.
  #build(binds, readonly) {
    const focused = this.box.contains(document.activeElement) ? document.activeElement.id : "";
    this.#rows = binds.map((bind, i) => this.#newRow(bind, i, readonly));
    this.list.replaceChildren(...this.#rows.map(({ element }) => element));
    if (focused && document.activeElement?.id !== focused) byId(focused)?.focus();
  }

  #newRow(bind, i, readonly) {
    const id = `editor-bind-${i}`, label = this.#label(bind), opened = this.#open === i;
    const row = { name: h("span", { class: "ed-list-name" }, label), chip: h("span", { class: "chip" }), meta: h("span", { class: "ed-list-meta" }), live: h("span", { class: "chip ed-bind-live", hidden: true }) };
    row.opener = h("button", { type: "button", class: "ed-choose", id, "aria-expanded": String(opened), "aria-controls": opened ? `${id}-form` : null, onclick: () => this.#toggle(i) },
      icon(opened ? "down" : "right"), h("span", { class: "ed-list-text" }, h("span", { class: "ed-bind-name" }, row.name, row.chip), row.meta, row.live));
    row.acts = readonly ? [] : [
      iconButton("up", say("move_up", { name: label }), () => this.#move(i, i - 1, "up"), { id: `${id}-up` }),
      iconButton("down", say("move_down", { name: label }), () => this.#move(i, i + 1, "down"), { id: `${id}-down` }),
      iconButton("bin", say("bind_delete", { name: label }), () => this.#remove(i), { id: `${id}-bin` }),
    ];
    if (opened) {
      row.form = new BindForm({
        id: `${id}-form`, bind, algorithm: this.byCode.get(bind.algo_code), schedules: this.schedules, readonly,
        change: (changed, merge) => this.#change(i, changed, merge), areas: () => this.#areas(this.#key),
      });
    }
    row.element = h("li", { class: "ed-bind" }, h("div", { class: "ed-bind-head" }, row.opener, ...row.acts), row.form?.element);
    return row;
  }

  #fill(row, bind, { areas, i, last, complaints }) {
    const [tone, shape] = MARKS[bind.severity] ?? MARKS.info;
    setAttribute(row.chip, "data-tone", tone);
    setAttribute(row.chip, "data-shape", shape);
    setText(row.chip, say(`severity_${bind.severity}`));
    const wrong = complaints[0]?.text ?? this.#problems(bind, areas)[0];
    const fault = typeof wrong === "string" || !wrong ? wrong : `${wrong.title}: ${wrong.text}`;
    setText(row.meta, fault || this.#summary(bind));
    row.meta.classList.toggle("ed-bad", Boolean(fault));
    if (row.acts.length) {
      for (const button of row.acts.slice(0, 2)) setAttribute(button, "hidden", last === 0);
      setAttribute(row.acts[0], "aria-disabled", i === 0 ? "true" : null);
      setAttribute(row.acts[1], "aria-disabled", i === last ? "true" : null);
    }
    row.form?.update(bind, complaints);
  }

  // "Dwell 2.5 s · Shift 1 · switched off": what is not as everywhere.
  #summary({ algo_code: code, params, schedule_id: schedule, enabled }) {
    const properties = this.byCode.get(code)?.schema.properties ?? {};
    const set = Object.entries(params).filter(([name]) => properties[name]).slice(0, 2).map(([name, value]) => {
      const one = plain(properties[name]), kind = kindOf(one);
      const text = kind === "steps" ? value.length : kind === "switch" ? say(value ? "on" : "off") : written(kind, value);
      return [one.title, text, one.unit].filter((part) => part !== undefined && part !== "").join(" ");
    });
    const named = schedule && (this.schedules.find(({ schedule_id: id }) => id === schedule)?.name ?? schedule);
    return [...(set.length ? set : [say("defaults")]), named, enabled ? "" : say("switched_off")].filter(Boolean).join(" · ");
  }

  #toggle(i) {
    this.#open = this.#open === i ? -1 : i;
    this.draw();
  }

  // One step of the history. What equals the stored bindings is them, so that nothing counts as changed.
  #set(binds, merge = "") {
    const { model } = this.editor, roi = this.#roi;
    const stored = model.stored.find((one) => one.key === roi.key)?.binds;
    model.setBinds(roi.key, stored && canonical(stored) === canonical(binds) ? stored : binds, { merge: merge && `binds ${roi.key} ${merge}` });
  }

  #change(i, changed, merge) {
    this.#set(this.#roi.binds.map((bind, n) => (n === i ? changed(bind) : bind)), merge && `${i} ${merge}`);
  }

  async #add() {
    const { speak } = this.editor, roi = this.#roi;
    const code = await pickAlgorithm(roi, this.algorithms);
    if (!code || this.#roi !== roi) return this.adds.focus();
    const binds = roi.binds ?? [];
    this.#open = binds.length;
    this.#set(ordered([...binds, { bind_id: null, algo_code: code, params: {}, severity: "warning", schedule_id: null, enabled: true, priority: (binds.at(-1)?.priority ?? 1) - 1 }]));
    this.#rows.at(-1).form.focus();
    return speak(say("bind_added", { name: this.byCode.get(code).label }));
  }

  #remove(i) {
    const name = this.#label(this.#roi.binds[i]);
    this.#open = this.#open === i ? -1 : this.#open - (this.#open > i ? 1 : 0);
    this.#set(this.#roi.binds.toSpliced(i, 1));
    (this.#rows[Math.min(i, this.#rows.length - 1)]?.opener ?? this.adds).focus();
    this.editor.speak(say("bind_deleted", { name }));
  }

  #move(i, to, button) {
    const { binds } = this.#roi;
    if (to < 0 || to >= binds.length) return;
    this.#open = this.#open === i ? to : this.#open === to ? i : this.#open;
    this.#set(ordered(binds.toSpliced(i, 1).toSpliced(to, 0, binds[i]), binds));
    byId(`editor-bind-${to}-${button}`)?.focus();
    this.editor.speak(say("reordered", { name: this.#label(binds[i]), n: to + 1, all: binds.length }));
  }
}

// Priorities that say the order of the list. Numbers that differ are only dealt out anew.
function ordered(binds, before = binds) {
  const numbers = before.map(({ priority }) => priority).sort((a, b) => b - a);
  const usable = new Set(numbers).size === binds.length && numbers.at(-1) >= -LIMIT;
  return binds.map((bind, i) => {
    const priority = usable ? numbers[i] : binds.length - 1 - i;
    return bind.priority === priority ? bind : { ...bind, priority };
  });
}
