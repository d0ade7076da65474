"""Sees whether a sweep would be refused, as far as that is known without a cloud that is up: for a plan."""

from functools import partial

from stepsweep.bucket.records import Records
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.ready import check_program, check_secrets
from stepsweep.client.clouds.which_trainer import fitting
from stepsweep.client.deployment import explained
from stepsweep.client.operations.warming import check_warm_start
from stepsweep.contract.claimed import fault_of_name
from stepsweep.contract.errors import InvalidDocument, InvalidInput, InvalidSweep
from stepsweep.contract.spec import SweepSpec
from stepsweep.trainer_script import Script, script_of


def check_start(spec: SweepSpec, cloud: Cloud, script: Script | None) -> None:
    """Checks what a start checks, but for the budget, and for what needs the trainer's image.

    Args:
        script: the trainer, if it is not the cloud's.

    Raises:
        InvalidInput: the sweep would be refused; lists every fault.
        CloudError: AWS did not answer, or does not allow it.
    """
    faults: list[str] = []
    for check in (
        partial(check_secrets, cloud, spec),
        partial(_check_script, cloud, script),
        partial(check_warm_start, spec, cloud),
        partial(_check_name_in, cloud, spec),
    ):
        try:
            check()
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)


def check_name(records: Records, spec: SweepSpec, cloud: Cloud) -> None:
    """Raises InvalidSweep if a sweep cannot have its name: another one has it, or one that differs by case only."""
    try:
        earlier = records.spec(spec.name)
        fault = fault_of_name(spec, earlier) if earlier else None
    except InvalidDocument:
        fault = fault_of_name(spec, None)
    if fault:
        raise InvalidSweep([fault])
    if cloud.is_local and (other := records.same_on_disk(spec.name)):
        raise InvalidSweep(
            [f"name: differs from the sweep {other} by case only, and some disks ignore that; choose another name"]
        )


def _check_script(cloud: Cloud, script: Script | None) -> None:
    fits = fitting(cloud, script)
    check_program(cloud, fits or (script_of(cloud.trainer) if cloud.trainer else None))


def _check_name_in(cloud: Cloud, spec: SweepSpec) -> None:
    with explained():
        check_name(cloud.recorded().records, spec, cloud)
