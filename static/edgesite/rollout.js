// A staged publish's page renews its live part while something can still change. Focus stays where it was.

const part = document.getElementById("rollout-live");
const stale = document.getElementById("rollout-stale");

function later() {
  const seconds = Number(part.dataset.refresh || 0);
  if (seconds) setTimeout(renew, seconds * 1000);
}

async function renew() {
  if (document.hidden) return later();
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    const fresh = page.getElementById("rollout-live");
    stale.hidden = Boolean(fresh);
    if (fresh) replace(fresh);
  } catch {
    stale.hidden = false;
  }
  return later();
}

function replace(fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...fresh.childNodes);
  if (fresh.dataset.refresh) part.dataset.refresh = fresh.dataset.refresh;
  else delete part.dataset.refresh;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

later();
