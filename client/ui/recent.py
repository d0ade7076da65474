"""Values that are kept for seconds: a page, its data and its events ask for the same one after the other."""

import math
import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The values of the last seconds. Each new one drops those that are too old: of very many trials they are large.

    Args:
        seconds: how long a value is new enough.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, T]] = {}
        self._forgotten: dict[str, float] = {}

    def of(self, name: str) -> T | None:
        """Returns the value; None if there is none, or it is too old."""
        at, value = self._kept.get(name, (0.0, None))
        return value if time.monotonic() - at <= self._seconds else None

    def keep(self, name: str, value: T, *, read_at: float = math.inf) -> None:
        """Keeps a value, unless `forget` was called since it began to be read."""
        now = time.monotonic()
        with self._lock:
            if self._forgotten.get(name, -math.inf) >= read_at:
                return
            self._kept = {other: had for other, had in self._kept.items() if now - had[0] <= self._seconds}
            self._kept[name] = (now, value)

    def forget(self, name: str) -> None:
        with self._lock:
            self._kept.pop(name, None)
            self._forgotten[name] = time.monotonic()
