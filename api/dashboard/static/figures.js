// Draws figures that Python made. A place <div class="chart"> has its figure in a JSON script inside it, or under
// data-figure="ADDRESS#NAME": the figure NAME of the JSON at ADDRESS. The page's colours are worked into it here,
// and again when the reader's scheme changes. Of very many points a canvas below the axes has all: ten thousand
// elements would not move. Without this file a page shows an SVG, and its figures as tables; paper shows it always.

const dark = matchMedia("(prefers-color-scheme: dark)");
const touch = matchMedia("(pointer: coarse)").matches;
const places = new Map();
const REACH_PX = 12;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Figures leave text, grid and background to the page; the theme is worked into a copy, since plotly writes into
// what it is given.
function themed(layout, narrow) {
  const lines = { gridcolor: colour("--grid"), zerolinecolor: colour("--grid"), linecolor: colour("--line") };
  const title = (axis) => ({ ...axis.title, font: { size: 13, color: colour("--ink") }, standoff: 8 });
  const axis = (own = {}) => ({ automargin: true, ...lines, ...own, ...(own.title && { title: title(own) }) });
  return {
    ...layout,
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--soft") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: narrow ? 44 : 58, r: narrow ? 10 : 18, t: 30, b: 46 },
    dragmode: touch ? false : (layout.dragmode ?? "zoom"),
    hoverdistance: 12,
    hoverlabel: { align: "left", bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink"), size: 12 } },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
  };
}

/** Draws a figure in its place, or draws it anew. */
export async function draw(place, chart) {
  const plot = place.querySelector(".plot") ?? place;
  place.hidden = !chart.data.length && !chart.many?.length;
  if (place.hidden) return;
  keepForPaper(place, plot.querySelector("svg.static"));
  const narrow = place.clientWidth < 560;
  const copy = structuredClone({ data: chart.data, layout: chart.layout });
  if (copy.layout.height) place.style.setProperty("--height", `${copy.layout.height}px`);
  if (copy.layout.minwidth) plot.style.minWidth = `${copy.layout.minwidth}px`;
  // Plotly writes bold as a style of an element, which the page's policy refuses.
  for (const trace of copy.data) {
    if (Array.isArray(trace.hovertext)) trace.hovertext = trace.hovertext.map((text) => String(text).replace(/<\/?b>/g, ""));
  }
  // Names would cover half of a narrow chart: they are in the table, and come up with a touch.
  for (const trace of narrow ? copy.data : []) if (trace.mode === "markers+text") trace.mode = "markers";
  const buttons = { modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], displayModeBar: touch ? false : "hover" };
  await Plotly.react(plot, copy.data, themed(copy.layout, narrow), { responsive: true, displaylogo: false, doubleClick: "reset", ...buttons });
  const known = places.get(place);
  const many = known?.many ?? (chart.many ? new Many(place, plot) : null);
  places.set(place, { chart, plot, many });
  many?.show(chart.many);
  if (!known) plot.on("plotly_click", (event) => tell(place, event.points[0].customdata));
  place.dataset.drawn = "";
}

/** Puts the figure as it stands without a script where only paper shows it. */
export function keepForPaper(place, still) {
  if (!still) return;
  place.querySelector(":scope > svg.static")?.remove();
  place.append(still);
}

function tell(place, name) {
  if (name) place.dispatchEvent(new CustomEvent("pick", { detail: name, bubbles: true }));
}

/** Changes some traces of a drawn chart. */
export function restyle(place, change, traces) {
  const { plot } = places.get(place);
  return Plotly.restyle(plot, change, traces);
}

/** The chart of a place, as it was given. */
export function chartOf(place) {
  return places.get(place).chart;
}

/** The many points of a place. */
export function manyOf(place) {
  return places.get(place).many;
}

/** Where the axes of a drawn plot stand: plotly keeps that under these names since its first releases. */
export function frameOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout;
  const line = (axis) => {
    const [low, high] = axis.range.map(Number);
    return { low, factor: axis._length / (high - low), start: axis._offset, length: axis._length, log: axis.type === "log" };
  };
  return { x: line(xaxis), y: line(yaxis) };
}

// Many points, on a canvas below the axes.
class Many {
  constructor(place, plot) {
    this.place = place;
    this.plot = plot;
    this.groups = [];
    this.kept = null;
    this.names = [];
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.label = document.createElement("p");
    this.label.className = "point-label";
    this.label.hidden = true;
    for (const name of ["plotly_relayouting", "plotly_afterplot"]) plot.on(name, () => this.later());
    plot.before(this.canvas);
    plot.after(this.label);
    plot.addEventListener("pointermove", (event) => this.point(event));
    plot.addEventListener("pointerleave", () => this.say(null));
    // While a button is down, plotly covers the window: the plot does not hear of its end.
    plot.addEventListener("pointerdown", (down) => addEventListener("pointerup", (up) => this.press(down, up), { capture: true, once: true }), true);
  }

  show(groups) {
    this.groups = groups.map((group) => ({ ...group, logX: group.x.map(Math.log10), logY: group.y.map(Math.log10) }));
    this.stamps = new Map();
    this.later();
  }

  /** Fades whatever rows are not kept; null shows all alike. */
  keep(kept) {
    this.kept = kept;
    this.later();
  }

