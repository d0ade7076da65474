"""`sweep export --tensorboard`: event files, read back by TensorBoard's own reader."""

import html
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import TENSORS
from tensorboard.plugins.hparams import api_pb2, metadata

from stepsweep.bucket.records import Records
from stepsweep.client.cli.main import cli
from stepsweep.client.export.folders import Written
from stepsweep.client.export.tensorboard import export
from stepsweep.client.running.control import Found
from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.keys import plan_key
from stepsweep.contract.note import NO_NOTE, Note
from stepsweep.contract.trial import Trial
from tests.support.command import Sweep
from tests.support.event_files import points, read, text
from tests.support.stack import Stack

DOCUMENT: dict[str, Any] = {
    "name": "mine", "parameters": {"lr": [0.1, 0.01], "layers": [2, "auto"]}, "epochs": 2, "fixed": {"act": "train"},
}  # fmt: skip


def planned(stack: Stack) -> list[Trial]:
    """A sweep with a trial that failed, one that diverged, and two that succeeded."""
    trials = stack.planned(**DOCUMENT)
    stack.failed("mine", trials[0], "ValueError: out of paper")
    stack.succeeded("mine", trials[1], [0.4, float("nan")])
    stack.succeeded("mine", trials[2], [0.9, 0.8])
    stack.succeeded("mine", trials[3], [0.7, 0.8])
    stack.reduced("mine")
    return trials


def exported(stack: Stack, folder: Path) -> Written:
    return export(Found.of(stack.deployment), "mine", folder=folder)


def hparams(run: Path, tag: str) -> bytes:
    return bytes(read(run).SummaryMetadata(tag).plugin_data.content)


@pytest.mark.filterwarnings("ignore:html5lib")
def test_a_note_is_a_text_of_the_sweep_and_no_markup(stack: Stack, tmp_path: Path) -> None:
    from tensorboard.plugin_util import markdown_to_safe_html  # warns when it is imported

    planned(stack)
    records = Records(stack.deployment.store)
    home = exported(stack, tmp_path).folder
    assert "stepsweep.note" not in read(home).Tags()[TENSORS]
    written = "# lr <b>0.3</b>\n\n![x](http://evil.example/x.png) `diverges`\n\ttry *warmup*"
    assert records.replace_note("mine", Note(text=written, written_at=datetime.now(UTC)), mark=NO_NOTE.mark)
    assert exported(stack, tmp_path).unchanged == 4
    shown = markdown_to_safe_html(text(home, "stepsweep.note"))
    assert re.findall(r"<(\w+)", shown) == ["pre", "code"]
    assert html.unescape(re.sub(r"</?(pre|code)>", "", shown)).strip().replace("    try", "\ttry") == written


