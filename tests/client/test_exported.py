"""All that an export leaves in TensorBoard's event files and in MLflow: each value, time, text and tag."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata
from tensorboard.util.tensor_util import make_ndarray

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.export import mlflow, tensorboard
from stepsweep.client.running.control import Found
from stepsweep.contract import keys
from tests.support.kept import compare
from tests.support.mlflow_store import new_store
from tests.support.recorded import BEGAN, RecordedCloud

KEPT = Path(__file__).parent / "exports"
PLANNED = BEGAN - 60_000
ASKED: dict[str, Any] = {
    "parameters": {"lr": [0.1, 0.01], "act": ["relu", True]}, "epochs": 2, "fixed": {"dataset": "mnist"},
    "artifacts": ["*.pt"],
}  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    """A sweep whose trials won, diverged, failed, and have no seconds, in this order; it has a note."""
    cloud = RecordedCloud(directory=tmp_path / "cloud")
    trials = cloud.planned("mine", started_at=datetime.fromtimestamp(PLANNED / 1000, UTC), **ASKED)
    cloud.succeeded("mine", trials[0], {"val_accuracy": [0.5, 0.75], "seconds": [2.0, 3.5]})
    cloud.succeeded("mine", trials[1], {"val_accuracy": [1e300, float("nan")], "seconds": [float("inf"), 3.5]})
    cloud.failed("mine", trials[2], "no", began=9)
    cloud.succeeded("mine", trials[3], {"val_accuracy": [0.25, 0.5]})
    cloud.left(trials[0], {"best.pt": "model", "out/last.pt": "last"})
    cloud.reduced("mine")
    note = {"schema": 1, "written_at": "2026-11-29T10:00:00+00:00", "text": "try *warmup*\nnext"}
    cloud.bucket.put_json(keys.note_key("mine"), note)
    return cloud


def found(recorded: RecordedCloud) -> Found:
    cloud = Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )
    return Found(cloud.recorded(), None)


def at(seconds: float) -> str:
    """Returns a time as seconds since the sweep was planned."""
    return f"{seconds - PLANNED / 1000:+.1f} s"


# --- TensorBoard


def events(run: Path) -> Iterator[str]:
    (file,) = run.glob("events.out.tfevents.*")
    for event in EventFileLoader(str(file)).Load():
        for value in event.summary.value:
            yield f"  {at(event.wall_time)} step {event.step} {value.tag}: {said(value)}"


def said(value: Any) -> str:
    plugin = value.metadata.plugin_data
    if plugin.plugin_name != "hparams":
        content = make_ndarray(value.tensor).item()
        return f"{content.decode()!r}" if isinstance(content, bytes) else f"{content:g}"
    parsed: Any
    if value.tag == metadata.SESSION_START_INFO_TAG:
        parsed = metadata.parse_session_start_info_plugin_data(plugin.content)
        hparams = sorted(f"{name}: {words(each)}" for name, each in parsed.hparams.items())
        return f"{', '.join(hparams)}, of {parsed.group_name}, {at(parsed.start_time_secs)}"
    if value.tag == metadata.SESSION_END_INFO_TAG:
        parsed = metadata.parse_session_end_info_plugin_data(plugin.content)
        return f"{words(parsed).partition(' end_time')[0]}, {at(parsed.end_time_secs)}"
    parsed = metadata.parse_experiment_plugin_data(plugin.content)
    return f"{words(parsed).replace(f'{parsed.time_created_secs}', at(parsed.time_created_secs))}"


def words(message: Any) -> str:
    return " ".join(str(message).split())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files_have_each_value_at_its_time(recorded: RecordedCloud, tmp_path: Path) -> None:
    done = tensorboard.export(found(recorded), "mine", folder=tmp_path / "runs")
    assert (done.sweep, done.folder) == ("mine", tmp_path / "runs" / "mine")
    lines = []
    for run in [done.folder, *sorted(each for each in done.folder.iterdir() if each.is_dir())]:
        lines += [run.name, *events(run)]
    compare(lines, KEPT / "tensorboard.txt")


# --- MLflow


def of(client: Any) -> str:
    """Returns the id of the only experiment."""
    (experiment,) = [each for each in client.search_experiments() if each.name != "Default"]
    return str(experiment.experiment_id)


def runs(store: str) -> Iterator[str]:
    from mlflow.tracking import MlflowClient  # it imports for seconds

    client = MlflowClient(store)
    yield f"experiment {client.get_experiment(of(client)).name}"
    there = client.search_runs([of(client)])
    (parent,) = [run for run in there if "mlflow.parentRunId" not in run.data.tags]
    for run in sorted(there, key=lambda run: str(run.data.tags.get("stepsweep.trial_id", ""))):
        began, ended = run.info.start_time / 1000, run.info.end_time / 1000
        yield f"{run.info.run_name}: {run.info.status}, {at(began)} to {at(ended)}"
        for name, text in sorted(run.data.params.items()):
            yield f"  param {name}: {text}"
        for name, text in sorted(run.data.tags.items()):
            if name.startswith("stepsweep") or name in ("mlflow.note.content", "mlflow.parentRunId"):
                yield f"  tag {name}: {text.replace(str(parent.info.run_id), 'the parent')!r}"
        for name in sorted(run.data.metrics):
            for each in sorted(client.get_metric_history(run.info.run_id, name), key=lambda each: each.step):
                yield f"  {at(each.timestamp / 1000)} step {each.step} {name}: {each.value:g}"
        for folder in (None, "out"):
            for file in client.list_artifacts(run.info.run_id, folder):
                yield f"  file {file.path}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what MLflow calls of SQLAlchemy
def test_runs_of_mlflow_have_each_value_at_its_time(
    recorded: RecordedCloud, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    store = new_store(tmp_path_factory, tmp_path)
    client = MlflowClient(store)
    first = mlflow.export(found(recorded), "mine", uri=store, experiment="theirs", report="<title>")
    assert (first.sweep, first.experiment, first.written, first.unchanged, first.removed) == ("mine", "theirs", 4, 0, 0)
    compare([line.replace(str(tmp_path), "HERE") for line in runs(store)], KEPT / "mlflow.txt")
    for name, content in (
        ("leaderboard.csv", recorded.bucket.get("sweeps/mine/leaderboard.csv")),
        ("best.pt", b"model"),
    ):
        (file,) = tmp_path.glob(f"mlruns/*/*/artifacts/{name}")
        assert file.read_bytes() == content

    # One run as an export leaves it that is killed half way, one of a trial that is no longer there, a trial that
    # failed and is trained meanwhile, and a note that is removed.
    before = {run.data.tags.get("stepsweep.trial_id", ""): run.info.run_id for run in client.search_runs([of(client)])}
    trials = recorded.planned("mine", started_at=datetime.fromtimestamp(PLANNED / 1000, UTC), **ASKED)
    client.update_run(before[trials[0].trial_id], status="RUNNING")
    client.set_tag(before[trials[3].trial_id], "stepsweep.trial_id", "gone")
    recorded.succeeded("mine", trials[2], {"val_accuracy": [0.25, 0.875]}, began=20)
    recorded.reduced("mine")
    note = {"schema": 1, "written_at": "2026-11-29T10:00:01+00:00", "text": ""}
    recorded.bucket.put_json(keys.note_key("mine"), note)
    again = mlflow.export(found(recorded), "mine", uri=store, experiment="theirs")
    assert (again.run_id, again.written, again.unchanged, again.removed) == (first.run_id, 3, 1, 1)
    compare([line.replace(str(tmp_path), "HERE") for line in runs(store)], KEPT / "mlflow-again.txt")
    after = {run.data.tags.get("stepsweep.trial_id", ""): run.info.run_id for run in client.search_runs([of(client)])}
    assert {trial for trial in after if after[trial] == before.get(trial)} == {"", trials[1].trial_id}
