"""A job's share of this machine: cores, and GPUs that no other job uses at the same time."""

import functools
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"

NVIDIA_SMI_SECONDS = 30.0


def threads(number: int) -> dict[str, str]:
    """Returns the environment for a process with this number of threads.

    On two cores, nine trials took 17.8 s in two processes with one thread each, 19.6 s in one process with two
    threads, and 41.3 s in two processes with the libraries' default threads.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return dict.fromkeys(names, str(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Cores, and CUDA's names of GPUs.

    Attributes:
        gpus: the GPUs that programs see; None leaves that to them.
        is_alone: whether no other job gets these GPUs at the same time.
    """

    vcpus: int
    gpus: tuple[str, ...] | None
    is_alone: bool

    def environment(self) -> dict[str, str]:
        if self.gpus is None:
            return threads(self.vcpus)
        # In nvidia-smi's order; CUDA's own starts with the fastest GPU.
        return {**threads(self.vcpus), VISIBLE: ",".join(self.gpus), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class Shares:
    """Hands out the machine's cores, and its GPUs if it has several. All jobs share a single GPU. The caller locks.

    Args:
        vcpus: vCPUs of all running jobs.
        visible_gpus: returns the machine's GPUs; called once.
    """

    def __init__(self, *, vcpus: int, visible_gpus: Callable[[], tuple[str, ...] | None]) -> None:
        self._vcpus = self._free = vcpus
        self._visible = functools.cache(visible_gpus)
        self._used: set[str] = set()

    def look(self) -> None:
        """Looks for the machine's GPUs, which may take a while."""
        self._visible()

    def take(self, *, vcpus: int, gpus: int) -> Share | None:
        """Returns a share, at most everything; None while it is not free."""
        vcpus = min(self._vcpus, vcpus)
        visible = self._visible()
        is_alone = gpus > 0 and visible is not None and len(visible) > 1
        gpus = min(gpus, len(visible)) if visible and is_alone else 0
        if self._free < vcpus or len(self._unused()) < gpus:
            return None
        self._free -= vcpus
        if not is_alone:
            return Share(vcpus=vcpus, gpus=visible, is_alone=False)
        own = self._unused()[:gpus]
        self._used.update(own)
        return Share(vcpus=vcpus, gpus=own, is_alone=True)

    def give_back(self, share: Share) -> None:
        self._free += share.vcpus
        if share.is_alone:
            self._used.difference_update(share.gpus or ())

    def _unused(self) -> tuple[str, ...]:
        return tuple(gpu for gpu in self._visible() or () if gpu not in self._used)


def visible_gpus(shell: Mapping[str, str]) -> tuple[str, ...] | None:
    """Returns the GPUs that the shell's environment allows, or all that nvidia-smi lists; None if there are none."""
    if (visible := shell.get(VISIBLE)) is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip())
    if (program := shutil.which("nvidia-smi", path=shell.get("PATH"))) is None:
        return None
    try:
        listed = subprocess.run(
            [program, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
            timeout=NVIDIA_SMI_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None  # its driver is not loaded
    return tuple(listed.stdout.split()) or None
