// Beside the week: presets, undo, the chosen range in numbers, and what can be done with its day.

import { speak } from "../editor/announce.js";
import { byId, h, setAttribute, setText } from "../editor/dom.js";
import { say } from "../editor/words.js";
import { dayName, rangeText } from "./grid.js";
import { at, clearDay, copyDay, DAY, dayOf, hoursOf, minutesOf, pieces, PRESETS, replace, without } from "./week.js";

export class Panel {
  constructor(grid, plan) {
    Object.assign(this, { grid, plan });
    this.undo = byId("sk-undo");
    this.redo = byId("sk-redo");
    this.title = byId("sk-range-title");
    this.fields = byId("sk-range");
    this.from = byId("sk-from");
    this.to = byId("sk-to");
    this.problem = byId("sk-range-problem");
    this.days = byId("sk-copy-days");
    this.days.append(...Array.from({ length: 7 }, (_, day) => this.#box(day)));
    this.#listen();
    plan.subscribe(() => this.draw());
    this.draw();
  }

  #box(day) {
    return h("label", { class: "sk-box" }, h("input", { type: "checkbox", value: day }), h("span", { title: dayName(day) }, say(`short_${day}`)));
  }

  #listen() {
    for (const button of document.querySelectorAll("[data-preset]")) button.addEventListener("click", () => this.#preset(button));
    this.undo.addEventListener("click", () => speak(say(this.plan.undo() ? "undo_done" : "undo_none")));
    this.redo.addEventListener("click", () => speak(say(this.plan.redo() ? "redo_done" : "redo_none")));
    for (const field of [this.from, this.to]) {
      field.addEventListener("change", () => this.#times());
      field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // not the whole form
        this.#times();
      });
    }
    byId("sk-remove").addEventListener("click", () => this.#remove());
    byId("sk-clear-day").addEventListener("click", () => this.#change(clearDay(this.plan.week, this.day), say("day_cleared", { day: dayName(this.day) })));
    byId("sk-copy").addEventListener("click", () => this.#copy());
    for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => this.#tick(button.dataset.copy));
  }

  // The day that is worked on: that of the chosen range, or where the keys are.
  get day() { return this.plan.selected ? dayOf(this.plan.selected) : Math.floor(this.grid.cursor / DAY); }

  #change(week, told, selected = null) {
    speak(this.plan.change({ week, selected }) ? told : say("locked"));
  }

  #preset({ dataset, textContent }) {
    this.#change(PRESETS[dataset.preset](), say("preset_set", { name: textContent.trim() }));
  }

  #remove() {
    const { selected, week } = this.plan;
    if (selected) this.#change(without(week, selected), say("range_removed", { range: rangeText(selected) }));
    this.grid.cell(this.grid.cursor).focus();
  }

  #tick(which) {
    for (const box of this.days.querySelectorAll("input")) box.checked = Number(box.value) !== this.day && (which === "all" || Number(box.value) < 5);
  }

  #copy() {
    const boxes = [...this.days.querySelectorAll("input:checked")];
    const others = boxes.map((box) => Number(box.value)).filter((day) => day !== this.day);
    if (!others.length) {
      speak(say("copy_none"));
      return;
    }
    this.#change(copyDay(this.plan.week, this.day, others), say("day_copied", { day: dayName(this.day), days: others.map(dayName).join(", ") }), this.plan.selected);
    for (const box of boxes) box.checked = false;
  }

  #times() {
    const { selected, week } = this.plan;
    if (!selected) return;
    const [start, end] = [this.from, this.to].map((field) => minutesOf(field.value));
    const wrong = start === null || end === null || start === DAY ? "time_wrong" : start === end ? "time_same" : "";
    setText(this.problem, wrong && say(wrong));
    this.problem.hidden = !wrong;
    for (const field of [this.from, this.to]) setAttribute(field, "aria-invalid", wrong ? "true" : null);
    const midnight = dayOf(selected) * DAY;
    if (wrong || (midnight + start === selected.from && midnight + end + (end > start ? 0 : DAY) === selected.to)) return;
    const [range] = pieces(midnight + start, midnight + end + (end > start ? 0 : DAY));
    const changed = replace(week, selected, range.from, range.to);
    this.#change(changed, say("range_changed", { range: rangeText(range) }), at(changed, range.from));
  }

  draw() {
    const { selected, locked, canUndo, canRedo, week } = this.plan;
    this.undo.disabled = locked || !canUndo;
    this.redo.disabled = locked || !canRedo;
    for (const button of document.querySelectorAll("[data-preset], #sk-copy, #sk-clear-day, #sk-remove")) button.disabled = locked;
    this.fields.hidden = !selected;
    setText(this.title, selected ? rangeText(selected) : dayName(this.day));
    byId("sk-none").hidden = Boolean(selected);
    setText(byId("sk-none"), week.some((one) => dayOf(one) === this.day) ? say("choose_range") : say("day_closed"));
    for (const box of this.days.querySelectorAll("input")) box.disabled = Number(box.value) === this.day;
    if (!selected || selected === this.shown) return;
    this.shown = selected;
    this.problem.hidden = true;
    const { start, end } = hoursOf(selected);
    this.from.value = start;
    this.to.value = end;
  }
}
