"""`from stepsweep import trial` in a script: by hand, and under the wrapper."""

import ast
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep.contract.metrics import parse_csv
from tests.support.trainer import environment

WRAPPER = [sys.executable, "-m", "stepsweep.trial", "--"]
IMPORTED = ["stepsweep", *(f"stepsweep.trial{name}" for name in ("", ".names", ".script", ".values"))]
TRIAL = ["--lr", "0.1", "--layers", "[64, 64]", "--name", "a b", "--nesterov", "true", "--epochs", "2", "--seed", "0"]

LOOP = """
from stepsweep import trial
for epoch in range(1, trial.params["epochs"] + 1):
    print(f"epoch 9 val_loss=9, which is only printed")
    assert not trial.report(val_loss=trial.params["lr"] * epoch, epoch=epoch)
"""


def script(tmp_path: Path, code: str) -> list[str]:
    (tmp_path / "train.py").write_text(code)
    return [sys.executable, "train.py"]


def by_hand(tmp_path: Path, code: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*script(tmp_path, code), *words], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )


def wrapped(
    tmp_path: Path, code: str, **more: str
) -> tuple["subprocess.CompletedProcess[str]", dict[str, list[float]]]:
    file = tmp_path / "metrics.csv"
    ended = subprocess.run(
        [*WRAPPER, *script(tmp_path, code), "{args}", *TRIAL],
        cwd=tmp_path,
        env=environment(STEPSWEEP_METRICS_URI=str(file), **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ended, parse_csv(file.read_bytes(), max_epochs=2).columns if file.exists() else {}


def test_the_import_is_light() -> None:
    code = (
        "import sys; import stepsweep.trial; print(sorted({name.split('.')[0] for name in sys.modules}"
        " - set(sys.stdlib_module_names) - {'__main__', '_virtualenv'}));"
        "print(sorted(name for name in sys.modules if name.startswith('stepsweep')))"
    )
    out = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=path()
    ).stdout
    packages, modules = out.splitlines()
    assert packages == "['stepsweep']"
    assert modules == str(IMPORTED)


@pytest.mark.parametrize("module", IMPORTED)
def test_what_a_script_imports_is_python_3_9(module: str) -> None:
    file = importlib.import_module(module).__file__
    assert file is not None
    ast.parse(Path(file).read_text(), feature_version=(3, 9))


def path() -> dict[str, str]:
    import stepsweep

    return environment(PYTHONPATH=str(Path(stepsweep.__file__).parent.parent))


def test_params_have_types_and_a_report_counts_before_what_is_printed(tmp_path: Path) -> None:
    shown = "\nprint({name: trial.params[name] for name in sorted(trial.params)})"
    ended, columns = wrapped(tmp_path, LOOP + shown)
    assert ended.returncode == 0, ended.stderr
    assert columns == {"epoch": [1, 2], "val_loss": [0.1, 0.2]}
    expected = {"epochs": 2, "layers": [64, 64], "lr": 0.1, "name": "a b", "nesterov": True, "seed": 0}
    assert ended.stdout.splitlines()[-2] == str(expected)


def test_by_hand_params_are_those_of_the_command_line_and_a_report_is_printed(tmp_path: Path) -> None:
    ended = by_hand(tmp_path, LOOP, "--lr", "0.5", "--epochs=1", "--verbose")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "epoch 1 val_loss=0.5"


def test_scalars_of_numpy_and_torch_are_numbers(tmp_path: Path) -> None:
    code = """
import numpy, torch
from stepsweep import trial
for epoch in (0, 1):
    loss = torch.nn.functional.mse_loss(torch.ones(2, requires_grad=True), torch.zeros(2))
    more = {"loss": loss, "nan": float("nan"), "count": numpy.int64(3)}
    trial.report({"val/acc": numpy.float32(0.5)}, **more, epoch=numpy.int64(epoch))
"""
    ended, columns = wrapped(tmp_path, code)
    assert ended.returncode == 0, ended.stderr
    assert columns["epoch"] == [1, 2]
    assert columns["val/acc"] == [0.5, 0.5]
    assert columns["loss"] == [1.0, 1.0]
    assert columns["count"] == [3, 3]
    assert str(columns["nan"]) == "[nan, nan]"


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("trial.report(val_loss='low')", "TypeError: trial.report: val_loss is 'low', which is not a number"),
        ("trial.report(val_loss=[1, 2])", "TypeError: trial.report: val_loss is [1, 2], which is not a number"),
        ("trial.report(a=1, epoch=-1)", "ValueError: trial.report: epoch must be a number from 0, got -1"),
        ("trial.report()", "ValueError: trial.report: no metrics"),
    ],
)
def test_what_is_no_metric_is_named(tmp_path: Path, call: str, fault: str) -> None:
    ended = by_hand(tmp_path, f"from stepsweep import trial\n{call}")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(fault)


