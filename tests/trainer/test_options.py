"""Options: what is accepted, and what a person reads when it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.trial import Trial
from stepsweep.trainer.options import Options, parse
from tests.support.trainer import Finish


def faults(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(InvalidInput) as caught:
        parse(arguments, default_data_dir="data", default_threads="1", default_device="auto")
    return caught.value.faults


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--lr", "0"], '--lr: must be a finite number > 0, got "0"'),
        (["--lr", "nan"], '--lr: must be a finite number > 0, got "nan"'),
        (["--lr=-inf"], '--lr: must be a finite number > 0, got "-inf"'),
        (["-l", "1_0"], '--lr: must be a finite number > 0, got "1_0"'),
        (["--momentum", "1"], '--momentum: must be a number, 0 <= momentum < 1, got "1"'),
        (["-m", "-0.1"], '--momentum: must be a number, 0 <= momentum < 1, got "-0.1"'),
        (["--weight_decay", "-1"], '--weight-decay: must be a finite number >= 0, got "-1"'),
        (["--epochs", "0"], '--epochs: must be a whole number from 1 to 100000, got "0"'),
        (["-e", "2.5"], '--epochs: must be a whole number from 1 to 100000, got "2.5"'),
        (["--epochs", "١٢"], '--epochs: must be a whole number from 1 to 100000, got "\\u0661\\u0662"'),
        (["--batch-size", "none"], '--batch-size: must be a whole number from 1 to 48000, got "none"'),
        (["--patience", "none"], '--patience: must be a whole number from 0 to 100000, got "none"'),
        (["--threads", "0"], '--threads: must be a whole number from 1 to 1024, got "0"'),
        (["--dataset", "cifar"], '--dataset: must be mnist or fashion-mnist, got "cifar"'),
        (["--precision", "fp16"], '--precision: must be fp32 or bf16, got "fp16"'),
        (["--device", "tpu"], '--device: must be auto or cpu or cuda, got "tpu"'),
        (["--uploadS3", "yes"], '--uploadS3: must be true or false, got "yes"'),
        (
            ["--output", "no/such/folder.csv"],
            '--output: must be a file in a folder that is there, got "no/such/folder.csv"',
        ),
        (["--checkpoint", "."], '--checkpoint: must be a file in a folder that is there, got "."'),
        (["--bach_size", "32"], "--bach_size: no such option; did you mean --batch-size?"),
        (["--bach-size=32"], "--bach-size: no such option; did you mean --batch-size?"),
        (["--epoch", "3"], "--epoch: no such option; did you mean --epochs?"),  # and no abbreviation
        (["3"], '"3": an option\'s name must stand before it; --help lists the options'),
        (["--lr"], "-l/--lr: expected one argument"),
    ],
)
def test_one_fault_is_one_sentence(arguments: list[str], fault: str) -> None:
    assert faults(*arguments) == (fault,)


def test_all_faults_at_once() -> None:
    assert len(faults("--lr", "x", "--momentum", "2", "--nope", "1", "--epochs", "-1")) == 4


def test_what_a_sweep_passes_is_taken_literally(options: Callable[..., Options]) -> None:
    """The names of parameters as a sweep's input has them, values as `Trial.command` writes them."""
    params = {"lr": 1e-05, "momentum": 0, "batch_size": 32, "weight_decay": 0.0005, "patience": 0, "train_images": 800}
    trial = Trial(trial_id="t", params={}, options={**params, "epochs": 3, "seed": 2**32 - 1}, epochs=3)
    made = options(*trial.command())
    assert (made.lr, made.momentum, made.batch_size, made.weight_decay) == (1e-05, 0.0, 32, 0.0005)
    assert (made.patience, made.train_images, made.epochs, made.seed) == (0, 800, 3, 2**32 - 1)


def test_an_absurd_learning_rate_is_accepted(options: Callable[..., Options]) -> None:
    """It diverges, which is a result and not a fault."""
    assert options("--lr", "10000000000").lr == 1e10


@pytest.mark.parametrize(("text", "value"), [("false", False), ("False", False), ("true", True)])
def test_false_is_false(options: Callable[..., Options], text: str, value: bool) -> None:
    assert options("--uploadS3", text).upload_s3 is value


