// The text below counts: what is drawn is written into it, and what is typed there is read by the hub and drawn.

import { speak } from "../editor/announce.js";
import { byId, h, setText } from "../editor/dom.js";
import { say } from "../editor/words.js";
import { holidayOf, rangeOf, write } from "./week.js";

const WAIT_MS = 300;
const AGAIN_MS = 3000; // the hub did not answer

export class Text {
  #timer = 0;
  #asked = 0;
  #places = new Map();

  constructor(plan, { area, site, siteKey, url, token, holidays, grid }) {
    Object.assign(this, { plan, area, site, siteKey, url, token, holidays, grid });
    this.problem = byId("sk-problem");
    this.meaning = byId("sk-meaning");
    this.zone = byId("sk-zone");
    plan.subscribe((what) => what === "drawn" && this.#write());
    area.addEventListener("input", () => this.#typed());
    area.addEventListener("change", () => this.#ask(true));
    site?.addEventListener("change", () => this.#ask(plan.locked));
    this.#ask(true);
  }

  #write() {
    const { text, places } = write(this.plan.week, this.plan.holidays);
    this.#places = places;
    this.area.value = text;
    this.#later(false);
  }

  #typed() {
    this.plan.lock(true);
    this.#later(true);
  }

  #later(reads) {
    clearTimeout(this.#timer);
    this.#asked++; // an answer on its way is about what was before
    this.#timer = setTimeout(() => this.#ask(reads), WAIT_MS);
  }

  // reads: whether the answer is to be drawn; else it only says what the drawn hours mean.
  async #ask(reads) {
    clearTimeout(this.#timer);
    const number = ++this.#asked;
    const answer = await this.#call();
    if (number !== this.#asked) return;
    if (!answer) {
      this.#timer = setTimeout(() => this.#ask(reads), AGAIN_MS);
      return this.#show(say("no_answer"));
    }
    if (answer.detail) return this.#show(answer.detail);
    if (answer.error) return this.#wrong(answer.error, reads);
    this.#show("");
    if (reads) this.plan.read(answer.weekly.map(rangeOf).toSorted((a, b) => a.from - b.from || a.to - b.to), answer.holidays.map(holidayOf));
    if (reads) this.#places = write(this.plan.week, this.plan.holidays).places;
    this.#mean(answer);
  }

  async #call() {
    const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": this.token };
    const body = JSON.stringify({ text: this.area.value, site: this.site?.value ?? this.siteKey });
    try {
      const answer = await fetch(this.url, { method: "POST", headers, body, credentials: "same-origin", redirect: "manual" });
      return await answer.json();
    } catch {
      return null;
    }
  }

  #show(text) {
    setText(this.problem, text);
    this.problem.hidden = !text;
  }

  #wrong({ line, column, message }, reads) {
    const index = reads ? undefined : this.#places.get(line);
    if (index === undefined) this.#show(say("text_wrong", { line, column, message })); // an alert says itself aloud
    else {
      this.holidays.blame(index, message);
      speak(message);
    }
  }

  #mean({ meaning, zone, now }) {
    setText(this.zone, zone ? say("zone", { zone, time: now.time }) : say("zone_none"));
    this.grid.showNow(now);
    this.meaning.replaceChildren(...meaning.map(({ text, kind, more }) => {
      const shown = kind ? h("span", { class: `chip chip-${kind}`, "data-shape": { good: "dot", busy: "half" }[kind] ?? "ring" }, text) : text;
      return h("li", {}, shown, more.length ? h("ul", {}, ...more.map((one) => h("li", {}, one))) : null);
    }));
  }
}
