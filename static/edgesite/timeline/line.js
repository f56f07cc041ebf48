// The drawn timeline: recorded spans, alerts, hours, the place of the player; zoomed, moved, clicked and driven with keys.

import { holds } from "./spans.js";
import { hm, hms, say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 96;
const BAND = [30, 34]; // y and height of what is recorded
const SHORTEST = 120; // seconds across
const STEPS = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600];
const TOGETHER = 9; // pixels: alerts so close are one mark
const STILL = 6; // pixels that a click may move

function make(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

export class Line {
  // on: {play(at), move(at), turn(days)}.
  constructor(svg, on) {
    this.svg = svg;
    this.on = on;
    this.at = null;
    this.pointers = new Map();
    svg.addEventListener("keydown", (event) => this.#key(event));
    svg.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]) {
      svg.addEventListener(kind, (event) => this.#pointer(event));
    }
    new ResizeObserver(() => this.day && this.draw()).observe(svg);
  }

  // A day, shown whole; or the same one anew, shown as before.
  show(day) {
    const other = this.day?.date !== day.date;
    this.day = day;
    if (other) {
      this.from = day.begin;
      this.to = day.end;
      if (this.at === null || this.at < day.begin || this.at >= day.end) {
        this.at = day.spans.length ? day.spans[0][0] : day.begin;
      }
    }
    this.draw();
  }

  moveTo(at) {
    this.at = Math.min(Math.max(at, this.day.begin), this.day.end - 1);
    if (this.at < this.from || this.at > this.to) this.#look(this.at - (this.to - this.from) / 4, this.to - this.from);
    this.draw();
  }

  zoom(factor, around = this.at) {
    const middle = around >= this.from && around <= this.to ? around : (this.from + this.to) / 2;
    const length = (this.to - this.from) / factor;
    this.#look(middle - ((middle - this.from) / (this.to - this.from)) * length, length);
    this.draw();
  }

  whole() { this.zoom(1e-6); }

  hour() {
    this.#look(this.at - 1800, 3600);
    this.draw();
  }

  #look(from, length) {
    const { begin, end } = this.day;
    const wide = Math.min(Math.max(length, SHORTEST), end - begin);
    this.from = Math.min(Math.max(from, begin), end - wide);
    this.to = this.from + wide;
  }

  #x(at) { return ((at - this.from) / (this.to - this.from)) * this.width; }
  #time(x) { return this.from + (x / this.width) * (this.to - this.from); }

  draw() {
    this.width = this.svg.clientWidth;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const band = { y: BAND[0], height: BAND[1] };
    const parts = [make("rect", { class: "tl-gap", x: 0, width: this.width, ...band })];
    for (const [begin, end] of this.day.spans) {
      if (end < this.from || begin > this.to) continue;
      const x = Math.max(0, this.#x(begin));
      const width = Math.max(1.5, Math.min(this.width, this.#x(end)) - x);
      parts.push(make("rect", { class: "tl-recorded", x, width, ...band }));
    }
    if (this.day.now < this.to && this.day.now >= this.day.begin) {
      const x = Math.max(0, this.#x(this.day.now));
      parts.push(make("rect", { class: "tl-future", x, width: this.width - x, ...band }));
    }
    parts.push(...this.#hours(), ...this.#marks(), ...this.#place());
    this.svg.replaceChildren(...parts);
    this.#tell();
  }

  *#hours() {
    const room = Math.max(2, Math.floor(this.width / 64));
    const step = STEPS.find((s) => (this.to - this.from) / s <= room) ?? STEPS.at(-1);
    for (const [at, label] of this.#ticks(step)) {
      const x = this.#x(at);
      if (x < 0 || x > this.width) continue;
      yield make("line", { class: "tl-tick", x1: x, x2: x, y1: BAND[0] - 4, y2: BAND[0] + BAND[1] });
      const anchor = x < 20 ? "start" : x > this.width - 20 ? "end" : "middle";
      yield make("text", { class: "tl-label", x, y: BAND[0] - 10, "text-anchor": anchor }, label);
    }
  }

  // The site's own full hours, which a change of the clock moves; within them by seconds.
  *#ticks(step) {
    const { hours, end } = this.day;
    for (const [index, [at, label]] of hours.entries()) {
      const until = hours[index + 1]?.[0] ?? end;
      if (step >= 3600) {
        if (parseInt(label, 10) % (step / 3600) === 0) yield [at, label];
      } else if (until > this.from && at < this.to) {
        for (let inside = at; inside < until; inside += step) yield [inside, hm(inside)];
      }
    }
  }

  *#marks() {
    const groups = [];
    for (const mark of this.day.marks) {
      const end = this.#x(mark.until ?? mark.at);
      if (end < 0 || this.#x(mark.at) > this.width) continue;
      const x = Math.max(0, this.#x(mark.at)); // what began before stands at the edge
      const last = groups.at(-1);
      if (last && x - last.x < TOGETHER) last.marks.push(mark);
      else groups.push({ x, marks: [mark] });
    }
    for (const { x, marks } of groups) {
      const [first] = marks;
      const worst = ["bad", "warn", "off"].find((kind) => marks.some((m) => m.kind === kind)) ?? "off";
      const time = hms(first.at);
      const title = marks.length > 1 ? say("marks", { count: marks.length, time }) : `${time} ${first.title}`;
      const link = make("a", { href: first.url, class: `tl-mark tl-mark-${worst}`, "aria-label": title });
      const y = BAND[0] + BAND[1] + 4;
      link.append(make("title", {}, title), make("rect", { class: "tl-target", x: x - 12, y: y - 2, width: 24, height: 28 }),
        make("path", { d: `M${x} ${y} l7 13 h-14 z` }), ...marks.flatMap((mark) => this.#span(mark)));
      if (marks.length > 1) link.append(make("text", { class: "tl-count", x, y: y + 24, "text-anchor": "middle" }, marks.length));
      yield link;
    }
  }

  // How long it went on, between the recording and the mark; nothing of what has no length.
  #span({ at, until }) {
    if (until === null || until <= at) return [];
    const from = Math.max(0, this.#x(at));
    const width = Math.max(2, Math.min(this.width, this.#x(until)) - from);
    return [make("rect", { class: "tl-span", x: from, width, y: BAND[0] + BAND[1] + 1, height: 3 })];
  }

  *#place() {
    const x = this.#x(this.at);
    if (x < -1 || x > this.width + 1) return;
    yield make("line", { class: "tl-place", x1: x, x2: x, y1: BAND[0] - 6, y2: BAND[0] + BAND[1] + 4 });
    yield make("path", { class: "tl-place", d: `M${x - 6} ${BAND[0] - 8} h12 l-6 8 z` });
  }

  #tell() {
    const state = say(holds(this.day.spans, this.at) ? "is_recorded" : "not_recorded");
    this.svg.setAttribute("aria-valuemin", Math.round(this.day.begin));
    this.svg.setAttribute("aria-valuemax", Math.round(this.day.end));
    this.svg.setAttribute("aria-valuenow", Math.round(this.at));
    this.svg.setAttribute("aria-valuetext", say("position", { time: hms(this.at), state }));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.svg) return;
    const step = event.shiftKey ? 60 : 10;
    const { spans, begin, end } = this.day;
    const acts = {
      ArrowLeft: () => this.on.move(this.at - step), ArrowRight: () => this.on.move(this.at + step),
      Home: () => this.on.move(spans[0]?.[0] ?? begin), End: () => this.on.move((spans.at(-1)?.[1] ?? end) - 10),
      Enter: () => this.on.play(this.at), " ": () => this.on.play(this.at),
      "+": () => this.zoom(2), "=": () => this.zoom(2), "-": () => this.zoom(0.5), 0: () => this.whole(),
      PageUp: () => this.on.turn(-1), PageDown: () => this.on.turn(1),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #wheel(event) {
    if (!event.ctrlKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return; // the page scrolls
    event.preventDefault();
    if (event.ctrlKey) this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.#time(this.#local(event)));
    else this.#drag(event.deltaX);
  }

  #local(event) { return event.clientX - this.svg.getBoundingClientRect().left; }

  #drag(pixels) {
    this.#look(this.from + (pixels / this.width) * (this.to - this.from), this.to - this.from);
    this.draw();
  }

  // One finger moves the line or, where it stays, plays; two zoom.
  #pointer(event) {
    const x = this.#local(event);
    const known = this.pointers.get(event.pointerId);
    if (event.type === "pointerdown") {
      if (event.button !== 0 || event.target.closest("a")) return;
      this.pointers.set(event.pointerId, { start: x, x, moved: this.pointers.size > 0 });
      return;
    }
    if (!known) return;
    if (event.type === "pointermove") {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      if (other) {
        const before = Math.abs(known.x - other.x);
        if (before > 10) this.zoom(Math.abs(x - other.x) / before, this.#time((x + other.x) / 2));
      } else if (known.moved) this.#drag(known.x - x);
      known.moved ||= Math.abs(x - known.start) > STILL;
      known.x = x;
      return;
    }
    this.pointers.delete(event.pointerId);
    if (event.type === "pointerup" && !known.moved) this.on.play(this.#time(x));
  }
}
