"""What a person notes about a sweep: written and found again on the command line, in Python and in the page."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.awsrequest import AWSPreparedRequest

from stepsweep import InvalidInput, Sweeps
from stepsweep.bucket.records import Records
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations import noting
from stepsweep.client.operations.noting import NoteChanged, write_note
from stepsweep.contract import keys
from stepsweep.contract.note import MAX_CHARACTERS, Note, mark_of
from tests.support.command import Sweep
from tests.support.hostile import HOSTILE
from tests.support.html import Document
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack
from tests.support.ui import Page, served

TEXT = "lr above 0.3 diverges; try warmup\nsee also https://example.com/?a=1&b=2"
IN_ONE_LINE = " ".join(TEXT.split())
FIRST = "lr above 0.3 diverges; try warmup …"
SCRIPT = HOSTILE.replace("\x1b[31m", "")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCloud:
    """A finished sweep and an interrupted one, in a cloud that is not up."""
    recorded = RecordedCloud(directory=tmp_path_factory.mktemp("note") / ".stepsweep")
    for name, value in (("mine", 0.9), ("other", 0.8)):
        for trial in recorded.planned(name, {"lr": [0.1]}):
            recorded.succeeded(name, trial, {"val_accuracy": [0.5, value, 0.6]})
        recorded.reduced(name)
    recorded.planned("halfway", {"lr": [0.1, 0.01]})
    return recorded


@pytest.fixture(autouse=True)
def no_notes(recorded: RecordedCloud) -> Iterator[None]:
    yield
    for file in recorded.directory.glob("s3/bucket/sweeps/*/note.json"):
        file.unlink()


@pytest.fixture
def sweep(recorded: RecordedCloud) -> Sweep:
    return Sweep(folder=recorded.directory.parent)


@pytest.fixture(scope="module")
def page(recorded: RecordedCloud) -> Iterator[Page]:
    with served(recorded.directory.parent) as page:
        yield page


def cloud_of(recorded: RecordedCloud) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def stored(recorded: RecordedCloud, name: str = "mine") -> Note | None:
    document = recorded.bucket.get_json(keys.note_key(name))
    return None if document is None else Note.from_json(document, where="note.json")


def text_of(recorded: RecordedCloud, name: str = "mine") -> str | None:
    note = stored(recorded, name)
    return note.text if note else None


# --- the command line


def test_a_note_is_written_found_everywhere_replaced_and_removed(sweep: Sweep, recorded: RecordedCloud) -> None:
    none = sweep("note", "mine")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "There is no note.\n")
    assert (sweep("note", "mine", TEXT).stderr, text_of(recorded)) == ("Noted.\n", TEXT)

    assert sweep("note", "mine").stdout == f"{TEXT}\n"
    shown = sweep("show", "mine").stdout
    assert "Note     lr above 0.3 diverges; try warmup\n         see also https://example.com/?a=1&b=2\n" in shown
    assert json.loads(sweep("show", "mine", "--json").stdout)["note"] == TEXT
    assert json.loads(sweep("show", "other", "--json").stdout)["note"] is None
    listed = sweep("list").stdout
    assert FIRST in next(line for line in listed.splitlines() if line.startswith("mine"))
    assert {each["sweep"]: each["note"] for each in json.loads(sweep("list", "--json").stdout)} == {
        "mine": TEXT, "other": "", "halfway": "",
    }  # fmt: skip
    assert f"Noted    of mine: {FIRST}\n" in sweep("compare", "other", "mine").stdout
    compared = json.loads(sweep("compare", "other", "mine", "--json").stdout)["sweeps"]
    assert [each["note"] for each in compared] == ["", TEXT]

    replaced = sweep("note", "mine", "-", text="no, it was the seed\u2028\r\n")
    assert replaced.stderr == f"It was:\n{TEXT}\n\nNoted.\n"
    assert text_of(recorded) == "no, it was the seed"
    removed = json.loads(sweep("note", "mine", "--delete", "--json").stdout)
    assert (removed["note"], removed["replaced"]) == (None, "no, it was the seed")
    assert sweep("note", "mine").stderr == "There is no note.\n"
    assert sweep("list").stdout.splitlines()[0].endswith("winner"), "without notes there is no column"


@pytest.mark.parametrize(
    ("words", "text", "fault"),
    [
        (["mine", ""], None, "note: must have text, got none; --delete removes a note"),
        (["mine", "-"], " \n", "note: must have text, got none; --delete removes a note"),
        (["mine", "x" * (MAX_CHARACTERS + 1)], None, "note: must have at most 4,000 characters, got 4,001; shorten"),
        (["mine", "-"], "x" * 70_000, "note: must have at most 4,000 characters; standard input has over 65,536 bytes"),
        (["mine", "\x1b[31mred"], None, 'note: must be text without control characters, such as the colours of a term'),
        (["mine", "ab\u202ecd"], None, 'note: must be text without control characters, such as'),
        (["mine", "-5% worse"], None, "no such option '-5'; a text that begins with - comes behind --, as in: "),
        (["mine", "try", "it"], None, "got unexpected extra argument (it); put the text into quotes"),
        (["min", "text"], None, "there is no sweep \"min\" in "),
        (["mine", "text", "--delete"], None, "give either TEXT or --delete"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_note_is_refused_in_words(
    sweep: Sweep, recorded: RecordedCloud, words: list[str], text: str | None, fault: str
) -> None:
    ended = sweep("note", *words, text=text)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sweep: {fault}")
    assert len(ended.stderr.splitlines()) == 1
    assert stored(recorded) is None


def test_what_is_not_utf_8_is_refused_with_its_line(recorded: RecordedCloud) -> None:
    quoted = Sweep(folder=recorded.directory.parent, by=("sh", "-c", r'printf "fine\n\377\n" | "$@"', "sh"))
    with quoted.popen("note", "mine", "-") as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "sweep: note: line 2 of standard input is not UTF-8; write it in UTF-8\n")
    assert stored(recorded) is None


def test_standard_input_that_is_closed_is_empty(recorded: RecordedCloud) -> None:
    closed = Sweep(folder=recorded.directory.parent, by=("sh", "-c", '"$@" <&-', "sh"))
    for words in (("note", "mine", "-"), ("plan", "-")):
        with closed.popen(*words) as process:
            _, said = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in said) == (2, False), said
    assert stored(recorded) is None


def test_a_note_goes_with_its_sweep_and_that_is_said_before(tmp_path: Path) -> None:
    recorded, sweep = RecordedCloud(directory=tmp_path / ".stepsweep"), Sweep(folder=tmp_path)
    recorded.planned("mine", {"lr": [0.1]})
    assert sweep("note", "mine", TEXT).returncode == 0
    asked = sweep("rm", "mine")
    assert "\nKept: what is kept of its artifacts, in artifacts/kept/\n" in asked.stdout
    assert f"“{FIRST}”" in asked.stdout
    removed = sweep("rm", "mine", "--yes")
    assert f"Deleted too: its note, “{FIRST}”\n" in removed.stdout
    recorded.planned("mine", {"lr": [0.1]})
    assert sweep("note", "mine").stderr == "There is no note.\n", "a new sweep of the name has none"


@pytest.mark.parametrize("damaged", [b"{", b"x" * 70_000], ids=["broken", "large"])
def test_a_damaged_note_hides_nothing_else_and_is_written_anew(
    sweep: Sweep, recorded: RecordedCloud, page: Page, damaged: bytes
) -> None:
    recorded.bucket.put(keys.note_key("mine"), damaged, "application/json")
    for words in (["list"], ["show", "mine"]):
        shown = sweep(*words)
        assert shown.returncode == 0
        assert "0.9" in shown.stdout
        assert "the note of mine cannot be read: " in shown.stdout
    assert "write it anew with `sweep note mine TEXT`" in sweep("note", "mine").stderr
    text = Document(page.get("sweeps/mine").text).text
    assert "the note of mine cannot be read: " in text
    assert "0.9 val_accuracy at epoch 2 of 3" in text
    assert sweep("note", "mine", TEXT).stderr == "Noted.\n"
    assert text_of(recorded) == TEXT


def test_the_report_has_the_note_as_text(sweep: Sweep, tmp_path: Path) -> None:
    assert {"id": "note-title"} not in _report(sweep, tmp_path).named("h2")
    sweep("note", "mine", f"{SCRIPT}\n{TEXT}")
    report = _report(sweep, tmp_path)
    assert {"id": "note-title"} in report.named("h2")
    assert "<script>alert(1)" in report.text
    assert TEXT.splitlines()[1] in report.text
    assert report.named("img") == []
    assert [each for each in report.named("a") if each.get("href", "").startswith("http")] == []  # type: ignore[union-attr]


def _report(sweep: Sweep, folder: Path) -> Document:
    file = folder / "report.html"
    assert sweep("report", "mine", "-o", str(file)).returncode == 0
    return Document(file.read_text())


# --- Python


def test_in_python_a_note_is_an_attribute_that_loses_nothing(sweep: Sweep, recorded: RecordedCloud) -> None:
    mine = Sweeps(directory=recorded.directory).get("mine")
    assert mine.note == ""
    mine.note = "first"
    mine.note += "\nsecond"
    assert (mine.note, text_of(recorded)) == ("first\nsecond", "first\nsecond")
    assert Sweeps(directory=recorded.directory).list().set_index("sweep").loc["mine", "note"] == "first\nsecond"

    sweep("note", "mine", "of somebody else")
    with pytest.raises(InvalidInput, match="note: somebody else has changed the note of mine since you read it"):
        mine.note = "third"
    assert text_of(recorded) == "of somebody else"
    mine.note = f"{mine.note}, and mine"
    assert text_of(recorded) == "of somebody else, and mine"
    mine.note = ""
    assert mine.note == ""
    wrong: Any = 3
    with pytest.raises(InvalidInput, match="note: must be a text, got 3"):
        mine.note = wrong
    with pytest.raises(InvalidInput, match="note: must have at most 4,000 characters"):
        mine.note = "x" * 5_000


# --- two writers


def test_of_writers_at_once_each_is_told_whose_note_it_replaced(recorded: RecordedCloud) -> None:
    """So none is lost without a word: together, they name all but the last."""
    cloud, replaced = cloud_of(recorded), list[str]()

    def write(number: int) -> None:
        replaced.append(write_note(cloud, "mine", f"of {number}").replaced.text)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([*replaced, str(text_of(recorded))]) == ["", *(f"of {number}" for number in range(8))]


def test_a_note_that_is_not_the_one_that_was_seen_stays(
    recorded: RecordedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of(recorded)
    seen = "of mine since you read it; look at it, then save yours again"
    with pytest.raises(NoteChanged) as changed:
        write_note(cloud, "mine", "mine", mark=mark_of("seen"))
    assert (str(changed.value), changed.value.now.text) == (f"note: somebody else has removed the note {seen}", "")
    write_note(cloud, "mine", "theirs")
    with pytest.raises(NoteChanged) as changed:
        write_note(cloud, "mine", "mine", mark=mark_of("seen"))
    assert str(changed.value) == f"note: somebody else has changed the note {seen}"
    assert changed.value.now == stored(recorded)
    again = write_note(cloud, "mine", "theirs", mark=mark_of("seen"))
    assert again.note == again.replaced == stored(recorded), "what is there already"
    monkeypatch.setattr(Records, "replace_note", lambda *_, **__: False)
    with pytest.raises(CloudError) as lost:
        write_note(cloud, "mine", "mine")
    assert str(lost.value) == "the note of mine is being changed by others again and again; try once more"


def between(stack: Stack, text: str) -> Callable[..., None]:
    """Returns a handler that writes another note just before the first one is sent."""
    others = iter([text])

    def write(request: AWSPreparedRequest, **_: Any) -> None:
        if "note.json" in request.url and (other := next(others, None)) is not None:
            note = replace(Note.from_json(_STORED, where=""), text=other)
            stack.bucket.put_json(keys.note_key("mine"), note.to_json())

    return write


_STORED = {"schema": 1, "text": "", "written_at": "2026-11-29T10:00:00+00:00"}


@pytest.mark.parametrize("before", ["", "first"])
def test_on_aws_a_note_that_changes_while_another_is_sent_is_not_lost(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    stack.planned(name="mine", parameters={"lr": [0.1]}, epochs=1)
    if before:
        stack.bucket.put_json(keys.note_key("mine"), {**_STORED, "text": before})
    cloud = replace(cloud_of(RecordedCloud(directory=Path("nowhere"))), on="aws", stack=stack.name)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: stack.deployment)
    events = stack.deployment.s3.meta.events
    handler = between(stack, "of somebody else")
    events.register("before-send.s3.PutObject", handler)
    try:
        with pytest.raises(NoteChanged) as raised:
            write_note(cloud, "mine", "mine", mark=mark_of(before))
        assert raised.value.now.text == "of somebody else"
        handler = between(stack, "of a third")
        events.register("before-send.s3.PutObject", handler)
        assert write_note(cloud, "mine", "mine").replaced.text == "of a third", "who replaces any is told which"
    finally:
        events.unregister("before-send.s3.PutObject", handler)
    assert noting.note_of(cloud, "mine").text == "mine"


def test_on_aws_it_is_one_object_beside_the_sweeps_others(stack: Stack, tmp_path: Path) -> None:
    sweep = Sweep(folder=tmp_path)
    stack.planned(name="mine", parameters={"lr": [0.1]}, epochs=1)
    assert sweep.on(stack, "note", "mine", TEXT).returncode == 0
    assert stack.bucket.get_json("sweeps/mine/note.json")["text"] == TEXT
    assert sweep.on(stack, "note", "mine").stdout == f"{TEXT}\n"
    assert FIRST in sweep.on(stack, "list").stdout
    with served(tmp_path, "--on", "aws", "--stack", stack.name, environment=stack.environment) as page:
        assert page.post("sweeps/mine/note", {"text": "from the page", "mark": mark_of(TEXT)}).status_code == 303
        assert "from the page" in Document(page.get("sweeps/mine").text).text
    assert stack.bucket.get_json("sweeps/mine/note.json")["text"] == "from the page"


# --- the page

JSON = {"Accept": "application/json"}


def test_the_page_shows_a_note_and_saves_one(page: Page, recorded: RecordedCloud) -> None:
    empty = Document(page.get("sweeps/halfway").text)
    assert "Note Write one" in empty.text
    (mark,) = [each["value"] for each in empty.named("input") if each.get("name") == "mark"]
    assert mark == mark_of("")
    saved = page.post("sweeps/halfway/note", {"text": f"\r\n{TEXT}\r\n", "mark": mark})
    assert (saved.status_code, saved.headers["Location"]) == (303, "/sweeps/halfway")
    assert text_of(recorded, "halfway") == TEXT
    assert IN_ONE_LINE in Document(page.get("sweeps/halfway").text).text
    assert FIRST in Document(page.get("").text).text, "in the list at once"
    told = next(page.events("sweeps/halfway/events"))
    assert told["note"] == {"text": TEXT, "mark": mark_of(TEXT), "number": told["note"]["number"]}
    assert "try warmup" in told["parts"]["note-shown"]
    assert IN_ONE_LINE in Document(page.get("compare?sweep=halfway&sweep=mine").text).text
    assert IN_ONE_LINE in Document(page.get("sweeps/halfway/report").text).text
    again = page.post("sweeps/halfway/note", {"text": "", "mark": mark_of(TEXT)}, **JSON)
    number = again.json()["number"]
    assert (again.status_code, again.json()) == (200, {"text": "", "mark": mark_of(""), "number": number})
    assert number > told["note"]["number"]


def test_a_note_that_changed_meanwhile_is_shown_beside_mine(page: Page, sweep: Sweep, recorded: RecordedCloud) -> None:
    sweep("note", "mine", "of somebody else")
    form = {"text": "mine", "mark": mark_of("")}
    refused = page.post("sweeps/mine/note", form)
    assert (refused.status_code, text_of(recorded)) == (409, "of somebody else")
    document = Document(refused.text)
    assert "note: somebody else has changed the note of mine since you read it" in document.text
    assert "of somebody else" in document.text
    assert ">\nmine</textarea>" in refused.text
    told = page.post("sweeps/mine/note", form, **JSON)
    assert told.status_code == 409
    assert told.json()["now"] == {"text": "of somebody else", "mark": mark_of("of somebody else")}
    (mark,) = [each["value"] for each in document.named("input") if each.get("name") == "mark"]
    assert page.post("sweeps/mine/note", {"text": "both", "mark": str(mark)}).status_code == 303
    assert text_of(recorded) == "both"


def test_a_note_without_the_mark_of_what_was_seen_replaces_none(page: Page, sweep: Sweep) -> None:
    sweep("note", "mine", "of somebody else")
    assert page.post("sweeps/mine/note", {"text": "mine"}).status_code == 409


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x" * 5_000, "note: must have at most 4,000 characters, got 5,000; shorten it by 1,000"),
        ("a\x1b[31mred", "note: must be text without control characters"),
    ],
)
def test_a_text_that_breaks_a_rule_is_not_lost(page: Page, recorded: RecordedCloud, text: str, fault: str) -> None:
    refused = page.post("sweeps/mine/note", {"text": text, "mark": mark_of("")})
    assert refused.status_code == 422
    assert fault in Document(refused.text).text
    assert f">\n{text}</textarea>" in refused.text
    (told,) = page.post("sweeps/mine/note", {"text": text, "mark": mark_of("")}, **JSON).json()["faults"]
    assert told.startswith(fault)
    assert stored(recorded) is None


def test_bytes_that_are_no_utf_8_are_refused(page: Page, recorded: RecordedCloud) -> None:
    for body in (f"csrf={page.csrf()}&mark=&text=%ff".encode(), f"csrf={page.csrf()}&text=".encode() + b"\xff"):
        answer = page.session.post(
            f"{page.root}sweeps/mine/note", data=body, timeout=30,
            headers={"Origin": f"http://{page.host}", "Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert (answer.status_code, answer.text) == (413, "A form has at most 1048576 bytes, as UTF-8.")
    assert stored(recorded) is None


def test_only_the_servers_own_page_can_write_a_note(page: Page, recorded: RecordedCloud) -> None:
    form = {"text": "mine", "mark": mark_of("")}
    assert page.post("sweeps/mine/note", form, Origin="http://evil.example").status_code == 403
    assert page.post("sweeps/mine/note", {**form, "csrf": ""}).status_code == 403
    assert requests.post(f"{page.root}sweeps/mine/note", data=form, timeout=30).status_code == 403
    assert page.get("sweeps/mine/note").status_code == 404
    for name in ("..%2Fmine", "nope"):
        assert page.post(f"sweeps/{name}/note", form).status_code in (404, 422)
    assert stored(recorded) is None
    assert {file.name for file in (recorded.directory / "s3" / "bucket" / "sweeps").iterdir()} == {
        "mine", "other", "halfway",
    }  # fmt: skip


def test_a_script_in_a_note_stays_text(page: Page, recorded: RecordedCloud) -> None:
    text = f"{SCRIPT}</textarea>"
    assert page.post("sweeps/mine/note", {"text": text, "mark": mark_of("")}).status_code == 303
    assert text_of(recorded) == text.replace("\u2028", "\n")
    for path in ("sweeps/mine", "", "compare?sweep=mine&sweep=other"):
        document = Document(page.get(path).text)
        assert "<script>alert(1)" in document.text
        assert [each for each in document.named("script") if "src" not in each] == []
        assert document.named("img") == []
    refused = Document(page.post("sweeps/mine/note", {"text": text + " ", "mark": "0"}).text)
    assert refused.named("img") == []
    told = next(page.events("sweeps/mine/events"))
    assert "<script" not in json.dumps(told["parts"])


def test_where_it_cannot_be_written_it_is_said(sweep: Sweep, recorded: RecordedCloud) -> None:
    folder = recorded.directory / "s3" / "bucket" / "sweeps" / "mine" / "note.json"
    folder.mkdir()
    try:
        ended = sweep("note", "mine", TEXT)
    finally:
        folder.rmdir()
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "sweep: the note of mine cannot be kept: " in ended.stderr
