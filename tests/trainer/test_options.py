"""Options: what is accepted, and what a person reads when it is not."""

import re
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
        (["--epochs", "١٢"], '--epochs: must be a whole number from 1 to 100000, got "١٢"'),
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


def test_without_options_a_trial_is_the_tutorial_s() -> None:
    made = parse([], default_data_dir="data", default_threads="3", default_device="cpu")
    assert made == Options(
        lr=0.01, momentum=0.5, weight_decay=0.0, epochs=10, batch_size=64, patience=5, seed=0, dataset="mnist",
        train_images=48_000, folds=0, fold=0, device="cpu", precision="fp32", threads=3, data_dir=Path("data"),
        upload_s3=None, output=None, checkpoint=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("epochs", 1, 100_000), ("batch-size", 1, 48_000), ("patience", 0, 100_000), ("seed", 0, 2**32 - 1),
        ("train-images", 8, 48_000), ("folds", 2, 20), ("threads", 1, 1024),
    ],
)  # fmt: skip
def test_the_least_and_the_most_of_a_number(options: Callable[..., Options], name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(options("--train-images", "48000", f"--{name}", str(value)), name.replace("-", "_")) == value
    least = 0 if name == "folds" else low
    for value in (least - 1, high + 1):
        assert faults(f"--{name}", str(value)) == (
            f'--{name}: must be a whole number from {least} to {high}, got "{value}"',
        )


def test_every_option_is_read_by_each_of_its_names(options: Callable[..., Options], tmp_path: Path) -> None:
    files = ("--output", str(tmp_path / "m.csv"), "--checkpoint", str(tmp_path / "kept.pt"))
    words = "-l 0.5 -m 0.25 --weight_decay=0.125 -e 3 --batch_size 8 --train_images 80 --folds 4 --fold 3 -u true"
    made = options(*words.split(), "--data_dir", "here", "--device", "cuda", "--precision", "bf16", *files)
    assert (made.lr, made.momentum, made.weight_decay, made.epochs, made.batch_size) == (0.5, 0.25, 0.125, 3, 8)
    assert (made.train_images, made.folds, made.fold, made.upload_s3, made.data_dir) == (80, 4, 3, True, Path("here"))
    assert (made.device, made.precision) == ("cuda", "bf16")
    assert (made.output, made.checkpoint) == (tmp_path / "m.csv", tmp_path / "kept.pt")
    assert options("--fold", "0", "--momentum", "0", "--weight-decay", "0").momentum == 0


def test_what_is_no_option_is_named_without_its_value() -> None:
    assert faults("--zzz", "1", "--lrr=2", "x", "y") == (
        "--zzz: no such option; --help lists the options",
        "--lrr: no such option; did you mean --lr?",
        '"x": an option\'s name must stand before it; --help lists the options',
        '"y": an option\'s name must stand before it; --help lists the options',
    )


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


def test_the_help_has_every_option_with_its_default_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"], default_data_dir="data", default_threads="3", default_device="auto")
    assert ended.value.code == 0
    usage, about, text, codes, job = capsys.readouterr().out.split("\n\n")
    assert usage.startswith("usage: python -m stepsweep.trainer [-h] [-l X] [-m X] [--weight-decay X]")
    assert about == "Train the MNIST tutorial's network once, and write one row per epoch to a CSV."
    options = (" ".join(option.split()) for option in re.split(r"\n  (?=-)", text)[1:])
    # Until Python 3.13 what an option takes stands behind each of its names.
    assert [re.sub(r"(--?[\w-]+) \S+(?=, -)", r"\1", option) for option in options] == [
        "-h, --help show this help message and exit",
        "-l, --lr X learning rate, > 0 (default 0.01)",
        "-m, --momentum X momentum of SGD, 0 <= X < 1 (default 0.5)",
        "--weight-decay, --weight_decay X L2 penalty, >= 0 (default 0)",
        "-e, --epochs N the most epochs to train (default 10)",
        "--batch-size, --batch_size N images a step (default 64)",
        "--patience N stop after N epochs without a lower val_loss; 0: never (default 5)",
        "--seed N decides initial weights, order and dropout; the split is fixed (default 0)",
        "--dataset mnist|fashion-mnist what to train on (default mnist)",
        "--train-images, --train_images N a subset: always the same N, with validation and test images in proportion "
        "(default 48000)",
        "--folds N split the images into N parts for cross-validation; 0: no folds (default 0)",
        "--fold K with --folds: validate on part K, from 0, and train on the others (default 0)",
        "--data-dir, --data_dir DIR where `python -m stepsweep.trainer.fetch` put data (default data)",
        "--device auto|cpu|cuda auto uses the GPU if there is one (default auto)",
        "--precision fp32|bf16 of the layers; bf16 if the machine supports it (default fp32)",
        "--threads N CPU threads; another number gives other last digits (default 3)",
        "--output FILE the CSV; by default its name is made of lr, momentum and epochs",
        "--checkpoint FILE save the state to this file, and continue from it",
        "-u, --uploadS3 true|false write to S3; by default only in a sweep's job",
    ]
    assert codes.startswith("Exit codes: 0 finished, also when the trial diverged")
    assert "75 ended by SIGTERM or Ctrl-C; the same command continues from the checkpoint" in codes
    assert job.startswith(f"In a sweep's job ({keys.METRICS_URI} and {keys.CHECKPOINT_URI} are set) results and")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--folds", "1"), "--folds: must be 0, for none, or 2 to 20 and at most --train-images, got 1"),
        (
            ("--folds", "20", "--train-images", "8"),
            "--folds: must be 0, for none, or 2 to 20 and at most --train-images, got 20",
        ),
        (("--folds", "21"), '--folds: must be a whole number from 0 to 20, got "21"'),
        (("--folds", "5", "--fold", "5"), '--fold: must be a whole number from 0 to 4, got "5"'),
        (("--fold", "1"), '--fold: must be a whole number from 0 to 0, got "1"'),
    ],
)
def test_a_fold_is_one_of_those_that_there_are(words: tuple[str, ...], fault: str) -> None:
    assert faults(*words) == (fault,)
