// Saving: whether it can be, how it went, and what to do when somebody else was faster.

import { problemsOf } from "./geometry.js";
import { byId, setAttribute, setText } from "./dom.js";
import { newKey } from "./model.js";
import { merge, resolve } from "./merge.js";
import { count, nameOf, problemText, say } from "./words.js";

const SENT = ["name", "roi_type", "coordinates", "color", "enabled", "priority", "mask"];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export class Saving {
  #told = ""; // the revision of somebody else's that was told of

  constructor(editor, { revision, askConflict }) {
    Object.assign(this, { editor, revision, askConflict });
    this.button = byId("editor-save");
    this.discard = byId("editor-discard");
    this.status = byId("editor-unsaved");
    this.banner = byId("editor-banner");
    this.pending = byId("editor-pending");
    this.button.addEventListener("click", () => this.save());
    this.discard.addEventListener("click", () => this.#discard());
    editor.model.subscribe((state, before, moving) => this.#changed(state, before, moving));
    editor.ui.subscribe(() => this.draw());
  }

  #changed(state, before, moving) {
    this.#clearFaults(state);
    if (!moving) this.draw();
  }

  // A complaint of the server is about the region as it was sent.
  #clearFaults({ rois }) {
    const { ui } = this.editor;
    const kept = [...ui.errors].filter(([key]) => rois.includes(this.blamed?.get(key)));
    if (kept.length !== ui.errors.size) ui.set({ errors: new Map(kept) });
  }

  // What cannot be saved, first of all: {reason, show()}; null when everything can.
  #obstacle() {
    const { model, binds } = this.editor;
    const [roi] = model.problems;
    if (roi) return { reason: say("not_ready", { name: nameOf(roi), problem: problemText(problemsOf(roi)[0]) }), show: () => model.select([roi.key]) };
    const found = binds?.firstProblem;
    return found ? { reason: say("not_ready", { name: nameOf(found.roi), problem: found.text }), show: () => binds.show(found) } : null;
  }

  draw() {
    const { model, ui } = this.editor;
    const { dirty } = model;
    const reason = dirty ? (this.#obstacle()?.reason ?? "") : "";
    this.button.disabled = !dirty || reason !== "" || ui.saving;
    this.discard.disabled = !dirty || ui.saving;
    setText(this.status, ui.saving ? say("saving") : reason || (dirty ? count("unsaved", model.changes) : say("all_saved")));
    this.status.classList.toggle("ed-bad", reason !== "");
    document.title = document.title.replace(/^(\* )?/, dirty ? "* " : "");
  }

  #discard() {
    const { model, speak } = this.editor;
    model.commit((state) => ({ ...state, rois: model.stored, selection: { keys: [], points: [] } }), { label: "discarded" });
    speak(say("discarded"));
  }

  say(text, tone = "bad") {
    setText(this.banner.firstElementChild, text);
    setAttribute(this.banner, "data-tone", tone);
    setAttribute(this.banner, "hidden", text === "");
  }

  // Told as soon as it is known, not only when saving: what is there now is of somebody else.
  seen(revision) {
    const { ui, model, speak } = this.editor;
    if (!revision || ui.saving || revision === this.revision || revision === this.#told) return;
    this.#told = revision;
    this.say(say(model.dirty ? "others_saved_too" : "others_saved"), "warn");
    speak(this.banner.textContent);
  }

  // What is sent of a region; bindings only when they were changed here, so that nobody else's are overwritten.
  #row(roi) {
    const { model } = this.editor;
    const stored = model.stored.find((one) => one.key === roi.key);
    const row = { roi_id: model.idOf(roi) };
    for (const name of SENT) row[name] = roi[name];
    if (!stored) row.binds = (roi.binds ?? []).map((bind) => ({ ...bind, bind_id: null }));
    else if (!same(stored.binds, roi.binds)) row.binds = withIds(roi.binds, stored.binds);
    return row;
  }

  // True when everything is stored.
  async save() {
    const { model, ui, server, drawing, speak } = this.editor;
    if (ui.saving || ui.readonly) return false;
    drawing.cancel();
    if (!model.dirty) return true;
    const obstacle = this.#obstacle();
    if (obstacle) {
      speak(obstacle.reason);
      obstacle.show();
      return false;
    }
    const { rois } = model.state;
    ui.set({ saving: true });
    this.say("");
    const answer = await server.save(this.revision, rois.map((roi) => this.#row(roi)));
    ui.set({ saving: false });
    if (answer.ok) return this.#stored(answer.data, rois);
    if (answer.status === 409) return this.#conflict(answer.data.current);
    if (answer.status === 422) return this.#refused(answer.data, rois);
    this.say(say(answer.status === 0 ? "no_answer" : answer.status === 401 ? "logged_out" : answer.status === 403 ? "not_allowed" : "save_failed"));
    return false;
  }

  #stored(data, sent) {
    const { model, ui, speak } = this.editor;
    this.revision = data.revision;
    const untouched = model.state.rois === sent;
    const stored = model.load(data.rois, newIds(model, data.rois, sent));
    if (untouched) model.replace(stored);
    ui.set({ errors: new Map() });
    this.showPending(data.publish);
    this.say(data.publish?.problem ? say("publish_problem", { problem: data.publish.problem }) : "", "warn");
    this.draw();
    speak(say("saved"));
    return !model.dirty;
  }

  showPending(publish) {
    setAttribute(this.pending, "hidden", !publish?.pending);
    if (publish?.url) this.pending.querySelector("a").href = publish.url;
    this.editor.publishing?.stored(publish);
  }

  #refused(data, sent) {
    const { model, ui, speak } = this.editor;
    const errors = new Map();
    this.blamed = new Map();
    const general = [];
    for (const { index, field, message } of data?.errors ?? []) {
      const roi = sent[index];
      if (!roi) general.push(message);
      else {
        errors.set(roi.key, [...(errors.get(roi.key) ?? []), { field: field ?? "", message }]);
        this.blamed.set(roi.key, roi);
      }
    }
    ui.set({ errors });
    const texts = [...errors].map(([key, [{ message }]]) => `${nameOf(sent.find((roi) => roi.key === key))}: ${message}`);
    this.say([data?.detail ?? say("save_failed"), ...general, ...texts].join(" "));
    const first = [...errors.keys()][0];
    if (first) model.select([first]);
    speak(this.banner.textContent);
    return false;
  }

  // Somebody saved meanwhile: put both together, ask where both changed the same thing, and save again.
  async #conflict(current) {
    const { model } = this.editor;
    this.#told = current.revision;
    const theirs = model.keyed(current.rois), base = model.stored;
    const merged = merge(base, model.state.rois, theirs);
    const { answer, choices } = await this.askConflict(merged);
    if (!answer) {
      this.say(say("conflict_open"), "warn");
      return false;
    }
    const copy = (roi) => ({ ...roi, key: newKey(), roi_id: null, name: say("copy_name", { name: nameOf(roi) }), binds: (roi.binds ?? []).map((bind) => ({ ...bind, bind_id: null })) });
    const ordered = (rois) => rois.toSorted((a, b) => b.priority - a.priority);
    const rois = ordered(resolve(merged, choices, copy));
    this.revision = current.revision;
    model.load(current.rois);
    model.rebase((mine) => ordered(merge(base, mine, theirs).rois));
    if (!same(rois, model.state.rois)) model.commit((state) => ({ rois, selection: { keys: state.selection.keys.filter((key) => rois.some((roi) => roi.key === key)), points: [] } }), { label: "merged" });
    this.draw();
    return answer === "save" ? this.save() : false;
  }
}