def test_each_trial_is_a_run_with_its_hparams_its_metrics_and_its_outcome(stack: Stack, tmp_path: Path) -> None:
    trials = planned(stack)
    done = exported(stack, tmp_path / "runs")
    assert (done.folder, done.written, done.unchanged, done.removed) == (tmp_path / "runs" / "mine", 4, 0, 0)
    runs = [done.folder / trial.trial_id for trial in trials]
    assert {each for each in done.folder.iterdir() if each.is_dir()} == set(runs)

    assert points(runs[2], "val_accuracy") == [(1, 0.9), (2, 0.8)]
    assert points(runs[2], "stepsweep.value") == [(1, 0.9)], "at the epoch of the best value"
    ((first, low), (second, nan)) = points(runs[1], "val_accuracy")
    assert (first, low, second, math.isnan(nan)) == (1, 0.4, 2, True)
    assert "stepsweep.value" not in read(runs[1]).Tags()[TENSORS]
    assert text(runs[0], "stepsweep.outcome") == "FAILED: exit code 1: ValueError: out of paper"
    assert text(runs[2], "stepsweep.outcome") == "SUCCEEDED"
    assert text(done.folder, "stepsweep.winner") == "`--lr 0.01 --layers 2`: val_accuracy 0.9 at epoch 1"

    # The HPARAMS tab: a column has one type, so a number among texts is a text.
    found = metadata.parse_experiment_plugin_data(hparams(done.folder, metadata.EXPERIMENT_TAG))
    assert [(each.name, each.type) for each in found.hparam_infos] == [
        ("lr", api_pb2.DATA_TYPE_FLOAT64), ("layers", api_pb2.DATA_TYPE_STRING),
    ]  # fmt: skip
    assert [(each.name.tag, each.display_name) for each in found.metric_infos] == [
        ("stepsweep.value", "best val_accuracy")
    ]
    started = metadata.parse_session_start_info_plugin_data(hparams(runs[2], metadata.SESSION_START_INFO_TAG))
    assert started.group_name == trials[2].trial_id
    assert started.hparams["lr"].number_value == 0.01
    assert started.hparams["layers"].string_value == "2"
    assert set(started.hparams) == {"lr", "layers"}, "fixed options are the same everywhere"
    ended = [metadata.parse_session_end_info_plugin_data(hparams(run, metadata.SESSION_END_INFO_TAG)) for run in runs]
    failure, success = api_pb2.STATUS_FAILURE, api_pb2.STATUS_SUCCESS
    assert [each.status for each in ended] == [failure, failure, success, success]


def test_a_new_sweep_of_the_name_with_another_objective_has_its_own_values(stack: Stack, tmp_path: Path) -> None:
    trial = planned(stack)[2]
    home = exported(stack, tmp_path).folder
    assert points(home / trial.trial_id, "stepsweep.value") == [(1, 0.9)]
    Records(stack.deployment.store).remove("mine")
    stack.planned(**DOCUMENT, objective={"metric": "val_accuracy", "direction": "maximize", "at": "last"})
    stack.reduced("mine")
    assert exported(stack, tmp_path).written == 2  # those with a value, but for the one whose last epoch is its best
    assert points(home / trial.trial_id, "stepsweep.value") == [(2, 0.8)]


def test_an_export_that_is_repeated_writes_what_has_changed_alone(stack: Stack, tmp_path: Path) -> None:
    trials = planned(stack)
    home = exported(stack, tmp_path).folder
    before = {file: file.stat().st_mtime_ns for file in home.glob("*/events.*")}
    assert (exported(stack, tmp_path).written, exported(stack, tmp_path).unchanged) == (0, 4)
    assert {file: file.stat().st_mtime_ns for file in home.glob("*/events.*")} == before

    # A run as an export leaves it that is killed, a trial that is trained meanwhile, one that the sweep has no longer.
    (home / trials[3].trial_id / "stepsweep.json").write_text("{}")
    gone = home / "gone"
    (home / trials[1].trial_id).rename(gone)
    (gone / "notes.txt").write_text("a person's own")
    stack.planned(**DOCUMENT)
    stack.succeeded("mine", trials[0], [0.95, 0.97])
    stack.reduced("mine")
    again = exported(stack, tmp_path)
    assert (again.written, again.unchanged, again.removed) == (3, 1, 1)
    assert points(home / trials[0].trial_id, "val_accuracy") == [(1, 0.95), (2, 0.97)]
    assert points(home / trials[3].trial_id, "val_accuracy") == [(1, 0.7), (2, 0.8)]
    assert text(home / trials[0].trial_id, "stepsweep.outcome") == "SUCCEEDED"
    assert text(home, "stepsweep.winner").startswith("`--lr 0.1 --layers 2`")
    assert [file.name for file in gone.iterdir()] == ["notes.txt"]


