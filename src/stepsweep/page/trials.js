"use strict";
// The trials of the page: what charts and tables ask of them, and the colours of their values.
const Trials = (() => {
  const { byId, style, short, escaped } = Charts;
  const MAX_DRAWN = 2000; // trials in a chart of points or lines: the best
  const MAX_FAILED_DRAWN = 500;

  let data, trials, axes, objective, varied;
  let shown = []; // by the filter
  let onTrial = () => {}; // what a click on a trial does

  function use(known) {
    ({ data, trials, axes, objective, varied } = known);
  }

  const show = (which) => { shown = which; };
  const whenClicked = (handler) => { onTrial = handler; };

  // A chart knows a trial by its place in the data, or by its id.
  const draw = (id, traces, layout) => Charts.draw(byId(id), traces, layout, (trial) => onTrial(trials.id[trial] ?? trial));

  const hover = (trial) => {
    const value = trials.value[trial] === null ? trials.status[trial] : `${objective.metric} ${short(trials.value[trial])}`;
    return `${escaped(trials.label[trial])}<br>${escaped(value)}`;
  };
  const visible = () => trials.rank.map((_, trial) => trial).filter((trial) => shown[trial]);
  const valued = () => visible().filter((trial) => trials.value[trial] !== null).slice(0, MAX_DRAWN); // the best first
  const hasEnded = (trial) => trials.status[trial] !== "RUNNING";
  const scale = () => (objective.direction === "maximize" ? { colorscale: "Viridis" } : { colorscale: "Viridis", reversescale: true });

  // As many steps as Plotly has between; equal ones look equal. https://cran.r-project.org/package=viridis
  const VIRIDIS = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
  const viridis = (share) => VIRIDIS[Math.round(share * (VIRIDIS.length - 1))];
  const lightness = (share) => (objective.direction === "maximize" ? share : 1 - share);

  function isLight(colour) { // relative luminance, as WCAG has it
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
    const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
  }

  function extent() {
    const values = trials.value.filter((value) => value !== null);
    const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  }

  // Whether parameters apply to a trial; a text is empty where one does not.
  const has = (trial, ...numbers) => numbers.every((number) => trials.params[trial][number]);
  const isText = (number) => axes[number].choices.some((choice) => Number.isNaN(Number(choice)));

  // The trials of params with several, as small points.
  function membersOf(some, place) {
    const each = some.flatMap((trial) => trials.each[trial].map((value) => ({ trial, value })));
    if (!each.length) return [];
    return [{
      type: "scatter", mode: "markers", showlegend: false, marker: { color: style("--soft"), size: 4, opacity: 0.8 }, hoverinfo: "text",
      x: each.map(({ trial }) => place(trial)), y: each.map(({ value }) => value), customdata: each.map(({ trial }) => trial),
      hovertext: each.map(({ trial, value }) => `${escaped(trials.label[trial])}<br>one trial: ${short(value)}`),
    }];
  }

  // The highest rung of each trial that got past the first.
  function rungsReached() {
    const found = new Map();
    if (data.rungs.length > 1) data.course?.id.forEach((id, place) => found.set(id, Math.max(found.get(id) ?? 0, data.course.rung[place])));
    return found;
  }

  const weightOf = (number) => data.importance?.weights.find(({ name }) => name === axes[number].name)?.share ?? 0;
  const byImportance = () => [...varied].sort((a, b) => weightOf(b) - weightOf(a) || a - b);
  const MAX_SAMPLED = 600; // points in a picture of which there may be many: every second, third … of the ranking

  const sampled = (some) => some.filter((_, place) => place % Math.ceil(some.length / MAX_SAMPLED) === 0);
  const WINNER_RING = { symbol: "circle-open", size: 18, color: "#D55E00", line: { width: 3 } };

  return { use, show, whenClicked, draw, hover, visible, valued, hasEnded, scale, viridis, lightness, isLight, extent, has, isText, membersOf, rungsReached, weightOf, byImportance, sampled, MAX_DRAWN, MAX_FAILED_DRAWN, MAX_SAMPLED, WINNER_RING };
})();
