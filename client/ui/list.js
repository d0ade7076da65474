"use strict";
// Keeps the list of sweeps as the server sees it, by server-sent events.
(() => {
  const box = document.getElementById("rows");
  let last = "";

  function replace({ rows }) {
    if (rows === last) return;
    last = rows;
    const chosen = [...box.querySelectorAll("input:checked")].map((input) => input.value);
    const focused = box.contains(document.activeElement) ? document.activeElement : null;
    const [tag, what] = focused ? [focused.tagName, focused.value || focused.textContent] : [];
    box.innerHTML = rows; // the server has escaped all that it was told
    for (const input of box.querySelectorAll("input")) input.checked = chosen.includes(input.value);
    if (focused) [...box.querySelectorAll(tag)].find((each) => (each.value || each.textContent) === what)?.focus({ preventScroll: true });
  }

  serverEvents(document.body.dataset.events, { list: replace });
})();
