"""The Python API on the embedded cloud, in the process of a person who uses it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from matplotlib.figure import Figure

from stepsweep import Best, CloudError, InvalidInput, InvalidSweep, NoWinner, SweepFailed, Sweeps, SweepSpec
from tests.support.command import hearing_signals
from tests.support.embedded import REPOSITORY, SCRIPTED, eventually
from tests.support.processes import running

DOCS = (REPOSITORY / "docs" / "python.md").read_text()
HEAVY = ("torch", "aws_cdk", "moto", "pandas", "matplotlib", "mlflow", "stack", "trainer")


def test_the_docs_are_what_happens(
    sweeps: Sweeps, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Runs all of the page's Python, one after another, as somebody does who follows it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEPSWEEP_DIR", str(folder))
    monkeypatch.setenv("STEPSWEEP_TRAINER", str(SCRIPTED))
    blocks = re.findall(r"^```python\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(block, namespace)  # noqa: S102  the documentation is what is tested
    said = capfd.readouterr()
    for printed in (*re.findall(r"print\(sweep\.winner[a-z.]*\)\s+# (.*)", DOCS), "unknown field `paramters`"):
        assert printed in said.out
    assert "NoTrialSucceeded ('The only trial did not succeed" in said.out
    assert "4/4  lr=" in said.err, "it shows how it goes"
    assert {file.name for file in tmp_path.iterdir()} == {"heatmap.png", "winner.svg", "first.html"}

    # And nothing is left running.
    eventually(lambda: not (folder / "cloud.json").exists())


def test_tables_have_numbers_and_pictures_are_figures(sweeps: Sweeps, capfd: pytest.CaptureFixture[str]) -> None:
    asked = {
        "parameters": {"lr": np.array([0.1, 0.01]), "act": ("train", "crash", "diverge")}, "epochs": 2,
        "objective": {"metric": "val_loss", "direction": "minimize"},
    }  # fmt: skip
    sweep = sweeps.run(asked, name="mixed", quiet=True)
    assert capfd.readouterr() == ("", "")
    table = sweep.leaderboard
    assert list(table.columns) == [
        "rank", "trial_id", "params.lr", "params.act", "val_loss", "epoch", "best", "last", "epochs_trained",
        "status", "reason",
    ]  # fmt: skip
    kinds = {name: str(kind) for name, kind in table.dtypes.items()}
    assert (kinds["rank"], kinds["params.lr"], kinds["params.act"], kinds["val_loss"], kinds["epoch"]) == (
        "Int64", "float64", "str", "float64", "Int64",
    )  # fmt: skip
    assert table["rank"].dropna().tolist() == [1, 2]
    assert table["val_loss"].notna().sum() == 2
    assert sorted(table["status"]) == ["FAILED", "FAILED", "INVALID", "INVALID", "SUCCEEDED", "SUCCEEDED"]

    winner = sweep.winner
    assert isinstance(winner, Best)
    assert (winner.params, winner.metric, winner.epoch) == ({"lr": 0.1, "act": "train"}, "val_loss", 2)
    assert winner.value == table["val_loss"].min()
    assert sweep.ties == []

    curves = sweep.metrics
    assert list(curves.columns[:4]) == ["trial_id", "params.lr", "params.act", "epoch"]
    by_act = curves.groupby("params.act")
    assert by_act.size().to_dict() == {"train": 4, "diverge": 2}
    assert by_act["val_loss"].count().to_dict() == {"train": 4, "diverge": 0}, "what diverged is NaN"
    best = curves[curves["trial_id"] == winner.trial_id]
    assert best["val_loss"].tolist()[-1] == winner.value

    for figure in (sweep.plot_heatmap(), sweep.plot_curves(), sweep.plot_curves({"lr": 0.01, "act": "train"})):
        assert isinstance(figure, Figure)
    with pytest.raises(InvalidInput, match=r"there is no curve of lr=0.1 act=crash"):
        sweep.plot_curves({"lr": 0.1, "act": "crash"})
    assert "this trainer was told to crash" in sweep.logs({"lr": 0.1, "act": "crash"})
    shown = sweep._repr_html_()
    assert "<b>mixed</b> FINISHED 6 of 6 trials ended, 4 of them did not succeed" in shown
    assert "--lr 0.1 --act train" in shown
    assert "<code>--lr 0.1 --act train</code>" in winner._repr_html_()


@pytest.mark.slow
def test_a_sweep_that_runs_is_looked_at_and_stopped_when_the_context_ends(folder: Path) -> None:
    (folder / "data").mkdir(exist_ok=True)
    with Sweeps(directory=folder, trainer=SCRIPTED) as sweeps:
        started = sweeps.start(
            {"parameters": {"lr": [0.1, 0.2, 0.3]}, "fixed": {"act": "gate"}, "epochs": 2}, name="gated", quiet=True
        )
        eventually(lambda: started.status == "RUNNING" and len(started.leaderboard) == 1)
        assert len(started.metrics) == 2
        assert re.search(r"<b>gated</b> RUNNING <progress .*</progress> 1 of 3 trials ended", started._repr_html_())
        with pytest.raises(NoWinner, match="gated has no winner yet: it is RUNNING"):
            _ = started.winner
        with pytest.raises(InvalidInput, match="the sweep gated is already running"):
            sweeps.start(started.spec, quiet=True)
        assert sweeps.list().set_index("sweep").loc["gated", "status"] == "RUNNING"
        background = psutil.Process(json.loads((folder / "cloud.json").read_bytes())["pid"])
        children = background.children(recursive=True)
    assert psutil.wait_procs([background, *children], timeout=30)[1] == []
    assert sweeps.get("gated").status == "INTERRUPTED"

    (folder / "data" / "go").touch()
    gone_on = sweeps.run(started.spec, quiet=True)
    assert gone_on.leaderboard["status"].tolist() == ["SUCCEEDED"] * 3


INTERRUPTED = """
import sys
from stepsweep import Sweeps
sweeps = Sweeps(directory=sys.argv[1], trainer=sys.argv[2])
print("ready", flush=True)
try:
    sweeps.run({"parameters": {"lr": [0.1]}, "fixed": {"sleep": 600}, "epochs": 1}, name="interrupted")
