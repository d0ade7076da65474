"""A trial that the median rule ends, as the kit does it: a real process around a script, against S3 over HTTP."""

import io
import json
import random
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from stepsweep.contract import keys, median
from stepsweep.contract.metrics import Metrics, parse_csv
from stepsweep.contract.objective import Direction, Objective
from stepsweep.trial.metrics import Collector
from stepsweep.trial.sources import Metrics as Sources
from tests.support.command import Sweep, document
from tests.support.trainer import BUCKET, environment, job_environment

LOSS = Objective(metric="loss", direction=Direction.MINIMIZE)
ENDED = keys.ended_key("worse", 4)
OPTIONS = ["--epochs", "4", "--seed", "0"]

WAITS = """
import time

for epoch in (1, 2, 3):
    print(f"epoch {epoch} loss={9 - epoch}")
time.sleep(120)
"""
SAVES = """
import time
from stepsweep import trial

trial.report(loss=8, epoch=1)
trial.report(loss=7, epoch=2)
while not trial.report(loss=6, epoch=3):
    time.sleep(0.1)
(trial.checkpoint_dir / "last.txt").write_text("saved")
"""


def in_job(folder: Path, endpoint: str, code: str, medians: dict[int, float], trial_id: str = "worse") -> Any:
    variables = job_environment(endpoint, trial_id=trial_id, epochs=4)
    told = median.variable(medians, LOSS, uri=keys.uri(BUCKET, keys.ended_key(trial_id, 4)))
    (folder / "train.py").write_text(code)
    words = [sys.executable, "-m", "stepsweep.trial", "--", sys.executable, "train.py", "{args}", *OPTIONS]
    env = environment(**{**variables, keys.MEDIANS: told})
    return subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def there(s3: Any, prefix: str) -> dict[str, bytes]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read() for each in found}


def test_an_unchanged_script_is_ended_leaves_no_metrics_and_says_where(tmp_path: Path, endpoint: str, s3: Any) -> None:
    ended = in_job(tmp_path, endpoint, WAITS, {2: 6.5})
    assert ended.returncode == 0, ended.stderr
    assert (
        "ended by stop.median: up to epoch 2 the best loss is 7; the median of the completed trials' means is 6.5"
        in (ended.stderr)
    )
    left = there(s3, "trials/worse/")
    assert list(left) == [ENDED]
    assert median.read_record(left[ENDED], epochs=4) == (median.Ended(epoch=2, value=7), 3)
    live = parse_csv(there(s3, "checkpoints/worse/")[keys.live_key("worse")], max_epochs=4)
    assert live.columns["loss"] == [8, 7, 6]


def test_a_script_that_hears_sigterm_saves_its_checkpoint_first_and_has_no_metrics_either(
    tmp_path: Path, endpoint: str, s3: Any
) -> None:
    ended = in_job(tmp_path, endpoint, SAVES, {2: 6.5}, "saved")
    assert ended.returncode == 0, ended.stderr
    assert list(there(s3, "trials/saved/")) == [keys.ended_key("saved", 4)]
    with tarfile.open(
        fileobj=io.BytesIO(there(s3, "checkpoints/saved/")["checkpoints/saved/checkpoint-e4.tar"])
    ) as tar:
        assert "checkpoint/last.txt" in tar.getnames()


def test_a_trial_that_is_good_enough_is_left_alone(tmp_path: Path, endpoint: str, s3: Any) -> None:
    code = "import time\nfor n in (1, 2, 3, 4): print(f'epoch {n} loss={9 - n}', flush=True); time.sleep(0.5)"
    ended = in_job(tmp_path, endpoint, code, {2: 7.0, 3: 6.0}, "good")
    assert ended.returncode == 0, ended.stderr
    assert list(there(s3, "trials/good/")) == [keys.metrics_key("good", 4)]


