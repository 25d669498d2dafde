// Draws figures that Python made. <div class="chart" data-figure="ADDRESS#NAME"> gets the figure NAME of the JSON
// at ADDRESS; the page's colours are worked into it here, and again when the reader's scheme changes.

const dark = matchMedia("(prefers-color-scheme: dark)");
const touch = matchMedia("(pointer: coarse)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Figures leave text, grid and background to the page. */
function themed(layout) {
  const grid = { gridcolor: colour("--grid"), zerolinecolor: colour("--grid"), linecolor: colour("--line") };
  return {
    ...layout,
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--soft") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 52, r: 16, t: 24, b: 44, ...layout.margin },
    dragmode: touch.matches ? false : "zoom",
    hoverlabel: { align: "left", bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
    xaxis: { ...grid, ...layout.xaxis },
    yaxis: { automargin: true, ...grid, ...layout.yaxis },
  };
}

const SETTINGS = { responsive: true, displaylogo: false, doubleClick: "reset", displayModeBar: false };

/** Draws, or draws anew, one figure in its place. */
export async function draw(place, figure) {
  place.figure = figure;
  if (!figure.data.length) {
    place.hidden = true;
    return;
  }
  place.hidden = false;
  // plotly writes into what it is given.
  const copy = structuredClone(figure);
  await Plotly.react(place, copy.data, themed(copy.layout), SETTINGS);
}

/** Fetches and draws every figure within a part of the page; each address is asked once. */
export async function drawAll(within = document) {
  const places = [...within.querySelectorAll("[data-figure]")];
  const wanted = Map.groupBy(places, (place) => place.dataset.figure.split("#")[0]);
  await Promise.all(
    [...wanted].map(async ([address, group]) => {
      const answer = await fetch(address, { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(`${answer.status} for ${address}`);
      const figures = await answer.json();
      await Promise.all(group.map((place) => draw(place, figures[place.dataset.figure.split("#")[1]])));
    }),
  );
}

dark.addEventListener("change", () => {
  for (const place of document.querySelectorAll("[data-figure]")) if (place.figure) draw(place, place.figure);
});
