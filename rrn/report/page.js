// Draws the charts when they come into view, and hides what the filters leave out.
"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
const boxes = [...document.querySelectorAll("nav input")];
const chosen = (kind) => new Set(boxes.filter((box) => box.dataset.kind === kind && box.checked).map((box) => box.value));
const base = {
  font: { family: "system-ui, sans-serif", size: 12 },
  margin: { l: 60, r: 40, t: 60, b: 46 },
  modebar: { orientation: "v" }, // in the margin, beside the legend
  hovermode: "closest",
  hoverlabel: { namelength: -1 },
  paper_bgcolor: "#fff",
  plot_bgcolor: "#fff",
  legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
};
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"] };

// Axes of the page's look; a chart may have several.
function layoutOf(chart) {
  const layout = structuredClone({ ...base, ...chart.layout });
  const axes = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))]);
  for (const key of axes) layout[key] = { gridcolor: "#e6e8ec", zerolinecolor: "#c4c8ce", ...layout[key] };
  return layout;
}

// The traces that the filters leave, and of bars the games.
function tracesOf(chart) {
  const games = chosen("game"), methods = chosen("method"), paper = chosen("paper").size > 0;
  const left = chart.data.filter((trace) => !trace.meta || (methods.has(trace.meta.method) && (paper || !trace.meta.paper)));
  if (!chart.byGame) return left;
  return left.map((trace) => {
    const keep = trace.x.map((game) => games.has(game));
    const pick = (list) => list.filter((_, i) => keep[i]);
    const error = { ...trace.error_y, array: pick(trace.error_y.array), arrayminus: pick(trace.error_y.arrayminus) };
    return { ...trace, x: pick(trace.x), y: pick(trace.y), customdata: pick(trace.customdata), error_y: error };
  });
}

function draw(element) {
  const chart = charts[element.dataset.chart];
  element.dataset.drawn = "yes";
  const small = chart.layout.height < 280; // the buttons would lie on the title
  return Plotly.react(element, tracesOf(chart), layoutOf(chart), { ...config, displayModeBar: small ? false : "hover" });
}

const watcher = new IntersectionObserver(
  (entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    watcher.unobserve(entry.target);
    draw(entry.target);
  }),
  { rootMargin: "300px" },
);

function filter() {
  const games = chosen("game"), methods = chosen("method"), seeds = chosen("seed");
  for (const element of document.querySelectorAll("[data-game], [data-method], [data-seed]")) {
    const { game, method, seed } = element.dataset;
    element.hidden = (game && !games.has(game)) || (method && !methods.has(method)) || (seed && !seeds.has(seed));
  }
  for (const row of document.querySelectorAll("[data-games]")) { // of several games and activations
    const left = (texts, kept) => JSON.parse(texts).some((text) => kept.has(text));
    row.hidden = !left(row.dataset.games, games) || !left(row.dataset.methods, methods);
  }
  document.querySelector("#missing")?.toggleAttribute("hidden", !document.querySelector("[data-games]:not([hidden])"));
  // what the filters leave empty: charts, tables, and headings with nothing below them
  for (const element of document.querySelectorAll(".chart:not([data-seed])")) {
    element.hidden = tracesOf(charts[element.dataset.chart]).length === 0;
  }
  for (const table of document.querySelectorAll(".scroll")) {
    table.hidden = [...table.querySelectorAll("tbody tr")].every((row) => row.hidden);
  }
  for (const heading of document.querySelectorAll("h3")) {
    const below = [];
    for (let next = heading.nextElementSibling; next && !next.matches("h2, h3"); next = next.nextElementSibling) below.push(next);
    const content = below.filter((element) => !element.matches(".note"));
    heading.hidden = content.every((element) => element.hidden || (element.matches(".grid") && [...element.children].every((one) => one.hidden)));
    for (const element of below) if (element.matches(".note")) element.hidden = heading.hidden;
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden ||= [...section.querySelectorAll("h3")].every((heading) => heading.hidden);
  }
  for (const element of document.querySelectorAll(".chart[data-drawn]")) {
    // a chart that is hidden has no size to be drawn in; it is drawn anew when it comes into view
    if (element.offsetParent) draw(element);
    else { delete element.dataset.drawn; watcher.observe(element); }
  }
}

for (const element of document.querySelectorAll(".chart")) watcher.observe(element);
for (const box of boxes) box.addEventListener("change", filter);
for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => {
    const own = boxes.filter((box) => box.dataset.kind === button.dataset.kind);
    const on = !own.every((box) => box.checked);
    own.forEach((box) => { box.checked = on; });
    filter();
  });
}
filter();
