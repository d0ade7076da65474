"""What is recorded of a sweep, as a person reads it: of all rounds, and also where something is broken."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepsweep.bucket.stores import FolderStore
from stepsweep.client.archive.entries import entries_of
from stepsweep.client.archive.recorded import Archive
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument, InvalidInput
from tests.support.command import Sweep
from tests.support.recorded import RecordedCloud
from tests.support.specs import as_number


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path / "cloud")


@pytest.fixture
def in_rounds(recorded: RecordedCloud) -> RecordedCloud:
    """A search of two rounds: two trials that succeed, then one that fails."""
    asked: dict[str, Any] = {
        "parameters": {"lr": [0.1, 0.2, 0.3]},
        "search": {"method": "tpe", "trials": 3, "batch": 2},
    }
    first = recorded.planned("mine", **asked)
    for trial in first:
        recorded.succeeded("mine", trial, {"val_accuracy": [as_number(trial.params["lr"])] * 3})
    recorded.reduced("mine")
    (left,) = {0.1, 0.2, 0.3} - {trial.params["lr"] for trial in first}
    recorded.bucket.put_json(keys.proposed_key("mine", 1), [{"lr": left}])
    *_, last = recorded.planned("mine", **asked, round_number=1)
    recorded.failed("mine", last, "ValueError: too hot\n")
    return recorded


def last_params(recorded: RecordedCloud) -> str:
    (proposed,) = recorded.bucket.get_json(keys.proposed_key("mine", 1))
    return f"lr={proposed['lr']}"


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_search_in_rounds_is_shown_with_the_trials_of_its_last_round(
    sweep: Sweep, in_rounds: RecordedCloud, is_finished: bool
) -> None:
    if is_finished:
        in_rounds.reduced("mine", round_number=1)
    ended = sweep("show", "mine", "--dir", str(in_rounds.directory), "--json")
    assert ended.returncode == 0, ended.stderr
    shown = json.loads(ended.stdout)
    assert (shown["status"], shown["planned"]) == ("FINISHED" if is_finished else "INTERRUPTED", 3)
    statuses = {f"lr={row['params']['lr']}": row["status"] for row in shown["trials"]}
    assert len(statuses) == 3
    assert statuses[last_params(in_rounds)] == "FAILED"


@pytest.mark.parametrize("written", ["{}", "{}0", "{}e0"])
def test_a_trial_of_the_last_round_has_its_log(sweep: Sweep, in_rounds: RecordedCloud, written: str) -> None:
    named = written.format(last_params(in_rounds))
    ended = sweep("logs", "mine", named, "--dir", str(in_rounds.directory))
    assert (ended.returncode, "ValueError: too hot\n" in ended.stdout) == (0, True), ended.stderr


def test_the_report_of_a_search_in_rounds_has_every_trial(sweep: Sweep, in_rounds: RecordedCloud) -> None:
    ended = sweep("report", "mine", "--dir", str(in_rounds.directory))
    assert ended.returncode == 0, ended.stderr
    (page,) = sweep.folder.glob("*.html")
    *_, last = in_rounds.bucket.get_json(keys.plan_key("mine", 1))["trials"]
    assert last["trial_id"] in page.read_text()


def test_an_outcome_that_is_not_json_costs_its_own_trial_only(sweep: Sweep, recorded: RecordedCloud) -> None:
    good, broken = recorded.planned("mine", {"lr": [0.1, 0.2]})
    recorded.succeeded("mine", good, {"val_accuracy": [0.5] * 3})
    key = keys.outcome_key("mine", 0, broken.trial_id)
    recorded.bucket.put(key, b"{", "application/json")
    recorded.reduced("mine")
    where = ("--dir", str(recorded.directory))
    ended = sweep("show", "mine", *where, "--json")
    assert ended.returncode == 0, ended.stderr
    rows = {row["trial_id"]: row for row in json.loads(ended.stdout)["trials"]}
    assert rows[good.trial_id]["rank"] == 1
    assert rows[broken.trial_id]["reason"] == "its recorded outcome cannot be read"
    assert sweep("report", "mine", *where).returncode == 0
    assert sweep("list", *where).returncode == 0


class Interrupted(FolderStore):
    """Is interrupted before the last object is deleted."""

    def delete(self, names: Iterable[str]) -> None:
        super().delete(list(names)[:-1])
        raise KeyboardInterrupt


def test_a_trial_that_printed_nothing_has_an_empty_log(sweep: Sweep, in_rounds: RecordedCloud) -> None:
    trial_id = in_rounds.bucket.get_json(keys.plan_key("mine", 1))["trials"][-1]["trial_id"]
    log = in_rounds.directory / "logs" / trial_id / "job-2.log"
    words = ("logs", "mine", last_params(in_rounds), "--dir", str(in_rounds.directory))
    log.write_bytes(b"")
    for more in ([], ["-f"]):
        silent = sweep(*words, *more)
        assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "The trial printed nothing.\n")
    log.unlink()
    assert "it has not started, or its log was deleted" in sweep(*words).stderr


@pytest.fixture
def good_and_bad(recorded: RecordedCloud) -> RecordedCloud:
    """Two finished sweeps."""
    for name in ("good", "bad"):
        for trial in recorded.planned(name, parameters={"lr": [0.1, 0.2]}):
            recorded.succeeded(name, trial, {"val_accuracy": [as_number(trial.params["lr"])] * 3})
        recorded.reduced(name)
    return recorded


def read_all(archive: Archive, name: str) -> None:
    spec = archive.spec(name)
    archive.plan(spec)
    archive.leaderboard(spec)
    archive.standing(name, [])


@pytest.mark.parametrize("content", [b"", b"\0" * 9, b'{"schema": 1, "na', b"\xff\xfe[\0]\0", b"[]"], ids=range(5))
@pytest.mark.parametrize(
    "file", ["spec.json", "latest.json", "winner.json", "round-0/plan.json", "round-0/results.json"]
)
def test_a_damaged_record_is_named_and_the_other_sweeps_are_there(
    good_and_bad: RecordedCloud, file: str, content: bytes
) -> None:
    good_and_bad.bucket.put(f"sweeps/bad/{file}", content, "application/json")
    (folder,) = good_and_bad.directory.glob("s3/*")
    archive = Archive(FolderStore(folder), objects=folder)

    listed = {entry.sweep: entry for entry in entries_of(archive, [])}

    assert listed["good"].value == 0.2
    # The list reads neither the plan nor the results of a sweep that has a winner.
    assert listed["bad"].status == ("FINISHED" if "/" in file else "UNREADABLE")
    fault = rf"the sweep bad cannot be read: .*/sweeps/bad/{file}: "
    with pytest.raises(InvalidDocument, match=fault):
        read_all(archive, "bad")


@pytest.mark.parametrize("file", ["winner.json", "round-0/results.json", "round-0/plan.json", "round-0/to-run.json"])
def test_a_finished_sweep_that_lacks_a_record_has_no_empty_results_and_a_resume_helps(
    sweep: Sweep, good_and_bad: RecordedCloud, file: str
) -> None:
    (folder,) = good_and_bad.directory.glob("s3/*")
    archive = Archive(FolderStore(folder), objects=folder)
    (folder / "sweeps" / "bad" / file).unlink()

    shown = sweep("show", "bad", "--dir", str(good_and_bad.directory))

    fault = f"the sweep bad cannot be read: {folder}/sweeps/bad/{file}: is missing; bring this file back from a copy"
    remedy = "write it anew with `sweep resume bad`, which repeats no finished trial"
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr == f"sweep: {fault}, or delete what is left of it and {remedy}\n"
    (listed,) = entries_of(archive, [], ["bad"])
    # Of a sweep that has a winner the list reads no other of these.
    assert (listed.status == "UNREADABLE") is (file == "winner.json")
    good_and_bad.planned("bad", {"lr": [0.1, 0.2]}, execution="execution-2")
    good_and_bad.reduced("bad")
    read_all(archive, "bad")


def test_what_to_do_about_a_damaged_record_is_said_and_helps(sweep: Sweep, good_and_bad: RecordedCloud) -> None:
    where = ("--dir", str(good_and_bad.directory))
    good_and_bad.bucket.put("sweeps/bad/spec.json", b"", "application/json")
    listed = sweep("list", *where)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "bad/spec.json: is empty; bring this file back from a copy, or remove" in listed.stdout
    shown = sweep("show", "bad", *where)
    assert (shown.returncode, shown.stdout, shown.stderr.count("\n")) == (1, "", 1)
    assert sweep("rm", "bad", "--yes", *where).returncode == 0
    assert [entry["sweep"] for entry in json.loads(sweep("list", *where, "--json").stdout)] == ["good"]


def test_reading_needs_no_right_to_write(sweep: Sweep, good_and_bad: RecordedCloud, tmp_path: Path) -> None:
    """A result on a read-only disk, or another person's."""
    folder = good_and_bad.directory
    (folder / "cloud.lock").touch()
    # The root user may write to any folder, unless the right to do so is taken away.
    by = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all") if os.geteuid() == 0 else ()
    reader, where = replace(sweep, by=by), ("--dir", str(folder))
    folder.chmod(0o555)
    try:
        assert "2/2" in reader("list", *where).stdout
        assert "--lr 0.2" in reader("show", "good", *where).stdout
        assert reader("report", "good", *where, "-o", str(tmp_path / "report.html")).returncode == 0
        refused = reader("run", "--set", "lr=0.1", "--epochs", "1", *where)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert str(folder) in refused.stderr
        assert "cannot be written" in reader("doctor", *where).stdout
    finally:
        folder.chmod(0o755)


