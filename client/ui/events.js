"use strict";
// One stream of the server's events for each page in sight: a browser opens six connections to a server at most.
function serverEvents(url, handlers) {
  const notice = document.getElementById("connection");
  let source = null;
  let isOver = false;

  function open() {
    if (source || isOver) return;
    source = new EventSource(url);
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (message) => {
        notice.hidden = true;
        handler(message.data && JSON.parse(message.data));
      });
    }
    source.addEventListener("error", () => {
      notice.textContent = source.readyState === EventSource.CLOSED
        ? "`sweep ui` was started anew, or has ended: open the address that it prints."
        : "The connection to `sweep ui` is lost; trying again. Sweeps continue without it.";
      notice.hidden = false;
    });
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => document.hidden || open());
  if (!document.hidden) open();
  return {
    end() { // there will be no further events
      isOver = true;
      close();
    },
  };
}
