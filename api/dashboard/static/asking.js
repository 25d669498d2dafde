// Asks the service for work (a profile, a file) and follows the job that it makes of it.
import { drawAll } from "./figures.js";

const form = document.querySelector("form.asking");
const progress = document.querySelector("[data-events]");
const ENDS = ["succeeded", "failed", "parked", "cancelled"];

function say(text) {
  let place = document.querySelector(".asking-said");
  if (!place) {
    place = Object.assign(document.createElement("p"), { className: "asking-said told bad" });
    place.setAttribute("role", "alert");
    form.after(place);
  }
  place.textContent = text;
}

// One and the same request, however often it is sent: no answer may have been an answer lost.
const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("");

async function ask(event) {
  event.preventDefault();
  const fields = [...form.elements].filter((field) => field.name && field.value);
  const body = Object.fromEntries(fields.map((field) => [field.name, "json" in field.dataset ? JSON.parse(field.value) : field.value]));
  const button = form.querySelector("button");
  button.disabled = true;
  const headers = { "content-type": "application/json", accept: "application/json", "idempotency-key": `${key}-${JSON.stringify(body)}`.slice(0, 200) };
  const answer = await fetch(form.dataset.post, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
  if (answer?.ok) {
    const here = new URL(location.href);
    here.searchParams.set("job", (await answer.json()).id);
    location.assign(here);
    return;
  }
  button.disabled = false;
  say(answer ? (await answer.json()).detail : "The server cannot be reached: try again.");
}

function follow() {
  const [badge, said, bar] = [".badge", ".said", "progress"].map((one) => progress.querySelector(one));
  if (ENDS.includes(badge.textContent)) return;
  const stream = new EventSource(progress.dataset.events);
  const tell = (state, text) => {
    badge.textContent = state;
    if (text) said.textContent = text;
  };
  stream.addEventListener("progress", (event) => {
    const told = JSON.parse(event.data).data;
    tell("running", [told.phase, told.note].filter(Boolean).join(": "));
    if (told.total) bar.value = Math.min(told.done / told.total, 1);
  });
  for (const state of ENDS) {
    stream.addEventListener(state, () => {
      stream.close();
      location.reload();
    });
  }
  for (const state of ["running", "waiting", "queued"]) stream.addEventListener(state, () => tell(state, ""));
}

if (form) {
  form.addEventListener("submit", ask);
  form.querySelector("button").disabled = false;
}
if (progress) follow();
await drawAll();
