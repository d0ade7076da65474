"""`stepsweep-trial` as it is run: a real process around a script, against S3 over HTTP."""

import ast
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Any

import pytest

import stepsweep.trial
from stepsweep.contract.metrics import parse_csv
from stepsweep.trial.__main__ import main
from tests.support.kit import Kit
from tests.support.trainer import BUCKET, environment, job_environment

MODULE = ["-m", "stepsweep.trial"]
WRAPPER = [sys.executable, *MODULE]
SOURCES = str(Path(stepsweep.trial.__file__).parents[2])
TRIAL = ["--lr", "0.1", "--epochs", "2", "--seed", "0"]
ECHO = "import sys, os; print(sys.argv[1:]); print('epoch 1 val_loss=0.5\\nepoch 2 val_loss=0.25')"

MNIST = r"""
for epoch in (1, 2):
    for batch in (0, 640):
        print(f"Train Epoch: {epoch} [{batch}/60000 ({batch / 600:.0f}%)]\tLoss: {2.0 / (epoch + batch):.6f}")
    print(f"\nTest set: Average loss: {0.1 / epoch:.4f}, Accuracy: {9000 + epoch}/10000 (90%)\n")
"""


def words_of(*own: str, code: str = ECHO, trial: Sequence[str] = TRIAL) -> list[str]:
    return [*own, "--", sys.executable, "-c", f"exec({code!r})".replace("{", r"\x7b"), "{args}", *trial]


def columns(kit: Kit, code: str, *own: str, epochs: int = 2) -> dict[str, list[float]]:
    file = kit.folder / "metrics.csv"
    file.unlink(missing_ok=True)
    trial = ["--lr", "0.1", "--epochs", str(epochs), "--seed", "0"]
    ended = kit(*words_of(*own, code=code, trial=trial), STEPSWEEP_METRICS_URI=str(file))
    assert ended.returncode == 0, ended.stderr
    return parse_csv(file.read_bytes(), max_epochs=epochs).columns


@pytest.mark.parametrize("file", sorted(Path(stepsweep.trial.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_the_syntax_is_that_of_python_3_9(file: Path) -> None:
    ast.parse(file.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize(
    ("own", "passed"),
    [
        ([], ["--lr", "0.1", "--epochs", "2", "--seed", "0"]),
        (["--style", "--name=value"], ["--lr=0.1", "--epochs=2", "--seed=0"]),
        (["--style", "name=value", "--no-seed"], ["lr=0.1", "epochs=2"]),
        (["--epochs-as", "max_iter", "--no-seed"], ["--lr", "0.1", "--max_iter", "2"]),
        (["--style", "env"], []),
    ],
)
def test_options_reach_the_script_in_its_dialect(kit: Kit, own: list[str], passed: list[str]) -> None:
    own = [f"--style={own[1]}", *own[2:]] if own[:1] == ["--style"] else own
    ended = kit(*words_of(*own))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0] == str(passed)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["python", "train.py", "--lr", "0.1"], "{args}: missing"),
        (["python", "{args}", "--lr"], "--lr: a value is missing"),
        (["python", "{args}", "lr", "0.1"], "'lr': a trial's options are"),
        (["python", "{momentum}", "{args}", "--lr", "0.1"], "{momentum}: the trial has no option --momentum"),
        (["{args}", "--lr", "0.1"], "{args}: no command stands before it"),
    ],
)
def test_a_wrong_command_is_named(kit: Kit, words: list[str], fault: str) -> None:
    ended = kit("--", *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"stepsweep-trial: {fault}")


def test_a_placeholder_takes_its_option_from_the_rest(kit: Kit) -> None:
    ended = kit("--", sys.executable, "-c", ECHO, "opt:{lr}", "--", "--lr", "0.1", "--epochs", "2")
    assert ended.stdout.splitlines()[0] == "['opt:0.1']"


def test_the_log_of_pytorchs_mnist_example(kit: Kit) -> None:
    found = columns(kit, MNIST)
    assert found["loss"] == [0.1, 0.05]
    assert found["Accuracy"] == [0.9001, 0.9002]
    assert len(found["Loss"]) == 2


def test_lines_of_lightgbm(kit: Kit) -> None:
    code = r"for i in (1, 2): print(f'[{i}]\ttraining\'s auc: {i / 4}\tvalid_1\'s auc: {i / 8}')"
    assert columns(kit, code) == {"epoch": [1, 2], "training_auc": [0.25, 0.5], "valid_1_auc": [0.125, 0.25]}


