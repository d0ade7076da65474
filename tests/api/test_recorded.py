"""The Python API on the records of sweeps that have ended, one of which has not: whole values, tables and messages."""

import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
from botocore.exceptions import EndpointConnectionError
from matplotlib.figure import Figure

from stepsweep import CloudError, InvalidInput, NoWinner, SweepFailed, Sweeps, SweepSpec
from stepsweep.client.api.showing import progress_as_html
from stepsweep.client.api.sweep import Sweep
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.running.control import Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Progress, Training
from stepsweep.contract.rounds import first_round
from tests.support.recorded import RecordedCloud
from tests.support.recorded_sweeps import recorded_sweeps


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_sweeps(tmp_path_factory.mktemp("cloud"))


@pytest.fixture
def sweeps(directory: Path) -> Sweeps:
    return Sweeps(directory=directory)


def records(table: Any) -> list[dict[str, Any]]:
    """Returns a table's rows without what is missing, and without the ids."""
    return [
        {name: value for name, value in row.items() if name != "trial_id" and not pd.isna(value)}
        for row in table.to_dict("records")
    ]


def valued(value: float) -> dict[str, float]:
    return dict.fromkeys(("val_accuracy", "best", "last"), value)


# --- tables and values


def test_a_leaderboard_is_that_of_the_csv_file(sweeps: Sweeps) -> None:
    table = sweeps.get("plane").leaderboard
    assert {name: str(kind) for name, kind in table.dtypes.items()} == {
        "rank": "Int64", "trial_id": "str", "params.lr": "float64", "params.momentum": "float64",
        "val_accuracy": "float64", "epoch": "Int64", "best": "float64", "last": "float64", "epochs_trained": "Int64",
        "status": "str", "reason": "str",
    }  # fmt: skip
    ended = {"status": "SUCCEEDED", "reason": "", "epoch": 2, "epochs_trained": 2}
    ranked = [(0.1, 0.9, 0.9), (0.01, 0.5, 0.9), (0.01, 0.9, 0.75), (0.001, 0.9, 0.625), (0.1, 0.5, 0.5)]
    assert records(table) == [
        *(
            {"rank": rank, "params.lr": lr, "params.momentum": momentum, **valued(value), **ended}
            for rank, (lr, momentum, value) in enumerate(ranked, 1)
        ),
        {"params.lr": 0.001, "params.momentum": 0.5, "status": "FAILED", "reason": "exit code 1, attempt 2"},
    ]  # fmt: skip
    assert [each.rpartition("-")[0] for each in table["trial_id"]][:2] == [
        "lr-0_1-momentum-0_9",
        "lr-0_01-momentum-0_5",
    ]


def test_of_folds_a_leaderboard_has_their_spread_and_the_curves_which_fold(sweeps: Sweeps) -> None:
    folded = sweeps.get("folded")
    ended = {"epoch": 1, "epochs_trained": 1, "status": "SUCCEEDED", "reason": "", "standard_error": 0.0625, "n": 2}
    assert records(folded.leaderboard) == [
        {"rank": 1, "params.lr": 0.01, **valued(0.8125), **ended, "values": "0.75 0.875"},
        {"rank": 2, "params.lr": 0.1, **valued(0.5625), **ended, "values": "0.5 0.625"},
    ]  # fmt: skip
    assert records(folded.metrics) == [
        {"params.lr": lr, "fold": fold, "epoch": 1, "val_accuracy": value}
        for lr, fold, value in [(0.1, 0, 0.5), (0.1, 1, 0.625), (0.01, 0, 0.75), (0.01, 1, 0.875)]
    ]


