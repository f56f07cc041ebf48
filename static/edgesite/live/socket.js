// One WebSocket that comes back by itself: jittered back-off from 0.5 s to 10 s, and an end when rights are gone.

const QUIET_MS = 15000; // the server sends something every few seconds; longer silence is a dead connection
const ENDS = { 4401: "signed_out", 4403: "forbidden" };
const REASONS = { 4503: "redis_down" };

export function connect({ path, onMessage, onState }) {
  let socket = null;
  let tries = 0;
  let awaySince = null;
  let quietTimer = 0;
  let retryTimer = 0;

  function open() {
    clearTimeout(retryTimer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}${path}`);
    socket = mine;
    heard();
    mine.addEventListener("message", (event) => {
      if (mine !== socket) return;
      heard();
      const message = JSON.parse(event.data);
      if (message.type === "hello") {
        tries = 0;
        awaySince = null;
        onState("live");
      }
      onMessage(message);
    });
    mine.addEventListener("close", (event) => {
      if (mine !== socket) return;
      clearTimeout(quietTimer);
      socket = null;
      if (event.code in ENDS) {
        onState("ended", { why: ENDS[event.code] });
        return;
      }
      lost(REASONS[event.code]);
    });
  }

  function heard() {
    clearTimeout(quietTimer);
    quietTimer = setTimeout(() => {
      const silent = socket;
      socket = null;
      silent?.close();
      lost();
    }, QUIET_MS);
  }

  function lost(why) {
    awaySince ??= Date.now() / 1000;
    onState("away", { since: awaySince, why });
    const longest = Math.min(10000, 500 * 2 ** Math.min(tries, 10));
    tries += 1;
    retryTimer = setTimeout(open, longest * (0.5 + Math.random() / 2));
  }

  // Somebody looks again, or the network is back: no need to wait for the timer.
  function hurry() {
    if (socket === null && awaySince !== null) open();
  }

  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hurry());
  open();
}
