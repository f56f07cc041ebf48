// What a watched camera shows: the moving picture, a box at each tracked object, and each rule's state at its region.

import { box as bounds, isFinitePoint } from "./geometry.js";
import { byId, setAttribute, setText, svg } from "./dom.js";
import { apart } from "./labels.js";
import { nearest, progressText, stateMark } from "./live-words.js";
import { textWidth } from "./shape.js";
import { nameOf } from "./words.js";

const TRAIL = 24; // places of an object that are drawn behind it
const MOST_LINES = 4; // rules at one region
const LABEL_HIGH = 18, LABEL_GAP = 2;

export class LiveDrawing {
  #boxes = new Map(); // track id → nodes and trail
  #regions = new Map(); // region's key → nodes
  #next = null;
  #busy = false;
  #run = 0; // rises when everything is cleared
  #shown = null;

  constructor({ view, stage, ui, model }) {
    Object.assign(this, { stage, ui, model });
    this.canvas = byId("editor-live-picture");
    this.pen = this.canvas.getContext("2d");
    this.group = svg("g", { class: "ed-live", "aria-hidden": "true" });
    this.tracks = svg("g");
    this.states = svg("g");
    this.group.append(this.tracks, this.states);
    view.root.insertBefore(this.group, view.layers.middles); // above the shapes, below the handles
    stage.subscribe(() => this.draw());
  }

  // One message at a time; a picture that comes while another is still being decoded takes its place.
  async show(preview, jpeg) {
    if (!jpeg) return this.#reveal(preview, null);
    this.#next = { preview, jpeg };
    if (this.#busy) return undefined;
    this.#busy = true;
    while (this.#next) {
      const { preview: head, jpeg: data } = this.#next, run = this.#run;
      this.#next = null;
      const picture = await createImageBitmap(data).catch(() => null);
      if (run === this.#run) this.#reveal(head, picture);
    }
    this.#busy = false;
    return undefined;
  }

  #reveal(preview, picture) {
    if (picture) this.#paint(picture);
    this.#shown = preview;
    this.draw();
  }

  #paint(picture) {
    const { canvas } = this;
    if (canvas.width !== picture.width || canvas.height !== picture.height) Object.assign(canvas, { width: picture.width, height: picture.height });
    this.pen.drawImage(picture, 0, 0);
    picture.close();
    setAttribute(canvas, "hidden", null);
  }

  clear() {
    this.#shown = this.#next = null;
    this.#run += 1;
    setAttribute(this.canvas, "hidden", true);
    this.#boxes.clear();
    this.#regions.clear();
    this.tracks.replaceChildren();
    this.states.replaceChildren();
  }

