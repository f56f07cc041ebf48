// Draws the state. What changed is found by comparing objects, so that dragging one point redraws one shape.

import { handles, isFinitePoint } from "./geometry.js";
import { only, takesPoints } from "./commands.js";
import { setAttribute, svg } from "./dom.js";
import { middles, path, place, Shape } from "./shape.js";
import { nameOf, say, share } from "./words.js";

const NONE = [];

export class View {
  #shapes = new Map(); // key → {shape, roi, selected}
  #handles = [];
  #middles = [];
  #pending = false;
  #all = true;
  #held = null; // {roi, chosen, points}: what the handles show

  constructor({ root, stage, model, ui }) {
    Object.assign(this, { root, stage, model, ui });
    this.layers = { shapes: svg("g"), theirs: svg("g"), middles: svg("g", { "aria-hidden": "true" }), handles: svg("g"), draft: svg("g", { "aria-hidden": "true" }) };
    this.guides = svg("path", { class: "ed-guide" });
    this.marquee = svg("rect", { class: "ed-marquee", hidden: true });
    root.append(this.layers.shapes, this.layers.theirs, this.guides, this.layers.middles, this.layers.handles, this.layers.draft, this.marquee);
    model.subscribe(() => this.later());
    ui.subscribe((changed) => (changed.includes("hidden") || changed.includes("errors") || changed.includes("readonly")) && this.later(true));
    stage.subscribe(() => this.now(true));
  }

  later(all = false) {
    this.#all ||= all;
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => this.#pending && this.now());
  }

  now(all = false) {
    this.#pending = false;
    const everything = this.#all || all;
    this.#all = false;
    this.#drawShapes(everything);
    this.#drawHandles(everything);
    if (everything) this.onMove?.();
  }

  #drawShapes(everything) {
    const { state } = this.model;
    const chosen = new Set(state.selection.keys);
    const { size, toScreen } = this.stage;
    this.#dropMissing(state);
    let previous = null;
    for (const roi of state.rois) {
      const known = this.#shapes.get(roi.key) ?? { shape: new Shape(roi.key) };
      const selected = chosen.has(roi.key);
      const { group } = known.shape;
      if (everything || known.roi !== roi || known.selected !== selected) {
        known.shape.draw(roi, toScreen, { selected, hidden: this.ui.hidden.has(roi.key), faults: this.ui.errors.get(roi.key) ?? NONE, size });
        this.#shapes.set(roi.key, { shape: known.shape, roi, selected });
      }
      // In the list's order, which is the order of focus; a node that stands right is not moved (it would lose the focus).
      if (group.parentNode === null || group.previousSibling !== previous) this.layers.shapes.insertBefore(group, previous ? previous.nextSibling : this.layers.shapes.firstChild);
      previous = group;
    }
  }

  #dropMissing({ rois }) {
    if (this.#shapes.size === 0) return;
    const keys = new Set(rois.map((roi) => roi.key));
    for (const [key, { shape }] of this.#shapes) {
      if (keys.has(key)) continue;
      shape.group.remove();
      this.#shapes.delete(key);
    }
  }

  #drawHandles(everything) {
    const { state } = this.model;
    const roi = this.ui.readonly || this.hideHandles ? null : only(state);
    const shown = roi && !this.ui.hidden.has(roi.key) ? roi : null;
    const chosen = shown ? state.selection.points : NONE;
    if (!everything && this.#held?.roi === shown && this.#held.chosen === chosen) return;
    const points = shown ? handles(shown) : NONE;
    // Of a dragged vertex only its own handle and the two middles beside it are touched.
    const same = !everything && this.#held?.roi?.key === shown?.key && this.#held.roi?.name === shown?.name ? this.#held : null;
    this.#held = { roi: shown, chosen, points };
    setAttribute(this.layers.handles, "data-color", shown?.color ?? 0);
    setAttribute(this.layers.middles, "data-color", shown?.color ?? 0);
    this.#match(this.#handles, points.length, this.layers.handles, (i) => this.#newHandle(i));
    points.forEach((point, i) => {
      const on = chosen.includes(i);
      if (!same || same.points[i] !== point || same.chosen.includes(i) !== on) this.#drawHandle(this.#handles[i], shown, point, i, on);
    });
    const between = shown && takesPoints(shown) ? middles(points.map(this.stage.toScreen)) : NONE;
    this.#match(this.#middles, between.length, this.layers.middles, () => svg("circle", { class: "ed-middle", r: 4 }));
    between.forEach(({ at }, i) => place(this.#middles[i], at, "cx", "cy"));
  }

  #match(nodes, wanted, layer, make) {
    while (nodes.length > wanted) nodes.pop().remove();
    while (nodes.length < wanted) {
      const node = make(nodes.length);
      nodes.push(node);
      layer.append(node);
    }
  }

  #newHandle(index) {
    return svg("g", { class: "ed-handle", tabindex: "0", role: "button", "data-handle": index }, svg("circle", { class: "ed-reach", r: 12 }), svg("circle", { class: "ed-knob", r: 5 }));
  }

  #drawHandle(node, roi, point, index, chosen) {
    const placed = isFinitePoint(point);
    setAttribute(node, "hidden", !placed);
    if (!placed) return;
    const [x, y] = this.stage.toScreen(point);
    for (const circle of node.children) place(circle, [x, y], "cx", "cy");
    node.classList.toggle("ed-chosen", chosen);
    setAttribute(node, "aria-pressed", chosen);
    setAttribute(node, "aria-label", say("handle", { n: index + 1, name: nameOf(roi), x: share(point[0]), y: share(point[1]) }));
  }

  drawGuides(lines) {
    setAttribute(this.guides, "d", lines.map((line) => path(line, false)).join("") || null);
  }

  drawMarquee(a, b) {
    setAttribute(this.marquee, "hidden", !a);
    if (!a) return;
    const sides = { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]), width: Math.abs(a[0] - b[0]), height: Math.abs(a[1] - b[1]) };
    for (const [name, value] of Object.entries(sides)) this.marquee.setAttribute(name, value.toFixed(1));
  }

  shapeNode(key) { return this.#shapes.get(key)?.shape.line ?? null; }
  handleNode(index) { return this.#handles[index] ?? null; }

  focus(node) { node?.focus({ preventScroll: true }); }
}
