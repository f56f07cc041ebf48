// One region's SVG nodes. `draw` is called only for a region that changed, or for all of them when the view moves. Nodes are
// placed by their coordinates, not by `transform`: each transform is a node of its own in the browser's tree of layers, and
// hundreds of those are what a frame costs.

import { box, distance, edges, handles, isFinitePoint, problemsOf } from "./geometry.js";
import { setAttribute, setText, svg } from "./dom.js";
import { count, nameOf, problemText, say } from "./words.js";

const FONT = "600 12px system-ui, sans-serif";
const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

// Measured on a canvas: asking the SVG would lay it out.
export function textWidth(text) {
  if (!widths.has(text)) {
    pen.font = FONT;
    widths.set(text, Math.ceil(pen.measureText(text).width));
  }
  return widths.get(text);
}

// The whole name is in the list; on a small stage it must not cover the picture.
function short(name, width) {
  const signs = [...name], most = width < 500 ? 18 : 36;
  return signs.length > most ? `${signs.slice(0, most - 1).join("")}…` : name;
}

const n1 = (value) => Math.round(value * 10) / 10;

export function place(node, [x, y], left = "x", top = "y") {
  setAttribute(node, left, n1(x));
  setAttribute(node, top, n1(y));
}

export const path = (points, closed) => points.filter(isFinitePoint).map(([x, y], i) => `${i ? "L" : "M"}${n1(x)} ${n1(y)}`).join("") + (closed ? "Z" : "");

export function shapeLabel(roi) {
  const wrong = problemsOf(roi);
  const parts = [nameOf(roi), say(roi.roi_type), count("points", roi.coordinates.length)];
  if (roi.mask) parts.push(say("mask"));
  if (!roi.enabled) parts.push(say("switched_off"));
  if (wrong.length) parts.push(problemText(wrong[0]));
  return parts.join(", ");
}

export class Shape {
  constructor(key) {
    this.halo = svg("path", { class: "ed-halo" });
    this.line = svg("path", { class: "ed-line", tabindex: "0", role: "button", "data-key": key, "aria-pressed": "false" });
    this.side = svg("path", { class: "ed-arrow" });
    this.letters = [svg("text", { class: "ed-letter" }, "A"), svg("text", { class: "ed-letter" }, "B")];
    this.fault = svg("circle", { class: "ed-fault", r: 9 });
    this.plate = svg("rect", { class: "ed-plate", rx: 3 });
    this.name = svg("text", { class: "ed-name" });
    this.words = svg("text", { class: "ed-name ed-words" });
    this.label = svg("g", { class: "ed-label", "aria-hidden": "true" }, this.plate, this.name, this.words);
    this.group = svg("g", { class: "ed-shape" }, this.halo, this.line, this.side, ...this.letters, this.fault, this.label);
  }

  // project: share → stage pixels. faults: what the server said of it. size: of the stage.
  draw(roi, project, { selected, hidden, faults, size }) {
    const wrong = problemsOf(roi);
    const closed = roi.roi_type !== "line";
    const points = handles(roi).map(project);
    setAttribute(this.group, "data-color", roi.color ?? 0);
    setAttribute(this.group, "hidden", hidden);
    for (const [name, on] of [["ed-selected", selected], ["ed-wrong", wrong.length > 0 || faults.length > 0], ["ed-off", !roi.enabled], ["ed-open", !closed]]) {
      this.group.classList.toggle(name, on);
    }
    const d = path(points, closed);
    setAttribute(this.halo, "d", d);
    setAttribute(this.line, "d", d);
    setAttribute(this.line, "aria-pressed", selected);
    setAttribute(this.line, "aria-label", shapeLabel(roi));
    this.#drawSides(closed || points.length !== 2 ? null : points);
    const at = wrong[0]?.at && wrong[0].code !== "outside" ? project(wrong[0].at) : null;
    setAttribute(this.fault, "hidden", !at);
    if (at) place(this.fault, at, "cx", "cy");
    this.#drawLabel(points.filter(isFinitePoint), nameOf(roi), wrong.length ? problemText(wrong[0]) : (faults[0]?.message ?? ""), size);
  }

  // Side A is at the left hand of who walks from the first point to the second; the arrow goes from A to B.
  #drawSides(points) {
    const shown = points !== null && points.every(isFinitePoint) && distance(...points) > 12;
    for (const node of [this.side, ...this.letters]) setAttribute(node, "hidden", !shown);
    if (!shown) return;
    const [[ax, ay], [bx, by]] = points;
    const length = distance(...points), nx = -(by - ay) / length, ny = (bx - ax) / length; // towards B
    const mx = (ax + bx) / 2, my = (ay + by) / 2, along = [ny, -nx];
    const tip = [mx + nx * 20, my + ny * 20];
    const wing = (side) => `${n1(tip[0] - nx * 7 + along[0] * 5 * side)} ${n1(tip[1] - ny * 7 + along[1] * 5 * side)}`;
    setAttribute(this.side, "d", `M${n1(mx - nx * 16)} ${n1(my - ny * 16)}L${n1(tip[0])} ${n1(tip[1])}M${wing(-1)}L${n1(tip[0])} ${n1(tip[1])}L${wing(1)}`);
    [-28, 32].forEach((away, i) => place(this.letters[i], [mx + nx * away, my + ny * away]));
  }

  #drawLabel(points, name, words, size) {
    setAttribute(this.label, "hidden", points.length === 0);
    if (!points.length) return;
    const shown = short(name, size.width), wide = Math.max(textWidth(shown), words ? textWidth(words) : 0) + 12, high = words ? 36 : 20;
    setText(this.name, shown);
    setText(this.words, words);
    const { left, right, top, bottom } = box(points);
    const above = top - high - 8;
    const x = Math.min(Math.max(left, 4), Math.max(size.width - wide - 4, 4));
    let y = above >= 4 ? above : Math.min(top + 8, size.height - high - 4);
    if (right < 0 || left > size.width || bottom < 0 || top > size.height) y = -100; // out of sight: so is its name
    place(this.plate, [x, y]);
    place(this.name, [x + 6, y + 14]);
    place(this.words, [x + 6, y + 30]);
    setAttribute(this.plate, "width", wide);
    setAttribute(this.plate, "height", high);
  }
}

// The middles of a polygon's edges that are long enough to hold one.
export function middles(points) {
  return edges(points, true).filter(([a, b]) => distance(a, b) > 44).map(([a, b, index]) => ({ index, at: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] }));
}