// Which of the answer's regions are those that were made here: the ones whose ID was not known, by content and order.
function newIds(model, rois, sent) {
  const known = new Set(sent.map((roi) => model.idOf(roi)).filter(Boolean));
  const text = (roi) => JSON.stringify([roi.name, roi.roi_type, roi.coordinates, roi.color, roi.priority, roi.mask]);
  const made = sent.filter((roi) => model.idOf(roi) === null);
  const keys = new Map();
  for (const roi of rois.filter(({ roi_id: id }) => !known.has(id))) {
    const at = Math.max(made.findIndex((one) => text(one) === text(roi)), made.length ? 0 : -1);
    if (at >= 0) keys.set(roi.roi_id, made.splice(at, 1)[0].key);
  }
  return keys;
}

// Undo and redo bring back bindings that are stored no more, or that were not yet: each has an identifier only if it is stored
// now; one that is the same but for its identifier is that one.
function withIds(binds, stored) {
  const text = ({ bind_id: _, ...rest }) => JSON.stringify(rest);
  const free = stored.filter((bind) => !binds.some((one) => one.bind_id === bind.bind_id));
  return binds.map((bind) => {
    if (stored.some((one) => one.bind_id === bind.bind_id)) return bind;
    const at = free.findIndex((one) => text(one) === text(bind));
    return { ...bind, bind_id: at < 0 ? null : free.splice(at, 1)[0].bind_id };
  });
}
