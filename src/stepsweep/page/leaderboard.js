"use strict";
// The table of all trials: its columns, its order, its filter; of very many rows those in sight are in the document.
const Leaderboard = (() => {
  const { byId } = Charts;
  const { visible, isText } = Trials;

  let data, trials, axes, objective, varied, texts;
  let mostWhole = 1000; // rows; of more only those in sight are in the document
  let trialUrl = null;
  let isLive = false;
  let view = []; // the trials of the leaderboard, filtered and in order
  let sorted = { column: "rank", isDescending: false };
  const hidden = new Set(); // keys of the columns that are not shown
  // What the page says of curves: whether there are any, which place one has, and what to do once a person has changed
  // the order or the columns.
  let page = { hasCurves: () => false, mark: () => {}, changed: () => {} };

  function use(known) {
    ({ data, trials, axes, objective, varied } = known);
    texts = null;
    offerOutcomes();
    offerColumns();
  }

  const connect = (handlers) => { page = handlers; };

  // Makes it that of a running server: trials have pages, and the table is written again and again.
  function live(url) {
    trialUrl = url;
    isLive = true;
    mostWhole = 200;
  }

  const isLong = () => view.length > mostWhole;

  // A column: how its header is called, its cells' texts, and what it is sorted by.
  function columns() {
    const text = (value) => String(value ?? "");
    const hasValues = trials.value.some((value) => value !== null);
    const found = [];
    if (trials.rank.some((rank) => rank !== null)) found.push({ key: "rank", name: FrontCharts.isThere() ? "front" : "rank", by: (trial) => trials.rank[trial], isNumber: true });
    if (hasValues && FrontCharts.isThere()) {
      data.objectives.forEach(({ metric }, number) => {
        const value = (trial) => trials.by_objective[number][trial];
        found.push({ key: `objectives.${number}`, name: metric, by: value, text: (trial) => (value(trial) === null ? "" : String(Number(value(trial).toPrecision(6)))), isNumber: true });
      });
    } else if (hasValues) found.push({ key: "value", name: objective.metric, by: (trial) => trials.value[trial], text: (trial) => (trials.value[trial] === null ? "" : String(Number(trials.value[trial].toPrecision(6)))), isNumber: true });
    if (trials.error.some((error) => error !== null)) found.push({ key: "error", name: "± std error", by: (trial) => trials.error[trial], text: (trial) => (trials.error[trial] === null ? "" : String(Number(trials.error[trial].toPrecision(2)))), isNumber: true });
    if (trials.n.some((n) => n > 1)) found.push({ key: "n", name: "n", by: (trial) => trials.n[trial], title: (trial) => trials.values[trial], isNumber: true });
    data.others.forEach(({ name, values }, number) => found.push({ key: `others.${number}`, name, by: (trial) => values[trial], isNumber: true }));
    for (const number of varied.length ? varied : axes.keys()) {
      found.push({ key: `params.${number}`, name: axes[number].name, by: (trial) => trials.params[trial][number] || null, isNumber: !isText(number), className: () => "text" });
    }
    if (!data.is_score && (hasValues || isLive)) {
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

  // All that the filter knows by a name, also what has no column since it is the same in all trials, or has no value yet.
  const filterable = (all) => [
    ...axes.map(({ name }, number) => ({ name, by: (trial) => trials.params[trial][number], isNumber: !isText(number) })),
    ...all,
    ...["rank", "epoch", "trained"].map((name) => ({ name, by: (trial) => trials[name][trial], isNumber: true })),
    { name: objective.metric, by: (trial) => trials.value[trial], isNumber: true },
  ];

  function filter() {
    const outcome = byId("outcome").value;
    const all = columns();
    texts = texts ?? trials.rank.map((_, trial) => all.map((column) => column.text(trial)).join(" ").toLowerCase());
    const { tests, faults } = Filter.read(byId("filter").value, filterable(all), texts);
    const shown = trials.rank.map((_, trial) => (!outcome || trials.status[trial] === outcome) && tests.every((holds) => holds(trial)) && ParallelAxes.isBrushed(trial));
    Trials.show(shown);
    const [count, of] = [shown.filter(Boolean).length, shown.length];
    const [one, several] = trials.n.some((n) => n > 1) ? ["set of params", "sets of params"] : ["trial", "trials"];
    const name = of === 1 ? one : several;
    const said = count === of ? `${count} ${name}` : `${count} of ${of} ${name}`;
    if (byId("shown").textContent !== said) byId("shown").textContent = said;
    byId("filter-faults").textContent = faults.join("; ");
    ParallelAxes.listBrushes();
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
    row.replaceChildren(...(page.hasCurves() ? [first] : []), ...heads);
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
    if (page.hasCurves()) {
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
    page.mark(row);
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
    page.changed();
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
        page.changed();
      });
      label.append(tick, ` ${name}`);
      return label;
    }));
  }

  function offerOutcomes() {
    const counts = new Map();
    for (const status of trials.status) counts.set(status, (counts.get(status) ?? 0) + 1);
    const select = byId("outcome");
    const wanted = select.options.length ? select.value : wantedOutcome;
    const options = [new Option("all", ""), ...[...counts].map(([status, count]) => new Option(`${status} (${count})`, status))];
    if (wanted && !counts.has(wanted)) options.push(new Option(`${wanted} (0)`, wanted));
    select.replaceChildren(...options);
    select.value = wanted;
  }

  // --- what is seen, for the address

  const seen = () => ({
    outcome: byId("outcome").value,
    sort: sorted.column === "rank" && !sorted.isDescending ? "" : `${sorted.isDescending ? "-" : ""}${sorted.column}`,
    without: [...hidden].join(","),
  });

  let wantedOutcome = "";

  function see({ outcome, sort, without }) {
    wantedOutcome = outcome ?? "";
    if (sort) sorted = { column: sort.replace(/^-/, ""), isDescending: sort.startsWith("-") };
    for (const key of (without ?? "").split(",").filter(Boolean)) hidden.add(key);
  }

  byId("trials").tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sortBy(button.dataset.column);
  });
  byId("trials-scroll").addEventListener("scroll", () => {
    if (isLong()) writeRows({ isFresh: false });
  });

  return { use, connect, live, filter, writeRows, isLong, seen, see };
})();
