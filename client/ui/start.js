"use strict";
// A second click would start the sweep twice.
document.querySelector("form.start").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "start") return;
  if (event.target.dataset.began) {
    event.preventDefault();
    return;
  }
  event.target.dataset.began = "yes";
  document.getElementById("busy").textContent = "Starting …";
});
