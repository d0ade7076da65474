"""Starts a sweep where an account or an embedded cloud can run it, and follows it to its end."""

from collections.abc import Callable, Iterator

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.running.control import Control
from stepsweep.client.running.execution import Execution, Progress
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec

POLL_SECONDS = {"local": 0.5, "aws": 5.0}


class CloudGone(CloudError):
    """The embedded cloud of a sweep that was followed is not up any more."""


def begin(spec: SweepSpec, cloud: Cloud, on_status: Callable[[str], None]) -> tuple[Control, Execution]:
    """Starts an execution in a cloud that is up without us, and so goes on without us.

    Raises:
        InvalidInput: a sweep of this name runs, or the trainer could not run it.
        SweepError: the cloud failed.
    """
    with cloud.starting(on_status) as started:
        cloud.check(spec, on_status)
        control = Control(cloud.kept_up(on_status))
        check_it_does_not_run(control, spec.name, cloud)
        execution = control.start(spec)
        cloud.remember_trainer(spec.name)
        started()
    return control, execution


def check_it_does_not_run(control: Control, name: str, cloud: Cloud) -> None:
    """Two executions of a sweep would train its trials twice, at the same time."""
    if control.running(name):
        raise InvalidInput(
            [f"the sweep {name} runs already: `sweep watch {name}{cloud.where}` shows it, `sweep stop {name}` ends it"]
        )


def followed(execution: Execution, cloud: Cloud, *, with_training: bool) -> Iterator[Progress]:
    """Yields how far an execution is until it has ended.

    Raises:
        CloudGone: the process of its embedded cloud has ended before.
        CloudError: the cloud did not answer for too long.
    """
    for progress in execution.follow(poll_seconds=POLL_SECONDS[cloud.on], with_training=with_training):
        if progress.trouble and cloud.is_gone:
            raise CloudGone("the process that ran the embedded cloud has ended")
        yield progress
