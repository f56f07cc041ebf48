// See it live: the camera's moving picture with what its box recognises, and what the rules as they are drawn here, saved or
// not, would do. Nothing of it is stored, and no alert is raised. Ends when the page is closed, pauses while it is hidden.

import { byId, h, setAttribute, setText } from "./dom.js";
import { LiveDrawing } from "./live-drawing.js";
import { LiveSocket } from "./live-socket.js";
import { stateMark } from "./live-words.js";
import { nameOf, say } from "./words.js";

const SETTLE_MS = 300; // edits are sent when they have settled
const LATE_MS = 4000; // without a message for so long nothing is live
const FLASH_MS = 3000;
const SPOKEN_MS = 8000; // of what fires, something is said no more often
const MOST_TOLD = 5;
// Why nothing, or not all, is to be seen: the way to the hub, what the hub knows of the box, what the box answered, what cannot
// be tried of the draft, the camera, its picture.
const CALM = { socket: "", box: "", refused: "", draft: "", camera: "", view: "" };
const SENT = ["name", "roi_type", "coordinates", "enabled", "priority"];

export class Live {
  #on = false;
  #number = 0;
  #rois = null; // as they were sent last
  #states = new Map(); // rule's code → its newest state
  #problems = new Map(); // rule's code, or region's → why it is not tried
  #fired = new Map(); // rule's code → when, for the flash
  #timer = 0;
  #heard = 0; // when the latest message came; its picture's age then
  #age = null;
  #times = []; // of the latest pictures
  #spoke = -Infinity;
  #trouble = { ...CALM };