except KeyboardInterrupt:
    print(sweeps.get("interrupted").status)
"""


@pytest.mark.slow
def test_an_interrupt_of_a_run_leaves_nothing_running(folder: Path) -> None:
    with hearing_signals():
        started = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, str(folder), str(SCRIPTED)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
    with started as process:
        assert process.stderr is not None
        while "1 planned." not in (line := process.stderr.readline()):
            assert line, "it ended before it began"
        background = psutil.Process(json.loads((folder / "cloud.json").read_bytes())["pid"])
        eventually(lambda: running("scripted.py", background.children(recursive=True)))
        children = background.children(recursive=True)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert (process.returncode, out) == (0, "ready\nINTERRUPTED\n"), err
    assert psutil.wait_procs([background, *children], timeout=30)[1] == []


def test_wrong_input_is_raised_with_all_faults(sweeps: Sweeps, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        sweeps.run({"parameters": {"lr": []}, "epochs": 0}, name="a b")
    assert len(raised.value.faults) == 3
    with pytest.raises(InvalidInput) as raised:
        Sweeps(on="moon")
    assert raised.value.faults == ('on: must be "local" or "aws", got "moon"',)
    with pytest.raises(InvalidInput) as raised:
        Sweeps(profile="me", region="x")
    assert raised.value.faults == (
        'profile: does not go with on="local"; leave it out', 'region: does not go with on="local"; leave it out'
    )  # fmt: skip
    with pytest.raises(InvalidInput, match=r"^job_vcpus: must be from 1 to \d+, which this machine has .*, got 0$"):
        Sweeps(job_vcpus=0)
    with pytest.raises(InvalidInput, match="there is no Dockerfile in"):
        Sweeps(directory=tmp_path, trainer=tmp_path).start({"parameters": {"lr": [1]}, "epochs": 1}, quiet=True)
    assert Sweeps(directory=tmp_path / "nowhere").list().empty


def test_a_name_that_another_input_has_is_refused_before_anything_starts(sweeps: Sweeps) -> None:
    first = sweeps.run({"parameters": {"lr": [0.1]}, "epochs": 1}, name="claimed", quiet=True)
    taken = r'^name: the sweep "claimed" is there already and asked for something else \(its field parameters was '
    for begin in (sweeps.start, sweeps.run):
        with pytest.raises(InvalidSweep, match=taken):
            begin({"parameters": {"lr": [0.2]}, "epochs": 1}, name="claimed", quiet=True)
    assert (first.status, first.winner.params) == ("FINISHED", {"lr": 0.1})


@pytest.mark.slow
def test_sweeps_of_two_scripts_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sweeps = Sweeps(directory=tmp_path / "cloud")
    for loss in ("0.5", "0.25"):
        Path(f"train{loss}.py").write_text(f"print('val_loss={loss}')\n")
        asked = {
            "command": f"python train{loss}.py {{lr}}",
            "parameters": {"lr": [1]},
            "objective": "val_loss:minimize",
        }
        assert sweeps.run(asked, name=f"of-{loss[2:]}", quiet=True).winner.value == float(loss)


def test_a_spec_is_a_file_an_object_or_one_that_was_checked_before(sweeps: Sweeps) -> None:
    path = REPOSITORY / "examples" / "tutorial.yaml"
    spec = sweeps.spec(path, name="mine")
    assert isinstance(spec, SweepSpec)
    assert (spec.name, len(spec.parameters)) == ("mine", 2)
    assert sweeps.spec(spec) == spec == sweeps.spec(spec.to_json()) == sweeps.spec(str(path), name="mine")
    assert sweeps.spec({"parameters": {"n": np.arange(1, 4)}, "epochs": 1}).parameters == {"n": (1, 2, 3)}


def test_importing_it_is_light() -> None:
    code = f"import sys, stepsweep; print([name for name in {HEAVY} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_errors_are_of_one_tree() -> None:
    import stepsweep

    kinds = (CloudError, InvalidInput, NoWinner, SweepFailed)
    assert all(issubclass(kind, stepsweep.SweepError) for kind in kinds)
    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", DOCS)) - {"NoTrialSucceeded", "Sweeps", "SweepError"} >= {
        kind.__name__ for kind in kinds
    }
