"use strict";
// Keeps the list of sweeps as the server sees it, by server-sent events.
(() => {
  const byId = (id) => document.getElementById(id);
  const box = byId("rows");
  let last = "";

  const events = new EventSource(document.body.dataset.events);
  events.addEventListener("list", (message) => {
    byId("connection").hidden = true;
    const { rows } = JSON.parse(message.data);
    if (rows === last) return;
    last = rows;
    const chosen = [...box.querySelectorAll("input:checked")].map((input) => input.value);
    const focused = box.contains(document.activeElement) ? document.activeElement : null;
    const [tag, what] = focused ? [focused.tagName, focused.value || focused.textContent] : [];
    box.innerHTML = rows; // the server has escaped all that it was told
    for (const input of box.querySelectorAll("input")) input.checked = chosen.includes(input.value);
    if (focused) [...box.querySelectorAll(tag)].find((each) => (each.value || each.textContent) === what)?.focus({ preventScroll: true });
  });
  events.addEventListener("error", () => {
    byId("connection").textContent = events.readyState === EventSource.CLOSED
      ? "`sweep ui` was started anew, or has ended: open the address that it prints."
      : "The connection to `sweep ui` is lost; trying again. Sweeps continue without it.";
    byId("connection").hidden = false;
  });
})();