def test_curves_have_a_row_for_each_epoch(sweeps: Sweeps) -> None:
    curves = sweeps.get("plane").metrics
    assert {name: str(kind) for name, kind in curves.dtypes.items()} == {
        "trial_id": "str", "params.lr": "float64", "params.momentum": "float64", "epoch": "int64",
        "val_accuracy": "float64",
    }  # fmt: skip
    assert records(curves)[:3] == [
        {"params.lr": 0.1, "params.momentum": 0.5, "epoch": 1, "val_accuracy": 0.25},
        {"params.lr": 0.1, "params.momentum": 0.5, "epoch": 2, "val_accuracy": 0.5},
        {"params.lr": 0.1, "params.momentum": 0.9, "epoch": 1, "val_accuracy": 0.65},
    ]
    assert len(curves) == 10
    assert list(sweeps.get("begun").metrics.columns) == ["trial_id", "params.lr", "epoch"]


def test_a_winner_and_a_tie_have_their_params_and_their_own_files(sweeps: Sweeps, tmp_path: Path) -> None:
    plane = sweeps.get("plane")
    (tie,) = plane.ties
    for best, params, options, file in (
        (plane.winner, {"lr": 0.1, "momentum": 0.9}, "--lr 0.1 --momentum 0.9", "winner"),
        (tie, {"lr": 0.01, "momentum": 0.5}, "--lr 0.01 --momentum 0.5", "tie"),
    ):
        assert (best.params, best.metric, best.value, best.epoch) == (params, "val_accuracy", 0.9, 2)
        assert (best.options, str(best)) == (options, f"{options}  val_accuracy 0.9 at epoch 2")
        assert (best.download(tmp_path / file) / "best.pt").read_text() == file
        with pytest.raises(InvalidInput, match=r"best\.pt"):
            best.download(tmp_path / file)
        assert best.download(tmp_path / file, force=True) == tmp_path / file


def test_all_sweeps_are_a_table_of_numbers(sweeps: Sweeps) -> None:
    table = sweeps.list().set_index("sweep")
    assert {name: str(kind) for name, kind in table.dtypes.items()} == {
        "started_at": "datetime64[us, UTC]", "status": "str", "planned": "Int64", "ended": "Int64", "failed": "Int64",
        "metric": "str", "value": "float64", "options": "str", "front": "Int64", "job_seconds": "float64",
        "usd_estimate": "float64", "note": "str", "fault": "str",
    }  # fmt: skip
    shown = table[["status", "planned", "ended", "value", "options"]].sort_index()
    assert [(name, *row) for name, row in zip(shown.index, shown.fillna(0).itertuples(index=False), strict=True)] == [
        ("again", "FINISHED", 6, 6, 0.9, "--lr 0.1 --momentum 0.9"),
        ("begun", "INTERRUPTED", 2, 0, 0, ""),
        ("folded", "FINISHED", 4, 4, 0.8125, "--lr 0.01"),
        ("half", "INTERRUPTED", 3, 2, 0, ""),
        ("halved", "FINISHED", 12, 12, 0.85, "--lr 0.6 --act relu"),
        ("none", "FINISHED", 2, 2, 0, ""),
        ("pair", "FINISHED", 3, 3, 0, ""),
        ("plane", "FINISHED", 6, 6, 0.9, "--lr 0.1 --momentum 0.9"),
    ]


# --- pictures


def ways(figure: Figure) -> list[tuple[str, str, int]]:
    """Returns what each plot of a figure is about, and how many named lines it has."""
    return [
        (plot.get_xlabel(), plot.get_ylabel(), sum(not str(line.get_label()).startswith("_") for line in plot.lines))
        for plot in figure.axes
    ]


ENDS = "results, in the order of their ends"


