"use strict";
// Says that a sweep is being started, which takes some seconds, and that a second click would start it twice.
document.querySelector("form.start").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "start") return;
  if (event.target.dataset.began) {
    event.preventDefault();
    return;
  }
  event.target.dataset.began = "yes";
  document.getElementById("busy").textContent = "Starting …";
});
