// A staged publish's page renews its live part while something can still change. Focus stays where it was.

import { renew } from "./renew.js";

const part = document.getElementById("rollout-live");

function later() {
  const seconds = Number(part.dataset.refresh || 0);
  if (seconds) setTimeout(look, seconds * 1000);
}

async function look() {
  if (!document.hidden) await renew(location.href, show);
  later();
}

async function show(answer) {
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("rollout-live");
  if (fresh) replace(fresh);
  return Boolean(fresh);
}

function replace(fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...fresh.childNodes);
  if (fresh.dataset.refresh) part.dataset.refresh = fresh.dataset.refresh;
  else delete part.dataset.refresh;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

later();
