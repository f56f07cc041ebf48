// What is only of this page and moment: the tool in hand, what is hidden, what the server complained about.

export class Ui {
  #values = { tool: "select", snap: true, several: false, hidden: new Set(), errors: new Map(), readonly: false, saving: false, help: false };
  #listeners = [];

  constructor(values = {}) { Object.assign(this.#values, values); }
  get tool() { return this.#values.tool; }
  get snap() { return this.#values.snap; }
  get several() { return this.#values.several; } // a choice adds to what is selected, as with Shift
  get hidden() { return this.#values.hidden; } // a set of keys
  get errors() { return this.#values.errors; } // key → [{field, message}]
  get readonly() { return this.#values.readonly; }
  get saving() { return this.#values.saving; }

  subscribe(listener) { this.#listeners.push(listener); }

  set(values) {
    const before = { ...this.#values };
    Object.assign(this.#values, values);
    const changed = Object.keys(values).filter((name) => before[name] !== values[name]);
    if (changed.length) for (const listener of this.#listeners) listener(changed);
  }

  toggleHidden(key) {
    const hidden = new Set(this.hidden);
    if (!hidden.delete(key)) hidden.add(key);
    this.set({ hidden });
    return hidden.has(key);
  }
}
