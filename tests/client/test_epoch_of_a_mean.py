"""The epoch of a mean is one of no trial: wherever it is told, it is that of an average."""

from pathlib import Path

from stepsweep import Sweeps
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.export.finished import read_finished
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from tests.support.html import Document
from tests.support.recorded import RecordedCloud


def test_it_is_said_to_be_an_average(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    for trial, best in zip(recorded.planned("mine", {"lr": [0.1]}, epochs=4, repeats=3), (4, 4, 2), strict=True):
        values = [0.9 if epoch == best else 0.1 for epoch in range(1, 5)]
        recorded.succeeded("mine", trial, {"val_accuracy": values})
    recorded.reduced("mine")
    cloud = Cloud(on="local", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=None)
    found = cloud.looked_at()
    text = Document(page(gathered(cloud, found, "mine"))).text
    assert "val_accuracy ± 0 at epoch 3 of 4 on average, the mean of 3 trials" in text
    winner = Sweeps(directory=tmp_path).get("mine").winner
    assert (winner.n, str(winner)) == (3, "--lr 0.1  val_accuracy 0.9 at epoch 3 on average")
    assert read_finished(found, "mine").winner_said == "`--lr 0.1`: val_accuracy 0.9 at epoch 3 on average"
