"""The page that the reducer leaves beside a sweep's results; test_ui_browser.py opens that of a real sweep."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from stepsweep.bucket.stores import S3Store
from stepsweep.contract import keys
from stepsweep.statemachine import report
from tests.support.functions import SPEC, Cloud, job_description, succeeded
from tests.support.hostile import HOSTILE
from tests.support.html import Document


@pytest.fixture
def plotly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in Plotly's place, which only the function's package has."""
    file = tmp_path / "plotly.min.js"
    file.write_text("var Plotly;")
    monkeypatch.setattr(report, "PLOTLY", file)
    return file


def left(cloud: Cloud, sweep: str = "s") -> Document:
    data = cloud.bucket.get(keys.report_key(sweep))
    assert data is not None
    return Document(data.decode())


def test_the_page_has_the_results_and_opens_as_html(cloud: Cloud, plotly: Path) -> None:
    first, second, third, fourth = cloud.planned(**SPEC)
    for hours, trial in enumerate((first, second, third), start=1):
        cloud.trained(trial, 0.5, 0.6 + hours / 10, 0.55)
        succeeded(cloud, trial, hours)
    cloud.left(third, best="model")
    cloud.failed(fourth, job_description(exit_code=1, container_reason=HOSTILE))
    cloud.reduce()
    page, data = left(cloud), json.loads(left(cloud).scripts[0])
    assert "Winner --lr 0.01 --momentum 0.5 Copy 0.9 val_accuracy at epoch 2 of 3" in page.text
    assert "Trials 4 3 SUCCEEDED · 1 FAILED" in page.text
    assert "Job time 6:00:00" in page.text
    assert "Its files: best.pt (5 bytes)." in page.text
    assert "alert(1)" in page.text
    assert (
        f"Left by the sweep when it ended, from its records in s3://{cloud.bucket.name} . sweep report s" in page.text
    )
    assert (
        "makes a page that also has the importance of parameters, the ends of failed trials' logs, and all curves."
    ) in page.text
    assert len(page.named("script")) == 3
    assert page.scripts[1] == plotly.read_text()
    assert data["trials"]["rank"] == [1, 2, 3, None]
    assert sorted(data["curves"]) == ["0", "1", "2"]
    assert len(data["timeline"]["lane"]) == 3
    assert data["course"]["overs"] == ["trials", "time", "job-time"]
    assert "sweep report s" in data["importance"]["said"]
    answer = cloud.s3.head_object(Bucket=cloud.bucket.name, Key=keys.report_key("s"))
    assert answer["ContentType"] == "text/html; charset=utf-8"


def test_on_aws_it_names_the_stack_and_the_cost(cloud: Cloud, plotly: Path) -> None:
    for trial in cloud.planned():
        cloud.trained(trial, 0.5)
        succeeded(cloud, trial, 1)
    cloud.reduce()
    assert "Cost none it ran on this machine" in left(cloud).text
    text = Document(report.page(S3Store(cloud.bucket.name, cloud.s3), "s", report.Ground(stack="Mine"), {})).text
    assert "Cost 1.50 USD estimated" in text
    assert "sweep show s --on aws --stack Mine" in text
    assert "sweep report s --on aws --stack Mine makes a page" in text


def test_a_sweep_without_a_winner_and_each_end_of_one_in_rounds_has_its_page(cloud: Cloud, plotly: Path) -> None:
    for trial in cloud.planned():
        cloud.failed(trial, job_description(exit_code=1))
    cloud.reduce()
    assert "No trial succeeded, so there is no winner." in left(cloud).text
    halving = {"min_epochs": 1, "factor": 3}
    for trial in cloud.planned(sweep="h", halving=halving):
        cloud.trained(trial, 0.5)
    assert cloud.reduce("h")["another_round"]
    assert cloud.bucket.get(keys.report_key("h")) is None, "the sweep goes on"


def test_of_many_trials_the_curves_of_the_best_are_in_it_and_it_says_so(
    cloud: Cloud, plotly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MAX_CURVES", 2)
    for number, trial in enumerate(cloud.planned()):
        cloud.trained(trial, 0.5, 0.6 + number / 10)
    cloud.reduce()
    data = json.loads(left(cloud).scripts[0])
    assert (len(data["trials"]["id"]), sorted(data["curves"])) == (3, ["0", "1"])
    assert data["curves_of"] == 2
    assert data["importance"] is None, "there is one parameter"
    assert "This page has the curves of the best 2 trials." in left(cloud).text


@dataclass(frozen=True)
class TimeLeft:
    """The context of an invocation."""

    seconds: float

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def test_two_minutes_are_enough_for_the_page(cloud: Cloud, plotly: Path) -> None:
    for trial in cloud.planned():
        cloud.trained(trial, 0.5)
    cloud.reduce()
    leave = partial(
        report.leave_report, S3Store(cloud.bucket.name, cloud.s3), "s", report.Ground(stack=""), round_number=0
    )
    assert leave(map_results={}, context=TimeLeft(119.9)) == {"report": "no time was left"}
    assert leave(map_results={}, context=TimeLeft(120)) == leave(map_results={}, context=None)
    assert plotly.is_file()


@pytest.mark.parametrize("fault", ["no script", "damaged", "no time"])
def test_a_page_that_cannot_be_written_changes_nothing_about_the_sweep_s_end(
    cloud: Cloud, plotly: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    for trial in cloud.planned():
        cloud.trained(trial, 0.5)
    expected = cloud.reduce()
    written = cloud.objects()
    cloud.s3.delete_object(Bucket=cloud.bucket.name, Key=keys.report_key("s"))
    capsys.readouterr()
    if fault == "no script":
        plotly.unlink()
    elif fault == "damaged":
        cloud.bucket.put(keys.spec_key("s"), b"{", "application/json")
        written[keys.spec_key("s")] = b"{"
    if fault == "no time":
        store = S3Store(cloud.bucket.name, cloud.s3)
        found = report.leave_report(
            store, "s", report.Ground(stack=""), round_number=0, map_results={}, context=TimeLeft(119)
        )
        assert found == {"report": "no time was left"}
    else:
        assert cloud.reduce() == expected
        (line,) = capsys.readouterr().out.splitlines()
        assert {"no script": "FileNotFoundError", "damaged": "InvalidDocument"}[fault] in json.loads(line)["report"]
    del written[keys.report_key("s")]
    assert cloud.objects() == written
