"""Plain moto beside the embedded cloud, each in a process of its own."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Worlds:
    """Plain moto and the embedded cloud, each in a process of its own; see tests/local/probes."""

    plain: subprocess.Popen[str]
    embedded: subprocess.Popen[str]

    def ask(self, probe: str) -> tuple[Any, Any]:
        """Returns what the probe observes in plain moto, and in the embedded cloud."""
        for process in (self.plain, self.embedded):
            assert process.stdin is not None
            process.stdin.write(f"{probe}\n")
            process.stdin.flush()
        plain, embedded = answer_of(self.plain), answer_of(self.embedded)
        for answer in (plain, embedded):
            assert not isinstance(answer, dict) or "the probe failed" not in answer, answer
        return plain, embedded


def answer_of(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line else None
