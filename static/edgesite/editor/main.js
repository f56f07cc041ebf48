// The ROI editor: puts its parts together. `editor-data` is what GET `data` answers (cameras/regions_data.py).

import { createActions } from "./actions.js";
import { speak } from "./announce.js";
import { Binds } from "./binds.js";
import { askConflict } from "./conflict.js";
import { Copying } from "./copying.js";
import { byId, setAttribute } from "./dom.js";
import { DraftView } from "./draft.js";
import { Drawing } from "./drawing.js";
import { FrameView } from "./frame.js";
import { guard } from "./guard.js";
import { Inspector } from "./inspector.js";
import { Keyboard } from "./keyboard.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { Model } from "./model.js";
import { Pointer } from "./pointer.js";
import { Publishing } from "./publishing.js";
import { Saving } from "./saving.js";
import { Server } from "./server.js";
import { Stage } from "./stage.js";
import { Table } from "./table.js";
import { Toolbar } from "./toolbar.js";
import { Ui } from "./ui.js";
import { View } from "./view.js";

function start(data) {
  const root = byId("editor");
  root.classList.toggle("ed-readonly", !data.may.change);
  const editor = {
    model: new Model(),
    ui: new Ui({ readonly: !data.may.change }),
    server: new Server(root.dataset.base, root.querySelector("[name=csrfmiddlewaretoken]").value),
    stage: new Stage(byId("editor-stage"), byId("editor-sheet")),
    speak,
  };
  const { model } = editor;
  model.replace(model.load(data.rois));
  editor.view = new View({ root: byId("editor-shapes"), ...editor });
  let redraw = () => {};
  editor.drawing = new Drawing({ ...editor, changed: () => redraw() });
  editor.act = createActions(editor);
  const draft = new DraftView(editor);
  const toolbar = new Toolbar(editor);
  redraw = () => {
    draft.draw();
    toolbar.draw();
  };
  editor.view.onMove = () => draft.draw();
  const saving = new Saving(editor, { revision: data.revision, askConflict });
  const copying = new Copying(editor, { cameras: data.cameras, saving });
  parts(editor, data, { saving, copying, toolbar });
  return editor;
}

function parts(editor, data, { saving, copying, toolbar }) {
  editor.saving = saving;
  editor.publishing = new Publishing(editor, data);
  editor.pointer = new Pointer(editor);
  editor.keyboard = new Keyboard(editor, { toggle: { snap: () => toolbar.toggleSnap(), several: () => toolbar.toggleSeveral(), help: () => toolbar.toggleHelp(), live: () => editor.live.toggle() }, save: () => saving.save() });
  editor.table = new Table(editor);
  editor.list = new List(editor);
  editor.inspector = new Inspector(editor, { copy: () => copying.open() });
  editor.binds = new Binds(editor, data);
  editor.frame = new FrameView(editor, data);
  editor.live = new Live(editor, data);
  guard(editor, () => saving.save());
  saving.showPending(data.publish);
  saving.draw();
  editor.view.now(true);
  setAttribute(byId("editor"), "data-ready", true);
  if (data.camera.enabled) editor.frame.refresh();
}

const found = byId("editor-data");
// For the parts that come later on this page: the model tells them what is selected and takes what they changed.
export const editor = found && start(JSON.parse(found.textContent));
