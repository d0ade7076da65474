"""What the cloud of a folder starts with: its template, its images, and the machines for its processes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsweep.local.joining import LOCK, if_down, is_up
from stepsweep.local.limits import check_limits
from stepsweep.local.owner import checked

if TYPE_CHECKING:
    from stepsweep.local.container_engine import Engine
    from stepsweep.local.images import Image
    from stepsweep.local.machine import Machines


@contextlib.contextmanager
def machines_ahead(directory: Path, *, trainer: Path | None, container: bool) -> "Iterator[Machines | None]":
    """Starts the machines for the cloud of `directory` early, while this process does other things. They end with the
    context.

    Yields None if the template does not exist yet, so that their needs are unknown, if a process runs the cloud, or if
    jobs are containers, which need nothing in advance.
    """
    from stepsweep.local import template
    from stepsweep.local.images import images_of

    check_limits()
    folder = checked(directory) / "templates"
    assembly = template.found(folder, context=context_of(trainer))
    if assembly is None or container or is_up(directory):
        yield None
        return
    with contextlib.closing(machines_for(images_of(assembly, template.stack_of(assembly)))) as machines:
        yield machines


def machines_for(images: "Mapping[str, Image]") -> "Machines":
    from stepsweep.local.functions import PRELOAD
    from stepsweep.local.machine import Machines

    return Machines.started(functions=PRELOAD, jobs=[image.preload for image in images.values()])


def assembly_of(directory: Path, *, trainer: Path | None, container: bool, on_status: Callable[[str], None]) -> Path:
    """Returns the folder of the template and assets with which the cloud of `directory` would start.

    Raises:
        SynthFailed: the stack could not be synthesized.
    """
    from stepsweep.local import template

    # Marks the folder as a cloud's, so that it does not count as part of a trainer's folder around it.
    directory.mkdir(parents=True, exist_ok=True)
    folder = checked(directory) / "templates"
    (directory / LOCK).touch()
    return template.synthesized(
        folder,
        context=context_of(trainer),
        container=container,
        on_status=on_status,
        if_down=lambda: if_down(directory),
    )


def built(assembly: Path, directory: Path, *, on_status: Callable[[str], None]) -> "Engine":
    """Builds the images of a synthesized stack where they are missing, and returns the engine that runs them.

    Raises:
        InvalidInput: there is none.
        BuildFailed: an image cannot be built.
    """
    from stepsweep.local import template
    from stepsweep.local.container_engine import LOG, Engine

    engine = Engine.found()
    engine.build(assembly, template.stack_of(assembly), log=directory.resolve() / LOG, on_status=on_status)
    return engine


def code_of(trainer: Path | None) -> str:
    """Returns the `code` that a cloud with this trainer would have, if it started now."""
    from stepsweep.local import template

    return template.code_of(context_of(trainer))


def data_folder(directory: Path) -> Path:
    """Returns the folder of the jobs' data sets."""
    return directory.resolve() / "data"


def context_of(trainer: Path | None) -> dict[str, Any]:
    return {} if trainer is None else {"trainer": str(trainer.resolve())}
