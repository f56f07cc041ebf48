// Talking to the hub. What goes wrong is an Error whose message is for the reader, "" where there is nothing to say.

import { page } from "./words.js";

const root = document.getElementById("timeline");
const EVERY_MS = 500;
const NO_ANSWERS = 10; // in a row, until a wait for an extract ends

async function call(path, body) {
  const headers = { Accept: "application/json" };
  if (body) {
    headers["Content-Type"] = "application/json";
    headers["X-CSRFToken"] = root.querySelector("[name=csrfmiddlewaretoken]").value;
  }
  const answer = await fetch(root.dataset.base + path, {
    method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), cache: "no-store",
    credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(10000),
  });
  const data = await answer.json();
  if (answer.status === 401) location.assign(`${page.login}?next=${encodeURIComponent(location.pathname)}`);
  if (!answer.ok) throw new Refusal(data.detail ?? "");
  return data;
}

export class Refusal extends Error {}

export function day(date) { return call(`day?date=${encodeURIComponent(date)}`); }
export function ask(begin, end, purpose, hiding = {}) { return call("extracts", { begin, end, purpose, ...hiding }); }

// An extract that can be played, or a Refusal. onProgress: is told of it meanwhile. wanted: false ends the wait with null.
export async function ready(begin, end, onProgress, wanted) {
  let extract = await ask(begin, end, "play");
  let silent = 0;
  while (wanted()) {
    if (extract.state === "ready") return extract;
    if (extract.state === "failed") throw new Refusal(extract.message);
    onProgress(extract);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    try {
      extract = await call(`extracts/${encodeURIComponent(extract.id)}`);
      silent = 0;
    } catch (error) {
      if (error instanceof Refusal || ++silent > NO_ANSWERS) throw error;
    }
  }
  return null;
}
