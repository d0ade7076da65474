"""Changes the priority of a sweep that runs."""

from dataclasses import replace

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.ready import check_secrets, check_trainer_is_the_same, check_trials
from stepsweep.client.clouds.which_trainer import with_trainer_of
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.events import Doing, Show, doing
from stepsweep.client.operations.follow import POLL_SECONDS, start_held
from stepsweep.client.running.control import Control, Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.stopping import stop_sweep
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.priority import Priority
from stepsweep.contract.spec import SweepSpec


def priority_of(found: Found, name: str) -> Priority:
    """Returns the priority that a sweep was started with last.

    Raises:
        InvalidInput: there is no such sweep.
    """
    execution = found.execution(name)
    if execution is not None:
        return execution.spec.priority
    return found.archive.priority(name)


def prioritize(cloud: Cloud, name: str, priority: Priority, show: Show) -> Execution:
    """Stops a running sweep, and starts it again with another priority, which each submitted job has for good.

    What would keep it from starting again is looked for before it is stopped. On this machine it starts again in the
    same cloud, and a second call waits until the first has ended.

    Raises:
        InvalidInput: there is no such sweep, it does not run or has this priority, or it could not start again.
        CloudError: it was stopped and could not start again, a job is left, or the cloud failed.
    """
    cloud.check_it_is_there()
    with cloud.starting(doing(show)):
        found = cloud.looked_at()
        execution, control = found.execution(name), found.control
        if execution is None or control is None:
            found.archive.spec(name)
            resume = _resume(cloud, name, priority)
            raise InvalidInput([f"priority: the sweep {name} is not running; {resume} continues it with that priority"])
        spec = replace(execution.spec, priority=priority, accept_trainer=False)
        if spec.priority is execution.spec.priority:
            raise InvalidInput([f"priority: the sweep {name} has {priority} already; choose another one"])
        again = with_trainer_of(cloud, name)
        check_secrets(again, spec)
        check_trainer_is_the_same(again, found, name)
        check_trials(again, spec, doing(show))
        try:
            return _started_again(control, spec, again, show)
        except KeyboardInterrupt:
            if not control.running(name):
                resume = _resume(cloud, name, priority)
                show(Doing(f"{name} was stopped, and not started again; {resume} continues it."))
            raise


def _started_again(control: Control, spec: SweepSpec, cloud: Cloud, show: Show) -> Execution:
    name, priority = spec.name, spec.priority
    show(Doing(f"Stopping {name} …"))
    stopped = stop_sweep(control, name, poll_seconds=POLL_SECONDS[cloud.on], on_status=doing(show))
    if stopped.left:
        raise CloudError(f"still alive: {', '.join(stopped.left)}; look at them in AWS Batch, and stop {name} again")
    try:
        return start_held(spec, cloud, show)
    except SweepError as error:
        if isinstance(error, InvalidInput) and control.running(name):
            change = f"`sweep priority {name} {priority}{cloud.where}`"
            raise CloudError(f"somebody else has started {name} meanwhile; {change} changes its priority") from error
        resume = _resume(cloud, name, priority)
        raise CloudError(f"{name} was stopped, and did not start again: {error}; {resume} tries again") from error


def _resume(cloud: Cloud, name: str, priority: Priority) -> str:
    return f"`sweep resume {name}{cloud.where} --priority {priority}`"
