// Mouse, pen and finger on the week: draw on empty hours, move a range, pull its ends. Down to another row is over midnight.

import { speak } from "../editor/announce.js";
import { say } from "../editor/words.js";
import { rangeText } from "./grid.js";
import { add, at, DAY, replace, WEEK } from "./week.js";

const FINE = 15;
const COARSE = 30; // minutes that a drag snaps to, where a quarter of an hour is too narrow for it
const NARROW = 6; // pixels
const MOVED = 4;
const SLIP = 0.9; // of a row: less is a hand that slipped

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Pointer {
  #drag = null;

  constructor(grid, plan, { show }) {
    Object.assign(this, { grid, plan, show });
    const { element } = grid;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.#end());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#drag) return;
      event.preventDefault();
      this.#end();
    });
  }

  #down(event) {
    const track = event.target.closest?.(".sk-track");
    if (!track || event.button !== 0 || !event.isPrimary) return;
    if (this.plan.locked) {
      speak(say("locked"));
      return;
    }
    const rect = track.getBoundingClientRect();
    const step = rect.width / (DAY / FINE) >= NARROW ? FINE : COARSE;
    const row = Number(track.dataset.day);
    const minute = row * DAY + clamp(((event.clientX - rect.left) / rect.width) * DAY, 0, DAY - 1);
    const reach = ((event.pointerType === "touch" ? 14 : 8) / rect.width) * DAY;
    this.#drag = { rect, step, row, minute, x: event.clientX, y: event.clientY, moved: false, ...this.#grip(minute, reach) };
    this.grid.element.setPointerCapture(event.pointerId);
  }

  // What a pointer here takes hold of: {kind, range}.
  #grip(minute, reach) {
    const { week, selected } = this.plan;
    const near = (place, other) => Math.min(Math.abs(place - other), Math.abs(place + WEEK - other), Math.abs(place - WEEK - other)) <= reach;
    const range = at(week, minute) ?? week.find((one) => near(one.to, minute) || near(one.from, minute)) ?? null;
    if (!range) return { kind: "draw", range: null };
    // A short range would be all ends: it is moved, unless it was chosen before.
    if (range === selected || range.to - range.from > 4 * reach) {
      if (near(range.to, minute)) return { kind: "end", range };
      if (near(range.from, minute)) return { kind: "start", range };
    }
    return at(week, minute) === range ? { kind: "move", range } : { kind: "draw", range: null };
  }

  #at(event) {
    const { rect, row, step } = this.#drag;
    const rows = (event.clientY - (rect.top + rect.height / 2)) / this.#pitch();
    const shift = Math.abs(rows) < SLIP ? 0 : Math.round(rows);
    const minute = Math.round((clamp((event.clientX - rect.left) / rect.width, 0, 1) * DAY) / step) * step;
    return clamp(row + shift, 0, 7) * DAY + minute;
  }

  #pitch() {
    const [first, second] = this.grid.tracks;
    return second.getBoundingClientRect().top - first.getBoundingClientRect().top;
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    if (!drag.moved && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < MOVED) return;
    drag.moved = true;
    drag.draft = this.#draft(this.#at(event));
    this.grid.showDraft(drag.draft);
    this.show(drag.draft ? rangeText(drag.draft) : "");
  }

  #draft(place) {
    const { kind, range, minute, step } = this.#drag;
    if (kind === "draw") {
      const anchor = Math.round(minute / step) * step; // the line that is nearest
      return { from: Math.min(anchor, place), to: Math.max(anchor, place, Math.min(anchor, place) + step), range: null };
    }
    if (kind === "move") {
      const by = Math.round((place - minute) / step) * step;
      const from = (((range.from + by) % WEEK) + WEEK) % WEEK;
      return { from, to: from + range.to - range.from, range };
    }
    if (kind === "end") {
      const to = place <= range.from && range.to > WEEK ? place + WEEK : place;
      return { from: range.from, to: clamp(to, range.from + step, range.from + DAY - (range.from % DAY ? step : 0)), range };
    }
    const from = place >= range.to && range.to > WEEK ? place : place > range.to ? place - WEEK : place;
    return { from: clamp(from, Math.max(range.to - DAY + step, 0), range.to - step), to: range.to, range };
  }

  #up() {
    const { moved, draft, range, minute } = this.#drag ?? {};
    if (!this.#drag) return;
    this.#end();
    if (!moved || !draft) {
      this.grid.go(minute);
      this.plan.select(range);
      return;
    }
    const week = range ? replace(this.plan.week, range, draft.from, draft.to) : add(this.plan.week, draft.from, draft.to);
    this.grid.go(draft.from);
    this.plan.change({ week, selected: at(week, draft.from % WEEK) });
    speak(say(range ? "range_changed" : "range_added", { range: rangeText(draft) }));
  }

  #end() {
    this.#drag = null;
    this.grid.showDraft(null);
    this.show("");
  }
}
