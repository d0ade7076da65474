"""The median rule inside a trial: it ends the script when the trial is worse than those that have completed.

`stepsweep.contract.median` has the rule's source, and what the other side makes of it.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from stepsweep.trial import places

JUDGE_SECONDS = 1.0
SHARE = 20
"""At most one part in so many of the time goes into reading metrics."""

Rows = Sequence[Mapping[str, float]]


class MedianRule:
    """Judges a trial by the medians that were in force when it started.

    Args:
        text: what the sweep tells the job: metric, direction, the medians by epoch, and where to write the record.

    Attributes:
        met: whether the rule has ended the trial.
    """

    def __init__(self, text: str) -> None:
        told = json.loads(text)
        self._metric: str = told["metric"]
        self._sign = -1.0 if told["direction"] == "maximize" else 1.0
        self._medians: list[tuple[int, float]] = sorted((epoch, median) for epoch, median in told["medians"])
        self._uri: str = told["uri"]
        self._found: tuple[int, float] | None = None
        self.met = threading.Event()

    def watch(self, rows: Callable[[], Rows], over: threading.Event) -> None:
        """Judges the rows again and again, until the rule is met or the script is over."""
        took = 0.0
        while not over.wait(max(JUDGE_SECONDS, SHARE * took)):
            began = time.monotonic()
            if self.judge(rows()):
                return
            took = time.monotonic() - began

    def judge(self, rows: Rows) -> bool:
        """Returns whether the rule ends a trial with these rows, one per epoch that is over; says so if it does."""
        for epoch, median in self._medians:
            if epoch > len(rows):
                return False
            values = [row[self._metric] for row in rows[:epoch] if math.isfinite(row.get(self._metric, math.nan))]
            if not values:
                continue
            best = min(values, key=lambda value: self._sign * value)
            if self._sign * best > self._sign * median:
                self._found = (epoch, best)
                print(
                    f"stepsweep-trial: ended by stop.median: up to epoch {epoch} the best {self._metric} is "
                    f"{best:.6g}; the median of the completed trials' means is {median:.6g}",
                    file=sys.stderr,
                    flush=True,
                )
                self.met.set()
                return True
        return False

    def record(self, epochs_trained: int) -> None:
        """Writes where the trial was ended, in place of metrics."""
        epoch, value = self._found or (0, 0.0)
        found = {"epoch": epoch, "value": value, "epochs_trained": max(epoch, epochs_trained)}
        places.put(self._uri, json.dumps(found).encode())
