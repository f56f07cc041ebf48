// The picture beneath the shapes: asked from the edge, with its age and size; the last one, greyed, when none comes.

import { byId, setAttribute, setText } from "./dom.js";
import { ago, say } from "./words.js";

const OLD_S = 30; // a picture older than this is not "now" any more
const SOON_MS = 1500, MOST_SOON = 12; // a camera that its box is just taking up is asked for again by itself

export class FrameView {
  #frame = null;
  #waiting = false;
  #problem = "";
  #soon = 0; // how often it was asked again

  constructor({ stage, server, speak }, { frame, camera }) {
    Object.assign(this, { stage, server, speak, camera });
    this.image = byId("editor-picture");
    this.chip = byId("editor-frame-state");
    this.age = byId("editor-frame-age");
    this.button = byId("editor-refresh");
    this.nothing = byId("editor-no-picture");
    this.button.addEventListener("click", () => this.refresh(true));
    this.#problem = camera.state === "live" ? "" : camera.state_text;
    if (frame) this.#show(frame);
    this.draw();
    setInterval(() => this.#tick(), 1000);
  }

  get has() { return this.#frame !== null; }

  async #show(frame) {
    const image = new Image();
    image.src = frame.url;
    try {
      await image.decode();
    } catch {
      this.#problem ||= say("frame_unreadable");
      return this.draw();
    }
    this.#frame = frame;
    this.image.src = frame.url;
    this.stage.setPicture(frame.width || image.naturalWidth, frame.height || image.naturalHeight);
    return this.draw();
  }

  async refresh(asked = false) {
    if (this.#waiting) return;
    this.#waiting = true;
    this.draw();
    const answer = await this.server.frame();
    this.#waiting = false;
    if (answer.soon && this.#soon < MOST_SOON) return this.#again(asked);
    this.#soon = 0;
    if (answer.state === "ready") {
      this.#problem = "";
      await this.#show(answer);
    } else this.#problem = answer.message || say("frame_failed");
    this.draw();
    if (asked) this.speak(this.#problem || say("frame_new"));
    return undefined;
  }

  #again(asked) {
    this.#soon += 1;
    setTimeout(() => this.refresh(asked), SOON_MS);
  }

  draw() {
    const [tone, shape, word] = this.#mark();
    setAttribute(this.chip, "data-tone", tone);
    setAttribute(this.chip, "data-shape", shape);
    setText(this.chip, word);
    setAttribute(this.image, "hidden", !this.#frame);
    this.stage.element.classList.toggle("ed-stale", this.#frame !== null && this.#problem !== "");
    this.stage.element.classList.toggle("ed-empty", !this.#frame);
    setAttribute(this.nothing, "hidden", this.#frame !== null);
    setText(this.nothing, this.#waiting || this.#soon ? say("frame_waiting_long") : say("frame_none"));
    setAttribute(this.button, "aria-disabled", this.#waiting ? "true" : null);
    this.#tick();
  }

  #mark() {
    if (this.#waiting || this.#soon) return ["busy", "half", say("frame_waiting")];
    if (this.#problem) return ["bad", "triangle", this.#problem];
    if (!this.#frame) return ["off", "ring", say("frame_no")];
    return this.#old ? ["off", "ring", say("frame_old")] : ["good", "dot", say("frame_now")];
  }

  get #old() { return this.#frame !== null && this.server.age(this.#frame.at) > OLD_S; }

  #tick() {
    if (!this.#frame) return setText(this.age, "");
    const { at, width, height } = this.#frame;
    setText(this.age, `${width} × ${height} · ${ago(this.server.age(at))}`);
    setAttribute(this.age, "title", new Date(at).toLocaleString());
    if (!this.#waiting && !this.#soon && !this.#problem) {
      const [tone, shape, word] = this.#mark();
      setAttribute(this.chip, "data-tone", tone);
      setAttribute(this.chip, "data-shape", shape);
      setText(this.chip, word);
    }
    return undefined;
  }
}
