// The screen of a front: budgets, picks and parts, kept in the address. What a network is, and what more of a
// budget buys, the server says; here only what moves with a slider is worked out.
import { chartOf, draw, drawAll, frameOf, keepForPaper, manyOf, restyle } from "./figures.js";
import { localTimes } from "./page.js";

const form = document.querySelector("form.front");
const place = document.querySelector('[data-chart="front"]');
const parallel = document.querySelector('[data-chart="parallel"]');
const only = document.getElementById("only");
const STEPS = 1000;
const REACH_PX = 24;
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
  const kept = Uint8Array.from(columns.status, (status) => status !== "unverified");
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
    fadeFront(chart, kept, selected());
    const said = form.querySelector("output.best");
    said.textContent = best < 0 ? "No network keeps these budgets." : `${chart.budget.name[best]}: ${(100 * chart.budget.accuracy[best]).toFixed(1)} %`;
    place.dataset.slides = Number(place.dataset.slides ?? 0) + 1;
  });
}

// Only where something changed: plotly takes longer than a frame.
function fadeFront(chart, kept, names) {
  if (chart.front === null) return;
  rowsOfFront ??= chart.data[chart.front].customdata.map((name) => chart.budget.name.indexOf(name));
  const opacity = rowsOfFront.map((row) => (kept[row] && (names?.has(chart.budget.name[row]) ?? true) ? 1 : 0.2));
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
  paintLines();
}

function paintLines() {
  if (parallel.dataset.drawn === undefined) return;
  const [names, name] = [selected(), document.querySelector("[data-picked]")?.dataset.picked];
  const lines = chartOf(parallel).data.map((line) => ({ bold: line.name === name, on: names?.has(line.name) ?? true }));
  const opacity = ({ bold, on }) => (on ? (bold ? 1 : names ? 0.75 : 0.4) : 0.07);
  restyle(parallel, { "line.width": lines.map(({ bold }) => (bold ? 3.5 : 1.5)), opacity: lines.map(opacity) });
}

/** What is selected of each column of the parallel coordinates: options that are checked, or the ends of a figure.
 * The fields below the plot hold it, so that it is in the address, and there for whoever has no pointer. */
function selections() {
  if (!only || parallel.dataset.drawn === undefined) return [];
  return chartOf(parallel).columns.flatMap(({ name, ends }, column) => {
    const field = fieldOf(name);
    if (ends) {
      const text = field.querySelector("input");
      const between = text.validity.valid ? text.value.split("..").map(Number) : [];
      if (between.length !== 2) return [];
      const [low, high] = between.map((value) => (value - ends[0]) / (ends[1] - ends[0] || 1));
      return [{ column, low, high, has: (at) => at >= low - 1e-9 && at <= high + 1e-9 }];
    }
    const places = [...field.querySelectorAll("input:checked")].map((box) => Number(box.dataset.at));
    if (!places.length) return [];
    return [{ column, low: Math.min(...places), high: Math.max(...places), has: (at) => at !== null && places.some((one) => Math.abs(one - at) < 1e-9) }];
  });
}

function fieldOf(name) {
  return [...only.querySelectorAll("[data-column]")].find((one) => one.dataset.column === name);
}

/** Names of the networks of the front that are selected; null where nothing is asked for. */
function selected() {
  const asked = selections();
  if (!asked.length) return null;
  const lines = chartOf(parallel).data.filter((line) => asked.every(({ column, has }) => has(line.y[column])));
  return new Set(lines.map((line) => line.name));
}

/** Shows what is selected in both plots and in the table. */
function showSelected() {
  const names = selected();
  const all = chartOf(parallel).data;
  const fronts = new Set(all.map((line) => line.name));
  for (const row of document.querySelectorAll("tr[data-name]")) row.hidden = fronts.has(row.dataset.name) && !(names?.has(row.dataset.name) ?? true);
  const said = names ? `${names.size} of ${all.length} networks are selected: the others are faded in the plots, and not in the table` : "";
  document.getElementById("selected").textContent = said;
  document.getElementById("select-all").hidden = !names;
  showBands(selections());
  paintLines();
  moved();
  keepAddress();
}