@pytest.mark.parametrize(
    ("name", "draw", "shown"),
    [
        ("plane", lambda it: it.plot_heatmap(), [("momentum", "lr", 0), ("", "", 0)]),
        ("plane", lambda it: it.plot_heatmap(down="momentum", across="lr"), [("lr", "momentum", 0), ("", "", 0)]),
        ("plane", lambda it: it.plot_best(), [(ENDS, "val_accuracy", 1)]),
        ("plane", lambda it: it.plot_best("time"), [("time since the first job began (s)", "val_accuracy", 1)]),
        ("plane", lambda it: it.plot_slices(), [("lr", "val_accuracy", 1), ("momentum", "", 1)]),
        ("plane", lambda it: it.plot_ranks(), [("rank", "val_accuracy", 0)]),
        ("plane", lambda it: it.plot_parallel(), [("", "", 1), ("", "val_accuracy", 0)]),
        ("plane", lambda it: it.plot_curves(), [("epoch", "val_accuracy", 5)]),
        ("plane", lambda it: it.plot_curves(top=2), [("epoch", "val_accuracy", 2)]),
        ("plane", lambda it: it.plot_curves(1), [("epoch", "val_accuracy", 1)]),
        ("halved", lambda it: it.plot_best(), [(ENDS, "val_accuracy", 2)]),
        ("halved", lambda it: it.plot_rungs(), [("", "val_accuracy", 1)]),
        ("halved", lambda it: it.plot_importance(), [("share of the importance of all", "", 0)]),
    ],
)
def test_a_picture_is_of_what_was_asked(
    sweeps: Sweeps, name: str, draw: Callable[[Sweep], Figure], shown: list[tuple[str, str, int]]
) -> None:
    assert ways(draw(sweeps.get(name))) == shown


def test_pictures_mark_the_winner_and_name_their_trials(sweeps: Sweeps) -> None:
    plane = sweeps.get("plane")
    assert plane.plot_best().axes[0].lines[-1].get_xydata().tolist() == [[2, 0.9]], "the second to end"  # type: ignore[union-attr]
    assert plane.plot_curves(1).get_suptitle() == "lr=0.1 momentum=0.9"
    assert plane.plot_curves({"lr": 0.01, "momentum": 0.9}).get_suptitle() == "lr=0.01 momentum=0.9"
    (legend,) = sweeps.get("folded").plot_curves().legends
    assert [text.get_text() for text in legend.get_texts()] == ["lr=0.01 fold=0", "lr=0.1 fold=0"]


# --- what is refused

NONE_SUCCEEDED = "the sweep none failed: NoTrialSucceeded\n2x FAILED: exit code 1, attempt 2"
NO_VALUE = "must be a number, a text, true, false, null or a list of these"
HOW = "; name one by its rank, its params (lr=0.1 momentum=0.5), or the beginning of its id"


