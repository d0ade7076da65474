"use strict";
// The Pareto front of a sweep with several objectives: a chart for each pair of them, in the place of all charts of one value.
const FrontCharts = (() => {
  const { byId, colourOf, short, escaped } = Charts;
  const { draw, visible, MAX_DRAWN } = Trials;

  let data, trials;

  function use(known) {
    ({ data, trials } = known);
  }

  const isThere = () => data.objectives.length > 1;
  const name = (number) => `${data.objectives[number].metric} (${data.objectives[number].direction})`;
  const said = (trial) => [trials.label[trial], ...data.objectives.map(({ metric }, number) => `${metric} ${short(trials.by_objective[number][trial])}`), `front ${trials.rank[trial]}`].map(escaped).join("<br>");

  function drawFronts() {
    const some = visible().filter((trial) => trials.rank[trial] !== null).slice(0, MAX_DRAWN);
    byId("front").hidden = !isThere() || !some.length;
    if (byId("front").hidden) return;
    const pairs = data.objectives.flatMap((_, one) => data.objectives.slice(one + 1).map((_, further) => [one, one + 1 + further]));
    pairs.forEach((pair, place) => drawPair(panel(place), pair, some, pairs.length === 1));
  }

  function panel(place) {
    const id = `front-${place}`;
    if (!byId(id)) {
      const made = document.createElement("div");
      made.id = id;
      made.className = "chart";
      made.setAttribute("role", "group");
      byId("fronts").append(made);
    }
    return byId(id);
  }

  // A line joins the front if these two are all objectives.
  function drawPair(element, [across, up], some, isWhole) {
    const [x, y] = [trials.by_objective[across], trials.by_objective[up]];
    const points = (of, more) => ({ type: "scatter", mode: "markers", x: of.map((trial) => x[trial]), y: of.map((trial) => y[trial]), customdata: of, hovertext: of.map(said), hoverinfo: "text", ...more });
    const best = some.filter((trial) => trials.rank[trial] === 1).sort((a, b) => x[a] - x[b]);
    const rest = some.filter((trial) => trials.rank[trial] !== 1);
    element.setAttribute("aria-label", `${name(across)} and ${name(up)} of each trial; the leaderboard has the same numbers`);
    draw(element.id, [
      points(rest, { name: "other trials", marker: { color: colourOf(0), size: 8, opacity: 0.6 } }),
      points(best, { name: "on the front", marker: { color: "#D55E00", size: 11, symbol: "diamond" }, line: { color: "#D55E00", width: 1, dash: "dot" }, mode: isWhole ? "lines+markers" : "markers" }),
    ], { height: 420, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 60, r: 20, t: 40, b: 55 }, xaxis: { title: { text: name(across) } }, yaxis: { title: { text: name(up) } } });
  }

  return { use, isThere, draw: drawFronts };
})();
