// An export's page tells how far it is, and is loaded anew when it is finished.

const part = document.getElementById("export-live");
const stale = document.getElementById("export-stale");
const signedOut = document.getElementById("export-signed-out");

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(part.dataset.url, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(10000) });
      signedOut.hidden = answer.type !== "opaqueredirect"; // to the login
      stale.hidden = answer.ok || !signedOut.hidden;
      if (answer.status === 404) location.reload(); // deleted meanwhile: the page says so
      if (answer.ok) {
        const told = await answer.json();
        if (!["waiting", "cutting", "storing", "making"].includes(told.state)) {
          location.reload();
          return;
        }
        document.getElementById("export-bar").value = told.progress;
        const fresh = new DOMParser().parseFromString(told.chip, "text/html").body.firstElementChild;
        document.getElementById("export-chip").replaceChildren(fresh);
      }
    } catch {
      signedOut.hidden = true;
      stale.hidden = false;
    }
  }
  setTimeout(look, 1000);
}

setTimeout(look, 1000);
