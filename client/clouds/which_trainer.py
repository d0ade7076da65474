"""Which trainer a cloud has: that of a command, or on this machine the one that a sweep was started with."""

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_script import script_of

if TYPE_CHECKING:
    from stepsweep.trainer_script import Script


def with_script(cloud: Cloud, script: "Script | None") -> Cloud:
    """Returns the cloud for trials that run the script; itself for none. Raises what `fitting` does."""
    script = fitting(cloud, script)
    if script is None or not cloud.is_local:
        return cloud
    return replace(cloud, trainer=script.written(cloud.directory / "scripts").resolve())


def fitting(cloud: Cloud, script: "Script | None") -> "Script | None":
    """Returns the script as trials of the cloud run it.

    Raises:
        InvalidInput: a trainer was named too; nothing says what is in the image; or the stack was deployed with another
            command.
    """
    if script is None:
        return None
    if cloud.trainer is not None:
        raise InvalidInput(["command: not together with --trainer (or STEPSWEEP_TRAINER); leave one out"])
    if cloud.is_local:
        return in_an_image(script) if cloud.container else script
    deployed = cloud.on_aws().trainer_command
    if deployed != script.entrypoint:
        there = f"`{replace(script, entrypoint=deployed).line}`" if deployed else "none"
        raise InvalidInput(
            [
                f"command: the stack was deployed with {there}, or reads metrics otherwise; got `{script.line}`. "
                "Deploy this one with `sweep deploy SPEC`, where SPEC is the file that has it"
            ]
        )
    return script


def in_an_image(script: "Script") -> "Script":
    """Returns a script as it runs in its image, which has an interpreter and data of its own.

    Raises:
        InvalidInput: nothing says what is in the image.
    """
    if not script.has_dockerfile:
        raise InvalidInput([f"--container: there is no Dockerfile in {script.folder}; `sweep init --aws` proposes one"])
    return replace(script, python=None, data=())


def with_trainer_of(cloud: Cloud, sweep: str) -> Cloud:
    """Returns the cloud with a sweep's latest trainer, in containers if that was, unless the options name another
    trainer.

    The planner refuses a trainer whose code has changed since.

    Raises:
        InvalidInput: the trainer's folder is gone.
    """
    if not cloud.is_local or cloud.trainer is not None:
        return cloud
    found = trainers.remembered(cloud.directory, sweep)
    if found is None:
        return cloud
    this = replace(cloud, container=cloud.container or found.container)
    if found.place is None:
        return this
    trainer = found.place
    script = script_of(trainer)
    if not trainer.exists() or (script and not script.folder.is_dir()):
        gone = script.folder if script else trainer
        raise InvalidInput([f"--trainer: the trainer of the sweep {sweep}, {gone}, is gone; name its new folder"])
    return replace(this, trainer=trainer)


def remember_trainer(cloud: Cloud, sweep: str) -> None:
    """Records the trainer of a sweep on this machine."""
    if cloud.is_local:
        trainers.remember(cloud.directory, sweep, cloud.trainer, container=cloud.container)


def forget_trainer(cloud: Cloud, sweep: str) -> None:
    if cloud.is_local:
        trainers.forget(cloud.directory, sweep)
