"""examples/your-trainer: by hand, interrupted, and in a sweep on the embedded cloud that knows nothing of it."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stepsweep.contract import keys
from stepsweep.contract.metrics import Metrics, parse_csv
from tests.proof.image import faults_of_context
from tests.support.clients import client_of
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY
from tests.support.moto_server import running_moto

FOLDER = REPOSITORY / "examples" / "your-trainer"
DOCS = (REPOSITORY / "docs" / "your-trainer.md").read_text()
OPTIONS = ("--hidden", "8", "--alpha", "0.01", "--seed", "3")
METRICS, CHECKPOINTS = "trials/mine/metrics-e4.csv", "checkpoints/mine/"


def popen(*words: str, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPSWEEP_"))}
    return subprocess.Popen(
        [sys.executable, "-B", "-m", "digits", *words],
        cwd=FOLDER,
        env={**clean, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(*words: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    with popen(*words, environment=environment or {}) as process:
        out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def numbers(metrics: Metrics) -> dict[str, list[float]]:
    """Returns the columns that do not depend on the machine's load."""
    return {name: values for name, values in metrics.columns.items() if name != "seconds"}


@pytest.fixture(scope="module")
def by_hand() -> Metrics:
    """Four epochs, trained without a sweep and in one go."""
    ended = ran(*OPTIONS, "--epochs", "4")
    assert ended.returncode == 0, ended.stderr
    text = ended.stdout[ended.stdout.index("epoch,") :]
    return parse_csv(text.encode(), max_epochs=4)


@pytest.fixture(scope="module")
def job() -> Iterator[dict[str, str]]:
    """The environment of a job, whose bucket is moto's."""
    with running_moto() as url:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            keys.METRICS_URI: keys.uri("results", METRICS),
            keys.CHECKPOINT_URI: keys.uri("results", CHECKPOINTS),
        }
        s3(environment).create_bucket(Bucket="results")
        yield environment


def s3(environment: Mapping[str, str]):  # type: ignore[no-untyped-def]
    return client_of("s3", environment)


@pytest.mark.slow
def test_an_interrupted_job_goes_on_to_the_same_numbers_and_never_replaces_them(
    job: Mapping[str, str], by_hand: Metrics
) -> None:
    with popen(*OPTIONS, "--epochs", "100000", environment=job) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch 1/100000")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 75
    client = s3(job)
    assert [item["Key"] for item in client.list_objects_v2(Bucket="results")["Contents"]] == [
        f"{CHECKPOINTS}model.json"
    ]
    ended = ran(*OPTIONS, "--epochs", "4", environment=job)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("going on after epoch ")
    data = client.get_object(Bucket="results", Key=METRICS)["Body"].read()
    assert numbers(parse_csv(data, max_epochs=4)) == numbers(by_hand)
    assert by_hand.columns["val_log_loss"][-1] < by_hand.columns["val_log_loss"][0]

    again = ran(*OPTIONS, "--epochs", "4", environment=job)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "the metrics are there already")
    assert client.get_object(Bucket="results", Key=METRICS)["Body"].read() == data


@pytest.mark.parametrize("words", [("--hiden", "8"), ("--alpha", "nan"), ("--hidden", "0"), ("--hidden", "x")])
def test_wrong_options_are_code_2_and_a_line(words: tuple[str, ...]) -> None:
    ended = ran(*words, "--epochs", "1", "--seed", "0")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)


def test_it_is_somebody_elses_code() -> None:
    """What it imports is the standard library or stands in its own requirements; nothing of ours."""
    tree = ast.parse((FOLDER / "digits.py").read_text())
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    others = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    pinned = re.findall(r"^([a-z0-9-]+)==", (FOLDER / "requirements.txt").read_text(), re.MULTILINE)
    assert others == {name.replace("scikit-learn", "sklearn") for name in pinned}
    locked = re.findall(r"^([a-z0-9-]+==\S+)", (FOLDER / "requirements.lock").read_text(), re.MULTILINE)
    assert set((FOLDER / "requirements.txt").read_text().split()) <= set(locked)


def test_the_docs_name_what_a_job_is_given() -> None:
    given = {keys.METRICS_URI, keys.CHECKPOINT_URI, keys.ARTIFACTS_URI}
    assert given <= set(re.findall(r"STEPSWEEP_\w+", DOCS)) <= {*given, keys.MEDIANS, "STEPSWEEP_TRAINER"}


@pytest.mark.parametrize(
    ("dockerfile", "fault"),
    [
        (None, "--trainer: there is no Dockerfile in theirs"),
        ("FROM x\nENTRYPOINT run on\n", "the trainer's Dockerfile: its ENTRYPOINT must be a JSON list"),
    ],
)
def test_a_folder_that_is_no_trainer_is_refused_before_anything_starts(
    tmp_path: Path, dockerfile: str | None, fault: str
) -> None:
    (tmp_path / "theirs").mkdir()
    if dockerfile:
        (tmp_path / "theirs" / "Dockerfile").write_text(dockerfile)
    ended = Sweep(folder=tmp_path)("run", "--set", "a=1", "--epochs", "1", "--trainer", "theirs")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert ended.stderr.startswith(f"sweep: {fault}")
    assert "Starting the embedded cloud" not in ended.stdout


@pytest.mark.slow
def test_a_sweep_runs_it_and_its_image_holds_nothing_of_ours(tmp_path: Path) -> None:
    sweep = Sweep(folder=tmp_path)
    spec = ("run", str(REPOSITORY / "examples" / "digits.yaml"), "--trainer", str(FOLDER), "--epochs", "4", "--json")
    refused = sweep(*spec, "--set", "hiden=8,16")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-2:] == [
        "sweep: unrecognized arguments: --hiden 8",
        "sweep: unrecognized arguments: --hiden 16",
    ]
    ended = sweep(*spec, "--set", "hidden=8", "--set", "alpha=0.01,1", "--fixed", "step=0.01", "--seed", "3")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["winner"]["options"] == "--hidden 8 --alpha 0.01"
    assert document["objective"] == {"metric": "val_log_loss", "direction": "minimize", "at": "best"}

    bucket = next((tmp_path / ".stepsweep" / "s3").iterdir())
    trial_id = document["winner"]["trial_id"]
    assert (bucket / "checkpoints" / trial_id / "model.json").exists()
    (assembly,) = (tmp_path / ".stepsweep" / "templates").glob("assembly-*")
    assert list(faults_of_context(assembly)) == []
    manifest = json.loads(next(assembly.glob("*.assets.json")).read_bytes())
    (image,) = manifest["dockerImages"].values()
    sent = {path.name for path in (assembly / image["source"]["directory"]).iterdir()}
    assert sent - {".dockerignore", "__pycache__"} == {"Dockerfile", "digits.py", "requirements.lock"}
