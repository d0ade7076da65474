"""An engine for containers on this machine, and a base image where no registry can be reached.

With Podman everything lies in a folder of its own: the storage, so that nobody's own images change, and a configuration
for machines where Podman's defaults are refused, such as a sandbox that may not raise limits.
"""

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stepsweep.contract.errors import InvalidInput
from stepsweep.local.container_engine import Engine
from tests.support.embedded import REPOSITORY

STORAGE = REPOSITORY / ".stepsweep" / "tests" / "containers"
"""Kept from one run to the next, since a base image takes minutes."""

WHEELS = STORAGE / "wheels"
"""Packages that builds find besides those of an index, such as this one."""

BASE = "docker.io/library/python:3.11-slim-bookworm"
"""The base image of both Dockerfiles."""

PODMANS_NPROC = 32768
"""Podman 4 lowers its own limit of processes to this, and without rights cannot raise it for a container."""

DEBIAN = "bookworm"
DEBIAN_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"


def variables() -> dict[str, str]:
    """Returns what a shell on this machine exports so that Podman works in it, also where its defaults do not.

    Builds see this machine's certificates and what its pip is configured with, such as a folder of wheels.
    """
    STORAGE.mkdir(parents=True, exist_ok=True)
    run = Path(tempfile.gettempdir()) / f"stepsweep-containers-{os.getuid()}"
    storage = STORAGE / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{STORAGE / "images"}"\nrunroot = "{run}"\n')
    limits = [_limit("nofile", resource.RLIMIT_NOFILE), _limit("nproc", resource.RLIMIT_NPROC, most=PODMANS_NPROC)]
    pip, mounted = _pip()
    (STORAGE / "pip.conf").write_text(pip)
    volumes = [*(f"{path}:{path}:ro" for path in mounted), f"{STORAGE / 'pip.conf'}:/etc/pip.conf:ro"]
    lines = [
        "[containers]",
        'netns = "host"',  # for builds
        f"default_ulimits = {json.dumps(limits)}",
        f"volumes = {json.dumps(volumes)}",
        "[engine]",
        'events_logger = "none"',
        # It knows mixed versions of control groups, crun does not.
        *(['runtime = "runc"'] if shutil.which("runc") else []),
    ]
    configuration = STORAGE / "containers.conf"
    configuration.write_text("\n".join(lines) + "\n")
    return {"CONTAINERS_CONF": str(configuration), "CONTAINERS_STORAGE_CONF": str(storage)}


def _limit(name: str, kind: int, most: int | None = None) -> str:
    soft, hard = (
        most or -1 if limit == resource.RLIM_INFINITY else min(limit, most or limit)
        for limit in resource.getrlimit(kind)
    )
    return f"{name}={soft}:{hard}"


def _pip() -> tuple[str, list[str]]:
    """Returns pip's configuration as a file, and the paths of this machine that it names."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for name, _, value in (line.partition("=") for line in listed.splitlines()):
        if name.startswith(("global.", ":env:.", "install.")):
            found[name.rpartition(".")[2]] = shlex.split(value)[0]
    WHEELS.mkdir(exist_ok=True)
    found["find-links"] = f"{found.get('find-links', '')} {WHEELS}".strip()
    words = [word for each in found.values() for word in each.split()]
    # An index on the disk may have its files beside it.
    paths = {str(Path(word.removeprefix("file://")).parent) for word in words if word.startswith("file://")}
    paths |= {word for word in words if word.startswith("/")}
    lines = ["[global]", *(f"{name} = {value}" for name, value in found.items())]
    return "\n".join(lines) + "\n", sorted(path for path in {*paths, "/etc/ssl/certs"} if Path(path).exists())


class Unavailable(Exception):
    """Why no container runs here."""


def engine() -> Engine:
    """Returns Docker, or a Podman that can run a container.

    Raises:
        Unavailable: neither is here.
    """
    try:
        return Engine.found({**os.environ, **variables()})
    except InvalidInput as error:
        raise Unavailable(str(error)) from error


def base_image(engine: Engine, name: str) -> str:
    """Makes sure that the engine has a Dockerfile's base image; returns where it comes from.

    Where no registry can be reached, it is Debian's own Python from `debootstrap` under the name of the image: another
    Python than the image has, perhaps, so this is for tests alone, and never with Docker, which keeps it.

    Raises:
        Unavailable: there is no way to have it.
    """
    if _run(engine, "image", "inspect", name).returncode == 0:
        return "of an earlier run"
    pulled = _run(engine, "pull", name)
    if pulled.returncode == 0:
        return "from its registry"
    last = (pulled.stderr.strip().splitlines() or ["no reason"])[-1]
    if not engine.is_podman or os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise Unavailable(
            f"{engine.name} cannot pull {name} ({last}); as root, debootstrap with Podman makes another one"
        )
    with tempfile.TemporaryDirectory(prefix="stepsweep-image-") as folder:
        root = Path(folder, "root")
        _checked(["debootstrap", "--variant=minbase", f"--include={DEBIAN_PACKAGES}", DEBIAN, str(root)])
        for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            marker.unlink()  # as in Python's own images
        (root / "usr" / "bin" / "python").symlink_to("python3")
        archive = Path(folder, "root.tar")
        _checked(["tar", "--create", "--file", str(archive), "--directory", str(root), "."])
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        imported = _run(engine, "import", "--change", f"ENV PATH={path}", str(archive), name)
        if imported.returncode:
            raise Unavailable(imported.stderr)
    return f"made by debootstrap from Debian {DEBIAN}, since it cannot be pulled ({last})"


def build(engine: Engine, folder: Path, image: str) -> None:
    """Builds a folder's Dockerfile by hand.

    Raises:
        Unavailable: it cannot be built; the message has the end of what the engine said.
    """
    built = _run(engine, "build", "--tag", image, str(folder))
    if built.returncode:
        raise Unavailable((built.stdout + built.stderr)[-3000:])


def _run(engine: Engine, *words: str) -> "subprocess.CompletedProcess[str]":
    return run([engine.program, *words], engine.environment)


def run(argv: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def _checked(argv: Sequence[str]) -> None:
    ended = run(argv, os.environ)
    if ended.returncode:
        raise Unavailable(f"{argv[0]} failed: {(ended.stderr or ended.stdout)[-500:]}")
