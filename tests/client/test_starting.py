"""Commands that start, watch, stop or remove a sweep: the events that they tell, and what is in their way."""

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from filelock import FileLock

from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.trial_files import TrialFiles
from stepsweep.client.cli.main import cli
from stepsweep.client.clouds import background
from stepsweep.client.clouds.ahead import Ahead
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.which_trainer import remember_trainer
from stepsweep.client.deployment import CloudError, Deployment
from stepsweep.client.operations import follow
from stepsweep.client.operations.events import AtRest, Begun, Doing, Ended, Event, GaveUp, GoesOn, Interrupted, Shared
from stepsweep.client.operations.follow import POLL_SECONDS, CloudGone, run, start, start_and_plan, watch
from stepsweep.client.operations.noting import write_note
from stepsweep.client.operations.stop import Removal, removal, remove, stop_and_wait
from stepsweep.client.running.control import Control, Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Progress
from stepsweep.client.running.stopping import Stopped, stop_sweep
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.local.joining import starting
from tests.support.command import Sweep
from tests.support.embedded import eventually
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack


def test_a_cloud_that_fails_while_a_sweep_is_planned_is_said_and_the_sweep_goes_on(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CloudError("Step Functions does not answer")

    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: stack.deployment)
    monkeypatch.setattr(Execution, "follow", fails)
    words = ["start", "--set", "lr=0.1", "--epochs", "1", "--name", "mine", "--on", "aws", "--stack", stack.name]
    ended = CliRunner().invoke(cli, words)
    assert isinstance(ended.exception, CloudError)
    assert str(ended.exception) == "Step Functions does not answer"
    assert len(Control(stack.deployment).running("mine")) == 1


def test_a_stop_waits_for_a_command_that_starts_a_cloud_and_says_so(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / ".stepsweep")
    recorded.planned("mine", {"lr": [0.1]})
    lock = starting(recorded.directory)
    lock.acquire()
    with Sweep(folder=tmp_path).popen("stop", "mine") as stop:
        try:
            assert stop.stdout is not None
            assert stop.stdout.readline() == "Waiting for another command that starts or ends this cloud …\n"
        finally:
            lock.release()
        out, _ = stop.communicate(timeout=60)
    assert (stop.returncode, out) == (0, "mine does not run.\n")


# --- the events -------------------------------------------------------------------------------------------------------

DONE: Future[None] = Future()
DONE.set_result(None)
MINE = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [0.1, 0.2]}, "epochs": 1})


class Told:
    """Hears of events, and does something when an execution has begun."""

    wants_training = False

    def __init__(self, when_begun: Callable[[], object] = lambda: None) -> None:
        self.events: list[Event] = []
        self._when_begun = when_begun

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Begun):
            self._when_begun()

    @property
    def others(self) -> list[Event]:
        """The events that are no progress."""
        return [event for event in self.events if not isinstance(event, Progress)]


@pytest.fixture
def aws(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: stack.deployment)
    return Cloud(
        on="aws", directory=tmp_path, trainer=None, job_vcpus=None, profile="work", region=None, stack=stack.name
    )


def local(recorded: RecordedCloud) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def test_a_sweep_that_is_started_goes_on_once_it_is_planned(stack: Stack, aws: Cloud) -> None:
    told = Told(lambda: stack.planned(**MINE.to_json()))
    last = start_and_plan(MINE, aws, told)
    assert isinstance(last, GoesOn)
    assert told.others == [Begun(last.execution), last]
    assert told.events[-1] is last
    assert Control(stack.deployment).running("mine") == [last.execution.arn]


def test_a_sweep_that_ends_before_it_is_planned_has_its_end(stack: Stack, aws: Cloud) -> None:
    stack.fails_with("InvalidSweep", "no")
    told = Told()
    last = start_and_plan(MINE, aws, told)
    assert isinstance(last, Ended)
    assert (last.ending.error, last.ending.cause) == ("InvalidSweep", "no")
    assert told.others == [Begun(last.execution), last]


