"""Changes the priority of a sweep that runs."""

from dataclasses import replace

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.events import Show, doing
from stepsweep.client.operations.follow import start
from stepsweep.client.operations.stop import stop_and_wait
from stepsweep.client.running.control import Found
from stepsweep.client.running.execution import Execution
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.priority import Priority


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

    What would keep it from starting again is looked for before it is stopped.

    Raises:
        InvalidInput: there is no such sweep, it does not run or has this priority, or it could not start again.
        CloudError: it was stopped and could not start again, a job is left, or the cloud failed.
    """
    found = cloud.looked_at()
    execution = found.execution(name)
    if execution is None:
        found.archive.spec(name)
        resume = f"`sweep resume {name}{cloud.where} --priority {priority}`"
        raise InvalidInput([f"priority: the sweep {name} does not run; {resume} continues it with this one"])
    spec = replace(execution.spec, priority=priority, accept_trainer=False)
    if spec.priority is execution.spec.priority:
        raise InvalidInput([f"priority: the sweep {name} has {priority} already; choose another one"])
    again = cloud.with_trainer_of(name)
    again.check_secrets(spec)
    again.check_trainer_is_the_same(found, name)
    again.check(spec, doing(show))
    if left := stop_and_wait(again, name, show).left:
        raise CloudError(f"still alive: {', '.join(left)}; look at them in AWS Batch, and stop {name} again")
    try:
        return start(spec, again, show)
    except SweepError as error:
        resume = f"`sweep resume {name}{cloud.where} --priority {priority}` tries again"
        raise CloudError(f"{name} was stopped, and did not start again: {error}; {resume}") from error