def test_a_sweep_whose_removal_is_interrupted_is_there_and_can_be_removed(recorded: RecordedCloud) -> None:
    (trial,) = recorded.planned("mine", {"lr": [0.1]})
    recorded.succeeded("mine", trial, {"val_accuracy": [0.5] * 3})
    recorded.reduced("mine")
    folder = recorded.directory / "s3" / "bucket"
    with pytest.raises(KeyboardInterrupt):
        Archive(Interrupted(folder), objects=Path("here")).records.remove("mine")
    sweeps = Archive(FolderStore(folder), objects=Path("here"))
    assert sweeps.spec("mine").name == "mine"
    assert sweeps.records.remove("mine") == 1
    assert sweeps.records.sweeps() == []


def dated(folder: Path, *, first: str) -> None:
    """Gives all files other times, as a copy does: one is the oldest, and another the one of tomorrow."""
    files = sorted((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.name != first)
    for number, file in enumerate(files):
        at = time.time() + 86_400 * (number - 1)
        os.utime(file, (at, at))


@pytest.mark.parametrize("first", ["leaderboard.csv", "winner.json", "to-run.json", "plan.json", "latest.json"])
def test_times_of_files_decide_nothing_of_a_finished_sweep(good_and_bad: RecordedCloud, first: str) -> None:
    (folder,) = good_and_bad.directory.glob("s3/*")
    before = entries_of(Archive(FolderStore(folder), objects=folder), [])
    dated(folder, first=first)
    archive = Archive(FolderStore(folder), objects=folder)
    assert entries_of(archive, []) == before
    standing = archive.standing("good", [])
    assert standing.status == "FINISHED"
    assert standing.output is not None
    assert standing.output.winner is not None
    assert standing.output.winner.params == {"lr": 0.2}


def test_a_resumed_sweep_shows_no_outcome_of_an_earlier_execution(recorded: RecordedCloud) -> None:
    """A disk of tomorrow: the earlier outcome and leaderboard are newer than the plan."""
    good, bad = recorded.planned("mine", {"lr": [0.1, 0.2]})
    recorded.succeeded("mine", good, {"val_accuracy": [0.5] * 3})
    recorded.failed("mine", bad, "no")
    recorded.reduced("mine")
    recorded.planned("mine", {"lr": [0.1, 0.2]}, execution="execution-2")
    (folder,) = recorded.directory.glob("s3/*")
    for file in [*folder.glob("sweeps/mine/*"), *folder.glob("sweeps/mine/round-0/outcomes/*")]:
        os.utime(file, (2_000_000_000, 2_000_000_000))

    archive = Archive(FolderStore(folder), objects=folder)
    (entry,) = entries_of(archive, [])
    standing = archive.standing("mine", [])

    assert (entry.status, entry.planned, entry.ended, entry.value) == ("INTERRUPTED", 2, 1, None)
    assert (standing.status, standing.output) == ("INTERRUPTED", None)
    assert [(row.trial_id, row.rank) for row in standing.rows] == [(good.trial_id, 1)]

    recorded.failed("mine", bad, "no", execution="execution-2")
    (entry,) = entries_of(archive, [])
    assert entry.ended == 2


def test_a_winner_of_an_earlier_execution_is_not_shown_where_the_last_found_none(recorded: RecordedCloud) -> None:
    (trial,) = recorded.planned("mine", {"lr": [0.1]})
    recorded.succeeded("mine", trial, {"val_accuracy": [0.5] * 3})
    recorded.reduced("mine")
    (folder,) = recorded.directory.glob("s3/*")
    FolderStore(folder).delete([trial.metrics_key])
    recorded.planned("mine", {"lr": [0.1]}, execution="execution-2")
    recorded.failed("mine", trial, "no", execution="execution-2")
    recorded.reduced("mine")
    standing = Archive(FolderStore(folder), objects=folder).standing("mine", [])
    assert (standing.status, standing.output) == ("FINISHED", None)


def test_names_that_differ_by_case_only_are_one_on_some_disks(good_and_bad: RecordedCloud) -> None:
    (folder,) = good_and_bad.directory.glob("s3/*")
    records = Archive(FolderStore(folder), objects=folder).records
    assert records.same_on_disk("Good") == "good"
    assert records.same_on_disk("good") is None
    assert records.same_on_disk("other") is None


def test_what_is_left_of_a_removed_sweep_is_not_suggested_for_it(sweep: Sweep, good_and_bad: RecordedCloud) -> None:
    (folder,) = good_and_bad.directory.glob("s3/*")
    FolderStore(folder).delete([keys.spec_key("bad")])
    ended = sweep("show", "bad", "--dir", str(good_and_bad.directory))
    assert (ended.returncode, ended.stderr) == (
        2,
        f'sweep: there is no sweep "bad" in {folder}; there is only the sweep good\n',
    )
    for name in ("other", "third"):
        good_and_bad.planned(name, {"lr": [0.1]})
    archive = Archive(FolderStore(folder), objects=folder)
    with pytest.raises(InvalidInput, match="; there are the sweeps good, other, third"):
        archive.spec("bad")
