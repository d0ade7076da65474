"""A sweep with several objectives, wherever a person looks at it: its front, and nowhere a winner."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from tensorboard.plugins.hparams import metadata

from stepsweep import Sweeps
from stepsweep.client.api.errors import NoWinner
from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.export.mlflow_runs import MAX_TAG, front_note
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.making import pictures
from stepsweep.client.report.page import page
from stepsweep.client.running.progress import Progress
from stepsweep.client.terminal.live import Following
from stepsweep.client.terminal.view import View
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.page.drawn import drawn
from tests.support.event_files import points, read, text
from tests.support.html import Document
from tests.support.mlflow_store import new_store
from tests.support.recorded import RecordedCloud
from tests.support.ui import served

BOTH = [{"metric": "val_accuracy"}, {"metric": "ms", "direction": "minimize"}]
WIDTHS = [1, 2, 4, 8, 16]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCloud:
    """Sweeps of the same params: `pair` has two objectives, `three` has three, `one` has one, `none` had no success.

    The output of `long` lists two trials of three on its front, as if they were a hundred of more.
    """
    cloud = RecordedCloud(directory=tmp_path_factory.mktemp("cloud"))
    for name, objectives in (
        ("pair", {"objectives": BOTH}),
        ("three", {"objectives": [*BOTH, "val_loss"]}),
        ("one", {"objective": "val_accuracy"}),
        ("none", {"objectives": BOTH}),
        ("long", {"objectives": BOTH}),
    ):
        trials = cloud.planned(name, {"width": WIDTHS}, epochs=2, fresh=True, **objectives)
        if name == "none":
            for trial in trials:
                cloud.failed(name, trial, "no")
            cloud.reduced(name)
            continue
        for trial, accuracy, ms in zip(trials, [0.5, 0.7, 0.6, 0.9, None], [1.0, 2.0, 4.0, 8.0, 9.0], strict=True):
            if accuracy is None:
                cloud.failed(name, trial, "out of paper")
                continue
            curve = {"val_accuracy": [0.95, accuracy], "ms": [ms + 1, ms], "val_loss": [1, 1 - accuracy]}
            cloud.succeeded(name, trial, curve)
            cloud.left(trial, {"best.pt": f"width {trial.params['width']}"})
        with pytest.MonkeyPatch.context() as patch:
            if name == "long":
                patch.setattr("stepsweep.contract.front.MAX_FRONT", 2)
            cloud.reduced(name)
    return cloud


def said(recorded: RecordedCloud, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*words, "--dir", str(recorded.directory)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def cloud_of(recorded: RecordedCloud) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def test_show_has_the_fronts_and_the_trials_on_the_first(recorded: RecordedCloud) -> None:
    shown = said(recorded, "show", "pair")
    assert "winner" not in shown.lower()
    table = [line.split() for line in shown.splitlines() if line.strip()[:2] in ("1 ", "2 ") and "FAILED" not in line]
    assert [row[:4] for row in table] == [
        ["1", "8", "0.9", "8"], ["1", "2", "0.7", "2"], ["1", "1", "0.5", "1"], ["2", "4", "0.6", "4"]
    ]  # fmt: skip
    assert "Front    3 trials that no other trial beats in val_accuracy (maximize), ms (minimize)\n" in shown
    assert "         --width 8  val_accuracy 0.9, ms 8\n" in shown
    assert "Files    3 files of trials on the front, 21 bytes: sweep download pair" in shown


def test_documents_have_the_front_and_every_objective(recorded: RecordedCloud) -> None:
    document = json.loads(said(recorded, "show", "pair", "--json"))
    front = document["output"]["front"]
    assert [(each["params"], each["values"], each["epoch"]) for each in front["trials"]] == [
        ({"width": 8}, {"val_accuracy": 0.9, "ms": 8.0}, 2),
        ({"width": 2}, {"val_accuracy": 0.7, "ms": 2.0}, 2),
        ({"width": 1}, {"val_accuracy": 0.5, "ms": 1.0}, 2),
    ]
    assert front["trials"][0]["artifacts"]["files"] == 1
    assert [row["by_objective"].get("ms") for row in document["trials"]] == [8.0, 2.0, 1.0, 4.0, None]
    assert "winner" not in json.dumps(document["output"])
    assert recorded.bucket.has(keys.front_key("pair"))
    assert not recorded.bucket.has(keys.winner_key("pair"))
    entries = {each["sweep"]: each for each in json.loads(said(recorded, "list", "--json"))}
    assert [(entries["pair"][name]) for name in ("metric", "value", "options", "front")] == [
        "val_accuracy, ms", None, "", 3
    ]  # fmt: skip
    assert (entries["one"]["value"], entries["one"]["front"]) == (0.95, None)


def test_the_list_tells_fronts_from_winners_and_from_neither(recorded: RecordedCloud) -> None:
    lines = said(recorded, "list").splitlines()
    ends = {line.split()[0]: line for line in lines if line}
    assert ends["pair"].endswith("front of 3 trials: val_accuracy, ms")
    assert ends["one"].endswith("--width 1  val_accuracy 0.95")
    assert "none: no trial succeeded" in ends["none"]
    assert "winner" not in said(recorded, "show", "none").lower()


def test_a_comparison_has_no_winner_of_it_and_no_difference(recorded: RecordedCloud) -> None:
    shown = said(recorded, "compare", "one", "pair")
    assert "pair has several objectives, and so a Pareto front instead of a winner" in shown
    assert "3 trials by val_accuracy, ms" in shown
    found = json.loads(said(recorded, "compare", "pair", "one", "--json"))
    assert (found["best"], found["sweeps"][0]["front"], found["sweeps"][0]["value"]) == (None, 3, None)


def test_from_python_there_is_a_front_and_no_winner(recorded: RecordedCloud, tmp_path: Path) -> None:
    sweeps = Sweeps(directory=recorded.directory)
    pair, one = sweeps.get("pair"), sweeps.get("one")
    assert [(each.params, each.values) for each in pair.front][1:] == [
        ({"width": 2}, {"val_accuracy": 0.7, "ms": 2.0}), ({"width": 1}, {"val_accuracy": 0.5, "ms": 1.0})
    ]  # fmt: skip
    assert str(pair.front[0]) == "--width 8  val_accuracy 0.9, ms 8 at epoch 2"
    with pytest.raises(NoWinner, match="pair has several objectives, and so no winner; `front` has"):
        _ = pair.winner
    with pytest.raises(NoWinner):
        _ = pair.ties
    with pytest.raises(NoWinner, match="one has one objective, and so no front; `winner` has"):
        _ = one.front
    assert (pair.front[0].download(tmp_path / "one") / "best.pt").read_text() == "width 8"
    whole = pair.download(folder=tmp_path / "all")
    assert sorted(file.read_text() for file in whole.glob("*/best.pt")) == ["width 1", "width 2", "width 8"]
    table = pair.leaderboard
    assert [*table.columns] == [
        "rank", "trial_id", "params.width", "val_accuracy", "ms", "epoch", "epochs_trained", "status", "reason"
    ]  # fmt: skip
    assert table["rank"].dropna().tolist() == [1, 1, 1, 2]
    assert pd.isna(table["ms"].iloc[-1])
    html = pair._repr_html_()
    assert "Front: 3 trials" in html
    assert "Winner" not in html
    assert [len(sweeps.get(name).plot_front().axes) for name in ("pair", "three")] == [1, 3]
    for plot in (pair.plot_heatmap, pair.plot_best, pair.plot_ranks, pair.plot_slices, pair.plot_importance):
        with pytest.raises(InvalidInput, match=r"pair has several objectives \(val_accuracy, ms\); plot_front\(\)"):
            plot()
    assert pair.plot_curves().axes
    with pytest.raises(InvalidInput, match="a front needs two objectives or more"):
        one.plot_front()


def test_the_page_of_a_trial_has_each_objective(recorded: RecordedCloud, tmp_path: Path) -> None:
    (best, *_) = Sweeps(directory=recorded.directory).get("pair").front
    with served(tmp_path, "--dir", str(recorded.directory)) as browser:
        text = Document(browser.get(f"sweeps/pair/trials/{best.trial_id}").text).text
    assert "val_accuracy 0.9 at epoch 2 ms 8 at epoch 2" in text


def test_before_its_end_a_sweep_has_no_winner_and_no_front(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    recorded.planned("one", {"width": WIDTHS})
    recorded.planned("pair", {"width": WIDTHS}, objectives=BOTH)
    sweeps = Sweeps(directory=tmp_path)
    with pytest.raises(NoWinner, match="the sweep one has no winner yet: it is INTERRUPTED"):
        _ = sweeps.get("one").winner
    with pytest.raises(NoWinner, match="the sweep pair has no front yet: it is INTERRUPTED"):
        _ = sweeps.get("pair").front


def test_a_report_has_the_front_and_names_no_winner(recorded: RecordedCloud) -> None:
    cloud = cloud_of(recorded)
    for name, charts in (("pair", 2), ("three", 3)):
        report = gathered(cloud, cloud.looked_at(), name)
        html = page(report)
        text = html[html.index("<body") : html.index('<script type="application/json"')]
        assert 'id="on-front"' in text
        assert 'id="winner"' not in text
        data: Any = drawn(report)
        assert len(data["trials"]["by_objective"]) == charts
        assert (data["course"], data["importance"]) == (None, None)
        assert sorted(pictures(report)) == ["best-curves", "front"]
    nothing = page(gathered(cloud, cloud.looked_at(), "none"))
    assert "No trial succeeded, so there is no front." in nothing


def test_tensorboard_gets_each_objective_and_the_whole_front(recorded: RecordedCloud, tmp_path: Path) -> None:
    said(recorded, "export", "long", "--tensorboard", str(tmp_path))
    document = json.loads(said(recorded, "show", "long", "--json"))
    assert len(document["output"]["front"]["trials"]) == 2
    assert points(tmp_path / "long" / document["trials"][0]["trial_id"], "stepsweep.value.ms") == [(2, 8.0)]
    assert text(tmp_path / "long", "stepsweep.front").split("\n\n") == [
        "`--width 8`: val_accuracy 0.9, ms 8",
        "`--width 2`: val_accuracy 0.7, ms 2",
        "`--width 1`: val_accuracy 0.5, ms 1",
    ]
    content = bytes(read(tmp_path / "long").SummaryMetadata(metadata.EXPERIMENT_TAG).plugin_data.content)
    columns = metadata.parse_experiment_plugin_data(content).metric_infos
    assert [(column.name.tag, column.display_name) for column in columns] == [
        ("stepsweep.value.val_accuracy", "val_accuracy"), ("stepsweep.value.ms", "ms"),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what MLflow calls of SQLAlchemy
def test_mlflow_gets_each_objective_and_the_whole_front(
    recorded: RecordedCloud,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    store = new_store(tmp_path_factory, tmp_path)
    said(recorded, "export", "long", "--mlflow", store)
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("stepsweep")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert parent.data.metrics["stepsweep.front.trials"] == 3
    assert parent.data.tags["mlflow.note.content"].endswith("\n`--width 1`: val_accuracy 0.5, ms 1")
    on_front = {run.data.params["width"] for run in found if run.data.tags.get("stepsweep.on_front") == "yes"}
    assert on_front == {"8", "2", "1"}
    assert "stepsweep.winner" not in parent.data.tags
    (best,) = [run for run in found if run.data.params.get("width") == "8"]
    assert (best.data.metrics["stepsweep.value.val_accuracy"], best.data.metrics["stepsweep.value.ms"]) == (0.9, 8.0)


def test_a_note_for_mlflow_says_how_many_trials_of_the_front_it_has_no_room_for() -> None:
    lines = [f"`--width {number}`: val_accuracy 0.9, ms {number}" for number in range(1_000)]
    assert front_note(lines[:2]) == "\n".join(["Front: 2 trials", *lines[:2]])
    first, *listed, last = front_note(lines).splitlines()
    assert (first, listed) == ("Front: 1,000 trials", lines[: len(listed)])
    assert last.startswith(f"… and {1_000 - len(listed):,} more, which have the tag stepsweep.on_front")
    assert MAX_TAG - 100 < len(front_note(lines)) <= MAX_TAG


def test_lines_of_ended_trials_have_every_objective_and_no_best(
    recorded: RecordedCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = cloud_of(recorded).recorded()
    spec = archive.spec("pair")
    plan = archive.plan(spec)
    assert plan is not None
    results = tuple(read.result for read in archive.records.results(plan, list(plan.trials)))
    following = Following(View(), spec)
    following.update(
        Progress(
            status="RUNNING", seconds=1, round_number=0, round_began=0, planned=5, to_run=5, up_to=(), ended=5,
            failed=1, running=0, starting=0, news=results, training=(), waits_for="", trouble="",
        )
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "1/5  width=1  val_accuracy 0.5, ms 1, epoch 2 of 2\n" in printed
    assert "best" not in printed
