// The week as a grid of half hours, a row for each day, and the bars that lie over it.

import { h, setAttribute } from "../editor/dom.js";
import { say } from "../editor/words.js";
import { at, bars, clock, DAY, hoursText, WEEK } from "./week.js";

export const SLOT = 30; // minutes of a cell: what the keys move by
const SLOTS = DAY / SLOT;

export const dayName = (day) => say(`day_${((day % 7) + 7) % 7}`);
export const placeText = (minute) => `${dayName(Math.floor(minute / DAY))} ${clock(((minute % DAY) + DAY) % DAY)}`;

// "Friday 22:00-06:00"; longer than a day, as a draft may be: "Friday 22:00 to Sunday 06:00".
export function rangeText({ from, to }) {
  if (to - from < DAY || (to - from === DAY && from % DAY === 0)) return `${dayName(Math.floor(from / DAY))} ${hoursText({ from, to })}`;
  return say("from_to", { from: placeText(from), to: placeText(to) });
}

export class Grid {
  #cells = [];
  #layers = [];
  #heads = [];

  constructor(element, plan) {
    this.element = element;
    this.plan = plan;
    this.cursor = 8 * 60; // the minute of the week where the keys are
    this.draft = null; // the stretch that is being drawn or moved: {from, to, range: the one that it replaces}
    this.now = null;
    this.element.append(this.#scale(), ...Array.from({ length: 7 }, (_, day) => this.#row(day)));
    plan.subscribe(() => this.draw());
    this.draw();
  }

  #scale() {
    const labels = Array.from({ length: 9 }, (_, n) => h("span", { class: "sk-hour" }, String(n * 3)));
    return h("div", { class: "sk-scale", "aria-hidden": "true" }, h("span"), h("div", { class: "sk-hours" }, ...labels));
  }

  #row(day) {
    const cells = Array.from({ length: SLOTS }, (_, slot) => h("div", { class: "sk-cell", role: "gridcell", tabindex: "-1", "data-minute": day * DAY + slot * SLOT }));
    const layer = h("div", { class: "sk-bars", "aria-hidden": "true" });
    const head = h("div", { class: "sk-day", role: "rowheader" }, h("span", { class: "sk-day-long" }, dayName(day)), h("span", { class: "sk-day-short", "aria-hidden": "true" }, say(`short_${day}`)));
    this.#cells.push(...cells);
    this.#layers.push(layer);
    this.#heads.push(head);
    return h("div", { class: "sk-row", role: "row" }, head, h("div", { class: "sk-track", role: "presentation", "data-day": day }, ...cells, layer));
  }

  get tracks() { return this.#layers.map((layer) => layer.parentElement); }
  cell(minute) { return this.#cells[Math.floor(minute / SLOT)]; }

  draw() {
    const { week, locked } = this.plan;
    setAttribute(this.element, "aria-busy", locked ? "true" : null);
    setAttribute(this.element, "aria-readonly", locked ? "true" : null);
    for (const cell of this.#cells) this.#label(cell, at(week, Number(cell.dataset.minute)) ?? at(week, Number(cell.dataset.minute) + SLOT - 1));
    const cursor = this.cell(this.cursor);
    for (const cell of this.#cells) setAttribute(cell, "tabindex", cell === cursor ? "0" : "-1");
    this.#heads.forEach((head, day) => head.classList.toggle("sk-here", Math.floor(this.cursor / DAY) === day));
    this.#drawBars();
  }

  #label(cell, range) {
    const place = placeText(Number(cell.dataset.minute));
    setAttribute(cell, "aria-selected", range ? "true" : "false");
    setAttribute(cell, "aria-label", range ? say("cell_active", { place, hours: rangeText(range) }) : say("cell_closed", { place }));
  }

  #drawBars() {
    const { week, selected } = this.plan;
    const shown = bars(this.draft ? week.filter((one) => one !== this.draft.range) : week);
    const drafts = this.draft ? bars(spans(this.draft)) : [];
    this.#layers.forEach((layer, day) => {
      const made = [
        ...shown[day].map((bar) => this.#bar(bar, bar.range === selected ? "sk-bar sk-chosen" : "sk-bar")),
        ...(drafts[day] ?? []).map((bar) => this.#bar(bar, "sk-bar sk-draft")),
      ];
      if (this.now?.day === day) made.push(place(h("i", { class: "sk-now" }), this.now.minute, this.now.minute));
      layer.replaceChildren(...made);
    });
  }

  #bar({ range, from, to, begins, ends }, name) {
    const label = begins ? hoursText(range) : say("until", { time: clock(to) });
    return place(h("div", { class: `${name}${begins ? " sk-begins" : ""}${ends ? " sk-ends" : ""}` }, h("span", {}, label)), from, to);
  }

  // Puts the keys' place on this minute; focus only when the person works with the keys.
  go(minute, { focus = false } = {}) {
    this.cursor = ((minute % WEEK) + WEEK) % WEEK;
    this.draw();
    if (focus) this.cell(this.cursor).focus();
  }

  showDraft(draft) {
    this.draft = draft;
    this.#drawBars();
  }

  showNow(now) {
    this.now = now;
    this.#drawBars();
  }
}

// A draft may be longer than a day: it is drawn over as many rows.
function spans({ from, to }) {
  const found = [];
  for (let start = from; start < to; start = Math.floor(start / DAY) * DAY + DAY) {
    const day = Math.floor(start / DAY) * DAY;
    found.push({ from: start % WEEK, to: (start % WEEK) + Math.min(to - start, day + DAY - start) });
  }
  return found;
}

function place(element, from, to) {
  element.style.left = `${(100 * from) / DAY}%`;
  element.style.width = `${(100 * (to - from)) / DAY}%`;
  return element;
}
