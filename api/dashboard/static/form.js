// Keeps what the form of a search would take, and its YAML, curl and Python, in step with what is typed. The server
// works them out, as it does for the buttons of a browser without scripts; what is typed is never put in place.

import { replaceParts } from "./page.js";

const PAUSE_MS = 400;

const form = document.querySelector("form[data-kept-in-step]");
let timer = 0;
let asking = null;

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const sent = new URLSearchParams(new FormData(form));
  sent.set("do", "preview");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: sent,
      headers: { accept: "text/html" },
      signal: asking.signal,
    });
    if (!answer.ok) throw answer;
    replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    for (const told of form.querySelectorAll(".wrong")) {
      const field = document.getElementById(told.id.replace(/-wrong$/, ""));
      if (told.textContent) field?.setAttribute("aria-invalid", "true");
      else field?.removeAttribute("aria-invalid");
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    const why = error.status === 401 ? "Your session has ended: sign in in another tab, then go on" : "The service cannot be reached";
    document.getElementById("answer").textContent = `${why}: what is typed stays here.`;
  }
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE_MS);
});

// One search, however often the button is pressed: the hidden key says so too.
form.addEventListener("submit", (event) => {
  if (event.submitter?.value === "submit") setTimeout(() => (event.submitter.disabled = true));
});
