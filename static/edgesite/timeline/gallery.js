// Waits for the picture that was asked for, and shows the page with it, or with what went wrong.

const waiting = document.getElementById("gallery-waiting");
const { url } = waiting.dataset;
const SHOWN = "gallery-shown"; // of which request the page was shown anew although nothing is known of it

function show() {
  // The page says what it is: no access any more, no such request. Once: if it says that it waits, it would for ever.
  if (sessionStorage.getItem(SHOWN) === url) return;
  sessionStorage.setItem(SHOWN, url);
  location.reload();
}

async function look() {
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (answer.status >= 500) throw new Error(`the server said ${answer.status}`);
    if (!answer.ok) show();
    else if ((await answer.json()).state === "waiting") setTimeout(look, 400);
    else location.reload();
  } catch {
    setTimeout(look, 2000); // the server is away, or in trouble: it is asked again
  }
}

setTimeout(look, 400);
