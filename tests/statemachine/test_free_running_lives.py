"""Random lives of free-running searches through the real functions, on a bucket that fails.

Functions are killed before and after each request, and asked again, in environments that have read the log up to any
event, or none of it; answers of S3 get lost; other workers write between two requests of one; children and their jobs
are lost; sweeps are stopped and resumed with other rules, or deleted and begun anew under the same name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest
from botocore.exceptions import ClientError

from stepsweep.bucket import search_log
from stepsweep.bucket.job_logs import NoLastLines
from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.search_log import KeptLogs, SearchLog, state_at
from stepsweep.contract import keys
from stepsweep.contract.cost import Rates
from stepsweep.contract.events import Began, event_from_json
from stepsweep.contract.free_running import answer
from stepsweep.contract.means import StackJob
from stepsweep.contract.median import read_variable, record, verdict
from stepsweep.contract.metrics import parse_csv, to_csv
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine import asker
from stepsweep.statemachine.claims import Trainer
from stepsweep.statemachine.earlier import with_known
from stepsweep.statemachine.leg import end_leg
from stepsweep.statemachine.workers import plan_workers
from tests.support.functions import job_description
from tests.support.memory import Memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Json = dict[str, Any]
T = TypeVar("T")

JOB, RATES, LEFT = StackJob(), Rates(usd_per_hour=1.0, seconds_per_epoch=100.0), "end"
TRIES = 12


class Killed(BaseException):
    """The function's process has ended."""


class Unreliable(Memory):
    """S3, while `fails` is set with requests that end the function, lose their answers, or are late.

    Attributes:
        meanwhile: happens before the next event is written.
    """

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.fails = False
        self.meanwhile: Callable[[], None] | None = None
        self._random = random
        self._late: list[tuple[str, bytes]] = []

    def _happens(self, share: float) -> bool:
        return self.fails and self._random.random() < share

    def _may_kill(self, share: float) -> None:
        if self._happens(share):
            raise Killed

    def get_object(self, **named: Any) -> Json:
        self._may_kill(0.01)
        return super().get_object(**named)

    def head_object(self, **named: Any) -> Json:
        self._may_kill(0.01)
        return super().head_object(**named)

    def put_object(self, **named: Any) -> Json:
        self._may_kill(0.04)
        if is_event := "/log/" in named["Key"]:
            if self.meanwhile and self._happens(0.5):
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()
            if self._happens(0.08):
                raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject")
            if self._happens(0.12) and named["Key"] not in self.objects:
                super().put_object(**named)  # the answer is lost, and the SDK tries again
        if named["Key"] == keys.snapshot_key("s"):
            if self._happens(0.3):
                self._late.append((named["Key"], named["Body"]))
                return {}
            if self._late:
                key, body = self._late.pop()
                super().put_object(Key=key, Body=body)
        assert not is_event or "IfNoneMatch" in named
        answered = super().put_object(**named)
        self._may_kill(0.04)
        return answered

    def delete(self, prefix: str) -> None:
        self.objects = {key: data for key, data in self.objects.items() if not key.startswith(prefix)}
        self._keys = [*self.objects]
        self._keys.sort()
        self._late.clear()


