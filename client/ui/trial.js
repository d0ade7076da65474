"use strict";
// Keeps the page of a trial as the server sees it: its outcome, its curves, and its log as it grows.
(() => {
  const { byId } = Charts;
  const { events: url, metric, label } = document.body.dataset;
  const MAX_LINES = 5000;
  const log = byId("log");
  let curve = null;
  let attempt = 0;
  let facts = "";

  function draw() {
    byId("no-curves").hidden = curve !== null;
    const lines = curve ? [{ label, curve, place: 0 }] : [];
    Charts.drawCurves(byId("panels"), [], lines, metric);
  }

  function append(lines) {
    for (const [number, text] of lines) {
      if (number !== attempt && number > 1) {
        const mark = document.createElement("div");
        mark.className = "attempt";
        mark.textContent = `attempt ${number}`;
        log.append(mark);
      }
      attempt = number;
      const line = document.createElement("div");
      line.textContent = text || " ";
      log.append(line);
    }
    while (log.children.length > MAX_LINES) log.firstChild.remove();
    byId("no-log").hidden = log.children.length > 0;
    log.hidden = log.children.length === 0;
    if (byId("follow").checked) log.scrollTop = log.scrollHeight;
  }

  const events = serverEvents(url, {
    open() { // it tells all of the log again
      log.replaceChildren();
      attempt = 0;
    },
    trial(told) {
      if (told.trouble) {
        byId("connection").textContent = told.trouble;
        byId("connection").hidden = false;
        return;
      }
      if (told.facts !== facts) {
        facts = told.facts;
        byId("facts").innerHTML = facts; // the server has escaped all that it was told
      }
      if (JSON.stringify(told.curve) !== JSON.stringify(curve)) {
        curve = told.curve;
        draw();
      }
      append(told.lines);
      if (told.over) events.end();
    },
  });
  document.querySelectorAll("[data-copies]").forEach(Charts.copies);
  Charts.redrawnWith(draw);
  append([]);
})();
