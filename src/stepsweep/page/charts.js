"use strict";
// What every chart has in common, and learning curves: for the page of a sweep, and for the page of a trial.
const Charts = (() => {
  const byId = (id) => document.getElementById(id);

  // Told apart by everybody (Okabe and Ito), on light and on dark; more trials than colours have other dashes.
  const COLOURS = {
    light: ["#0072B2", "#D55E00", "#008560", "#B0508A", "#9A6A00", "#2C86B8"],
    dark: ["#56B4E9", "#FF8A3D", "#2BC49A", "#E59AC4", "#F0C440", "#9DB7FF"],
  };
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const isPrinting = () => "printing" in document.documentElement.dataset;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = () => COLOURS[darkness.matches && !isPrinting() ? "dark" : "light"];
  const colourOf = (place) => palette()[place % palette().length];
  const short = (number) => (number === null || number === undefined ? "" : String(Number(number.toPrecision(5))));
  const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

  // A long text without its middle: its ends usually tell it from others. Numbers stay whole.
  function cut(text, room = innerWidth < 600 ? 14 : 26) {
    if (text.length <= room || !Number.isNaN(Number(text))) return text;
    const last = Math.floor(room / 3);
    return `${text.slice(0, room - last - 1)}…${text.slice(-last)}`;
  }

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

  const drawn = new WeakMap(); // an element → what its chart was last drawn from

  // Draws a chart, unless it would be the one that is there. What a person has done to it stays, such as a zoom, as long
  // as the layout's `uirevision` is the same: a live page draws again and again.
  function draw(element, traces, chartLayout, onTrial) {
    const whole = layout({ uirevision: "the same axes", ...chartLayout });
    const from = JSON.stringify([traces, whole, element.clientWidth]);
    if (drawn.get(element) === from) return;
    drawn.set(element, from);
    Plotly.react(element, traces, whole, config);
    if (onTrial && !element.dataset.listens) {
      element.dataset.listens = "yes";
      element.on("plotly_click", (event) => {
        const trial = event.points[0].customdata;
        if (trial !== undefined && trial !== null) onTrial(trial);
      });
    }
  }

  // --- learning curves

  const lowestOf = (values) => Math.min(...values.filter((value) => value !== null)); // null where none was measured, or it diverged
  const lastOf = (values) => values.findLastIndex((value) => value !== null);
  const epochsOf = (curve, values) => curve.epochs ?? values.map((_, place) => place + 1);

  // What a column measures, and on which data, by its name: as contract/curves.py reads it.
  const DATA = "train|training|val|valid|validation|eval|evaluation|dev|test";
  const NAME = new RegExp(`^(?:(${DATA})[_/.-](.+)|(.+)[_/.-](${DATA}))$`, "i");

  function measured(column) {
    const found = column.match(NAME);
    if (!found) return { what: column.toLowerCase(), on: null };
    return { what: (found[2] ?? found[3]).toLowerCase(), on: /^train/i.test(found[1] ?? found[4]) ? "training" : "validation" };
  }

  // Columns that measure the same share a panel. Beside validation data, a column that names no data is of the training data.
  function panelsOf(columns, metric) {
    const grouped = new Map();
    for (const column of columns) {
      const { what } = measured(column);
      if (!grouped.has(what)) grouped.set(what, []);
      grouped.get(what).push(column);
    }
    const first = (what) => (what === "loss" ? 0 : what === measured(metric).what ? 1 : 2);
    return [...grouped].sort(([a], [b]) => first(a) - first(b)).map(([what, some]) => {
      const hasValidation = some.some((column) => measured(column).on === "validation");
      const training = some.filter((column) => measured(column).on === "training" || (measured(column).on === null && hasValidation));
      return { name: some.length > 1 ? what : some[0], columns: some, training };
    });
  }

  // The trainer's names for the loss on validation and on training data.
  function lossesOf(columns) {
    const some = columns.filter((column) => measured(column).what === "loss");
    const [panel] = panelsOf(some, "loss");
    return { validation: some.find((column) => measured(column).on === "validation"), training: panel?.training[0] };
  }

  // One element for each panel, and one trace for each column of each curve.
  // `lines` has {label, curve, place} for each trial; its place decides its colour.
  function drawCurves(box, columns, lines, metric) {
    const known = panelsOf(new Set([...columns, ...lines.flatMap(({ curve }) => Object.keys(curve.columns))]), metric);
    // All of them before the first is drawn, since they share the width.
    const elements = known.map((panel, number) => {
      let element = byId(`panel-${number}`);
      if (!element) {
        element = document.createElement("div");
        element.id = `panel-${number}`;
        element.setAttribute("role", "group");
        box.append(element);
      }
      element.setAttribute("aria-label", `${panel.columns.join(", ")} by epoch; the table has the same numbers`);
      return element;
    });
    for (const element of [...box.children].slice(known.length)) element.remove();
    known.forEach((panel, number) => {
      // A chart keeps its width until the window's changes; another number of them has another width.
      if (Number(box.dataset.panels ?? known.length) !== known.length && elements[number].data) Plotly.Plots.resize(elements[number]);
      drawPanel(elements[number], panel, lines, metric);
    });
    box.dataset.panels = known.length;
  }

  // A value that has none before and behind it is on no line.
  const isAlone = (values, at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;

  function drawPanel(element, panel, lines, metric) {
    const traces = [];
    lines.forEach(({ label, curve, place }) => {
      const dash = ["solid", "dashdot", "longdash"][Math.floor(place / palette().length) % 3];
      const watched = lossesOf(Object.keys(curve.columns)).validation;
      for (const column of panel.columns) {
        if (!Object.hasOwn(curve.columns, column)) continue;
        const values = curve.columns[column];
        const isTrain = panel.training.includes(column);
        const epochs = epochsOf(curve, values);
        const alone = values.map((_, at) => isAlone(values, at));
        const about = (epoch, value) => `${escaped(label)}<br>epoch ${epoch}: ${escaped(column)} ${short(value)}`;
        traces.push({
          type: "scatter", mode: alone.includes(true) ? "lines+markers" : "lines", name: `${column} · ${label}`, showlegend: false, x: epochs, y: values, hoverinfo: "text",
          hovertext: values.map((value, at) => about(epochs[at], value)), line: { color: colourOf(place), width: isTrain ? 1.5 : 2.5, dash: isTrain ? "dot" : dash },
          marker: { color: colourOf(place), symbol: isTrain ? "circle-open" : "circle", size: alone.map((is) => (is ? 8 : 0)) },
        });
        const at = column === metric ? epochs.indexOf(curve.best) : column === watched ? values.indexOf(lowestOf(values)) : -1;
        if (at >= 0 && values.length > 1) {
          traces.push({
            type: "scatter", mode: "markers", showlegend: false, x: [epochs[at]], y: [values[at]], hoverinfo: "text", hovertext: [`${column === metric ? "decides" : "lowest"}: ${about(epochs[at], values[at])}`],
            marker: { color: colourOf(place), symbol: "circle-open", size: 13, line: { width: 2.5 } },
          });
        }
      }
    });
    const longest = Math.max(1, ...traces.map((trace) => trace.x[trace.x.length - 1]));
    const shapes = lines.length === 1 ? pastLowest(panel, lines[0].curve) : [];
    draw(element, traces, {
      height: 340, shapes, uirevision: panel.name, xaxis: { title: { text: "epoch" }, tickformat: "d", ...(longest <= 15 ? { dtick: 1 } : {}) }, yaxis: { title: { text: panel.name } },
    });
  }

  function pastLowest(panel, curve) {
    const { validation } = lossesOf(Object.keys(curve?.columns ?? {}));
    if (!validation || !panel.columns.includes(validation)) return [];
    const losses = curve.columns[validation];
    const [from, to] = [losses.indexOf(lowestOf(losses)), lastOf(losses)];
    if (from === to) return [];
    const epochs = epochsOf(curve, losses);
    return [{ type: "rect", x0: epochs[from], x1: epochs[to], y0: 0, y1: 1, yref: "paper", fillcolor: style("--soft"), opacity: 0.15, line: { width: 0 }, layer: "below",
      label: { text: `${escaped(validation)} past its lowest`, textposition: "top left", font: { size: 11, color: style("--soft") } } }];
  }

  function overfitting(curve) {
    const { validation, training } = lossesOf(Object.keys(curve.columns));
    if (!validation) return "";
    const [losses, train] = [curve.columns[validation], curve.columns[training]];
    const epochs = epochsOf(curve, losses);
    const end = lastOf(losses);
    // Where some epochs before the last value have none, it is not measured in each.
    const isMeasuredInEach = !losses.slice(0, Math.max(0, end)).includes(null);
    if (isMeasuredInEach && end < losses.length - 1) return `diverged at epoch ${epochs[end + 1]}`;
    const [lowest, last] = [lowestOf(losses), losses[end]];
    if (last <= lowest) return `${validation} is lowest at the end`;
    const at = losses.indexOf(lowest);
    const since = `since epoch ${epochs[at]}: ${validation} ${short(last - lowest)} higher at the end`;
    return train && train[end] < train[at] ? `${since}, ${training} lower` : since;
  }

  // --- the page

  function copies(button) {
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
  }

  function redrawnWith(drawAll) {
    darkness.addEventListener("change", drawAll);
    let [width, toDraw] = [innerWidth, null];
    addEventListener("resize", () => { // texts fit into the width; a phone's height changes all the time
      if (innerWidth === width) return;
      width = innerWidth;
      clearTimeout(toDraw);
      toDraw = setTimeout(drawAll, 200);
    });
    addEventListener("beforeprint", () => {
      document.documentElement.dataset.printing = "";
      drawAll();
    });
    addEventListener("afterprint", () => {
      delete document.documentElement.dataset.printing;
      drawAll();
    });
  }

  return { byId, style, colourOf, short, escaped, cut, isPrinting, draw, drawCurves, lossesOf, lowestOf, overfitting, copies, redrawnWith };
})();
