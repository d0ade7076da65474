"use strict";
// Charts of what a search found out, and of how it went.
const SearchCharts = (() => {
  const { byId, style, colourOf, short, escaped, cut } = Charts;

  const percent = (share) => `${(100 * share).toFixed(0)} %`;

  // A bar for each parameter, with a line for how sure it is.
  function drawImportance(importance) {
    byId("importance-box").hidden = !importance;
    if (!importance) return;
    byId("importance-said").textContent = importance.said;
    const { weights } = importance;
    byId("importance").hidden = byId("importance-read").hidden = !weights.length;
    if (!weights.length) return;
    const of = (name) => weights.map((weight) => weight[name]);
    Charts.draw(byId("importance"), [{
      type: "bar", orientation: "h", y: of("name").map((_, place) => place), x: of("share"), hoverinfo: "text", marker: { color: colourOf(0) }, width: 0.6,
      hovertext: weights.map(({ name, share, low, high }) => `${escaped(name)}: ${percent(share)}<br>nine of ten resamples: ${percent(low)} to ${percent(high)}`),
      error_x: { type: "data", symmetric: false, array: weights.map(({ share, high }) => high - share), arrayminus: weights.map(({ share, low }) => share - low), color: style("--ink"), thickness: 1.5 },
    }], {
      height: 90 + 34 * weights.length, margin: { l: 60, r: 20, t: 10, b: 50 },
      xaxis: { title: { text: "share of the importance of all" }, range: [0, 1], tickformat: ".0%", fixedrange: true },
      yaxis: { autorange: "reversed", tickvals: weights.map((_, place) => place), ticktext: of("name").map((name) => escaped(cut(name))), showgrid: false, fixedrange: true },
    });
  }

  return { drawImportance };
})();
