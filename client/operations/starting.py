"""Starts the execution of a sweep: what would be refused first, then what is kept of the trainer before its change."""

import contextlib
from dataclasses import replace

from stepsweep.bucket.records import Records
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.ready import give_secrets
from stepsweep.client.clouds.which_trainer import remember_trainer
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.operations.estimating import check_as_planned, with_pace
from stepsweep.client.operations.events import Doing, Show
from stepsweep.client.operations.keeping import former, kept
from stepsweep.client.operations.startable import check_name
from stepsweep.client.running.control import Control
from stepsweep.client.running.execution import Execution
from stepsweep.contract.described import number_of
from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.spec import SweepSpec


def begun(control: Control, spec: SweepSpec, cloud: Cloud, show: Show, *, keep_results: bool) -> Execution:
    """Starts an execution of a sweep, which a cloud that is up can run, and returns it.

    Args:
        keep_results: counts finished trials of the trainer as it was before it changed.

    Raises:
        InvalidInput: the sweep is already running, another one has its name or folder, or its budget is too small.
        CloudError: the cloud did not answer, or does not allow it.
    """
    # Two executions of a sweep would train its trials twice.
    if control.running(spec.name):
        shown, ended = f"`sweep watch {spec.name}{cloud.where}`", f"`sweep stop {spec.name}{cloud.where}`"
        raise InvalidInput([f"the sweep {spec.name} is already running: {shown} shows it, {ended} ends it"])
    # Before the planner does: whoever does not wait for its answer would read what the other sweep of this name found.
    with explained():
        check_name(Records(control.deployment.store), spec, cloud)
    give_secrets(cloud, spec, control.deployment)
    spec = with_pace(spec, cloud)
    with contextlib.ExitStack() as until_started:
        if (found := former(spec, cloud, control.deployment)) is not None and keep_results:
            spec = replace(spec, accept_trainer=True)
            # Of a sweep that the planner refuses nothing is copied: one that did not ask for it would count it later.
            if not _is_refused(spec, control.deployment):
                trials = number_of(len(found.trials), "finished trial")
                show(Doing(f"Keeping {trials} of the trainer before its change{found.files} …"))
                until_started.enter_context(kept(found, control, spec.name))
                check_as_planned(spec, control.deployment)
        elif found is not None:
            show(Doing(str(found)))
        # Refused by the planner, it would be taken for the trainer of the trials that are there.
        goes_on = cloud.is_local and not _is_refused(spec, control.deployment)
        execution = control.start(spec)
    if goes_on:
        remember_trainer(cloud, spec.name)
    return execution


def _is_refused(spec: SweepSpec, deployment: Deployment) -> bool:
    """Whether the planner will refuse a sweep: it had another trainer, or no machine is as large as it asks for."""
    if any(deployment.job.faults_of(spec.resources)):
        return True
    records = Records(deployment.store)
    try:
        with explained():
            latest = records.latest(spec.name)
    except InvalidDocument:
        return True
    if latest is None:
        return False
    return latest.trainer_version != deployment.trainer_version and not spec.accept_trainer
