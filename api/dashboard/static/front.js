// The screen of a front: budgets, picks and parts, kept in the address. What a network is, and what more of a
// budget buys, the server says; here only what moves with a slider is worked out.
import { chartOf, draw, drawAll, manyOf, restyle } from "./figures.js";
import { localTimes } from "./page.js";

const form = document.querySelector("form.front");
const place = document.querySelector('[data-chart="front"]');
const parallel = document.querySelector('[data-chart="parallel"]');
const STEPS = 1000;
let asked = new AbortController();
let pending = 0;
let shownKept = "";
let rowsOfFront;
const costs = [...form.querySelectorAll("[data-cost]")].map(budget);

/** A budget: its number, and a slider of equal ratios between the least and the most costly network. */
function budget(field) {
  const number = field.querySelector("input[type=number]");
  const [low, high] = [Number(field.dataset.low), Number(field.dataset.high)];
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: STEPS, step: 1 });
  slider.setAttribute("aria-label", `${field.dataset.title}, at most`);
  number.after(slider);
  slider.hidden = !(high > low);
  const say = () => slider.setAttribute("aria-valuetext", number.value ? `${number.value} ${field.dataset.unit}` : "no budget");
  const toSlider = () => {
    const share = Math.log(Number(number.value || high) / low) / Math.log(high / low);
    slider.value = Math.round(STEPS * Math.min(Math.max(share, 0), 1));
    say();
  };
  slider.addEventListener("input", () => {
    const at = low * (high / low) ** (slider.value / STEPS);
    // Rounded up: what a slider points at is kept.
    const digits = 10 ** (2 - Math.floor(Math.log10(at)));
    number.value = Number(slider.value) === STEPS ? "" : Number((Math.ceil(at * digits - 1e-9) / digits).toPrecision(12));
    say();
    moved();
  });
  slider.addEventListener("change", settled);
  number.addEventListener("input", () => { toSlider(); moved(); });
  toSlider();
  return { name: field.dataset.cost, number };
}

function budgets() {
  const own = { ...chartOf(place).budget.limits };
  for (const { name, number } of costs) if (Number(number.value) > 0) own[name] = Number(number.value);
  return Object.entries(own);
}

/** Which rows keep the budgets, and the most accurate of them: as `api.picks.best_within` has it. */
function within(columns, limits) {
  const kept = new Uint8Array(columns.name.length).fill(1);
  for (const [name, limit] of limits) {
    const held = columns.held[name];
    for (let row = 0; row < kept.length; row += 1) if (held[row] > limit) kept[row] = 0;
  }
  let best = -1;
  for (let row = 0; row < kept.length; row += 1) {
    if (!kept[row]) continue;
    const [own, least] = [columns.accuracy[row], columns.accuracy[best]];
    if (best < 0 || own > least || (own === least && columns.latency_ms[row] < columns.latency_ms[best])) best = row;
  }
  return { kept, best };
}

function moved() {
  pending ||= requestAnimationFrame(() => {
    pending = 0;
    const chart = chartOf(place);
    const { kept, best } = within(chart.budget, budgets());
    manyOf(place).keep(kept);
    fadeFront(chart, kept);
    const said = form.querySelector("output.best");
    said.textContent = best < 0 ? "No network keeps these budgets." : `${chart.budget.name[best]}: ${(100 * chart.budget.accuracy[best]).toFixed(1)} %`;
    place.dataset.slides = Number(place.dataset.slides ?? 0) + 1;
  });
}

// Only where something changed: plotly takes longer than a frame.
function fadeFront(chart, kept) {
  if (chart.front === null) return;
  rowsOfFront ??= chart.data[chart.front].customdata.map((name) => chart.budget.name.indexOf(name));
  const opacity = rowsOfFront.map((row) => (kept[row] ? 1 : 0.25));
  const key = opacity.join();
  if (key !== shownKept) restyle(place, { "marker.opacity": [opacity] }, [chart.front]);
  shownKept = key;
}

function query(pick) {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  const params = new URLSearchParams(fields.filter(([name]) => name !== "pick"));
  if (pick) params.set("pick", pick);
  return params;
}

/** Follows a change that the server has to answer: the address, the text beside the plot. */
async function settled() {
  await pick(null);
}

async function pick(name) {
  const params = query(name);
  history.replaceState(null, "", `?${params}`);
  asked.abort();
  asked = new AbortController();
  const answer = await fetch(`${form.dataset.pick}?${params}`, { signal: asked.signal, headers: { accept: "text/html" } }).catch((error) => {
    if (error.name !== "AbortError") tellOffline();
    return null;
  });
  if (!answer?.ok) return answer && tellOffline(answer.status);
  const told = document.querySelector("#picked");
  told.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
  localTimes(told);
  mark(told.querySelector("[data-picked]")?.dataset.picked);
}

function tellOffline(status = 0) {
  const said = form.querySelector("output.best");
  said.textContent = status ? "The server cannot tell more just now: load the page again." : "The server cannot be reached: what is shown may be old.";
}

function mark(name) {
  for (const row of document.querySelectorAll("tr[data-name]")) {
    if (row.dataset.name === name) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  const chart = chartOf(place);
  const [x, y] = spotOf(chart, name);
  restyle(place, { x: [x], y: [y] }, [chart.data.length - 1]);
  if (parallel.dataset.drawn === undefined) return;
  const bold = chartOf(parallel).data.map((line) => line.name === name);
  restyle(parallel, { "line.width": bold.map((on) => (on ? 3.5 : 1.5)), opacity: bold.map((on) => (on ? 1 : 0.4)) });
}

function spotOf(chart, name) {
  for (const trace of chart.data.slice(0, -1)) {
    const at = (trace.customdata ?? []).indexOf(name);
    if (at >= 0) return [[trace.x[at]], [trace.y[at]]];
  }
  const row = chart.budget.name.indexOf(name);
  for (const group of chart.many) {
    const at = group.rows.indexOf(row);
    if (at >= 0) return [[group.x[at]], [group.y[at]]];
  }
  return [[], []];
}

async function redraw() {
  const params = query(document.querySelector("#picked [data-picked]")?.dataset.picked);
  history.replaceState(null, "", `?${params}`);
  const answer = await fetch(`${form.dataset.figures}?${params}`).catch(() => null);
  if (!answer?.ok) return tellOffline(answer?.status);
  await draw(place, (await answer.json()).front);
  shownKept = "";
  rowsOfFront = undefined;
  begin();
}

function begin() {
  const { budget } = chartOf(place);
  const many = manyOf(place);
  many.names = budget.name;
  many.describe = (row) => `${budget.name[row]}: ${(100 * budget.accuracy[row]).toFixed(1)} %, ${budget.latency_ms[row].toPrecision(3)} ms (${budget.status[row].replace("_", " ")})`;
  moved();
}

form.addEventListener("change", (event) => {
  if (event.target.matches("[data-redraws]")) redraw();
  else if (event.target.matches("[data-reloads]")) form.requestSubmit();
  else if (event.target.matches("input[type=number]")) settled();
});
form.addEventListener("submit", (event) => {
  // Enter in a number: no reload.
  if (event.submitter || !document.activeElement?.matches("input[type=number]")) return;
  event.preventDefault();
  settled();
});
document.addEventListener("pick", (event) => pick(event.detail));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-pick]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  pick(link.dataset.pick);
});
await drawAll();
if (place.dataset.drawn !== undefined) begin();
document.documentElement.dataset.ready = "front";
