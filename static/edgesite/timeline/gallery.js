// Waits for the picture that was asked for, and shows the page with it, or with what went wrong.

const waiting = document.getElementById("gallery-waiting");

async function look() {
  try {
    const answer = await fetch(waiting.dataset.url, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (answer.ok && (await answer.json()).state === "waiting") {
      setTimeout(look, 400);
      return;
    }
    location.reload();
  } catch {
    setTimeout(look, 2000); // the server is away: it is asked again
  }
}

setTimeout(look, 400);
