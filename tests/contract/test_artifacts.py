"""Which trials' artifacts are kept, which patterns a spec may have, and which names may become paths."""

import json
from typing import Any

import pytest

from stepsweep.contract.artifacts import kept, parts_of
from stepsweep.contract.documents import TrialItem
from stepsweep.contract.errors import InvalidSweep
from stepsweep.contract.means import StackJob
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.ranking import ranked
from stepsweep.contract.results import Result, grouped
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status
from tests.support.specs import as_number


def parse(**fields: Any) -> SweepSpec:
    return SweepSpec.from_json({"parameters": {"lr": [0.1, 0.2, 0.3]}, "epochs": 2, "name": "s", **fields})


@pytest.mark.parametrize(
    ("keep", "rates"),
    [("winner", [0.2]), ("best 1", [0.2]), ("best 2", [0.2, 0.1]), ("best 9", [0.2, 0.1]), ("none", [])],
)
def test_the_best_are_kept_and_none_that_failed(keep: str, rates: list[float]) -> None:
    assert _kept(parse(keep_artifacts=keep), [0.5, 0.9, None]) == rates


def test_of_several_trials_of_the_winner_all_are_kept() -> None:
    spec = parse(repeats=2)
    assert _kept(spec, [0.1, 0.1, 0.5, 0.5, 0.9, None]) == [0.2, 0.2]
    every = parse(repeats=2, keep_artifacts="all")
    assert sorted(_kept(every, [0.1, 0.1, 0.5, 0.5, 0.9, None])) == [0.1, 0.1, 0.2, 0.2, 0.3]


def _kept(spec: SweepSpec, values: list[float | None]) -> list[float]:
    results = [
        Result(
            trial=trial,
            outcome=Outcome(trial_id=trial.trial_id, status=Status.FAILED if value is None else Status.SUCCEEDED),
            value=value,
            epoch=None if value is None else 1,
        )
        for trial, value in zip(first_round(spec, trainer_version="1"), values, strict=True)
    ]
    leaderboard = ranked(grouped(results), [Objective(metric="a", direction=Direction.MAXIMIZE)])
    return [as_number(trial.params["lr"]) for trial in kept(leaderboard, spec.keep_artifacts)]


def test_a_job_is_told_where_artifacts_go_and_which_files_are_some() -> None:
    spec = parse(artifacts=["best.pt", "out/**/*.json", "model/"])
    (trial, *_) = first_round(spec, trainer_version="1")
    told = TrialItem.of(trial, execution="s-1", spec=spec, bucket="b", job=StackJob()).environment
    assert told["STEPSWEEP_ARTIFACTS_URI"] == f"s3://b/artifacts/new/{trial.trial_id}/e2/"
    assert json.loads(told["STEPSWEEP_ARTIFACTS"]) == ["best.pt", "out/**/*.json", "model/"]
    none = TrialItem.of(
        trial, execution="s-1", spec=parse(keep_artifacts="none"), bucket="b", job=StackJob()
    ).environment
    assert not any("ARTIFACTS" in name for name in none)


def test_they_change_no_trial_and_may_change_when_a_sweep_goes_on() -> None:
    spec = parse(artifacts=["best.pt"], keep_artifacts="best 3")
    assert spec.same_work(parse())
    assert first_round(spec, trainer_version="1") == first_round(parse(), trainer_version="1")
    assert SweepSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"keep_artifacts": "best"}, 'keep_artifacts: must be "winner", "best 3", "all" or "none", got "best"'),
        ({"keep_artifacts": "best 0"}, 'keep_artifacts: must be "winner", "best 3", "all" or "none", got "best 0"'),
        ({"keep_artifacts": 3}, 'keep_artifacts: must be "winner", "best 3", "all" or "none", got 3'),
        (
            {"artifacts": "best.pt"},
            'artifacts: must be a list of files and patterns such as ["best.pt", "out/*.json"], got "best.pt"',
        ),
        (
            {"artifacts": ["../secret"]},
            'artifacts: must be a relative path without empty parts, . and .., got "../secret"',
        ),
        (
            {"artifacts": ["/etc/passwd"]},
            'artifacts: must be a path in the trial\'s working folder, such as best.pt, got "/etc/passwd"',
        ),
        (
            {"artifacts": ["out/**.pt"]},
            'artifacts: ** must be a whole part of the path, as in out/**/*.json, got "out/**.pt"',
        ),
        ({"artifacts": ["a" * 201]}, "artifacts: at most 200 characters, got 201"),
        ({"artifacts": ["a"] * 21}, "artifacts: at most 20 patterns, got 21"),
    ],
)
def test_a_wrong_field_names_its_rule(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidSweep) as caught:
        parse(**fields)
    assert caught.value.faults == (fault,)


def test_patterns_count_for_what_batch_takes_of_a_trial() -> None:
    values = {f"A{number}": "x" * 2_000 for number in range(3)}
    parse(environment=values)
    with pytest.raises(InvalidSweep, match=r"^environment and artifacts: \d+ bytes, \d+ of them of options"):
        parse(environment=values, artifacts=["a" * 200] * 5)


@pytest.mark.parametrize("name", ["best.pt", "out/a b.json", ".hidden", "模型.pt", "..."])
def test_a_name_that_may_become_a_path(name: str) -> None:
    assert "/".join(parts_of(name)) == name


@pytest.mark.parametrize("name", ["", "/a", "a//b", "a/", ".", "..", "a/../b", "a\\b", "a\nb", "\x1b[2J", "x" * 256])
def test_a_name_that_must_not_become_a_path(name: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parts_of(name)
