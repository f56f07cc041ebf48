// The shape that is being drawn, and the cross that the arrow keys move while it is.

import { handles } from "./geometry.js";
import { setAttribute, setText, svg } from "./dom.js";
import { path } from "./shape.js";
import { problemText } from "./words.js";

const CLOSED = { polygon: true, rectangle: true, line: false };

export class DraftView {
  constructor({ view, stage, drawing }) {
    Object.assign(this, { stage, drawing });
    this.halo = svg("path", { class: "ed-halo" });
    this.fill = svg("path", { class: "ed-draft-fill" });
    this.line = svg("path", { class: "ed-draft" });
    this.knobs = svg("g");
    this.cross = svg("path", { class: "ed-cross", d: "M-14 0H-3M3 0H14M0 -14V-3M0 3V14" });
    this.plate = svg("rect", { class: "ed-plate", rx: 3, height: 20 });
    this.words = svg("text", { class: "ed-name ed-words", y: 14, x: 6 });
    this.note = svg("g", {}, this.plate, this.words);
    this.group = view.layers.draft;
    this.group.append(this.halo, this.fill, this.line, this.knobs, this.cross, this.note);
    this.draw();
  }

  draw() {
    const { draft, problem } = this.drawing.active ? this.drawing : { draft: null, problem: null };
    setAttribute(this.group, "hidden", !draft);
    if (!draft) return;
    const chain = draft.hover && draft.points.length ? [...draft.points, draft.hover] : draft.points;
    const shown = draft.type === "rectangle" && chain.length === 2 ? handles({ roi_type: "rectangle", coordinates: chain }) : chain;
    const points = shown.map(this.stage.toScreen);
    this.group.classList.toggle("ed-wrong", problem !== null);
    setAttribute(this.fill, "d", points.length > 2 ? path(points, true) : null);
    for (const node of [this.halo, this.line]) setAttribute(node, "d", points.length > 1 ? path(points, draft.type === "rectangle") : null);
    this.#drawKnobs(draft.points.map(this.stage.toScreen), CLOSED[draft.type] && draft.type === "polygon" && draft.points.length > 2);
    this.#drawCross(draft.hover && this.stage.toScreen(draft.hover));
    this.#drawNote(problem, draft.hover && this.stage.toScreen(draft.hover));
  }

  #drawKnobs(points, closes) {
    this.knobs.replaceChildren(...points.map(([x, y], i) =>
      svg("circle", { class: i === 0 && closes ? "ed-knob ed-first" : "ed-knob", r: i === 0 && closes ? 7 : 4, cx: x.toFixed(1), cy: y.toFixed(1) })));
  }

  #drawCross(at) {
    setAttribute(this.cross, "hidden", !at);
    if (at) this.cross.setAttribute("transform", `translate(${at[0].toFixed(1)} ${at[1].toFixed(1)})`);
  }

  #drawNote(problem, at) {
    setAttribute(this.note, "hidden", !problem || !at);
    if (!problem || !at) return;
    const text = problemText(problem);
    setText(this.words, text);
    const wide = [...text].reduce((sum, sign) => sum + (sign.charCodeAt(0) > 0x2e80 ? 12.5 : 6.8), 14);
    this.plate.setAttribute("width", wide.toFixed(0));
    const x = Math.max(Math.min(at[0] + 14, this.stage.size.width - wide - 4), 4);
    this.note.setAttribute("transform", `translate(${x.toFixed(1)} ${Math.max(at[1] - 34, 4).toFixed(1)})`);
  }
}
