"use strict";
// Charts of values over the parameters: two of them in a plane, each one, and all values by rank.
const SpaceCharts = (() => {
  const { byId, style, colourOf, short, escaped, cut } = Charts;
  const { draw, hover, visible, valued, hasEnded, scale, viridis, lightness, isLight, extent, has, isText, membersOf, rungsReached, weightOf, byImportance, sampled, MAX_DRAWN, MAX_FAILED_DRAWN, MAX_SAMPLED, WINNER_RING } = Trials;

  let data, trials, axes, objective, varied;
  const plane = { down: null, across: null };
  let isPlaneChosen = false; // by hand, and not by importance

  function use(known) {
    ({ data, trials, axes, objective, varied } = known);
  }

  function axisOf(number) {
    const axis = axes[number];
    if (axis.listed) {
      const categories = axis.choices.map(escaped);
      const texts = { tickmode: "array", tickvals: categories, ticktext: axis.choices.map((choice) => escaped(cut(choice))) };
      // All choices: at an end Plotly leaves out those without a value.
      return { title: { text: axis.name }, type: "category", categoryorder: "array", categoryarray: categories, range: [-0.5, categories.length - 0.5], ...(categories.length <= 20 ? texts : {}) };
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

  // Digits and size of the numbers in cells: the first of these with room for all. Without room there is no number.
  const WRITTEN = [[4, 13], [4, 11], [3, 11], [3, 10], [2, 9]];
  const MARGINS = 95; // to the right of the cells: the colours' scale
  const chartHeight = (rows) => Math.min(720, 130 + 56 * rows);

  function writtenIn(cells, rows, columns) {
    const labels = 30 + 7.5 * Math.max(4, ...rows.map((name) => cut(name).length));
    const width = (byId("plane").clientWidth - labels - MARGINS) / columns.length;
    const height = (chartHeight(rows.length) - 130) / rows.length;
    const fits = (text, size) => size + 1 <= height && 0.6 * size * text.length <= width;
    const outcome = (trial, size) => {
      const whole = trials.status[trial].toLowerCase();
      return fits(whole, size) ? whole : hasEnded(trial) ? "×" : "…";
    };
    const value = (trial, digits) => `${trials.rank[trial] === 1 ? "★ " : ""}${Number(trials.value[trial].toPrecision(digits))}`;
    const withValue = cells.map(({ trial }) => trial).filter((trial) => trials.value[trial] !== null);
    const [digits, size] = WRITTEN.find(([most, at]) => withValue.every((trial) => fits(value(trial, most), at))) ?? [0, 11];
    const number = (trial) => (digits ? value(trial, digits) : trials.rank[trial] === 1 ? "★" : "");
    return { texts: cells.map(({ trial }) => (trials.value[trial] === null ? outcome(trial, size) : number(trial))), size };
  }

  function drawCells(down, across) {
    readPlane("cells");
    const [rows, columns] = [axes[down].choices, axes[across].choices];
    const grid = (fill) => rows.map(() => columns.map(fill));
    const [z, customdata, hovers] = [grid(() => null), grid(() => null), grid(() => "")];
    const [low, high] = extent();
    const isSmall = rows.length * columns.length <= 150;
    const cells = [];
    let frame = [];
    for (const trial of visible().filter((trial) => has(trial, down, across))) { // the best first
      const [row, column] = [rows.indexOf(trials.params[trial][down]), columns.indexOf(trials.params[trial][across])];
      if (customdata[row][column] !== null) continue;
      customdata[row][column] = trial;
      z[row][column] = trials.value[trial];
      hovers[row][column] = hover(trial);
      if (isSmall) cells.push({ trial, row, column });
      if (trials.rank[trial] === 1) {
        frame = [{ type: "rect", x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5, line: { color: "#D55E00", width: 3 } }];
      }
    }
    const inkOn = (trial) => {
      if (trials.value[trial] === null) return style(hasEnded(trial) ? "--bad" : "--accent");
      return isLight(viridis(lightness((trials.value[trial] - low) / (high - low)))) ? "#000000" : "#ffffff";
    };
    const { texts, size } = writtenIn(cells, rows, columns);
    const annotations = cells.map(({ trial, row, column }, place) => ({ x: column, y: row, text: texts[place], showarrow: false, captureevents: false, font: { color: inkOn(trial), size: trials.value[trial] === null ? Math.min(size, 11) : size } })).filter(({ text }) => text);
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
      height: chartHeight(rows.length), uirevision: `cells ${down} ${across}`, annotations, shapes: frame,
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
    ], { height: 460, uirevision: `points ${down} ${across}`, xaxis: axisOf(across), yaxis: axisOf(down) });
  }

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
    ], { height: 340, uirevision: axes[number].name, xaxis: axisOf(number), yaxis: { title: { text: objective.metric } } });
  }

  // A line through the only parameter's values, if they are numbers.
  function curveOver(some, number) {
    const inOrder = isText(number) ? [] : [...some].sort((a, b) => trials.params[a][number] - trials.params[b][number]);
    return { type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip", x: inOrder.map((trial) => escaped(trials.params[trial][number])), y: inOrder.map((trial) => trials.value[trial]), line: { color: style("--soft"), width: 1.5 } };
  }

  const MAX_SLICES = 12;

  // A picture for each parameter.
  function drawSlices() {
    const numbers = varied.length > 1 ? byImportance().slice(0, MAX_SLICES) : [];
    byId("slices-box").hidden = !numbers.length;
    const [drawn, count] = [sampled(visible()).length, visible().length];
    const notes = [
      ...(data.importance?.weights.length ? [byId("slices-box").dataset.ordered] : []),
      ...(drawn < count ? [`Of ${count.toLocaleString("en")} trials about ${MAX_SAMPLED} are drawn, spread over the ranking; means are of all.`] : []),
      ...(varied.length > MAX_SLICES ? [varied.length === MAX_SLICES + 1 ? "1 more parameter is in the leaderboard only." : `${varied.length - MAX_SLICES} more parameters are in the leaderboard only.`] : []),
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

  function drawSpace(isLive) {
    if (FrontCharts.isThere()) {
      byId("space").hidden = true;
      return;
    }
    const isThere = varied.length > 0 && trials.value.some((value) => value !== null);
    byId("space").hidden = !isThere && !isLive; // a live page may have something to draw later
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
    if (varied.length > 2) ParallelAxes.draw();
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

  function choose(side, other) {
    const before = plane[side];
    isPlaneChosen = true;
    plane[side] = Number(byId(`plane-${side}`).value);
    if (plane[other] === plane[side]) plane[other] = before;
  }

  // The names of the two parameters, if a person has chosen them.
  const chosenPlane = () => (isPlaneChosen && varied.length > 2 ? { down: axes[plane.down].name, across: axes[plane.across].name } : null);

  function setPlane(names) {
    const named = (name) => axes.findIndex((axis) => axis.name === name);
    [plane.down, plane.across] = [named(names.down), named(names.across)];
    isPlaneChosen = plane.down >= 0 && plane.across >= 0;
  }

  return { use, draw: drawSpace, drawRanks, choose, chosenPlane, setPlane };
})();
