// The screen of a device: has it profiled, and follows that.
import { drawAll } from "./figures.js";

const form = document.querySelector("form.profile");
const progress = document.querySelector("[data-events]");

function say(text) {
  let place = document.querySelector(".profile-said");
  if (!place) {
    place = Object.assign(document.createElement("p"), { className: "profile-said told bad" });
    place.setAttribute("role", "alert");
    form.after(place);
  }
  place.textContent = text;
}

async function profile(event) {
  event.preventDefault();
  const [name, preset] = form.elements.space.value.split(" ");
  const button = form.querySelector("button");
  button.disabled = true;
  const headers = { "content-type": "application/json", accept: "application/json", "idempotency-key": crypto.randomUUID?.() ?? `${Date.now()}` };
  const answer = await fetch(form.dataset.profile, { method: "POST", headers, body: JSON.stringify({ space: { name, preset } }) }).catch(() => null);
  if (answer?.ok) {
    location.assign(`${form.dataset.here}?job=${encodeURIComponent((await answer.json()).id)}`);
    return;
  }
  button.disabled = false;
  say(answer ? (await answer.json()).detail : "The server cannot be reached: try again.");
}

const ENDS = ["succeeded", "failed", "parked", "cancelled"];

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
  form.addEventListener("submit", profile);
  form.querySelector("button").disabled = false;
}
if (progress) follow();
await drawAll();
