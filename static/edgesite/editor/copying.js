// Copies stored regions with their rules to other cameras.

import { selected } from "./commands.js";
import { ask, byId, h, setText } from "./dom.js";
import { count, nameOf, say } from "./words.js";

export class Copying {
  constructor(editor, { cameras, saving }) {
    Object.assign(this, { editor, cameras, saving });
    this.dialog = byId("editor-copy-dialog");
    this.filter = byId("editor-copy-filter");
    this.list = byId("editor-copy-list");
    this.problem = byId("editor-copy-problem");
    this.list.append(...cameras.map(({ camera_id: id, name }) => h("li", {}, h("label", {}, h("input", { type: "checkbox", value: id }), h("span", {}, name === id ? name : `${name} (${id})`)))));
    this.filter.addEventListener("input", () => this.#narrow());
    this.list.addEventListener("change", () => this.#draw());
  }

  #narrow() {
    const wanted = this.filter.value.trim().toLowerCase();
    for (const row of this.list.children) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  }

  get #chosen() { return [...this.list.querySelectorAll("input:checked")].map((box) => box.value); }

  #draw() {
    byId("editor-copy-go").disabled = this.#chosen.length === 0;
  }

  // What is not stored cannot be copied: it is saved first, when that is wanted.
  async open() {
    const { model, server, speak } = this.editor;
    const rois = selected(model.state);
    if (!rois.length) return;
    setText(byId("editor-copy-what"), rois.map(nameOf).join(", "));
    setText(this.problem, this.cameras.length ? (model.dirty ? say("copy_saves") : "") : say("copy_no_cameras"));
    this.#draw();
    if ((await ask(this.dialog)) !== "copy") return;
    const cameras = this.#chosen;
    if (model.dirty && !(await this.saving.save())) return;
    const ids = rois.map((roi) => model.idOf(roi)).filter(Boolean);
    const { ok, data } = await server.copy(ids, cameras);
    for (const box of this.list.querySelectorAll("input:checked")) box.checked = false;
    const reasons = (data?.errors ?? []).map(({ message }) => message).join(" ");
    this.saving.say(ok ? count("copied", data.copied) : [data?.detail ?? say("copy_failed"), reasons].join(" "), ok ? "good" : "bad");
    speak(ok ? count("copied", data.copied) : this.saving.banner.textContent);
  }
}
