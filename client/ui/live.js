"use strict";
// Keeps the page of a sweep as the server sees it, by server-sent events.
(() => {
  const { byId } = Charts;
  const url = document.body.dataset.sweep;
  const CALM = 1000; // milliseconds between two readings of the data; more where there are many trials
  const MANY = 2000;

  async function read(path) {
    const answer = await fetch(`${url}/${path}`);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  SweepPage.live({
    trialUrl: (id) => `${url}/trials/${encodeURIComponent(id)}`,
    fetchCurves: (ids) => read(`curves?${new URLSearchParams(ids.map((id) => ["trial", id]))}`),
  });

  // --- the data: what changes the charts and the leaderboard

  let wanted = 0; // the number of the newest data
  let had = -1;
  let isReading = false;
  let readAt = -Infinity;
  let pause = CALM;

  async function readData() {
    if (isReading) return;
    isReading = true;
    try {
      await new Promise((resume) => setTimeout(resume, Math.max(0, readAt + pause - performance.now())));
      readAt = performance.now();
      const fresh = await read("data");
      had = fresh.number;
      pause = fresh.trials.id.length > MANY ? 5 * CALM : CALM;
      SweepPage.update(fresh);
      if (fresh.is_begun) document.body.classList.remove("loading");
      if (fresh.is_planned) readLater(fresh);
    } catch (error) {
      console.warn(error);
    }
    isReading = false;
    if (had < wanted) readData();
  }

  // What takes long to read: of few trials at once, of more once somebody looks at its section.
  const FEW = 500;
  const AGAIN = 5000; // milliseconds until what could not be read is asked for again

  function later(path, section, use, rest = 0) {
    let [isInSight, isBusy, count, wantedFor, hadFor] = [false, false, 0, null, null];
    async function look() {
      if (isBusy || wantedFor === hadFor || (!isInSight && count > FEW)) return;
      isBusy = true;
      hadFor = wantedFor;
      let calm = rest;
      try {
        use(await read(path));
      } catch (error) {
        console.warn(error);
        hadFor = null;
        calm = Math.max(rest, AGAIN);
      }
      setTimeout(() => {
        isBusy = false;
        look();
      }, calm);
    }
    new IntersectionObserver((entries) => {
      isInSight = entries.some((entry) => entry.isIntersecting);
      look();
    }, { rootMargin: "200px" }).observe(byId(section));
    return (number, state) => {
      [count, wantedFor] = [number, state];
      look();
    };
  }

  const lookAtJobs = later("jobs", "timeline", (more) => {
    milliseconds = more.timeline.all_milliseconds;
    showTime();
    SweepPage.add(more);
  });
  const lookAtImportance = later("importance", "space", SweepPage.add, 10_000); // seconds of the server's time

  function readLater({ trials: { rank, trained, status }, standing }) {
    const ended = rank.map((_, trial) => trial).filter((trial) => status[trial] !== "RUNNING");
    const epochs = ended.reduce((sum, trial) => sum + (trained[trial] ?? 0), 0);
    const state = `${ended.length} ${epochs}`; // changes when a trial ends, also a promoted one
    lookAtJobs(ended.length, `${standing} ${state}`); // only a sweep that has ended knows its cost, and what ended it early
    lookAtImportance(ended.length, state);
  }

  let milliseconds = null; // that jobs have run, where the sweep has no result yet that says so

  function showTime() {
    const element = byId("job-time");
    if (!element || milliseconds === null) return;
    const seconds = Math.round(milliseconds / 1000);
    const two = (number) => String(number).padStart(2, "0");
    element.textContent = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }

  // --- the parts: texts that the server renders

  const parts = new Map();

  function replace(id, html) {
    if (parts.get(id) === html) return;
    parts.set(id, html);
    const element = byId(id);
    const active = element.contains(document.activeElement) ? document.activeElement : null;
    const open = [...element.querySelectorAll("details[open]")].map((each) => each.querySelector("summary").textContent);
    element.innerHTML = html; // the server has escaped all that it was told
    for (const each of element.querySelectorAll("details")) each.open = open.includes(each.querySelector("summary").textContent);
    element.querySelectorAll("[data-copies]").forEach(Charts.copies);
    if (!active) return;
    const again = [...element.querySelectorAll("a, button, [tabindex]")].find((each) => each.textContent === active.textContent && each.tagName === active.tagName);
    again?.focus({ preventScroll: true });
  }

  let [toldAt, toldStage, telling] = [-Infinity, null, null];

  // Tells a screen reader the latest sentence: a new stage at once, news within one not more often than they can be listened to.
  function tell({ stage, sentence }) {
    const wait = stage === toldStage ? Math.max(0, toldAt + 10_000 - performance.now()) : 0;
    toldStage = stage;
    clearTimeout(telling);
    telling = setTimeout(() => {
      if (byId("said").textContent === sentence) return;
      toldAt = performance.now();
      byId("said").textContent = sentence;
    }, wait);
  }

  function tellNews(told) {
    document.title = `${told.title} · stepsweep`;
    for (const [id, html] of Object.entries(told.parts)) replace(id, html);
    NoteForm.news(told.note);
    showTime();
    tell(told.said);
    wanted = Math.max(wanted, told.number);
    if (had !== told.number) {
      if (had > told.number) had = -1; // the server was restarted, and counts anew
      wanted = told.number;
      readData();
    }
  }

  // --- what a person does

  document.addEventListener("click", (event) => {
    const opens = event.target.closest("[data-opens]");
    if (opens) byId(opens.dataset.opens).showModal();
    const closes = event.target.closest("[data-closes]");
    if (closes) closes.closest("dialog").close();
  });

  readData();
  serverEvents(`${url}/events`, { sweep: tellNews });
})();
