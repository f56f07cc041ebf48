// Texts of the page, and times as the camera's site shows them.

const page = JSON.parse(document.getElementById("tl-page").textContent);
const zone = JSON.parse(document.getElementById("tl-data").textContent).zone;

const CLOCK = { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const clock = new Intl.DateTimeFormat("en-GB", CLOCK);
const short = new Intl.DateTimeFormat("en-GB", { ...CLOCK, second: undefined });

const date = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" });

export { page, zone };

// A text of the page with its {holes} filled in.
export function say(name, values = {}) {
  return page.texts[name].replace(/\{(\w+)\}/g, (hole, key) => values[key] ?? hole);
}

// Unix seconds as a clock at the site shows them.
export function hms(at) { return clock.format(at * 1000); }
export function ymd(at) { return date.format(at * 1000); }
export function hm(at) { return short.format(at * 1000); }

// Seconds in words.
export function lasting(seconds) {
  const whole = Math.round(seconds);
  if (whole >= 3600) return say("hours", { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60) });
  if (whole < 60) return say("seconds", { seconds: whole });
  return say("minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}
