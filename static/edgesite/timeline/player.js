// Plays a camera's recording from any moment: it asks for one minute after the other, the next while one plays.

import { ask, ready, Refusal } from "./server.js";
import { mediaOf, nextRecorded, wallOf } from "./spans.js";
import { hms, say } from "./words.js";

const CHUNK = 60;
const AHEAD = 40; // seconds before the end of one the next is asked for
const LIVE = 180; // so near to the present an extract ends with what is recorded already

export class Player {
  // day: gives the shown day. on: {moved(at), said(text), preparing(text, percent or null)}.
  constructor(video, day, on) {
    this.video = video;
    this.day = day;
    this.on = on;
    this.extract = null; // that plays
    this.turn = 0; // a newer wish ends the wait for an older one
    this.own = null; // the day that plays; another one may be shown
    this.asked = 0; // the beginning of what was asked for ahead
    video.addEventListener("timeupdate", () => this.#moved());
    video.addEventListener("seeking", () => this.#moved());
    video.addEventListener("ended", () => this.#goOn());
    video.addEventListener("error", () => {
      if (this.extract) on.said(say("not_played"));
    });
  }

  get playing() {
    const shown = this.day();
    return this.own && this.own.date !== shown.date ? this.own : shown;
  }

  get at() { return this.extract ? wallOf(this.extract, this.video.currentTime) : null; }

  // From that moment on (Unix seconds), or from the next recorded one.
  async play(asked, paused = false) {
    const turn = ++this.turn;
    this.own = this.day().begin <= asked && asked < this.day().end ? this.day() : this.playing;
    const { spans } = this.own;
    const at = nextRecorded(spans, asked);
    if (at === null) {
      this.video.pause();
      this.on.preparing("", null);
      this.on.said(say("over", { time: hms(spans.length ? spans.at(-1)[1] : asked) }));
      return;
    }
    this.on.said(at - asked > 2 ? say("skipped", { asked: hms(asked), time: hms(at) }) : "");
    this.on.moved(at);
    if (this.extract && this.extract.begin <= at && at < this.extract.end - 0.2) {
      this.on.preparing("", null);
      this.#seek(at, paused);
      return;
    }
    const [begin, end] = this.#chunk(at);
    try {
      const extract = await ready(begin, end, (told) => {
        const name = told.progress > 0 ? "preparing_share" : "preparing";
        this.on.preparing(say(name, { time: hms(at), percent: told.progress }), told.progress);
      }, () => turn === this.turn);
      if (!extract || turn !== this.turn) return;
      this.on.preparing("", null);
      this.extract = extract;
      this.video.hidden = false;
      this.video.src = extract.url;
      this.#seek(at, paused);
    } catch (error) {
      if (turn !== this.turn) return;
      this.on.preparing("", null);
      this.on.said(error instanceof Refusal ? error.message : say("no_answer"));
    }
  }

  // The whole minute, or what there is of the present one.
  #chunk(at) {
    const begin = Math.floor(at / CHUNK) * CHUNK;
    const { spans, now } = this.playing;
    const last = spans.at(-1)[1];
    const end = now - last < LIVE ? Math.min(begin + CHUNK, Math.floor(last)) : begin + CHUNK;
    return [begin, Math.max(end, Math.ceil(at + 1))];
  }

  #seek(at, paused) {
    const { video, extract } = this;
    const go = () => {
      if (this.extract !== extract) return;
      video.currentTime = mediaOf(extract, at);
      if (!paused) video.play().catch(() => {}); // the browser may want a click: its own button is there
    };
    if (video.readyState >= 1) go();
    else video.addEventListener("loadedmetadata", go, { once: true });
  }

  #moved() {
    if (!this.extract || this.video.readyState < 1) return;
    this.on.moved(this.at);
    if (!this.video.paused && this.video.duration - this.video.currentTime < AHEAD) this.#prepareNext();
  }

  // What is asked for now is ready when it is asked for again.
  #prepareNext() {
    const at = nextRecorded(this.playing.spans, this.extract.end);
    if (at === null) return;
    const [begin, end] = this.#chunk(at);
    if (end - begin < CHUNK || this.asked === begin) return;
    this.asked = begin;
    ask(begin, end, "play").catch(() => {}); // its time will tell
  }

  // The film is over: what comes after it, which may not be there yet.
  #goOn() {
    const { spans, now } = this.playing;
    const end = this.extract.end;
    if (nextRecorded(spans, end) === null && spans.length && now - spans.at(-1)[1] < LIVE) {
      this.waiting = end;
      this.on.said(say("caught_up"));
      return;
    }
    this.play(end);
  }

  // There may be more of the day now.
  grown() {
    if (this.waiting === undefined || !this.video.ended) return;
    if (nextRecorded(this.playing.spans, this.waiting) === null) return;
    const from = this.waiting;
    this.waiting = undefined;
    this.play(from);
  }
}
