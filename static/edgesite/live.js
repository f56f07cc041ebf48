// The live page: full state at each connect, then what changes (see detection/consumers.py).

import { connect } from "./live/socket.js";
import * as feed from "./live/feed.js";
import * as tiles from "./live/tiles.js";
import { clock, fill, mark, ownZone, page, say, setServerTime, setText } from "./live/words.js";

const title = document.title;
const content = document.getElementById("content");
const banner = document.getElementById("problem");
let unseen = 0;
let serverProblem = "";
let connection = "connecting";

function showBanner(text, tone, link) {
  setText(banner.querySelector("span"), text);
  const target = banner.querySelector("a");
  target.hidden = !link;
  if (link) {
    target.href = link.url;
    setText(target, link.word);
  }
  banner.dataset.tone = tone;
  banner.hidden = text === "";
}

function showProblem(problem) {
  serverProblem = problem;
  if (connection === "live") showBanner(problem ? say(problem) : "", "warn");
}

function announce(alert) {
  const severity = page.severities[alert.severity] ?? page.severities.info;
  tiles.cue(alert, severity.tone);
  if (document.visibilityState === "hidden") unseen += 1;
  countInTitle();
}

function countInTitle() {
  document.title = unseen > 0 ? `(${unseen}) ${title}` : title;
}

const handlers = {
  hello(message) {
    setServerTime(message.server_time);
    tiles.showAll(message.cameras, message.pictures);
    message.stats.forEach(tiles.showStats);
    feed.showAll(message.alerts, message.sees_alerts).forEach(announce);
    showProblem(message.problem);
    tiles.refreshPictures();
  },
  event(message) {
    if (feed.put(message)) announce(message);
  },
  stats: tiles.showStats,
  camera: tiles.show,
  pulse(message) {
    setServerTime(message.server_time);
    showProblem(message.problem);
  },
};

function showConnection(state, { since, why } = {}) {
  connection = state;
  tiles.setConnected(state === "live");
  content.classList.toggle("is-away", state === "away");
  const time = since === undefined ? "" : clock(since, ownZone);
  const words = page.connection[state];
  mark(document.getElementById("connection"), { ...words, word: fill(words.word, { time }) });
  if (state === "live") {
    showProblem(serverProblem);
  } else if (state === "away") {
    showBanner(say(why ?? "away", { time }), "warn");
  } else if (state === "ended") {
    tiles.forget();
    feed.forget();
    content.classList.add("is-ended");
    showBanner(say(why), "bad", why === "signed_out" ? { url: page.login_url, word: say("log_in") } : null);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  unseen = 0;
  countInTitle();
});

setInterval(() => {
  tiles.tick();
  feed.tick();
}, 1000);
tiles.start();
connect({ path: "/ws/live", onMessage: (message) => handlers[message.type]?.(message), onState: showConnection });
