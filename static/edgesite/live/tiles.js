// The wall of cameras.

import { ago, clock, isNumber, mark, now, page, say, setText } from "./words.js";

const STILL_MS = 2000;
const STALE_S = 10;
const CUE_MS = 8000;
const MOST_RULES = 3;

const wall = document.getElementById("tiles");
const template = document.getElementById("tile-template");
const tiles = new Map();
const onScreen = new Set();
let connected = false;
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) onScreen[entry.isIntersecting ? "add" : "delete"](entry.target);
});

export function zoneOf(cameraId) {
  return tiles.get(cameraId)?.camera?.time_zone ?? page.zones[cameraId] ?? "UTC";
}

function tileFor(cameraId) {
  let tile = tiles.get(cameraId);
  if (!tile) {
    const known = [...wall.children].find((element) => element.dataset.camera === cameraId);
    const element = known ?? template.content.firstElementChild.cloneNode(true);
    element.dataset.camera = cameraId;
    tile = { element, camera: null, statsAt: null, pictureAt: null, mayHavePicture: false, loading: false, url: null, ratio: null, cue: 0 };
    tile.picture = element.querySelector(".tile-picture");
    tile.picture.addEventListener("load", () => shape(tile));
    tiles.set(cameraId, tile);
    if (tile.picture.complete && tile.picture.naturalWidth) shape(tile);
    watcher.observe(element);
  }
  return tile;
}

// All frames take the shape that most pictures have, so that rows are even; the others get bars, nothing is cut off.
function shape(tile) {
  const ratio = tile.picture.naturalWidth / tile.picture.naturalHeight;
  if (!Number.isFinite(ratio)) return;
  tile.ratio = Math.min(2, Math.max(1.2, ratio)).toFixed(3);
  const votes = new Map();
  for (const { ratio: one } of tiles.values()) if (one) votes.set(one, (votes.get(one) ?? 0) + 1);
  const [[winner]] = [...votes].sort(([ratioA, a], [ratioB, b]) => b - a || ratioB - ratioA);
  wall.style.setProperty("--es-ratio", winner);
}

export function showAll(cameras, pictures) {
  const wanted = new Set(cameras.map((camera) => camera.camera_id));
  for (const [cameraId, tile] of tiles) {
    if (!wanted.has(cameraId)) remove(cameraId, tile);
  }
  for (const element of [...wall.children]) {
    if (!wanted.has(element.dataset.camera)) element.remove();
  }
  cameras.forEach((camera, index) => {
    const tile = tileFor(camera.camera_id);
    tile.mayHavePicture ||= camera.camera_id in pictures;
    show(camera);
    if (wall.children[index] !== tile.element) wall.insertBefore(tile.element, wall.children[index] ?? null);
  });
  const count = cameras.length;
  wall.dataset.count = count > 9 ? "many" : count > 4 ? "few" : String(count);
  document.getElementById("no-cameras").hidden = count > 0;
}

function remove(cameraId, tile) {
  watcher.unobserve(tile.element);
  onScreen.delete(tile.element);
  tile.element.remove();
  if (tile.url) URL.revokeObjectURL(tile.url);
  tiles.delete(cameraId);
}

export function show(camera) {
  const tile = tileFor(camera.camera_id);
  tile.camera = camera;
  if (camera.state === "live") tile.mayHavePicture = true;
  const name = tile.element.querySelector(".tile-name");
  setText(name, camera.name);
  name.title = [camera.name, camera.location, camera.site].filter(Boolean).join(" · ");
  tile.picture.alt = say("camera_picture", { camera: camera.name });
  const state = page.states[camera.state] ?? { ...page.states.unknown, word: camera.state };
  mark(tile.element.querySelector(".tile-state"), state);
  tile.element.classList.toggle("is-dead", page.dead.includes(camera.state));
  showWhy(tile);
  summarize();
}

function showWhy(tile) {
  const { state, reason, since, last_frame_at: lastFrame, time_zone: zone } = tile.camera;
  const line = [];
  if (state !== "live") {
    if (isNumber(since)) line.push(say("since", { time: clock(since, zone) }));
    if (reason) line.push(page.reasons[reason] ?? reason);
    else if (page.texts[state] && page.dead.includes(state)) line.push(page.texts[state]);
    const taken = tile.pictureAt ?? lastFrame;
    if (page.dead.includes(state) && isNumber(taken) && !tile.picture.hidden) line.push(say("last_picture", { time: ago(taken) }));
  }
  const why = tile.element.querySelector(".tile-why");
  setText(why, line.join(" · "));
  why.hidden = line.length === 0;
}

function summarize() {
  const all = [...tiles.values()].filter((tile) => tile.camera);
  const summary = document.getElementById("summary");
  const live = all.filter((tile) => tile.camera.state === "live").length;
  setText(summary, say("summary", { live, total: all.length }));
  summary.hidden = all.length === 0;
}

const NUMBERS = {
  fps: (value) => value.toFixed(1),
  persons: (value) => value.toFixed(0),
  latency_ms: (value) => value.toFixed(0),
  dropped: (value) => new Intl.NumberFormat(page.language, { maximumFractionDigits: 0 }).format(value),
};

