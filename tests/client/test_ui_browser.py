"""The page of `sweep ui` in a real browser: a sweep of the embedded cloud, followed from its start to its winner."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.browser import HOW, Browser, browser, found
from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED, eventually, keep_template
from tests.support.ports import free_port
from tests.support.recorded import RecordedCloud
from tests.support.ui import Page, served

pytestmark = pytest.mark.skipif(found() is None and not os.environ.get("CI"), reason=f"no browser here: {HOW}")

SPEC = """
parameters: {lr: [0.1, 0.01, 0.001]}
fixed: FIXED
epochs: 3
"""
DRAWN = "return [...document.querySelectorAll('#panels > div')].map((panel) => (panel.data ?? []).length)"
ENVIRONMENT = {"STEPSWEEP_UI_TOKEN": "a-token-of-my-own", "STEPSWEEP_TRAINER": str(SCRIPTED)}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    keep_template(tmp_path / ".stepsweep", {"trainer": str(SCRIPTED)})
    yield tmp_path
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):  # where a test failed half way
        keeper = psutil.Process(json.loads((tmp_path / ".stepsweep" / "cloud.json").read_bytes())["pid"])
        keeper.send_signal(signal.SIGTERM)
        keeper.wait(60)


def start(chromium: Browser, root: str, name: str, fixed: str) -> None:
    """Pastes a spec and starts it, as a person does."""
    chromium.open(f"{root}start", dark=True, width=360)
    assert chromium.barriers() == []
    chromium.run("document.getElementById('spec').value = arguments[0]", SPEC.replace("FIXED", fixed))
    chromium.run("document.querySelector('[name=name]').value = arguments[0]", name)
    chromium.run("document.querySelector('button[value=start]').click()")
    eventually(lambda: chromium.driver.current_url.endswith(f"/sweeps/{name}"), 120)


def write_notes(chromium: Browser, folder: Path) -> None:
    """Writes a note, and another one though somebody else has written one meanwhile."""
    note(chromium, "lr 0.1 looks best", "Saved.")
    assert chromium.barriers() == []
    type_note(chromium, "lr 0.1 is best")  # from now on the form does not follow the note
    Sweep(folder=folder)("note", "first", "of somebody else", environment=ENVIRONMENT)
    save_note(chromium, "")
    assert "note: somebody else has changed the note of first" in text(chromium, "#note-faults")
    assert "of somebody else" in text(chromium, "#note-faults .written")
    assert chromium.barriers() == []
    note(chromium, "lr 0.1 is best, says somebody else too", "Saved.")


def note(chromium: Browser, written: str, said: str) -> None:
    """Writes a note with the keyboard alone, and waits for the answer."""
    type_note(chromium, written)
    save_note(chromium, said)


def type_note(chromium: Browser, written: str) -> None:
    chromium.run("document.querySelector('#noting').open || document.querySelector('#noting summary').focus()")
    active = chromium.driver.switch_to.active_element
    if active.tag_name == "summary":
        active.send_keys(Keys.ENTER, Keys.TAB)
    else:
        chromium.run("document.querySelector('#note-text').focus()")
    area = chromium.driver.switch_to.active_element
    area.send_keys(Keys.CONTROL + "a", Keys.DELETE)
    area.send_keys(written)


def save_note(chromium: Browser, said: str) -> None:
    chromium.run("document.querySelector('#note-text').focus()")
    chromium.driver.switch_to.active_element.send_keys(Keys.TAB)
    chromium.driver.switch_to.active_element.send_keys(Keys.ENTER)
    eventually(lambda: text(chromium, "#note-said") == said)


def look_at_what_is_left(chromium: Browser, folder: Path) -> None:
    """Opens what the function that ended the sweep left in the bucket: the same page, which opens by itself."""
    (left,) = (folder / ".stepsweep" / "s3").glob("*/sweeps/first/report.html")
    chromium.open(left)
    assert "--lr 0.1" in text(chromium, "#winner-options")
    eventually(lambda: max(chromium.run(DRAWN), default=0) >= 2)
    assert len(chromium.run("return document.querySelectorAll('#trials tbody tr')")) == 3
    assert chromium.complaints() == []
    assert [each for each in chromium.requests() if not each.startswith(("file:", "data:", "blob:"))] == []
    if pictures := os.environ.get("STEPSWEEP_PICTURES"):
        chromium.picture(Path(pictures, "left.png"))


def text(chromium: Browser, selector: str) -> str:
    return str(chromium.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))


def test_a_sweep_is_started_followed_to_its_winner_and_another_one_stopped(chromium: Browser, folder: Path) -> None:
    port = str(free_port())
    with served(folder, "--port", port, environment=ENVIRONMENT) as page:
        root = page.root
        chromium.open(page.address)
        eventually(lambda: "There is no sweep here yet" in text(chromium, "#rows"))
        assert chromium.barriers() == []
        start(chromium, root, "first", "{act: gate}")

        # One trial has come through the gate, others have shown their first epoch.
        eventually(lambda: "1 done" in text(chromium, "#progress") and "1/3" in text(chromium, "#training"))
        eventually(lambda: "RUNNING" in text(chromium, "#trials"))
        eventually(lambda: max(chromium.run(DRAWN), default=0) >= 2)
        zoomed = chromium.zoom("panel-0")
        write_notes(chromium, folder)
        shown = text(chromium, "#trials")
        chromium.run("SweepPage.update({ is_planned: false })")  # as of a sweep that is started again
        assert text(chromium, "#trials") == shown
        assert chromium.seen("panel-0") == zoomed, "the page was not loaded anew"
        trial = chromium.run("return document.querySelector('#training a').href")

    # The server is gone, the sweep is not; with the same port and token the open page goes on.
    eventually(lambda: "The connection to `sweep ui` is lost" in text(chromium, "#connection"))
    with served(folder, "--port", port, environment=ENVIRONMENT) as page:
        (folder / ".stepsweep" / "data" / "go").touch()
        eventually(lambda: text(chromium, ".badge") == "finished", 120)
        assert "Winner" in text(chromium, "#winner")
        assert "--lr 0.1" in text(chromium, "#winner-options")
        assert text(chromium, "#note-shown .written") == "lr 0.1 is best, says somebody else too"
        eventually(lambda: chromium.run("return document.querySelectorAll('#trials tbody tr').length") == 3)
        assert "RUNNING" not in text(chromium, "#trials")
        ended = "return Math.max(...document.getElementById('panel-0').data.map((line) => line.x.length))"
        eventually(lambda: chromium.run(ended) == 3)
        assert chromium.seen("panel-0") == zoomed, "what a person has zoomed to stays while a sweep goes on"
        assert chromium.run("return document.getElementById('connection').hidden")

        chromium.open(trial)
        eventually(lambda: "act gate, attempt 1" in text(chromium, "#log"))
        assert "SUCCEEDED" in text(chromium, "#facts")
        assert chromium.barriers() == []
        assert chromium.complaints() == []

        look_at_what_is_left(chromium, folder)
        start(chromium, root, "second", "{act: train, sleep: 60}")
        eventually(lambda: "running" in text(chromium, "#progress"))
        chromium.run("document.querySelector('[data-opens]').click()")
        chromium.run("document.querySelector('#stop-dialog form button').click()")
        eventually(lambda: text(chromium, ".badge") == "interrupted", 120)
        assert "Resume" in text(chromium, "#actions")
        chromium.open(f"{root}")
        eventually(lambda: "second" in text(chromium, "#rows"))
        assert "lr 0.1 is best, says somebody else too" in text(chromium, "#rows")
        assert {"finished", "interrupted"} <= set(text(chromium, "#rows").split())
        assert all(address.startswith((root, "data:", "blob:")) for address in chromium.requests())


# --- answers that come late, or not at all

EVENTS_BY_HAND = """
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor() { super(); window.source = this; }
  close() { this.isClosed = true; }
};
window.asked = [];
window.answers = {}; // the end of an address → what answers in the place of the server
const asks = window.fetch;
window.fetch = (url, ...more) => {
  window.asked.push(String(url));
  const by = Object.keys(window.answers).find((end) => String(url).endsWith(end));
  return by ? window.answers[by](url, ...more) : asks(url, ...more);
};
window.tell = (told) => window.source.dispatchEvent(new MessageEvent("sweep", { data: JSON.stringify(
  { title: "", said: { stage: "", sentence: "" }, parts: {}, note: { text: "", mark: "" }, ...told }) }));