@pytest.mark.parametrize(
    ("name", "asked", "kind", "said"),
    [
        ("none", lambda it: it.winner, SweepFailed, NONE_SUCCEEDED),
        ("none", lambda it: it.ties, SweepFailed, NONE_SUCCEEDED),
        ("none", lambda it: it.wait(quiet=True), SweepFailed, NONE_SUCCEEDED),
        ("begun", lambda it: it.winner, NoWinner, "the sweep begun has no winner yet: it is INTERRUPTED"),
        ("begun", lambda it: it.wait(quiet=True), NoWinner, "the sweep begun has no winner yet: it is INTERRUPTED"),
        (
            "plane",
            lambda it: it.front,
            NoWinner,
            "the sweep plane has one objective, and so no front; `winner` has its best trial",
        ),
        ("none", lambda it: it.plot_curves(), InvalidInput, "there is no curve of a trial of none"),
        (
            "plane",
            lambda it: it.plot_curves({"lr": 0.001, "momentum": 0.5}),
            InvalidInput,
            "there is no curve of lr=0.001 momentum=0.5",
        ),
        (
            "plane",
            lambda it: it.plot_best("usd"),
            InvalidInput,
            "over: must be one of trials, time, job-time, got 'usd': the sweep has no price, since it ran on this "
            "machine, has not ended, or trained nothing itself",
        ),
        ("plane", lambda it: it.logs({"lr": 5}), InvalidInput, "no trial has lr=5" + HOW),
        ("plane", lambda it: it.logs("9"), InvalidInput, "no trial has rank 9; the last rank is 5" + HOW),
        (
            "none",
            lambda it: it.logs("1"),
            InvalidInput,
            "no trial has a rank yet; name one by its params (lr=0.1), or the beginning of its id",
        ),
        ("plane", lambda it: it.logs(""), InvalidInput, "no trial is named" + HOW),
        (
            "plane",
            lambda it: it.logs("lr=1 momentum=0.5 lr=0.1"),
            InvalidInput,
            "lr: is given 2 times; give it one value",
        ),
        (
            "plane",
            lambda it: it.logs({"lr": {3}, "momentum": {4}}),
            InvalidInput,
            f'lr: {NO_VALUE}, got "{{3}}"\nmomentum: {NO_VALUE}, got "{{4}}"',
        ),
        (
            "plane",
            lambda it: it.download({"lr": math.nan}),
            InvalidInput,
            'trial: must have params with values, got {"lr": NaN}',
        ),
        (
            "folded",
            lambda it: it.logs({"fold": np.int64(0)}),
            InvalidInput,
            "fold=0 means 2 trials (lr=0.1; lr=0.01); give more of its params",
        ),
        (
            "folded",
            lambda it: it.logs({"lr": 0.1}),
            InvalidInput,
            "lr=0.1 means 2 trials (fold=0 seed=0 lr=0.1; fold=1 seed=0 lr=0.1); give more of its params, fold and "
            "seed",
        ),
        ("plane", lambda it: it.logs("zz"), InvalidInput, 'no trial\'s id starts with "zz"' + HOW),
        (
            "plane",
            lambda it: setattr(it, "note", 3),
            InvalidInput,
            "note: must be a text, got 3; an empty one removes the note",
        ),
        (
            "plane",
            lambda it: it.prioritize("x"),
            InvalidInput,
            'priority: must be one of "high", "normal", "low", got "x"',
        ),
    ],
)
def test_what_there_is_not_is_said(
    sweeps: Sweeps, name: str, asked: Callable[[Sweep], object], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind) as raised:
        asked(sweeps.get(name))
    assert str(raised.value) == said


ONE_VALUE = ("heatmap", "importance", "best", "slices", "ranks", "parallel", "rungs")


@pytest.mark.parametrize("picture", ONE_VALUE)
def test_a_picture_of_one_value_is_refused_with_several_objectives(sweeps: Sweeps, picture: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        getattr(sweeps.get("pair"), f"plot_{picture}")()
    said = "shows one value, and pair has several objectives (val_accuracy, ms); plot_front() shows them"
    assert raised.value.faults == (f"plot_{picture}() {said}",)


def test_a_failure_has_its_sweep_its_error_and_its_reasons(sweeps: Sweeps) -> None:
    with pytest.raises(SweepFailed) as raised:
        _ = sweeps.get("none").winner
    assert (raised.value.sweep, raised.value.error, raised.value.reasons) == (
        "none", "NoTrialSucceeded", ("2x FAILED: exit code 1, attempt 2",)
    )  # fmt: skip


def test_the_folder_is_the_one_of_the_environment_or_the_working_directory_s(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPSWEEP_DIR", str(directory))
    assert Sweeps().get("plane").winner.value == 0.9
    monkeypatch.delenv("STEPSWEEP_DIR")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput) as raised:
        Sweeps().get("plane")
    where = tmp_path / ".stepsweep"
    assert str(raised.value) == f"there is no embedded cloud in {where}; say where it is with --dir, or --on aws"


def test_before_it_is_planned_a_sweep_that_was_started_is_shown(sweeps: Sweeps) -> None:
    started = Execution(MagicMock(endpoint_url="http://gone"), arn="arn:new", spec=NEW)
    assert text_of(Sweep(sweeps.cloud, NEW, execution=started)._repr_html_()) == (
        '<b>new</b> INTERRUPTED <progress value="0" max="1" style="width:16em"></progress> 0 of 0 trials ended\n'
        "|lr|val_accuracy|epoch|\n"
    )


NEW = SweepSpec.from_json({"name": "new", "parameters": {"lr": [0.1]}, "epochs": 1})
OPTIONS: dict[str, Any] = {"directory": "there", "trainer": "there", "job_vcpus": 2, "container": True}


@pytest.mark.parametrize(
    "read",
    [
        lambda sweep: sweep.winner, lambda sweep: sweep.ties, lambda sweep: sweep.leaderboard,
        lambda sweep: sweep.metrics, lambda sweep: sweep.status, lambda sweep: sweep.download(),
        lambda sweep: sweep.plot_curves(), lambda sweep: sweep.wait(quiet=True), lambda sweep: sweep._repr_html_(),
    ],
)  # fmt: skip
def test_what_another_input_of_the_same_name_found_is_not_taken_for_its_own(
    sweeps: Sweeps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Sweep], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"parameters": {"lr": [0.1], "momentum": [0.9]}, "epochs": 2, "objective": "val_loss"}
    earlier = Sweep(sweeps.cloud, sweeps.spec(asked, name="plane"), execution=None)
    with pytest.raises(
        InvalidInput, match=r"the sweep plane has another input now than this object; `get\('plane'\)` has it$"
    ):
        read(earlier)


