"""The log of a free-running search in the bucket: reads it from its latest snapshot on, and appends to it.

S3 alone decides who takes a number. After a refused write nobody knows whose event is there, not even whether it is
one's own: S3 may have written it, and its answer may have been lost before the client tried again
(https://github.com/aws/aws-sdk-java-v2/issues/6580). So it reads on, and finds its own question answered or not.
"""

import itertools
import json
from collections.abc import Collection, Iterable, Iterator

from stepsweep.bucket.s3 import Bucket, Readable, for_all
from stepsweep.contract import keys
from stepsweep.contract.events import Began, Event, event_from_json
from stepsweep.contract.free_running import SearchState

SNAPSHOT_EVERY = 5
"""Events. Fewer would write more than it saves; more would have each question read more events."""

READ_AHEAD = 4
"""Events asked for at once: more than one is new after each conflict, and few after a snapshot."""


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
        log.state = _snapshot(bucket, sweep)
        log.read_on()
        return log

    def read_on(self) -> None:
        """Reads all events since, up to the first number that is free."""
        while True:
            first = self.state.events if self.state else 0
            names = [keys.event_key(self._sweep, number) for number in range(first, first + READ_AHEAD)]
            documents = zip(names, for_all(self._bucket.get_json, names, threads=READ_AHEAD), strict=True)
            new = list(itertools.takewhile(lambda each: each[1] is not None, documents))
            for name, document in new:
                self._apply(event_from_json(document, where=name))
            if len(new) < READ_AHEAD:
                return

    def append(self, event: Event) -> bool:
        """Writes the event at the next number, and returns whether it did; otherwise reads what is there."""
        number = self.state.events if self.state else 0
        if not self._bucket.put_json_if_free(keys.event_key(self._sweep, number), event.to_json()):
            self.read_on()
            return False
        state = self._apply(event)
        if state.events % SNAPSHOT_EVERY == 0:
            # Compact, which Python writes ten times as fast. A slow writer may replace a later snapshot by its own:
            # that costs a few more requests, since every snapshot is true.
            document = json.dumps(state.to_json(), separators=(",", ":"), allow_nan=False)
            self._bucket.put(keys.snapshot_key(self._sweep), document.encode(), "application/json")
        return True

    def _apply(self, event: Event) -> SearchState:
        self.state = applied(self.state, event)
        return self.state


def applied(state: SearchState | None, event: Event) -> SearchState:
    """Returns the state after the next event, which in an empty log begins a leg."""
    if state is None:
        if not isinstance(event, Began):
            raise TypeError("a log starts with the event that begins a leg")
        state = SearchState(event)
    state.apply(event)
    return state


def _snapshot(store: Readable, sweep: str) -> SearchState | None:
    key = keys.snapshot_key(sweep)
    document = store.get_json(key)
    return None if document is None else SearchState.from_json(document, where=key)


def listed_events(store: Readable, sweep: str, objects: Iterable[str], *, since: int) -> Iterator[Event]:
    """Yields the listed events from a number on, in their order.

    Args:
        objects: the sweep's keys, from one listing.
    """
    first, prefix = keys.event_key(sweep, since), keys.events_prefix(sweep)
    names = sorted(key for key in objects if key.startswith(prefix) and key >= first)
    for name, document in zip(names, for_all(store.get_json, names), strict=True):
        yield event_from_json(document, where=name)


def state_at(store: Readable, sweep: str, objects: Collection[str]) -> SearchState | None:
    """Returns the state after all listed events; None for an empty log.

    Args:
        objects: the sweep's keys, from one listing.
    """
    state = _snapshot(store, sweep) if keys.snapshot_key(sweep) in objects else None
    for event in listed_events(store, sweep, objects, since=state.events if state else 0):
        state = applied(state, event)
    return state
