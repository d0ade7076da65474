"""The log of a free-running search in the bucket: reads it from its latest snapshot on, and appends to it.

S3 alone decides who takes a number. After a refused write nobody knows whose event is there, not even whether it is
one's own: S3 may have written it, and its answer may have been lost before the client tried again
(https://github.com/aws/aws-sdk-java-v2/issues/6580). So it reads on, and finds its own question answered or not.
"""

import itertools
import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from stepsweep.bucket.s3 import Bucket, Readable, for_all
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import Began, Event, event_from_json
from stepsweep.contract.search_state import SearchState

SNAPSHOT_EVERY = 20
"""Events. Only who has not read the log before needs the snapshot. To write one costs as much as to read 12 events, and
more work the longer the search is."""

_EVENT = re.compile(r"(\d{8,})\.json", re.ASCII)

READ_AHEAD = 8
"""Events asked for at once by who has not read the log before: so many are new since a snapshot, or a few more."""

MOST_AHEAD = 32
"""Events asked for at once at most."""

LOGS_KEPT = 4
"""Of several sweeps at once. A state takes about a kilobyte per trial."""


class SearchLog:
    """The log of one sweep.

    Attributes:
        state: what the events read so far say; None for an empty log.
    """

    def __init__(self, bucket: Bucket, sweep: str) -> None:
        self._bucket = bucket
        self._sweep = sweep
        self.state: SearchState | None = None

    @classmethod
    def read(cls, bucket: Bucket, sweep: str) -> "SearchLog":
        log = cls(bucket, sweep)
        log.read_on()
        return log

    def read_on(self) -> None:
        """Reads all events since, up to the first number that is free. Who has read before usually finds none or one,
        and so asks for one; while there are more, it asks for as many as it has found."""
        ahead = 1
        if self.state is None:
            self.state, ahead = _snapshot(self._bucket, self._sweep), READ_AHEAD
        began = self.state.events if self.state else 0
        while True:
            first = self.state.events if self.state else 0
            names = [keys.event_key(self._sweep, number) for number in range(first, first + ahead)]
            documents = for_all(self._bucket.get_json, names, threads=ahead)
            new = list(itertools.takewhile(lambda each: each is not None, documents))
            for name, document in zip(names, new, strict=False):
                self.state = applied(self.state, event_from_json(document, where=name), where=name)
            if any(each is not None for each in documents[len(new) :]):
                # Two were written while these were read, or one was deleted.
                _check_is_there(self._bucket, self._sweep, first + len(new))
            elif len(new) < ahead:
                return
            ahead = min(MOST_AHEAD, max(ahead, first + len(new) - began))

    def append(self, event: Event) -> None:
        """Writes the event at the next number; if that is taken, reads what is there, and the event is lost."""
        name = keys.event_key(self._sweep, self.state.events if self.state else 0)
        if not self._bucket.put_json_if_free(name, event.to_json()):
            self.read_on()
            return
        state = self.state = applied(self.state, event, where=name)
        if state.events % SNAPSHOT_EVERY == 0:
            # Compact, which Python writes ten times as fast. A slow writer may replace a later snapshot by its own:
            # that costs a few more requests, since every snapshot is true.
            document = json.dumps(state.to_json(), separators=(",", ":"), allow_nan=False)
            self._bucket.put(keys.snapshot_key(self._sweep), document.encode(), "application/json")


class KeptLogs:
    """The logs that a function has read, for its next invocations in the same environment.

    What was read of a log stays true, since events are only added, each once: an old log is read on, and a write at its
    next number succeeds only if it is not old. A log is kept for one execution: another of the same name may follow
    once a sweep was deleted.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], SearchLog] = {}

    @contextmanager
    def of(self, bucket: Bucket, sweep: str, *, execution: str) -> Iterator[SearchLog]:
        """Yields a log, read up to the first number that is free. After an error it is not kept, since that may have
        left its state half changed."""
        key = (bucket.name, sweep, execution)
        log = self._kept.pop(key, None) or SearchLog(bucket, sweep)
        log.read_on()
        yield log
        self._kept[key] = log
        if len(self._kept) > LOGS_KEPT:
            del self._kept[next(iter(self._kept))]  # the one that was used longest ago


def applied(state: SearchState | None, event: Event, *, where: str) -> SearchState:
    """Returns the state after the next event, which in an empty log begins a leg.

    Raises:
        InvalidDocument: the event cannot follow those before it.
    """
    if state is None:
        if not isinstance(event, Began):
            raise InvalidDocument(f"{where}: a log starts with the event that begins a leg")
        state = SearchState(event)
    try:
        state.apply(event)
    except InvalidDocument as error:
        raise InvalidDocument(f"{where}: {error}") from None
    return state


def _snapshot(store: Readable, sweep: str) -> SearchState | None:
    key = keys.snapshot_key(sweep)
    document = store.get_json(key)
    return None if document is None else SearchState.from_json(document, where=key)


def listed_events(store: Readable, sweep: str, objects: Collection[str], *, since: int) -> Iterator[tuple[str, Event]]:
    """Yields the listed events from a number on, in their order, with their keys.

    Args:
        objects: the sweep's keys, from one listing.

    Raises:
        InvalidDocument: an event is missing before the last one, or cannot be read.
    """
    prefix = keys.events_prefix(sweep)
    found = (_EVENT.fullmatch(key.removeprefix(prefix)) for key in objects if key.startswith(prefix))
    # Only what the log itself writes: other objects below the prefix are no events.
    known = {int(each[1]) for each in found if each}
    numbers = sorted(number for number in known if number >= since and keys.event_key(sweep, number) in objects)
    for number, expected in zip(numbers, itertools.count(since), strict=False):
        if number != expected:
            _check_is_there(store, sweep, expected)
            numbers = numbers[: expected - since]  # it was written during the listing, which has not all of them
            break
    names = [keys.event_key(sweep, number) for number in numbers]
    for name, document in zip(names, for_all(store.get_json, names), strict=True):
        yield name, event_from_json(document, where=name)


def _check_is_there(store: Readable, sweep: str, number: int) -> None:
    """Raises InvalidDocument if an event is missing before others."""
    name = keys.event_key(sweep, number)
    if store.get_json(name) is None:
        raise InvalidDocument(f"{name}: is missing, and later events are there")


def state_at(store: Readable, sweep: str, objects: Collection[str]) -> SearchState | None:
    """Returns the state after all listed events; None for an empty log.

    Args:
        objects: the sweep's keys, from one listing.
    """
    state = _snapshot(store, sweep) if keys.snapshot_key(sweep) in objects else None
    if state is not None and (last := keys.event_key(sweep, state.events - 1)) not in objects:
        # It may have been written since the listing.
        if store.get_json(last) is None:
            raise InvalidDocument(
                f"{keys.snapshot_key(sweep)}: events: it knows {state.events}, and the last of them, {last}, is missing"
            )
        return state
    for name, event in listed_events(store, sweep, objects, since=state.events if state else 0):
        state = applied(state, event, where=name)
    return state
