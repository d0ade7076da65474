"""Runs a sweep on a virtual clock with the real functions: planner, sampler, reducer, and what answers workers.

The bucket is in memory. A job looks up what it would write, and how long that takes. So a search of days takes seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from benchmarks.clock import Clock, Machines
from stepsweep.bucket.job_logs import NoLastLines
from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.search_log import KeptLogs
from stepsweep.contract import keys
from stepsweep.contract.cost import TUTORIAL_RATES, Rates
from stepsweep.contract.means import StackJob
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.worker import ASK, TRAIN
from stepsweep.statemachine import asker, leg, planner, reducer, sampler, workers
from stepsweep.statemachine.claims import Trainer
from tests.support.memory import Memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "virtual"
EXECUTION = "virtual"
STARTED_AT = datetime(2026, 11, 28, tzinfo=UTC)
TRAINER = Trainer(version="virtual", name="virtual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a job does.

    Attributes:
        rows: all that its trial's metrics then hold.
        seconds: of this job alone.
    """

    rows: Sequence[Mapping[str, int | float]]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that has ended.

    Attributes:
        at: seconds of the virtual clock.
        number: of the job, in the order in which they were submitted.
        options: of its command, as texts.
    """

    at: float
    number: int
    trial_id: str
    options: Mapping[str, str]
    training: Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds that the state machine takes: between rounds, and to answer a worker."""

    between: Callable[[], float] = lambda: 0.0
    ask: Callable[[], float] = lambda: 0.0


class Sweep:
    """A sweep on a virtual clock.

    Args:
        train: the options of a job's command → what it does.
        stop: whether to leave the sweep as it is, after a job.

    Attributes:
        ended: the jobs that have ended, in that order.
        output: of the execution; empty if it was left.
        submitted: number of jobs so far.
    """

    def __init__(
        self,
        spec: SweepSpec,
        machines: Machines,
        train: Callable[[Mapping[str, str]], Training],
        *,
        waits: Waits | None = None,
        rates: Rates = TUTORIAL_RATES,
        stop: Callable[["Sweep"], bool] = lambda _: False,
    ) -> None:
        self.spec = spec
        self.machines = machines
        self.ended: list[Ended] = []
        self.output: dict[str, Any] = {}
        self.submitted = 0
        self._train = train
        self._waits = waits or Waits()
        self._rates = rates
        self._stop = stop
        self._bucket = Bucket(BUCKET, cast("S3Client", Memory()))
        self._job = StackJob()
        self._logs = NoLastLines()
        self._kept = KeptLogs()
        self.is_left = False

    @property
    def clock(self) -> Clock:
        return self.machines.clock

    def run(self) -> "Sweep":
        """Runs the sweep to its end."""
        step = self._round if self.spec.rounds else self._leg
        number: int | None = 0
        while number is not None and not self.is_left:
            answer = step(number)
            self._wait(self._waits.between())
            number = answer["round"] if answer.get("another_round") else None
            self.output = answer.get("output", {})
            if number is not None and answer["ask"]:
                sampler.sample(self._bucket, sweep=self.spec.name, round_number=number)
        return self

    def _round(self, number: int) -> dict[str, Any]:
        planned = planner.plan(
            self._bucket,
            self.spec,
            execution=EXECUTION,
            started_at=STARTED_AT,
            round_number=number,
            trainer=TRAINER,
            max_concurrency=self.machines.most,
            rates=self._rates,
            job=self._job,
        )
        running = 0

        def ended(item: Mapping[str, Any], job: Mapping[str, Any]) -> None:
            nonlocal running
            running -= 1
            self._bucket.put_json(item["outcome_key"], {**item["outcomes"]["SUCCEEDED"], "job": dict(job)})

        for item in self._bucket.get_json(planned["to_run_key"]):
            running += 1
            self._submit(item, ended)
        self._run(lambda: not running)
        if self.is_left:
            return {}
        return reducer.reduce(
            self._bucket,
            self._logs,
            sweep=self.spec.name,
            round_number=number,
            map_results={},
            usd_per_hour=self._rates.usd_per_hour,
            job=self._job,
        )

    def _leg(self, number: int) -> dict[str, Any]:
        planned = workers.plan_workers(
            self._bucket,
            self.spec,
            execution=EXECUTION,
            started_at=STARTED_AT,
            part=number,
            trainer=TRAINER,
            workers=self.machines.most,
            rates=self._rates,
            job=self._job,
        )
        running = planned["to_run"]

        def go_on(state: Mapping[str, Any]) -> None:
            nonlocal running
            if state["do"] == TRAIN:
                self._submit(state, asks)
            elif state["do"] == ASK:
                self.clock.after(self._waits.ask(), lambda: go_on(self._told(state["question"], {})))
            else:
                running -= 1

        def asks(state: Mapping[str, Any], job: Mapping[str, Any]) -> None:
            if not self.is_left:
                self.clock.after(self._waits.ask(), lambda: go_on(self._told(state["question"], {"job": dict(job)})))

        for state in self._bucket.get_json(planned["to_run_key"]):
            go_on(state)
        self._run(lambda: not running)
        return {} if self.is_left else leg.end_leg(self._bucket, self._logs, sweep=self.spec.name, job=self._job)

    def _told(self, question: Mapping[str, Any], ended: Mapping[str, Any]) -> dict[str, Any]:
        asked = asker.Question(
            execution=question["execution"], leg=question["leg"], worker=question["worker"], turn=question["turn"]
        )
        return asker.told(self._bucket, question["sweep"], asked, ended=ended, job=self._job, logs=self._kept)

    def _submit(self, item: Mapping[str, Any], then: Callable[[Mapping[str, Any], Mapping[str, Any]], None]) -> None:
        words = iter(item["command"])
        options = {name.removeprefix("--"): value for name, value in zip(words, words, strict=True)}
        training = self._train({**options, "trial_id": item["trial_id"]})
        environment = {variable["Name"]: variable["Value"] for variable in item["environment"]}
        number = self.submitted
        self.submitted += 1

        def ended(ran: float) -> None:
            key = environment[keys.METRICS_URI].removeprefix(keys.uri(BUCKET, ""))
            self._bucket.put(key, to_csv(training.rows), "text/csv")
            self.ended.append(
                Ended(at=self.clock.now, number=number, trial_id=item["trial_id"], options=options, training=training)
            )
            self.is_left = self.is_left or self._stop(self)
            stopped = round(1000 * self.clock.now)
            attempt = {"StartedAt": stopped - round(1000 * ran), "StoppedAt": stopped}
            then(item, {"job_id": str(number), "attempts": [attempt]})

        self.machines.submit(training.seconds, ended)

    def _run(self, is_over: Callable[[], bool]) -> None:
        self.clock.run(lambda: self.is_left or is_over())

    def _wait(self, seconds: float) -> None:
        is_over = False

        def over() -> None:
            nonlocal is_over
            is_over = True

        self.clock.after(seconds, over)
        self.clock.run(lambda: is_over)