@pytest.mark.parametrize(
    ("function", "columns"),
    [
        ("def train(lr, **rest): return lr * 2", {"epoch": [1], "score": [0.2]}),
        ("def train(lr, layers, name, nesterov): return {'auc': lr}", {"epoch": [1], "auc": [0.1]}),
        (
            "def train(lr, epochs, **rest):\n for i in range(epochs): trial.report(a=i)\n return 7",
            {"epoch": [1, 2], "a": [0, 1]},
        ),
    ],
)
def test_a_function_is_called_with_the_params(tmp_path: Path, function: str, columns: dict[str, list[float]]) -> None:
    ended, found = wrapped(tmp_path, f"from stepsweep import trial\n{function}\ntrial.main(train)")
    assert ended.returncode == 0, ended.stderr
    assert found == columns


def test_a_function_with_other_arguments_is_told_all_faults(tmp_path: Path) -> None:
    code = "from stepsweep import trial\ndef train(lr, width): return 1\ntrial.main(train)"
    ended = by_hand(tmp_path, code, "--lr", "1", "--depth", "2", "--epochs", "3")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "--depth: train() takes no depth, it takes lr, width",
        "--width: missing, and train() needs it",
    ]


def test_report_asks_to_stop_after_sigterm_and_the_trial_is_tried_again(tmp_path: Path) -> None:
    code = """
import itertools, time
from stepsweep import trial
for epoch in itertools.count(1):
    if trial.report(val_loss=1, epoch=1):
        break
    time.sleep(0.05)
"""
    file = tmp_path / "metrics.csv"
    words = [*WRAPPER, *script(tmp_path, code), "{args}", *TRIAL]
    env = environment(STEPSWEEP_METRICS_URI=str(file))
    with subprocess.Popen(
        words, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "epoch 1 val_loss=1.0\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert err.splitlines()[-1] == "stepsweep-trial: interrupted with metrics of epoch 1 of 2"
    assert not file.exists()


def test_workers_of_a_script_that_reports_still_end_at_sigterm(tmp_path: Path) -> None:
    code = """
import multiprocessing, time
from stepsweep import trial
trial.report(a=1)
worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
worker.start()
worker.terminate()
worker.join()
trial.report(a=-worker.exitcode)
"""
    ended, columns = wrapped(tmp_path, code)
    assert ended.returncode == 0, ended.stderr
    assert columns["a"] == [1, signal.SIGTERM]


def test_one_process_of_a_distributed_training_reports(tmp_path: Path) -> None:
    code = """
import os, subprocess, sys
from stepsweep import trial
if "RANK" not in os.environ:
    for rank in "10":
        subprocess.run([sys.executable, *sys.argv], env={**os.environ, "RANK": rank}, check=True)
else:
    trial.report(rank=int(os.environ["RANK"]))
"""
    assert wrapped(tmp_path, code)[1] == {"epoch": [1], "rank": [0]}


def test_artifacts_and_checkpoints_by_hand(tmp_path: Path) -> None:
    code = """
from stepsweep import trial
(trial.checkpoint_dir / "a").write_text("")
print(trial.checkpoint_dir)
(trial.artifacts_dir / "model").write_text("weights")
print("score=1")
"""
    ended = by_hand(tmp_path, code)
    assert ended.returncode == 0, ended.stderr
    assert not Path(ended.stdout.splitlines()[0]).exists()
    assert (tmp_path / "artifacts" / "model").read_text() == "weights"
    (tmp_path / "artifacts" / "model").unlink()
    ended, _ = wrapped(tmp_path, code)
    assert ended.returncode == 0, ended.stderr
    assert not Path(ended.stdout.splitlines()[0]).exists()
    assert (tmp_path / "artifacts" / "model").read_text() == "weights"
    assert sorted(os.listdir(tmp_path)) == ["artifacts", "metrics.csv", "train.py"]  # noqa: PTH208


def test_a_python_without_stepsweep_finds_the_library_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "own")], check=True)
    code = """
import importlib.util
from stepsweep import trial
assert not importlib.util.find_spec("boto3")
trial.report(lr=trial.params["lr"])
"""
    (tmp_path / "train.py").write_text(code)
    python = str(tmp_path / "own" / "bin" / "python")
    words = [*WRAPPER, python, "train.py", "{args}", *TRIAL]
    env = environment(STEPSWEEP_METRICS_URI="metrics.csv")
    ended = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "metrics.csv").read_text() == "epoch,lr\n1,0.1\n"