def spec_of(random: Random) -> Json:
    """Returns a sweep with some of all that a spec may have."""
    spaces: list[tuple[Json, list[Json], list[Json]]] = [
        ({"lr": {"low": 0.0, "high": 1.0, "type": "float"}}, [{"lr": 0.25}, {"lr": 0.75}], []),
        ({"n": [*range(8)], "b": [True, 1, None]}, [{"n": 7, "b": 1}, {"n": 7, "b": True}], [{"n": 3}, {"b": None}]),
        (
            {
                "kind": ["a", "b"],
                "x": {"low": 0.0, "high": 1.0, "type": "float", "when": {"kind": "a"}},
                "k": {"choices": [1, 2, 3, 4, 5, 6], "when": {"kind": "b"}},
            },
            [{"kind": "b", "k": 5}, {"kind": "a", "x": 0.5}],
            [{"kind": "b", "k": [1, 2]}],
        ),
    ]
    space, first, out = random.choice(spaces)
    trials = random.randint(1, 14)
    spec: Json = {"name": "s", "rounds": False, "parameters": space, "epochs": random.choice([1, 4, 9]), "seed": 1}
    spec["search"] = {"method": random.choice(["random", "random", "tpe"]), "trials": trials}
    if "n" in space and random.random() < 0.3:
        spec["search"] = "grid"
    if random.random() < 0.5:
        spec["try_first"] = first[:trials]
    if out and random.random() < 0.5:
        spec["exclude"] = out
    stop: Json = {}
    if random.random() < 0.2:
        spec["objectives"] = [{"metric": "good", "direction": "maximize"}, {"metric": "ms", "direction": "minimize"}]
    else:
        spec["objective"] = {"metric": "good", "direction": "maximize"}
        rule = random.choice(["halving", "median", "folds", "repeats", "none"])
        if rule in ("folds", "repeats"):
            spec[rule] = 2
        elif rule == "halving" and spec["epochs"] > 1:
            spec["halving"] = {"min_epochs": 1, "factor": random.choice([2, 3])}
        elif rule == "median" and spec["epochs"] > 1:
            stop["median"] = {"min_epochs": 1, "min_trials": random.choice([1, 3])}
        if random.random() < 0.3:
            stop |= {"max_trials_without_improvement": random.randint(1, 8)}
            stop |= {"running": random.choice(["end", "finish"])}
        if random.random() < 0.2:
            stop["metric_reached"] = 0.9
    if random.random() < 0.2:
        stop["max_hours"] = random.choice([0.5, 100.0])
    return {**spec, **({"stop": stop} if stop else {}), **({"budget_usd": 40.0} if random.random() < 0.1 else {})}