@pytest.mark.parametrize("arn", ["arn:execution:plane-01234567", None])
def test_a_sweep_that_goes_on_has_no_winner_of_its_execution_before(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch, arn: str | None
) -> None:
    spec = sweeps.get("plane").spec
    runs = MagicMock(executions=lambda: [arn] if arn else [])
    monkeypatch.setattr(Cloud, "looked_at", lambda cloud: Found(cloud.recorded(), runs))
    started = Execution(MagicMock(endpoint_url="http://there"), arn="arn:execution:plane-01234567", spec=spec)
    sweep = Sweep(sweeps.cloud, spec, execution=started)
    if arn is None:  # it ended, and another one has found the winner since
        assert sweep.winner.value == 0.9
    else:
        with pytest.raises(NoWinner, match=r"^the sweep plane has no winner yet: it is RUNNING$"):
            _ = sweep.winner


def test_an_execution_that_left_nothing_is_not_taken_for_the_one_before(sweeps: Sweeps) -> None:
    spec = sweeps.get("plane").spec
    gone = MagicMock(endpoint_url="http://127.0.0.1:9", patience_seconds=0)
    gone.step_functions.describe_execution.side_effect = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
    refused = Execution(gone, arn="arn:execution:plane-01234567", spec=spec)
    with pytest.raises(CloudError, match=r"^the execution plane-01234567 of plane ended without results of its own: "):
        Sweep(sweeps.cloud, spec, execution=refused).wait(quiet=True)


def test_options_of_the_other_cloud_are_refused_all_at_once() -> None:
    with pytest.raises(InvalidInput) as raised:
        Sweeps(on="aws", **OPTIONS)
    assert raised.value.faults == tuple(f'{name}: does not go with on="aws"; leave it out' for name in OPTIONS)
    with pytest.raises(InvalidInput) as raised:
        Sweeps(profile="me", region="x", stack="mine")
    assert raised.value.faults == tuple(
        f'{name}: does not go with on="local"; leave it out' for name in ("profile", "region", "stack")
    )


WITHOUT = {"matplotlib": None, "optuna": None, "pandas": None}


