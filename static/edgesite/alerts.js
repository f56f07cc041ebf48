// The list of alerts: keys, choosing, and rows that change when somebody acts anywhere.

import { act, keys, listen, page, say, showBanner, told } from "./alerts/shared.js";

const RENEW_MS = 700; // a storm of alerts asks no more often than this
const rows = document.getElementById("alerts-rows");
const changed = new Set();
let timer = 0;
let unknown = false;
let current = null;

const all = () => [...(rows?.querySelectorAll(".alert-row") ?? [])];
const rowOf = (eventId) => all().find((row) => row.dataset.event === eventId);

function later() {
  timer ||= setTimeout(renew, RENEW_MS);
}

async function renew() {
  timer = 0;
  const ids = [...changed];
  changed.clear();
  const query = new URLSearchParams(page.query);
  query.set("ids", ids.join(","));
  if (unknown && page.first_page) query.set("newest", page.newest ?? 0);
  unknown = false;
  try {
    const answer = await fetch(`${page.rows_url}?${query}`, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) return;
    const data = await answer.json();
    for (const [eventId, html] of Object.entries(data.rows)) swap(eventId, html);
    if (data.newer > 0) offerNewer(data.newer);
  } catch {
    showBanner(say("failed"), "warn");
  }
}

function swap(eventId, html) {
  const row = rowOf(eventId);
  if (!row) return;
  const part = document.createElement("template");
  part.innerHTML = html;
  const fresh = part.content.firstElementChild;
  const box = fresh.querySelector("input[name=ids]");
  if (box) box.checked = row.querySelector("input[name=ids]")?.checked ?? false;
  row.replaceWith(fresh);
  fresh.classList.add("is-changed");
  if (current === row) mark(fresh, false);
  countChosen();
}

function offerNewer(n) {
  showBanner("");
  const banner = document.getElementById("alerts-banner");
  const link = document.createElement("a");
  link.href = page.query ? `?${page.query}` : ".";
  link.id = "alerts-newer";
  link.textContent = say("newer", { n: n > 99 ? "99+" : n });
  banner.append(link);
  banner.hidden = false;
}

listen({
  onAlert(message) {
    const row = rowOf(message.event_id);
    if (row) {
      const before = { state: row.dataset.state, assignee: row.dataset.assignee, escalated: "escalated" in row.dataset };
      const text = told(before, message);
      if (text) showBanner(`${row.querySelector(".alert-what a").textContent}: ${text}`);
      changed.add(message.event_id);
    } else {
      unknown = true;
    }
    if (row || page.first_page) later();
  },
  onBack() {
    all().slice(0, 100).forEach((row) => changed.add(row.dataset.event));
    unknown = true;
    later();
  },
});

// Moving through the list.

function mark(row, scroll = true) {
  current?.classList.remove("is-current");
  current?.removeAttribute("aria-current");
  current = row;
  if (!row) return;
  row.classList.add("is-current");
  row.setAttribute("aria-current", "true");
  const link = row.querySelector(".alert-what a");
  link.focus({ preventScroll: true });
  if (scroll) row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const list = all();
  if (list.length === 0) return;
  const at = list.indexOf(current);
  mark(list[at < 0 ? 0 : Math.min(Math.max(at + by, 0), list.length - 1)]);
}

function choose() {
  const box = current?.querySelector("input[name=ids]");
  if (!box) return;
  box.checked = !box.checked;
  countChosen();
}

async function acknowledge() {
  const row = current;
  if (!row?.querySelector("input[name=ids]")) return;
  const problem = await act(row.dataset.act, { do: "ack" });
  showBanner(problem, problem ? "warn" : "");
  changed.add(row.dataset.event);
  later();
}

function open(hash = "") {
  const link = current?.querySelector(".alert-what a");
  if (link) location.href = link.href + hash;
}

keys({
  j: () => move(1),
  k: () => move(-1),
  Enter: () => open(),
  o: () => open(),
  x: choose,
  a: acknowledge,
  r: () => open("#resolve"),
});

// Choosing.

const everything = document.getElementById("alerts-all");
const counter = document.getElementById("alerts-chosen");

function countChosen() {
  if (!everything) return;
  const boxes = [...rows.querySelectorAll("input[name=ids]")];
  const chosen = boxes.filter((box) => box.checked).length;
  everything.checked = chosen > 0 && chosen === boxes.length;
  everything.indeterminate = chosen > 0 && chosen < boxes.length;
  counter.textContent = chosen > 0 ? String(chosen) : "";
}

everything?.addEventListener("change", () => {
  for (const box of rows.querySelectorAll("input[name=ids]")) box.checked = everything.checked;
  countChosen();
});
rows?.addEventListener("change", countChosen);
rows?.addEventListener("focusin", (event) => {
  const row = event.target.closest(".alert-row");
  if (row && row !== current && event.target.matches(".alert-what a")) mark(row, false);
});
countChosen();
