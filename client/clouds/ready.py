"""Whether a sweep can start in a cloud: can the trainer run its trials, is it still the same, are its secrets known?"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_script import script_of

if TYPE_CHECKING:
    from stepsweep.client.deployment import Deployment
    from stepsweep.client.running.control import Found
    from stepsweep.contract.spec import SweepSpec
    from stepsweep.trainer_script import Script


def check_trials(cloud: Cloud, spec: "SweepSpec", on_status: Callable[[str], None]) -> None:
    """Asks the trainer whether it can run these trials. On AWS nothing is checked in advance.

    Raises:
        InvalidInput: it cannot, for example because a data set is missing; lists every fault. Or a cloud is up that
            would train something else.
    """
    if not cloud.is_local:
        return
    from stepsweep.contract.rounds import first_round, trials_at_the_ends
    from stepsweep.contract.space import key_of
    from stepsweep.local.checks import faults_of
    from stepsweep.local.joining import joined

    if (endpoint := joined(cloud.directory)) is not None:
        cloud.check_it_is_as_asked(endpoint)
    if cloud.trainer is not None and script_of(cloud.trainer) is None and not (cloud.trainer / "Dockerfile").is_file():
        raise InvalidInput(
            [
                f"--trainer: there is no Dockerfile in {cloud.trainer}; name the folder that has it, or say how "
                "your script is run with --command"
            ]
        )
    commands: list[list[str]] = []
    seen: set[tuple[str, str]] = set()
    for trial in [*first_round(spec, trainer_version=""), *trials_at_the_ends(spec)]:
        # Each rule concerns one option, so it is enough to check each choice in one command.
        if new := set(key_of(trial.options)) - seen:
            seen |= new
            commands.append(trial.command())
    if faults := faults_of(
        cloud.directory, commands, trainer=cloud.trainer, container=cloud.container, on_status=on_status
    ):
        raise InvalidInput(faults)


def check_program(cloud: Cloud, script: "Script | None") -> None:
    """Raises InvalidInput if this machine cannot start the program of a script, as far as its folder tells."""
    if script is None or not cloud.is_local or cloud.container:
        return
    from stepsweep.local.programs import fault_in_folder

    if fault := fault_in_folder(script):
        raise InvalidInput([fault])


def check_trainer_is_the_same(cloud: Cloud, found: "Found", sweep: str) -> None:
    """Raises InvalidInput if a running sweep, once stopped, would be refused since its trainer has changed."""
    if cloud.is_local:
        from stepsweep.local.joining import joined

        if (endpoint := joined(cloud.directory)) is not None:
            cloud.check_it_is_as_asked(endpoint)
        return
    latest = found.archive.records.latest(sweep)
    now = found.control.deployment.trainer_version if found.control else None
    if latest is not None and latest.trainer_version != now:
        raise InvalidInput(
            [
                f"name: the stack has another trainer now than {sweep} was planned for, and would refuse to "
                "continue it; let it end, or stop it and resume it with --accept-trainer"
            ]
        )


def check_secrets(cloud: Cloud, spec: "SweepSpec") -> None:
    """Raises InvalidInput if a sweep on this machine needs a secret that the shell does not have."""
    if cloud.is_local and (missing := [name for name in spec.secrets if not os.environ.get(name)]):
        raise InvalidInput([f"secrets.{name}: the shell has no such variable; export it first" for name in missing])


def give_secrets(cloud: Cloud, spec: "SweepSpec", deployment: "Deployment") -> None:
    """Passes the shell's values of a sweep's secrets to the embedded cloud, which keeps them in memory."""
    if cloud.is_local and spec.secrets:
        deployment.give_secrets({name: os.environ[name] for name in spec.secrets})
