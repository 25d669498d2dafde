// Keeps a page up to date while something runs: one stream of events; each says that the page has changed, which
// is fetched again, and its parts marked `data-live` are put in place of those shown. What is typed, selected or
// scrolled elsewhere stays. Without this the page is whole, and as old as its last load.

import { draw, drawAll, keepForPaper } from "./figures.js";
import { replaceParts } from "./page.js";

// Of the events of a job, those after which its page looks different.
const KINDS = [
  "queued", "running", "waiting", "succeeded", "failed", "cancelled", "infeasible", "parked",
  "progress", "message", "epoch", "verified", "front", "export", "document", "dataset",
  "device_away",
];
const PAUSE_MS = 1000;
const AGAIN_MS = 3000;
const CHANGING_MS = 3000;

const live = document.getElementById("live");
const away = document.getElementById("away");
const signedOut = document.getElementById("signed-out");
const release = document.querySelector("meta[name=release]").content;

let last = live.dataset.after;
let silence = 0;
let timer = 0;
let fetching = false;
let stale = false;

async function replace(fresh) {
  replaceParts(fresh);
  for (const place of document.querySelectorAll("[data-chart]")) {
    const chart = fresh.querySelector(`[data-chart="${place.dataset.chart}"] script`);
    if (!chart) continue;
    await draw(place, JSON.parse(chart.textContent));
    keepForPaper(place, fresh.querySelector(`[data-chart="${place.dataset.chart}"] svg.static`));
    if (!place.hidden) place.querySelector(":scope > p.soft")?.remove();
  }
  if (fresh.querySelector("meta[name=release]")?.content !== release) document.getElementById("updated").hidden = false;
}

/** Fetches the page again; never twice at a time: a slow server is not asked more often for being slow. */
async function refresh() {
  timer = 0;
  if (fetching) {
    stale = true;
    return;
  }
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw answer;
    await replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    away.hidden = signedOut.hidden = true;
  } catch (problem) {
    signedOut.hidden = problem.status !== 401;
    away.hidden = !signedOut.hidden;
  } finally {
    fetching = false;
    if (stale) schedule();
    stale = false;
  }
}

function schedule() {
  if (!timer) timer = setTimeout(refresh, PAUSE_MS);
}

/** What is measured elsewhere tells no events of this job: while somebody looks, the page is fetched now and then. */
setInterval(() => {
  if (document.querySelector("[data-changes]") && !document.hidden && !timer) refresh();
}, CHANGING_MS);

/** Opens the stream where the last one ended. A browser does that by itself where a connection was cut; where the
 * server answered with an error, it gives up. That streams end now and then is no news: only silence is. */
function listen() {
  const stream = new EventSource(`${live.dataset.events}?after=${last}`);
  stream.onopen = () => {
    clearTimeout(silence);
    silence = 0;
    if (!away.hidden || !signedOut.hidden) schedule();
  };
  stream.onerror = () => {
    // The page itself says then whether the service is away, or the session has ended.
    silence ||= setTimeout(refresh, AGAIN_MS);
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  };
  for (const kind of KINDS) stream.addEventListener(kind, heard);
  stream.addEventListener("settled", () => {
    stream.close();
    schedule();
  });
}

function heard(event) {
  last = event.lastEventId || last;
  schedule();
}

const log = document.getElementById("log");
if (log) log.scrollTop = log.scrollHeight;
drawAll();
if (!("settled" in live.dataset)) listen();