@dataclass
class Life:
    random: Random
    spec: Json
    s3: Unreliable
    execution: int = 0
    part: int = 0
    trainer: Trainer = field(default_factory=lambda: Trainer(version="one", name="t"))
    states: list[Json] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)
    environments: list[KeptLogs] = field(default_factory=list)

    @property
    def bucket(self) -> Bucket:
        return Bucket("b", cast("S3Client", self.s3))

    def tried(self, function: Callable[[], T]) -> T:
        """Runs a function as the state machine does: again, where it was killed."""
        for left in reversed(range(TRIES)):
            self.s3.fails = left > 0
            try:
                return function()
            except Killed:
                continue
            finally:
                self.s3.fails = False
        raise AssertionError("the last try does not fail")

    def begin(self, **spec: Any) -> None:
        self.spec = {name: value for name, value in {**self.spec, **spec}.items() if value is not None}
        started = datetime.now(UTC) - timedelta(hours=self.random.choice([0, 1]))
        workers = self.random.randint(1, 6)

        def planned(workers: int = workers) -> Json:
            return plan_workers(
                self.bucket, with_known(self.bucket, SweepSpec.from_json(self.spec)), execution=f"e{self.execution}",
                started_at=started, part=self.part, trainer=self.trainer, workers=workers, rates=RATES, job=JOB,
            )  # fmt: skip

        key = self.tried(planned)["to_run_key"]
        self.states = self.bucket.get_json(key)
        planned(9)
        assert self.bucket.get_json(key) == self.states, "a planner that runs again begins the same leg"
        for worker in self.alive:
            self.check_one_trains(worker)

    @property
    def alive(self) -> list[int]:
        return [worker for worker, state in enumerate(self.states) if state["do"] in ("train", "ask")]

    def metrics_of(self, worker: int) -> str:
        return environment(self.states[worker], keys.METRICS_URI).removeprefix("s3://b/")

    def check_one_trains(self, worker: int) -> None:
        training = [each for each in self.alive if self.states[each]["do"] == "train"]
        if worker in training:
            assert self.metrics_of(worker) not in self.s3.objects, "what is trained is not trained again"
            names = [self.metrics_of(each) for each in training if each not in self.busy or each == worker]
            assert names.count(self.metrics_of(worker)) == 1, "two train one trial"

    def trained(self, worker: int) -> Json:
        """Plays the job of a worker; returns how the state machine says that it ended."""
        state, chance = self.states[worker], self.random.random()
        epochs = int(dict(zip(state["command"][::2], state["command"][1::2], strict=True))["--epochs"])
        attempts = [{"StartedAt": 1, "StoppedAt": 1 + self.random.randrange(3_600_000)}]
        job = {"job": {"job_id": "j", "attempts": attempts}}
        failure = {"failure": {"Error": "States.TaskFailed", "Cause": job_description(exit_code=1)}}
        if chance < 0.11:
            return failure if chance < 0.08 else job
        luck = Random(state["trial_id"])
        best, ms, early = luck.random(), luck.random(), luck.random()
        last = max(1, int(epochs * early / 0.15)) if early < 0.15 else epochs
        rows = [{"epoch": n, "good": best * n / epochs, "ms": ms} for n in range(1, last + 1)]
        if chance < 0.14:
            rows[-1]["good"] = float("nan")
        if medians := environment(state, keys.MEDIANS):
            objective, by_epoch = read_variable(medians)
            if ended := verdict(parse_csv(to_csv(rows), max_epochs=epochs), objective, by_epoch):
                key = json.loads(medians)["uri"].removeprefix("s3://b/")
                self.bucket.put(key, record(ended, epochs_trained=ended.epoch), "application/json")
                return job
        self.bucket.put_once(self.metrics_of(worker), to_csv(rows), "text/csv")
        return failure if chance < 0.17 else job

    def goes_on(self, worker: int) -> None:
        """A worker's job ends, and the worker asks, or is lost before that."""
        ended = self.trained(worker) if self.states[worker]["do"] == "train" else {}
        if self.random.random() < 0.03:
            self.states[worker] = {"do": LEFT}
        else:
            self.asks(worker, ended)

    def asks(self, worker: int, ended: Json) -> None:
        question = question_of(self.states[worker])

        def another_asks() -> None:
            if others := [each for each in self.alive if each not in self.busy]:
                self.goes_on(self.random.choice(others))
                self.s3.fails = True

        def told() -> Json:
            # Taken while it answers: an environment has one invocation at a time, and ends if that is killed.
            self.random.shuffle(self.environments)
            logs = self.environments.pop() if self.environments else KeptLogs()
            state = asker.told(self.bucket, self.spec["name"], question, ended=ended, job=JOB, logs=logs)
            self.environments.append(logs)
            return cast(Json, json.loads(json.dumps(state, allow_nan=False)))

        self.busy.add(worker)
        self.s3.meanwhile = another_asks if len(self.busy) < 4 and self.random.random() < 0.4 else None
        self.states[worker] = self.tried(told)
        self.s3.meanwhile = None
        self.busy.discard(worker)
        self.check_one_trains(worker)
        if self.states[worker]["do"] != "ask":
            assert told() == self.states[worker], "a question that is asked again has the same answer"
        if self.states[worker]["do"] == "stop":
            why = job_description(exit_code=143, status_reason=self.states[worker]["why"])
            for other in self.alive:
                if other not in self.busy and self.states[other]["do"] == "train":
                    self.asks(other, {"failure": {"Error": "States.TaskFailed", "Cause": why}})

    def is_stopped_and_resumed(self) -> None:
        late = [question_of(state) for state in self.states if "question" in state]
        for worker in self.alive:  # what ends while it is stopped
            if self.states[worker]["do"] == "train" and self.random.random() < 0.2:
                self.trained(worker)
        self.execution, self.part = self.execution + 1, 0
        more: Json = {"priority": self.random.choice(["high", "low"]), "budget_usd": None}
        if self.random.random() < 0.3:
            more["stop"] = None
        if self.random.random() < 0.1:
            self.trainer, more["accept_trainer"] = Trainer(version=f"{self.execution}", name="t"), True
        if self.random.random() < 0.3:
            self.s3.delete(keys.sweep_prefix("s"))
        self.begin(**more)
        for question in late:
            told = asker.told(self.bucket, "s", question, ended={}, job=JOB, logs=KeptLogs())
            assert told["do"] == "end"

    def ends_its_leg(self) -> Json:
        def ended() -> Json:
            return end_leg(self.bucket, NoLastLines(), sweep="s", job=JOB)

        answered = self.tried(ended)
        assert ended() == answered, "a reducer that runs again answers the same"
        return answered

    def lives(self) -> Json:
        """Lives until the search has ended; returns the reducer's answer."""
        while True:
            if self.alive and self.random.random() < 0.02:
                self.is_stopped_and_resumed()
            elif self.alive:
                self.goes_on(self.random.choice(self.alive))
            elif (answered := self.ends_its_leg())["another_round"]:
                self.part = answered["round"]
                self.begin()
            else:
                return answered


