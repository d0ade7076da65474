"use strict";
// Draws the charts, sorts and filters the leaderboard. The data is in the page; nothing is loaded.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { trials, axes, objective } = data;
  const byId = (id) => document.getElementById(id);
  const isBetter = objective.direction === "maximize" ? (a, b) => a > b : (a, b) => a < b;

  // Told apart by everybody (Okabe and Ito), on light and on dark; more trials than colours have other dashes.
  const COLOURS = {
    light: ["#0072B2", "#D55E00", "#008560", "#B0508A", "#9A6A00", "#2C86B8"],
    dark: ["#56B4E9", "#FF8A3D", "#2BC49A", "#E59AC4", "#F0C440", "#9DB7FF"],
  };
  const chosen = []; // trials whose curves are shown, in the order of their colours' places
  const shown = trials.rank.map(() => true); // by the filter

  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const isPrinting = () => "printing" in document.documentElement.dataset;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = () => COLOURS[darkness.matches && !isPrinting() ? "dark" : "light"];
  const colourOf = (place) => palette()[place % palette().length];
  const short = (number) => (number === null || number === undefined ? "" : String(Number(number.toPrecision(5))));
  const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

  // --- charts

  // Without the button that sends a chart to Plotly's servers.
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], showSendToCloud: false, plotlyServerURL: "" };

  function layout(more) {
    const axis = { gridcolor: style("--line"), linecolor: style("--line"), zeroline: false, automargin: true, exponentformat: "power" };
    const { xaxis, yaxis, ...rest } = more;
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: style("--ink") },
      hoverlabel: { bgcolor: style("--raised"), bordercolor: style("--line"), font: { color: style("--ink") }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: style("--soft"), activecolor: style("--accent") },
      margin: { l: 60, r: 20, t: 30, b: 55 }, height: 380,
      xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
    };
  }

  function draw(id, traces, chartLayout) {
    const element = byId(id);
    Plotly.react(element, traces, layout(chartLayout), config);
    if (!element.dataset.listens) {
      element.dataset.listens = "yes";
      element.on("plotly_click", (event) => {
        const trial = event.points[0].customdata;
        if (Number.isInteger(trial)) toggle(trial);
      });
    }
  }

  const hover = (trial) => {
    const value = trials.value[trial] === null ? trials.status[trial] : `${objective.metric} ${short(trials.value[trial])}`;
    return `${escaped(trials.label[trial])}<br>${escaped(value)}`;
  };
  const visible = () => trials.rank.map((_, trial) => trial).filter((trial) => shown[trial]);
  const valued = () => visible().filter((trial) => trials.value[trial] !== null);
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
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  }

  function axisOf(number) {
    const axis = axes[number];
    if (axis.listed) return { title: { text: axis.name }, type: "category", categoryorder: "array", categoryarray: axis.choices };
    return { title: { text: axis.name }, type: axis.log ? "log" : "linear" };
  }

  const MAX_COLOURED = 100; // choices of a parameter in a heatmap: cells without numbers, where there are many

  function isGrid(down, across) {
    const [rows, columns] = [axes[down].choices.length, axes[across].choices.length];
    const areListed = axes[down].listed && axes[across].listed;
    if (Math.max(rows, columns) > (areListed ? MAX_COLOURED : data.max_cells)) return false;
    const filled = new Set(trials.params.map((params) => `${params[down]} ${params[across]}`)).size;
    return areListed || 2 * filled >= rows * columns;
  }

  function drawPlane() {
    const [down, across] = [Number(byId("plane-down").value), Number(byId("plane-across").value)];
    (isGrid(down, across) ? drawCells : drawPoints)(down, across);
  }

  function drawCells(down, across) {
    const [rows, columns] = [axes[down].choices, axes[across].choices];
    const grid = (fill) => rows.map(() => columns.map(fill));
    const [z, customdata, hovers] = [grid(() => null), grid(() => null), grid(() => "")];
    const [low, high] = extent();
    const isSmall = rows.length * columns.length <= 150;
    const annotations = [];
    const write = (x, y, text, color, size) => annotations.push({ x, y, text, showarrow: false, captureevents: false, font: { color, size } });
    let frame = [];
    for (const trial of visible()) { // the best first
      const [row, column] = [rows.indexOf(trials.params[trial][down]), columns.indexOf(trials.params[trial][across])];
      if (customdata[row][column] !== null) continue;
      customdata[row][column] = trial;
      z[row][column] = trials.value[trial];
      hovers[row][column] = hover(trial);
      const value = trials.value[trial];
      if (value === null) {
        if (isSmall) write(column, row, trials.status[trial].toLowerCase(), style("--bad"), 11);
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
      return { title: { text: name }, tickvals: named, ticktext: named.map((place) => names[place]), showgrid: false };
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

  const WINNER_RING = { symbol: "circle-open", size: 18, color: "#D55E00", line: { width: 3 } };

  function drawPoints(down, across) {
    const points = (some, marker, name) => ({
      type: "scatter", mode: "markers", name, marker, showlegend: false, customdata: some, hoverinfo: "text", hovertext: some.map(hover),
      x: some.map((trial) => trials.params[trial][across]), y: some.map((trial) => trials.params[trial][down]),
    });
    const [low, high] = extent();
    const some = valued();
    draw("plane", [
      points(visible().filter((trial) => trials.value[trial] === null), { symbol: "x", color: style("--bad"), size: 8 }, "failed"),
      points(some, {
        color: some.map((trial) => trials.value[trial]), cmin: low, cmax: high, size: 10, line: { color: style("--soft"), width: 1 }, ...scale(),
        showscale: true, colorbar: { title: { text: objective.metric, side: "right" }, thickness: 14, outlinewidth: 0 },
      }, "trials"),
      { ...points(some.filter((trial) => trials.rank[trial] === 1), WINNER_RING, "winner"), hoverinfo: "skip" },
    ], { height: 460, xaxis: axisOf(across), yaxis: axisOf(down) });
  }

  function drawOne(number) {
    const some = valued();
    const errors = some.map((trial) => trials.error[trial] ?? 0);
    const points = (list, marker) => ({
      type: "scatter", mode: "markers", marker, showlegend: false, customdata: list, hoverinfo: "text", hovertext: list.map(hover),
      x: list.map((trial) => trials.params[trial][number]), y: list.map((trial) => trials.value[trial]),
    });
    const spread = errors.some((error) => error > 0) ? { error_y: { type: "data", array: errors, color: style("--soft") } } : {};
    draw("plane", [
      { ...points(some, { color: colourOf(0), size: 10 }), ...spread },
      { ...points(some.filter((trial) => trials.rank[trial] === 1), WINNER_RING), hoverinfo: "skip" },
    ], { xaxis: axisOf(number), yaxis: { title: { text: objective.metric } } });
  }

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
        const heights = [...varied.map((number) => place(number, trials.params[trial][number])), share(trials.value[trial])];
        heights.forEach((height, x) => {
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
    const label = (x, y, text) => ({ x, y, text: escaped(text), showarrow: false, xanchor: "left", xshift: 6, font: { size: 11 }, bgcolor: style("--paper"), opacity: 0.85 });
    const annotations = varied.flatMap((number, x) => {
      const { choices, listed } = axes[number];
      const named = listed && choices.length <= data.max_cells ? choices : [choices[0], choices[choices.length - 1]];
      return named.map((choice) => label(x, place(number, choice), choice));
    });
    annotations.push(label(varied.length, 0, short(low)), label(varied.length, 1, short(high)));
    draw("parallel", traces, {
      height: 420, annotations, margin: { l: 30, r: 80, t: 20, b: 50 },
      shapes: names.map((_, x) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, line: { color: style("--soft"), width: 1 }, layer: "below" })),
      xaxis: { tickvals: names.map((_, x) => x), ticktext: names, showgrid: false, range: [-0.05, varied.length + 0.05], fixedrange: true },
      yaxis: { visible: false, range: [-0.06, 1.06], fixedrange: true },
    });
  }

  const varied = axes.map((_, number) => number).filter((number) => axes[number].choices.length > 1);

  function drawSpace() {
    const isThere = varied.length > 0 && trials.value.some((value) => value !== null);
    byId("no-space").hidden = isThere;
    if (!isThere) return;
    if (varied.length === 1) drawOne(varied[0]);
    else drawPlane();
    if (varied.length > 2) drawParallel(varied);
  }

  function choosePlane() {
    const two = [...varied].sort((a, b) => axes[b].choices.length - axes[a].choices.length || a - b).slice(0, 2).sort((a, b) => a - b);
    for (const [id, at] of [["plane-down", 0], ["plane-across", 1]]) {
      const select = byId(id);
      for (const number of varied) select.add(new Option(axes[number].name, number));
      select.value = two[at] ?? "";
      select.addEventListener("change", () => {
        const other = byId(id === "plane-down" ? "plane-across" : "plane-down");
        if (other.value === select.value) other.value = varied.find((number) => String(number) !== select.value);
        drawPlane();
      });
    }
    byId("plane-choice").hidden = varied.length < 3;
  }

  // --- curves

  const lowestOf = (values) => Math.min(...values.filter((value) => value !== null)); // null where a trial diverged
  const epochsOf = (curve, values) => curve.epochs ?? values.map((_, place) => place + 1);

  function drawCurves() {
    data.panels.forEach((panel, number) => {
      const traces = [];
      chosen.forEach((trial, place) => {
        const curve = data.curves[trial];
        if (!curve) return;
        const dash = ["solid", "dashdot", "longdash"][Math.floor(place / palette().length) % 3];
        for (const column of panel.columns) {
          const values = curve.columns[column];
          if (!values) continue;
          const isTrain = column.startsWith(data.prefixes[0]);
          const epochs = epochsOf(curve, values);
          const name = `${column} · ${trials.label[trial]}`;
          const about = (epoch, value) => `${escaped(trials.label[trial])}<br>epoch ${epoch}: ${escaped(column)} ${short(value)}`;
          traces.push({
            type: "scatter", mode: values.length > 1 ? "lines" : "markers", name, showlegend: false, x: epochs, y: values, hoverinfo: "text",
            hovertext: values.map((value, at) => about(epochs[at], value)), line: { color: colourOf(place), width: isTrain ? 1.5 : 2.5, dash: isTrain ? "dot" : dash },
            marker: { color: colourOf(place), symbol: isTrain ? "circle-open" : "circle", size: 8 },
          });
          const at = column === objective.metric ? epochs.indexOf(curve.best) : column === "val_loss" ? values.indexOf(lowestOf(values)) : -1;
          if (at >= 0 && values.length > 1) {
            traces.push({
              type: "scatter", mode: "markers", showlegend: false, x: [epochs[at]], y: [values[at]], hoverinfo: "text", hovertext: [`best: ${about(epochs[at], values[at])}`],
              marker: { color: colourOf(place), symbol: "circle-open", size: 13, line: { width: 2.5 } },
            });
          }
        }
      });
      const longest = Math.max(1, ...traces.map((trace) => trace.x[trace.x.length - 1]));
      const shapes = chosen.length === 1 ? pastLowest(panel, data.curves[chosen[0]]) : [];
      draw(`panel-${number}`, traces, {
        height: 340, shapes, xaxis: { title: { text: "epoch" }, tickformat: "d", ...(longest <= 15 ? { dtick: 1 } : {}) }, yaxis: { title: { text: panel.name } },
      });
    });
  }

  function pastLowest(panel, curve) {
    const losses = curve?.columns.val_loss;
    if (!losses || !panel.columns.includes("val_loss")) return [];
    const [from, to] = [losses.indexOf(lowestOf(losses)), losses.length - 1];
    if (from === to) return [];
    const epochs = epochsOf(curve, losses);
    return [{ type: "rect", x0: epochs[from], x1: epochs[to], y0: 0, y1: 1, yref: "paper", fillcolor: style("--soft"), opacity: 0.15, line: { width: 0 }, layer: "below",
      label: { text: "val_loss past its lowest", textposition: "top left", font: { size: 11, color: style("--soft") } } }];
  }

  function overfitting(curve) {
    const { val_loss: losses, train_loss: train } = curve.columns;
    if (!losses) return "";
    const [lowest, last] = [lowestOf(losses), losses[losses.length - 1]];
    const epochs = epochsOf(curve, losses);
    if (losses.includes(null)) return `diverged at epoch ${epochsOf(curve, losses)[losses.indexOf(null)]}`;
    if (last <= lowest) return "val_loss is lowest at the end";
    const at = losses.indexOf(lowest);
    const since = `since epoch ${epochs[at]}: val_loss ${short(last - lowest)} higher at the end`;
    return train && train[train.length - 1] < train[at] ? `${since}, train_loss lower` : since;
  }

  function listChosen() {
    const body = document.querySelector("#chosen tbody");
    body.replaceChildren(...chosen.map((trial, place) => {
      const row = document.createElement("tr");
      const curve = data.curves[trial];
      const cell = (text, className) => {
        const made = row.insertCell();
        made.textContent = text;
        if (className) made.className = className;
        return made;
      };
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.backgroundColor = colourOf(place);
      cell(`${trials.label[trial]}${data.unfinished.includes(trial) ? " (as far as it came)" : ""}`).prepend(swatch);
      const losses = curve?.columns.val_loss;
      cell(curve ? (curve.best ?? "") : "no metrics", "number");
      if (data.has_losses) {
        cell(losses?.some((loss) => loss !== null) ? short(lowestOf(losses)) : "", "number");
        cell(losses ? short(losses[losses.length - 1]) : "", "number");
        cell(curve ? overfitting(curve) : "");
      }
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "Remove";
      remove.setAttribute("aria-label", `Remove the curve of ${trials.label[trial]}`);
      remove.addEventListener("click", () => toggle(trial));
      row.insertCell().append(remove);
      return row;
    }));
    byId("no-curves").hidden = chosen.length > 0;
    byId("chosen").hidden = chosen.length === 0;
    for (const row of rows) {
      const place = chosen.indexOf(Number(row.dataset.trial));
      row.classList.toggle("chosen", place >= 0);
      row.style.setProperty("--curve", place >= 0 ? colourOf(place) : "");
      row.querySelector("input").checked = place >= 0;
    }
  }

  function toggle(trial) {
    const place = chosen.indexOf(trial);
    if (place >= 0) chosen.splice(place, 1);
    else chosen.push(trial);
    listChosen();
    drawCurves();
  }

  // --- jobs

  function drawJobs() {
    const { lane, lanes, started, milliseconds, attempt, well, trial, id } = data.timeline;
    if (!lanes) return;
    const kinds = [["well", "went well", style("--accent")], ["not", "did not", style("--bad")]];
    const traces = kinds.map(([kind, name, color]) => {
      const some = lane.map((_, place) => place).filter((place) => well[place] === (kind === "well"));
      const text = some.map((place) => {
        const what = trial[place] === null ? id[place] : trials.label[trial[place]];
        return `${escaped(what)}<br>${(milliseconds[place] / 1000).toFixed(1)} s, attempt ${attempt[place]}`;
      });
      return {
        type: "bar", orientation: "h", name, x: some.map((place) => milliseconds[place]), base: some.map((place) => started[place]), y: some.map((place) => lane[place] + 1),
        customdata: some.map((place) => trial[place]), hovertext: text, hoverinfo: "text", textposition: "none", width: 0.8, marker: { color, line: { color: style("--paper"), width: 1 }, pattern: kind === "not" ? { shape: "/", fillmode: "overlay", fgcolor: style("--paper"), size: 6 } : {} },
      };
    }).filter((trace) => trace.x.length);
    draw("jobs", traces, {
      height: Math.min(700, 120 + 22 * lanes), barmode: "overlay", showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 60, r: 20, t: 40, b: 50 },
      xaxis: { type: "date", title: { text: "time (UTC)" } }, yaxis: { title: { text: "at the same time" }, autorange: "reversed", tickformat: "d", ...(lanes <= 20 ? { dtick: 1 } : {}) },
    });
  }

  // --- leaderboard

  const rows = [...document.querySelectorAll("#trials tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());

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
    let count = 0;
    for (const row of rows) {
      const trial = Number(row.dataset.trial);
      shown[trial] = (!outcome || trials.status[trial] === outcome) && conditions.every((holds) => holds(trial));
      row.hidden = !shown[trial];
      count += shown[trial];
    }
    byId("shown").textContent = count === rows.length ? `${count} trial${count === 1 ? "" : "s"}` : `${count} of ${rows.length} trials`;
    drawSpace();
  }

  function sortBy(button) {
    const header = button.closest("th");
    const isDescending = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const [name, number] = button.dataset.column.split(".");
    const keys = trials.rank.map((_, trial) => (name === "params" ? trials.params[trial][Number(number)] : trials[name][trial]));
    const areNumbers = keys.every((key) => key === null || (key !== "" && !Number.isNaN(Number(key))));
    const compare = areNumbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    // What has no value is last, whichever way it is sorted.
    const sorted = rows.map((row) => [keys[Number(row.dataset.trial)], row]).sort(([a], [b]) =>
      a === null || b === null ? (a === null) - (b === null) : isDescending ? compare(b, a) : compare(a, b));
    document.querySelector("#trials tbody").append(...sorted.map(([, row]) => row));
  }

  // --- the page

  function drawAll() {
    drawSpace();
    listChosen();
    drawCurves();
    drawJobs();
  }

  data.panels.forEach((panel, number) => {
    const element = document.createElement("div");
    element.id = `panel-${number}`;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", `${panel.columns.join(", ")} by epoch of the chosen trials; the table below says what they show`);
    byId("panels").append(element);
  });
  if (rows.length) {
    byId("filter").addEventListener("input", filter);
    byId("outcome").addEventListener("change", filter);
    byId("clear").addEventListener("click", () => {
      chosen.length = 0;
      listChosen();
      drawCurves();
    });
    document.querySelectorAll("#trials th button").forEach((button) => button.addEventListener("click", () => sortBy(button)));
    document.querySelector("#trials tbody").addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) toggle(Number(row.dataset.trial)); // the box too: it is set by what is chosen
    });
  }
  document.querySelectorAll("[data-copies]").forEach((button) => {
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Selected";
      }
    });
  });
  darkness.addEventListener("change", drawAll);
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.printing = "";
    drawAll();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.printing;
    drawAll();
  });
  chosen.push(...data.shown);
  if (varied.length > 1) choosePlane();
  drawAll();
})();
