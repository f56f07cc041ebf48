// The feed of alerts, newest first; each event once.

import { absolute, ago, clock, isNumber, lasting, mark, page, say, setText } from "./words.js";
import { zoneOf } from "./tiles.js";

const KEPT = 200;
const NEW_MS = 8000;

const list = document.getElementById("feed");
const template = document.getElementById("alert-template");
const alerts = new Map();

function elementFor(eventId) {
  const known = [...list.children].find((element) => element.dataset.event === eventId);
  const element = known ?? template.content.firstElementChild.cloneNode(true);
  element.dataset.event = eventId;
  const picture = element.querySelector("img");
  picture.addEventListener("error", () => failed(element, picture));
  if (known && picture.hasAttribute("src") && picture.complete && picture.naturalWidth === 0) failed(element, picture);
  element.querySelector(".alert-picture").addEventListener("click", (event) => view(event, eventId));
  return element;
}

function failed(element, picture) {
  picture.hidden = true;
  picture.dataset.failed = picture.getAttribute("src");
  showBlank(element, say("picture_gone"));
}

function what(alert) {
  return page.algorithms[alert.algo_code] ?? alert.algo_code;
}

function ended(alert) {
  if (!isNumber(alert.whole_ended_at)) return "";
  const time = clock(alert.whole_ended_at, zoneOf(alert.camera_id));
  if (!isNumber(alert.whole_duration_s)) return say("ended", { time });
  return say("ended_after", { time, length: lasting(alert.whole_duration_s) });
}

function repeated(alert) {
  if (alert.occurrences < 2 || !isNumber(alert.last_at)) return "";
  return say("times", { n: alert.occurrences, time: clock(alert.last_at, zoneOf(alert.camera_id)) });
}

function showBlank(element, text) {
  const blank = element.querySelector(".alert-blank");
  setText(blank, text);
  blank.hidden = text === "";
}

function draw(element, alert) {
  const severity = page.severities[alert.severity] ?? page.severities.info;
  element.dataset.tone = severity.tone;
  mark(element.querySelector(".alert-severity"), severity);
  setText(element.querySelector(".alert-what span"), what(alert));
  setText(element.querySelector(".alert-roi"), alert.roi_name);
  if (page.links) element.querySelector(".alert-link").href = `/alerts/${encodeURIComponent(alert.event_id)}`;
  const where = element.querySelector(".alert-where");
  setText(where, alert.camera_name);
  where.title = alert.camera_name;
  const time = element.querySelector("time");
  time.dateTime = new Date(alert.timestamp * 1000).toISOString();
  time.title = absolute(alert.timestamp, zoneOf(alert.camera_id));
  setText(time, ago(alert.timestamp));
  const times = element.querySelector(".alert-times");
  setText(times, repeated(alert));
  times.hidden = times.textContent === "";
  const end = element.querySelector(".alert-end");
  setText(end, ended(alert));
  end.hidden = end.textContent === "";
  const state = element.querySelector(".alert-state");
  setText(state, page.alert_states[alert.state] ?? "");
  state.hidden = !(alert.state in page.alert_states);
  drawPicture(element, alert);
}

function drawPicture(element, alert) {
  const link = element.querySelector(".alert-picture");
  const picture = link.querySelector("img");
  picture.alt = say("alert_picture", { what: what(alert), roi: alert.roi_name, camera: alert.camera_name });
  if (alert.capture_url) {
    if (picture.getAttribute("src") !== alert.capture_url) picture.src = alert.capture_url;
    const gone = picture.dataset.failed === alert.capture_url;
    picture.hidden = gone;
    link.href = alert.capture_url;
    showBlank(element, gone ? say("picture_gone") : "");
    return;
  }
  picture.hidden = true;
  link.removeAttribute("href");
  if (alert.capture_problem) showBlank(element, say("picture_failed", { reason: alert.capture_problem }));
  else showBlank(element, say(alert.capture ? "picture_coming" : "picture_none"));
}

// When it came, or happened again since.
function newest(alert) {
  return Math.max(alert.received_at, alert.last_at ?? 0);
}

// Returns whether the alert was not there before, or happened again. wanted: whatever its age.
export function put(alert, wanted = false) {
  const known = alerts.get(alert.event_id);
  // Somebody did something with an alert from before the feed begins: that is no new one, unless it goes on.
  const oldest = alerts.get(list.lastElementChild?.dataset.event)?.alert;
  if (!wanted && !known && oldest && newest(alert) < oldest.received_at) return false;
  const element = known?.element ?? elementFor(alert.event_id);
  alerts.set(alert.event_id, { element, alert });
  draw(element, alert);
  if (known) {
    const again = alert.occurrences > known.alert.occurrences;
    if (again) flash(element);
    return again;
  }
  flash(element);
  list.prepend(element);
  while (list.children.length > KEPT) drop(list.lastElementChild);
  showEmpty(true);
  return true;
}

function flash(element) {
  element.classList.add("is-new");
  setTimeout(() => element.classList.remove("is-new"), NEW_MS);
}

function drop(element) {
  alerts.delete(element.dataset.event);
  element.remove();
}

// The whole state: what the server does not name any more is gone. Returns what is new, and what happened again.
export function showAll(newestFirst, seesAlerts) {
  const first = alerts.size === 0;
  const wanted = new Set(newestFirst.map((alert) => alert.event_id));
  const shown = new Set([...list.children].map((element) => element.dataset.event));
  for (const element of [...list.children]) {
    if (!wanted.has(element.dataset.event)) drop(element);
  }
  const fresh = [];
  for (const alert of [...newestFirst].reverse()) {
    const drawn = !alerts.has(alert.event_id) && shown.has(alert.event_id); // by the server
    const isNew = put(alert, true);
    const { element } = alerts.get(alert.event_id);
    if (isNew && (first || drawn)) element.classList.remove("is-new");
    else if (isNew) fresh.push(alert);
    if (list.firstElementChild !== element) list.prepend(element);
  }
  showEmpty(seesAlerts);
  return fresh;
}

function showEmpty(seesAlerts) {
  document.getElementById("no-alerts").hidden = list.children.length > 0 || !seesAlerts;
  document.getElementById("alerts-hidden").hidden = seesAlerts;
}

export function tick() {
  for (const { element, alert } of alerts.values()) setText(element.querySelector("time"), ago(alert.timestamp));
}

export function forget() {
  for (const element of [...list.children]) drop(element);
}

// The picture in full, on this page; with a modifier key the link opens as any other.
function view(event, eventId) {
  const alert = alerts.get(eventId)?.alert;
  if (!alert?.capture_url || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const dialog = document.getElementById("viewer");
  setText(dialog.querySelector("h2"), `${what(alert)} · ${alert.roi_name}`);
  setText(dialog.querySelector(".viewer-where"), `${alert.camera_name} · ${absolute(alert.timestamp, zoneOf(alert.camera_id))}`);
  dialog.querySelector("img").src = alert.capture_url;
  dialog.showModal();
}
