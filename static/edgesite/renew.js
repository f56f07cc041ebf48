// A page that renews itself (templates/admin/renewed.html): it says whether the server is away or the login has ended.

const stale = document.getElementById("page-stale");
const signedOut = document.getElementById("page-signed-out");
const LOGIN_ENDED = [401, 403];

// show: is given the answer, and says whether it was one for the page.
export async function renew(url, show) {
  let status = 0;
  let fresh = false;
  try {
    const answer = await fetch(url, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(10000) });
    status = answer.type === "opaqueredirect" ? 401 : answer.status; // it leads to the login
    fresh = answer.ok && (await show(answer));
  } catch {
    // the server is away, or what answers is not this hub
  }
  signedOut.hidden = !LOGIN_ENDED.includes(status);
  stale.hidden = fresh || !signedOut.hidden;
  if (status === 404) location.reload(); // deleted meanwhile: the page says so
}
