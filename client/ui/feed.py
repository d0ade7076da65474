"""A value that a thread renews while somebody looks at it, for any number of pages."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

LINGER_SECONDS = 10.0
"""How long a value is renewed after the last page has closed: a person goes from page to page."""
SILENT_SECONDS = 15
"""After so long without news a page is sent a sign of life, by which the server notices pages that are gone."""


class Feed(Generic[T]):
    """One value.

    Args:
        renew: renews the value, with `publish`, as long as `is_watched`; runs in a thread.

    Attributes:
        latest: the last value; None before the first, and when nobody has looked for a while.
    """

    def __init__(self, name: str, renew: Callable[["Feed[T]"], None]) -> None:
        self.latest: T | None = None
        self._name = name
        self._renew = renew
        self._number = 0
        self._lock = threading.Lock()
        self._watchers = 0
        self._left_at = 0.0
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()
        self._pages: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    # --- for the thread

    @property
    def is_watched(self) -> bool:
        return self._watchers > 0 or time.monotonic() - self._left_at < LINGER_SECONDS

    def publish(self, value: T) -> None:
        with self._lock:
            self._have(value)

    def wait(self, seconds: float) -> bool:
        """Waits for some seconds or until `wake`, and returns whether it was woken."""
        was_woken = self._woken.wait(seconds)
        if was_woken:  # or a call that comes just now would be lost
            self._woken.clear()
        return was_woken

    # --- for the others

    def change(self, how: Callable[[T], T]) -> None:
        """Publishes the latest value, changed. The thread may publish a newer one meanwhile, which must not be lost."""
        with self._lock:
            if self.latest is not None:
                self._have(how(self.latest))

    def wake(self) -> None:
        """Tells the thread that something may have changed."""
        self._woken.set()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        with self._lock:
            self._watchers += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._watchers -= 1
                self._left_at = time.monotonic()

    async def changes(self, is_over: Callable[[], bool]) -> AsyncIterator[T | None]:
        """Yields the value, and again whenever it has changed; None as a sign of life."""
        page = (asyncio.get_running_loop(), asyncio.Event())
        with self.watched():
            with self._lock:
                self._pages.add(page)
            try:
                seen, silent = 0, 0
                while not is_over():
                    if self._number != seen and self.latest is not None:
                        seen, silent = self._number, 0
                        yield self.latest
                    try:
                        await asyncio.wait_for(page[1].wait(), 1)
                        page[1].clear()
                    except TimeoutError:
                        silent += 1
                        if silent % SILENT_SECONDS == 0:
                            yield None
            finally:
                with self._lock:
                    self._pages.discard(page)

    def _have(self, value: T) -> None:
        self.latest = value
        self._number += 1
        for loop, changed in self._pages:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server ends
                loop.call_soon_threadsafe(changed.set)

    def _run(self) -> None:
        while True:
            is_well = False
            try:
                self._renew(self)
                is_well = True
            finally:
                with self._lock:
                    # The next page to open begins anew after an error of ours, or all would show the same for good.
                    goes_on = is_well and self._watchers > 0
                    if not goes_on:
                        self._thread, self.latest = None, None  # of many trials it is large
            if not goes_on:
                return
