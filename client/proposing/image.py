"""Proposes the image in which a script's trials run on AWS: a Dockerfile, and a lock file of its packages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stepsweep.client.proposing.packages import Package, installed_in
from stepsweep.client.proposing.wanted import LOCK, PROJECT_FILES, REQUIREMENTS, UV_LOCK, Wanted
from stepsweep.contract.described import number_of

DOCKERFILE = """\
# The image of the trials on AWS. It has no ENTRYPOINT: that is the `command` of sweep.yaml.
FROM {base}
{libraries}WORKDIR /app
{install}
# Trials are not root. This user may write to the working folder, to its home and to /tmp.
RUN useradd --create-home --uid 10001 trial && chown trial /app
COPY --chown=trial . .
USER trial
"""

LIBRARIES = {
    "lightgbm": "libgomp1",
    "opencv-contrib-python": "libgl1 libglib2.0-0",
    "opencv-python": "libgl1 libglib2.0-0",
}
"""Debian's packages that packages of PyPI need, and that Python's image does not have."""

CUDA_IMAGE = "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"
"""For packages that do not bring CUDA. PyTorch from PyPI brings its own."""
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"
"""PyTorch's builds for CPUs, a tenth of PyPI's. pip prefers them, since `2.9.1+cpu` is newer than `2.9.1`."""
OF_CUDA = ("cuda-", "nvidia-", "triton")
"""What PyTorch's builds for GPUs need."""

MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}
"""Where the image runs, in the words of markers: https://packaging.python.org/specifications/dependency-specifiers/"""


MAX_NAMED, MAX_LINE = 3, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What to write.

    Attributes:
        files: texts by name: a Dockerfile, and a lock file if the project has none.
        notes: what a person should know about them, a sentence each.
    """

    files: Mapping[str, str]
    notes: tuple[str, ...]


def proposed(folder: Path, script: str, python: str, *, gpu: bool) -> Image:
    """Returns the image of a script.

    The versions are those that the project's interpreter has, so trials on AWS run with the same packages as here.

    Args:
        folder: of the project.
        script: path of the script in it.
        python: the interpreter that runs it on this machine.
        gpu: whether its machines have GPUs.

    Raises:
        InvalidInput: the interpreter cannot be asked, or a lock file cannot be read.
    """
    version, packages, standard = installed_in(python)
    machine = _machine(version)
    kit = f"stepsweep=={metadata.version('stepsweep')}"
    file = next((name for name in PROJECT_FILES if (folder / name).is_file()), None)
    lock, notes, base = None, [], f"python:{version}-slim"
    wanted = Wanted.of_file(folder / file) if file else Wanted.of_script(folder / script, packages, standard)
    names: set[str] = {canonicalize_name(each.name) for each in wanted.requirements}
    if file in (None, REQUIREMENTS):
        if wanted.unclear:
            notes.append(
                f"No lock file: {REQUIREMENTS} has {_few(wanted.unclear)}. The image installs it as it is, behind "
                "a copy of all files."
            )
        elif requirements := [each for each in wanted.requirements if _applies(each, machine)]:
            pins = _pins(requirements, packages, machine, gpu=gpu)
            names |= {*pins}
            missing = [str(each) for each in requirements if canonicalize_name(each.name) not in packages]
            source = f"{file} names" if file else f"{script} imports"
            lock = _lock_text(pins, [*wanted.options, *missing], source=source, gpu=gpu)
            if missing:
                notes.append(
                    f"Not installed in {python}: {', '.join(missing)}. {LOCK} has this as {REQUIREMENTS} has it, "
                    "without what it needs: install it, and write the files again."
                )
            file = LOCK
    if wanted.strange:
        place = LOCK if file == LOCK else "the Dockerfile"
        notes.append(
            f"{script} imports {', '.join(wanted.strange)}, which no package of {python} has. If a trial needs it, add "
            f"its package to {place}."
        )
    if gpu and "torch" not in names:
        base = CUDA_IMAGE
    libraries = _libraries(names)
    install = _install(kit, file, needs_all=bool(wanted.unclear))
    texts = {"Dockerfile": DOCKERFILE.format(base=base, libraries=libraries, install=install)}
    return Image(files=texts | ({LOCK: lock} if lock else {}), notes=tuple(notes))


def _few(lines: Sequence[str]) -> str:
    named = ", ".join(line[:MAX_LINE] for line in lines[:MAX_NAMED])
    return named if len(lines) <= MAX_NAMED else f"{named} and {number_of(len(lines) - MAX_NAMED, 'more line')}"


def _libraries(names: Collection[str]) -> str:
    """Returns the lines that install what these packages of PyPI need of Debian's."""
    needed = sorted({library for name, text in LIBRARIES.items() if name in names for library in text.split()})
    if not needed:
        return ""
    get = "apt-get update && apt-get install --yes --no-install-recommends"
    return f"RUN {get} {' '.join(needed)} \\\n    && rm -rf /var/lib/apt/lists/*\n"


def _install(kit: str, file: str | None, *, needs_all: bool) -> str:
    """Returns the lines that install packages, the kit by itself: a file with hashes allows nothing beside it.

    Args:
        needs_all: whether the file may name others of the project.
    """
    pip = "pip install --no-cache-dir"
    if file is None:
        return f"RUN {pip} {kit}  # and what the script imports"
    if file == UV_LOCK:
        export = f"uv export --frozen --no-dev --no-emit-project --output-file {LOCK}"
        return (
            f"COPY pyproject.toml {UV_LOCK} ./\nRUN {pip} uv && {export} && {pip} --requirement {LOCK} && {pip} {kit}"
        )
    return f"COPY {'.' if needs_all else file} .\nRUN {pip} --requirement {file} && {pip} {kit}"


def _machine(python: str) -> dict[str, str]:
    """Returns the environment in which markers are judged."""
    here = {name: str(value) for name, value in default_environment().items()}
    return {**here, **MACHINE, "python_version": python, "python_full_version": f"{python}.0"}


def _applies(requirement: Requirement, machine: Mapping[str, str], *, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**machine, "extra": extra})


def _pins(
    wanted: Sequence[Requirement], packages: Mapping[str, Package], machine: Mapping[str, str], *, gpu: bool
) -> dict[str, Package]:
    """Returns the packages that are wanted, and all that they need on that machine, if they are installed here."""
    found: dict[str, Package] = {}
    todo = [(canonicalize_name(each.name), extra) for each in wanted for extra in ("", *each.extras)]
    seen = set()
    while todo:
        name, extra = one = todo.pop()
        if one in seen or name not in packages:
            continue
        seen.add(one)
        found[name] = packages[name]
        for need in packages[name].needs:
            if _applies(need, machine, extra=extra):
                todo += [(canonicalize_name(need.name), other) for other in ("", *need.extras)]
    return {name: found[name] for name in sorted(found) if gpu or not name.startswith(OF_CUDA)}


def _lock_text(pins: Mapping[str, Package], others: Sequence[str], *, source: str, gpu: bool) -> str:
    """Returns the lock file.

    Args:
        others: lines that are not versions of packages.
        source: what asks for them, with its verb.
    """
    lines = [
        "# The versions that were installed here when `sweep init --aws` wrote this file: of what",
        f"# {source}, and of what that needs. Add what is loaded in another way.",
        *([CPU_INDEX] if "torch" in pins and not gpu else []),
        *others,
        # `2.9.1+cu128` names a build that PyPI does not have.
        *(f"{name}=={package.version.partition('+')[0]}" for name, package in pins.items()),
    ]
    return "\n".join(lines) + "\n"
