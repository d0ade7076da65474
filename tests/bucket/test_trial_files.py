"""What trials leave: their curves, the rows of those that run, and their artifacts."""

from pathlib import Path

import pytest

from stepsweep.bucket.stores import FolderStore
from stepsweep.bucket.trial_files import Artifact, TrialFiles
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from tests.support.recorded import RecordedCloud


@pytest.fixture
def files(recorded: RecordedCloud) -> TrialFiles:
    return TrialFiles(FolderStore(recorded.directory / "s3" / "bucket"))


class TestCurves:
    def test_they_are_there_for_trials_with_valid_metrics(self, recorded: RecordedCloud, files: TrialFiles) -> None:
        good, none = recorded.planned("mine", {"lr": [0.1, 0.2]})
        recorded.succeeded("mine", good, {"val_accuracy": [0.5, 0.7, 0.6]})
        wrong, other = recorded.planned("other", {"lr": [1.0, 2.0]})
        recorded.bucket.put(wrong.metrics_key, b"epoch,val_accuracy\n1,0.5\n9,0.5\n", "text/csv")
        recorded.bucket.put(other.metrics_key, b"epoch,val_accuracy\n1,nan\n", "text/csv")
        found = files.curves([good, none, wrong, other])
        assert list(found) == [good.trial_id, other.trial_id]
        assert found[good.trial_id].measured("val_accuracy") == [(1, 0.5), (2, 0.7), (3, 0.6)]

    def test_live_rows_are_those_of_a_trial_that_runs(self, recorded: RecordedCloud, files: TrialFiles) -> None:
        runs, empty, wrong, none = recorded.planned("mine", {"lr": [1.0, 2.0, 3.0, 4.0]})
        rows = b"epoch,val_accuracy\n1,0.25\n"
        for trial, data in ((runs, rows), (empty, b""), (wrong, b"epoch\nx\n")):
            recorded.bucket.put(keys.live_key(trial.trial_id), data, "text/csv")
        found = files.live_curves([none, wrong, empty, runs])
        assert list(found) == [runs.trial_id]
        assert found[runs.trial_id].measured("val_accuracy") == [(1, 0.25)]
        recorded.bucket.put(keys.live_key(runs.trial_id), b"epoch,val_accuracy\n4,0.25\n", "text/csv")
        assert files.live(runs) is None, "it trains three epochs"

    def test_what_a_job_writes_is_read_up_to_a_limit_of_its_own(
        self, recorded: RecordedCloud, files: TrialFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise one trial that writes without end would hide all others."""
        (trial,) = recorded.planned("mine", {"lr": [0.1]})
        recorded.succeeded("mine", trial, {"val_accuracy": [0.5] * 3})
        recorded.bucket.put(keys.live_key(trial.trial_id), b"epoch,val_accuracy\n1,0.25\n", "text/csv")
        monkeypatch.setattr("stepsweep.bucket.s3.MAX_DOCUMENT_BYTES", 10)
        assert list(files.live_curves([trial])) == list(files.curves([trial])) == [trial.trial_id]
        monkeypatch.setattr("stepsweep.bucket.trial_files.MAX_BYTES", 19)
        assert (files.live(trial), files.metrics(trial)) == (None, None)


class TestArtifacts:
    def test_what_is_kept_goes_before_what_a_rule_deletes(
        self, recorded: RecordedCloud, files: TrialFiles, tmp_path: Path
    ) -> None:
        (trial,) = recorded.planned("mine", {"lr": [0.1]})
        recorded.left(trial, {"last.pt": "last", "best.pt": "new one", "logs/a.txt": ""})
        recorded.bucket.put(trial.kept_artifacts + "best.pt", b"kept", "application/octet-stream")
        best, last, log = files.artifacts(trial)
        assert best == Artifact(name="best.pt", key=trial.kept_artifacts + "best.pt", bytes=4, is_kept=True)
        assert last == Artifact(name="last.pt", key=trial.new_artifacts + "last.pt", bytes=4, is_kept=False)
        assert (log.path, log.bytes) == (Path("logs", "a.txt"), 0)
        files.save(best, tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == b"kept"

    def test_a_name_that_must_not_become_a_path_is_refused_by_its_key(self) -> None:
        artifact = Artifact(name="../x", key="artifacts/new/a/e1/../x", bytes=1, is_kept=False)
        with pytest.raises(InvalidInput, match=r'^the artifact "artifacts/new/a/e1/\.\./x" cannot be downloaded: its'):
            _ = artifact.path
