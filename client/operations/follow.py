"""Runs, starts or watches a sweep. Each function reports events, and returns the last one."""

import contextlib
from collections.abc import Iterator, Sequence, Set
from typing import TypeVar

from stepsweep.bucket.records import Records
from stepsweep.client.clouds.ahead import Ahead
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.ready import check_secrets, check_trials
from stepsweep.client.deployment import CloudError, explained
from stepsweep.client.operations.canary import Canary, ended_without
from stepsweep.client.operations.capacity import Waiting
from stepsweep.client.operations.events import (
    AtRest,
    Begun,
    Doing,
    Ended,
    Event,
    GaveUp,
    GoesOn,
    Interrupted,
    Shared,
    Show,
    doing,
)
from stepsweep.client.operations.starting import begun
from stepsweep.client.operations.warming import check_warm_start
from stepsweep.client.running.control import Control, Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import RUNNING, Progress
from stepsweep.client.running.stopping import stop_sweep
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status

POLL_SECONDS = {"local": 0.5, "aws": 5.0}

E = TypeVar("E", bound=Event)


class CloudGone(CloudError):
    """The embedded cloud of the followed sweep is no longer up."""

    def __init__(self) -> None:
        super().__init__("the process that ran the embedded cloud has ended, and the sweep with it")


def run(
    spec: SweepSpec, cloud: Cloud, show: Show, ahead: Ahead, *, keep_going: bool, keep_results: bool = False
) -> Ended | AtRest | Interrupted | GaveUp:
    """Runs a sweep to its end. On this machine, it runs the embedded cloud in this process if none is up.

    An interrupt ends a sweep on this machine; sweeps of others in its cloud go on. A sweep on AWS continues.

    Args:
        ahead: work that has been started for it.
        keep_going: trains all trials even if the first ones fail alike.
        keep_results: counts finished trials of the trainer as it was before it changed.

    Raises:
        InvalidInput: the sweep is already running, or the trainer cannot run it.
        SweepError: the cloud failed.
        KeyboardInterrupt: nothing was started, the sweep has already ended, or it continues.
    """
    check_secrets(cloud, spec)
    check_warm_start(spec, cloud)
    execution = None
    last: Ended | AtRest | Interrupted | GaveUp
    with contextlib.ExitStack() as until_it_is_down, cloud.starting(doing(show)) as started:
        ahead.check(cloud, spec, doing(show))
        with cloud.opened(doing(show), ahead.machines) as deployment:
            control = Control(deployment)
            try:
                execution = begun(control, spec, cloud, show, keep_results=keep_results)
                started()
                last = _to_its_end(execution, cloud, show, None if keep_going else control)
            except KeyboardInterrupt:
                if execution is None or not cloud.is_local:
                    raise
                last = _stopped(execution, cloud, show)
            else:
                show(last)
            if deployment.is_ours:
                _wait_for_others(until_it_is_down, control, cloud, show, execution)
    return last


def _stopped(execution: Execution, cloud: Cloud, show: Show) -> Interrupted:
    """Stops an execution that a person has interrupted."""
    show(Doing("Stopping …"))
    try:
        execution.stop()
    except CloudError:
        if not cloud.is_gone(execution):  # then its jobs have ended with the cloud
            raise
    is_planned = cloud.recorded().records.spec(execution.spec.name) is not None
    return _told(show, Interrupted(execution, is_planned=is_planned))


def start(spec: SweepSpec, cloud: Cloud, show: Show, *, keep_results: bool = False) -> Execution:
    """Starts an execution in a cloud that another process keeps up, so that it continues without this process.

    Raises:
        InvalidInput: the sweep is already running, or the trainer cannot run it.
        SweepError: the cloud failed.
    """
    check_secrets(cloud, spec)
    check_warm_start(spec, cloud)
    with cloud.starting(doing(show)) as started:
        check_trials(cloud, spec, doing(show))
        execution = start_held(spec, cloud, show, keep_results=keep_results)
        started()
    return execution


def start_held(spec: SweepSpec, cloud: Cloud, show: Show, *, keep_results: bool = False) -> Execution:
    """Starts like `start`, for a caller that holds `cloud.starting` and has checked the spec."""
    return begun(Control(cloud.kept_up(doing(show))), spec, cloud, show, keep_results=keep_results)


def start_and_plan(spec: SweepSpec, cloud: Cloud, show: Show, *, keep_results: bool = False) -> Ended | AtRest | GoesOn:
    """Starts a sweep like `start`, and returns when its trials are planned, or when it has ended."""
    execution = start(spec, cloud, show, keep_results=keep_results)
    try:
        for progress in _shown_progress(execution, cloud, show):
            if progress.planned is not None and progress.to_run and progress.status == RUNNING:
                return _told(show, GoesOn(execution))
        return _told(show, Ended(execution, execution.ending()))
    except CloudError as error:
        return _told(show, _recorded_end(execution, cloud, error))