@pytest.mark.parametrize(
    "code",
    [
        r"for i in (0, 1): print(f'Epoch {i}: val_loss=9 \r val_loss=\033[1m{i + 0.5}\033[0m')",
        r"for i in (1, 2): print(f'epoch {i}/2 val_loss: np.float64({i - 0.5})')",
        r"import json; [print(json.dumps({'epoch': i, 'val_loss': i - 0.5})) for i in (1, 2)]",
        r"for i in (0.5, 1.5): print(f'val_loss={i}')",
    ],
)
def test_what_counts_as_a_metric(kit: Kit, code: str) -> None:
    assert columns(kit, code) == {"epoch": [1, 2], "val_loss": [0.5, 1.5]}


def test_a_warning_of_python_is_no_metric(kit: Kit) -> None:
    """scikit-learn 1.8 warns with "Use l1_ratio=0 instead": that was the winner's metric."""
    code = """import sys, warnings
warnings.warn("use l1_ratio=0 instead, or l1_ratio=1", FutureWarning)
print("fit.py:3: UserWarning: alpha=0 is odd\\n  fit(beta=1)", file=sys.stderr)
print("accuracy: 0.5")"""
    assert columns(kit, code) == {"epoch": [1], "accuracy": [0.5]}


def test_one_number_and_no_epoch_is_one_row(kit: Kit) -> None:
    assert columns(kit, "print('val_auc=0.9')") == {"epoch": [1], "val_auc": [0.9]}


def test_a_line_that_names_its_epoch_may_come_late(kit: Kit) -> None:
    code = "print('epoch 1 loss=3'); print('epoch 2 loss=2'); print('epoch 1 val_loss=1'); print('epoch 2 val_loss=0')"
    assert columns(kit, code) == {"epoch": [1, 2], "loss": [3, 2], "val_loss": [1, 0]}


def test_a_name_printed_more_often_than_the_others_has_its_last_value_of_the_epoch(kit: Kit) -> None:
    code = "for value in range(2): print('loss=9'); print(f'loss={value}'); print(f'val_loss={value + 0.5}')"
    assert columns(kit, code) == {"epoch": [1, 2], "loss": [0, 1], "val_loss": [0.5, 1.5]}


def test_steps_in_place_of_epochs_are_too_many_rows(kit: Kit) -> None:
    ended = kit(*words_of(code="for step in range(50): print(f'step={step} loss=1')"))
    assert ended.returncode == 1
    assert "found 50 epochs, and only 2 were asked for" in ended.stderr


def test_a_named_metric_and_a_column_with_gaps(kit: Kit) -> None:
    code = "print('epoch 1 a=1 b=2'); print('epoch 2 a=3')"
    assert str(columns(kit, code)) == str({"epoch": [1.0, 2.0], "a": [1.0, 3.0], "b": [2.0, math.nan]})
    code = "print('epoch 1 b=1'); print('epoch 2 c=2'); print('epoch 3 b=2')"
    found = columns(kit, code, "--metric", r"b=b=(\d+)", epochs=3)
    assert str(found) == str({"epoch": [1.0, 2.0, 3.0], "b": [1.0, math.nan, 2.0]})


def test_no_metrics_is_a_failure_that_says_what_to_print(kit: Kit) -> None:
    ended = kit(*words_of(code="print('hello')"))
    assert ended.returncode == 1
    assert "hello" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("stepsweep-trial: found no metrics; looked for `name=value`")


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(3)", 3), ("sys.exit(75)", 75), ("os.kill(os.getpid(), 9)", 128 + 9)]
)
def test_exit_codes(kit: Kit, end: str, code: int) -> None:
    file = kit.folder / "metrics.csv"
    words = words_of(code=f"import os, sys; print('epoch 1 a=1'); {end}")
    ended = kit(*words, STEPSWEEP_METRICS_URI=str(file))
    assert ended.returncode == code
    assert not file.exists()


def test_sigterm_reaches_the_script() -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(75)); print('ready'); signal.pause()"
    words = [*WRAPPER, "--", sys.executable, "-c", code, "{args}", *TRIAL]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 75


