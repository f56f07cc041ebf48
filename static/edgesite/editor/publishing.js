// Publishing: what waits for the box, asking before it goes there, and following what the box makes of it.

import { byId, h, setAttribute, setText } from "./dom.js";
import { ago, say } from "./words.js";

const OFTEN_MS = 500;
const SELDOM_MS = 3000; // the box is away, or takes long
const PATIENCE_MS = 60000;
const CALM_MS = 15000; // nothing is under way: how fresh the box is, and whether somebody else saved
const SHAPES = { good: "dot", busy: "half", warn: "triangle", bad: "triangle", off: "ring" };

export class Publishing {
  #timer = 0;
  #since = 0; // when this began to be followed
  #asked = 0;

  // publish: of the page's data; may: what the person may do.
  constructor(editor, { publish, may }) {
    this.editor = editor;
    this.may = may;
    this.pending = publish.pending;
    this.state = null;
    this.box = byId("editor-publish");
    this.button = byId("editor-publish-open");
    this.dialog = byId("editor-publish-dialog");
    this.problem = byId("editor-publish-problem");
    this.reason = byId("editor-publish-reason");
    this.button.addEventListener("click", () => this.#open());
    byId("editor-publish-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#publish();
    });
    editor.model.subscribe((state, before, moving) => { if (!moving) this.draw(); });
    editor.ui.subscribe(() => this.draw());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.follow(); });
    this.follow();
  }

  // After a save: what the hub made of it.
  stored(publish) {
    this.pending = Boolean(publish?.pending);
    this.draw();
    this.follow();
  }

  follow() {
    this.#since = performance.now();
    this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    const number = ++this.#asked;
    const { ok, data } = await this.editor.server.publishState();
    if (number !== this.#asked) return;
    if (ok) {
      this.#show(data);
      this.editor.saving.seen(data.revision);
    }
    this.box.classList.toggle("ed-publish-unsure", !ok);
    if (!ok) setText(byId("editor-publish-note"), data?.detail ?? say("publish_lost"));
    const slow = !ok || data.word === "offline" || performance.now() - this.#since > PATIENCE_MS;
    if (!document.hidden) this.#timer = setTimeout(() => this.#ask(), ok && data.settled ? CALM_MS : slow ? SELDOM_MS : OFTEN_MS);
  }

  #show(state) {
    this.state = state;
    this.draw();
    const chip = byId("editor-publish-state");
    setText(chip, state.text);
    setAttribute(chip, "data-tone", state.tone);
    setAttribute(chip, "data-shape", SHAPES[state.tone]);
    setAttribute(this.box, "data-word", state.word);
    const heard = state.heard === null || state.word === "offline" ? "" : say("publish_heard", { time: ago(state.heard) });
    setText(byId("editor-publish-note"), [heard, state.on_save && say("publish_on_save")].filter(Boolean).join(" · "));
  }

  draw() {
    const { model, ui } = this.editor;
    const { state } = this;
    // Where saving publishes, nothing is left to do but what could not go, or was saved before.
    const wanted = this.pending || (model.dirty && state?.on_save === false);
    this.button.hidden = !state || !wanted;
    this.button.disabled = !state || state.why_not !== "" || ui.saving;
    setText(this.button, say(model.dirty && this.may.change ? "publish_and_save" : "publish_open"));
    const why = this.button.hidden ? "" : (state?.why_not ?? "");
    setText(byId("editor-publish-why"), why);
    byId("editor-publish-why").hidden = !why;
  }

  // What is not saved is saved first: only what is saved can be published.
  async #open() {
    const { model, saving, server, speak } = this.editor;
    if (model.dirty && !(await saving.save())) return;
    speak(say("publish_asking"));
    const { ok, data } = await server.publishChanges();
    if (!ok || (data.detail && !data.expected)) {
      saving.say(data?.detail ?? say("publish_lost"));
      return;
    }
    if (!data.changes.length) {
      saving.say(say("publish_none"), "good");
      this.stored({ pending: false });
      saving.pending.hidden = true;
      return;
    }
    this.#list(data);
    this.#complain("");
    this.reason.value = "";
    this.dialog.showModal();
    byId("editor-publish-go").focus();
  }

  #list({ changes, expected }) {
    this.expected = expected;
    byId("editor-publish-changes").replaceChildren(...changes.map(({ sign, text }) => h("li", {}, h("span", { class: "ed-sign", "aria-hidden": "true" }, sign), h("span", {}, text))));
  }

  #complain(text) {
    setText(this.problem, text);
    this.problem.hidden = !text;
  }

  async #publish() {
    const { saving, server, speak } = this.editor;
    const go = byId("editor-publish-go");
    if (go.disabled) return;
    go.disabled = true;
    const { ok, status, data } = await server.publish(this.expected, this.reason.value);
    go.disabled = false;
    if (!ok) {
      // Somebody edited meanwhile: what would go now is another list, and is asked about again.
      if (status === 409 && data?.changes) this.#list(data);
      this.#complain(data?.detail ?? say(status === 0 ? "no_answer" : "publish_failed"));
      return;
    }
    this.dialog.close();
    this.pending = false;
    saving.pending.hidden = true;
    saving.say("");
    this.#show(data);
    speak(say("publish_done", { version: data.version }));
    this.button.hidden = true;
    byId("editor-publish-says").focus({ preventScroll: true });
    this.follow();
  }
}