def question_of(state: Json) -> asker.Question:
    asked = state["question"]
    return asker.Question(**{name: asked[name] for name in ("execution", "leg", "worker", "turn")})


def environment(state: Json, name: str) -> str:
    return str(next((each["Value"] for each in state["environment"] if each["Name"] == name), ""))


def replayed(life: Life) -> SearchState:
    """Folds the log, and checks that each event follows from those before it."""
    names = [key for key in life.s3.objects if key.startswith(keys.events_prefix("s"))]
    assert sorted(names) == [keys.event_key("s", number) for number in range(len(names))], "numbers without a gap"
    state: SearchState | None = None
    answered = set()
    for name in sorted(names):
        event = event_from_json(life.bucket.get_json(name), where=name)
        if isinstance(event, Began):
            state = state or SearchState(event)
        else:
            assert state is not None
            assert (event.leg, event.worker, event.turn) not in answered, "one event answers a question"
            answered.add((event.leg, event.worker, event.turn))
            choice = event.choice
            again = answer(
                state, leg=event.leg, worker=event.worker, turn=event.turn, ended=event.ended, seen=event.seen,
                proposed=[choice.task.params] if event.seen is not None and choice.task else None,
                hours=1e9 if "max_hours" in choice.ended_by else 0.0,
            )  # fmt: skip
            assert again is not None
            assert again.choice.task == choice.task
            assert again.choice.passed == choice.passed
            assert again.choice.ended_by.split(":")[0] == choice.ended_by.split(":")[0]
        state.apply(event)
    assert state is not None
    from_snapshot = SearchLog.read(life.bucket, "s").state
    from_nothing = state_at(life.bucket, "s", names)
    assert from_snapshot is not None
    assert from_nothing is not None
    assert json.dumps(from_snapshot.to_json()) == json.dumps(from_nothing.to_json()) == json.dumps(state.to_json())
    return state


def has_trained_some(random: Random, spec: Json, s3: Unreliable) -> bool:
    """Has another sweep train some of it; returns whether it has a value to tell."""
    earlier = Life(random, spec, s3)
    earlier.begin(name="earlier", stop=None, budget_usd=None)
    for _ in range(random.randint(1, 12)):
        if earlier.alive:
            earlier.goes_on(random.choice(earlier.alive))
    state = SearchLog.read(earlier.bucket, "earlier").state
    return state is not None and any(each.reached and each.reached[-1].value is not None for each in state.candidates)


def check(seed: int) -> None:
    random = Random(seed)
    spec = spec_of(random)
    life = Life(random, spec, Unreliable(random))
    if random.random() < 0.3:
        has_told = has_trained_some(random, spec, life.s3)
        if has_told and "objectives" not in spec and "tpe" in str(spec["search"]):
            life.spec["warm_start"] = ["earlier"]
    life.begin()
    answered = life.lives()
    state = replayed(life)
    planned, found = state.spec, [candidate.params for candidate in state.candidates]
    assert len({key_of(params) for params in found}) == len(found) <= planned.number_of_params
    by_hand = [key_of(params) for params in planned.try_first]
    assert [key_of(params) for params in found[: len(by_hand)]] == by_hand[: len(found)]
    assert not [each for params in found for each in planned.space.faults_of(params)]
    assert not [params for params in found if planned.space.is_excluded(params) and key_of(params) not in by_hand]
    if "output" in answered and not answered["output"].get("ended_by"):
        assert len(found) == planned.number_of_params
        assert all(candidate.has_ended for candidate in state.candidates)
    results = life.bucket.get_json(keys.free_results_key("s"))["results"]
    assert [each["trial"]["trial_id"] for each in results] == [trial.trial_id for trial in state.ended().trials()]
    for each, trial in zip(results, state.ended().trials(), strict=True):
        assert (each["status"] in ("SUCCEEDED", "INVALID")) == (trial.metrics_key in life.s3.objects), "metrics decide"


@pytest.fixture(autouse=True)
def _snapshots_of_short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_log, "SNAPSHOT_EVERY", 5)


@pytest.mark.parametrize("seed", range(8))
def test_a_random_life_keeps_the_promises(seed: int) -> None:
    check(seed)


@pytest.mark.slow
def test_many_random_lives_keep_the_promises() -> None:
    for seed in range(100, 400):
        check(seed)
