"use strict";
// Charts of what a search found out, and of how it went.
const SearchCharts = (() => {
  const { byId, style, colourOf, short, escaped, cut } = Charts;

  const percent = (share) => `${(100 * share).toFixed(0)} %`;

  // What stands in backticks is code.
  const coded = (text) => text.split("`").map((part, place) => (place % 2 ? Object.assign(document.createElement("code"), { textContent: part }) : part));

  // A bar for each parameter, with a line for how sure it is.
  function drawImportance(importance) {
    byId("importance-box").hidden = !importance;
    if (!importance) return;
    byId("importance-said").replaceChildren(...coded(importance.said));
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

  // Seconds as a number in the unit that fits the longest.
  function unitOf(longest) {
    return longest < 120 ? ["s", 1] : longest < 7200 ? ["min", 60] : ["h", 3600];
  }

  const OVERS = { trials: "Trials", time: "Time", "job-time": "Job time", usd: "Cost" };

  function across(course, over) {
    if (over === "trials") return { x: course.number, title: "results, in the order of their ends" };
    if (over === "usd") return { x: course.job_seconds.map((seconds) => seconds * course.usd_per_job_second), title: "USD, estimated" };
    const seconds = over === "time" ? course.seconds : course.job_seconds;
    const [unit, length] = unitOf(Math.max(...seconds));
    return { x: seconds.map((each) => each / length), title: over === "time" ? `time since the first job began (${unit})` : `job time, added up (${unit})` };
  }

  // The best value so far: a line for each rung, a point for each trial.
  function drawCourse(course, { objective, over, nameOf, winner, onTrial }) {
    byId("course-said").textContent = course.said;
    byId("ended-by").hidden = !course.ended_by;
    byId("ended-by").textContent = `It ended early: ${course.ended_by}.`;
    byId("course-thinned").hidden = course.id.length === course.count;
    byId("course-thinned").textContent = `${course.id.length.toLocaleString("en")} of ${course.count.toLocaleString("en")} are drawn`;
    const select = byId("course-over");
    if (select.options.length !== course.overs.length) select.replaceChildren(...course.overs.map((name) => new Option(OVERS[name], name)));
    const by = course.overs.includes(over) ? over : "trials";
    select.value = by;
    const { x, title } = across(course, by);
    const isHalved = course.rungs.length > 1;
    const epochs = (rung) => course.rungs[rung].name;
    const about = (place) => `${escaped(nameOf(course.id[place]))}<br>${escaped(objective.metric)} ${short(course.value[place])}`
      + (isHalved ? `<br>after ${epochs(course.rung[place])}${course.promoted[place] ? ", promoted" : ""}` : "");
    const end = Math.max(...x);
    const traces = course.rungs.flatMap((_, rung) => {
      const ended = course.id.map((_, place) => place).filter((place) => course.rung[place] === rung && course.value[place] !== null);
      if (!ended.length) return [];
      const best = ended.filter((place) => course.improves[place]);
      const colour = colourOf(rung);
      return [
        {
          type: "scatter", mode: "markers", showlegend: false, x: ended.map((place) => x[place]), y: ended.map((place) => course.value[place]),
          customdata: ended.map((place) => course.id[place]), hoverinfo: "text", hovertext: ended.map(about), opacity: 0.7,
          marker: { color: colour, size: ended.map((place) => (course.promoted[place] ? 10 : 7)), symbol: ended.map((place) => (course.promoted[place] ? "triangle-up" : "circle")) },
        },
        {
          type: "scatter", mode: "lines", name: isHalved ? `best after ${epochs(rung)}` : "best so far", showlegend: isHalved, hoverinfo: "skip",
          x: [...best.map((place) => x[place]), end], y: [...best, best.at(-1)].map((place) => course.value[place]), line: { color: colour, width: 3, shape: "hv" },
        },
      ];
    });
    const last = course.id.map((_, place) => place).filter((place) => course.id[place] === winner && course.value[place] !== null).at(-1);
    if (last !== undefined) traces.push({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip", x: [x[last]], y: [course.value[last]], marker: { symbol: "circle-open", size: 18, color: "#D55E00", line: { width: 3 } } });
    const stopped = course.ended_by ? [{ type: "line", x0: end, x1: end, y0: 0, y1: 1, yref: "paper", line: { color: style("--bad"), width: 2, dash: "dot" } }] : [];
    Charts.draw(byId("course"), traces, {
      height: 380, uirevision: by, shapes: stopped, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 60, r: 20, t: 40, b: 55 },
      xaxis: { title: { text: title }, rangemode: "tozero", ...(by === "trials" ? { tickformat: "d", ...(end <= 15 ? { dtick: 1 } : {}) } : {}) }, yaxis: { title: { text: objective.metric } },
    }, onTrial);
    if (isHalved) drawRungs(course, { objective, nameOf, winner, onTrial });
  }

  // A line for each trial from rung to rung: those that stayed, those that went on, and the winner.
  function drawRungs(course, { objective, nameOf, winner, onTrial }) {
    const ways = new Map();
    course.id.forEach((id, place) => {
      if (course.value[place] === null) return;
      if (!ways.has(id)) ways.set(id, []);
      ways.get(id).push(place);
    });
    const kinds = [
      ["not promoted", style("--soft"), 1, ([id, places]) => id !== winner && places.length === 1 && !course.promoted[places[0]]],
      ["promoted", colourOf(0), 1.5, ([id, places]) => id !== winner && (places.length > 1 || course.promoted[places[0]])],
      ["winner", "#D55E00", 4, ([id]) => id === winner],
    ];
    const traces = kinds.map(([name, color, width, isOne]) => {
      const trace = { type: "scatter", mode: "lines+markers", name, x: [], y: [], customdata: [], hovertext: [], hoverinfo: "text", line: { color, width }, marker: { size: width > 2 ? 9 : 6 }, opacity: width > 2 ? 1 : 0.6, connectgaps: false };
      for (const [id, places] of [...ways].filter(isOne)) {
        for (const place of places) {
          trace.x.push(course.rung[place]);
          trace.y.push(course.value[place]);
          trace.customdata.push(id);
          trace.hovertext.push(`${escaped(nameOf(id))}<br>${escaped(objective.metric)} ${short(course.value[place])} after ${course.rungs[course.rung[place]].name}`);
        }
        for (const column of ["x", "y", "customdata"]) trace[column].push(null);
        trace.hovertext.push("");
      }
      return trace;
    }).filter((trace) => trace.x.length);
    const { rungs } = course;
    byId("rungs").style.minWidth = `${85 * rungs.length}px`;
    Charts.draw(byId("rungs"), traces, {
      height: 400, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 60, r: 20, t: 40, b: 80 },
      xaxis: { tickvals: rungs.map((_, rung) => rung), ticktext: rungs.map(({ name, said }) => `${name}<br>${said.replaceAll(", ", "<br>")}`), range: [-0.25, rungs.length - 0.75], showgrid: true, fixedrange: true },
      yaxis: { title: { text: objective.metric } },
    }, onTrial);
  }

  return { drawImportance, drawCourse };
})();
