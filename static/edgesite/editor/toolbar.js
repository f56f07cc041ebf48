// The row of tools above the picture, and the hint in it.

import { byId, setAttribute, setText } from "./dom.js";
import { say } from "./words.js";

const TOOLS = ["select", "polygon", "rectangle", "line"];

export class Toolbar {
  constructor(editor) {
    this.editor = editor;
    this.tools = TOOLS.map((tool) => byId(`editor-tool-${tool}`));
    this.hint = byId("editor-hint");
    const { act, stage, ui, view, model } = editor;
    this.tools.forEach((button, i) => button.addEventListener("click", () => this.#take(TOOLS[i])));
    const clicks = {
      undo: () => act.undo(), redo: () => act.redo(), snap: () => this.toggleSnap(), several: () => this.toggleSeveral(), help: () => this.toggleHelp(),
      "zoom-in": () => stage.zoom(1.5), "zoom-out": () => stage.zoom(1 / 1.5), fit: () => stage.fit(),
      finish: () => { if (editor.drawing.finish()) this.#leave(); }, cancel: () => { editor.drawing.cancel(); view.focus(view.root); },
    };
    for (const [name, does] of Object.entries(clicks)) byId(`editor-${name}`)?.addEventListener("click", does);
    for (const button of document.querySelectorAll("[data-add]")) button.addEventListener("click", () => this.#add(button.dataset.add));
    model.subscribe((state, before, moving) => { if (!moving) this.draw(); });
    ui.subscribe(() => this.draw());
    stage.subscribe(() => this.#drawZoom());
    this.draw();
    this.#drawZoom();
  }

  #take(tool) {
    const { act, view } = this.editor;
    act.tool(tool);
    view.focus(view.root);
  }

  #add(type) {
    this.editor.act.addByNumbers(type);
    byId("editor-points").querySelector("input")?.focus();
  }

  #leave() {
    const { view, model } = this.editor;
    view.now();
    view.focus(view.shapeNode(model.state.selection.keys[0]));
  }

  toggleSnap() {
    const { ui, speak } = this.editor;
    ui.set({ snap: !ui.snap });
    speak(say(ui.snap ? "snap_on" : "snap_off"));
  }

  // For fingers, and for who cannot hold a key while pressing another.
  toggleSeveral() {
    const { ui, speak } = this.editor;
    ui.set({ several: !ui.several });
    speak(say(ui.several ? "several_on" : "several_off"));
  }

  toggleHelp() {
    const help = byId("editor-keys");
    if (help.open) help.close();
    else help.showModal();
  }

  draw() {
    const { model, ui, drawing } = this.editor;
    this.tools.forEach((button, i) => setAttribute(button, "aria-pressed", ui.tool === TOOLS[i]));
    setAttribute(byId("editor-snap"), "aria-pressed", ui.snap);
    setAttribute(byId("editor-several"), "aria-pressed", ui.several);
    // Not `disabled`: after the last step the button keeps the focus.
    setAttribute(byId("editor-undo"), "aria-disabled", model.history.undoable || drawing.started ? null : "true");
    setAttribute(byId("editor-redo"), "aria-disabled", model.history.redoable ? null : "true");
    const what = (label, key) => (label ? `${say(key)}: ${say(`step_${label}`)}` : say(key));
    setAttribute(byId("editor-undo"), "title", what(model.history.undoable, "undo"));
    setAttribute(byId("editor-redo"), "title", what(model.history.redoable, "redo"));
    this.drawHint();
  }

  drawHint() {
    const { drawing, model, ui } = this.editor;
    const empty = model.state.rois.length === 0 && !ui.readonly;
    const text = drawing.active ? say(`draw_${drawing.draft.type}`) : empty ? say("hint_empty") : "";
    setText(this.hint.firstElementChild, text);
    setAttribute(this.hint, "hidden", text === "");
    setAttribute(byId("editor-finish"), "hidden", !drawing.active || drawing.draft.type !== "polygon" || drawing.draft.points.length < 3);
    setAttribute(byId("editor-cancel"), "hidden", !drawing.active);
    this.editor.stage.element.classList.toggle("ed-drawing", drawing.active);
  }

  #drawZoom() {
    const { stage } = this.editor;
    const times = stage.view.scale / stage.fitScale;
    setText(byId("editor-zoom"), stage.view.fitted ? say("whole") : `${times < 10 ? times.toFixed(1) : Math.round(times)}×`);
  }
}
