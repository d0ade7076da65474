"""Docker or Podman, for `--container`: builds images, and knows the options with which a container is Batch's."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.local.images import Source, sources_of

LOG = "image.log"
"""Of the last image that was built, in the folder of the embedded cloud."""

LAST_LINES = 5

ASK_SECONDS = 30.0
"""How long an engine may take to say that it runs."""

CLOUD_LABEL = "stepsweep.cloud"
"""Label of a container with the folder of its embedded cloud."""

_OWN = (
    *("DOCKER_", "BUILDKIT_", "BUILDX_", "CONTAINER", "PODMAN_", "STORAGE_", "REGISTRY_", "NOTIFY_", "XDG_", "LD_"),
    *("GLIBC_", "GO"),
)
_NEEDED = (
    "HOME",
    "PATH",
    "TMPDIR",
    "LANG",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


class BuildFailed(SweepError):
    """An image could not be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A program that takes Docker's commands.

    Attributes:
        program: its path.
        environment: the variables of the shell that it needs.
    """

    program: str
    is_podman: bool
    environment: Mapping[str, str]

    @classmethod
    def found(cls, shell: Mapping[str, str] = os.environ) -> Self:
        """Returns Docker where it answers, or else Podman.

        Raises:
            InvalidInput: neither does; the message has both reasons.
        """
        environment = {name: value for name, value in shell.items() if _is_the_engines(name)}
        reasons = []
        for name in ("docker", "podman"):
            if (program := shutil.which(name, path=shell.get("PATH"))) is None:
                reasons.append(f"{name} is not installed")
                continue
            # Debian's package podman-docker calls Podman `docker`.
            is_podman = name == "podman" or "podman" in _said([program, "--version"], environment)[1].lower()
            asked = ["info"] if is_podman else ["version", "--format", "{{.Server.Version}}"]
            has_answered, said = _said([program, *asked], environment)
            if has_answered:
                return cls(program=program, is_podman=is_podman, environment=environment)
            reasons.append(f"{name}: {(said.strip().splitlines() or ['it does not answer'])[-1]}")
        raise InvalidInput([f"--container: needs Docker or Podman; {'; '.join(reasons)}"])

    @property
    def name(self) -> str:
        return "Podman" if self.is_podman else "Docker"

    def build(self, assembly: Path, stack: str, *, log: Path, on_status: Callable[[str], None]) -> None:
        """Builds the images of a synthesized stack that are missing.

        Raises:
            BuildFailed: a build fails; the message has its last lines, and names the file that has all.
        """
        for source in sources_of(assembly, stack):
            image = image_name(source.tag)
            if _said([self.program, "image", "inspect", image], self.environment)[0]:
                continue
            on_status(f"Building the trainer's image with {self.name}; {log} has its output …")
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                code = subprocess.run(
                    self.build_command(source, image),
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                ).returncode
            if code:
                last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-LAST_LINES:]
                raise BuildFailed(
                    "\n".join([f"{self.name} could not build the trainer's image; {log} has all:", *last])
                )

    def build_command(self, source: Source, image: str) -> list[str]:
        platform = ["--platform", source.platform] if source.platform else []
        return [self.program, "build", "--tag", image, "--file", str(source.dockerfile), *platform, str(source.context)]

    def run_command(
        self, image: str, command: Sequence[str], *, options: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """Returns the command line that runs a container, and the environment of that program.

        Args:
            environment: the container's variables. Values stay out of the command line, which everybody can read,
                except those of variables that the engine itself would heed.
        """
        heeded = {name for name in environment if _is_the_engines(name)}
        named = [
            word
            for name, value in environment.items()
            for word in ("--env", f"{name}={value}" if name in heeded else name)
        ]
        handed_on = {name: value for name, value in environment.items() if name not in heeded}
        argv = [self.program, "run", "--pull", "never", *options, *named, image, *command]
        return argv, {**handed_on, **self.environment}

    def options_of(self, properties: Mapping[str, Any], *, memory_mib: int | None, vcpus: int) -> list[str]:
        """Returns the options that give a container what a job definition's `containerProperties` say.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html. On machines of EC2, Batch's
        containers have the machine's network, and a share of its processors that is no limit.
        """
        return [*self._options_of(properties, memory_mib=memory_mib, vcpus=vcpus)]

    def _options_of(self, properties: Mapping[str, Any], *, memory_mib: int | None, vcpus: int) -> Iterator[str]:
        yield from ("--network", "host", "--cpu-shares", str(1024 * vcpus))
        if memory_mib:
            # A machine of Batch has no swap space.
            yield from ("--memory", f"{memory_mib}m", "--memory-swap", f"{memory_mib}m")
        if user := properties.get("user"):
            yield from ("--user", user)
        if properties.get("readonlyRootFilesystem"):
            yield "--read-only"
            if self.is_podman:
                yield "--read-only-tmpfs=false"  # by default Podman makes /tmp and others writable
        if properties.get("privileged"):
            yield "--privileged"
        for limit in properties.get("ulimits") or []:
            yield from ("--ulimit", f"{limit['name']}={limit['softLimit']}:{limit['hardLimit']}")
        linux = properties.get("linuxParameters") or {}
        if linux.get("initProcessEnabled"):
            yield "--init"
        if size := linux.get("sharedMemorySize"):
            yield from ("--shm-size", f"{size}m")
        for mount in linux.get("tmpfs") or []:
            choices = ",".join([*(mount.get("mountOptions") or []), f"size={mount['size']}m"])
            yield from ("--tmpfs", f"{mount['containerPath']}:{choices}")

    def gpu_options(self, gpus: Sequence[str]) -> list[str]:
        """Returns the options for GPUs, by their indexes."""
        if self.is_podman:
            return [word for gpu in gpus for word in ("--device", f"nvidia.com/gpu={gpu}")]
        return ["--gpus", f'"device={",".join(gpus)}"'] if gpus else []

    def remove_what_is_left(self, directory: Path) -> None:
        """Removes containers of an embedded cloud that was killed together with everything that watched it."""
        own = f"label={CLOUD_LABEL}={directory}"
        _, listed = _said([self.program, "ps", "--all", "--quiet", "--filter", own], self.environment)
        if left := listed.split():
            _said([self.program, "rm", "--force", "--volumes", *left], self.environment)


def _is_the_engines(name: str) -> bool:
    return name in _NEEDED or name.startswith(_OWN)


def image_name(tag: str) -> str:
    return f"stepsweep:{tag}"


def state_of(said: Path) -> Mapping[str, Any]:
    """Returns what `container inspect --format '{{json .State}}'` has printed as the first line of a file.

    Returns nothing for a container that was never created.
    """
    try:
        state = json.loads(said.read_bytes().partition(b"\n")[0])
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _said(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[bool, str]:
    """Returns whether a command succeeds, and what it prints; of one that fails, its standard error."""
    try:
        ended = subprocess.run(
            argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            errors="replace",
            timeout=ASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"it has not answered within {ASK_SECONDS:.0f} seconds"
    except OSError as error:
        return False, str(error)
    return ended.returncode == 0, ended.stderr if ended.returncode else ended.stdout