  draw() {
    if (!this.#shown) return;
    this.#drawBoxes(this.#shown);
    this.#drawStates(this.#shown.rules ?? []);
  }

  #drawBoxes({ seen, states }) {
    const gone = new Set(this.#boxes.keys());
    const about = new Map();
    for (const { objects } of states) for (const one of objects) about.set(one.id, [...(about.get(one.id) ?? []), one]);
    const drawn = [], wanted = [];
    for (const one of seen) {
      gone.delete(one.id);
      const known = this.#boxes.get(one.id) ?? this.#newBox();
      this.#boxes.set(one.id, known);
      drawn.push(known);
      wanted.push(this.#drawBox(known, one, nearest(about.get(one.id) ?? [])));
    }
    apart(wanted, LABEL_HIGH + 1, this.stage.size).forEach(([x, y], i) => setAttribute(drawn[i].label, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`));
    for (const id of gone) {
      this.#boxes.get(id).group.remove();
      this.#boxes.delete(id);
    }
  }

  #newBox() {
    const known = { rect: svg("rect", { class: "ed-live-box" }), trail: svg("path", { class: "ed-live-trail" }), plate: svg("rect", { class: "ed-live-plate", rx: 3, height: LABEL_HIGH }), text: svg("text", { class: "ed-live-text", y: 13, x: 5 }), places: [] };
    known.label = svg("g", {}, known.plate, known.text);
    known.group = svg("g", {}, known.trail, known.rect, known.label);
    this.tracks.append(known.group);
    return known;
  }

  // Gives where its label wants to be.
  #drawBox(known, { name, score, box: [x1, y1, x2, y2] }, state) {
    const [left, top] = this.stage.toScreen([x1, y1]), [right, bottom] = this.stage.toScreen([x2, y2]);
    const foot = [(x1 + x2) / 2, y2];
    if (String(known.places.at(-1)) !== String(foot)) known.places = [...known.places, foot].slice(-TRAIL);
    const sides = { x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) };
    for (const [side, value] of Object.entries(sides)) known.rect.setAttribute(side, value.toFixed(1));
    setAttribute(known.trail, "d", known.places.map((place, i) => `${i ? "L" : "M"}${this.stage.toScreen(place).map((n) => n.toFixed(1)).join(" ")}`).join(""));
    setAttribute(known.group, "data-word", state?.word ?? "none");
    const words = state ? progressText(state) : `${name} ${Math.round(score * 100)} %`;
    setText(known.text, words);
    const width = textWidth(words) + 10;
    setAttribute(known.plate, "width", width);
    const { width: across, height: down } = this.stage.size;
    return { left, top: top - LABEL_HIGH - LABEL_GAP, width, out: right < 0 || left > across || bottom < 0 || top > down };
  }

  // rules: [{roi, label, state, fired}] in the order of the list.
  #drawStates(rules) {
    const byRoi = new Map();
    for (const rule of rules) if (!this.ui.hidden.has(rule.roi.key)) byRoi.set(rule.roi.key, [...(byRoi.get(rule.roi.key) ?? []), rule]);
    for (const [key, known] of this.#regions) {
      if (byRoi.has(key)) continue;
      known.group.remove();
      this.#regions.delete(key);
    }
    for (const [key, own] of byRoi) {
      const known = this.#regions.get(key) ?? this.#newRegion(key);
      this.#drawRegion(known, this.model.state.rois.find((roi) => roi.key === key) ?? own[0].roi, own.slice(0, MOST_LINES));
    }
  }

  #newRegion(key) {
    const known = { group: svg("g", { class: "ed-live-region" }), plate: svg("rect", { class: "ed-live-plate", rx: 3 }), lines: [] };
    known.group.append(known.plate);
    this.#regions.set(key, known);
    this.states.append(known.group);
    return known;
  }

  #drawRegion(known, roi, rules) {
    while (known.lines.length > rules.length) known.lines.pop().remove();
    while (known.lines.length < rules.length) {
      const line = svg("text", { class: "ed-live-text", x: 6, y: 14 + 17 * known.lines.length });
      known.lines.push(line);
      known.group.append(line);
    }
    const texts = rules.map(({ label, state, fired }) => {
      const { text } = stateMark(state);
      return `${fired ? "◆ " : ""}${label}: ${text}`;
    });
    texts.forEach((text, i) => {
      setText(known.lines[i], text);
      setAttribute(known.lines[i], "data-tone", rules[i].fired ? "bad" : stateMark(rules[i].state).tone);
    });
    const points = roi.coordinates.filter(isFinitePoint).map(this.stage.toScreen);
    setAttribute(known.group, "hidden", points.length === 0);
    if (!points.length) return;
    const { left, bottom, right, top } = bounds(points), { width, height } = this.stage.size;
    const wide = Math.max(...texts.map(textWidth)) + 12, high = 17 * texts.length + 4;
    setAttribute(known.plate, "width", wide);
    setAttribute(known.plate, "height", high);
    const out = right < 0 || left > width || bottom < 0 || top > height;
    const x = Math.min(Math.max(left, 4), Math.max(width - wide - 4, 4)), y = Math.min(bottom + 6, height - high - 4);
    setAttribute(known.group, "transform", `translate(${x.toFixed(1)} ${(out ? -200 : y).toFixed(1)})`);
    setAttribute(known.group, "data-name", nameOf(roi));
  }
}