export function showStats({ camera_id: cameraId, timestamp, data }) {
  const tile = tiles.get(cameraId);
  if (!tile || (tile.statsAt !== null && timestamp < tile.statsAt)) return;
  tile.statsAt = timestamp;
  for (const [name, write] of Object.entries(NUMBERS)) {
    const value = data[name];
    setText(tile.element.querySelector(`[data-number="${name}"]`), isNumber(value) ? write(value) : "–");
  }
  setText(tile.element.querySelector('[data-unit="persons"]'), data.persons === 1 ? page.person : page.persons);
  showWatch(tile.element.querySelector(".tile-watch"), data.watch);
  showView(tile.element.querySelector(".tile-view"), data.view);
  setText(tile.element.querySelector(".tile-rules"), rules(data.bindings).join("\n"));
  grey(tile);
}

// How closely the camera is looked at; a word that this page does not know is not shown.
function showWatch(element, watch) {
  const known = `watch_${watch}` in page.texts;
  element.hidden = !known;
  setText(element, known ? say(`watch_${watch}`) : "");
  element.title = known ? say(`watch_${watch}_why`) : "";
}

// A covered or frozen view proves nothing about who is there: said in a word of its own, in the colour of a warning.
function showView(element, view) {
  const known = `view_${view}` in page.texts;
  element.hidden = !known;
  setText(element, known ? say(`view_${view}`) : "");
}

// What the rules are at, the most urgent first; rules that see nothing are not mentioned.
function rules(bindings) {
  const lines = [];
  for (const told of Object.values(bindings ?? {})) {
    const { value, target, cooldown_left_s: cooling } = told;
    const seconds = page.seconds_rules.includes(told.algo_code);
    const counted = isNumber(value) && isNumber(target) && value > 0;
    const values = counted ? { value: seconds ? value.toFixed(1) : value, target } : {};
    let found = null;
    if (told.active === false) found = [3, say("rule_asleep")];
    else if (told.alerting === true) found = [0, say("rule_alerting")];
    else if (counted && value < target) found = [1, say(seconds ? "rule_seconds" : "rule_count", values)];
    else if (isNumber(cooling) && cooling > 0) found = [2, say("rule_cooling", { n: Math.ceil(cooling) })];
    if (found) lines.push([found[0], say("rule", { what: page.algorithms[told.algo_code] ?? told.algo_code, roi: told.roi, how: found[1] })]);
  }
  return lines.sort(([a], [b]) => a - b).slice(0, MOST_RULES).map(([, line]) => line);
}

function grey(tile) {
  const stale = tile.statsAt === null || now() - tile.statsAt > STALE_S;
  const line = tile.element.querySelector(".tile-rules");
  line.hidden = stale || line.textContent === "";
  tile.element.querySelector(".tile-numbers").classList.toggle("is-stale", stale);
}

// A tile shows alerts of its own box only: another may name the camera, too.
export function cue({ camera_id: cameraId, device_id: deviceId }, tone) {
  const tile = tiles.get(cameraId);
  if (tile?.camera?.device_id !== deviceId) return;
  clearTimeout(tile.cue);
  tile.element.dataset.cue = tone;
  tile.cue = setTimeout(() => delete tile.element.dataset.cue, CUE_MS);
}

export function tick() {
  for (const tile of tiles.values()) {
    grey(tile);
    if (tile.camera) showWhy(tile);
  }
}

async function refresh(tile) {
  tile.loading = true;
  try {
    const url = `/live/stills/${encodeURIComponent(tile.camera.camera_id)}.jpg?t=${Date.now()}`;
    const answer = await fetch(url, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(8000) });
    const at = Number(answer.headers.get("X-Picture-At"));
    if (!answer.ok || (tile.pictureAt !== null && at === tile.pictureAt)) return;
    const next = URL.createObjectURL(await answer.blob());
    const last = tile.url;
    tile.url = next;
    tile.picture.src = next;
    tile.pictureAt = at;
    await tile.picture.decode().catch(() => {});
    if (last) URL.revokeObjectURL(last);
    tile.picture.hidden = false;
    tile.element.querySelector(".tile-blank").hidden = true;
    showWhy(tile);
  } catch {
    // No answer: the picture that is there stays, and the chip in the header says that the server is away.
  } finally {
    tile.loading = false;
  }
}

// Pictures of live cameras that somebody can see, and once the last picture of the others.
export function refreshPictures() {
  if (!connected || document.visibilityState !== "visible") return;
  for (const tile of tiles.values()) {
    const due = tile.camera && tile.mayHavePicture && (tile.camera.state === "live" || tile.pictureAt === null);
    if (due && !tile.loading && onScreen.has(tile.element)) refresh(tile);
  }
}

// While the server is away there is nothing to ask it for.
export function setConnected(yes) {
  connected = yes;
}

export function start() {
  setInterval(refreshPictures, STILL_MS);
  document.addEventListener("visibilitychange", refreshPictures);
}

export function forget() {
  for (const [cameraId, tile] of tiles) remove(cameraId, tile);
}