def test_the_csv_is_written_to_s3_once(endpoint: str, s3: Any) -> None:
    job = environment(**job_environment(endpoint, trial_id="mine", epochs=2))

    def ended(code: str) -> "subprocess.CompletedProcess[str]":
        words = [*WRAPPER, *words_of(code=code)]
        return subprocess.run(words, env=job, capture_output=True, text=True, check=False, timeout=60)

    first = ended(ECHO)
    assert first.returncode == 0, first.stderr
    second = ended(ECHO.replace("0.25", "0.75"))
    assert second.returncode == 0, second.stderr
    assert "exists already" in second.stdout
    body = s3.get_object(Bucket=BUCKET, Key="trials/mine/metrics-e2.csv")["Body"].read()
    assert body == b"epoch,val_loss\n1,0.5\n2,0.25\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "epoch,step,train_loss,val_loss\n0,1,0.9,\n0,1,,0.5\n1,2,0.8,\n1,2,,0.25\n"),
        (
            "m.jsonl",
            '{"epoch": 1, "train_loss": 0.9, "val_loss": 0.5}\n{"epoch": 2, "train_loss": 0.8, "val_loss": 0.25}\n',
        ),
        (
            "trainer_state.json",
            '{"log_history": [{"epoch": 0.5, "train_loss": 0.9}, {"epoch": 1.0, "val_loss": 0.5},'
            ' {"epoch": 1.5, "train_loss": 0.8}, {"epoch": 2.0, "val_loss": 0.25}]}',
        ),
        ("history.json", '{"train_loss": [0.9, 0.8], "val_loss": [0.5, 0.25], "0": {"f1": 1}, "epoch": [0, 1]}'),
        ("one.json", '{\n"epoch": 2, "train_loss": 0.8,\n"val_loss": 0.25}'),
        (
            "rows.json",
            '[{"epoch": 1, "train_loss": 0.9, "val_loss": 0.5}, {"train_loss": 0.8, "val_loss": 0.25, "epoch": 2}]',
        ),
    ],
)
def test_metrics_of_a_file(kit: Kit, name: str, text: str) -> None:
    code = f"print('epoch 1 other=1'); open({name!r}, 'w').write({text!r})"
    found = columns(kit, code, "--metrics-file", name)
    first = (nan, nan) if name == "one.json" else (0.9, 0.5)
    expected = {"epoch": [1, 2], "train_loss": [first[0], 0.8], "val_loss": [first[1], 0.25]}
    assert found == {column: pytest.approx(values, nan_ok=True) for column, values in expected.items()}


def test_tensorboard_is_asked_for_before_anything_is_trained(tmp_path: Path) -> None:
    words = [sys.executable, "-S", *MODULE, *words_of("--tensorboard", "runs", "--mlflow", "mlruns")]
    bare = environment(PYTHONPATH=SOURCES)
    ended = subprocess.run(words, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        "stepsweep-trial: --tensorboard: cannot go with --mlflow; leave one out",
        f"stepsweep-trial: --tensorboard: needs the package tensorboard: {sys.executable} -m pip install tensorboard",
    ]


def test_a_file_and_a_pattern_do_not_go_together(kit: Kit) -> None:
    ended = kit(*words_of("--metrics-file", "m.csv", "--metric", "a=a=(.*)"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("stepsweep-trial: --metrics-file: cannot go with --metric")


def test_the_help_has_every_option_with_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    usage, about, text = capsys.readouterr().out.split("\n\n")
    options = re.split(r"\n +(?=-)", text.replace("-h, ", ""))[1:]
    assert usage == "usage: stepsweep-trial [options] -- COMMAND ... {args}"
    assert (
        " ".join(about.split())
        == "Runs a command as a trial: translates its options, and reads metrics from its output."
    )
    assert [" ".join(option.split()) for option in options] == [
        "--help show this help message and exit",
        "--python PATH the interpreter that runs the command's python",
        "--style {--name value,--name=value,name=value,hydra,env} how options reach the command",
        "--dashes batch_size becomes batch-size",
        "--booleans {value,flag,no-flag} true and false",
        "--lists {json,comma,space,repeat} [64,64] as one value",
        "--nulls {omit,value} leave null out, or pass it; the style says which by default",
        "--into PATH the command's configuration file gets its options",
        "--epochs-as NAME the command's name for epochs",
        "--no-epochs the command has no option for epochs",
        "--seed-as NAME the command's name for the seed",
        "--no-seed the command has no option for the seed",
        "--metric NAME=REGEX where a metric is printed",
        "--metrics-file PATH CSV, JSON lines or trainer_state.json, read at the end",
        "--tensorboard DIR the folder of TensorBoard's event files",
        "--mlflow PATH mlflow.db, mlruns, or the folder that has one of them",
        "--epoch REGEX where the epoch is printed",
    ]
