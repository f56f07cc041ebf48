// The dates that differ from the week: a row each, with a name and what holds that day.

import { speak } from "../editor/announce.js";
import { byId, h, setAttribute, setText } from "../editor/dom.js";
import { say } from "../editor/words.js";
import { dayName } from "./grid.js";
import { DAYS } from "./week.js";

const KINDS = ["closed", "like", "hours"];

export class Holidays {
  #rows = [];

  constructor(plan) {
    this.plan = plan;
    this.list = byId("sk-holidays");
    this.empty = byId("sk-holidays-empty");
    this.add = byId("sk-holiday-add");
    this.add.addEventListener("click", () => this.#add());
    plan.subscribe(() => this.draw());
    this.draw();
  }

  #add() {
    const { holidays } = this.plan;
    if (!this.plan.change({ holidays: [...holidays, { date: "", name: "", kind: "closed", like: "sun", hours: "" }] })) speak(say("locked"));
    else this.#rows.at(-1).date.focus();
  }

  #set(index, values, typing = "") {
    this.plan.change({ typing, holidays: this.plan.holidays.map((one, at) => (at === index ? { ...one, ...values } : one)) });
  }

  #remove(index) {
    const [gone] = this.plan.holidays.slice(index);
    this.plan.change({ holidays: this.plan.holidays.filter((_, at) => at !== index) });
    speak(say("holiday_removed", { date: gone.date || say("date_missing") }));
    (this.#rows[Math.min(index, this.#rows.length - 1)]?.remove ?? this.add).focus();
  }

  #row(index) {
    const change = (name) => (event) => this.#set(index, { [name]: event.target.value });
    const field = (tag, label, attributes, ...children) => h(tag, { class: "ed-input", "aria-label": say(label), ...attributes }, ...children);
    const row = {
      date: field("input", "holiday_date", { type: "date", onchange: change("date") }),
      name: field("input", "holiday_name", { type: "text", maxlength: 100, placeholder: say("holiday_name"), autocomplete: "off", oninput: (event) => this.#set(index, { name: event.target.value }, `name ${index}`) }),
      kind: field("select", "holiday_kind", { onchange: change("kind") }, ...KINDS.map((kind) => h("option", { value: kind }, say(`kind_${kind}`)))),
      like: field("select", "holiday_like", { onchange: change("like") }, ...DAYS.map((day, at) => h("option", { value: day }, dayName(at)))),
      hours: field("input", "holiday_hours", { type: "text", placeholder: "09:00-12:00", autocomplete: "off", onchange: change("hours") }),
      remove: h("button", { type: "button", class: "ed-button sk-quiet", onclick: () => this.#remove(index) }, say("remove")),
      problem: h("p", { class: "sk-problem", id: `sk-holiday-problem-${index}`, hidden: true }),
    };
    row.item = h("li", { class: "sk-holiday" }, row.date, row.name, row.kind, row.like, row.hours, row.remove, row.problem);
    return row;
  }

  draw() {
    const { holidays, locked } = this.plan;
    if (this.#rows.length !== holidays.length) {
      this.#rows = holidays.map((_, index) => this.#row(index));
      this.list.replaceChildren(...this.#rows.map(({ item }) => item));
    }
    holidays.forEach((one, index) => {
      const row = this.#rows[index];
      for (const name of ["date", "name", "kind", "like", "hours"]) {
        const typing = name === "hours" && row.hours === document.activeElement && !row.hours.hidden;
        if (!typing && row[name].value !== one[name]) row[name].value = one[name];
        row[name].disabled = locked;
      }
      row.remove.disabled = locked;
      row.like.hidden = one.kind !== "like";
      row.hours.hidden = one.kind !== "hours";
      setAttribute(row.remove, "aria-label", say("holiday_remove", { date: one.date || say("date_missing"), name: one.name }));
      if (one.date) this.#mark(row, "");
    });
    this.add.disabled = locked;
    this.empty.hidden = holidays.length > 0;
  }

  #mark(row, text) {
    setText(row.problem, text);
    row.problem.hidden = !text;
    for (const field of [row.date, row.hours]) {
      setAttribute(field, "aria-invalid", text ? "true" : null);
      setAttribute(field, "aria-describedby", text ? row.problem.id : null);
    }
  }

  // What the server says is wrong with the holiday of this index.
  blame(index, text) { this.#mark(this.#rows[index], text); }

  // A row without a date would be lost: true when there is none, else the first one is shown.
  complete() {
    const index = this.plan.holidays.findIndex(({ date }) => !date);
    if (index < 0) return true;
    this.blame(index, say("date_needed"));
    this.#rows[index].date.focus();
    return false;
  }
}
