"""What the function that picks the winner keeps of the trials' artifacts."""

from typing import Any

import pytest

from stepsweep.bucket import artifacts
from stepsweep.contract.trial import Trial
from tests.support.functions import Cloud


def kept(cloud: Cloud) -> dict[str, bytes]:
    return {key: data for key, data in cloud.objects().items() if key.startswith("artifacts/kept/")}


def three(cloud: Cloud, **fields: Any) -> list[Trial]:
    trials = cloud.planned(**fields)
    for trial, value in zip(trials, (0.5, 0.9, 0.7), strict=True):
        cloud.trained(trial, value)
        cloud.left(trial, best=f"model {value}", last="last")
    return trials


def test_the_winners_stay_and_the_output_says_where(cloud: Cloud) -> None:
    _, winner, _ = three(cloud)
    output = cloud.reduce()["output"]
    prefix = f"artifacts/kept/{winner.trial_id}/e3/"
    assert kept(cloud) == {f"{prefix}best.pt": b"model 0.9", f"{prefix}last.pt": b"last"}
    assert output["artifacts"] == {"prefix": prefix, "files": 2, "bytes": 13}


def test_a_winner_without_artifacts_and_a_sweep_that_keeps_none(cloud: Cloud) -> None:
    cloud.trained(cloud.planned()[0], 0.9)
    assert cloud.reduce()["output"]["artifacts"] is None
    three(cloud, sweep="other", epochs=2, keep_artifacts="none")
    assert cloud.reduce("other")["output"]["artifacts"] is None
    assert kept(cloud) == {}


def test_the_best_of_a_sweep_are_kept(cloud: Cloud) -> None:
    first, second, third = three(cloud, keep_artifacts="best 2")
    cloud.reduce()
    assert {key.split("/")[2] for key in kept(cloud)} == {second.trial_id, third.trial_id}
    cloud.plan({"parameters": {"lr": [0.1, 0.01, 0.001]}, "name": "s", "epochs": 3, "keep_artifacts": "all"})
    cloud.reduce()
    assert {key.split("/")[2] for key in kept(cloud)} == {first.trial_id, second.trial_id, third.trial_id}


def test_what_was_kept_is_neither_replaced_nor_lost_when_the_bucket_deletes_the_new(cloud: Cloud) -> None:
    _, winner, _ = three(cloud)
    cloud.reduce()
    before = kept(cloud)
    cloud.left(winner, best="of a late attempt")
    output = cloud.reduce()["output"]
    assert kept(cloud) == before
    for name in ("best.pt", "last.pt"):
        cloud.s3.delete_object(Bucket=cloud.bucket.name, Key=winner.new_artifacts + name)
    assert cloud.reduce()["output"] == output
    assert kept(cloud) == before


def test_a_winner_of_a_sweep_that_goes_on_has_its_own_and_the_former_ones_stay(cloud: Cloud) -> None:
    first, second, last = cloud.planned()
    cloud.trained(first, 0.5)
    cloud.left(first, best="of the first")
    cloud.reduce()
    cloud.trained(last, 0.9)
    cloud.left(last, best="of the last")
    assert cloud.reduce()["output"]["artifacts"]["prefix"] == last.kept_artifacts
    assert sorted(kept(cloud).values()) == [b"of the first", b"of the last"]
    assert second.kept_artifacts not in "".join(kept(cloud))


def test_a_copy_that_was_cut_off_is_completed(cloud: Cloud) -> None:
    _, winner, _ = three(cloud)
    cloud.bucket.put(f"{winner.kept_artifacts}last.pt", b"last", "text/plain")
    assert cloud.reduce()["output"]["artifacts"]["files"] == 2
    assert len(kept(cloud)) == 2


def test_a_trial_that_leaves_files_without_end_does_not_keep_the_function_from_its_end(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the trial kit refuses, a trial may write by itself."""
    monkeypatch.setattr(artifacts, "MAX_FILES", 2)
    _, winner, _ = three(cloud)
    cloud.left(winner, other="more", third="more")
    output = cloud.reduce()["output"]
    assert len(kept(cloud)) == 2
    assert output["artifacts"] == {"prefix": winner.kept_artifacts, "files": 2, "bytes": 13, "is_partial": True}
    assert cloud.reduce()["output"] == output


def test_of_many_trials_those_of_the_best_are_kept(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_COPIES", 3)
    _, winner, _ = three(cloud, keep_artifacts="all")
    output = cloud.reduce()["output"]
    assert {key.split("/")[2] for key in kept(cloud)} >= {winner.trial_id}
    assert len(kept(cloud)) == 3
    assert output["artifacts"]["files"] == 2
    assert "is_partial" not in output["artifacts"]
    cloud.reduce()  # another execution goes on where this one ended
    assert len(kept(cloud)) == 6
