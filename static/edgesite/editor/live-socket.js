// The way to the camera's box for one page: comes back by itself, and is closed while nobody looks.

const ENDS = { 4401: "signed_out", 4403: "forbidden" };
const REASONS = { 4429: "no_place", 4503: "no_redis" }; // of a hub that answers
const RENEW_MS = 3000;
const LONGEST_MS = 10_000;

// A message with a picture: length of the head (4 bytes), head as JSON, JPEG (detection/core/preview.py).
export function read(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { head, jpeg: buffer.byteLength > 4 + length ? new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) : null };
}

export class LiveSocket {
  #socket = null;
  #tries = 0;
  #timers = [];

  // onMessage(message), onPreview(head, jpeg), onState("open" | "away" | "ended", why)
  constructor(camera, handlers) {
    Object.assign(this, handlers);
    this.url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws/preview/${encodeURIComponent(camera)}`;
  }

  open() {
    this.close();
    const mine = new WebSocket(this.url);
    mine.binaryType = "arraybuffer";
    this.#socket = mine;
    mine.addEventListener("message", ({ data }) => mine === this.#socket && this.#take(data));
    mine.addEventListener("close", ({ code }) => mine === this.#socket && this.#lost(code));
    this.#timers = [setInterval(() => this.send({ type: "renew" }), RENEW_MS)];
  }

  #take(data) {
    if (typeof data !== "string") {
      const { head, jpeg } = read(data);
      this.onPreview(head, jpeg);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.#tries = 0;
      this.onState("open", "");
    }
    this.onMessage(message);
  }

  #lost(code) {
    this.close();
    if (code in ENDS) return this.onState("ended", ENDS[code]);
    const wait = Math.min(LONGEST_MS, 500 * 2 ** this.#tries++) * (0.5 + Math.random() / 2);
    this.#timers = [setTimeout(() => this.open(), wait)];
    return this.onState("away", REASONS[code] ?? "no_hub");
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close() {
    const socket = this.#socket;
    this.#socket = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    socket?.close();
  }
}
