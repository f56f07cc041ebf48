// A back-test's page tells how far it is, and is loaded anew when something came of it.

import { renew } from "./renew.js";

const part = document.getElementById("backtest-live");
let finished = false;

async function show(answer) {
  const told = await answer.json();
  finished = !["queued", "running"].includes(told.state);
  if (finished) {
    location.reload();
    return true;
  }
  document.getElementById("backtest-bar").value = told.progress;
  if (told.state === "running") document.getElementById("backtest-text").textContent = told.text;
  const fresh = new DOMParser().parseFromString(told.chip, "text/html").body.firstElementChild;
  document.getElementById("backtest-chip").replaceChildren(fresh);
  return true;
}

async function look() {
  if (!document.hidden) await renew(part.dataset.url, show);
  if (!finished) setTimeout(look, 1000);
}

setTimeout(look, 1000);
