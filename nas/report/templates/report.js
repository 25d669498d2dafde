"use strict";
// Draws the charts, ties points to rows. Plain functions; the page works without this down to its tables.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const motion = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  const narrow = matchMedia("(max-width: 640px)").matches;

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Figures leave text, grid and background to the page.
  function themed(layout) {
    const grid = { gridcolor: colour("--grid"), zerolinecolor: colour("--grid"), linecolor: colour("--line") };
    return {
      ...layout,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--soft") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 52, r: narrow ? 12 : 20, t: 28, b: 46 },
      dragmode: touch ? false : "zoom",
      hoverlabel: {
        align: "left",
        bgcolor: colour("--card"),
        bordercolor: colour("--line"),
        font: { color: colour("--ink"), size: 12 },
      },
      xaxis: { ...grid, ...layout.xaxis },
      yaxis: { automargin: true, ...grid, ...layout.yaxis },
    };
  }

  function draw(place) {
    const chart = charts[place.dataset.chart];
    if (chart.layout.height) place.style.height = `${chart.layout.height}px`;
    if (!chart.data.length) {
      place.textContent = "Nothing to draw.";
      place.style.height = "auto";
      return;
    }
    // The theme is worked into a copy: plotly writes into what it is given.
    const copy = structuredClone(chart);
    const settings = {
      responsive: true,
      displaylogo: false,
      doubleClick: "reset",
      displayModeBar: touch ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    };
    // Beside their marks, names would cover half of a narrow chart.
    for (const trace of copy.data) {
      if (narrow && trace.textposition && trace.mode === "markers+text") {
        trace.textposition = "bottom center";
        trace.textfont.size = 10;
      }
    }
    Plotly.react(place, copy.data, themed(copy.layout), settings);
    if (!place.dataset.tied) {
      place.dataset.tied = "yes";
      place.on("plotly_click", (event) => pick(place.closest(".target"), event.points[0].customdata, true));
    }
  }

  function rows(target) {
    return [...target.querySelectorAll("tbody[data-name]")];
  }

  // A name stands in one table of a target only: front, stock or others.
  function pick(target, name, scroll) {
    const row = rows(target).find((candidate) => candidate.dataset.name === name);
    if (!row) return;
    for (const other of rows(target)) other.classList.toggle("picked", other === row);
    const closed = row.closest("details.others");
    if (closed) closed.open = true;
    if (scroll) row.scrollIntoView({ block: "center", behavior: motion });
    point(target, name);
  }

  function point(target, name) {
    const place = target.querySelector('[data-chart^="front-"]');
    const traces = place.data || [];
    for (let curve = 0; curve < traces.length; curve += 1) {
      const number = (traces[curve].customdata || []).indexOf(name);
      if (number >= 0) Plotly.Fx.hover(place, [{ curveNumber: curve, pointNumber: number }]);
    }
  }

  function connect(target) {
    for (const row of rows(target)) {
      row.querySelector(".pick").addEventListener("click", () => {
        pick(target, row.dataset.name, false);
        target.querySelector('[data-chart^="front-"]').scrollIntoView({ block: "nearest", behavior: motion });
      });
    }
    const front = target.querySelector('[data-chart^="front-"]');
    target.querySelector(".cost").addEventListener("change", (event) => {
      front.dataset.chart = `front-${target.dataset.target}-${event.target.value}`;
      draw(front);
    });
    const slider = target.querySelector(".within");
    if (slider) {
      slider.addEventListener("input", () => within(target, slider, true));
      within(target, slider, false);
    }
  }

  // Steps of equal ratios between the fastest and the slowest of the front, by the upper ends that keep limits.
  function within(target, slider, show) {
    const front = rows(target).filter((row) => row.classList.contains("front"));
    const upper = front.map((row) => Number(row.dataset.latency));
    const least = Math.min(...upper);
    const most = Math.max(...upper);
    slider.max = 100;
    if (!show) slider.value = 100;
    const share = Number(slider.value) / 100;
    const budget = Math.max(least * (most / least) ** share, least) * (1 + 1e-9);
    const kept = front.filter((row) => Number(row.dataset.latency) <= budget);
    const best = kept.reduce((one, other) => (Number(other.dataset.accuracy) > Number(one.dataset.accuracy) ? other : one));
    const accuracy = best.querySelector(".main").firstChild.textContent.trim();
    slider.parentElement.querySelector("output").textContent =
      `${budget.toPrecision(3)} ms: ${best.dataset.name}, ${accuracy} %`;
    if (show) pick(target, best.dataset.name, false);
  }

  function drawAll() {
    for (const place of document.querySelectorAll("[data-chart]")) draw(place);
  }

  drawAll();
  for (const target of document.querySelectorAll(".target")) connect(target);
  dark.addEventListener("change", drawAll);
})();
