"use strict";
// One stream of the server's events for each page in sight: a browser opens six connections to a server at most.
function serverEvents(url, handlers) {
  const notice = document.getElementById("connection");
  const AGAIN = 5000; // milliseconds
  let source = null;
  let isOver = false;
  let toOpen = null;

  function open() {
    if (source || isOver) return;
    clearTimeout(toOpen);
    source = new EventSource(url);
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (message) => {
        notice.hidden = true;
        handler(message.data && JSON.parse(message.data));
      });
    }
    source.addEventListener("error", () => {
      // A browser does not try again where an answer is no stream. A proxy answers in the place of a server that starts.
      const isRefused = source.readyState === EventSource.CLOSED;
      notice.textContent = isRefused
        ? "`sweep ui` was started anew, or has ended: open the address that it prints."
        : "The connection to `sweep ui` is lost; trying again. Sweeps continue without it.";
      notice.hidden = false;
      if (!isRefused) return;
      close();
      toOpen = setTimeout(() => document.hidden || open(), AGAIN);
    });
  }

  function close() {
    clearTimeout(toOpen);
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
