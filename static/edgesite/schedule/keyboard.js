// Keys on the week: arrows move, Space or Enter begins and ends a stretch, Shift with arrows too, Delete takes a range out.

import { speak } from "../editor/announce.js";
import { say } from "../editor/words.js";
import { placeText, rangeText, SLOT } from "./grid.js";
import { add, at, DAY, WEEK, without } from "./week.js";

const STEPS = { ArrowLeft: -SLOT, ArrowRight: SLOT, ArrowUp: -DAY, ArrowDown: DAY };

export class Keyboard {
  #anchor = null;
  #end = 0; // beyond Sunday a stretch goes on with Monday

  constructor(grid, plan, { show }) {
    Object.assign(this, { grid, plan, show });
    grid.element.addEventListener("keydown", (event) => this.#key(event));
    grid.element.addEventListener("focusout", (event) => {
      if (!grid.element.contains(event.relatedTarget)) this.#cancel();
    });
    grid.element.addEventListener("pointerdown", () => this.#cancel());
  }

  #key(event) {
    if (event.altKey) return;
    const undo = (event.ctrlKey || event.metaKey) && { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
    const act = undo ? () => this.#undo(undo) : event.ctrlKey || event.metaKey ? null : this.#action(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  #action({ key, shiftKey }) {
    const { cursor } = this.grid;
    if (key in STEPS) return () => this.#go(STEPS[key], shiftKey);
    if (key === "Home") return () => this.#go(-(cursor % DAY), shiftKey);
    if (key === "End") return () => this.#go(DAY - SLOT - (cursor % DAY), shiftKey);
    if (key === " " || key === "Enter") return () => (this.#anchor === null ? this.#begin() : this.#finish());
    if (key === "Delete" || key === "Backspace") return () => this.#remove();
    return key === "Escape" && this.#anchor !== null ? () => this.#cancel(true) : null;
  }

  #go(by, marking) {
    if (marking && this.#anchor === null && !this.#begin()) return;
    if (this.#anchor === null) {
      this.grid.go(this.grid.cursor + by, { focus: true });
      this.plan.select(at(this.plan.week, this.grid.cursor));
      return;
    }
    const end = this.#end + by;
    if (end < 0 || end >= WEEK + DAY || Math.abs(end - this.#anchor) >= WEEK) return;
    this.#end = end;
    this.grid.go(end, { focus: true });
    this.#show();
  }

  get #draft() {
    return { from: Math.min(this.#anchor, this.#end), to: Math.max(this.#anchor, this.#end) + SLOT, range: null };
  }

  #show() {
    const draft = this.#draft;
    this.grid.showDraft(draft);
    this.show(rangeText(draft));
    speak(rangeText(draft));
  }

  #begin() {
    if (this.plan.locked) {
      speak(say("locked"));
      return false;
    }
    this.#anchor = this.#end = this.grid.cursor;
    this.#show();
    speak(say("range_begun", { place: placeText(this.#anchor) }));
    return true;
  }

  #finish() {
    const draft = this.#draft;
    this.#cancel();
    const week = add(this.plan.week, draft.from, draft.to);
    this.plan.change({ week, selected: at(week, draft.from % WEEK) });
    speak(say("range_added", { range: rangeText(draft) }));
  }

  #cancel(told = false) {
    if (this.#anchor === null) return;
    this.#anchor = null;
    this.grid.showDraft(null);
    this.show("");
    if (told) speak(say("cancelled"));
  }

  #remove() {
    this.#cancel();
    const range = at(this.plan.week, this.grid.cursor) ?? at(this.plan.week, this.grid.cursor + SLOT - 1);
    if (!range) speak(say("nothing_here"));
    else if (this.plan.change({ week: without(this.plan.week, range), selected: null })) speak(say("range_removed", { range: rangeText(range) }));
    else speak(say("locked"));
  }

  #undo(what) {
    this.#cancel();
    speak(say(this.plan[what]() ? `${what}_done` : `${what}_none`));
  }
}
