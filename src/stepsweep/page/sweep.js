"use strict";
// The page of a sweep: draws its charts, sorts and filters its leaderboard. The data is in the page, or comes by `update`.
const SweepPage = (() => {
  const { byId, style, colourOf, short, escaped, lossesOf, lowestOf, overfitting } = Charts;
  const { draw } = Trials;

  let data, trials, axes, objective, varied;
  let index = new Map(); // trial's id → its place in the data
  const curves = new Map(); // trial's id → its curve
  let chosen = []; // ids of the trials whose curves are shown, in the order of their colours' places
  let isChosenByHand = false;
  let over = "trials"; // what the best value is shown over
  let fetchCurves = null; // of a live page

  const winner = () => trials.id[trials.rank.indexOf(1)]; // asked with one objective alone, as all charts of the search
  const nameOf = (id) => trials.label[index.get(id)] ?? id;

  function drawSearch() {
    byId("search").hidden = !data.course;
    if (!data.course) return;
    SearchCharts.drawCourse(data.course, { objective, over, nameOf, winner: winner(), onTrial: toggle });
    SpaceCharts.drawRanks();
  }

  const drawSpace = () => [FrontCharts.draw(), SpaceCharts.draw(fetchCurves !== null)];

  // --- curves

  function drawCurves() {
    const lines = chosen
      .map((id, place) => ({ label: trials.label[index.get(id)], curve: curves.get(id), place }))
      .filter(({ curve }) => curve);
    Charts.drawCurves(byId("panels"), data.columns, lines, objective.metric);
  }

  function listChosen() {
    const losses = lossesOf([...new Set([...curves.values()].flatMap((curve) => Object.keys(curve.columns)))]).validation;
    const heads = ["Trial", FrontCharts.isThere() ? "Epoch that counts" : "Best epoch", ...(losses ? [`Lowest ${losses}`, "At the end", "Overfitting"] : []), "Remove"];
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
      cell(curve ? (curve.best ?? "") : data.curves_of !== null && trials.rank[trial] !== null && trial >= data.curves_of ? "not in this page" : "no metrics", "number");
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

  // A curve that was read while its trial ran ends too early once the trial has gone on. Of params with several trials
  // it is the first one's, and another one may have trained longer: so it is asked for once for each number of epochs.
  const lastOf = (curve) => curve.epochs?.at(-1) ?? Object.values(curve.columns)[0]?.length ?? 0;
  const trained = (id) => trials.trained[index.get(id)] ?? 0;
  const isWhole = (id) => curves.has(id) && (lastOf(curves.get(id)) >= trained(id) || answered.get(id) === trained(id));
  const answered = new Map(); // trial's id → the epochs for which its curve was asked for

  async function showCurves() {
    byId("curves").hidden = !hasCurves();
    byId("clear").hidden = byId("curves").hidden;
    if (!hasCurves()) return;
    listChosen();
    drawCurves();
    const missing = fetchCurves ? chosen.filter((id) => !isWhole(id)) : [];
    if (!missing.length) return;
    const asked = missing.map((id) => [id, trained(id)]);
    const found = await fetchCurves(missing);
    for (const [id, epochs] of asked) answered.set(id, epochs);
    for (const [id, curve] of Object.entries(found)) {
      if (!curves.has(id) || lastOf(curves.get(id)) <= lastOf(curve)) curves.set(id, curve); // others may have come meanwhile
    }
    listChosen();
    drawCurves();
  }

  // --- jobs

  function drawJobs() {
    const timeline = data.timeline;
    if (!timeline) return; // not read yet
    const { count, lane, lanes, started, milliseconds, attempt, well, id, rung } = timeline;
    byId("about-jobs").textContent = count
      ? `${count.toLocaleString("en")} attempt${count === 1 ? "" : "s"} on machines, from start to end; one line per job that ran at the same time.${lane.length < count ? ` ${lane.length.toLocaleString("en")} of them are drawn.` : ""}`
      : "No job has ended on a machine: some may still run, nothing had to be trained, or nothing got a machine.";
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

  // --- what is seen, in the address of a live page

  let fromUrl = new URLSearchParams();

  function remember() {
    if (!fetchCurves) return;
    const seen = new URLSearchParams();
    const set = (name, value) => value && seen.set(name, value);
    set("filter", byId("filter").value.trim());
    for (const [name, value] of Object.entries(Leaderboard.seen())) set(name, value);
    if (isChosenByHand) seen.set("trials", chosen.join(","));
    for (const [side, name] of Object.entries(SpaceCharts.chosenPlane() ?? {})) set(side, name);
    set("brush", ParallelAxes.brushes.size ? JSON.stringify([...ParallelAxes.brushes]) : "");
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
        if (Array.isArray(choices) || (Number.isFinite(low) && Number.isFinite(high))) ParallelAxes.brushes.set(String(key), { low, high, choices });
      }
    } catch (error) {
      console.warn(error); // an address that was cut
    }
    Leaderboard.see(Object.fromEntries(fromUrl));
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

  // Shows other data of the same sweep; what a person has chosen stays. Of a sweep that a server has just begun to read,
  // or that has just been started again, nothing is known yet that would be newer than what is shown.
  function update(fresh) {
    if (data && fresh.is_planned === false) return;
    const later = { timeline: data?.timeline, importance: data?.importance, course: data?.course };
    data = fresh;
    for (const [name, known] of Object.entries(later)) data[name] ??= known;
    ({ trials, axes, objective } = data);
    const isBetter = objective.direction === "maximize" ? (a, b) => a > b : (a, b) => a < b;
    index = new Map(trials.id.map((id, trial) => [id, trial]));
    for (const [trial, curve] of Object.entries(data.curves)) curves.set(trials.id[trial], curve);
    varied = axes.map((_, number) => number).filter((number) => axes[number].choices.length > (axes[number].of_all ? 1 : 0));
    for (const part of [Trials, FrontCharts, SpaceCharts, ParallelAxes, Leaderboard]) part.use({ data, trials, axes, objective, isBetter, varied });
    if (isFirst) SpaceCharts.setPlane({ down: fromUrl.get("down"), across: fromUrl.get("across") });
    isFirst = false;
    chosen = isChosenByHand ? chosen.filter((id) => index.has(id)) : data.shown.map((trial) => trials.id[trial]);
    byId("leaderboard-controls").hidden = !trials.rank.length;
    byId("filter-help").hidden = !trials.rank.length;
    byId("trials-scroll").hidden = !trials.rank.length;
    byId("no-trials").hidden = trials.rank.length > 0;
    const same = varied.length ? axes.filter((axis) => axis.of_all && axis.choices.length === 1) : [];
    byId("constant").hidden = !same.length;
    byId("constant").textContent = `In all trials: ${same.map((axis) => `${axis.name}=${axis.choices[0]}`).join(" ")}`;
    Leaderboard.filter();
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
    ({ fetchCurves } = served);
    Leaderboard.live(served.trialUrl);
    recall();
  }

  const MANY = 1000; // trials, whose charts take a moment
  let toDraw = null;

  // The table follows each letter. Charts of very many trials wait until no further one has come for a moment.
  function filtered() {
    byId("trials-scroll").scrollTop = 0;
    Leaderboard.filter();
    clearTimeout(toDraw);
    const drawFiltered = () => [drawSpace(), drawSearch()];
    if (trials.rank.length > MANY) toDraw = setTimeout(drawFiltered, 300);
    else drawFiltered();
    remember();
  }

  byId("filter").addEventListener("input", filtered);
  byId("outcome").addEventListener("change", filtered);
  for (const [side, other] of [["down", "across"], ["across", "down"]]) {
    byId(`plane-${side}`).addEventListener("change", () => {
      SpaceCharts.choose(side, other);
      drawSpace();
      remember();
    });
  }
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
  byId("trials").tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-trial]");
    if (row && !event.target.closest("a")) toggle(trials.id[Number(row.dataset.trial)]); // the box too: it is set by what is chosen
  });
  Trials.whenClicked(toggle);
  ParallelAxes.whenBrushed(filtered);
  Leaderboard.connect({ hasCurves, mark, changed: remember });
  document.querySelectorAll("[data-copies]").forEach(Charts.copies);
  Charts.redrawnWith(() => {
    if (!data) return;
    if (Leaderboard.isLong()) Leaderboard.writeRows({ isFresh: true });
    drawAll();
  });
  const inside = byId("data");
  if (inside) update(JSON.parse(inside.textContent));
  return { update, add, live };
})();
