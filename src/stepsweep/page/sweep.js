"use strict";
// The page of a sweep: draws its charts, sorts and filters its leaderboard. The data is in the page, or comes by `update`.
const SweepPage = (() => {
  const { byId, style, colourOf, short, escaped, cut, lossesOf, lowestOf, overfitting } = Charts;
  let mostWhole = 1000; // rows; of more only those in sight are in the document
  const MAX_DRAWN = 2000; // trials in a chart of points or lines: the best
  const MAX_FAILED_DRAWN = 500;

  let data, trials, axes, objective, isBetter, varied, texts;
  let index = new Map(); // trial's id → its place in the data
  const curves = new Map(); // trial's id → its curve
  let chosen = []; // ids of the trials whose curves are shown, in the order of their colours' places
  let isChosenByHand = false;
  let shown = []; // by the filter
  let view = []; // the trials of the leaderboard, filtered and in order
  let sorted = { column: "rank", isDescending: false };
  const hidden = new Set(); // keys of the columns that are not shown
  const plane = { down: null, across: null };
  let isPlaneChosen = false; // by hand, and not by importance
  let over = "trials"; // what the best value is shown over
  let fetchCurves = null; // of a live page
  let trialUrl = null;

  // A chart knows a trial by its place in the data, or by its id.
  const draw = (id, traces, layout) => Charts.draw(byId(id), traces, layout, (trial) => toggle(trials.id[trial] ?? trial));

  // --- parameters

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

  // A long name in lines that break behind `_`, `.`, `/` or `-`.
  function folded(name, room = 13) {
    const lines = [""];
    for (const part of name.match(/[^_./-]*[_./-]?/g).filter(Boolean)) {
      if (lines.at(-1) && (lines.at(-1) + part).length > room) lines.push("");
      lines[lines.length - 1] += part;
    }
    return lines.map(escaped).join("<br>");
  }

  function axisOf(number) {
    const axis = axes[number];
    if (axis.listed) {
      const categories = axis.choices.map(escaped);
      const texts = { tickmode: "array", tickvals: categories, ticktext: axis.choices.map((choice) => escaped(cut(choice))) };
      return { title: { text: axis.name }, type: "category", categoryorder: "array", categoryarray: categories, ...(categories.length <= 20 ? texts : {}) };
    }
    const decades = axis.log && axis.choices.length ? Math.log10(axis.choices.at(-1) / axis.choices[0]) : 0;
    return { title: { text: axis.name }, type: axis.log ? "log" : "linear", ...(decades > 2 ? { dtick: 1 } : {}) };
  }

  const MAX_COLOURED = 100; // choices of a parameter in a heatmap: cells without numbers, where there are many

  function isGrid(down, across) {
    const [rows, columns] = [axes[down].choices.length, axes[across].choices.length];
    const areListed = axes[down].listed && axes[across].listed;
    if (Math.max(rows, columns) > (areListed ? MAX_COLOURED : data.max_cells)) return false;
    const both = trials.params.filter((params) => params[down] && params[across]);
    const filled = new Set(both.map((params) => JSON.stringify([params[down], params[across]]))).size;
    return areListed || 2 * filled >= rows * columns;
  }

  // Whether parameters apply to a trial; a text is empty where one does not.
  const has = (trial, ...numbers) => numbers.every((number) => trials.params[trial][number]);

  function drawPlane() {
    const { down, across } = plane;
    (isGrid(down, across) ? drawCells : drawPoints)(down, across);
    const without = visible().filter((trial) => !has(trial, down, across)).length;
    byId("plane-without").hidden = !without;
    byId("plane-without").textContent = `${without} trial${without === 1 ? "" : "s"} to which one of the two does not apply ${without === 1 ? "is" : "are"} left out`;
  }

  // What to read from the picture of one or two parameters.
  const readPlane = (kind) => {
    byId("plane-read").textContent = byId("plane-read").dataset[kind];
  };

  function drawCells(down, across) {
    readPlane("cells");
    const [rows, columns] = [axes[down].choices, axes[across].choices];
    const grid = (fill) => rows.map(() => columns.map(fill));
    const [z, customdata, hovers] = [grid(() => null), grid(() => null), grid(() => "")];
    const [low, high] = extent();
    const isSmall = rows.length * columns.length <= 150;
    const annotations = [];
    const write = (x, y, text, color, size) => annotations.push({ x, y, text, showarrow: false, captureevents: false, font: { color, size } });
    let frame = [];
    for (const trial of visible().filter((trial) => has(trial, down, across))) { // the best first
      const [row, column] = [rows.indexOf(trials.params[trial][down]), columns.indexOf(trials.params[trial][across])];
      if (customdata[row][column] !== null) continue;
      customdata[row][column] = trial;
      z[row][column] = trials.value[trial];
      hovers[row][column] = hover(trial);
      const value = trials.value[trial];
      if (value === null) {
        if (isSmall) write(column, row, trials.status[trial].toLowerCase(), style(hasEnded(trial) ? "--bad" : "--accent"), 11);
      } else if (isSmall) {
        const colour = viridis(lightness((value - low) / (high - low)));
        const text = `${trials.rank[trial] === 1 ? "★ " : ""}${Number(value.toPrecision(4))}`;
        write(column, row, text, isLight(colour) ? "#000000" : "#ffffff", 13);
      }
      if (trials.rank[trial] === 1) {
        frame = [{ type: "rect", x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5, line: { color: "#D55E00", width: 3 } }];
      }
    }
    const places = (names, name) => {
      const every = Math.ceil(names.length / 20);
      const named = names.map((_, place) => place).filter((place) => place % every === 0);
      return { title: { text: name }, tickvals: named, ticktext: named.map((place) => escaped(cut(names[place]))), showgrid: false };
    };
    draw("plane", [{
      type: "heatmap", z, customdata, hovertext: hovers, hoverinfo: "text",
      x: columns.map((_, place) => place), y: rows.map((_, place) => place), zmin: low, zmax: high, xgap: isSmall ? 2 : 1, ygap: isSmall ? 2 : 1, ...scale(),
      colorbar: { title: { text: objective.metric, side: "right" }, thickness: 14, outlinewidth: 0 },
    }], {
      height: Math.min(720, 130 + 56 * rows.length), annotations, shapes: frame,
      xaxis: places(columns, axes[across].name), yaxis: { ...places(rows, axes[down].name), autorange: "reversed" },
    });
  }

  const STEPS = 40; // of the surface, on each side

  // The values between trials over two ranges: means weighed by distance, and nothing where no trial is near. As
  // client/pictures/surface.py computes it.
  function surface(some, down, across) {
    const side = (number) => {
      const { choices, log } = axes[number];
      const at = (value) => (log ? Math.log(Number(value)) : Number(value));
      const [low, high] = [at(choices[0]), at(choices.at(-1))];
      const back = (share) => (log ? Math.exp(low + share * (high - low)) : low + share * (high - low));
      return { shares: some.map((trial) => (at(trials.params[trial][number]) - low) / (high - low)), ticks: Array.from({ length: STEPS }, (_, step) => back(step / (STEPS - 1))) };
    };
    const [x, y] = [side(across), side(down)];
    const width = 0.29 * some.length ** (-1 / 6);
    const z = y.ticks.map((_, row) => x.ticks.map((_, column) => {
      let [sum, total, most] = [0, 0, 0];
      some.forEach((trial, place) => {
        const squared = (x.shares[place] - column / (STEPS - 1)) ** 2 + (y.shares[place] - row / (STEPS - 1)) ** 2;
        const weight = Math.exp(-squared / (2 * width * width));
        [sum, total, most] = [sum + weight * trials.value[trial], total + weight, Math.max(most, weight)];
      });
      return most < Math.exp(-2) ? null : sum / total;
    }));
    return { type: "contour", x: x.ticks, y: y.ticks, z, hoverinfo: "skip", showscale: false, connectgaps: false, ncontours: 12, contours: { coloring: "heatmap" }, line: { width: 0.5, color: "rgba(255,255,255,0.5)" } };
  }

  const LEAST_OF_SURFACE = 10; // trials

  const WINNER_RING = { symbol: "circle-open", size: 18, color: "#D55E00", line: { width: 3 } };

  function drawPoints(down, across) {
    const points = (some, marker, name) => ({
      type: "scatter", mode: "markers", name, marker, showlegend: false, customdata: some, hoverinfo: "text", hovertext: some.map(hover),
      x: some.map((trial) => escaped(trials.params[trial][across])), y: some.map((trial) => escaped(trials.params[trial][down])),
    });
    const [low, high] = extent();
    const there = visible().filter((trial) => has(trial, down, across));
    const some = valued().filter((trial) => has(trial, down, across));
    // Values of different rungs have no mean.
    const areRanges = data.rungs.length === 1 && !axes[down].listed && !axes[across].listed && some.length >= LEAST_OF_SURFACE;
    readPlane(areRanges ? "surface" : "points");
    draw("plane", [
      ...(areRanges ? [{ ...surface(some, down, across), zmin: low, zmax: high, ...scale() }] : []),
      points(there.filter((trial) => trials.value[trial] === null && hasEnded(trial)).slice(0, MAX_FAILED_DRAWN), { symbol: "x", color: style("--bad"), size: 8 }, "failed"),
      points(there.filter((trial) => !hasEnded(trial)), { symbol: "circle-open", color: style("--accent"), size: 10 }, "running"),
      points(some, {
        color: some.map((trial) => trials.value[trial]), cmin: low, cmax: high, size: some.length > 200 ? 6 : 10, line: { color: areRanges ? style("--paper") : style("--soft"), width: 1 }, ...scale(),
        showscale: true, colorbar: { title: { text: objective.metric, side: "right" }, thickness: 14, outlinewidth: 0 },
      }, "trials"),
      { ...points(some.filter((trial) => trials.rank[trial] === 1), WINNER_RING, "winner"), hoverinfo: "skip" },
    ], { height: 460, xaxis: axisOf(across), yaxis: axisOf(down) });
  }

  const isText = (number) => axes[number].choices.some((choice) => Number.isNaN(Number(choice)));

  // Values over one parameter; with many trials per choice also their mean.
  function drawOne(id, number, isCurve = false) {
    const all = visible().filter((trial) => trials.value[trial] !== null && has(trial, number));
    const some = sampled(all);
    const errors = some.map((trial) => trials.error[trial] ?? 0);
    const points = (list, marker) => ({
      type: "scatter", mode: "markers", marker, showlegend: false, customdata: list, hoverinfo: "text", hovertext: list.map(hover),
      x: list.map((trial) => escaped(trials.params[trial][number])), y: list.map((trial) => trials.value[trial]),
    });
    const spread = errors.some((error) => error > 0) ? { error_y: { type: "data", array: errors, color: style("--soft") } } : {};
    const ways = rungsReached();
    const colours = some.map((trial) => colourOf(ways.get(trials.id[trial]) ?? 0));
    const means = [];
    if (data.rungs.length === 1 && axes[number].listed && all.length > axes[number].choices.length) {
      const of = (choice) => all.filter((trial) => trials.params[trial][number] === choice).map((trial) => trials.value[trial]);
      const there = axes[number].choices.filter((choice) => of(choice).length > 0);
      const mean = (values) => values.reduce((sum, value) => sum + value / values.length, 0);
      means.push({
        type: "scatter", mode: "markers", showlegend: false, x: there.map(escaped), y: there.map((choice) => mean(of(choice))), hoverinfo: "text",
        hovertext: there.map((choice) => `${escaped(axes[number].name)}=${escaped(choice)}<br>mean of ${of(choice).length}: ${short(mean(of(choice)))}`),
        marker: { symbol: "line-ew", size: 34, line: { width: 3, color: style("--soft") } },
      });
    }
    draw(id, [
      ...means,
      ...membersOf(some, (trial) => escaped(trials.params[trial][number])),
      ...(isCurve ? [curveOver(some, number)] : []),
      { ...points(some, { color: colours, size: some.length > 200 ? 6 : 10, opacity: 0.8 }), ...spread },
      { ...points(some.filter((trial) => trials.rank[trial] === 1), WINNER_RING), hoverinfo: "skip" },
    ], { height: 340, xaxis: axisOf(number), yaxis: { title: { text: objective.metric } } });
  }

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

  // A line through the only parameter's values, if they are numbers.
  function curveOver(some, number) {
    const inOrder = isText(number) ? [] : [...some].sort((a, b) => trials.params[a][number] - trials.params[b][number]);
    return { type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip", x: inOrder.map((trial) => escaped(trials.params[trial][number])), y: inOrder.map((trial) => trials.value[trial]), line: { color: style("--soft"), width: 1.5 } };
  }

  // The highest rung of each trial that got past the first.
  function rungsReached() {
    const found = new Map();
    if (data.rungs.length > 1) data.course?.id.forEach((id, place) => found.set(id, Math.max(found.get(id) ?? 0, data.course.rung[place])));
    return found;
  }

  const weightOf = (number) => data.importance?.weights.find(({ name }) => name === axes[number].name)?.share ?? 0;
  const byImportance = () => [...varied].sort((a, b) => weightOf(b) - weightOf(a) || a - b);
  const MAX_SLICES = 12;
  const MAX_SAMPLED = 600; // points in a picture of which there may be many: every second, third … of the ranking

  const sampled = (some) => some.filter((_, place) => place % Math.ceil(some.length / MAX_SAMPLED) === 0);

  // A picture for each parameter.
  function drawSlices() {
    const numbers = varied.length > 1 ? byImportance().slice(0, MAX_SLICES) : [];
    byId("slices-box").hidden = !numbers.length;
    const [drawn, count] = [sampled(visible()).length, visible().length];
    const notes = [
      ...(drawn < count ? [`Of ${count.toLocaleString("en")} trials about ${MAX_SAMPLED} are drawn, spread over the ranking; means are of all.`] : []),
      ...(varied.length > MAX_SLICES ? [`${varied.length - MAX_SLICES} more parameters are in the leaderboard only.`] : []),
    ];
    byId("more-slices").hidden = !notes.length;
    byId("more-slices").textContent = notes.join(" ");
    const box = byId("slices");
    const elements = numbers.map((_, at) => {
      let element = byId(`slice-${at}`);
      if (!element) {
        element = document.createElement("div");
        element.id = `slice-${at}`;
        element.setAttribute("role", "group");
        box.append(element);
      }
      return element;
    });
    for (const element of [...box.children].slice(numbers.length)) element.remove();
    numbers.forEach((number, at) => {
      elements[at].setAttribute("aria-label", `${objective.metric} by ${axes[number].name}; the leaderboard has the same numbers`);
      drawOne(elements[at].id, number);
    });
  }

  // The values from the best to the worst.
  function drawRanks() {
    const all = visible().filter((trial) => trials.value[trial] !== null);
    const some = sampled(all);
    const ways = rungsReached();
    const errors = some.map((trial) => trials.error[trial] ?? 0);
    const points = (list, marker) => ({
      type: "scatter", mode: "markers", marker, showlegend: false, customdata: list, hoverinfo: "text", hovertext: list.map((trial) => `rank ${trials.rank[trial]}<br>${hover(trial)}`),
      x: list.map((trial) => trials.rank[trial]), y: list.map((trial) => trials.value[trial]),
    });
    draw("ranks", [
      ...membersOf(some, (trial) => trials.rank[trial]),
      { ...points(some, { color: some.map((trial) => colourOf(ways.get(trials.id[trial]) ?? 0)), size: some.length > 200 ? 5 : 8 }), ...(errors.some((error) => error > 0) ? { error_y: { type: "data", array: errors, color: style("--soft") } } : {}) },
      { ...points(some.filter((trial) => trials.rank[trial] === 1), WINNER_RING), hoverinfo: "skip" },
    ], { height: 340, xaxis: { title: { text: some.length < all.length ? `rank (${some.length.toLocaleString("en")} of ${all.length.toLocaleString("en")} are drawn)` : "rank" }, tickformat: "d", ...(some.length <= 15 ? { dtick: 1 } : {}) }, yaxis: { title: { text: objective.metric } } });
  }

  // --- brushes: parts of the axes that a person keeps

  const VALUE = "value"; // the key of the last axis; a parameter's has a prefix
  const PARAM = "params.";
  const brushes = new Map(); // an axis's key → {low, high}, or {choices}

  function isBrushed(trial) {
    return [...brushes].every(([key, { low, high, choices }]) => {
      const number = axes.findIndex(({ name }) => key === PARAM + name);
      const found = key === VALUE ? trials.value[trial] : trials.params[trial][number];
      if (found === null || found === undefined || found === "") return false;
      return choices ? choices.includes(found) : Number(found) >= low && Number(found) <= high;
    });
  }

  // Takes a part of the parallel axes that was drawn over: which axes, and from where to where.
  function brushed({ x, y }) {
    const [left, right] = [Math.min(...x), Math.max(...x)];
    const [low, high] = [Math.min(...y), Math.max(...y)];
    const inside = [...varied.keys(), varied.length].filter((at) => at >= left - 0.1 && at <= right + 0.1);
    const nearest = Math.max(0, Math.min(varied.length, Math.round((left + right) / 2)));
    for (const at of inside.length ? inside : [nearest]) {
      if (at === varied.length) {
        const [least, most] = extent();
        brushes.set(VALUE, { low: least + low * (most - least), high: least + high * (most - least) });
        continue;
      }
      const { name, choices, listed, log } = axes[varied[at]];
      const last = Math.max(1, choices.length - 1);
      if (listed) {
        const nearest = Math.max(0, Math.min(last, Math.round(((low + high) / 2) * last)));
        const inside = choices.filter((_, place) => place / last >= low && place / last <= high);
        brushes.set(PARAM + name, { choices: inside.length ? inside : [choices[nearest]] });
      } else {
        const [least, most] = [choices[0], choices.at(-1)].map((text) => (log ? Math.log(Number(text)) : Number(text)));
        const value = (share) => (log ? Math.exp(least + share * (most - least)) : least + share * (most - least));
        brushes.set(PARAM + name, { low: value(low), high: value(high) });
      }
    }
    filtered();
  }

  // Below the axes, and above the leaderboard, which has fewer rows by them.
  function listBrushes() {
    for (const box of document.querySelectorAll(".brushes")) {
      box.hidden = !brushes.size;
      box.replaceChildren(...[...brushes].map(([key, limits]) => buttonOf(key, limits)));
    }
  }

  function buttonOf(key, { low, high, choices }) {
    const button = document.createElement("button");
    const name = key === VALUE ? objective.metric : key.slice(PARAM.length);
    button.type = "button";
    button.textContent = `${name} ${choices ? choices.join(", ") : `${short(low)} to ${short(high)}`} ✕`;
    button.setAttribute("aria-label", `Remove the limits of ${name}`);
    button.addEventListener("click", () => {
      brushes.delete(key);
      filtered();
    });
    return button;
  }

  const WIDTH_OF_AXIS = 104; // pixels: of a folded name

  function drawParallel(varied) {
    const place = (number, choice) => {
      const { choices, listed, log } = axes[number];
      if (listed) return choices.indexOf(choice) / Math.max(1, choices.length - 1);
      const at = (text) => (log ? Math.log(Number(text)) : Number(text));
      const [low, high] = [at(choices[0]), at(choices[choices.length - 1])];
      return high > low ? (at(choice) - low) / (high - low) : 0.5;
    };
    const [low, high] = extent();
    const share = (value) => (value - low) / (high - low);
    // A trace a colour and not a trial: a thousand lines stay quick.
    const BINS = 20;
    const bins = new Map();
    for (const trial of valued().reverse()) {
      const bin = trials.rank[trial] === 1 ? "winner" : Math.min(BINS - 1, Math.floor(share(trials.value[trial]) * BINS));
      if (!bins.has(bin)) bins.set(bin, []);
      bins.get(bin).push(trial);
    }
    const order = [...bins.keys()].sort((a, b) => (a === "winner") - (b === "winner") || (isBetter(a, b) ? 1 : -1));
    const crowded = valued().length > 100;
    const traces = order.map((bin) => {
      const line = { type: "scatter", mode: "lines+markers", x: [], y: [], customdata: [], hovertext: [], hoverinfo: "text", showlegend: false, connectgaps: false };
      for (const trial of bins.get(bin)) {
        // A line passes by the axis of a parameter that does not apply.
        const heights = varied.map((number) => (has(trial, number) ? place(number, trials.params[trial][number]) : null));
        [...heights, share(trials.value[trial])].forEach((height, x) => {
          if (height === null) return;
          line.x.push(x);
          line.y.push(height);
          line.customdata.push(trial);
          line.hovertext.push(hover(trial));
        });
        line.x.push(null);
        line.y.push(null);
        line.customdata.push(null);
        line.hovertext.push("");
      }
      const isWinner = bin === "winner";
      const at = lightness((bin + 0.5) / BINS);
      line.line = { width: isWinner ? 4 : 1.5, color: isWinner ? "#D55E00" : viridis(at) };
      line.marker = { size: isWinner ? 7 : 4 };
      line.opacity = isWinner ? 1 : crowded ? 0.5 : 0.8;
      return line;
    });
    const names = [...varied.map((number) => axes[number].name), objective.metric];
    const width = Math.max(byId("parallel").parentElement.clientWidth, WIDTH_OF_AXIS * names.length);
    const room = Math.floor((width - 140) / Math.max(1, varied.length) / 7);
    const label = (x, y, text) => ({ x, y, text: escaped(text), showarrow: false, xanchor: "left", xshift: 6, font: { size: 11 }, bgcolor: style("--paper"), opacity: 0.85 });
    const annotations = varied.flatMap((number, x) => {
      const { choices, listed } = axes[number];
      const named = listed && choices.length <= data.max_cells ? choices : [choices[0], choices[choices.length - 1]];
      return named.map((choice) => label(x, place(number, choice), cut(choice, room)));
    });
    annotations.push(label(varied.length, 0, short(low)), label(varied.length, 1, short(high)));
    // So that names and values of one axis end before the next one; the chart scrolls where there is no room.
    byId("parallel").style.minWidth = `${WIDTH_OF_AXIS * names.length}px`;
    draw("parallel", traces, {
      height: 420, dragmode: "select", newselection: { line: { color: style("--accent"), width: 2 } }, annotations, margin: { l: 60, r: 80, t: 20, b: 70 },
      shapes: names.map((_, x) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, line: { color: style("--soft"), width: 1 }, layer: "below" })),
      xaxis: { tickvals: names.map((_, x) => x), ticktext: names.map((name) => folded(name)), showgrid: false, range: [-0.15, varied.length + 0.15], fixedrange: true },
      yaxis: { visible: false, range: [-0.06, 1.06], fixedrange: true },
    });
    if (byId("parallel").dataset.isBrushable) return;
    byId("parallel").dataset.isBrushable = "yes";
    byId("parallel").on("plotly_selected", (event) => {
      if (event?.range) setTimeout(brushed, 0, event.range); // once Plotly is done with it
    });
  }

  const winner = () => trials.id[trials.rank.indexOf(1)];
  const nameOf = (id) => trials.label[index.get(id)] ?? id;

  function drawSearch() {
    byId("search").hidden = !data.course;
    if (!data.course) return;
    SearchCharts.drawCourse(data.course, { objective, over, nameOf, winner: winner(), onTrial: toggle });
    drawRanks();
  }

  function drawSpace() {
    const isThere = varied.length > 0 && trials.value.some((value) => value !== null);
    byId("space").hidden = !isThere && !fetchCurves; // a live page may have something to draw later
    byId("no-space").hidden = isThere;
    byId("plane").hidden = !isThere;
    byId("parallel-box").hidden = !isThere || varied.length < 3;
    byId("too-many").hidden = !isThere || visible().length <= MAX_DRAWN;
    if (!isThere) return;
    choosePlane();
    SearchCharts.drawImportance(data.importance);
    byId("plane-without").hidden = true;
    // Of two parameters the picture itself says more than their importance.
    (varied.length > 2 ? byId("plane-choice") : byId("slices-box")).before(byId("importance-box"));
    if (varied.length === 1) {
      readPlane("curve");
      drawOne("plane", varied[0], true);
    } else drawPlane();
    drawSlices();
    if (varied.length > 2) drawParallel(varied);
  }

  function choosePlane() {
    byId("plane-choice").hidden = varied.length < 3;
    if (varied.length < 2) return;
    const two = [...varied].sort((a, b) => axes[b].of_all - axes[a].of_all || weightOf(b) - weightOf(a) || axes[b].choices.length - axes[a].choices.length || a - b).slice(0, 2).sort((a, b) => a - b);
    const isValid = varied.includes(plane.down) && varied.includes(plane.across) && plane.down !== plane.across;
    if (!isPlaneChosen || !isValid) [plane.down, plane.across] = two;
    for (const side of ["down", "across"]) {
      const select = byId(`plane-${side}`);
      const names = varied.map((number) => axes[number].name);
      if (names.join("\n") !== [...select.options].map((option) => option.text).join("\n")) {
        select.replaceChildren(...varied.map((number) => new Option(axes[number].name, number)));
      }
      select.value = plane[side];
    }
  }

  function planeChosen(side, other) {
    const before = plane[side];
    isPlaneChosen = true;
    plane[side] = Number(byId(`plane-${side}`).value);
    if (plane[other] === plane[side]) plane[other] = before;
    drawSpace();
    remember();
  }

  // --- curves

  function drawCurves() {
    const lines = chosen
      .map((id, place) => ({ label: trials.label[index.get(id)], curve: curves.get(id), place }))
      .filter(({ curve }) => curve);
    Charts.drawCurves(byId("panels"), data.columns, lines, objective.metric);
  }

  function listChosen() {
    const losses = lossesOf([...new Set([...curves.values()].flatMap((curve) => Object.keys(curve.columns)))]).validation;
    const heads = ["Trial", "Best epoch", ...(losses ? [`Lowest ${losses}`, "At the end", "Overfitting"] : []), "Remove"];
    byId("chosen").tHead.rows[0].replaceChildren(...heads.map((name, place) => {
      const head = document.createElement("th");
      head.scope = "col";
      head.className = place > 0 && place < 4 && name !== "Remove" ? "number" : "";
      const text = document.createElement("span");
      text.className = name === "Remove" ? "visually-hidden" : "";
      text.textContent = name;
      head.append(text);
      return head;
    }));
    byId("chosen").tBodies[0].replaceChildren(...chosen.map((id, place) => {
      const trial = index.get(id);
      const row = document.createElement("tr");
      const curve = curves.get(id);
      const cell = (text, className) => {
        const made = row.insertCell();
        made.textContent = text;
        if (className) made.className = className;
        return made;
      };
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.backgroundColor = colourOf(place);
      cell(`${trials.label[trial]}${data.unfinished.includes(trial) ? " (so far)" : ""}`).prepend(swatch);
      cell(curve ? (curve.best ?? "") : data.curves_of !== null && trials.rank[trial] > data.curves_of ? "not in this page" : "no metrics", "number");
      if (losses) {
        const own = curve?.columns[losses];
        cell(own?.some((loss) => loss !== null) ? short(lowestOf(own)) : "", "number");
        cell(own ? short(own[own.length - 1]) : "", "number");
        cell(curve ? overfitting(curve) : "");
      }
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "Remove";
      remove.setAttribute("aria-label", `Remove the curve of ${trials.label[trial]}`);
      remove.addEventListener("click", () => toggle(id));
      row.insertCell().append(remove);
      return row;
    }));
    byId("no-curves").hidden = chosen.length > 0;
    byId("chosen").hidden = chosen.length === 0;
    for (const row of byId("trials").tBodies[0].rows) mark(row);
  }

  function mark(row) {
    if (!row.dataset.trial) return;
    const place = hasCurves() ? chosen.indexOf(trials.id[Number(row.dataset.trial)]) : -1;
    row.classList.toggle("chosen", place >= 0);
    row.style.setProperty("--curve", place >= 0 ? colourOf(place) : "");
    const box = row.querySelector("input");
    if (box) box.checked = place >= 0;
  }

  function toggle(id) {
    if (!hasCurves()) return;
    isChosenByHand = true;
    const place = chosen.indexOf(id);
    if (place >= 0) chosen.splice(place, 1);
    else chosen.push(id);
    showCurves();
    remember();
  }

  // One value is no curve; a live page may get some later.
  const hasCurves = () => !data.is_score && (fetchCurves !== null || curves.size > 0);

  async function showCurves() {
    byId("curves").hidden = !hasCurves();
    byId("clear").hidden = byId("curves").hidden;
    if (!hasCurves()) return;
    listChosen();
    drawCurves();
    const missing = fetchCurves ? chosen.filter((id) => !curves.has(id)) : [];
    if (!missing.length) return;
    for (const [id, curve] of Object.entries(await fetchCurves(missing))) curves.set(id, curve);
    listChosen();
    drawCurves();
  }

  // --- jobs

  function drawJobs() {
    const timeline = data.timeline;
    if (!timeline) return; // not read yet
    const { count, lane, lanes, started, milliseconds, attempt, well, id, rung } = timeline;
    byId("about-jobs").textContent = count
      ? `${count.toLocaleString("en")} attempt${count === 1 ? "" : "s"} on machines, by Batch's clock; one line per job that ran at the same time.${lane.length < count ? ` ${lane.length.toLocaleString("en")} of them are drawn.` : ""}`
      : "No job has run: nothing had to be trained, or nothing got a machine.";
    byId("jobs").hidden = !count;
    if (!count) return;
    // With halving a colour a rung.
    const rungs = data.rungs.length > 1 ? data.rungs.map((name, rung) => [name, rung]) : [["succeeded", null]];
    const kinds = [...rungs.map(([name, of]) => ["well", name, of === null ? style("--accent") : colourOf(of), of]), ["not", "failed", style("--bad"), null]];
    const traces = kinds.map(([kind, name, color, of]) => {
      const some = lane.map((_, place) => place).filter((place) => well[place] === (kind === "well") && (of === null || of === (rung[place] ?? 0)));
      const text = some.map((place) => {
        const what = index.has(id[place]) ? trials.label[index.get(id[place])] : id[place];
        return `${escaped(what)}<br>${(milliseconds[place] / 1000).toFixed(1)} s, attempt ${attempt[place]}`;
      });
      return {
        type: "bar", orientation: "h", name, x: some.map((place) => milliseconds[place]), base: some.map((place) => started[place]), y: some.map((place) => lane[place] + 1),
        customdata: some.map((place) => (index.has(id[place]) ? id[place] : null)), hovertext: text, hoverinfo: "text", textposition: "none", width: 0.8, marker: { color, line: { color: style("--paper"), width: 1 }, pattern: kind === "not" ? { shape: "/", fillmode: "overlay", fgcolor: style("--paper"), size: 6 } : {} },
      };
    }).filter((trace) => trace.x.length);
    draw("jobs", traces, {
      height: Math.min(700, 120 + 22 * lanes), barmode: "overlay", showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 60, r: 20, t: 40, b: 50 },
      xaxis: { type: "date", title: { text: "time (UTC)" }, ...(innerWidth < 600 ? { nticks: 3, tickangle: 0 } : {}) }, yaxis: { title: { text: "at once" }, autorange: "reversed", tickformat: "d", ...(lanes <= 20 ? { dtick: 1 } : {}) },
    });
  }

  // --- leaderboard

  // A column: how its header is called, its cells' texts, and what it is sorted by.
  function columns() {
    const text = (value) => String(value ?? "");
    const hasValues = trials.value.some((value) => value !== null);
    const found = [];
    if (trials.rank.some((rank) => rank !== null)) found.push({ key: "rank", name: "rank", by: (trial) => trials.rank[trial], isNumber: true });
    if (hasValues) found.push({ key: "value", name: objective.metric, by: (trial) => trials.value[trial], text: (trial) => (trials.value[trial] === null ? "" : String(Number(trials.value[trial].toPrecision(6)))), isNumber: true });
    if (trials.error.some((error) => error !== null)) found.push({ key: "error", name: "± std error", by: (trial) => trials.error[trial], text: (trial) => (trials.error[trial] === null ? "" : String(Number(trials.error[trial].toPrecision(2)))), isNumber: true });
    if (trials.n.some((n) => n > 1)) found.push({ key: "n", name: "n", by: (trial) => trials.n[trial], title: (trial) => trials.values[trial], isNumber: true });
    data.others.forEach(({ name, values }, number) => found.push({ key: `others.${number}`, name, by: (trial) => values[trial], isNumber: true }));
    for (const number of varied.length ? varied : axes.keys()) {
      found.push({ key: `params.${number}`, name: axes[number].name, by: (trial) => trials.params[trial][number] || null, isNumber: !isText(number), className: () => "text" });
    }
    if (!data.is_score && (hasValues || fetchCurves)) {
      found.push(
        { key: "epoch", name: "epoch", by: (trial) => trials.epoch[trial], isNumber: true },
        { key: "trained", name: "trained", by: (trial) => trials.trained[trial], isNumber: true },
      );
    }
    found.push(
      { key: "status", name: "outcome", by: (trial) => trials.status[trial], className: (trial) => ({ SUCCEEDED: "", RUNNING: "soft" })[trials.status[trial]] ?? "bad" },
    );
    if (trials.reason.some((reason) => reason)) found.push({ key: "reason", name: "reason", by: (trial) => trials.reason[trial], className: () => "reason" });
    return found.map((column) => ({ text: (trial) => text(column.by(trial)), ...column }));
  }

  const columnOf = (name) => {
    const parameter = axes.findIndex((axis) => axis.name === name);
    if (parameter >= 0) return (trial) => trials.params[trial][parameter];
    if (name === objective.metric) return (trial) => trials.value[trial];
    const known = { rank: "rank", epoch: "epoch", trained: "trained", outcome: "status" }[name];
    return known ? (trial) => trials[known][trial] : null;
  };

  const COMPARE = { "=": (a, b) => a === b, "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b };

  function condition(word) {
    const [, name, sign, wanted] = word.match(/^([a-z][a-z0-9_./@-]*)(<=|>=|=|<|>)(.+)$/i) ?? [];
    const column = name && columnOf(name);
    if (!column) return (trial) => texts[trial].includes(word.toLowerCase());
    return (trial) => {
      const found = column(trial);
      if (found === null || found === "") return false;
      const numbers = [Number(found), Number(wanted)];
      const sides = numbers.some(Number.isNaN) ? [String(found).toLowerCase(), wanted.toLowerCase()] : numbers;
      return COMPARE[sign](...sides);
    };
  }

  function filter() {
    const conditions = byId("filter").value.split(/\s+/).filter(Boolean).map(condition);
    const outcome = byId("outcome").value;
    const all = columns();
    texts = texts ?? trials.rank.map((_, trial) => all.map((column) => column.text(trial)).join(" ").toLowerCase());
    shown = trials.rank.map((_, trial) => (!outcome || trials.status[trial] === outcome) && conditions.every((holds) => holds(trial)) && isBrushed(trial));
    const [count, of] = [shown.filter(Boolean).length, shown.length];
    const said = count === of ? `${count} trial${count === 1 ? "" : "s"}` : `${count} of ${of} trials`;
    if (byId("shown").textContent !== said) byId("shown").textContent = said;
    listBrushes();
    arrange();
  }

  // Sorts what the filter lets through, and writes the table.
  function arrange() {
    const column = columns().find(({ key }) => key === sorted.column) ?? columns()[0];
    const keys = trials.rank.map((_, trial) => column.by(trial));
    const areNumbers = keys.every((key) => key === null || (key !== "" && !Number.isNaN(Number(key))));
    const compare = areNumbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    // What has no value is last, whichever way it is sorted.
    view = visible().sort((one, other) => {
      const [a, b] = [keys[one], keys[other]];
      return a === null || b === null ? (a === null) - (b === null) : sorted.isDescending ? compare(b, a) : compare(a, b);
    });
    writeHead();
    writeRows({ isFresh: true });
  }

  function writeHead() {
    const row = byId("trials").tHead.rows[0];
    const focused = row.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    const heads = visibleColumns().map((column) => {
      const head = document.createElement("th");
      head.scope = "col";
      if (column.isNumber) head.className = "number";
      if (column.key === sorted.column) head.setAttribute("aria-sort", sorted.isDescending ? "descending" : "ascending");
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.column = column.key;
      appendParts(button, column.name);
      head.append(button);
      return head;
    });
    const first = document.createElement("th");
    first.scope = "col";
    first.innerHTML = '<span class="visually-hidden">Curve</span>';
    if (trialUrl) {
      const link = document.createElement("th");
      link.scope = "col";
      link.innerHTML = '<span class="visually-hidden">Page</span>';
      heads.unshift(link);
    }
    row.replaceChildren(...(hasCurves() ? [first] : []), ...heads);
    if (focused) row.querySelector(`[data-column="${focused}"]`)?.focus();
    byId("trials").setAttribute("aria-rowcount", String(view.length + 1));
  }

  // A long name or text may break where a person would break it.
  function appendParts(element, text) {
    for (const part of text.split(/(?<=[_./-])/)) element.append(part, document.createElement("wbr"));
  }

  const visibleColumns = () => columns().filter(({ key }) => !hidden.has(key));

  function rowOf(place, shownColumns) {
    const trial = view[place];
    const row = document.createElement("tr");
    row.dataset.trial = trial;
    row.setAttribute("aria-rowindex", String(place + 2));
    if (trials.rank[trial] === 1) row.className = "best";
    if (hasCurves()) {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.setAttribute("aria-label", `Show the curve of ${trials.label[trial]}`);
      row.insertCell().append(box);
    }
    if (trialUrl) {
      const link = document.createElement("a");
      link.href = trialUrl(trials.id[trial]);
      link.textContent = "Open";
      link.setAttribute("aria-label", `Open the trial ${trials.label[trial]}`);
      row.insertCell().append(link);
    }
    for (const column of shownColumns) {
      const cell = row.insertCell();
      const className = column.isNumber ? "number" : (column.className?.(trial) ?? "");
      if (className === "bad") {
        const mark = document.createElement("span");
        mark.className = "bad";
        mark.textContent = column.text(trial);
        cell.append(mark);
      } else {
        cell.className = className;
        if (className === "text") appendParts(cell, column.text(trial));
        else cell.textContent = column.text(trial);
      }
      const title = column.title?.(trial);
      if (title) cell.title = title;
    }
    mark(row);
    return row;
  }

  let rowHeight = 0;
  let windowed = null; // the first and the last place in the document

  // Writes all rows, or of very many those in sight, between two empty ones that are as high as the others would be.
  function writeRows({ isFresh }) {
    const [scroll, table] = [byId("trials-scroll"), byId("trials")];
    const body = table.tBodies[0];
    const isWhole = view.length <= mostWhole || Charts.isPrinting();
    table.classList.toggle("windowed", !isWhole);
    let [from, to] = [0, view.length];
    const shownColumns = visibleColumns();
    if (!isWhole) {
      if (!rowHeight) {
        body.replaceChildren(rowOf(0, shownColumns));
        rowHeight = body.rows[0].getBoundingClientRect().height || 32;
      }
      const [room, at] = [Math.ceil(scroll.clientHeight / rowHeight), Math.floor(scroll.scrollTop / rowHeight)];
      from = Math.max(0, Math.min(at, view.length - room) - 20);
      to = Math.min(view.length, from + room + 40);
      if (!isFresh && windowed && Math.abs(windowed.from - from) < 10 && windowed.to - to < 10) return;
      windowed = { from, to };
    }
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const again = focused && { id: trials.id[Number(focused.closest("tr").dataset.trial)], tag: focused.tagName };
    const gap = (count) => {
      const row = document.createElement("tr");
      row.className = "gap";
      row.hidden = !count;
      row.setAttribute("aria-hidden", "true");
      row.insertCell().colSpan = shownColumns.length + 2;
      row.style.height = `${count * rowHeight}px`;
      return row;
    };
    const rows = [];
    for (let place = from; place < to; place += 1) rows.push(rowOf(place, shownColumns));
    body.replaceChildren(...(isWhole ? rows : [gap(from), ...rows, gap(view.length - to)]));
    if (again) rows.find((row) => trials.id[Number(row.dataset.trial)] === again.id)?.querySelector(again.tag)?.focus({ preventScroll: true });
  }

  function sortBy(key) {
    sorted = { column: key, isDescending: sorted.column === key && !sorted.isDescending };
    byId("trials-scroll").scrollTop = 0;
    arrange();
    remember();
  }

  function offerColumns() {
    const box = byId("columns");
    const all = columns().filter(({ key }) => key !== "rank");
    if (box.children.length === all.length && all.every(({ name }, place) => box.children[place].textContent.trim() === name)) return;
    box.replaceChildren(...all.map(({ key, name }) => {
      const [label, tick] = [document.createElement("label"), document.createElement("input")];
      tick.type = "checkbox";
      tick.checked = !hidden.has(key);
      tick.addEventListener("change", () => {
        if (tick.checked) hidden.delete(key);
        else hidden.add(key);
        rowHeight = 0;
        arrange();
        remember();
      });
      label.append(tick, ` ${name}`);
      return label;
    }));
  }

  function offerOutcomes() {
    const counts = new Map();
    for (const status of trials.status) counts.set(status, (counts.get(status) ?? 0) + 1);
    const select = byId("outcome");
    const wanted = select.options.length ? select.value : (fromUrl.get("outcome") ?? "");
    const options = [new Option("all", ""), ...[...counts].map(([status, count]) => new Option(`${status} (${count})`, status))];
    if (wanted && !counts.has(wanted)) options.push(new Option(`${wanted} (0)`, wanted));
    select.replaceChildren(...options);
    select.value = wanted;
  }

  // --- what is seen, in the address of a live page

  let fromUrl = new URLSearchParams();

  function remember() {
    if (!fetchCurves) return;
    const seen = new URLSearchParams();
    const set = (name, value) => value && seen.set(name, value);
    set("filter", byId("filter").value.trim());
    set("outcome", byId("outcome").value);
    set("sort", sorted.column === "rank" && !sorted.isDescending ? "" : `${sorted.isDescending ? "-" : ""}${sorted.column}`);
    set("without", [...hidden].join(","));
    if (isChosenByHand) seen.set("trials", chosen.join(","));
    if (isPlaneChosen && varied.length > 2) [set("down", axes[plane.down].name), set("across", axes[plane.across].name)];
    set("brush", brushes.size ? JSON.stringify([...brushes]) : "");
    set("over", over === "trials" ? "" : over);
    const query = seen.toString();
    history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}${location.hash}`);
  }

  function recall() {
    fromUrl = new URLSearchParams(location.search);
    byId("filter").value = fromUrl.get("filter") ?? "";
    over = fromUrl.get("over") ?? over;
    try {
      for (const [key, { low, high, choices }] of JSON.parse(fromUrl.get("brush") ?? "[]")) {
        if (Array.isArray(choices) || (Number.isFinite(low) && Number.isFinite(high))) brushes.set(String(key), { low, high, choices });
      }
    } catch (error) {
      console.warn(error); // an address that was cut
    }
    const sort = fromUrl.get("sort");
    if (sort) sorted = { column: sort.replace(/^-/, ""), isDescending: sort.startsWith("-") };
    for (const key of (fromUrl.get("without") ?? "").split(",").filter(Boolean)) hidden.add(key);
    if (fromUrl.has("trials")) {
      isChosenByHand = true;
      chosen = fromUrl.get("trials").split(",").filter(Boolean);
    }
  }

  // --- the page

  function drawAll() {
    drawSpace();
    drawSearch();
    showCurves();
    drawJobs();
  }

  let isFirst = true;

  // Shows other data of the same sweep; what a person has chosen stays.
  function update(fresh) {
    const later = { timeline: data?.timeline, importance: data?.importance, course: data?.course };
    data = fresh;
    for (const [name, known] of Object.entries(later)) data[name] ??= known;
    ({ trials, axes, objective } = data);
    isBetter = objective.direction === "maximize" ? (a, b) => a > b : (a, b) => a < b;
    index = new Map(trials.id.map((id, trial) => [id, trial]));
    for (const [trial, curve] of Object.entries(data.curves)) curves.set(trials.id[trial], curve);
    varied = axes.map((_, number) => number).filter((number) => axes[number].choices.length > (axes[number].of_all ? 1 : 0));
    texts = null;
    if (isFirst) {
      const named = (name) => axes.findIndex((axis) => axis.name === fromUrl.get(name));
      [plane.down, plane.across] = [named("down"), named("across")];
      isPlaneChosen = plane.down >= 0 && plane.across >= 0;
      isFirst = false;
    }
    chosen = isChosenByHand ? chosen.filter((id) => index.has(id)) : data.shown.map((trial) => trials.id[trial]);
    byId("leaderboard-controls").hidden = !trials.rank.length;
    byId("filter-help").hidden = !trials.rank.length;
    byId("trials-scroll").hidden = !trials.rank.length;
    byId("no-trials").hidden = trials.rank.length > 0;
    const same = varied.length ? axes.filter((axis) => axis.of_all && axis.choices.length === 1) : [];
    byId("constant").hidden = !same.length;
    byId("constant").textContent = `In all trials: ${same.map((axis) => `${axis.name}=${axis.choices[0]}`).join(" ")}`;
    offerOutcomes();
    offerColumns();
    filter();
    drawAll();
  }

  // Takes what a live page reads later, since it takes long: data by their names.
  function add(more) {
    Object.assign(data, more);
    if ("timeline" in more) [drawSearch(), drawJobs()];
    if ("importance" in more || data.rungs.length > 1) drawSpace();
  }

  // Makes it the page of a running server: curves come on demand, trials have pages, the address holds what is seen.
  function live(served) {
    ({ fetchCurves, trialUrl } = served);
    mostWhole = 200; // it is written again and again
    recall();
  }

  let toDraw = null;

  // The table follows each letter. Charts of very many trials wait until no further one has come for a moment.
  function filtered() {
    byId("trials-scroll").scrollTop = 0;
    filter();
    clearTimeout(toDraw);
    const drawFiltered = () => [drawSpace(), drawSearch()];
    if (trials.rank.length > mostWhole) toDraw = setTimeout(drawFiltered, 300);
    else drawFiltered();
    remember();
  }

  byId("filter").addEventListener("input", filtered);
  byId("outcome").addEventListener("change", filtered);
  byId("plane-down").addEventListener("change", () => planeChosen("down", "across"));
  byId("plane-across").addEventListener("change", () => planeChosen("across", "down"));
  byId("course-over").addEventListener("change", () => {
    over = byId("course-over").value;
    drawSearch();
    remember();
  });
  byId("clear").addEventListener("click", () => {
    isChosenByHand = true;
    chosen = [];
    showCurves();
    remember();
  });
  byId("trials").tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sortBy(button.dataset.column);
  });
  byId("trials").tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-trial]");
    if (row && !event.target.closest("a")) toggle(trials.id[Number(row.dataset.trial)]); // the box too: it is set by what is chosen
  });
  byId("trials-scroll").addEventListener("scroll", () => {
    if (view.length > mostWhole) writeRows({ isFresh: false });
  });
  document.querySelectorAll("[data-copies]").forEach(Charts.copies);
  Charts.redrawnWith(() => {
    if (!data) return;
    if (view.length > mostWhole) writeRows({ isFresh: true });
    drawAll();
  });
  const inside = byId("data");
  if (inside) update(JSON.parse(inside.textContent));
  return { update, add, live };
})();
