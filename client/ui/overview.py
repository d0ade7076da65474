"""The list of sweeps for the page, with the best value so far of those that have not finished."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from stepsweep.bucket.disk import told
from stepsweep.client.archive.entries import Entry, entries_of
from stepsweep.client.archive.executions import of_sweep
from stepsweep.client.running.control import Found
from stepsweep.client.ui.feed import Feed
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.watching import SweepWatch
from stepsweep.contract.errors import SweepError
from stepsweep.contract.standing import Standing
from stepsweep.contract.words import options_line

LOOK_SECONDS = {"local": 1.0, "aws": 10.0}
REREAD_SECONDS = 60.0
"""How long an entry of a sweep that does not run is believed: it changes only if somebody runs or removes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sweep in the list.

    Attributes:
        entry: its records; of a running sweep `ended` and `failed` are what has been seen.
        best: the best value so far, or the winner's; None without any, and with several objectives.
        options: its params as options.
        front: with several objectives, how many trials are on the first Pareto front; None with one.
    """

    entry: Entry
    best: float | None
    options: str
    front: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """All sweeps.

    Attributes:
        doings: what is being done with sweeps that have no records yet, by name.
    """

    lines: tuple[Line, ...]
    doings: tuple[tuple[str, str], ...] = ()
    trouble: str = ""


class Overview:
    """All sweeps. It watches those that run, so that their lines are as new as their pages.

    Args:
        watch: returns the watch of a sweep.
        doings: returns what is being done, by sweep.
    """

    def __init__(
        self, source: Source, watch: Callable[[str], SweepWatch], doings: Callable[[], Mapping[str, str]]
    ) -> None:
        self.feed: Feed[Listed] = Feed("the list of sweeps", self._renew)
        self._source = source
        self._watch = watch
        self._doings = doings
        self._known: dict[str, tuple[float, Line]] = {}
        self._lock = threading.Lock()

    def now(self) -> Listed:
        """Returns the list. Raises CloudError if the cloud did not answer."""
        if self.feed.latest is not None and self.feed.is_watched:
            return self.feed.latest
        return self._look()

    def forget(self, name: str) -> None:
        """Reads an entry anew: it has been changed here."""
        with self._lock:
            self._known.pop(name, None)
        self.feed.wake()

    def _renew(self, feed: Feed[Listed]) -> None:
        watched: dict[str, contextlib.ExitStack] = {}
        try:
            while feed.is_watched:
                try:
                    listed = self._look()
                except (SweepError, OSError) as error:
                    trouble = told(error, self._source.cloud.directory) if isinstance(error, OSError) else str(error)
                    listed = Listed(lines=feed.latest.lines if feed.latest else (), trouble=trouble)
                    self._source.forget()
                if listed != feed.latest:
                    feed.publish(listed)
                running = {line.entry.sweep for line in listed.lines if line.entry.status == "RUNNING"}
                for name in running - watched.keys():
                    watched[name] = contextlib.ExitStack()
                    watched[name].enter_context(self._watch(name).feed.watched())
                for name in watched.keys() - running:
                    watched.pop(name).close()
                feed.wait(LOOK_SECONDS[self._source.cloud.on])
        finally:
            for each in watched.values():
                each.close()

    def _look(self) -> Listed:
        found = self._source.found()
        running, names, now = found.executions(), found.archive.names(), time.monotonic()
        with self._lock:
            known: dict[str, tuple[float, Line]] = {}
            asked = []
            for name in names:
                had = self._known.get(name)
                if had is not None and (line := self._watched(had[1], running)) is not None:
                    known[name] = (now, line)
                elif had is None or self._is_old(*had, now, running):
                    asked.append(name)
                else:
                    known[name] = had
            known |= {each.sweep: (now, self._line(found, each)) for each in entries_of(found.archive, running, asked)}
            self._known = known
            lines = [line for _, line in known.values()]
        newest = sorted(lines, key=lambda line: (line.entry.started_at, line.entry.sweep), reverse=True)
        return Listed(lines=tuple(newest), doings=self._without_records(names))

    def _without_records(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((name, text) for name, text in self._doings().items() if name not in names)

    def _watched(self, line: Line, running: Sequence[str]) -> Line | None:
        """Returns the line of a sweep that runs and is watched, for which nothing need be read; None for others."""
        name = line.entry.sweep
        if line.entry.status != "RUNNING" or not of_sweep(name, running):
            return None
        seen = self._watch(name).feed.latest
        if seen is None or seen.progress is None or seen.plan is None:
            return None
        standing, note = seen.report.standing, seen.report.note
        ended = sum(row.n for row in standing.rows)
        return _line(replace(line.entry, planned=standing.planned, ended=ended, note=note.text), standing)

    @staticmethod
    def _is_old(read_at: float, line: Line, now: float, running: Sequence[str]) -> bool:
        runs = line.entry.status == "RUNNING" or of_sweep(line.entry.sweep, running)
        return bool(runs) or now - read_at > REREAD_SECONDS

    def _line(self, found: Found, entry: Entry) -> Line:
        if entry.value is not None or entry.front or not entry.ended:
            return Line(entry=entry, best=entry.value, options=entry.options, front=entry.front)
        if entry.status == "RUNNING":
            seen = self._watch(entry.sweep).feed.latest
            return _line(entry, seen.report.standing if seen else None)
        return _line(entry, found.standing(entry.sweep) if entry.status == "INTERRUPTED" else None)


def _line(entry: Entry, standing: Standing | None) -> Line:
    """Returns the line of a sweep that has not finished."""
    if standing and standing.front:
        return Line(entry=entry, best=None, options="", front=len(standing.front))
    best = standing.winner if standing else None
    return Line(entry=entry, best=best.value if best else None, options=options_line(best.params) if best else "")
