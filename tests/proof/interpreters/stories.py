"""Stories of sweeps: what Lambda, Batch and S3 answer, and the path and the end that follow by Amazon States Language.

The answers are scripted, so a story is about the state machine alone. What the functions really answer is what the
rehearsal and tests/local are about.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]
Answers = Sequence[Json]
"""To the first request, the second, and so on; see `returns` and `fails`. A request without an answer is an error."""

PLAN, REDUCE, ASK_MODEL = "Plan the trials", "Pick the winner", "Ask the model"
TRAIN, SUCCESS, FAILURE = "Train one trial", "Record the success", "Record the failure"
TRAIN_NEXT, ASK_NEXT = "Train the next trial", "Ask what is next"
LOOK, END_JOBS = "Look whether a job started", "End the waiting jobs"
TRIALS, WORKERS = "Train the trials", "Let the workers train"
ALL, ENDED = "Train, and watch that jobs start", "Training has ended"
WAIT, STARTED, JOBS_START, STUCK = "Give the jobs time to start", "Has a job started?", "Jobs start", "No job started"

INPUT = {"name": "story", "parameters": {"lr": [0.1, 0.01]}, "epochs": 1}
OUTPUT = {"winner": {"params": {"lr": 0.1}}}
RECORD = {
    "MapRunArn": "arn",
    "ResultWriterDetails": {"Bucket": "bucket", "Key": "sweeps/story/round-0/map/manifest.json"},
}
THROTTLED = "Batch.TooManyRequestsException"
NO_CAPACITY = "no job started within 120 minutes: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One execution.

    Attributes:
        answers: by state, and within it by the job's name, the worker or the key that the request names.
        items: what each Map reads.
        time_passes: whether what waits for a time has waited; otherwise time stands still.
        path: the states by machine, in order. Machines are the whole, the two branches, and each Map's children, such
            as `Train the trials 0`.
        output: of an execution that succeeds.
        error, cause: of one that fails.
        without: interpreters that cannot tell the story, and why.
    """

    says: str
    answers: Mapping[str, Mapping[str, Answers]]
    items: Mapping[str, Answers] = field(default_factory=dict)
    time_passes: bool = False
    path: Mapping[str, Sequence[str]]
    output: Any = None
    error: str | None = None
    cause: str | None = None
    without: Mapping[str, str] = field(default_factory=dict)

    def script(self) -> Json:
        """Returns what an interpreter is given."""
        return {"input": INPUT, "answers": self.answers, "items": self.items, "time_passes": self.time_passes}

    def tries(self) -> Json:
        """Returns how many requests each state makes, by what they name."""
        return {state: {who: len(each) for who, each in named.items()} for state, named in self.answers.items()}


def returns(value: Any, *, after: tuple[str, int] | None = None) -> Json:
    """An answer. With `after` it comes when that state has been entered, or made its request, so often."""
    return {"returns": value, "after": after}


def fails(error: str, cause: str = "scripted") -> Json:
    return {"fails": error, "cause": cause}


def function(value: Any, *, after: tuple[str, int] | None = None) -> Json:
    return returns({"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": value}, after=after)


def verdict(says: str) -> Json:
    """An answer of the guard, which looks when both jobs have been submitted."""
    return function({**planned()["returns"]["Payload"], "verdict": says, "why": NO_CAPACITY}, after=(TRAIN, 2))


def _job(trial: str, **more: Any) -> Json:
    return returns({"JobId": f"job-{trial}", "JobName": trial, "Attempts": [{"StoppedAt": 61_000}]}, **more)


PUT = returns({"ETag": '"0"'})
NEVER = returns({}, after=("never", 1))


def planned(**changes: Any) -> Json:
    """An answer of the planner."""
    state = {
        "sweep": "story",
        "round": 0,
        "planned": 2,
        "to_run": 2,
        "to_run_key": "sweeps/story/round-0/to-run.json",
        "map_results_prefix": "sweeps/story/round-0/map",
        "planned_at": 1_795_000_000_000,
        "ended": {},
        "max_concurrency": 1000,
        "usd_at_most": None,
        "leg": None,
    }
    return function({**state, **changes})


