"""What is said about sweeps, as a person sees it on a terminal, colours included, and through a pipe."""

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.text import Text

from stepsweep.bucket.stores import FolderStore
from stepsweep.client.archive.comparison import compare as compare_sweeps
from stepsweep.client.archive.entries import Entry
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.checks.findings import Finding, State
from stepsweep.client.cli.main import cli
from stepsweep.client.deployment import Deployment
from stepsweep.client.operations.bill import bill_document, told
from stepsweep.client.operations.estimating import Estimate, Pace
from stepsweep.client.running.progress import Progress, Training
from stepsweep.client.running.stopping import Stopped
from stepsweep.client.terminal.comparison import show
from stepsweep.client.terminal.leaderboard import show_leaderboard
from stepsweep.client.terminal.live import Following
from stepsweep.client.terminal.planned import show_plan
from stepsweep.client.terminal.result import show_front, show_note, show_result, show_stopped
from stepsweep.client.terminal.serving import serving_document, show_serving
from stepsweep.client.terminal.sweeps import show_sweeps
from stepsweep.client.terminal.view import View
from stepsweep.contract import rounds
from stepsweep.contract.artifacts import Kept
from stepsweep.contract.errors import SweepError
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.means import StackJob
from stepsweep.contract.note import Note
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status
from tests.support.kept import compare
from tests.support.planes import ACCURACY, rows, spec
from tests.support.recorded_sweeps import recorded_sweeps

KEPT = Path(__file__).parent / "screens"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = recorded_sweeps(tmp_path_factory.mktemp("cloud"))
    (folder / "told.json").write_text(json.dumps(TOLD))
    return folder


TOLD: dict[str, Any] = {
    "name": "told", "parameters": {"lr": {"low": 0.001, "high": 0.1, "step": 0.004}}, "epochs": 9, "rounds": False,
    "search": {"method": "tpe", "trials": 20}, "warm_start": ["plane", "again"],
    "known": [{"params": {"lr": 0.05}, "value": 0.5, "epochs": 9}],
    "stop": {"max_hours": 2, "metric_reached": 0.9, "median": {"min_trials": 5, "min_epochs": 3}},
}  # fmt: skip


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What Rich looks at instead of a terminal."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def seen(printed: str) -> list[str]:
    """Returns what was printed in lines, with its styles as words, and without what differs between runs."""
    lines = [""]
    parts = Text.from_ansi(printed).render(Console(), end="\n")
    for style, same in itertools.groupby(parts, lambda part: "" if part.style is None else str(part.style)):
        for number, part in enumerate("".join(each.text for each in same).split("\n")):
            if number:
                lines.append("")
            lines[-1] += f"[{style}|{part}]" if part and style not in ("", "none") else part
    dates = r"\d{4}-\d\d-\d\dT[^\"]*|\d{4}-\d\d-\d\d \d\d:\d\d|\d{4}-[-\d :]*…"
    return [re.sub(dates, "YYYY-MM-DD hh:mm", line.rstrip()) for line in lines]


COMMANDS: dict[str, str] = {
    "show-plane": "show plane",
    "show-halved": "show halved",
    "show-folded": "show folded",
    "show-pair": "show pair",
    "show-none": "show none",
    "show-half": "show half",
    "show-begun": "show begun",
    "list": "list",
    "compare": "compare plane halved",
    "compare-front": "compare pair folded none",
    "compare-again": "compare plane again half",
    "show-plane-json": "show plane --json",
    "show-folded-json": "show folded --json",
    "show-pair-json": "show pair --json",
    "show-half-json": "show half --json",
    "list-json": "list --json",
    "compare-again-json": "compare plane again half --json",
    "compare-front-json": "compare pair folded none --json",
    "plan-of-many": "plan --set n=1..30:int:step=1 --epochs 1",
    "plan-of-all-rules": "plan DIR/told.json",
    "plan-of-all-rules-json": "plan DIR/told.json --json",
    "compare-same": "compare plane again",
    "plan-of-rungs-json": "plan --set lr=0.1,0.2,0.3,0.4 --epochs 4 --halving 1:2 --name mine --json",
    "no-sweep": "show plan",
    "no-sweep-near": "show hal",
    "no-trial": "logs plane lr=0.01",
    "no-trial-of-folds": "logs folded lr=0.1",
    "plan": "plan --set lr=0.1,0.01 --set act=relu,tanh --epochs 3 --fixed dataset=mnist",
    "plan-of-rungs": "plan --set lr=0.1,0.2,0.3,0.4 --epochs 4 --halving 1:2",
    "plan-of-rounds": "plan --set lr=0.001..0.1:log --search tpe --trials 40 --batch 10 --epochs 2",
}


