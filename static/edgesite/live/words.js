// The page's words and times. Everything that is said comes from the server, in the person's language.

export const page = JSON.parse(document.getElementById("page-data").textContent);

let clockOffset = 0; // the server's clock decides what "ago" means, not this computer's

export function setServerTime(seconds) {
  clockOffset = seconds - Date.now() / 1000;
}

export function now() {
  return Date.now() / 1000 + clockOffset;
}

export function say(key, values = {}) {
  return fill(page.texts[key] ?? key, values);
}

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const UNITS = [["days_ago", 86400], ["hours_ago", 3600], ["minutes_ago", 60], ["seconds_ago", 1]];

export function ago(timestamp) {
  const age = now() - timestamp;
  for (const [key, length] of UNITS) {
    if (age >= Math.max(length, 5)) return say(key, { n: Math.floor(age / length) });
  }
  return say("just_now");
}

const LENGTHS = [["hours", 3600], ["minutes", 60], ["seconds", 1]];

// A duration: "40 s", "12 min", "3 h".
export function lasting(seconds) {
  const [key, length] = LENGTHS.find(([, one]) => seconds >= one) ?? LENGTHS.at(-1);
  return say(key, { n: Math.floor(seconds / length) });
}

const formats = new Map();

function parts(timestamp, zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  }
  const found = {};
  for (const part of formats.get(zone).formatToParts(new Date(timestamp * 1000))) found[part.type] = part.value;
  return found;
}

export function absolute(timestamp, zone) {
  const p = parts(timestamp, zone);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second} ${zone}`;
}

// "14:02", with the date in front when it was on another day.
export function clock(timestamp, zone) {
  const p = parts(timestamp, zone);
  const today = parts(now(), zone);
  const time = `${p.hour}:${p.minute}`;
  return p.day === today.day && p.month === today.month && p.year === today.year ? time : `${p.year}-${p.month}-${p.day} ${time}`;
}

export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, { tone, shape, word }) {
  element.dataset.tone = tone;
  element.dataset.shape = shape;
  setText(element, word);
}

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