def trial(name: str) -> Json:
    """An item of the Map over the trials."""
    outcome = {"version": 1, "trial_id": name}
    return {
        "trial_id": name,
        "sweep": "story",
        "share": "normalstory",
        "command": ["--lr", "0.1"],
        "environment": [{"Name": "SWEEP_NAME", "Value": "story"}],
        "requirements": [],
        "timeout_seconds": 7200,
        "attempts": 3,
        "outcome_key": f"sweeps/story/round-0/outcomes/{name}.json",
        "outcomes": {status: {**outcome, "status": status} for status in ("SUCCEEDED", "FAILED")},
    }


def worker(number: int, do: str, turn: int = 0, name: str | None = None) -> Json:
    """An item of the Map over the workers, or what the asker answers one."""
    question = {"sweep": "story", "leg": 0, "worker": number, "turn": turn, "ended": {}}
    return {**(trial(name) if name else {}), "do": do, "question": question}


def _key(name: str) -> str:
    return str(trial(name)["outcome_key"])


WON = function({"another_round": False, "output": OUTPUT})
NONE = function({"another_round": False, "fault": "2x exit code 3"})
BEGIN = ("Begin with round 0", PLAN, "Anything to train?")
TRAINED = ("In rounds?", TRIALS, ENDED)
WORKED = ("In rounds?", WORKERS, ENDED)
END = (REDUCE, "Another round?", "Winner found")
LOOKED = (WAIT, LOOK, STARTED)

ALL_WELL = Story(
    says="all is well",
    answers={
        PLAN: {"": [planned()]},
        TRAIN: {"a": [_job("a")], "b": [_job("b")]},
        SUCCESS: {_key("a"): [PUT], _key("b"): [PUT]},
        REDUCE: {"": [WON]},
    },
    items={TRIALS: [returns([trial("a"), trial("b")])]},
    path={
        "whole": [*BEGIN, ALL, *END],
        "training": TRAINED,
        "guard": [WAIT],
        f"{TRIALS} 0": [TRAIN, SUCCESS],
        f"{TRIALS} 1": [TRAIN, SUCCESS],
    },
    output=OUTPUT,
)

JOB_FAILS = replace(
    ALL_WELL,
    says="a job fails",
    answers={
        **ALL_WELL.answers,
        TRAIN: {"a": [_job("a")], "b": [fails("States.TaskFailed", json.dumps({"JobId": "job-b"}))]},
        SUCCESS: {_key("a"): [PUT]},
        FAILURE: {_key("b"): [PUT]},
    },
    path={**ALL_WELL.path, f"{TRIALS} 1": [TRAIN, FAILURE]},
)

THROTTLED_SUBMISSION = replace(
    ALL_WELL,
    says="Batch throttles submissions, and S3 refuses a write",
    answers={
        **ALL_WELL.answers,
        TRAIN: {"a": [*[fails(THROTTLED)] * 3, _job("a")], "b": [fails("Batch.ServerException"), _job("b")]},
        SUCCESS: {_key("a"): [PUT], _key("b"): [fails("S3.S3Exception"), PUT]},
    },
)

THROTTLED_FOR_EVER = replace(
    JOB_FAILS,
    says="Batch throttles one trial for ever",
    answers={**JOB_FAILS.answers, TRAIN: {"a": [_job("a")], "b": [fails(THROTTLED)] * 21}},
)

READER_FAILS = replace(
    ALL_WELL,
    says="the reader fails at first",
    items={TRIALS: [*[fails("States.ItemReaderFailed")] * 2, *ALL_WELL.items[TRIALS]]},
)

READER_FAILS_FOR_EVER = Story(
    says="the reader fails for ever",
    answers={PLAN: {"": [planned()]}},
    items={TRIALS: [fails("States.ItemReaderFailed", "the key does not exist")] * 9},
    path={"whole": [*BEGIN, ALL], "training": TRAINED[:2], "guard": [WAIT]},
    error="States.ItemReaderFailed",
    cause="the key does not exist",
)

