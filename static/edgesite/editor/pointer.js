// Mouse, pen and fingers on the stage. Moves are taken once a frame; the stage is measured when a pointer comes down.

import * as commands from "./commands.js";
import { distance } from "./geometry.js";
import { draw, dragHandles, dragMarquee, dragPan, dragShapes, pinch, snapDraft, STILL } from "./gestures.js";
import { pick, pickEdge, REACH } from "./pick.js";
import { say } from "./words.js";

const CURSORS = { handle: "move", middle: "copy", shape: "pointer", "": "" };

export class Pointer {
  #down = new Map(); // pointerId → place
  #gesture = null;
  #pinch = null;
  #press = null; // {id, place, found, event}: not yet a drag
  #latest = null;
  #waiting = false;
  #space = false;

  constructor(editor) {
    this.editor = editor;
    const { element } = editor.stage;
    const on = (name, handler, options) => element.addEventListener(name, handler, options);
    on("pointerdown", (event) => this.#onDown(event));
    on("pointermove", (event) => this.#onMove(event));
    on("pointerup", (event) => this.#onUp(event));
    on("pointercancel", (event) => this.#onCancel(event));
    on("pointerleave", () => editor.drawing.hover(null));
    on("dblclick", (event) => this.#onDouble(event));
    on("wheel", (event) => this.#onWheel(event), { passive: false });
    on("mousedown", (event) => event.preventDefault()); // the focus goes where the arithmetic says
    on("keydown", (event) => this.#onSpace(event));
    window.addEventListener("keyup", (event) => { if (event.key === " ") this.#space = false; });
  }

  get busy() { return this.#gesture !== null || this.#press !== null; }

  cancel() {
    this.#gesture?.cancel();
    this.#release();
  }

  #release() {
    this.#gesture = this.#press = this.#latest = null;
    this.editor.stage.element.classList.remove("ed-dragging");
  }

  #onSpace(event) {
    delete this.editor.stage.element.dataset.by;
    if (event.key === " " && event.target === this.editor.stage.element) this.#space = true;
  }

  #onDown(event) {
    const { stage, drawing, view } = this.editor;
    if (event.target.closest("button, a")) return;
    stage.forgetPlace();
    stage.element.dataset.by = "pointer"; // no focus ring for who points; the next key brings it back
    const place = stage.place(event);
    this.#down.set(event.pointerId, place);
    stage.element.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch" && this.#down.size === 2) {
      this.cancel();
      this.#pinch = pinch(this.editor, ...this.#down.values());
    } else if (this.#down.size > 1) {
      return;
    } else if (event.button === 1 || this.#space) {
      this.#gesture = dragPan(this.editor, place);
    } else if (event.button === 0 && drawing.active) {
      if (!view.root.contains(document.activeElement)) view.focus(view.root);
      this.#gesture = draw(this.editor, place, event, REACH[event.pointerType] ?? 12);
    } else if (event.button === 0) {
      const found = pick(this.editor, place, REACH[event.pointerType] ?? 12);
      this.#press = { place, found, event, before: this.editor.model.state.selection.keys };
      this.#focus(found);
    }
  }

  #focus(found) {
    const { view, model } = this.editor;
    if (found.kind === "handle") view.focus(view.handleNode(found.index));
    else if (found.kind === "shape") {
      const { event } = this.#press; // a finger may only be about to move the picture
      if (event.pointerType !== "touch" && !model.state.selection.keys.includes(found.key)) this.#select(found.key, this.#adds(event));
      view.focus(view.shapeNode(found.key));
    } else view.focus(view.root);
  }

  #adds(event) { return event.shiftKey || this.editor.ui.several; }

  #select(key, adding) {
    const { keys } = this.editor.model.state.selection;
    if (!adding) this.editor.model.select([key]);
    else this.editor.model.select(keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key]);
  }

  #onMove(event) {
    const place = this.editor.stage.place(event);
    if (this.#down.has(event.pointerId)) this.#down.set(event.pointerId, place);
    this.#latest = { place, event };
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      if (this.#latest) this.#frame(this.#latest.place, this.#latest.event);
      this.editor.view.now();
    });
  }

  #frame(place, event) {
    if (this.#pinch && this.#down.size >= 2) return this.#pinch.two(...[...this.#down.values()].slice(0, 2));
    if (this.#press && distance(place, this.#press.place) > STILL) this.#begin();
    if (this.#gesture) return this.#gesture.move(place, event);
    return this.#press ? undefined : this.#hover(place, event);
  }

  // A press has become a drag.
  #begin() {
    const { place, found, event, before } = this.#press;
    const { editor } = this;
    this.#press = null;
    editor.stage.element.classList.add("ed-dragging");
    const { key, index } = found;
    // A finger that slides over a region which was not selected wants to move the picture.
    const changes = !editor.ui.readonly && (event.pointerType !== "touch" || before.includes(key));
    if (found.kind === "handle") this.#gesture = dragHandles(editor, place, { key, index });
    else if (found.kind === "middle") {
      this.#gesture = dragHandles(editor, place, { key, index: index + 1, insertAt: editor.stage.toShare(place) });
    } else if (found.kind === "shape" && changes && editor.model.state.selection.keys.includes(key)) this.#gesture = dragShapes(editor, place);
    else this.#gesture = event.pointerType === "touch" ? dragPan(editor, place) : dragMarquee(editor, place, this.#adds(event));
  }

  #hover(place, event) {
    const { drawing, stage, view, model } = this.editor;
    if (event.pointerType === "touch") return;
    if (drawing.active) {
      drawing.hover(stage.toShare(snapDraft(this.editor, place, event)));
      return;
    }
    view.drawGuides([]);
    const cursor = CURSORS[pick(this.editor, place, REACH[event.pointerType] ?? 12).kind];
    if (stage.element.dataset.cursor !== cursor) stage.element.dataset.cursor = cursor;
  }

  #onUp(event) {
    const place = this.editor.stage.place(event);
    this.#down.delete(event.pointerId);
    if (this.#pinch) {
      if (this.#down.size === 0) this.#pinch = null;
      return;
    }
    if (this.#press) {
      if (distance(place, this.#press.place) > STILL) this.#begin();
      else this.#click();
    }
    if (this.#gesture) {
      this.#gesture.move(place, event);
      this.#gesture.up(place, event);
    }
    this.#release();
    this.editor.view.now();
  }

  #click() {
    const { found, event, place } = this.#press;
    const { model, view, stage, ui } = this.editor;
    const { keys, points } = model.state.selection;
    const adds = this.#adds(event);
    if (found.kind === "handle") {
      if (event.altKey && !ui.readonly) this.editor.act.removePoints(found.key, [found.index]);
      else if (adds) model.select(keys, points.includes(found.index) ? points.filter((i) => i !== found.index) : [...points, found.index]);
      else model.select(keys, [found.index]);
    } else if (found.kind === "middle") {
      model.commit((state) => commands.insertPoint(state, found.key, found.index, stage.toShare(place)), { label: "point_added" });
      view.now();
      view.focus(view.handleNode(found.index + 1));
      this.editor.speak(say("point_inserted", { n: found.index + 2 }));
    } else if (found.kind === "shape") {
      if (!adds) model.select([found.click]);
      else if (this.#press.before.includes(found.key) || !keys.includes(found.key)) this.#select(found.key, true); // what this press selected stays
    } else if (!adds) model.select([]);
  }

  #onCancel(event) {
    this.#down.delete(event.pointerId);
    if (this.#down.size === 0) this.#pinch = null;
    this.cancel();
  }

  #onDouble(event) {
    const { stage, model, view, drawing } = this.editor;
    if (drawing.active) return;
    const found = pickEdge(this.editor, stage.place(event), REACH.mouse);
    const onHandle = pick(this.editor, stage.place(event), REACH.mouse).kind === "handle";
    if (!found || onHandle) return;
    model.commit((state) => commands.insertPoint(state, found.key, found.index, found.at), { label: "point_added" });
    view.now();
    view.focus(view.handleNode(found.index + 1));
  }

  #onWheel(event) {
    const { stage } = this.editor;
    const out = event.deltaY > 0;
    if (out && stage.view.fitted && !event.ctrlKey) return; // nothing further out: the page scrolls
    event.preventDefault();
    stage.forgetPlace();
    const lines = event.deltaMode === 1 ? 16 : 1;
    stage.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), stage.place(event));
  }
}
