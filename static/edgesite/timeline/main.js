// A camera's timeline: one day, its player, and a look for what is new every few seconds.

import { wireExport } from "./exporting.js";
import { Line } from "./line.js";
import { Player } from "./player.js";
import * as server from "./server.js";
import { hms, lasting, page, say, ymd } from "./words.js";

const part = (id) => document.getElementById(id);
const EVERY_MS = 5000;
const SETTLE_MS = 250; // a key that is held asks for one film, at its end

let day = JSON.parse(part("tl-data").textContent);
let asked = 0;
let moving = 0;
let opening = false; // another day is on its way

const line = new Line(part("tl-line"), {
  play: (at) => player.play(at),
  move(at) {
    line.moveTo(at);
    showClock(line.at);
    clearTimeout(moving);
    if (player.extract) moving = setTimeout(() => player.play(line.at, player.video.paused), SETTLE_MS);
  },
  turn: (days) => open(days < 0 ? day.previous : day.next),
});

const player = new Player(part("tl-video"), () => day, {
  moved(at) {
    part("tl-hint").hidden = true;
    if (day.begin <= at && at < day.end) line.moveTo(at);
    showClock(at);
  },
  said: (text) => { part("tl-said").textContent = text; },
  preparing(text, percent) {
    const box = part("tl-preparing");
    box.hidden = !text;
    box.querySelector("span").textContent = text;
    if (percent) box.querySelector("progress").value = percent;
    else box.querySelector("progress").removeAttribute("value");
  },
});

function showClock(at) { part("tl-clock").textContent = `${ymd(at)} ${hms(at)}`; }

function show() {
  line.show(day);
  part("tl-date").value = day.date;
  part("tl-date").max = day.today;
  part("tl-next").disabled = !day.next;
  part("tl-today").disabled = day.date === day.today;
  part("timeline").classList.toggle("tl-never", !day.ever);
  const sum = day.spans.reduce((seconds, [begin, end]) => seconds + end - begin, 0);
  const gaps = Math.max(0, day.spans.length - 1);
  const told = day.spans.length ? say(gaps ? "sum" : "sum_whole", { hours: lasting(sum), gaps }) : say("nothing");
  part("tl-sum").textContent = day.left_out ? `${told} ${say("left_out", { count: day.left_out })}` : told;
  if (part("tl-list").open) list();
  showExport();
}

// The same as buttons, for whoever does not see or cannot hit the line.
function list() {
  part("tl-list").querySelector("ul").replaceChildren(...day.spans.map(([begin, end]) => {
    const [item, button] = [document.createElement("li"), document.createElement("button")];
    button.type = "button";
    button.textContent = `${hms(begin)}–${hms(end)}`;
    button.title = say("play", { time: hms(begin) });
    button.addEventListener("click", () => player.play(begin));
    item.append(button, ` ${lasting(end - begin)}`);
    return item;
  }));
}

// Another day. What plays goes on until something else is chosen.
async function open(date, keep = true) {
  if (!date) return;
  const turn = ++asked;
  opening ||= keep;
  try {
    const fresh = await server.day(date);
    if (turn !== asked) return;
    day = fresh;
    part("tl-stale").hidden = true;
    if (keep) history.replaceState(null, "", `?date=${day.date}`);
    show();
    if (!keep) player.grown();
  } catch (error) {
    stale(error);
  } finally {
    if (turn === asked) opening = false;
  }
}

function stale(error) {
  part("tl-stale").textContent = error instanceof server.Refusal ? error.message : say("no_answer");
  part("tl-stale").hidden = false;
}

async function follow() {
  if (!document.hidden && !opening && day.date === day.today) await open(day.date, false);
  setTimeout(follow, EVERY_MS);
}

part("tl-previous").addEventListener("click", () => open(day.previous));
part("tl-next").addEventListener("click", () => open(day.next));
part("tl-today").addEventListener("click", () => open(day.today));
part("tl-date").addEventListener("change", (event) => open(event.target.value));
part("tl-in").addEventListener("click", () => line.zoom(2));
part("tl-out").addEventListener("click", () => line.zoom(0.5));
part("tl-hour").addEventListener("click", () => line.hour());
part("tl-day").addEventListener("click", () => line.whole());
part("tl-camera")?.addEventListener("change", (event) => location.assign(`${event.target.value}?date=${day.date}`));
part("tl-list").addEventListener("toggle", list);
const showExport = wireExport(() => day, () => player.at ?? line.at);
show();
showClock(line.at);
if (page.at !== null) {
  line.moveTo(page.at);
  line.hour();
  player.play(page.at);
}
setTimeout(follow, EVERY_MS);
