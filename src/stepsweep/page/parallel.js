"use strict";
// A line for each trial through all its params, and the parts of the axes that a person keeps: brushes.
const ParallelAxes = (() => {
  const { byId, style, short, escaped, cut } = Charts;
  const { draw, hover, valued, viridis, lightness, isLight, extent, has } = Trials;

  let data, trials, axes, objective, isBetter, varied;
  let changed = () => {}; // what a new brush does

  function use(known) {
    ({ data, trials, axes, objective, isBetter, varied } = known);
  }

  const whenBrushed = (handler) => { changed = handler; };

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
    if (high < 0) return; // below the axes
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
    changed();
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
      changed();
    });
    return button;
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

  const BELOW = -0.12;
  const WIDTH_OF_AXIS = 104; // pixels: of a folded name

  function drawParallel() {
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
    const darkest = isLight(style("--paper")) ? 0 : 0.4; // darker lines would vanish on dark paper
    const crowded = valued().length > 100;
    const traces = order.map((bin) => {
      const line = { type: "scatter", mode: "lines+markers", x: [], y: [], customdata: [], hovertext: [], hoverinfo: "text", showlegend: false, connectgaps: false };
      for (const trial of bins.get(bin)) {
        // A line passes below the axis of a parameter that does not apply.
        const heights = varied.map((number) => (has(trial, number) ? place(number, trials.params[trial][number]) : BELOW));
        [...heights, share(trials.value[trial])].forEach((height, x) => {
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
      const at = darkest + (1 - darkest) * lightness((bin + 0.5) / BINS);
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
    const lacking = [...varied.keys()].filter((x) => valued().some((trial) => !has(trial, varied[x])));
    annotations.push(...lacking.map((x) => label(x, BELOW, "does not apply")));
    annotations.push(label(varied.length, 0, short(low)), label(varied.length, 1, short(high)));
    // So that names and values of one axis end before the next one; the chart scrolls where there is no room.
    byId("parallel").style.minWidth = `${WIDTH_OF_AXIS * names.length}px`;
    draw("parallel", traces, {
      height: 420, dragmode: "select", newselection: { line: { color: style("--accent"), width: 2 } }, annotations, margin: { l: 60, r: 80, t: 20, b: 70 },
      shapes: names.map((_, x) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, line: { color: style("--soft"), width: 1 }, layer: "below" })),
      xaxis: { tickvals: names.map((_, x) => x), ticktext: names.map((name) => folded(name)), showgrid: false, range: [-0.15, varied.length + 0.15], fixedrange: true },
      yaxis: { visible: false, range: [lacking.length ? BELOW - 0.06 : -0.06, 1.06], fixedrange: true },
    });
    if (byId("parallel").dataset.isBrushable) return;
    byId("parallel").dataset.isBrushable = "yes";
    byId("parallel").on("plotly_selected", (event) => {
      if (event?.range) setTimeout(brushed, 0, event.range); // once Plotly is done with it
    });
  }

  return { use, whenBrushed, draw: drawParallel, brushes, isBrushed, listBrushes };
})();
