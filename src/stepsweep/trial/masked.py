"""A job's secrets, which are `***` in what its script prints: people read logs, and a trial's reason is such a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

MASK = b"***"
LEAST_BYTES = 4
"""A shorter value, such as `1`, is in numbers and words too."""


def secrets_in(environment: Mapping[str, str]) -> list[bytes]:
    """Returns the values of the job's secrets, of several lines each by itself; the job has their names in a variable.

    Returns none where the variable is missing or damaged: by hand there is none.
    """
    try:
        names = json.loads(environment.get("STEPSWEEP_SECRETS", "[]"))
        values = [environment[name] for name in names if name in environment]
    except (TypeError, ValueError):
        return []
    lines = (line.strip().encode() for value in values for line in value.splitlines())
    return [line for line in lines if len(line) >= LEAST_BYTES]


class Masked:
    """Masks the secrets in a stream, whose parts may end within one.

    Args:
        secrets: without ends of lines.
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._secrets = sorted(set(secrets), key=len, reverse=True)  # one may be in another
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None
        self._held = b""

    def next(self, data: bytes) -> bytes:
        """Returns what can be shown after the next part. What may be the begin of a secret waits for more."""
        if self._pattern is None:
            return data
        data, shown, at = self._held + data, b"", 0
        while True:
            found = self._pattern.search(data, at)
            # Also where a secret ends with the data: it may be the begin of a longer one.
            opens = self._opens(data, at, len(data) if found is None else found.start() + 1)
            if found is None or opens is not None:
                end = len(data) if opens is None else opens
                self._held = data[end:]
                return shown + data[at:end]
            shown += data[at : found.start()] + MASK
            at = found.end()

    def rest(self) -> bytes:
        """Returns what has waited, at the end of the stream."""
        held, self._held = self._held, b""
        return self._pattern.sub(MASK, held) if self._pattern else held

    def _opens(self, data: bytes, begin: int, end: int) -> int | None:
        """Returns where, from `begin` and before `end`, a secret begins that the end of the data cuts off."""
        for at in range(max(begin, len(data) - len(self._secrets[0]) + 1), end):
            tail = data[at:]
            if any(len(tail) < len(secret) and secret.startswith(tail) for secret in self._secrets):
                return at
        return None