def test_a_sweep_that_runs_already_is_not_started_again(stack: Stack, aws: Cloud) -> None:
    Control(stack.deployment).start(MINE)
    with pytest.raises(InvalidInput) as refused:
        start_and_plan(MINE, aws, Told())
    on = f"--on aws --profile work --stack {stack.name}"
    assert str(refused.value) == (
        f"the sweep mine is already running: `sweep watch mine {on}` shows it, `sweep stop mine {on}` ends it"
    )
    assert len(Control(stack.deployment).running("mine")) == 1


def test_a_sweep_that_is_watched_is_told_to_its_end(stack: Stack, aws: Cloud) -> None:
    execution = Control(stack.deployment).start(MINE)
    stack.planned(**MINE.to_json())
    told = Told(lambda: stack.stop(execution.arn))
    last = watch("mine", aws, told)
    assert isinstance(last, Ended)
    assert (told.others, last.ending.status) == ([Begun(last.execution), last], "ABORTED")
    assert last.execution.arn == execution.arn
    rests = Told()
    found = watch("mine", aws, rests)
    assert isinstance(found, AtRest)
    assert (rests.events, found.standing.spec.name) == ([found], "mine")


def test_a_run_on_aws_goes_on_after_an_interrupt_and_is_told_to_its_end(stack: Stack, aws: Cloud) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    told = Told(interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(MINE, aws, told, Ahead(), keep_going=True)
    (arn,) = Control(stack.deployment).running("mine")
    assert [type(event) for event in told.events] == [Begun]
    stop_and_wait(aws, "mine", Told())
    stack.fails_with("InvalidSweep", "no")
    told = Told()
    last = run(MINE, aws, told, Ahead(), keep_going=False)
    assert isinstance(last, Ended)
    assert (told.others, last.ending.error) == ([Begun(last.execution), last], "InvalidSweep")
    assert last.execution.arn != arn


@pytest.fixture
def here(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """An embedded cloud that answers as the stack does, and that another command keeps up."""

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[Deployment]:
        yield stack.deployment

    monkeypatch.setitem(POLL_SECONDS, "local", 0.01)
    monkeypatch.setattr(Cloud, "opened", opened)
    return local(RecordedCloud(directory=tmp_path / ".stepsweep"))


@pytest.mark.parametrize("is_planned", [False, True])
def test_an_interrupt_on_this_machine_ends_the_sweep(stack: Stack, here: Cloud, is_planned: bool) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    if is_planned:
        RecordedCloud(directory=here.directory).planned("mine", {"lr": [0.1, 0.2]}, epochs=1)
    told = Told(interrupted)
    last = run(MINE, here, told, Ahead(checking=DONE), keep_going=True)
    assert isinstance(last, Interrupted)
    assert last.is_planned is is_planned
    assert told.events == [Begun(last.execution), Doing("Stopping …"), last]
    eventually(lambda: stack.status(last.execution.arn) == "ABORTED")


class WhilePlanning:
    """Step Functions of an embedded cloud whose planner works while the execution is stopped."""

    def __init__(self, functions: Any, planned: Callable[[], object]) -> None:
        self._functions = functions
        self._planned: list[Callable[[], object]] = [planned]
        self._is_stopped = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)

    def stop_execution(self, **asked: str) -> object:
        self._is_stopped = True
        return self._functions.stop_execution(**asked)

    def describe_execution(self, **asked: str) -> Any:
        found = self._functions.describe_execution(**asked)
        if self._is_stopped and self._planned:
            self._planned.pop()()
            return {**found, "status": "RUNNING"}
        return found


def test_an_interrupt_while_the_trials_are_planned_is_told_with_the_plan(
    stack: Stack, here: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RecordedCloud(directory=here.directory)
    functions = WhilePlanning(
        stack.deployment.step_functions, lambda: recorded.planned("mine", {"lr": [0.1, 0.2]}, epochs=1)
    )

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[Deployment]:
        yield replace(stack.deployment, step_functions=functions, is_ours=True)  # type: ignore[arg-type]

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Cloud, "opened", opened)
    monkeypatch.setattr(background, "LOOK_SECONDS", 0.01)
    told = Told(interrupted)
    last = run(MINE, here, told, Ahead(checking=DONE), keep_going=True)
    assert isinstance(last, Interrupted)
    assert last.is_planned
    assert told.events == [Begun(last.execution), Doing("Stopping …"), last], "its own execution is no other one"


def test_a_run_keeps_its_cloud_up_for_sweeps_of_others_and_names_them_once(
    stack: Stack, here: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[Deployment]:
        yield replace(stack.deployment, is_ours=True)

    monkeypatch.setattr(Cloud, "opened", opened)
    monkeypatch.setattr(background, "LOOK_SECONDS", 0.01)
    control, names = Control(stack.deployment), list[str]()
    for name in ("one", "two"):
        names.insert(0, control.start(replace(MINE, name=name)).name)
    stack.fails_with("InvalidSweep", "no")

    class Leaving(Told):
        def __call__(self, event: Event) -> None:
            super().__call__(event)
            if isinstance(event, Shared):
                for arn in control.executions():
                    stack.stop(arn)

    told = Leaving()
    last = run(MINE, here, told, Ahead(checking=DONE), keep_going=True)
    assert isinstance(last, Ended)
    shared = told.others.pop()
    assert told.others[:-1] == [Begun(last.execution), last]
    assert isinstance(shared, Shared)
    assert sorted(shared.names) == sorted(names)


def test_a_run_whose_cloud_another_command_has_ended_has_the_end_that_is_recorded(
    stack: Stack, here: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CloudError("the cloud cannot be reached")

    monkeypatch.setattr(Execution, "follow", fails)
    with pytest.raises(CloudGone) as gone:
        run(MINE, here, Told(), Ahead(checking=DONE), keep_going=True)
    assert str(gone.value.__cause__) == "the cloud cannot be reached"
    for arn in Control(stack.deployment).executions():
        stack.stop(arn)
    recorded = RecordedCloud(directory=here.directory)

    class Ending(Told):
        def __call__(self, event: Event) -> None:
            super().__call__(event)
            if isinstance(event, Begun):
                (trial,) = recorded.planned("mine", {"lr": [0.1]}, execution=event.execution.name)
                recorded.succeeded("mine", trial, {"val_accuracy": [0.5] * 3})
                recorded.reduced("mine")

    told = Ending()
    last = run(MINE, here, told, Ahead(checking=DONE), keep_going=True)
    assert isinstance(last, AtRest)
    assert [type(event) for event in told.events] == [Begun, AtRest]
    assert last.standing.is_finished


def test_a_sweep_that_differs_by_case_only_is_refused_on_this_machine(stack: Stack, here: Cloud) -> None:
    stack.planned(name="MINE", parameters={"lr": [1]}, epochs=1)
    with pytest.raises(InvalidInput) as refused:
        run(MINE, here, Told(), Ahead(checking=DONE), keep_going=True)
    assert str(refused.value) == (
        "name: differs from the sweep MINE by case only, and some disks ignore that; choose another name"
    )
    assert Control(stack.deployment).executions() == []


def test_finished_trials_of_a_former_trainer_are_kept_or_named(
    stack: Stack, aws: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_trial, other_trial = stack.planned(**MINE.to_json())
    for trial in (first_trial, other_trial):
        stack.succeeded("mine", trial, [0.5])
    own = keys.artifacts_of_metrics(first_trial.new_artifacts, stack.bucket.get(first_trial.metrics_key) or b"")
    stack.bucket.put(f"{own}a folder/best.pt", b"weights", "")
    stack.bucket.put(f"{other_trial.new_artifacts}best.pt", b"not kept", "")
    stack.bucket.put(f"{other_trial.kept_artifacts}best.pt", b"kept", "")
    changed = replace(stack.deployment, trainer_version="2")
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: changed)
    told = Told()
    first = start(MINE, aws, told)
    assert told.events == [
        Doing(
            "The trainer has changed: 2 finished trials do not count. If the change cannot matter to their numbers, "
            "--keep-results counts them."
        )
    ]
    assert not first.spec.accept_trainer
    stop_and_wait(aws, "mine", Told())
    told = Told()
    kept = start(MINE, aws, told, keep_results=True)
    assert told.events == [Doing("Keeping 2 finished trials of the trainer before its change …")]
    assert kept.spec == replace(MINE, accept_trainer=True)
    files = TrialFiles(changed.store)
    left = [files.artifacts(trial) for trial in first_round(MINE, trainer_version="2")]
    assert [[(each.name, stack.bucket.get(each.key)) for each in of_trial] for of_trial in left] == [
        [("a folder/best.pt", b"weights")], [("best.pt", b"kept")]
    ]  # fmt: skip
    stop_and_wait(aws, "mine", Told())


def test_a_sweep_that_the_planner_refuses_keeps_nothing(
    stack: Stack, aws: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trial in stack.planned(**MINE.to_json()):
        stack.succeeded("mine", trial, [0.5])
    changed = replace(stack.deployment, trainer_version="2")
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: changed)
    grown = SweepSpec.from_json({**MINE.to_json(), "parameters": {"lr": [*MINE.to_json()["parameters"]["lr"], 0.7]}})
    told, before = Told(), changed.store.listed(keys.TRIALS)
    with pytest.raises(InvalidInput, match=r'^name: the sweep "mine" is there already and asked for something else'):
        start(grown, aws, told, keep_results=True)
    assert told.events == []
    assert changed.store.listed(keys.TRIALS) == before
    assert Control(changed).running("mine") == []


@pytest.mark.parametrize("interrupts", ["put_json", "start"])
def test_a_sweep_that_does_not_start_keeps_nothing(
    stack: Stack, aws: Cloud, monkeypatch: pytest.MonkeyPatch, interrupts: str
) -> None:
    for trial in stack.planned(**MINE.to_json()):
        stack.succeeded("mine", trial, [0.5])
    changed = replace(stack.deployment, trainer_version="2")
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: changed)
    before = changed.store.listed(keys.TRIALS)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Control if interrupts == "start" else Bucket, interrupts, interrupted)
        with pytest.raises(KeyboardInterrupt):
            start(MINE, aws, Told(), keep_results=True)
    assert changed.store.listed(keys.TRIALS) == before
    start(MINE, aws, Told(), keep_results=True)
    assert len(changed.store.listed(keys.TRIALS)) == 3 * len(before)
    stop_and_wait(aws, "mine", Told())


def test_a_sweep_whose_budget_or_machines_the_planner_refuses_keeps_nothing(
    stack: Stack, aws: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = stack.planned(**MINE.to_json())
    stack.succeeded("mine", first, [0.5])
    changed = replace(stack.deployment, trainer_version="2")
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: changed)
    before = changed.store.listed(keys.TRIALS)
    dear = replace(MINE, budget_usd=1.0, seconds_per_epoch=36000.0)
    with pytest.raises(InvalidInput, match="budget_usd: "):
        start(dear, aws, Told(), keep_results=True)
    large = SweepSpec.from_json({**MINE.to_json(), "resources": {"vcpus": 192}})
    start(large, aws, Told(), keep_results=True)
    assert changed.store.listed(keys.TRIALS) == before
    stop_and_wait(aws, "mine", Told())


@pytest.mark.parametrize("others", [{}, {"parameters": {"lr": [0.1]}, "accept_trainer": True}])
def test_a_trainer_that_is_refused_is_not_taken_for_that_of_the_finished_trials(
    stack: Stack, here: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: dict[str, object]
) -> None:
    here, spec = replace(here, trainer=tmp_path / "mine"), SweepSpec.from_json({**MINE.to_json(), **others})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "Dockerfile").touch()
    for trial in stack.planned(**MINE.to_json()):
        stack.succeeded("mine", trial, [0.5])
    remember_trainer(here, "mine")
    (tmp_path / "mine" / "other.py").touch()
    changed = replace(stack.deployment, trainer_version="2")
    monkeypatch.setattr(Cloud, "opened", lambda *_: contextlib.nullcontext(changed))
    for _ in range(2):
        told = Told(lambda: stack.stop(*Control(stack.deployment).running("mine")))
        if others:
            with pytest.raises(InvalidInput, match="is there already and asked for something else"):
                run(spec, here, told, Ahead(checking=DONE), keep_going=True)
            continue
        run(spec, here, told, Ahead(checking=DONE), keep_going=True)
        assert str(told.events[0]).startswith("Doing(text='The trainer has changed (other.py): ")
    told = Told(lambda: stack.stop(*Control(stack.deployment).running("mine")))
    run(MINE, here, told, Ahead(checking=DONE), keep_going=True, keep_results=True)
    assert told.events[0] == Doing("Keeping 2 finished trials of the trainer before its change (other.py) …")


