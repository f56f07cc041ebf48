// What is being edited: the week, the holidays, which range is selected; every change is a step that can be undone.

export class Plan {
  #listeners = [];
  #past = [];
  #future = [];
  #typing = "";

  constructor() {
    this.week = [];
    this.holidays = [];
    this.selected = null; // one of the week's ranges
    this.loaded = false;
    this.locked = true; // the text says something that is not read yet, or cannot be
  }

  subscribe(listener) { this.#listeners.push(listener); }
  #tell(what) { for (const listener of this.#listeners) listener(what); }

  // what: `drawn` (here), `read` (from the text) or `shown` (nothing of the schedule itself).
  #put({ week, holidays }, what) {
    const text = ({ from, to }) => `${from} ${to}`;
    const kept = this.selected && week.find((one) => text(one) === text(this.selected));
    Object.assign(this, { week, holidays, selected: kept ?? null });
    this.#tell(what);
  }

  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  // typing: names a field in which somebody types: its letters are one step.
  change({ week = this.week, holidays = this.holidays, selected = this.selected, typing = "" }) {
    if (this.locked) return false;
    if (!typing || typing !== this.#typing) this.#past.push({ week: this.week, holidays: this.holidays });
    this.#typing = typing;
    this.#future = [];
    this.selected = selected;
    this.#put({ week, holidays }, "drawn");
    return true;
  }

  // What the text says now.
  read(week, holidays) {
    const same = JSON.stringify([week, holidays]) === JSON.stringify([this.week, this.holidays]);
    if (!same && this.loaded) this.#past.push({ week: this.week, holidays: this.holidays });
    this.loaded = true;
    this.locked = false;
    this.#put({ week, holidays }, "read");
  }

  lock(locked) {
    if (this.locked === locked) return;
    this.locked = locked;
    this.#tell("shown");
  }

  select(range) {
    if (this.selected === range) return;
    this.selected = range;
    this.#tell("shown");
  }

  #step(from, to) {
    this.#typing = "";
    if (this.locked || !from.length) return false;
    to.push({ week: this.week, holidays: this.holidays });
    this.#put(from.pop(), "drawn");
    return true;
  }
  undo() { return this.#step(this.#past, this.#future); }
  redo() { return this.#step(this.#future, this.#past); }
}
