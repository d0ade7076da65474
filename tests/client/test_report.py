"""`sweep report`: what stands in its file, whatever people and trainers wrote; test_report_browser.py opens it."""

import base64
import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import remember
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.making import make_report, pictures
from stepsweep.client.report.page import page
from stepsweep.contract.attempts import attempts_of
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.job_outcome import JobOutcome, begun
from stepsweep.contract.trial import Status
from stepsweep.page.drawn import MAX_POINTS, drawn
from stepsweep.page.gathered import Gathered
from stepsweep.trainer_script import Script
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, SCRIPTED
from tests.support.hostile import HOSTILE
from tests.support.html import Document
from tests.support.kept import compare
from tests.support.recorded import BEGAN, RecordedCloud
from tests.support.recorded_sweeps import recorded_sweeps
from tests.support.specs import as_number
from tests.support.stack import Stack

PAGES = Path(__file__).parent / "pages"
CURVE = {"train_loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.5, 1.6], "val_accuracy": [0.5, 0.7, 0.6]}


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path / "cloud")


def at(recorded: RecordedCloud) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def gathered_at(recorded: RecordedCloud, name: str) -> Gathered:
    cloud = at(recorded)
    return gathered(cloud, cloud.looked_at(), name)


def opened(recorded: RecordedCloud, name: str) -> Document:
    return Document(page(gathered_at(recorded, name)))


def four(recorded: RecordedCloud, *, is_finished: bool = True) -> None:
    """A sweep whose winner has a runner-up, with a trial that failed and said something hostile."""
    trials = recorded.planned("mine", {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]})
    for number, (trial, value) in enumerate(zip(trials, [0.7, 0.9, 0.8], strict=False)):
        recorded.succeeded("mine", trial, {**CURVE, "val_accuracy": [0.5, value, 0.6]}, began=number)
    if is_finished:
        recorded.failed("mine", trials[3], f"first\n{HOSTILE}\n", reason=HOSTILE, began=9)
        recorded.reduced("mine")


def test_a_report_has_the_winner_the_runner_up_and_what_failed(recorded: RecordedCloud) -> None:
    four(recorded)
    text = opened(recorded, "mine").text
    assert "Winner --lr 0.1 --momentum 0.9 Copy 0.9 val_accuracy at epoch 2 of 3" in text
    assert "Second: lr=0.01 momentum=0.5 with 0.8, 0.1 behind." in text
    assert "Trials 4 3 SUCCEEDED · 1 FAILED" in text
    assert "Job time 0:00:07" in text, "three jobs of two seconds, and two attempts of 0.7"
    assert "The last lines of lr=0.01 momentum=0.9 first </script>" in text


def test_ties_are_named_as_ties(recorded: RecordedCloud) -> None:
    for trial in recorded.planned("tied", {"lr": [0.1, 0.01]}):
        recorded.succeeded("tied", trial, CURVE)
    recorded.reduced("tied")
    text = opened(recorded, "tied").text
    assert "Tie: 1 other trial reached the same value, but at a later epoch, or later in the plan: lr=0.01 ." in text
    assert "Second:" not in text


def test_ties_of_means_are_those_that_the_t_test_does_not_tell_from_the_winner(recorded: RecordedCloud) -> None:
    trials = recorded.planned("means", {"lr": [0.1, 0.01, 0.001]}, repeats=2, epochs=1)
    for trial, value in zip(trials, (0.9, 0.92, 0.88, 0.91, 0.5, 0.51), strict=True):
        recorded.succeeded("means", trial, {"val_accuracy": [value]})
    recorded.reduced("means")
    assert "Tie: a t-test of the 2 values does not tell the winner from lr=0.01 ." in opened(recorded, "means").text


def test_what_a_trainer_or_batch_wrote_stays_text(recorded: RecordedCloud) -> None:
    four(recorded)
    document = opened(recorded, "mine")
    assert len(document.named("script")) == 3
    assert document.named("img") == []
    assert "alert(1)" in document.text
    assert "{{ 7*7 }}" in document.text
    assert not [name for _, attributes in document.elements for name in attributes if name.startswith("on")]


