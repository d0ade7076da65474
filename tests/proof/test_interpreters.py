"""The state machine in interpreters that nobody here wrote."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.proof.interpreters import stories as the
from tests.proof.interpreters.compare import findings
from tests.proof.proof import Proof

Json = dict[str, Any]

FAST = ("ministack", "aws-local-stepfunctions")
"""moto takes seconds to parse the definitions of all stories."""


def test_interpreters_tell_every_story_alike(proof: Proof) -> None:
    assert proof.faults_of_interpreters(FAST) == []


@pytest.mark.slow
def test_moto_tells_them_alike_too(proof: Proof) -> None:
    """With the others, whose requests its own are compared with."""
    assert proof.faults_of_interpreters() == []


def _training(definition: Json) -> Json:
    states: Json = definition["States"][the.ALL]["Branches"][0]["States"]
    return states


def _one_trial(definition: Json) -> Json:
    state: Json = _training(definition)[the.TRIALS]["ItemProcessor"]["States"][the.TRAIN]
    return state


def _guard(definition: Json) -> Json:
    states: Json = definition["States"][the.ALL]["Branches"][1]["States"]
    return states


FAULTS: list[tuple[str, the.Story, Callable[[Json], object]]] = [
    ("a failed job ends its execution", the.JOB_FAILS, lambda d: _one_trial(d).pop("Catch")),
    ("too few tries", the.THROTTLED_FOR_EVER, lambda d: _one_trial(d)["Retry"][0].update(MaxAttempts=10)),
    ("a job that has failed is submitted again", the.NO_WINNER,
     lambda d: _one_trial(d)["Retry"][0]["ErrorEquals"].append("States.TaskFailed")),
    ("a round has a leg", the.ALL_WELL,
     lambda d: _training(d)["In rounds?"]["Choices"][0].update(IsNumeric=False)),
    ("the reader is not tried again", the.READER_FAILS, lambda d: _training(d)[the.TRIALS].pop("Retry")),
    ("one worker fails for all", the.WORKER_FAILS,
     lambda d: _training(d)[the.WORKERS].update(ToleratedFailurePercentage=0)),
    ("a guard that fails ends the sweep", the.GUARD_FAILS, lambda d: _guard(d)[the.LOOK].pop("Catch")),
    ("the sweep ends while others run", the.NOTHING_STARTS,
     lambda d: _guard(d)[the.STARTED]["Choices"][1].update(Next=the.STUCK)),
    ("the sweep ends while a machine boots", the.NOTHING_STARTS,
     lambda d: _guard(d)[the.STARTED]["Choices"][2].update(Next=the.STUCK)),
    ("how the training ended takes the place of the state", the.ALL_WELL,
     lambda d: d["States"][the.ALL]["Catch"][0].update(ResultPath="$")),
    ("waiting jobs are left", the.NOTHING_STARTS,
     lambda d: d["States"][the.ALL]["Catch"][1].update(Next=the.REDUCE)),
]  # fmt: skip


def test_a_fault_in_the_definition_is_found(proof: Proof) -> None:
    given = []
    for _, story, seed in FAULTS:
        definition = copy.deepcopy(proof.subjects["default"].definition)
        seed(definition)
        given.append((definition, story))
    found = findings(given, FAST)
    assert [says for (says, _, _), each in zip(FAULTS, found, strict=True) if not each] == []


@pytest.mark.parametrize("story", the.STORIES, ids=lambda story: story.says)
def test_no_more_than_one_interpreter_leaves_out_a_story(story: the.Story) -> None:
    assert len(story.without) <= 1
