// Keeps a list up to date while something in it changes: the page is fetched again now and then.
import { replaceParts } from "./page.js";

const AGAIN_MS = 5000;

async function again() {
  if (document.querySelector("[data-changes]") && !document.hidden) {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (answer?.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  }
  setTimeout(again, AGAIN_MS);
}

setTimeout(again, AGAIN_MS);