  constructor(editor, data) {
    this.editor = editor;
    this.labels = new Map(data.algorithms.map(({ code, label }) => [code, label]));
    this.button = byId("editor-live");
    this.chip = byId("editor-live-state");
    this.rate = byId("editor-live-rate");
    this.log = byId("editor-live-log");
    this.drawing = new LiveDrawing(editor);
    this.socket = new LiveSocket(data.camera.camera_id, {
      onMessage: (message) => this.#take(message), onPreview: (head, jpeg) => this.#show(head, jpeg), onState: (word, why) => this.#connected(word, why),
    });
    this.button.addEventListener("click", () => this.toggle());
    editor.model.subscribe((state, before, moving) => {
      if (this.#on && !moving && state.rois !== this.#rois) this.#later();
    });
    document.addEventListener("visibilitychange", () => this.#on && (document.hidden ? this.#pause() : this.#begin()));
    addEventListener("pagehide", () => this.socket.close());
    setInterval(() => this.#on && this.#draw(), 500);
  }

  get on() { return this.#on; }

  toggle() {
    this.#on = !this.#on;
    const { speak, stage } = this.editor;
    setAttribute(this.button, "aria-pressed", this.#on);
    stage.element.classList.toggle("ed-is-live", this.#on);
    byId("editor").classList.toggle("ed-live-on", this.#on);
    if (this.#on) this.#begin();
    else this.#end();
    speak(say(this.#on ? "live_on" : "live_off"));
  }

  #begin() {
    this.#trouble = { ...CALM };
    this.#heard = performance.now();
    this.#age = null;
    this.socket.open();
    this.#draw();
  }

  #pause() {
    this.socket.close();
    this.#draw();
  }

  #end() {
    this.socket.close();
    clearTimeout(this.#timer);
    this.#states.clear();
    this.#problems.clear();
    this.#fired.clear();
    this.log.replaceChildren();
    this.drawing.clear();
    this.editor.binds.drawLive();
  }

  // What is told of a rule, for its row: {tone, shape, text}; null when nothing is shown.
  told(roi, index) {
    if (!this.#on) return null;
    const bind = roi.binds[index], code = this.#code(roi, index);
    const problem = this.#problems.get(code) ?? this.#problems.get(this.#id(roi));
    if (problem) return { tone: "warn", shape: "triangle", text: say("live_left_out", { problem }) };
    if (!bind.enabled || !roi.enabled) return { tone: "off", shape: "ring", text: say("live_switched_off") };
    const state = this.#states.get(code);
    if (!state) return null;
    const mark = stateMark(state);
    return this.#flashes(code) ? { ...mark, tone: "bad", shape: "diamond", text: say("live_fired", { state: mark.text }) } : mark;
  }

  #flashes(code) { return performance.now() - (this.#fired.get(code) ?? -Infinity) < FLASH_MS; }

  #id(roi) { return this.editor.model.idOf(roi) ?? roi.key; }
  #code(roi, index) { return `${this.#id(roi)}#${index}`; }

  // Drafts

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), SETTLE_MS);
  }

  #send() {
    const { rois } = this.editor.model.state;
    this.#number += 1;
    this.#rois = rois;
    const rows = rois.map((roi) => ({
      roi_id: this.#id(roi), ...Object.fromEntries(SENT.map((name) => [name, roi[name]])), binds: (roi.binds ?? []).map((bind) => ({ ...bind, bind_id: null })),
    }));
    this.socket.send({ type: "draft", draft: this.#number, rois: rows, language: document.documentElement.lang });
  }

  // What comes

  #connected(word, why) {
    this.#trouble.socket = word === "open" ? "" : say(`live_${why}`);
    if (word === "open") this.#send();
    this.#draw();
  }

  #take({ type, problem = "", problems = [], draft }) {
    if (type === "hello" || type === "pulse") this.#trouble.box = problem;
    if (type === "checked" && draft === this.#number) {
      this.#problems = new Map(problems.map(({ roi_id: id, field, message }) => [ruleOf(id, field), message]));
      const general = problems.filter(({ roi_id: id }) => !id).map(({ message }) => message);
      this.#trouble.draft = general.join(" ");
    }
    if (type === "refused") this.#trouble.refused = problem;
    this.#draw();
  }

  #show(head, jpeg) {
    this.socket.send({ type: "seen" });
    this.#heard = performance.now();
    this.#trouble.refused = head.problem;
    this.#trouble.camera = head.camera === "lost" ? say("live_camera_lost", { reason: head.reason }) : head.camera === "connecting" ? say("live_camera_connecting") : "";
    this.#note(head.fired);
    if (head.age_s !== null) this.#look(head, jpeg);
    this.#draw();
  }

  #look(head, jpeg) {
    this.#trouble.view = head.view ? say(`live_view_${head.view}`) : "";
    this.#age = head.age_s;
    this.#times = [...this.#times, performance.now()].slice(-10);
    this.#states = new Map(head.states.map((state) => [state.bind_id, state]));
    if (!this.editor.frame.has) this.editor.stage.setPicture(head.width, head.height);
    this.drawing.show({ ...head, rules: this.#rules() }, jpeg);
  }

  #rules() {
    return this.editor.model.state.rois.flatMap((roi) => (roi.binds ?? []).map((bind, index) => {
      const code = this.#code(roi, index), state = this.#states.get(code);
      return state ? { roi, label: this.labels.get(bind.algo_code) ?? bind.algo_code, state, fired: this.#flashes(code) } : null;
    })).filter(Boolean);
  }

  #note(fired) {
    for (const { bind_id: code, phase, ago_s: ago } of fired) {
      if (phase !== "started") continue;
      this.#fired.set(code, performance.now());
      const found = this.#find(code);
      if (!found) continue;
      const what = { rule: this.labels.get(found.bind.algo_code) ?? found.bind.algo_code, name: nameOf(found.roi) };
      const at = new Date(Date.now() - ago * 1000).toLocaleTimeString([], { hour12: false });
      this.log.prepend(h("li", {}, h("span", { class: "ed-age" }, at), ` ${say("live_would_raise", what)}`));
      while (this.log.children.length > MOST_TOLD) this.log.lastElementChild.remove();
      if (performance.now() - this.#spoke > SPOKEN_MS) {
        this.#spoke = performance.now();
        this.editor.speak(say("live_would_raise", what));
      }
    }
  }

  #find(code) {
    for (const roi of this.editor.model.state.rois) {
      const index = (roi.binds ?? []).findIndex((_, i) => this.#code(roi, i) === code);
      if (index >= 0) return { roi, bind: roi.binds[index] };
    }
    return null;
  }

  // What is seen of it beside the picture

  #mark() {
    const { socket, box, refused, camera, view } = this.#trouble, draft = refused || this.#trouble.draft;
    if (document.hidden) return ["off", "ring", say("live_paused")];
    if (socket) return ["bad", "triangle", socket];
    const late = performance.now() - this.#heard > LATE_MS;
    if (box && (late || this.#age === null)) return ["bad", "triangle", box];
    if (draft && this.#age === null) return ["bad", "triangle", draft];
    if (late) return ["bad", "triangle", say("live_no_answer")];
    if (camera) return ["bad", "triangle", camera];
    if (this.#age === null) return ["busy", "half", say("live_waiting")];
    if (draft) return ["warn", "triangle", draft];
    return view ? ["warn", "triangle", view] : ["good", "dot", say("live_now")];
  }

  #draw() {
    const [tone, shape, word] = this.#mark();
    setAttribute(this.chip, "data-tone", tone);
    setAttribute(this.chip, "data-shape", shape);
    setText(this.chip, word);
    if (this.said !== word && (tone === "bad" || tone === "warn")) this.editor.speak(word);
    this.said = word;
    this.editor.stage.element.classList.toggle("ed-live-late", tone === "bad" || document.hidden);
    setText(this.rate, this.#rateText());
    this.editor.binds.drawLive();
  }

  #rateText() {
    if (this.#age === null) return "";
    const now = performance.now(), recent = this.#times.filter((at) => now - at < 3000);
    const age = this.#age + (now - (this.#times.at(-1) ?? now)) / 1000;
    const rate = recent.length > 1 ? ((recent.length - 1) * 1000) / Math.max(recent.at(-1) - recent[0], 1) : 0;
    return say("live_rate", { rate: rate.toFixed(1), age: age.toFixed(1) });
  }
}

const BIND = /^binds\.(\d+)/;
const ruleOf = (id, field) => (BIND.test(field) ? `${id}#${BIND.exec(field)[1]}` : id);