def said(name: str, directory: Path) -> list[str]:
    words = [*COMMANDS[name].replace("DIR", str(directory)).split(), "--dir", str(directory)]
    result = CliRunner().invoke(cli, words)
    error = []
    if isinstance(result.exception, SweepError):  # which `main` prints
        error = str(result.exception).replace(str(directory), "DIR").splitlines()
    return [f"exit code {result.exit_code}", *error, *seen(result.output.replace(str(directory), "DIR"))]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_on_a_terminal_what_is_kept(name: str, directory: Path, terminal: pytest.MonkeyPatch) -> None:
    compare(said(name, directory), KEPT / f"{name}.txt")


@pytest.mark.parametrize(("name", "width"), [("show-plane", 44), ("list", 50)])
def test_a_narrow_terminal_has_less(name: str, width: int, directory: Path, terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", str(width))
    compare(said(name, directory), KEPT / f"{name}-narrow.txt")


@pytest.mark.parametrize("name", ["show-plane", "list"])
def test_a_pipe_has_whole_lines_without_colours_and_pictures(name: str, directory: Path) -> None:
    compare(said(name, directory), KEPT / f"{name}-piped.txt")


@pytest.mark.usefixtures("terminal")
def test_on_aws_a_comparison_has_the_cost_and_says_what_runs(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive(FolderStore(directory / "s3" / "bucket"), objects=Path("here"))
    running = ["arn:aws:states:eu-west-1:1:execution:machine:half-01234567"]
    show(View(), compare_sweeps(archive, ("plane", "half"), running=running, is_on_aws=True))
    compare(seen(capsys.readouterr().out), KEPT / "compare-on-aws.txt")


# --- what no command of the sweeps above says

ONE = spec(lr=[0.1, 0.01, 0.001], act=["relu"])
MANY = [
    *rows([({"lr": f"0.{number:03}", "act": "relu"}, 1 - number / 1000) for number in range(1, 36)]),
    *(
        replace(row, rank=None, status="FAILED", reason=f"exit code {1 + row.epochs_trained}")
        for row in rows([({"lr": f"0.{number}", "act": "relu"}, None) for number in range(4, 10)])
        if row.epochs_trained
    ),
    *(
        replace(row, reason=f"exit code {number}")
        for number in range(2, 14)
        for row in rows([({"lr": f"0.9{number}", "act": "relu"}, None)])
    ),
]
TWO = SweepSpec.from_json(
    {"name": "pair", "parameters": {"n": [1, 2]}, "epochs": 2, "objectives": ["f1", "val_accuracy"]}
)
FOLDED = SweepSpec.from_json({"name": "folded", "parameters": {"lr": [1, 2, 3]}, "epochs": 2, "folds": 3})


def output(first: Row, **others: Any) -> Output:
    known: dict[str, Any] = {
        "winner": Place(params=first.params, value=first.value or 0.0, epoch=1, trial_id=first.trial_id),
        "summary": {"test_accuracy": 0.87654321, "devices": ["cpu", "cuda"]},
        "artifacts": Kept(prefix="", files=2_000, bytes=3_456_789, is_partial=True),
        "objectives": (ACCURACY,), "outcomes": {"SUCCEEDED": 1_234, "FAILED": 0, "MISSING": 1}, "reasons": (),
        "rounds": 1, "leaderboard_key": "", "plan_key": "", "epochs_trained": 8, "ended_by": "stop.max_hours: 2 hours",
        "cost": Cost(job_seconds=98_765.4, gpu_seconds=0, usd_estimate=1.5, usd_at_most=3.25),
    }  # fmt: skip
    return Output(sweep="mine", execution="mine-1", **(known | others))


def result(view: View, some: SweepSpec, ranked: list[Row], found: Output | None, *, on_aws: bool = True) -> None:
    show_result(view, some, ranked, found, objects=Path("there"), where=" --on aws", is_on_aws=on_aws)


def with_ties(ranked: list[Row], *ties: Place) -> Output:
    winner = Place(params=ranked[0].params, value=0.9, epoch=1, trial_id="t1", n=3, standard_error=0.0125)
    return output(ranked[0], winner=winner, ties=ties, artifacts=None, summary=None, ended_by=None)


OF_FOLDS = [
    replace(row, n=3, standard_error=0.0125, each=(0.7, 0.8, 0.9))
    for row in rows([({"lr": "1"}, 0.9), ({"lr": "2"}, 0.8)])
]
TIED = Place(params=OF_FOLDS[1].params, value=0.8, epoch=1, trial_id="t2", n=3, p_value=0.123)
BEHIND = rows([({"lr": "0.1", "act": ":smile:[red]"}, 0.9), ({"lr": "0.01", "act": "relu"}, 0.8123456)])
ENDS = [replace(row, best=(row.value or 0) + 0.05, last=(row.value or 0) - 0.05) for row in BEHIND]
FRONT = [replace(row, rank=1, value=None, by_objective={"f1": 0.5, "val_accuracy": 0.25}) for row in BEHIND]
STACK = cast("Deployment", SimpleNamespace(state_machine_arn="arn:mine", objects="s3://mine", bucket="mine"))
PLACES = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "eu west"}
FINDINGS = [Finding(check=f"check {state}", state=state, found="this\nand that", remedy="do it") for state in State]


def second(view: View) -> None:
    named = replace(ONE, artifacts=("*.pt",))
    result(view, named, BEHIND, output(BEHIND[0], artifacts=None), on_aws=False)


def lists(view: View) -> None:
    one = Entry(sweep="mine", started_at=datetime(2026, 11, 30, tzinfo=UTC), status="RUNNING", metric="f1", value=0.5)
    stopped_ones = [replace(one, sweep=f"no-{number}", status="INTERRUPTED", value=None) for number in range(7)]
    for entries in ([], [one], [replace(one, status="UNREADABLE", fault="it is damaged"), *stopped_ones]):
        show_sweeps(view, entries, objects=Path("there"), where=" --on aws")


def notes(view: View) -> None:
    for note in (Note(text="one\ntwo"), Note(), Note(fault="it is damaged")):
        show_note(view, note)


def stopped(view: View) -> None:
    for executions, jobs, left in ((["arn"], ["1", "2"], []), ([], ["1"], []), ([], [], []), (["arn"], [], ["1"])):
        show_stopped(view, Stopped(executions=executions, jobs=jobs, left=left), "mine", where=" --on aws")


def serving(view: View) -> None:
    for trainer, is_ours, ends_when_idle in (("", True, False), ("", False, False), ("python train.py", False, True)):
        named, has_tutorial = trainer or "stepsweep's own trainer", not trainer
        show_serving(
            view,
            STACK,
            PLACES,
            trainer=named,
            has_tutorial=has_tutorial,
            is_ours=is_ours,
            ends_when_idle=ends_when_idle,
        )


DEAR: dict[str, Any] = {"job": StackJob(), "usd_per_hour": 3.06}
MEASURED = Estimate(
    pace=Pace(fastest=2, slowest=45.678, measured_on="2 finished trials of this trainer"), fleet=Fleet.of(ONE, **DEAR),
    widest=Fleet.of(ONE, **DEAR), price_from="AWS's price list", budget_usd_per_hour=3, is_of_machine=True,
)  # fmt: skip


def estimates(view: View) -> None:
    for estimate in (
        MEASURED,
        replace(MEASURED, is_of_machine=False, budget_usd_per_hour=3.06),
        replace(MEASURED, pace=None),
        replace(MEASURED, pace=None, is_of_machine=False),
    ):
        for some in (ONE, replace(ONE, epochs=1)):
            for line in told(some, estimate, some.epochs * 3):
                view.line(line)
            view.line()
            view.line(json.dumps(bill_document(some, estimate)))
        show_plan(view, replace(ONE, fixed={"dataset": "mnist"}), estimate, was_calibrated=True)


DIRECT: dict[str, Callable[[View], None]] = {
    "result-of-many": lambda view: result(view, ONE, MANY, output(MANY[0])),
    "result-second": second,
    "result-ends": lambda view: show_leaderboard(view, ONE, ENDS, rest="elsewhere"),
    "result-ties": lambda view: result(view, FOLDED, OF_FOLDS, with_ties(OF_FOLDS, TIED)),
    "result-no-ties": lambda view: result(view, FOLDED, OF_FOLDS, with_ties(OF_FOLDS)),
    "result-long-front": lambda view: show_front(view, TWO, FRONT * 16),
    "findings": lambda view: view.findings([*FINDINGS, Finding(check="last", state=State.OK, found="fine")]),
    "estimates": estimates,
    "lists": lists,
    "notes": notes,
    "stopped": stopped,
    "serving": serving,
}


@pytest.mark.parametrize("name", DIRECT)
@pytest.mark.usefixtures("terminal")
def test_a_terminal_shows_what_is_kept(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    DIRECT[name](View())
    compare(seen(capsys.readouterr().out), KEPT / f"{name}.txt")


def test_the_document_of_a_cloud_has_what_a_script_needs() -> None:
    assert serving_document(STACK, PLACES) == {
        "endpoint": "http://127.0.0.1:1", "environment": PLACES, "state_machine_arn": "arn:mine", "bucket": "mine",
        "objects": "s3://mine",
    }  # fmt: skip


# --- while a sweep runs

TRIALS = rounds.first_round(spec(lr=[0.1, 0.2, 0.3, 0.4], act=["relu"]), trainer_version="")


def ended(number: int, value: float | None = None, reason: str = "") -> Result:
    trial = TRIALS[number]
    status = Status.FAILED if value is None else Status.SUCCEEDED
    outcome = Outcome(trial_id=trial.trial_id, status=status, reason=reason)
    return Result(trial=trial, outcome=outcome, value=value, epoch=2, best=value, last=value, epochs_trained=9)


SHOWN = {"epoch": 3.0, "seconds": 2.0, "val_accuracy": 0.123456, "val_loss": 2.5, "lr": 0.1, "grad_norm": 3.0}
TRAINING = (
    Training(trial=TRIALS[0], latest=SHOWN),
    Training(trial=TRIALS[1], latest={}, printed="Downloading data: 43%"),
)
PROGRESS: dict[str, list[Progress]] = {
    "live-begin": [],
    "live-one-epoch": [Progress(planned=4, to_run=4, running=2, training=TRAINING)],
    "live-prints": [Progress(planned=4, to_run=4, running=2, starting=1, seconds=60, training=TRAINING)],
    "live-plan": [Progress(seconds=75)],
    "live-trials": [
        Progress(planned=4, to_run=4, running=2, starting=1, seconds=5, training=TRAINING),
        Progress(planned=4, to_run=4, ended=1, running=2, seconds=9, news=(ended(0, 0.5),)),
        Progress(planned=4, to_run=4, ended=4, failed=2, seconds=3_700,
                 news=(ended(1, None, "out of paper"), ended(2, None, "out of paper"), ended(3, 0.75))),
    ],
    "live-resumed": [
        Progress(planned=4, to_run=3, running=None, ended=1, news=(ended(0, 0.5),), seconds=60),
        Progress(planned=4, to_run=0, round_number=1, up_to=(3, 9), seconds=90, round_began=80),
    ],
    "live-trouble": [
        Progress(planned=4, to_run=4, running=0, seconds=601, trouble="S3 does not answer"),
        Progress(planned=4, to_run=4, running=0, seconds=602, waits_for="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT x"),
        Progress(planned=4, to_run=4, running=0, seconds=603, waits_for="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT x"),
    ],
    "live-nothing-starts": [Progress(planned=4, to_run=4, running=0, seconds=seconds) for seconds in (600, 601, 602)],
    "live-many": [
        Progress(planned=400, to_run=400, ended=number, failed=number // 4, running=1, seconds=number,
                 news=(ended(number % 4, 0.5),))
        for number in range(18, 42)
    ],
    "live-many-train": [Progress(planned=40, to_run=40, running=20, seconds=5, training=TRAINING[:1] * 20)],
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRESS)
@pytest.mark.parametrize("width", [100, 50])
def test_the_live_display_is_what_is_kept(
    name: str, width: int, terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", str(width))
    terminal.setenv("LINES", "16")
    view = View()
    asked = spec(lr=[0.1, 0.2, 0.3, 0.4], act=["relu"])
    following = Following(view, replace(asked, epochs=1) if name == "live-one-epoch" else asked)
    for progress in PROGRESS[name]:
        following.update(progress)
    view.line("---")
    view.console.print(following)
    compare(seen(capsys.readouterr().out), KEPT / f"{name}-{width}.txt")