@pytest.mark.parametrize(
    ("asked", "what", "packages"),
    [
        (lambda it: it.plot_front(), "plot_front()", "matplotlib"),
        (lambda it: it.plot_heatmap(), "plot_heatmap()", "matplotlib"),
        (lambda it: it.plot_importance(), "plot_importance()", "matplotlib, optuna"),
        (lambda it: it.plot_best(), "plot_best()", "matplotlib"),
        (lambda it: it.plot_slices(), "plot_slices()", "matplotlib, optuna"),
        (lambda it: it.plot_ranks(), "plot_ranks()", "matplotlib"),
        (lambda it: it.plot_parallel(), "plot_parallel()", "matplotlib"),
        (lambda it: it.plot_rungs(), "plot_rungs()", "matplotlib"),
        (lambda it: it.plot_curves(), "plot_curves()", "matplotlib"),
        (lambda it: it.leaderboard, "Sweep.leaderboard", "pandas"),
        (lambda it: it.metrics, "Sweep.metrics", "pandas"),
        (lambda it: it.report(), "`sweep report`", "matplotlib, optuna, pandas"),
    ],
)
def test_without_an_extra_a_method_says_which_one_it_needs(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch, asked: Callable[[Sweep], object], what: str, packages: str
) -> None:
    plane = sweeps.get("plane")
    for module in WITHOUT:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidInput) as raised:
        asked(plane)
    assert raised.value.faults == (f"{what} needs {packages}: pip install 'stepsweep[report]'",)


def test_without_an_extra_the_list_says_which_one_it_needs(sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InvalidInput) as raised:
        sweeps.list()
    assert raised.value.faults == ("Sweeps.list() needs pandas: pip install 'stepsweep[report]'",)
    monkeypatch.setitem(sys.modules, "moto", None)
    with pytest.raises(InvalidInput) as raised:
        Sweeps()
    assert raised.value.faults == ("Sweeps(on=\"local\") needs moto: pip install 'stepsweep[local]'",)


# --- one after the other


def test_a_note_is_read_written_added_to_and_removed(sweeps: Sweeps) -> None:
    one, other = sweeps.get("none"), sweeps.get("none")
    assert (one.note, other.note) == ("", "")
    one.note = "first"
    one.note += ", second"
    assert one.note == other.note == "first, second"
    one.note = ""
    assert other.note == ""


def test_a_log_has_its_lines_and_a_report_is_a_file(sweeps: Sweeps, tmp_path: Path) -> None:
    plane = sweeps.get("plane")
    assert plane.logs({"lr": 0.001, "momentum": 0.5}) == "ValueError: out of paper\n"
    # As a row of the leaderboard has them, whose NaN is a parameter that does not apply.
    assert plane.logs({"lr": np.float64(0.001), "momentum": np.float32(0.5), "nesterov": math.nan}) != ""
    with pytest.raises(CloudError, match=r"^there is no log of lr-0_1-momentum-0_9-\w+ here: it has not started"):
        plane.logs(1)
    assert plane.report(tmp_path / "mine.html") == tmp_path / "mine.html"
    assert "<title>" in (tmp_path / "mine.html").read_text()