REDUCER_FAILS = replace(
    ALL_WELL,
    says="a lost reducer is started again, and fails by an error of its own",
    answers={
        **ALL_WELL.answers,
        REDUCE: {"": [fails("Lambda.Unknown"), fails("Sandbox.Timedout"), fails("ValueError", "no results")]},
    },
    path={**ALL_WELL.path, "whole": [*BEGIN, ALL, REDUCE]},
    output=None,
    error="ValueError",
    cause="no results",
)

NO_WINNER = replace(
    JOB_FAILS,
    says="no trial succeeds",
    answers={
        **JOB_FAILS.answers,
        TRAIN: {name: [fails("States.TaskFailed", "exit code 3")] for name in ("a", "b")},
        SUCCESS: {},
        FAILURE: {_key("a"): [PUT], _key("b"): [PUT]},
        REDUCE: {"": [NONE]},
    },
    path={
        **JOB_FAILS.path,
        "whole": [*BEGIN, ALL, *END[:2], "No trial succeeded"],
        f"{TRIALS} 0": [TRAIN, FAILURE],
    },
    output=None,
    error="NoTrialSucceeded",
    cause="2x exit code 3",
)

WRONG_INPUT = Story(
    says="the input is wrong",
    answers={PLAN: {"": [function({"fault": "parameters.lr: no value"})]}},
    path={"whole": [*BEGIN, "Wrong input"]},
    error="InvalidSweep",
    cause="parameters.lr: no value",
)

ALL_TRAINED = Story(
    says="all is trained already",
    answers={PLAN: {"": [planned(to_run=0)]}, REDUCE: {"": [WON]}},
    path={"whole": [*BEGIN, *END]},
    output=OUTPUT,
)

TWO_ROUNDS = Story(
    says="a model searches in three rounds, of which one needs no model",
    answers={
        PLAN: {"": [planned(), planned(round=1, to_run=1), planned(round=2, to_run=0)]},
        TRAIN: {"a": [_job("a")], "b": [_job("b")], "c": [_job("c")]},
        SUCCESS: {_key(name): [PUT] for name in "abc"},
        ASK_MODEL: {"": [function({"sweep": "story", "round": 1})]},
        REDUCE: {
            "": [
                function({"another_round": True, "sweep": "story", "round": 1, "ask": True}),
                function({"another_round": True, "sweep": "story", "round": 2, "ask": False}),
                WON,
            ]
        },
    },
    items={TRIALS: [returns([trial("a"), trial("b")]), returns([trial("c")])]},
    path={
        "whole": [
            *BEGIN, ALL, *END[:2], "Does a model search?", ASK_MODEL,
            PLAN, "Anything to train?", ALL, *END[:2], "Does a model search?",
            PLAN, "Anything to train?", *END,
        ],
        "training": [*TRAINED, *TRAINED],
        "guard": [WAIT, WAIT],
        f"{TRIALS} 0": [TRAIN, SUCCESS, TRAIN, SUCCESS],
        f"{TRIALS} 1": [TRAIN, SUCCESS],
    },
    output=OUTPUT,
)  # fmt: skip

FREE = planned(leg=0, to_run_key="sweeps/story/leg-0/workers.json")
FREE_RUNNING = Story(
    says="workers run freely, one trial fails, and one worker asks first",
    answers={
        PLAN: {"": [FREE]},
        TRAIN_NEXT: {"a": [_job("a")], "b": [fails("States.TaskFailed", "exit code 3")], "c": [_job("c")]},
        ASK_NEXT: {
            "0": [function(worker(0, "train", 1, "b")), function(worker(0, "end", 2))],
            "1": [function(worker(1, "train", 1, "c")), function(worker(1, "ask", 2)), function(worker(1, "end", 3))],
        },
        REDUCE: {"": [WON]},
    },
    items={WORKERS: [returns([worker(0, "train", 0, "a"), worker(1, "ask")])]},
    path={
        "whole": [*BEGIN, ALL, *END],
        "training": WORKED,
        "guard": [WAIT],
        f"{WORKERS} 0": [
            *("Another trial?", TRAIN_NEXT, ASK_NEXT) * 2,
            *("Another trial?", "Nothing is left"),
        ],
        f"{WORKERS} 1": [
            *("Another trial?", ASK_NEXT, "Another trial?", TRAIN_NEXT, ASK_NEXT),
            *("Another trial?", ASK_NEXT, "Another trial?", "Nothing is left"),
        ],
    },
    output=OUTPUT,
)