/** Marks what is selected of each axis. Plotly's own shapes would set styles that the page's policy refuses. */
function showBands(shown) {
  const plot = parallel.querySelector(".plot");
  const { x, y } = frameOf(plot);
  const across = (column) => plot.offsetLeft + x.start + (column - x.low) * x.factor;
  const down = (at) => plot.offsetTop + y.start + y.length - (at - y.low) * y.factor;
  const bands = shown.map(({ column, low, high }) => {
    const band = Object.assign(document.createElement("div"), { className: "band" });
    const [top, bottom] = [down(Math.min(high + 0.03, 1.1)), down(Math.max(low - 0.03, -0.06))];
    Object.assign(band.style, { left: `${across(column) - 6}px`, top: `${top}px`, height: `${bottom - top}px` });
    return band;
  });
  for (const old of parallel.querySelectorAll(".band")) old.remove();
  parallel.append(...bands);
}

/** Selects what stands between two heights of a column; nothing between them selects nothing of it. */
function brush(column, low, high) {
  const { name, ends } = chartOf(parallel).columns[column];
  const field = fieldOf(name);
  if (ends) {
    const [from, to] = [low, high].map((at) => ends[0] + Math.min(Math.max(at, 0), 1) * (ends[1] - ends[0]));
    field.querySelector("input").value = `${from.toPrecision(4) * 1}..${to.toPrecision(4) * 1}`;
  } else {
    for (const box of field.querySelectorAll("input")) box.checked = Number(box.dataset.at) >= low && Number(box.dataset.at) <= high;
  }
  only.open = true;
  showSelected();
}

/** Follows a pointer that is dragged along an axis of the parallel coordinates. */
function beginBrush(down) {
  const plot = parallel.querySelector(".plot");
  const { x, y } = frameOf(plot);
  const box = plot.getBoundingClientRect();
  const column = Math.round(x.low + (down.clientX - box.left - x.start) / x.factor);
  const away = Math.abs((column - x.low) * x.factor + x.start + box.left - down.clientX);
  if (down.pointerType === "touch" || away > REACH_PX || !chartOf(parallel).columns[column]) return;
  const height = (event) => y.low + (y.length - (event.clientY - box.top - y.start)) / y.factor;
  const ends = (event) => [height(down), height(event)].toSorted((one, other) => one - other);
  const others = selections().filter((one) => one.column !== column);
  const move = (event) => {
    const [low, high] = ends(event);
    showBands([...others, { column, low, high }]);
  };
  const up = (event) => {
    removeEventListener("pointermove", move, true);
    // Less is a click, which picks a line.
    if (Math.abs(event.clientY - down.clientY) > 4) brush(column, ...ends(event));
    else showSelected();
  };
  addEventListener("pointermove", move, true);
  addEventListener("pointerup", up, { capture: true, once: true });
}

function keepAddress() {
  history.replaceState(null, "", `?${query(document.querySelector("#picked [data-picked]")?.dataset.picked)}`);
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
  keepAddress();
  const answer = await fetch(form.dataset.figures + location.search).catch(() => null);
  if (!answer?.ok) return tellOffline(answer?.status);
  const { front, still } = await answer.json();
  await draw(place, front);
  keepForPaper(place, new DOMParser().parseFromString(still, "text/html").querySelector("svg"));
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
  else if (only?.contains(event.target)) showSelected();
  else if (event.target.matches("input[type=number]")) settled();
});
form.addEventListener("keydown", (event) => {
  // Enter in a field: no reload. What was typed counts from now.
  if (event.key !== "Enter" || !event.target.matches("input")) return;
  event.preventDefault();
  event.target.dispatchEvent(new Event("change", { bubbles: true }));
});
document.addEventListener("pick", (event) => pick(event.detail));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-pick]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  pick(link.dataset.pick);
});
document.getElementById("select-all")?.addEventListener("click", (event) => {
  event.preventDefault();
  for (const input of only.querySelectorAll("input")) input.type === "checkbox" ? (input.checked = false) : (input.value = "");
  showSelected();
});
await drawAll();
if (place.dataset.drawn !== undefined) begin();
if (only && parallel.dataset.drawn !== undefined) {
  const plot = parallel.querySelector(".plot");
  plot.addEventListener("pointerdown", beginBrush, true);
  plot.on("plotly_afterplot", () => showBands(selections()));
  if (selected()) showSelected();
}
document.documentElement.dataset.ready = "front";
