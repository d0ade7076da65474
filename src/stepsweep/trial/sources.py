"""Which metrics count: those where the options say, or else what the script reported, or else what it printed."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.epochs import Epochs
from stepsweep.trial.metrics import Collector
from stepsweep.trial.names import TOLD

PRINTED = "printed"
REPORTED = "reported"
FILE = "file"

Rows = list[dict[str, float]]


class InDoubt(Exception):
    """What the script has printed since it was told to end may be of a part of an epoch, and so may its checkpoint."""


class Metrics:
    """The metrics so far of this attempt, and of earlier ones whose checkpoint it continues. Threads share it.

    Args:
        printed: reads the output.
        report: where the script reports; None where the options say that other metrics count.
        file: adds what a file holds to the collector that it is given, in place of the output. It is told whether the
            script has ended.
        epochs: how many were asked for; None by hand.
        looked: where metrics are looked for, in words.
    """

    def __init__(
        self,
        printed: Collector,
        report: Path | None,
        file: Callable[[Collector, bool], None] | None,
        epochs: int | None,
        looked: str = "",
    ) -> None:
        self._printed, self._report, self._file, self._epochs = printed, report, file, epochs
        self.looked = looked
        self._before: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._fault: NoMetrics | None = None
        # What there was when the script was told to end.
        self._cut: tuple[str, Collector] | NoMetrics | None = None

    @property
    def is_in_file(self) -> bool:
        return self._file is not None

    def feed(self, line: str, stream: str) -> None:
        """Reads a line of the output, which was printed to this stream."""
        with self._lock:
            try:
                self._printed.feed(line, stream)
            except NoMetrics as error:
                self._fault = self._fault or error

    def cut(self) -> None:
        """The script is about to be told to end: what it prints from now on may be of a part of an epoch.

        It does not count. A row of `trial.report` does until its script has been told: it did not know.
        """
        with self._lock:
            if self._cut is not None:
                return
            try:
                self._cut = copy.deepcopy(self._collector(is_over=False))
            except NoMetrics as error:
                self._cut = error

    @property
    def is_whole(self) -> bool:
        """Whether all epochs were there before the script was told to end, and it has printed no others since."""
        with self._lock:
            epochs = _epochs(self._counted)
            return epochs.is_whole(self._epochs) and not _epochs(self._collector).since(epochs)

    def rows(self) -> tuple[Rows, list[str]]:
        """Returns a row per epoch, and a line for each column that an earlier attempt seems to have lost.

        Raises:
            NoMetrics: what was found can be no metrics file.
        """
        return self._rows(is_over=True)

    def _rows(self, *, is_over: bool) -> tuple[Rows, list[str]]:
        with self._lock:
            return self._counted(is_over=is_over)[1].rows(self._epochs, is_over=is_over)

    def rows_so_far(self, *, is_over: bool = False) -> Rows:
        """Returns the rows, while the script runs or once it is over; none if they do not yet make a metrics file."""
        try:
            return self._rows(is_over=is_over)[0]
        except NoMetrics:
            return []

    def rows_for_good(self) -> Rows:
        """Returns the rows of epochs that are over, whose values no later line can change.

        There are none if the output names no epochs: what seems to be an epoch may be a batch. Nor are there any once
        the script has been told to end.
        """
        with self._lock:  # until the last question: a line that comes meanwhile changes what they read
            if self._cut is not None:
                return []
            try:
                source, collector = self._collector(is_over=False)
                rows, _ = collector.rows(self._epochs, is_over=False)
            except NoMetrics:
                return []
            if collector.may_be_behind:
                return []
            if collector.names_epochs:
                return rows[:-1]
            return rows if source == REPORTED else []

    def state(self) -> dict[str, Any]:
        """Returns the state that belongs to a checkpoint of this moment, as JSON.

        Raises:
            InDoubt: there is none, since an epoch seems to have ended after the script was told to.
        """
        with self._lock:
            if self._cut is not None and _epochs(self._collector).may_have_ended_one(_epochs(self._counted)):
                raise InDoubt
            try:
                source, collector = self._counted(is_over=False)
            except NoMetrics:
                return self._before
            return {"source": source, **collector.state()}

    def resume(self, state: Mapping[str, Any] | None) -> None:
        """Begins with the metrics of the checkpoint that was found."""
        self._before = dict(state or {})
        if self._before.get("source") == PRINTED:
            self._printed.resume(self._before, self._epochs)

    def _counted(self, *, is_over: bool) -> tuple[str, Collector]:
        if self._cut is None:
            return self._collector(is_over=is_over)
        if self._file is None and TOLD in (lines := self._reported()):
            return REPORTED, self._of_report(lines[: lines.index(TOLD)])
        if isinstance(self._cut, NoMetrics):
            raise self._cut
        return self._cut

    def _collector(self, *, is_over: bool) -> tuple[str, Collector]:
        if self._file is not None:
            collector = self._resumed(FILE)
            try:
                self._file(collector, is_over)
            except NoMetrics:
                if not collector.resumed:  # or else this attempt had nothing left to train
                    raise
            return FILE, collector
        if (lines := self._reported()) or self._before.get("source") == REPORTED:
            return REPORTED, self._of_report(lines)
        if self._fault:
            raise self._fault
        return PRINTED, self._printed

    def _reported(self) -> list[str]:
        *lines, _ = self._report.read_text("utf-8").split("\n") if self._report and self._report.exists() else [""]
        return lines

    def _of_report(self, lines: Sequence[str]) -> Collector:
        collector = self._resumed(REPORTED)
        for line in lines:
            collector.feed(line)
        return collector

    def _resumed(self, source: str) -> Collector:
        collector = Collector()
        if self._before.get("source") == source:
            collector.resume(self._before, self._epochs)
        return collector


def _epochs(source: Callable[..., tuple[str, Collector]]) -> Epochs:
    try:
        return source(is_over=False)[1].epochs
    except NoMetrics:
        return Epochs()
