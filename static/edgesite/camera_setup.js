// A camera's page: has the box open what stands in the form, saved or not, and shows what came of it.

const EVERY_MS = 500;
const SPARE_MS = 5000; // for the hub to notice that the box's time is over
const FIELDS = ["rtsp_url", "user", "password", "sub_url", "make", "host", "port", "channel", "stream"];
const CODECS = { h264: "H.264", hevc: "H.265", h265: "H.265", mjpeg: "MJPEG", mpeg4: "MPEG-4", av1: "AV1" };

const panel = document.getElementById("connection");
const part = (name) => document.getElementById(`connection-${name}`);

function typed(tested) {
  const form = part("test").form;
  const names = "new" in panel.dataset ? [...FIELDS, "device"] : FIELDS;
  return { ...Object.fromEntries(names.map((name) => [name, form.elements[name]?.value ?? ""])), tested };
}

async function call(url, body) {
  const headers = { Accept: "application/json" };
  if (body) {
    headers["Content-Type"] = "application/json";
    headers["X-CSRFToken"] = part("test").form.elements.csrfmiddlewaretoken.value;
  }
  const options = { headers, cache: "no-store", signal: AbortSignal.timeout(10000) };
  const answer = await fetch(url, body ? { ...options, method: "POST", body: JSON.stringify(body) } : options);
  const told = await answer.json();
  return answer.ok ? told : { state: "error", message: told.detail };
}

function state(kind, shape, text) {
  const chip = document.createElement("span");
  chip.className = "chip";
  Object.assign(chip.dataset, { tone: kind, shape });
  chip.textContent = text;
  part("state").replaceChildren(chip);
}

function fail(reason) {
  state("bad", "triangle", panel.dataset.failed);
  part("reason").textContent = reason;
  part("reason").hidden = false;
}

const seconds = (value) => `${value.toFixed(1)} s`;

function show(tested, { facts, notes, picture }) {
  if (picture) part("picture").src = `data:image/jpeg;base64,${picture}`;
  part("picture").hidden = !picture;
  const words = {
    tested,
    codec: [CODECS[facts.codec] ?? facts.codec, facts.profile && `(${facts.profile})`].filter(Boolean).join(" "),
    size: `${facts.width} × ${facts.height}`,
    rate: facts.fps === null ? panel.dataset.few : `${facts.fps.toFixed(1)} fps`,
    gop: facts.gop_s === null ? panel.dataset.one : seconds(facts.gop_s),
    audio: facts.audio || panel.dataset.none,
    opened: seconds(facts.connect_s),
  };
  for (const cell of part("facts").querySelectorAll("[data-fact]")) cell.textContent = words[cell.dataset.fact];
  part("facts").hidden = false;
  part("notes").replaceChildren(
    ...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })),
  );
  part("notes").hidden = !notes.length;
  state("good", "dot", panel.dataset.works);
}

async function outcome(request) {
  const began = performance.now();
  const limit = Number(panel.dataset.seconds) * 1000 + SPARE_MS;
  state("busy", "half", panel.dataset.waiting);
  while (performance.now() - began < limit) {
    const told = await call(`${panel.dataset.url}/${encodeURIComponent(request)}`);
    if (told.state !== "waiting") return told;
    part("progress").value = (performance.now() - began) / 1000;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  return { state: "error", message: panel.dataset.late };
}

async function test(button) {
  for (const name of ["reason", "picture", "facts", "notes"]) part(name).hidden = true;
  state("busy", "half", panel.dataset.asking);
  part("progress").value = 0;
  part("progress").hidden = false;
  for (const name of ["test", "test-sub"]) part(name).disabled = true;
  try {
    const begun = await call(panel.dataset.url, typed(button.dataset.tested));
    const told = begun.request_id ? await outcome(begun.request_id) : begun;
    if (told.state === "ready") show(begun.tested, told);
    else fail(told.message);
  } catch {
    fail(panel.dataset.lost);
  } finally {
    part("progress").hidden = true;
    for (const name of ["test", "test-sub"]) part(name).disabled = false;
    button.focus({ preventScroll: true });
  }
}

if (panel) {
  for (const name of ["test", "test-sub"]) part(name).addEventListener("click", (event) => test(event.currentTarget));
}
