// Everything by keys. Single letters count only while the picture has the focus, so that nobody's typing is taken.

import * as commands from "./commands.js";
import { handles } from "./geometry.js";
import { count, nameOf, say, share } from "./words.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TOOLS = { v: "select", p: "polygon", r: "rectangle", l: "line" };
const FAR = 10; // picture pixels with Shift
const PAN = 60; // pixels of the stage

export class Keyboard {
  // toggle: {snap(), several(), help(), live()}; save(): what Ctrl+S does.
  constructor(editor, { toggle, save }) {
    Object.assign(this, { editor, toggle, save });
    editor.stage.element.addEventListener("keydown", (event) => this.#onStage(event));
    document.addEventListener("keydown", (event) => this.#anywhere(event));
    editor.view.root.addEventListener("focusin", (event) => this.#onFocus(event));
    editor.view.root.addEventListener("click", (event) => this.#onPress(event));
  }

  #anywhere(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input[type=text], input:not([type]), textarea, select");
    const { act, ui } = this.editor;
    const key = event.key.toLowerCase();
    const does = { s: () => this.save() };
    if (!typing && !ui.readonly) Object.assign(does, { z: () => (event.shiftKey ? act.redo() : act.undo()), y: () => act.redo(), d: () => act.duplicate() });
    if (!typing && this.editor.stage.element.contains(event.target)) does.a = () => act.selectAll();
    if (!does[key]) return;
    event.preventDefault();
    does[key]();
  }

  // A focused point or region as [key, index]; index -1 for a region.
  #focused() {
    const { dataset } = document.activeElement ?? {};
    if (dataset?.handle !== undefined) return [this.editor.model.state.selection.keys[0], Number(dataset.handle)];
    return dataset?.key === undefined ? ["", -1] : [dataset.key, -1];
  }

  #onFocus(event) {
    const { editor } = this;
    const [key, index] = this.#focused();
    const roi = commands.find(editor.model.state, key);
    if (!roi || !event.target.matches(":focus-visible") || editor.pointer.busy) return;
    const point = index >= 0 ? handles(roi)[index] : handles(roi).find(([x, y]) => x >= 0 && y >= 0);
    if (point) editor.stage.reveal(point);
  }

  // An assistive technology presses a point or a region; a mouse's clicks are the pointer's.
  #onPress(event) {
    if (event.detail !== 0) return;
    const [key, index] = this.#focused();
    if (key && this.editor.ui.several) this.#enter(key, index, true);
    else if (key) this.editor.model.select([key], index >= 0 ? [index] : []);
  }

  #onStage(event) {
    if (event.ctrlKey || event.metaKey || event.target.closest("button, a")) return;
    const does = this.editor.drawing.active ? this.#drawingKey(event) : this.#key(event);
    const act = does ?? this.#anyKey(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #anyKey(event) {
    const { stage, act, ui } = this.editor;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (TOOLS[key] && !ui.readonly) return () => act.tool(TOOLS[key]);
    return {
      "+": () => stage.zoom(1.25, this.#center()), "=": () => stage.zoom(1.25, this.#center()),
      "-": () => stage.zoom(0.8, this.#center()), 0: () => stage.fit(),
      s: () => this.toggle.snap(), m: () => this.toggle.several(), "?": () => this.toggle.help(), w: () => this.toggle.live(), h: () => this.#hide(),
    }[key];
  }

  // Keys zoom to the focused point or the cross, as the wheel does to the pointer.
  #center() {
    const { stage, drawing, model } = this.editor;
    const [key, index] = this.#focused();
    const roi = commands.find(model.state, key);
    const share = drawing.draft?.hover ?? (roi && handles(roi)[Math.max(index, 0)]);
    return share ? stage.toScreen(share) : stage.middle;
  }