def test_a_person_reads_one_line_a_fault_and_no_traceback(finish: Finish) -> None:
    done = finish("--lr", "fast", "--momentum", "1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        '--lr: must be a finite number > 0, got "fast"',
        '--momentum: must be a number, 0 <= momentum < 1, got "1"',
    ]


JOB = {keys.CHECKPOINT_URI: "s3://b/checkpoints/x-1/", keys.METRICS_URI: "s3://b/trials/x-1/metrics-e10.csv"}


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        ((), {"OMP_NUM_THREADS": "many"}, '--threads: must be a whole number from 1 to 1024, got "many"'),
        (("--uploadS3", "true"), {}, f"--uploadS3: true needs {keys.BUCKET}, the name of a bucket"),
        (("--uploadS3", "true", "--output", "a.csv"), {keys.BUCKET: "b"}, "--output: not with --uploadS3"),
        ((), {keys.CHECKPOINT_URI: JOB[keys.CHECKPOINT_URI]}, f"{keys.METRICS_URI}: must be set too"),
        ((), {keys.METRICS_URI: JOB[keys.METRICS_URI]}, f"{keys.CHECKPOINT_URI}: must be set too"),
        (
            (),
            {**JOB, keys.CHECKPOINT_URI: "https://b/checkpoints/x-1/"},
            f"{keys.CHECKPOINT_URI}: must be s3://BUCKET/checkpoints/TRIAL_ID/",
        ),
        (
            (),
            {**JOB, keys.CHECKPOINT_URI: "s3:///checkpoints/x-1/"},
            f"{keys.CHECKPOINT_URI}: must be s3://BUCKET/checkpoints/TRIAL_ID/",
        ),
        (
            (),
            {**JOB, keys.CHECKPOINT_URI: "s3://b/checkpoints/x/1/"},
            f"{keys.CHECKPOINT_URI}: must be s3://BUCKET/checkpoints/TRIAL_ID/",
        ),
        (("--epochs", "9"), JOB, f"{keys.METRICS_URI}: must be s3://b/trials/x-1/metrics-e9.csv for --epochs 9"),
        (("--output", "a.csv"), JOB, "--output: not in a sweep's job"),
    ],
)
def test_the_environment_has_rules_too(
    finish: Finish, arguments: tuple[str, ...], variables: dict[str, str], told: str
) -> None:
    done = finish(*arguments, **variables)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(told)


def test_missing_data_is_told_with_its_remedy(finish: Finish, tmp_path: Path) -> None:
    done = finish("--dataset", "mnist", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"--dataset: mnist is not ready in {tmp_path}/mnist: there is no train-images-idx3-ubyte; "
        f"run `python -m stepsweep.trainer.fetch --dataset mnist --data-dir {tmp_path}`\n"
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--lr", "fast"]])
def test_help_and_faults_come_without_torch(finish: Finish, arguments: list[str]) -> None:
    done = finish(*arguments, python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "stepsweep.trainer.options" in imported
    assert not imported & {"torch", "torchvision", "numpy", "boto3", "botocore"}


def test_help_names_every_option_and_exit_code(finish: Finish) -> None:
    done = finish("--help")
    assert done.returncode == 0
    for word in ("--lr", "--momentum", "--epochs", "--uploadS3", "--patience", "--batch_size", "75", keys.METRICS_URI):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--folds", "1"), "--folds: must be 0, for none, or 2 to 20 and at most --train-images, got 1"),
        (("--folds", "20", "--train-images", "8"), "--folds: must be 0, for none, or 2 to 20 and at most"),
        (("--folds", "21"), "--folds: must be a whole number from 0 to 20"),
        (("--folds", "5", "--fold", "5"), "--fold: must be a whole number from 0 to 4"),
        (("--fold", "1"), "--fold: must be a whole number from 0 to 0"),
    ],
)
def test_a_fold_is_one_of_those_that_there_are(words: tuple[str, ...], fault: str) -> None:
    assert [found[: len(fault)] for found in faults(*words)] == [fault]