def test_a_sweep_whose_first_trials_fail_alike_is_given_up_where_that_is_asked_for(stack: Stack, aws: Cloud) -> None:
    spec = SweepSpec.from_json({**MINE.to_json(), "parameters": {"lr": [0.1, 0.2, 0.3, 0.4]}})
    execution = Control(stack.deployment).start(spec)
    for trial in stack.planned(**spec.to_json())[:3]:
        stack.failed("mine", trial, "no data")
    told = Told()
    last = watch("mine", aws, told, keep_going=False)
    assert isinstance(last, GaveUp)
    assert (last.failed, last.spared, last.reason) == (3, 1, "exit code 1: no data")
    assert (told.others[-1], last.execution.arn) == (last, execution.arn)
    assert Control(stack.deployment).running("mine") == []
    going = Told(lambda: stack.stop(again.arn))
    again = Control(stack.deployment).start(spec)
    assert isinstance(watch("mine", aws, going), Ended)


def test_a_trial_that_ends_while_its_sweep_is_given_up_was_trained(
    stack: Stack, aws: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SweepSpec.from_json({**MINE.to_json(), "parameters": {"lr": [0.1, 0.2, 0.3, 0.4, 0.5]}})
    Control(stack.deployment).start(spec)
    *failing, last_to_end, _ = stack.planned(**spec.to_json())
    for trial in failing:
        stack.failed("mine", trial, "no data")

    def stopped(*given: Any, **more: Any) -> Stopped:
        stack.succeeded("mine", last_to_end, [0.5])
        return stop_sweep(*given, **more)

    monkeypatch.setattr(follow, "stop_sweep", stopped)
    last = watch("mine", aws, Told(), keep_going=False)
    assert isinstance(last, GaveUp)
    assert (last.failed, last.spared) == (3, 1)


WRONG = {"objective": {"metric": "val_acc"}}
NO_COLUMN = (
    "the objective `val_acc` is not among the metrics: val_accuracy; name one of them, or say with `metrics` where it "
    "is printed"
)
TPE = {"parameters": {"lr": {"low": 1e-3, "high": 1}}, "search": {"method": "tpe", "trials": 14, "batch": 2}}


@pytest.mark.parametrize(
    ("document", "before", "found"),
    [
        (WRONG, 0, (3, 2, NO_COLUMN)),
        ({**WRONG, "parameters": {"lr": [0.1, 0.2, 0.3]}, "repeats": 2}, 0, (3, 3, NO_COLUMN)),
        (
            {"objectives": [{"metric": "val_accuracy"}, {"metric": "usd", "direction": "minimize"}]},
            0,
            (3, 2, NO_COLUMN.replace("val_acc`", "usd`")),
        ),
        ({**WRONG, **TPE}, 0, (3, 1, NO_COLUMN)),
        (WRONG, 1, (3, 1, NO_COLUMN)),
        ({"objective": {"metric": "val_accuracy"}}, 0, None),
        ({}, 1, None),  # the one before has succeeded, and these fail
    ],
)
def test_a_sweep_whose_first_trials_lack_the_objective_is_given_up(
    stack: Stack, aws: Cloud, document: dict[str, object], before: int, found: tuple[int, int, str] | None
) -> None:
    """They have trained and left metrics; before it, another sweep has trained some."""
    grid = {"name": "mine", "parameters": {"lr": [0.1, 0.2, 0.3, 0.4, 0.5]}, "epochs": 1}
    spec = SweepSpec.from_json({**grid, **document})
    for trial in stack.planned(**{**spec.to_json(), "name": "before"})[:before]:
        stack.succeeded("before", trial, [0.5])

    def trains() -> None:
        for trial in stack.planned(**spec.to_json())[before : before + 3]:
            if document:
                stack.succeeded("mine", trial, [0.5])
            else:
                stack.failed("mine", trial, "no data")
        if spec.search.batch:
            stack.reduced("mine")
            stack.bucket.put_json(keys.proposed_key("mine", 1), [{"lr": 0.5}, {"lr": 0.6}])
            stack.succeeded("mine", stack.planned_again("mine", 1)[0], [0.5])

    class ToldOften(Told):
        """Ends the execution when it has heard enough."""

        def __call__(self, event: Event) -> None:
            super().__call__(event)
            if isinstance(event, Progress) and len(self.events) == 9:
                stack.stop(Control(stack.deployment).running("mine")[0])

    last = run(spec, aws, ToldOften(trains), Ahead(checking=DONE), keep_going=False)
    if found is None:
        assert isinstance(last, Ended)
        return
    assert isinstance(last, GaveUp)
    assert (last.failed, last.spared, last.reason, last.have_metrics) == (*found, True)
    assert Control(stack.deployment).running("mine") == []


@pytest.fixture
def gone(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[RecordedCloud, Cloud, Execution]:
    """An embedded cloud that is gone once somebody follows the execution of its sweep."""

    def fails(*_: object, **__: object) -> None:
        raise CloudError("the cloud cannot be reached")

    recorded = RecordedCloud(directory=tmp_path / ".stepsweep")
    (trial,) = recorded.planned("mine", {"lr": [0.1]}, execution="mine-0")
    recorded.succeeded("mine", trial, {"val_accuracy": [0.5] * 3})
    execution = Execution(stack.deployment, arn="arn:aws:states:x:1:execution:m:mine-0", spec=MINE)
    monkeypatch.setattr(Execution, "follow", fails)
    monkeypatch.setattr("stepsweep.client.operations.follow.start", lambda *_, **__: execution)
    return recorded, local(recorded), execution


def test_a_sweep_whose_cloud_ends_first_has_the_end_that_is_recorded(
    gone: tuple[RecordedCloud, Cloud, Execution],
) -> None:
    recorded, cloud, execution = gone
    with pytest.raises(CloudGone, match=r"^the process that ran the embedded cloud has ended, and the sweep with it$"):
        start_and_plan(MINE, cloud, Told())
    recorded.reduced("mine")
    told = Told()
    last = start_and_plan(MINE, cloud, told)
    assert isinstance(last, AtRest)
    assert (told.events, last.standing.spec.name) == ([Begun(execution), last], "mine")
    told = Told()
    watched = watch("mine", cloud, told, execution=execution)
    assert isinstance(watched, AtRest)
    assert (told.events, watched.standing.spec.name) == ([Begun(execution), watched], "mine")


def test_a_stop_of_a_sweep_at_rest_stops_nothing(tmp_path: Path, stack: Stack, aws: Cloud) -> None:
    recorded = RecordedCloud(directory=tmp_path / ".stepsweep")
    recorded.planned("mine", {"lr": [0.1]})
    told = Told()
    assert stop_and_wait(local(recorded), "mine", told) == Stopped(executions=[], jobs=[], left=[])
    assert told.events == []
    with pytest.raises(InvalidInput, match=r'^there is no sweep "other" in '):
        stop_and_wait(local(recorded), "other", told)
    nowhere = replace(local(recorded), directory=tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=f"^there is no embedded cloud in {tmp_path}/nowhere; say where it is with"):
        stop_and_wait(nowhere, "mine", told)
    execution = Control(stack.deployment).start(MINE)
    assert stop_and_wait(aws, "mine", told) == Stopped(executions=[execution.arn], jobs=[], left=[])
    assert told.events == [Doing("Stopping mine …")]


@pytest.mark.parametrize(
    ("ends_when_idle", "is_shared", "ends", "looks"),
    [(True, False, True, 3), (True, False, False, 300), (True, True, True, 0), (False, False, True, 0)],
)
def test_a_stop_waits_at_most_half_a_minute_for_an_idle_cloud_in_the_background(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ends_when_idle: bool,
    is_shared: bool,
    ends: bool,
    looks: int,
) -> None:
    slept: list[float] = []
    lock = FileLock(tmp_path / "cloud.lock")

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if ends and len(slept) == 3:
            lock.release()

    clock = SimpleNamespace(monotonic=lambda: 100 + len(slept) / 10, sleep=sleep)
    monkeypatch.setattr("stepsweep.client.operations.stop.time", clock)
    monkeypatch.setitem(POLL_SECONDS, "local", 0)
    monkeypatch.setattr(Cloud, "looked_at", lambda _self: Found.of(stack.deployment))
    up = {
        "url": "http://127.0.0.1:9", "region": "us-east-1", "access_key_id": "key", "secret_access_key": "secret",
        "pid": 1, "assembly": "", "trainer": "", "code": "", "job_vcpus": 1, "container": False,
        "ends_when_idle": ends_when_idle,
    }  # fmt: skip
    (tmp_path / "cloud.json").write_text(json.dumps(up))
    control = Control(stack.deployment)
    execution = control.start(MINE)
    if is_shared:
        control.start(replace(MINE, name="other"))
    with lock:
        stopped = stop_and_wait(local(RecordedCloud(directory=tmp_path)), "mine", Told())
    assert stopped.executions == [execution.arn]
    assert slept == [0.1] * looks


# --- removal ----------------------------------------------------------------------------------------------------------


def test_what_a_removal_deletes_and_leaves_is_said_before(tmp_path: Path, stack: Stack, aws: Cloud) -> None:
    recorded = RecordedCloud(directory=tmp_path / ".stepsweep")
    trial, _ = recorded.planned("mine", {"lr": [0.1, 0.2]})
    cloud = local(recorded)
    assert removal(cloud, "mine").left[0] == "what is kept of its artifacts, in artifacts/kept/", "nothing was trained"
    recorded.bucket.put(trial.metrics_key, b"", "text/csv")
    where = f"{recorded.directory}/s3/bucket"
    kept = [
        "the results of its 1 trained trial in trials/, which other sweeps may share",
        "what is kept of its artifacts, in artifacts/kept/",
        "checkpoints/",
        f"what the trials printed, in {recorded.directory}/logs",
    ]
    assert removal(cloud, "mine") == Removal(sweep="mine", where=where, objects=4, left=kept, note="")
    write_note(cloud, "mine", "first\nsecond")
    assert removal(cloud, "mine").lines() == [
        f"mine: 5 objects in {where}/sweeps/mine/ will be deleted.",
        "Deleted too: its note, “first …”",
        *(f"Kept: {each}" for each in kept),
    ]
    recorded.bucket.put_json(keys.spec_key("mine"), {"damaged": True})
    assert removal(cloud, "mine").left[0] == "the results of its trials in trials/, which other sweeps may share"
    assert remove(cloud, "mine", Told()) == 5
    with pytest.raises(InvalidInput, match=r'^there is no sweep "mine" in '):
        removal(cloud, "mine")

    Control(stack.deployment).start(MINE)
    stack.planned(**MINE.to_json())
    with pytest.raises(InvalidInput) as refused:
        removal(aws, "mine")
    assert str(refused.value) == (
        f"the sweep mine is running; stop it first with `sweep stop mine --on aws --profile work --stack {stack.name}`"
    )
    stop_and_wait(aws, "mine", Told())
    assert removal(aws, "mine").lines() == [
        f"mine: 4 objects in s3://{stack.deployment.bucket}/sweeps/mine/ will be deleted.",
        f"Kept: {kept[1]}",
        "Kept: checkpoints/, which the bucket empties by its own rule",
        "Kept: the jobs' logs, in CloudWatch Logs",
    ]
    # While a person thinks about the question, somebody starts it again.
    arn = Control(stack.deployment).start(MINE).arn
    with pytest.raises(InvalidInput, match=r"^the sweep mine is running; stop it first"):
        remove(aws, "mine", Told())
    assert len(stack.deployment.store.listed(keys.sweep_prefix("mine"))) == 4
    stack.stop(arn)
    assert remove(aws, "mine", Told()) == 4
