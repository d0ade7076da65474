"""`sweep download`: what arrives, what is never replaced, and names that are no paths."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepsweep import Sweeps
from stepsweep.bucket import artifacts
from stepsweep.bucket.trial_files import TrialFiles
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.download import Downloaded, NoRoom, download
from stepsweep.client.terminal.result import show_standing
from stepsweep.client.terminal.view import View
from stepsweep.contract.artifacts import DOWNLOADED
from stepsweep.contract.described import MAX_NAMED
from stepsweep.contract.errors import InvalidInput
from tests.support.command import Sweep, document
from tests.support.recorded import RecordedCloud
from tests.support.specs import as_number
from tests.support.stack import Stack


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path / "cloud")


def finished(recorded: RecordedCloud, files: Mapping[str, str], **fields: Any) -> None:
    """A sweep of which each trial leaves the files, with its rate at their ends; the larger one wins."""
    for trial in recorded.planned("mine", {"lr": [0.1, 0.2]}, **fields):
        recorded.succeeded("mine", trial, {"val_accuracy": [as_number(trial.params["lr"])] * 3})
        recorded.left(trial, {name: f"{text} {trial.params['lr']}" for name, text in files.items()})
    recorded.reduced("mine")


def cloud_of(recorded: RecordedCloud) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def downloaded(recorded: RecordedCloud, *words: str, folder: Path, force: bool = False) -> Downloaded:
    return download(cloud_of(recorded), "mine", words, folder=folder, force=force)


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("[!.]*") if file.is_file()}


def test_the_winners_files_arrive_under_their_names(sweep: Sweep, recorded: RecordedCloud) -> None:
    finished(recorded, {"best.pt": "model", "out/loss.json": "loss"}, artifacts=["best.pt"])
    where = ("--dir", str(recorded.directory))
    shown = sweep("show", "mine", *where).stdout
    assert f"Files    2 files of the winner, 17 bytes: sweep download mine --dir {recorded.directory}\n" in shown
    ended = sweep("download", *where)
    assert (ended.returncode, ended.stderr) == (0, "Taking mine, the newest sweep.\n")
    assert ended.stdout.splitlines() == [
        "Downloading 2 files, 17 bytes, to mine …", "mine/best.pt", "mine/out/loss.json"
    ]  # fmt: skip
    assert texts(sweep.folder / "mine") == {"best.pt": "model 0.2", "out/loss.json": "loss 0.2"}
    other = document(sweep("download", "mine", "lr=0.1", "-o", "other", "--json", *where))
    assert texts(sweep.folder / "other") == {"best.pt": "model 0.1", "out/loss.json": "loss 0.1"}
    loser, _ = (trial.trial_id for trial in recorded.planned("mine", {"lr": [0.1, 0.2]}, artifacts=["best.pt"]))
    assert other == {
        "sweep": "mine", "folder": "other", "trials": [loser], "files": ["best.pt", "out/loss.json"], "bytes": 17
    }  # fmt: skip
    assert {path.name for path in sweep.folder.iterdir()} == {"cloud", "mine", "other"}


def test_from_python_the_winner_is_downloaded_to_the_folder_that_is_returned(
    recorded: RecordedCloud, tmp_path: Path
) -> None:
    finished(recorded, {"best.pt": "model"})
    sweep = Sweeps(directory=recorded.directory).get("mine")
    folder = sweep.winner.download(tmp_path / "mine")
    assert (folder / "best.pt").read_text() == "model 0.2"
    with pytest.raises(InvalidInput, match="there already"):
        sweep.download({"lr": 0.1}, folder)
    assert (sweep.download({"lr": 0.1}, folder, force=True) / "best.pt").read_text() == "model 0.1"


def test_files_that_are_there_stay_and_nothing_else_arrives(recorded: RecordedCloud, tmp_path: Path) -> None:
    finished(recorded, {"a.pt": "a", "b.pt": "b"})
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "b.pt").write_text("of a person")
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=folder)
    assert caught.value.faults == (
        f"{folder}/b.pt: there already; replace with --force, or give another folder with -o",
    )
    assert texts(folder) == {"b.pt": "of a person"}
    downloaded(recorded, folder=folder, force=True)
    assert texts(folder) == {"a.pt": "a 0.2", "b.pt": "b 0.2"}


def test_of_many_files_that_are_there_the_first_are_named(recorded: RecordedCloud, tmp_path: Path) -> None:
    names = [f"{number:02}.pt" for number in range(MAX_NAMED + 2)]
    finished(recorded, dict.fromkeys(names, "model"))
    folder = downloaded(recorded, folder=tmp_path / "mine").folder
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "mine")
    (fault,) = caught.value.faults
    first = ", ".join(str(folder / name) for name in names[:MAX_NAMED])
    assert fault == (f"{first} and 2 more files: there already; replace with --force, or give another folder with -o")


def test_a_folder_in_the_way_is_never_replaced(recorded: RecordedCloud, tmp_path: Path) -> None:
    finished(recorded, {"a": "a", "b/c": "c"})
    (tmp_path / "mine" / "a").mkdir(parents=True)
    (tmp_path / "mine" / "b").write_text("of a person")
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "mine", force=True)
    assert caught.value.faults == (
        f"{tmp_path}/mine/a: is a folder, and the artifact is a file; give another folder with -o",
        f"{tmp_path}/mine/b: is a file; give another folder with -o",
    )
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "mine")
    assert len(caught.value.faults) == 2, "neither is there already"


def test_a_winner_of_several_trials_has_a_folder_for_each(recorded: RecordedCloud, tmp_path: Path) -> None:
    finished(recorded, {"best.pt": "model"}, repeats=2)
    assert len(downloaded(recorded, folder=tmp_path / "mine").trials) == 2
    assert texts(tmp_path / "mine") == {"seed-0/best.pt": "model 0.2", "seed-1/best.pt": "model 0.2"}


@pytest.mark.parametrize("name", ["../../evil", "a\x1b[31m", "a//b"])
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_arrives(
    recorded: RecordedCloud, tmp_path: Path, name: str
) -> None:
    finished(recorded, {"best.pt": "model", name: "x"})
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "deep" / "mine")
    (fault,) = caught.value.faults
    assert "cannot be downloaded: its name must " in fault
    assert "\x1b" not in fault
    assert {path.name for path in tmp_path.iterdir()} == {"cloud"}


def test_names_that_some_disks_take_for_one_are_refused(recorded: RecordedCloud, tmp_path: Path) -> None:
    finished(recorded, {"best.pt": "one", "Best.pt": "other"})
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "there")
    assert caught.value.faults == (
        '"best.pt": differs from "Best.pt" in upper and lower case only, and some disks take them for one; download '
        "them with `aws s3 cp`",
    )
    assert not (tmp_path / "there").exists()


def test_more_than_is_kept_is_told(recorded: RecordedCloud, sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_FILES", 1)
    finished(recorded, {"a.pt": "one", "b.pt": "other"})
    shown = sweep("show", "mine", "--dir", str(recorded.directory)).stdout
    assert "Files    1 file of the winner" in shown
    assert "More than that are left, and are not kept" in shown


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {},
            "has no artifacts; name its files in the spec, as in `artifacts: [best.pt]`, and "
            "train it again (`fresh: true`, --fresh)",
        ),
        (
            {"artifacts": ["best.pt", "last.pt"]},
            "has no artifacts: it left no best.pt and no last.pt, was trained before the sweep asked for them, or the "
            "bucket has deleted them; `sweep logs mine {trial} --dir {folder}` says what it left",
        ),
        (
            {"keep_artifacts": "none"},
            'has no artifacts: the sweep has `keep_artifacts: none`; write "winner", and '
            "train it again (`fresh: true`, --fresh)",
        ),
    ],
)
def test_a_winner_without_artifacts_has_the_reason(
    recorded: RecordedCloud, tmp_path: Path, fields: dict[str, Any], why: str
) -> None:
    finished(recorded, {}, **fields)
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "mine")
    winner = cloud_of(recorded).recorded().standing("mine", running=[]).rows[0].trial_id
    said = why.format(trial=winner, folder=recorded.directory)
    assert caught.value.faults == (f"the trial {winner} of mine {said}",)
    assert not (tmp_path / "mine").exists()


def test_a_trial_that_failed_has_that_as_the_reason(recorded: RecordedCloud, tmp_path: Path) -> None:
    good, bad = recorded.planned("mine", {"lr": [0.1, 0.2]})
    recorded.succeeded("mine", good, {"val_accuracy": [0.5] * 3})
    recorded.failed("mine", bad, "no")
    recorded.reduced("mine")
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, "lr=0.2", folder=tmp_path / "mine")
    (fault,) = caught.value.faults
    assert fault == f"the trial {bad.trial_id} of mine has no artifacts: it is FAILED, exit code 1, attempt 2"


def test_results_name_what_the_winner_did_not_leave(
    recorded: RecordedCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(recorded, {}, artifacts=["bets.pt"])
    found = cloud_of(recorded).recorded()
    show_standing(View(), found.standing("mine", []), objects=found.objects, where="", is_on_aws=False)
    assert "Files    none: the winner left no bets.pt; `sweep logs mine 1` says why\n" in capsys.readouterr().out


def test_the_report_names_the_winners_files_as_links(recorded: RecordedCloud, sweep: Sweep) -> None:
    finished(recorded, {"<b>best.pt": "model"})
    ended = sweep("report", "mine", "--dir", str(recorded.directory), "--json")
    page = Path(sweep.folder, json.loads(ended.stdout)["file"]).read_text()
    (found,) = [line for line in page.splitlines() if "Its files:" in line]
    assert '/e3/%253Cb%253Ebest.pt">&lt;b&gt;best.pt</a> (9 bytes).</p>' in found
    assert f"sweep download mine --dir {recorded.directory}" in page


def test_a_front_has_a_folder_for_each_of_its_trials(recorded: RecordedCloud, tmp_path: Path) -> None:
    objectives = [{"metric": name, "direction": "maximize"} for name in ("a", "b")]
    spec: dict[str, Any] = {"objectives": objectives, "artifacts": ["best.pt"]}
    trials = recorded.planned("mine", {"lr": [1, 2, 3]}, **spec)
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "mine")
    assert caught.value.faults == ("no trial of the sweep mine has succeeded yet, so it has no front",)
    for trial, (first, second) in zip(trials, ((0.1, 0.9), (0.9, 0.1), (0.05, 0.05)), strict=True):
        recorded.succeeded("mine", trial, {"a": [first] * 3, "b": [second] * 3})
        recorded.left(trial, {"best.pt": "model"})
    recorded.reduced("mine")
    began: list[tuple[int, int, Path]] = []
    found = download(cloud_of(recorded), "mine", folder=tmp_path / "mine", on_start=lambda *each: began.append(each))
    front = (trials[1].trial_id, trials[0].trial_id)
    assert sorted(found.trials) == sorted(front)
    files = tuple(Path(trial, "best.pt") for trial in found.trials)
    assert found == Downloaded(
        sweep="mine", folder=tmp_path / "mine", trials=found.trials, files=files, bytes=10, expiring=0
    )
    assert began == [(2, 10, tmp_path / "mine")]
    assert texts(tmp_path / "mine") == {str(file): "model" for file in files}
    other = downloaded(recorded, "lr=3", folder=tmp_path / "other")
    assert (other.trials, other.files, other.expiring) == ((trials[2].trial_id,), (Path("best.pt"),), 1)


def test_what_has_no_room_or_no_place_is_refused(
    recorded: RecordedCloud, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, _ = stack.planned(name="mine", parameters={"lr": [0.1, 0.2]}, epochs=1)
    stack.succeeded("mine", trial, [0.5])
    for name in ("a", "a/b"):  # no folder can have both
        stack.bucket.put(trial.new_artifacts + name, b"model", "application/octet-stream")
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: stack.deployment)
    with pytest.raises(InvalidInput) as caught:
        download(replace(cloud_of(recorded), on="aws"), "mine", ["lr=0.1"], folder=tmp_path / "there")
    assert caught.value.faults == ('"a": is a file and a folder among the artifacts; download them with `aws s3 cp`',)
    other = RecordedCloud(directory=tmp_path / "other")
    finished(other, {"a.pt": "model" * 300})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1503))
    with pytest.raises(NoRoom) as none:
        downloaded(other, folder=tmp_path / "not" / "there")
    assert str(none.value) == f"{tmp_path}/not/there: the artifacts have 1,504 bytes, and 1,503 are free there"
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1504))
    folder = downloaded(other, folder=tmp_path / "not" / "there").folder
    assert {file.name for file in folder.iterdir()} == {"a.pt", DOWNLOADED}
    assert [path.name for path in folder.parent.iterdir()] == ["there"]


def test_a_sweep_without_a_plan_has_nothing_to_download(recorded: RecordedCloud, tmp_path: Path) -> None:
    recorded.planned("mine", {"lr": [0.1]})
    for file in (recorded.directory / "s3" / "bucket" / "sweeps" / "mine").rglob("*.json"):
        if file.name != "spec.json":
            file.unlink()
    with pytest.raises(InvalidInput) as caught:
        downloaded(recorded, folder=tmp_path / "mine")
    assert caught.value.faults == ("the sweep mine has no plan yet, and so no trials",)


def test_two_downloads_at_once_into_one_folder_take_nothing_from_each_other(
    recorded: RecordedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(recorded, {"best.pt": "model"})
    folder, save = tmp_path / "mine", TrialFiles.save
    downloaded(recorded, folder=folder)

    def after_another(*given: Any) -> None:
        monkeypatch.undo()
        downloaded(recorded, folder=folder, force=True)
        save(*given)

    monkeypatch.setattr(TrialFiles, "save", after_another)
    downloaded(recorded, folder=folder, force=True)
    assert (folder / "best.pt").read_text() == "model 0.2"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".download")] == []


def test_what_cannot_be_written_or_was_deleted_meanwhile_leaves_nothing(
    recorded: RecordedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(recorded, {"best.pt": "model"})

    def fails(error: OSError) -> None:
        def save(*_: object) -> None:
            raise error

        monkeypatch.setattr(TrialFiles, "save", save)

    fails(FileNotFoundError(2, "No such file", "best.pt"))
    with pytest.raises(CloudError) as gone:
        downloaded(recorded, folder=tmp_path / "mine")
    assert str(gone.value) == "an artifact was deleted meanwhile: [Errno 2] No such file: 'best.pt'"
    for name, told in (("/disk/best.pt", "/disk/best.pt"), (None, str(tmp_path / "mine"))):
        fails(OSError(28, "No space left on device", name))
        with pytest.raises(InvalidInput) as full:
            downloaded(recorded, folder=tmp_path / "mine")
        assert full.value.faults == (f"{told} cannot be written: No space left on device",)
    assert {path.name for path in tmp_path.iterdir()} == {"cloud"}
