"""Whether a machine still has the GPU that it gave a trial."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

GONE_SECONDS = 120.0
"""Before a trial whose machine has lost its GPU ends: such a machine would take one waiting trial after another."""

ASK_SECONDS = 60.0


def why_gone(environment: Mapping[str, str]) -> str | None:
    """Returns why a GPU that ECS gave this container by its name cannot be used; None if it can, or none was given."""
    name = environment.get("NVIDIA_VISIBLE_DEVICES", "")
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None or not name.startswith(("GPU-", "MIG-")):
        return None
    try:
        asked = subprocess.run(
            [program, "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{name} cannot be used: {error}"
    if asked.returncode == 0 and "GPU " in asked.stdout:
        return None
    return f"{name} cannot be used: {(asked.stdout + asked.stderr).strip() or f'exit code {asked.returncode}'}"
