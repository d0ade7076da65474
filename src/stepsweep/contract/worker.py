"""The state of a worker's execution in a free-running search: an item of the Map, and the answer to each question."""

from typing import Any

from stepsweep.contract.documents import TrialItem
from stepsweep.contract.means import StackJob
from stepsweep.contract.median import Medians
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.trial import Trial

TRAIN, ASK, STOP, END = "train", "ask", "stop", "end"
"""What the worker does next. The one whose question met a rule has the trials ended that run, if the rule says so."""


def worker_state(
    state: SearchState,
    worker: int,
    *,
    do: str,
    turn: int,
    bucket: str,
    job: StackJob,
    trial: Trial | None = None,
    medians: Medians | None = None,
    why: str = "",
) -> dict[str, Any]:
    """Returns what a worker does next, and its next question; the state machine adds the job's end to that.

    Args:
        turn: of the next question.
        trial: that it trains; the state then has all that its job needs.
        medians: that end the trial where it is worse.
        why: the reason of jobs that it has ended.
    """
    began = state.began
    question = {
        "sweep": state.spec.name, "execution": began.execution, "leg": began.leg, "worker": worker, "turn": turn,
        "ended": {},
    }  # fmt: skip
    item: dict[str, Any] = {}
    if trial:
        item = TrialItem.of(
            trial, execution=began.execution, spec=state.spec, bucket=bucket, job=job, medians=medians
        ).to_json()
    reason = {"why": why} if why else {}
    return {**item, "do": do, "question": question, **reason}