class TestRowsForGood:
    """What may still change ends nothing."""

    def rows(self, *lines: str, report: Path | None = None) -> int:
        metrics = Sources(Collector(), report, None, 4)
        for line in lines:
            metrics.feed(line, "stdout")
        return len(metrics.rows_for_good())

    def test_a_progress_bar_above_the_line_of_its_epoch_keeps_no_other_metric_from_being_judged(self) -> None:
        metrics = Sources(Collector(), None, None, 4)
        for line in ("[loss=9]", "epoch 1 val_loss=5", "[loss=8]", "epoch 2 val_loss=4", "[loss=7]"):
            metrics.feed(line, "stdout")
        assert metrics.rows_for_good() == [{"epoch": 1, "val_loss": 5}]

    def test_the_last_epoch_may_have_another_value_yet(self) -> None:
        assert self.rows("epoch 1 loss=0.5") == 0
        assert self.rows("epoch 1 loss=0.5", "epoch 2 lr=0.1") == 1

    def test_lines_that_come_while_it_looks_do_not_end_the_rule(self) -> None:
        """Its thread died of them, and the trial trained on."""
        collector = Collector()
        metrics = Sources(collector, None, None, 4)
        for line in ("loss=9", "epoch 1 loss=0.5", "epoch 2 loss=0.4"):
            metrics.feed(line, "stdout")
        others: list[threading.Thread] = []

        class Slow(dict[int, Any]):
            def values(self) -> Any:
                for cell in super().values():
                    line = f"epoch {len(others) + 3} loss=0.3"
                    others.append(threading.Thread(target=metrics.feed, args=(line, "stdout")))
                    others[-1].start()
                    others[-1].join(0.2)  # if it does not have to wait
                    yield cell

        collector._epochs.columns["loss"] = Slow(collector._epochs.columns["loss"])
        assert len(metrics.rows_for_good()) == 1
        for other in others:
            other.join()
        assert others

    def test_values_without_epochs_may_be_those_of_batches(self) -> None:
        assert self.rows("loss=0.5", "loss=0.4", "loss=0.3") == 0

    def test_what_a_script_reports_is_one_row_per_epoch(self, tmp_path: Path) -> None:
        file = tmp_path / "report.jsonl"
        file.write_text('{"loss": 0.5}\n{"loss": 0.4}\n')
        assert self.rows(report=file) == 2
        file.write_text('{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.4}\n')
        assert self.rows(report=file) == 1


def test_kit_and_contract_agree_about_every_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit has no contract, so it has the rule once more."""
    from stepsweep.trial.median import MedianRule

    monkeypatch.setattr("stepsweep.trial.places.put", lambda _uri, data: records.append(data))
    draw = random.Random(0)
    verdicts = []
    for _ in range(2_000):
        objective = Objective(metric="loss", direction=draw.choice(list(Direction)))
        values = [draw.choice([0.1, 0.5, 0.9, float("nan"), float("inf")]) for _ in range(draw.randint(1, 6))]
        medians = {epoch: draw.choice([0.1, 0.5, 0.9]) for epoch in draw.sample(range(1, 8), 3)}
        columns = {"epoch": [float(n + 1) for n in range(len(values))], "loss": values}
        expected = median.verdict(Metrics(columns=columns), objective, medians)
        rule = MedianRule(median.variable(medians, objective, uri="u"))
        assert rule.judge([{"epoch": n + 1, "loss": value} for n, value in enumerate(values)]) is bool(expected)
        records: list[bytes] = []
        if expected:
            rule.record(len(values))
            assert median.read_record(records[0], epochs=6) == (expected, len(values))
        verdicts.append(expected is not None)
    assert 200 < sum(verdicts) < 1_800


WORSE_WAITS = """
import time
from stepsweep import trial

for epoch in (1, 2, 3, 4):
    if epoch == 4 and trial.params["lr"] < 0.5:
        time.sleep(300)  # until the rule ends it
    trial.report(val_accuracy=trial.params["lr"], epoch=epoch)
"""
DOCKERFILE = """FROM python:3.11-slim
WORKDIR /app
COPY train.py .
ENTRYPOINT ["stepsweep-trial", "--", "python", "train.py", "{args}"]
"""


@pytest.mark.slow
def test_in_a_sweep_a_worse_trial_is_ended_and_the_sweep_has_its_winner(tmp_path: Path) -> None:
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "train.py").write_text(WORSE_WAITS)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    spec = {
        "name": "median",
        "search": {"method": "list", "trials": [{"lr": 0.8}, {"lr": 0.7}, {"lr": 0.1}, {"lr": 0.9}]},
        "epochs": 4,
        "stop": {"median": {"min_epochs": 2, "min_trials": 2}},
        "max_concurrency": 1,
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    sweep = Sweep(folder=tmp_path)
    output = document(sweep("run", "spec.json", "--trainer", str(folder), "--json"))
    assert output["winner"]["params"] == {"lr": 0.9}
    assert output["outcomes"] == {"SUCCEEDED": 3, "FAILED": 0, "MISSING": 1, "INVALID": 0}
    assert output["reasons"] == [{"reason": "ended by stop.median after epoch 2", "trials": 1}]
    assert output["epochs_trained_total"] == 15
    shown = json.loads(sweep("show", "median", "--json").stdout)["trials"]
    assert [(each["params"], each["status"]) for each in shown][-1] == ({"lr": 0.1}, "MISSING")