@pytest.mark.parametrize("top", [0, -1, True, 1.5, "x"])
def test_a_number_of_curves_is_at_least_one(sweeps: Sweeps, top: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^top: must be a number of trials, at least 1, got "):
        sweeps.get("plane").plot_curves(top=top)


@pytest.mark.parametrize("name", [None, 5, ["plane"]])
def test_what_is_no_name_of_a_sweep_is_named(sweeps: Sweeps, name: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^name: must be the name of a sweep, got "):
        sweeps.get(name)


@pytest.mark.parametrize("cores", ["1", 1.0, True])
def test_a_number_of_cores_is_a_whole_number(directory: Path, cores: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^job_vcpus: must be from 1 to \d+, "):
        Sweeps(directory=directory, job_vcpus=cores)


def test_a_sweep_at_rest_is_not_waited_for(sweeps: Sweeps) -> None:
    plane = sweeps.get("plane")
    assert plane.wait(quiet=True) is plane
    assert (repr(plane), plane.name, plane.status, plane.priority) == (
        "Sweep('plane', on='local')", "plane", "FINISHED", "normal"
    )  # fmt: skip


CELL = ' style="padding:2px 10px 2px 0;text-align:right"'


def text_of(html: str) -> str:
    """Returns a summary with one row in a line, and cells apart."""
    assert html.count("<td") == html.count(f"<td{CELL}>")
    rows = re.sub(r"</(tr|div)>", "\n", html.replace(CELL, ""))
    return re.sub(r"</t[hd]>", "|", re.sub(r"<(t[rhd]|/?table|/?div)>", "", rows))


def test_a_notebook_shows_how_it_goes() -> None:
    trials = first_round(NEW, trainer_version="")
    latest = {"epoch": 1.0, "val_accuracy": 0.123456}
    training = (*(Training(trial=trial, latest=latest) for trial in trials * 10), Training(trial=trials[0], latest={}))
    assert progress_as_html(Progress(), NEW) == "<div>new: planning …</div>"
    progress = Progress(
        planned=2_000, to_run=1_500, ended=500, failed=20, running=3, seconds=60, waits_for="a <b>", trouble="S3"
    )
    bar = '<progress value="1000" max="2000" style="width:16em"></progress>'
    said = "1,000 of 2,000 trials · 20 failed · 3 running · about 0:02:00 left · a &lt;b&gt; · S3"
    assert progress_as_html(progress, NEW) == f"<div>new {bar} {said}</div>"
    assert text_of(progress_as_html(replace(progress, training=training[-4:]), NEW)) == (
        f"new {bar} {said.replace('2:00', '1:59')}\nlr|epoch|val_accuracy|\n" + "0.1|1/1|0.1235|\n" * 3 + "0.1|…/1||\n"
    )
    assert text_of(progress_as_html(replace(progress, training=training), NEW)).count("0.1|") == 10
    ended = Progress(status="SUCCEEDED", planned=1, to_run=1, ended=1, running=0, seconds=9)
    assert ended.seconds_left is not None
    assert text_of(progress_as_html(ended, NEW)).endswith("> 1 of 1 trial\n")


def torn(directory: Path) -> Sweep:
    """Returns a sweep of three sets of params, of which one lost both its folds and one lost one of two."""
    cloud = RecordedCloud(directory=directory)
    trials = cloud.planned("torn", {"lr": [0.1, 0.2, 0.3]}, epochs=1, folds=2)
    for trial in trials[:3]:
        cloud.succeeded("torn", trial, {"val_accuracy": [0.5]})
    for trial in trials[3:]:
        cloud.failed("torn", trial, "no\n")
    cloud.reduced("torn")
    return Sweeps(directory=directory).get("torn")


def test_a_notebook_shows_the_state_the_winner_and_the_top(sweeps: Sweeps, tmp_path: Path) -> None:
    assert text_of(sweeps.get("folded")._repr_html_()) == (
        "<b>folded</b> FINISHED 4 of 4 trials ended\n"
        "Winner: <code>--lr 0.01  val_accuracy 0.8125 at epoch 1 on average</code>\n"
        "|lr|val_accuracy|epoch|\n"
        "1|0.01|0.8125|1|\n"
        "2|0.1|0.5625|1|\n"
    )
    assert text_of(sweeps.get("begun")._repr_html_()) == (
        '<b>begun</b> INTERRUPTED <progress value="0" max="2" style="width:16em"></progress> 0 of 2 trials ended\n'
        "|lr|val_accuracy|epoch|\n"
    )
    halved = text_of(sweeps.get("halved")._repr_html_()).splitlines()
    assert (len(halved), halved[-1]) == (14, "… and 2 more in <code>.leaderboard</code>")
    failed = text_of(sweeps.get("none")._repr_html_()).splitlines()
    assert failed == [
        "<b>none</b> FINISHED 2 of 2 trials ended, 2 of them did not succeed", "|lr|val_accuracy|epoch|",
        "FAILED|0.1|||", "FAILED|0.01|||",
    ]  # fmt: skip
    assert text_of(torn(tmp_path)._repr_html_()).startswith(
        "<b>torn</b> FINISHED 6 of 6 trials ended, 3 of them did not succeed\n"
    )
    assert text_of(sweeps.get("plane").winner._repr_html_()) == (
        "lr|momentum|val_accuracy|epoch|\n0.1|0.9|0.9|2|\n<code>--lr 0.1 --momentum 0.9</code>\n"
    )