window.json = (document) => new Response(JSON.stringify(document), { headers: { "Content-Type": "application/json" } });
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCloud:
    recorded = RecordedCloud(directory=tmp_path_factory.mktemp("late") / "cloud")
    trials = recorded.planned("mine", {"lr": [0.1, 0.01, 0.001, 0.0001, 0.00001]}, epochs=3)
    for number, trial in enumerate(trials):
        value = 0.9 - number / 10
        recorded.succeeded("mine", trial, {"val_accuracy": [value - 0.2, value - 0.1, value]}, began=number)
    recorded.reduced("mine")
    return recorded


@pytest.fixture(scope="module")
def server(recorded: RecordedCloud) -> Iterator[Page]:
    with served(recorded.directory.parent, "--dir", "cloud") as page:
        yield page


@pytest.fixture
def told_by_hand(chromium: Browser, server: Page) -> Iterator[Browser]:
    """The page of a sweep that has ended, whose events and some of whose answers come from the test."""
    script = chromium.command("Page.addScriptToEvaluateOnNewDocument", source=EVENTS_BY_HAND)["identifier"]
    try:
        chromium.open(server.address)
        chromium.open(f"{server.root}sweeps/mine")
        eventually(lambda: chromium.run("return document.querySelectorAll('#trials tbody tr').length") == 5)
        # The course comes behind the trials, in an answer of its own.
        eventually(lambda: chromium.run("return document.getElementById('course-over').checkVisibility()"))
        yield chromium
    finally:
        chromium.command("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def asked_for(chromium: Browser, end: str) -> int:
    return int(chromium.run("return asked.filter((each) => each.endsWith(arguments[0])).length", end))


def test_until_the_trials_have_been_read_the_page_says_so_and_offers_no_empty_menu(told_by_hand: Browser) -> None:
    chromium = told_by_hand
    seen = """return ['loading', 'course-over'].map((id) => document.getElementById(id).checkVisibility())"""
    assert chromium.run(seen) == [False, True]
    held = "answers['/data'] = (...more) => new Promise((answer) => { window.go = () => answer(asks(...more)); });"
    script = chromium.command("Page.addScriptToEvaluateOnNewDocument", source=held)["identifier"]
    try:
        chromium.driver.refresh()
        assert chromium.run(seen) == [True, False]
        assert text(chromium, "#loading") == "Reading the trials …"
        assert chromium.barriers() == []
        chromium.run("go()")
        eventually(lambda: chromium.run(seen) == [False, True])
    finally:
        chromium.command("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_a_screen_reader_is_told_a_new_stage_at_once_and_of_news_within_one_the_latest(told_by_hand: Browser) -> None:
    chromium = told_by_hand
    # Its own clock, as far as the page tells news by it.
    chromium.run("""
        [window.at, window.later] = [1e6, null];
        performance.now = () => window.at;
        window.setTimeout = (what, wait) => { wait ? (window.later = [what, wait]) : what(); };
        window.clearTimeout = () => { window.later = null; };
    """)
    said = "return document.getElementById('said').textContent"

    def told(stage: str, sentence: str) -> object:
        chromium.run("tell({ number: 0, said: { stage: arguments[0], sentence: arguments[1] } })", stage, sentence)
        return chromium.run(said)

    assert told("doing", "Starting …") == "Starting …"
    assert told("RUNNING", "0 of 9 have ended.") == "0 of 9 have ended."
    chromium.run("window.at += 3000")
    assert told("RUNNING", "1 of 9 has ended.") == "0 of 9 have ended."
    assert told("RUNNING", "2 of 9 have ended.") == "0 of 9 have ended."
    assert chromium.run("return window.later[1]") == 7000
    chromium.run("window.later[0]()")
    assert chromium.run(said) == "2 of 9 have ended."
    assert told("FINISHED", "The sweep is finished.") == "The sweep is finished."


def test_what_a_person_writes_while_the_note_is_saved_stays(told_by_hand: Browser) -> None:
    chromium = told_by_hand
    chromium.run("answers['/note'] = () => new Promise((answer) => { window.answer = answer; })")
    type_note(chromium, "lr 0.1")
    chromium.run("document.getElementById('note-form').requestSubmit()")
    eventually(lambda: text(chromium, "#note-said") == "Saving …")
    chromium.run("document.querySelector('#note-text').focus()")
    chromium.driver.switch_to.active_element.send_keys(" is best")
    chromium.run("answer(json({ text: 'lr 0.1', mark: 'new' }))")
    eventually(lambda: text(chromium, "#note-said") == "Saved.")
    assert chromium.run("return document.getElementById('note-text').value") == "lr 0.1 is best"
    chromium.run("document.getElementById('note-text').value = 'lr 0.1'")  # or the browser asks before it leaves


def test_an_event_that_is_older_than_the_note_that_was_saved_does_not_take_it_back(told_by_hand: Browser) -> None:
    chromium = told_by_hand
    chromium.run("answers['/note'] = () => Promise.resolve(json({ text: 'lr 0.1', mark: 'new', number: 2 }))")
    note(chromium, "lr 0.1", "Saved.")
    written = "return document.getElementById('note-text').value"
    for number, said, shown in (
        (1, "", "lr 0.1"),
        (2, "lr 0.1", "lr 0.1"),
        (2, "of somebody else", "of somebody else"),
    ):
        chromium.run("tell({ number: 0, note: arguments[0] })", {"text": said, "mark": "m", "number": number})
        assert chromium.run(written) == shown


def test_a_curve_that_was_drawn_while_its_trial_ran_is_whole_once_the_trial_has_ended(told_by_hand: Browser) -> None:
    chromium = told_by_hand
    chromium.run(
        """
        const done = fetch(`${document.body.dataset.sweep}/data`).then((answer) => answer.json());
        return done.then((ended) => {
          const at = ended.trials.id.length - 1;
          const runs = structuredClone(ended);
          const now = { status: "RUNNING", trained: 1, rank: null, value: null };
          for (const [name, value] of Object.entries(now)) runs.trials[name][at] = value;
          runs.curves[at] = { best: 1, columns: { val_accuracy: [0.3] } };
          runs.unfinished = [at];
          SweepPage.update(runs);
          SweepPage.update(ended);
        });
        """
    )
    chromium.run("document.querySelector('#trials tbody tr:last-child input').click()")
    drawn = """return document.getElementById('panel-0').data
        .filter(({ name }) => name?.includes('1e-05')).map(({ y }) => y)[0]"""
    eventually(lambda: chromium.run(drawn) == [0.3, 0.4, 0.5])


def test_what_could_not_be_read_is_read_again_and_what_only_the_end_tells_is_read_then(told_by_hand: Browser) -> None:
    chromium = told_by_hand
    eventually(lambda: asked_for(chromium, "/jobs") == 1)
    chromium.run(
        """
        const read = fetch(`${document.body.dataset.sweep}/data`).then((answer) => answer.json());
        return read.then((data) => {
          window.of = (number, standing) => {
            answers["/data"] = () => Promise.resolve(json({ ...data, number, standing }));
            tell({ number });
          };
        });
        """
    )
    # The server does not answer for a moment, and nothing more happens to the sweep.
    chromium.run("answers['/jobs'] = () => { delete answers['/jobs']; return Promise.reject(new Error('gone')); }")
    chromium.run("of(7, 'RUNNING')")
    eventually(lambda: asked_for(chromium, "/jobs") == 3, 20)
    # The same trials have ended, and now the sweep has.
    ended = "const [jobs] = arguments; answers['/jobs'] = () => Promise.resolve(json(jobs))"
    course = chromium.run("return fetch(`${document.body.dataset.sweep}/jobs`).then((answer) => answer.json())")
    chromium.run(ended, {**course, "course": {**course["course"], "ended_by": "the budget is spent"}})
    chromium.run("of(8, 'FINISHED')")
    eventually(lambda: text(chromium, "#ended-by") == "It ended early: the budget is spent.")


def test_a_page_goes_on_once_a_proxy_that_refused_its_events_has_its_server_again(told_by_hand: Browser) -> None:
    """A browser tries again by itself where there is no answer, and not where there is one that is no stream."""
    chromium = told_by_hand
    refused = "window.refused = source; source.readyState = 2; source.dispatchEvent(new Event('error'))"
    chromium.run(refused)
    assert "open the address that it prints" in text(chromium, "#connection")
    eventually(lambda: chromium.run("return source !== refused && refused.isClosed"))
    chromium.run("tell({ number: 0, title: 'goes on' })")
    assert chromium.driver.title == "goes on · stepsweep"
    assert chromium.run("return document.getElementById('connection').hidden")
