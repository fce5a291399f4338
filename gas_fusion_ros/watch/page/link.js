// What every page here has: its server is heard by events, and the page judges itself whether it still is.
const SILENT_S = 2.2, RETRY_S = 1, GIVE_UP_S = 6, TICK_MS = 200, DRIFT = 1e-3;
const at = (id) => document.getElementById(id);

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
}
const token = takeToken();
const headers = token ? { Authorization: "Bearer " + token } : {};

// Both clocks, and of the two the larger step: one stands still while a machine sleeps, the other may be set.
const instant = () => ({ steady: performance.now(), wall: Date.now() });
const since = (then) => Math.max(performance.now() - then.steady, Date.now() - then.wall) / 1000;

let news = null, heardAt = null, leastOffset = null, offsetAt = 0, lag = 0, refusal = "", connection = null;

// How much later than the quickest event this one came; clocks may drift apart.
function measureLag(serverS) {
  const nowS = performance.now() / 1000, offset = nowS - serverS;
  leastOffset = leastOffset === null ? offset : Math.min(leastOffset + DRIFT * (nowS - offsetAt), offset);
  offsetAt = nowS;
  lag = offset - leastOffset;
}

async function listen() {
  for (;;) {
    connection = new AbortController();
    try {
      const answer = await fetch("events", { headers, cache: "no-store", signal: connection.signal });
      refusal = answer.ok ? "" : await answer.text();
      leastOffset = null;
      if (answer.ok) await readEvents(answer.body);
    } catch (error) {
      console.debug(error);
    }
    await new Promise((done) => setTimeout(done, RETRY_S * 1000));
  }
}

async function readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) hear(JSON.parse(event.slice("data: ".length)));
  }
}

function hear(event) {
  news = event;
  heardAt = instant();
  measureLag(event.server_s);
  take(event);
}

const unknown = (why) => ({ urgency: "unknown", text: "UNKNOWN", why });

// Why nothing that was told counts any more; null while the server is heard in time.
function serverDoubt() {
  if (heardAt === null || news === null) return unknown(refusal || "not connected to gas-fusion watch yet");
  const serverS = since(heardAt);
  if (serverS > SILENT_S) {
    return unknown(refusal || `this page's server has been silent for ${Math.round(serverS)} s: it has ended, or ` +
      `the connection is broken; of the ${WATCHED} nothing is known`);
  }
  if (lag > SILENT_S) return unknown(`what comes is ${Math.round(lag)} s late: the connection is too slow`);
  return null;
}

function giveUpWhatIsSilent() {
  if (heardAt !== null && since(heardAt) > GIVE_UP_S && connection) connection.abort();
}

function showVerdict(said, why) {
  put("word", said.text);
  put("why", why);
  if (at("banner").dataset.urgency !== said.urgency) at("banner").dataset.urgency = said.urgency;
  if (document.title !== said.text) document.title = said.text;
  document.querySelector("main").classList.toggle("stale", said.isHeard !== true);
}

function put(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function element(kind, text, className) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