def test_trials_of_the_same_params_differ_by_their_fold(stack: Stack, tmp_path: Path) -> None:
    trials = stack.planned(name="mine", parameters={"lr": [0.1]}, epochs=1, folds=2)
    for trial in trials:
        stack.succeeded("mine", trial, [0.5])
    stack.reduced("mine")
    home = exported(stack, tmp_path).folder
    for number, trial in enumerate(trials):
        content = hparams(home / trial.trial_id, metadata.SESSION_START_INFO_TAG)
        found = metadata.parse_session_start_info_plugin_data(content).hparams
        assert {name: value.number_value for name, value in found.items()} == {"lr": 0.1, "fold": number}


def test_what_cannot_be_exported_is_said(stack: Stack, tmp_path: Path) -> None:
    def refused(folder: Path = tmp_path) -> str:
        with pytest.raises(InvalidInput) as raised:
            exported(stack, folder)
        return str(raised.value).replace(str(tmp_path), "HERE")

    stack.planned(**DOCUMENT)
    assert refused() == "the sweep mine is not finished (INTERRUPTED); export it when it is"
    planned(stack)
    home = tmp_path / "mine"
    home.mkdir()
    (home / "events.out.tfevents.1").touch()
    other, mark = "give another folder, or remove it", home / "stepsweep.json"
    assert refused() == f"--tensorboard: HERE/mine holds files that no export wrote; {other}"
    for written, whose in (
        ({"sweep": "mine", "results": "another bucket"}, "the sweep of another bucket"),
        ({"sweep": "mine", "results": "theirs", "export": "--other"}, "an export with --other"),
        ({"sweep": "mine", "results": "theirs", "export": "--tensorboard"}, "the sweep of theirs"),
        ([], "files that no export wrote"),
    ):
        mark.write_text(json.dumps(written))
        assert refused() == f"--tensorboard: HERE/mine holds {whose}; {other}"
    mark.write_text("{")
    assert refused() == f"--tensorboard: HERE/mine holds files that no export wrote; {other}"
    assert (home / "events.out.tfevents.1").exists()
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file") == "HERE/file/mine cannot be written: Not a directory"


def test_an_id_from_the_bucket_never_leads_out_of_the_folder(stack: Stack, tmp_path: Path) -> None:
    trials = planned(stack)
    key = plan_key("mine", 0)
    plan = stack.bucket.get(key)
    assert plan is not None
    stack.bucket.put(key, plan.replace(trials[0].trial_id.encode(), b"../../x"), "application/json")
    with pytest.raises(InvalidDocument, match=r'trial_id: must be the id of a trial: .*, got "\.\./\.\./x"'):
        exported(stack, tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "give one of --mlflow URI, --tensorboard DIR and --wandb DIR"),
        (
            ["--mlflow", "there", "--tensorboard", "there"],
            "give one of --mlflow URI, --tensorboard DIR and --wandb DIR",
        ),
        (["--tensorboard", "there", "--experiment", "mine"], "--experiment goes with --mlflow"),
        (["--tensorboard", "there", "--project", "mine"], "--project goes with --wandb"),
        (
            ["--mlflow", ""],
            "Invalid value for '--mlflow': must be a URI, got an empty text; is a variable not set?",
        ),
        (
            ["--wandb="],
            "Invalid value for '--wandb': must be a DIR, got an empty text; is a variable not set?",
        ),
    ],
)
def test_an_export_has_one_place_to_go(words: list[str], fault: str) -> None:
    ended = CliRunner().invoke(cli, ["export", "first", "--on", "aws", *words])
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (2, f"Error: {fault}")


def test_the_command_line_prints_what_was_done(sweep: Sweep, stack: Stack, tmp_path: Path) -> None:
    planned(stack)
    on = ("--on", "aws", "--stack", stack.name)
    ended = sweep("export", "mine", "--tensorboard", "runs", "--json", *on, environment=stack.environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {
        "sweep": "mine", "folder": "runs/mine", "written": 4, "unchanged": 0, "removed": 0
    }  # fmt: skip
    assert len(list(tmp_path.glob("runs/mine/*/events.*"))) == 4
