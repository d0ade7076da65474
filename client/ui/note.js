"use strict";
// Saves the note of a sweep without leaving its page, and keeps what a person is writing.
const NoteForm = (() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("note-form");
  const area = byId("note-text");
  const { mark } = form.elements;
  let saved = area.value; // the text that `mark` is of
  let savedAt = 0; // the number of the note that was saved here last
  let isSaving = false;

  const isChanged = () => area.value !== saved;

  function see({ text, mark: of }) {
    saved = text;
    mark.value = of;
    document.querySelector("#noting > summary").textContent = text ? "Change it" : "Write one";
  }

  // What is in the form follows the note until somebody writes there.
  function news(note) {
    if (isSaving || isChanged() || note.text === saved || note.number < savedAt) return; // an event may be older than an answer
    see(note);
    area.value = note.text;
    measure();
  }

  function measure() {
    const most = Number(byId("note-long").dataset.most);
    const length = [...area.value].length; // characters, as the server counts them
    byId("note-long").hidden = length <= most;
    byId("note-long").textContent = `${length.toLocaleString("en")} characters: ${(length - most).toLocaleString("en")} too many`;
  }

  function complain(faults, now) {
    const box = byId("note-faults");
    box.replaceChildren(...faults.map((fault) => Object.assign(document.createElement("p"), { textContent: fault })));
    if (now) {
      const head = Object.assign(document.createElement("p"), { textContent: now.text ? "It says now:" : "It says nothing now." });
      const text = Object.assign(document.createElement("p"), { className: "written", textContent: now.text, dir: "auto" });
      box.append(head, ...(now.text ? [text] : []));
      see(now); // who saves again has seen it
    }
    box.hidden = false;
  }

  async function save(event) {
    event.preventDefault();
    if (isSaving) return;
    isSaving = true;
    byId("note-said").textContent = "Saving …";
    byId("note-faults").hidden = true;
    let said = "";
    const sent = area.value;
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(new FormData(form)) });
      const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
      const told = isJson ? await answer.json() : { faults: [await answer.text()] };
      if (answer.ok) {
        see(told);
        savedAt = told.number;
        if (area.value === sent) area.value = told.text; // or a person has gone on writing meanwhile
        said = told.text ? "Saved." : "Removed.";
      } else complain(told.faults, told.now);
    } catch (error) {
      console.warn(error);
      complain(["It was not saved: `sweep ui` did not answer. Your text is still here; save it again."]);
    }
    byId("note-said").textContent = said;
    isSaving = false;
    measure();
  }

  form.addEventListener("submit", save);
  area.addEventListener("input", () => {
    byId("note-said").textContent = "";
    measure();
  });
  addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());
  return { news };
})();