def test_only_the_two_scripts_run_and_nothing_is_loaded(recorded: RecordedCloud) -> None:
    four(recorded)
    document = opened(recorded, "mine")
    (policy,) = (
        each["content"] for each in document.named("meta") if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    hashes = re.findall(r"'(sha256-[^']+)'", rules["script-src"])
    data, *scripts = document.scripts
    assert hashes == ["sha256-" + base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    assert json.loads(data)["objective"] == {"metric": "val_accuracy", "direction": "maximize"}
    links = [
        attributes.get(name) for _, attributes in document.elements for name in ("src", "href") if name in attributes
    ]
    assert [link for link in links if link is None or not link.startswith("#")] == []


def test_the_charts_have_curves_and_attempts(recorded: RecordedCloud) -> None:
    four(recorded)
    data = drawn(gathered_at(recorded, "mine"))
    assert data["trials"]["label"][0] == "lr=0.1 momentum=0.9"
    assert data["curves"][0] == {"best": 2, "columns": {**CURVE, "val_accuracy": [0.5, 0.9, 0.6]}}
    assert data["columns"] == ["train_loss", "val_loss", "val_accuracy"]
    assert data["shown"] == [0, 1, 2]
    timeline = data["timeline"]
    assert timeline["started"] == [BEGAN + 1000 * second for second in (0, 1, 2, 9, 10)]
    assert timeline["milliseconds"] == [2000, 2000, 2000, 700, 700]
    assert timeline["lane"] == [0, 1, 0, 0, 0], "the third begins when the first has ended"
    assert timeline["well"] == [True, True, True, False, False]
    assert timeline["attempt"] == [1, 1, 1, 1, 2]


def test_of_several_trials_with_the_same_params_the_log_is_that_of_the_one_that_failed(recorded: RecordedCloud) -> None:
    for number, trial in enumerate(recorded.planned("folded", {"lr": [0.1, 0.01]}, folds=2)):
        if number == 1:
            recorded.failed("folded", trial, "the second fold was too much")
        else:
            recorded.succeeded("folded", trial, CURVE)
    recorded.reduced("folded")
    text = opened(recorded, "folded").text
    assert "Trials 4 2 sets of params: 1 SUCCEEDED · 1 FAILED" in text
    assert "The last lines of lr=0.1 the second fold was too much" in text


def test_a_curve_that_diverged_ends_in_a_gap(recorded: RecordedCloud) -> None:
    (trial,) = recorded.planned("mine", {"lr": [0.1]})
    recorded.succeeded("mine", trial, {"val_loss": [2.0, float("nan")], "val_accuracy": [0.5, float("nan")]})
    recorded.reduced("mine")
    report = gathered_at(recorded, "mine")
    assert drawn(report)["curves"][0] == {
        "best": None,
        "columns": {"val_loss": [2.0, None], "val_accuracy": [0.5, None]},
    }
    assert "val_accuracy is nan at epoch 2: the trial diverged" in Document(page(report)).text


def test_a_long_curve_keeps_its_best_epoch_and_its_ends(recorded: RecordedCloud) -> None:
    (trial,) = recorded.planned("long", {"lr": [0.1]}, epochs=2000)
    values = [0.1 + (0.8 if epoch == 1234 else 0) for epoch in range(1, 2001)]
    recorded.succeeded("long", trial, {"val_accuracy": values})
    recorded.reduced("long")
    curve = drawn(gathered_at(recorded, "long"))["curves"][0]
    assert len(curve["epochs"]) in (MAX_POINTS, MAX_POINTS + 1)
    assert (curve["epochs"][0], curve["epochs"][-1], curve["best"]) == (1, 2000, 1234)
    assert dict(zip(curve["epochs"], curve["columns"]["val_accuracy"], strict=True))[1234] == 0.9


def test_a_sweep_that_was_interrupted_has_a_report_of_what_is_there(recorded: RecordedCloud) -> None:
    four(recorded, is_finished=False)
    text = opened(recorded, "mine").text
    assert "It was interrupted: 3 of 4 trials have ended" in text
    assert "Best so far --lr 0.1 --momentum 0.9" in text


def test_a_sweep_in_which_nothing_succeeded_has_one_too(recorded: RecordedCloud) -> None:
    (trial,) = recorded.planned("bad", {"lr": [0.1]})
    recorded.failed("bad", trial, "no GPU")
    recorded.reduced("bad")
    document = opened(recorded, "bad")
    text = document.text
    assert "No trial succeeded, so there is no winner." in text
    assert {"class": "badge no-winner"} in document.named("span"), "not green"
    assert "no GPU" in text


def test_a_sweep_that_was_only_planned_has_one(recorded: RecordedCloud) -> None:
    recorded.planned("new", {"lr": [0.1, 0.01]})
    assert "No trial has ended." in opened(recorded, "new").text


@pytest.mark.parametrize(
    "outcome",
    [{"job": None}, {"job": []}, {"job": {}},
     {"job": {"attempts": [1, {"StartedAt": "x"}, {"StartedAt": 5, "StoppedAt": 1}]}},
     {"failure": {"Cause": "[["}}, {"failure": {"Cause": "[1]"}}, {"failure": {"Cause": '{"Attempts": {"a": 1}}'}}],
)  # fmt: skip
def test_an_outcome_that_is_not_batch_s_has_no_attempts(outcome: Any) -> None:
    status = Status.FAILED if "failure" in outcome else Status.SUCCEEDED
    read = JobOutcome.from_json({**begun("trial", status, execution="s-1"), **outcome}, where="outcome")
    assert list(attempts_of(read)) == []


def commands(recorded: RecordedCloud) -> list[str]:
    return re.findall(r": ((?:cd|sweep) .*?) Copy", opened(recorded, "mine").text)


def test_the_commands_that_reproduce_are_the_client_s_own(recorded: RecordedCloud, sweep: Sweep) -> None:
    four(recorded)
    remember(recorded.directory, "mine", SCRIPTED, container=True)
    resume, alone, show = commands(recorded)
    assert resume.startswith("sweep resume mine ")
    assert show.startswith("sweep show mine ")
    options, document = alone.removesuffix(" SPEC").split(" <<'SPEC' ")
    words = options.split()
    assert words[:6] == ["sweep", "run", "-", "--trainer", str(SCRIPTED), "--container"]
    # Nothing of a spec file there is any of it.
    (sweep.folder / "sweep.yaml").write_text("parameters: {lr: [7]}\nepochs: 9\nsearch: {method: random, trials: 4}")
    plan = json.loads(sweep("plan", *words[2 : words.index("--dir")], "--json", text=document).stdout)
    assert plan["trials"] == [{"lr": 0.1, "momentum": 0.9}]
    assert (plan["spec"]["epochs"], plan["spec"]["name"]) == (3, "mine-winner")


def test_a_script_is_reproduced_in_its_folder_and_an_unknown_trainer_not_at_all(
    recorded: RecordedCloud, tmp_path: Path
) -> None:
    """`sweep run` without a spec would train the tutorial's network under these params, and name it the winner."""
    four(recorded)
    assert len(commands(recorded)) == 2
    script = Script(folder=tmp_path, entrypoint=("stepsweep-trial", "--", "python", "fit.py", "{args}"))
    remember(recorded.directory, "mine", script.written(tmp_path / "scripts"), container=False)
    file = script.written(tmp_path / "scripts")
    _, alone, _, job = commands(recorded)
    assert alone.startswith(f"sweep run - --trainer {file} --dir "), "its own command, and not a spec file's"
    assert job.split()[:4] == ["cd", str(tmp_path), "&&", "stepsweep-trial"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_sweeps(tmp_path_factory.mktemp("cloud"))


@pytest.mark.parametrize("name", ["plane", "folded", "pair", "none", "half"])
def test_a_page_says_what_is_kept(name: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepsweep.client.report.page.get_plotlyjs", str)  # megabytes that no person reads
    report = gathered_at(RecordedCloud(directory=directory), name)
    text = Document(page(report, now=datetime(2026, 11, 30, 2, 5, tzinfo=UTC))).text.replace(str(directory), "DIR")
    said = re.sub(r":root .*?(?= To the leaderboard)|(?<= Spec )\{.*\}(?= Copy Reproduce)", "…", text)
    compare(textwrap.wrap(said, 120), PAGES / f"{name}.txt")


OVER = ["best-over-trials", "best-over-time", "best-over-job-time"]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("plane", ["heatmap", "slices", *OVER, "ranks", "winner-curves", "best-curves"]),
        ("halved", ["heatmap", "slices", "importance", *OVER, "ranks", "rungs", "winner-curves", "best-curves"]),
        ("folded", ["values", *OVER, "ranks"]),
        ("pair", ["front"]),
        ("none", ["values"]),
        ("begun", []),
    ],
)
def test_a_report_has_the_pictures_that_it_has_data_for(name: str, names: list[str], directory: Path) -> None:
    drawn_ones = pictures(gathered_at(RecordedCloud(directory=directory), name))
    assert list(drawn_ones) == names
    if "winner-curves" in drawn_ones:
        (plot,) = drawn_ones["winner-curves"].axes
        legend = drawn_ones["best-curves"].legends[0]
        assert plot.lines[0].get_label() == "val_accuracy"
        assert legend.get_texts()[0].get_text() == drawn_ones["winner-curves"].get_suptitle()
        assert len(legend.get_texts()) == 5
    for over in set(OVER) & set(names):
        assert drawn_ones[over].axes[0].lines[-1].get_markersize() == 11, "the ring of the winner"


def test_of_three_parameters_the_heatmap_has_the_two_that_matter_most(recorded: RecordedCloud) -> None:
    parameters = {"a": [1, 2], "b": [1, 2, 3], "c": [1, 2, 3]}
    for trial in recorded.planned("mine", parameters, epochs=1):
        value = as_number(trial.params["a"]) + as_number(trial.params["c"]) / 100
        recorded.succeeded("mine", trial, {"val_accuracy": [value]})
    recorded.reduced("mine")
    report = gathered_at(recorded, "mine")
    assert report.importance is not None
    two = {weight.name for weight in report.importance.weights[:2]}
    found = pictures(report)
    assert list(found) == ["heatmap", "slices", "parallel-coordinates", "importance", *OVER, "ranks"]
    plot = found["heatmap"].axes[0]
    assert [plot.get_ylabel(), plot.get_xlabel()] == sorted(two)
    assert found["slices"].axes[0].get_xlabel() == report.importance.weights[0].name


def test_a_report_that_was_made_says_where(directory: Path, tmp_path: Path) -> None:
    cloud = at(RecordedCloud(directory=directory))
    made = make_report(cloud, "pair", file=tmp_path / "mine.html", figures=tmp_path / "figures")
    files = [str(tmp_path / "figures" / f"front.{form}") for form in ("png", "svg")]
    file = tmp_path / "mine.html"
    assert made.to_json() == {
        "sweep": "pair", "file": str(file), "bytes": file.stat().st_size, "figures": files
    }  # fmt: skip
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["mine.html"]
    for where, figures, said in (
        (tmp_path / "no" / "x.html", None, f"{tmp_path}/no/x.html cannot be written: No such file or directory"),
        (tmp_path, None, f"{tmp_path} cannot be written: Is a directory"),
        (file, file / "figures", f"{file}/figures cannot be written: Not a directory"),
    ):
        with pytest.raises(InvalidInput) as raised:
            make_report(cloud, "pair", file=where, figures=figures)
        assert raised.value.faults == (said,)


def read_only(path: Path, *_: object, **__: object) -> int:
    raise OSError(errno.EROFS, "Read-only file system", str(path))


def test_on_a_read_only_disk_the_file_that_was_asked_for_is_named(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.html"
    for name in ("write_bytes", "unlink"):
        monkeypatch.setattr(Path, name, read_only)
    with pytest.raises(InvalidInput) as raised:
        make_report(at(RecordedCloud(directory=directory)), "pair", file=file)
    assert raised.value.faults == (f"{file} cannot be written: Read-only file system",)


def test_two_that_make_one_report_at_once_leave_it_whole(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, file, replace = at(RecordedCloud(directory=directory)), tmp_path / "mine.html", Path.replace

    def after_another(path: Path, target: Path) -> Path:
        monkeypatch.undo()
        make_report(cloud, "pair", file=file)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", after_another)
    made = make_report(cloud, "pair", file=file)
    assert [(each.name, each.stat().st_size) for each in tmp_path.iterdir()] == [("mine.html", made.bytes)]


# --- the command


def test_a_page_takes_the_place_of_no_pipe_device_or_link(sweep: Sweep, recorded: RecordedCloud) -> None:
    recorded.planned("mine", {"lr": [0.1]})
    pipe, link = sweep.folder / "pipe", sweep.folder / "link.html"
    os.mkfifo(pipe)
    link.symlink_to("page.html")
    words = ("report", "mine", "--dir", str(recorded.directory), "-o")
    with (sweep.folder / "read").open("wb") as read, subprocess.Popen(["/bin/cat", str(pipe)], stdout=read):
        assert sweep(*words, str(pipe)).returncode == 0
    assert "</html>" in (sweep.folder / "read").read_text()
    assert pipe.is_fifo()
    assert sweep(*words, str(link)).returncode == 0
    assert link.is_symlink()
    assert "</html>" in (sweep.folder / "page.html").read_text()


def test_the_command_writes_the_page_and_its_pictures(sweep: Sweep, directory: Path) -> None:
    ended = sweep("report", "none", "--dir", str(directory), "--figures", "pictures", "--json")
    assert ended.returncode == 0, ended.stderr
    file = sweep.folder / "none.html"
    assert json.loads(ended.stdout) == {
        "sweep": "none", "file": "none.html", "bytes": file.stat().st_size,
        "figures": ["pictures/values.png", "pictures/values.svg"],
    }  # fmt: skip
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert all((sweep.folder / "pictures" / f"values.{form}").stat().st_size for form in ("png", "svg"))


def test_what_cannot_be_reported_is_said_in_a_line(sweep: Sweep, recorded: RecordedCloud) -> None:
    four(recorded)
    ended = sweep("report", "mime", "--dir", str(recorded.directory))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "did you mean mine?" in ended.stderr
    ended = sweep("report", "mine", "--dir", str(recorded.directory), "-o", "no/where.html")
    assert ended.returncode == 2
    assert ended.stderr == "sweep: no/where.html cannot be written: No such file or directory\n"


def test_on_aws_a_report_has_the_cost_and_the_log_of_what_failed(sweep: Sweep, stack: Stack) -> None:
    first, second = stack.planned(name="mine", parameters={"a": [1, 2]}, epochs=1)
    stack.succeeded("mine", first, [0.5])
    stack.failed("mine", second, "ValueError: <b>no</b>")
    stack.reduced("mine")
    ended = sweep.on(stack, "report", "mine")
    assert ended.returncode == 0, ended.stderr
    text = Document((sweep.folder / "mine.html").read_text()).text
    assert "Cost 0.00 USD estimated from the stack's price per hour" in text
    assert "The last lines of a=2 ValueError: <b>no</b>" in text
    assert f"sweep show mine --on aws --stack {stack.name}" in text


def test_without_the_extra_it_is_said_how_to_install_it() -> None:
    program = "import sys; sys.modules['matplotlib'] = None; from stepsweep.client.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "report", "mine"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "sweep: `sweep report` needs matplotlib: pip install 'stepsweep[report]'\n"


def test_no_other_command_pays_for_it() -> None:
    program = (
        "import sys, stepsweep.client.cli.main, stepsweep.client.terminal.view, stepsweep.client.cli.running;"
        "print([name for name in ('plotly', 'matplotlib', 'jinja2', 'pandas', 'numpy') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