WORKER_FAILS = replace(
    FREE_RUNNING,
    says="one worker's execution fails, and the other goes on",
    answers={
        **FREE_RUNNING.answers,
        TRAIN_NEXT: {"a": [_job("a")]},
        ASK_NEXT: {"0": [function(worker(0, "end", 1))], "1": [fails("FileNotFoundError", "the log is not there")]},
    },
    path={
        **FREE_RUNNING.path,
        f"{WORKERS} 0": ["Another trial?", TRAIN_NEXT, ASK_NEXT, "Another trial?", "Nothing is left"],
        f"{WORKERS} 1": ["Another trial?", ASK_NEXT],
    },
    without={"aws-local-stepfunctions": "it knows no ToleratedFailurePercentage"},
)

NOTHING_STARTS = Story(
    says="no job starts, at first while the jobs of others run",
    answers={
        PLAN: {"": [planned()]},
        TRAIN: {"a": [NEVER], "b": [NEVER]},
        LOOK: {"": [verdict("others run"), verdict("nothing runs"), verdict("nothing starts")]},
        END_JOBS: {"": [planned(ended={"Error": "NoJobStarted", "Cause": NO_CAPACITY})]},
        REDUCE: {"": [NONE]},
    },
    items=ALL_WELL.items,
    time_passes=True,
    path={
        "whole": [*BEGIN, ALL, END_JOBS, *END[:2], "No trial succeeded"],
        "training": TRAINED[:2],
        "guard": [*LOOKED, *LOOKED, *LOOKED, STUCK],
        f"{TRIALS} 0": [TRAIN],
        f"{TRIALS} 1": [TRAIN],
    },
    error="NoTrialSucceeded",
    cause="2x exit code 3",
)

JOBS_OF_NOTHING_LEFT = replace(
    NOTHING_STARTS,
    says="no job starts, and its jobs cannot be ended",
    answers={**NOTHING_STARTS.answers, END_JOBS: {"": [fails("ClientError", "denied")]}},
)

STARTS = replace(
    ALL_WELL,
    says="the guard sees that a job has started",
    answers={
        **ALL_WELL.answers,
        TRAIN: {"a": [_job("a", after=(JOBS_START, 1))], "b": [_job("b", after=(JOBS_START, 1))]},
        LOOK: {"": [verdict("started")]},
    },
    time_passes=True,
    path={**ALL_WELL.path, "guard": [*LOOKED, JOBS_START]},
)

GUARD_FAILS = replace(
    STARTS,
    says="the guard fails, and the training goes on",
    answers={**STARTS.answers, LOOK: {"": [fails("ClientError", "denied")]}},
    path={**STARTS.path, "guard": [WAIT, LOOK, JOBS_START]},
)

STORIES = (
    ALL_WELL,
    JOB_FAILS,
    THROTTLED_SUBMISSION,
    THROTTLED_FOR_EVER,
    READER_FAILS,
    READER_FAILS_FOR_EVER,
    REDUCER_FAILS,
    NO_WINNER,
    WRONG_INPUT,
    ALL_TRAINED,
    TWO_ROUNDS,
    FREE_RUNNING,
    WORKER_FAILS,
    NOTHING_STARTS,
    JOBS_OF_NOTHING_LEFT,
    STARTS,
    GUARD_FAILS,
)