def watch(
    name: str, cloud: Cloud, show: Show, *, execution: Execution | None = None, keep_going: bool = True
) -> Ended | AtRest | GaveUp:
    """Follows a running sweep to its end. If it is not running, returns its records.

    Args:
        execution: the sweep's execution, if known; by default the running one, if any.

    Raises:
        InvalidInput: there is no such sweep.
        SweepError: the cloud failed.
    """
    try:
        if execution is None:
            found = cloud.looked_at()
            execution = found.execution(name)
            if execution is None:
                return _told(show, _at_rest(found, name))
        ended = _followed(execution, cloud, show, None if keep_going else cloud.looked_at().control)
    except CloudError:
        if not cloud.is_gone(execution):
            raise
        # It ended with the sweep, or was killed: the records say which.
        last = _at_rest(cloud.looked_at(), name)
        if execution and last.standing.is_finished and not _ended_it(last, execution):
            raise CloudError(
                f"the execution {execution.name} of {name} ended without results of its own: those that are there are "
                "another execution's"
            ) from None
        return _told(show, last)
    return _told(show, ended)


def _ended_it(last: AtRest, execution: Execution) -> bool:
    return last.archive.records.have_end_of(execution.spec.name, execution=execution.name)


def _at_rest(found: Found, name: str) -> AtRest:
    return AtRest(found.standing(name), found.archive)


def _to_its_end(execution: Execution, cloud: Cloud, show: Show, control: Control | None) -> Ended | AtRest | GaveUp:
    """Follows an execution like `_followed`. If its cloud ends first, the records say whether it has ended before:
    another command kept the cloud up, for as long as anything ran in it."""
    try:
        return _followed(execution, cloud, show, control)
    except CloudError as error:
        return _recorded_end(execution, cloud, error)


def _recorded_end(execution: Execution, cloud: Cloud, error: CloudError) -> AtRest:
    """Returns how an execution has ended whose cloud is gone. Raises if it had not, or if the cloud is up."""
    if not cloud.is_gone(execution):
        raise error
    archive, name = cloud.recorded(), execution.spec.name
    if not archive.records.have_end_of(name, execution=execution.name):
        raise CloudGone from error
    return _at_rest(Found(archive, None), name)


def _followed(execution: Execution, cloud: Cloud, show: Show, control: Control | None) -> Ended | GaveUp:
    """Follows an execution to its end.

    Args:
        control: stops the sweep if the first trials fail alike; None lets them.
    """

    def needed_no_job(known: Set[str]) -> Iterator[Result]:
        if execution.plan is not None:
            with explained():
                yield from ended_without(Records(execution.store), execution.plan, known)

    canary = Canary(needed_no_job)
    for progress in _shown_progress(execution, cloud, show):
        if control is not None and (reason := canary.why_all_fail(progress)) is not None:
            name = execution.spec.name
            stop_sweep(control, name, poll_seconds=POLL_SECONDS[cloud.on], on_status=doing(show))
            spared = progress.to_run - progress.ended - _trained_meanwhile(execution, canary.ended)
            have_metrics = canary.ended[0].outcome.status is Status.INVALID
            return GaveUp(execution, len(canary.ended), spared, reason, have_metrics=have_metrics)
    return Ended(execution, execution.ending())


def _trained_meanwhile(execution: Execution, known: Sequence[Result]) -> int:
    """Returns how many trials have got metrics since the last progress, such as while the sweep was stopped."""
    if (plan := execution.plan) is None:
        return 0
    open_ones = plan.to_run - {result.trial.trial_id for result in known}
    with explained():
        return Records(execution.store).have_metrics_of([plan.trials[trial_id] for trial_id in open_ones])


def _shown_progress(execution: Execution, cloud: Cloud, show: Show) -> Iterator[Progress]:
    """Shows an execution's progress, and yields it, until the execution has ended.

    Raises:
        CloudGone: its embedded cloud has ended first.
        CloudError: the cloud did not answer for too long.
    """
    show(Begun(execution))
    waiting = Waiting(cloud)
    for each in execution.follow(poll_seconds=POLL_SECONDS[cloud.on], with_training=show.wants_training):
        progress = waiting.explained(each)
        if progress.trouble and cloud.is_gone(execution):
            for missed in execution.missed():
                show(missed)
                yield missed
            raise CloudGone
        show(progress)
        yield progress


def _wait_for_others(
    until_it_is_down: contextlib.ExitStack, control: Control, cloud: Cloud, show: Show, own: Execution
) -> None:
    """Keeps the cloud up for sweeps that other commands have started in it."""
    from stepsweep.client.clouds.background import wait_until_idle

    shown: list[tuple[str, ...]] = []

    def on_busy(running: Sequence[str]) -> None:
        others = tuple(arn.rpartition(":")[2] for arn in running if arn != own.arn)
        if others and not shown:
            shown.append(others)
            show(Shared(others))

    wait_until_idle(until_it_is_down, cloud.directory, control, on_busy=on_busy)


def _told(show: Show, last: E) -> E:
    show(last)
    return last
