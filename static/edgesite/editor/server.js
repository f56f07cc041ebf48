// Talking to the hub. Every answer is {ok, status, data}; a network that is gone is status 0.

const TRIES = 24; // the hub gives the box five seconds; a little more for the way
const EVERY_MS = 300;

export class Server {
  // base: the page's own URL, ending in a slash.
  constructor(base, token) {
    this.base = base;
    this.token = token;
    this.offset = 0; // milliseconds that the hub's clock is ahead of this computer's
  }

  async #call(method, path, body) {
    const headers = { Accept: "application/json", "X-CSRFToken": this.token };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      const answer = await fetch(this.base + path, { method, headers, body: sent, credentials: "same-origin", redirect: "manual" });
      if (answer.type === "opaqueredirect") return { ok: false, status: 401, data: null };
      const date = Date.parse(answer.headers.get("Date") ?? "");
      if (Number.isFinite(date)) this.offset = date - Date.now();
      return { ok: answer.ok, status: answer.status, data: await answer.json().catch(() => null) };
    } catch {
      return { ok: false, status: 0, data: null };
    }
  }

  load() { return this.#call("GET", "data"); }
  save(revision, rois) { return this.#call("PUT", "data", { revision, rois }); }
  publishState() { return this.#call("GET", "publish"); }
  publishChanges() { return this.#call("GET", "publish?changes"); }
  publish(expected, reason) { return this.#call("POST", "publish", { expected, reason }); }
  copy(roiIds, cameraIds) { return this.#call("POST", "copy", { roi_ids: roiIds, camera_ids: cameraIds }); }

  // A new picture from the edge: {state: "ready", url, at, width, height} or {state: "error", message, soon}.
  async frame() {
    const asked = await this.#call("POST", "frame", {});
    if (!asked.ok || !asked.data?.request_id) return { state: "error", message: asked.data?.detail ?? "" };
    for (let i = 0; i < TRIES; i++) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      const { ok, data } = await this.#call("GET", `frame/${encodeURIComponent(asked.data.request_id)}`);
      if (!ok) return { state: "error", message: data?.detail ?? "" };
      if (data?.state !== "waiting") return data ?? { state: "error", message: "" };
    }
    return { state: "error", message: "" };
  }

  // How long ago a time of the hub's was, in seconds.
  age(at) {
    return Math.max((Date.now() + this.offset - Date.parse(at)) / 1000, 0);
  }
}
