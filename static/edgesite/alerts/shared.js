// What the list of alerts and an alert's page share: texts, the live socket, keys, calls.

import { connect } from "../live/socket.js";

export const page = JSON.parse(document.getElementById("alerts-data").textContent);
const banner = document.getElementById("alerts-banner");

export function say(key, values = {}) {
  return page.texts[key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function showBanner(text, tone = "") {
  banner.textContent = text;
  banner.dataset.tone = tone;
  banner.hidden = text === "";
}

// What somebody else did between two looks at an alert, in words; "" when it was nobody or oneself.
export function told(before, message) {
  const by = { acknowledged: message.acknowledged_by, resolved: message.resolved_by }[message.state];
  if (before.state !== message.state && by && by !== page.me) return say(message.state, { who: by });
  if (!before.escalated && message.escalated_at !== null) return say("escalated");
  if (before.assignee !== message.assignee && message.assignee && message.assignee !== page.me) {
    return say("assigned", { who: message.assignee });
  }
  return "";
}

// onAlert: called with each alert that is new or changed. onBack: called when the socket is there, for the first time (something
// may have happened since the page was made) and after it was lost.
export function listen({ onAlert, onBack }) {
  let away = true;
  connect({
    path: "/ws/live",
    onMessage: (message) => message.type === "event" && onAlert(message),
    onState: (state) => {
      if (state === "live" && away) {
        away = false;
        showBanner("");
        onBack();
      } else if (state !== "live") {
        away = true;
        showBanner(say(state === "ended" ? "ended" : "away"), "warn");
      }
    },
  });
}

// Calls the handler of a key that is pressed alone, outside of fields.
export function keys(handlers) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, dialog")) return;
    const handler = handlers[event.key];
    if (!handler) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    event.preventDefault();
    handler();
  });
}

export const token = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

// One step of an alert: "" when it was done, or why not.
export async function act(url, fields) {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRFToken": token() },
      body: new URLSearchParams(fields),
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(10000),
    });
    const data = await answer.json();
    return answer.ok ? "" : data.detail;
  } catch {
    return say("failed");
  }
}