  later() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = undefined;
      this.paint();
    });
  }

  frame() {
    return frameOf(this.plot);
  }

  // Calls `each` with every point that is in sight: its place from the left and from the top, group and number.
  inSight(each) {
    const { x, y } = this.frame();
    for (const group of this.groups) {
      const [xs, ys] = [x.log ? group.logX : group.x, y.log ? group.logY : group.y];
      for (let i = 0; i < xs.length; i += 1) {
        const across = (xs[i] - x.low) * x.factor;
        const down = y.length - (ys[i] - y.low) * y.factor;
        if (across >= 0 && down >= 0 && across <= x.length && down <= y.length) each(across + x.start, down + y.start, group, i);
      }
    }
  }

  // Pixels are written by hand: drawing ten thousand times takes longer than a frame.
  paint() {
    if (!this.plot._fullLayout) return;
    const ratio = devicePixelRatio;
    const [width, height] = [this.plot.clientWidth, this.plot.clientHeight].map((side) => Math.round(side * ratio));
    const pen = this.canvas.getContext("2d");
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      Object.assign(this.canvas, { width, height });
      Object.assign(this.canvas.style, { width: `${width / ratio}px`, height: `${height / ratio}px` });
      this.image = pen.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.stamps.clear();
    }
    this.pixels.fill(0);
    this.inSight((across, down, group, i) => {
      const faded = this.kept && group.rows.length > 0 && !this.kept[group.rows[i]];
      const stamp = this.stamp(group, faded, width);
      const corner = Math.round(down * ratio - stamp.half) * width + Math.round(across * ratio - stamp.half);
      for (let k = 0; k < stamp.places.length; k += 1) this.pixels[corner + stamp.places[k]] = stamp.colours[k];
    });
    pen.putImageData(this.image, 0, 0);
    this.place.dataset.paints = Number(this.place.dataset.paints ?? 0) + 1;
  }

  // The pixels of one mark: where they are from its corner, and what they are.
  stamp(group, pale, width) {
    const key = `${group.name} ${pale}`;
    if (this.stamps.has(key)) return this.stamps.get(key);
    const drawn = mark(group, pale);
    const pixels = new Uint32Array(drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.width).data.buffer);
    const [places, colours] = [[], []];
    pixels.forEach((colour, at) => {
      if (colour === 0) return;
      places.push(Math.floor(at / drawn.width) * width + (at % drawn.width));
      colours.push(colour);
    });
    this.stamps.set(key, { half: drawn.width / 2, places, colours });
    return this.stamps.get(key);
  }

  near(event) {
    const box = this.plot.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [null, REACH_PX ** 2];
    this.inSight((across, down, group, i) => {
      const distance = (across - left) ** 2 + (down - top) ** 2;
      if (distance < least && group.rows.length) [best, least] = [[across, down, group.rows[i]], distance];
    });
    return best;
  }

  point(event) {
    // A point of plotly's own under the pointer says more.
    const spot = event.buttons || this.plot.querySelector(".hoverlayer .hovertext") ? null : this.near(event);
    this.say(spot);
  }

  say(spot) {
    this.label.hidden = !spot;
    if (!spot) return;
    this.label.textContent = this.describe?.(spot[2]) ?? "";
    const right = spot[0] > this.plot.clientWidth / 2;
    Object.assign(this.label.style, { top: `${spot[1] + 12}px`, left: right ? "auto" : `${spot[0] + 12}px`, right: right ? `${this.plot.clientWidth - spot[0] + 12}px` : "auto" });
  }

  press(down, up) {
    const moved = Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY);
    const spot = moved < 4 && !this.plot.querySelector(".hoverlayer .hovertext") ? this.near(up) : null;
    if (spot) tell(this.place, this.names[spot[2]]);
  }
}

function mark(group, pale) {
  const side = group.size + 4;
  const drawn = document.createElement("canvas");
  drawn.width = drawn.height = Math.ceil(side * devicePixelRatio);
  const pen = drawn.getContext("2d");
  pen.scale(drawn.width / side, drawn.width / side);
  Object.assign(pen, { strokeStyle: group.color, fillStyle: group.color, lineWidth: 1.4, globalAlpha: pale ? 0.25 : group.symbol === "dot" ? 0.6 : 1 });
  const [middle, radius] = [side / 2, group.size / 2];
  pen.beginPath();
  if (group.symbol === "cross") {
    for (const sign of [1, -1]) {
      pen.moveTo(middle - radius, middle - sign * radius);
      pen.lineTo(middle + radius, middle + sign * radius);
    }
  } else if (group.symbol === "square") {
    pen.rect(middle - radius, middle - radius, group.size, group.size);
  } else {
    pen.arc(middle, middle, radius, 0, 2 * Math.PI);
  }
  if (group.symbol === "dot") pen.fill();
  else pen.stroke();
  return drawn;
}

/** Draws what the page has brought, then what has to be fetched: each address is asked once. */
export async function drawAll(within = document) {
  const brought = [...within.querySelectorAll('.chart script[type="application/json"]')];
  await Promise.all(brought.map((content) => draw(content.closest(".chart"), JSON.parse(content.textContent))));
  const fetched = [...within.querySelectorAll("[data-figure]")];
  const wanted = Map.groupBy(fetched, (place) => place.dataset.figure.split("#")[0]);
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
  for (const [place, { chart }] of places) draw(place, chart);
});
