// An export's page tells how far it is, and is loaded anew when it is finished.

import { renew } from "../renew.js";

const part = document.getElementById("export-live");
let finished = false;

async function show(answer) {
  const told = await answer.json();
  finished = !["waiting", "cutting", "storing", "making"].includes(told.state);
  if (finished) {
    location.reload();
    return true;
  }
  document.getElementById("export-bar").value = told.progress;
  const fresh = new DOMParser().parseFromString(told.chip, "text/html").body.firstElementChild;
  document.getElementById("export-chip").replaceChildren(fresh);
  return true;
}

async function look() {
  if (!document.hidden) await renew(part.dataset.url, show);
  if (!finished) setTimeout(look, 1000);
}

setTimeout(look, 1000);
