// A back-test's page tells how far it is, and is loaded anew when something came of it.

const part = document.getElementById("backtest-live");
const stale = document.getElementById("backtest-stale");

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(part.dataset.url, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      const told = answer.ok ? await answer.json() : null;
      stale.hidden = Boolean(told);
      if (told && show(told)) return;
    } catch {
      stale.hidden = false;
    }
  }
  setTimeout(look, 1000);
}

// True: there is something else to see.
function show(told) {
  if (!["queued", "running"].includes(told.state)) {
    location.reload();
    return true;
  }
  document.getElementById("backtest-bar").value = told.progress;
  if (told.state === "running") document.getElementById("backtest-text").textContent = told.text;
  const fresh = new DOMParser().parseFromString(told.chip, "text/html").body.firstElementChild;
  document.getElementById("backtest-chip").replaceChildren(fresh);
  return false;
}

setTimeout(look, 1000);
