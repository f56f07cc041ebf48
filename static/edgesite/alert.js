// An alert's page: the overlay, keys, and a live part that follows what other people do.

import { keys, listen, page, showBanner, told } from "./alerts/shared.js";

const known = { state: page.state, assignee: page.assignee, escalated: page.escalated };
const FULL = ["alert-analysed-part", "alert-full-part"];
let asking = false;
let again = false;

listen({
  onAlert(message) {
    if (message.event_id !== page.event_id) return;
    const text = told(known, message);
    known.state = message.state;
    known.assignee = message.assignee;
    known.escalated = message.escalated_at !== null;
    if (text) showBanner(text);
    renew();
  },
  onBack: renew,
});

// Takes the live part of the page anew; what somebody is writing stays.
async function renew() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    swap("alert-live", fresh);
    if (!document.getElementById("alert-picture")) swap("alert-evidence", fresh);
    if (!document.getElementById("alert-full")) for (const part of FULL) swap(part, fresh); // it comes after the first one
    if (!document.getElementById("alert-clip")) swap("alert-clip-part", fresh); // one that plays is left alone
  } catch {
    // No answer: the socket's own banner says that the server is away.
  } finally {
    asking = false;
    if (again) {
      again = false;
      renew();
    }
  }
}

function swap(id, fresh) {
  const before = document.getElementById(id);
  const after = fresh.getElementById(id);
  if (!before || !after || before.innerHTML === after.innerHTML) return;
  const focused = before.contains(document.activeElement) ? document.activeElement.id : "";
  for (const field of before.querySelectorAll("textarea, input[type=text]")) {
    const same = after.querySelector(`#${CSS.escape(field.id)}`);
    if (same) same.value = field.value;
  }
  const choice = before.querySelector("input[type=radio]:checked");
  const sameChoice = choice && after.querySelector(`#${CSS.escape(choice.id)}`);
  if (sameChoice) sameChoice.checked = true;
  before.replaceWith(after);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  wire();
}

const toggles = () => [...document.querySelectorAll(".overlay-toggle")];
const pressed = (button) => button.getAttribute("aria-pressed") === "true";

function wire() {
  for (const button of toggles()) button.addEventListener("click", toggled);
}

function toggled(event) {
  draw(event.currentTarget, !pressed(event.currentTarget));
}

// The key: over both pictures, on while any of them has none.
function toggleAll() {
  const shown = !toggles().every(pressed);
  for (const button of toggles()) draw(button, shown);
}

function draw(button, shown) {
  button.setAttribute("aria-pressed", String(shown));
  document.getElementById(button.getAttribute("aria-controls"))?.toggleAttribute("hidden", !shown);
}

function resolving() {
  document.querySelector("#resolve input[type=radio]:checked, #resolve input[type=radio]")?.focus();
}

const follow = (id) => document.getElementById(id)?.click();

keys({
  a: () => follow("act-ack"),
  r: resolving,
  o: toggleAll,
  j: () => follow("alert-older"),
  k: () => follow("alert-newer"),
});
wire();
if (location.hash === "#resolve") resolving();