  #hide() {
    const { ui, model, speak } = this.editor;
    for (const roi of commands.selected(model.state)) speak(say(ui.toggleHidden(roi.key) ? "hidden" : "shown", { name: nameOf(roi) }));
  }

  #key(event) {
    const { ui, stage, model } = this.editor;
    const [key, index] = this.#focused();
    const arrow = ARROWS[event.key];
    if (arrow && event.altKey) return undefined;
    // Nothing to move: the picture moves, where there is more of it than is shown; else the page scrolls.
    if (arrow && (ui.readonly || (!key && !model.state.selection.keys.length))) return stage.view.fitted ? undefined : () => this.#pan(arrow, event.shiftKey);
    if (arrow) return () => this.#nudge(key, index, arrow, event.shiftKey ? FAR : 1);
    if (event.key === "Enter" || event.key === " ") return key ? () => this.#enter(key, index, event.shiftKey || ui.several) : undefined;
    if (event.key === "Escape") return () => this.#escape(index);
    if (ui.readonly) return undefined;
    if (event.key === "Delete" || event.key === "Backspace") return () => this.#remove(key, index);
    if (event.key === "Insert" || event.key === "i") return index >= 0 ? () => this.#insert(key, index) : undefined;
    return undefined;
  }

  #pan([dx, dy], far) {
    const step = far ? 4 * PAN : PAN;
    this.editor.stage.pan(-dx * step, -dy * step);
  }

  #nudge(key, index, [dx, dy], pixels) {
    const { model, act, view } = this.editor;
    const { keys, points } = model.state.selection;
    if (key && !keys.includes(key)) model.select([key]);
    else if (index >= 0 && !points.includes(index)) model.select(keys, [index]);
    else if (key && index < 0 && points.length) model.select(keys);
    act.nudge(dx, dy, pixels);
    if (index >= 0) view.focus(view.handleNode(index));
  }

  // Selects; what is selected already is gone into: on to its first point.
  #enter(key, index, adding) {
    const { model, view, speak } = this.editor;
    const { keys, points } = model.state.selection;
    const one = keys.length === 1 && keys[0] === key;
    if (index >= 0) {
      const others = points.filter((i) => i !== index);
      model.select(keys, points.includes(index) ? others : adding ? [...points, index] : [index]);
    } else if (adding) model.select(keys.includes(key) ? keys.filter((other) => other !== key) : [...keys, key]);
    else if (!one) model.select([key]);
    view.now();
    if (index < 0 && one && !adding) view.focus(view.handleNode(0));
    else speak(model.state.selection.points.length ? count("points_chosen", model.state.selection.points.length) : count("chosen", model.state.selection.keys.length));
  }

  // One step back: gesture, points, region, selection.
  #escape(index) {
    const { pointer, model, view, speak } = this.editor;
    const { keys } = model.state.selection;
    if (pointer.busy) return pointer.cancel();
    if (index >= 0) {
      model.select(keys);
      view.now();
      return view.focus(view.shapeNode(keys[0]));
    }
    model.select([]);
    view.focus(view.root);
    return speak(count("chosen", 0));
  }

  #remove(key, index) {
    const { model, act, view } = this.editor;
    const { keys, points } = model.state.selection;
    if (index >= 0) return act.removePoints(key, points.includes(index) ? points : [index]);
    if (key && !keys.includes(key)) model.select([key]);
    else if (key && points.length) model.select(keys);
    act.removeSelected();
    const next = model.state.selection.keys[0];
    return view.focus(next ? view.shapeNode(next) : view.root);
  }

  #insert(key, index) {
    const { act, view } = this.editor;
    const made = act.insertAfter(key, index);
    if (made !== undefined) view.focus(view.handleNode(made));
  }

  #drawingKey(event) {
    const { drawing, view, act } = this.editor;
    const arrow = ARROWS[event.key];
    if (arrow) return () => this.#moveCross(arrow, event.shiftKey);
    if (event.key === " " || event.key === "Insert") return () => this.#place();
    if (event.key === "Enter") return () => this.#finish();
    if (event.key === "Backspace" || event.key === "Delete") return () => drawing.back();
    if (event.key === "Escape") {
      return () => {
        act.tool("select");
        view.focus(view.root);
      };
    }
    return undefined;
  }

  #moveCross([dx, dy], far) {
    const { drawing, stage, speak } = this.editor;
    const step = far ? 0.1 : 0.01;
    const [x, y] = drawing.draft.hover ?? drawing.draft.points.at(-1) ?? [0.5, 0.5];
    drawing.hover([x + dx * step, y + dy * step]);
    stage.reveal(drawing.draft.hover);
    speak(say("cross_at", { x: share(drawing.draft.hover[0]), y: share(drawing.draft.hover[1]) }));
  }

  #place() {
    const { drawing } = this.editor;
    drawing.add(drawing.draft.hover ?? [0.5, 0.5]);
    this.#leaveDrawing();
  }

  #finish() {
    const { drawing } = this.editor;
    if (!drawing.started) return this.#place();
    drawing.finish();
    return this.#leaveDrawing();
  }

  #leaveDrawing() {
    const { drawing, view, model } = this.editor;
    if (drawing.active) return;
    view.now();
    view.focus(view.shapeNode(model.state.selection.keys[0]));
  }
}
