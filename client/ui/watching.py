"""Follows a sweep for its page: looks at it while somebody does, and tells when it has changed."""

import functools
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from stepsweep.bucket.disk import told
from stepsweep.bucket.records import Records
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.running.control import Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import RUNNING
from stepsweep.client.running.progress import Ending as ExecutionEnding
from stepsweep.client.ui.feed import Feed
from stepsweep.client.ui.followed import Followed
from stepsweep.client.ui.recent import Recent
from stepsweep.client.ui.seen import Moments, Seen, new_number, planned_by
from stepsweep.client.ui.source import Source
from stepsweep.contract.described import readable
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.note import NO_NOTE, Note
from stepsweep.contract.spec import SweepSpec

LOOK_SECONDS = {"local": 1.0, "aws": 10.0}
"""How often to see whether a sweep at rest runs again."""
REREAD_SECONDS = 60.0
"""After so long the records of a sweep at rest are read again: an execution may have come and gone meanwhile."""
SOON_SECONDS = 0.3
"""How long the first answer waits for the records, which are read in well under that for a few hundred trials."""
FRESH_SECONDS = 3.0
"""How long what was read of a sweep at rest is new enough for another page."""
KEPT_SECONDS = 900.0
"""How long what was read of a running sweep is kept after the last page has closed."""
CALM_SECONDS = 1.0
"""Shortest time between two values without news. Epochs of small trainers take milliseconds."""
NOTE_SECONDS = {"local": 2.0, "aws": 30.0}
"""How often the note of a running sweep is read, which others may write; one that is written here is read at once."""
SHARE = 0.2
"""Part of the time that is spent on making values: those of very many trials take longer, and then come less often."""

_LOOKERS = ThreadPoolExecutor(8, thread_name_prefix="look")


class SweepWatch:
    """One sweep. Its `feed` has a value while a page is open, and `now` at any time.

    Args:
        recent: what was read of sweeps at rest; all watches share it.
        kept: what was read of those that run; likewise.
    """

    def __init__(self, source: Source, name: str, recent: Recent[Seen], kept: Recent[Followed]) -> None:
        self.feed: Feed[Seen] = Feed(f"sweep {name}", self._renew)
        self._source = source
        self._name = name
        self._faults: tuple[str, ...] = ()
        self._faults_until = ""
        self._expected: SweepSpec | None = None
        self._moments = Moments(source.cloud, name)
        self._looking = threading.Lock()
        self._recent = recent
        self._kept = kept
        self._keeping = threading.Lock()
        self._noting = threading.Lock()
        self._note = NO_NOTE
        self._note_number = new_number()
        self._note_read_at = -math.inf

    def expect(self, spec: SweepSpec) -> None:
        """Shows what was asked until the sweep has records: an embedded cloud has to be started first."""
        self._expected = spec

    def expects(self, spec: SweepSpec) -> bool:
        """Whether this is what was asked, of a sweep without records."""
        return self._expected == spec

    def spec(self) -> SweepSpec:
        """Returns what was asked. Raises InvalidInput: there is no such sweep."""
        try:
            return self._source.found().archive.spec(self._name)
        except InvalidInput:
            if self._expected is None:
                raise
            return self._expected

    def now(self) -> Seen:
        """Returns what is known, and looks if nothing is.

        Raises:
            InvalidInput: there is no such sweep.
            CloudError: the cloud did not answer.
        """
        if self.feed.latest is not None and self.feed.is_watched:
            return self.feed.latest
        found = self._source.found()
        execution = found.execution(self._name)
        if execution is not None:
            followed = self._followed(found, execution)
            followed.look(unless_within_seconds=FRESH_SECONDS)
            return self._running(followed, found)
        self._kept.forget(self._name)
        try:
            return self._at_rest(found)
        except InvalidInput:
            if self._expected is None:
                raise
            return self._with_note(self._moments.only_asked(found.archive.objects, self._expected, []))

    def soon(self) -> Seen:
        """Returns what is known after a moment; of very many trials no more than what was asked.

        Raises what `now` raises.
        """
        looking = _LOOKERS.submit(self.now)
        try:
            return looking.result(timeout=SOON_SECONDS)
        except TimeoutError:
            found = self._source.found()
            execution = found.execution(self._name)
            spec = execution.spec if execution else self.spec()
            executions = [execution.arn] if execution else []
            return self._with_note(self._moments.only_asked(found.archive.objects, spec, executions))

    def went(self, seen: Seen, *, with_jobs: bool = True) -> tuple[dict[str, JobOutcome], list[Ending]]:
        """Returns the outcomes of jobs by key, and how the search went. Raises CloudError.

        Args:
            with_jobs: whether the outcomes are wanted, and the times of jobs with them.
        """
        if seen.followed is not None:
            return seen.followed.went()
        archive = self._source.found().archive
        outcomes = archive.outcomes(self._name) if with_jobs else {}
        return outcomes, archive.endings(seen.plan, outcomes)

    def changed(self) -> None:
        """Tells the pages that something is being done with the sweep, and looks at it again."""
        self._recent.forget(self._name)
        self.feed.change(lambda latest: latest)
        self.feed.wake()

    def noted(self, note: Note) -> int:
        """Tells the pages that the note has been written here. Returns its number."""
        with self._noting:
            self._note, self._note_read_at = note, time.monotonic()
            number = self._note_number = new_number()
            self._recent.forget(self._name)
            self.feed.change(lambda latest: replace(self._with_note(latest), note_number=number))
        return number

    # --- in the feed's thread

    def _renew(self, feed: Feed[Seen]) -> None:
        while feed.is_watched:
            try:
                found = self._source.found()
                execution = found.execution(self._name)
                if execution is None:
                    self._kept.forget(self._name)
                    self._rest(feed, self._at_rest(found))
                else:
                    self._run(feed, self._followed(found, execution), found)
            except InvalidInput as error:  # it was removed, or is not planned yet
                if self._expected is None:
                    if feed.latest is not None and not feed.latest.faults:
                        feed.publish(replace(feed.latest, faults=tuple(error.faults)))
                elif feed.latest is None:
                    home = self._source.found().archive.objects
                    self._publish(self._moments.only_asked(home, self._expected, []))
                feed.wait(self._look_seconds)
            except (SweepError, OSError) as error:
                trouble = told(error, self._source.cloud.directory) if isinstance(error, OSError) else str(error)
                feed.change(functools.partial(replace, trouble=trouble))
                self._source.forget()
                feed.wait(self._look_seconds)

    def _publish(self, seen: Seen) -> None:
        """Publishes what was made from the records, with the note that may have been written here meanwhile."""
        with self._noting:
            self.feed.publish(replace(self._with_note(seen), note_number=self._note_number))

    def _rest(self, feed: Feed[Seen], seen: Seen) -> None:
        """Waits at rest, until the sweep runs again or its records should be read again."""
        if feed.latest != seen:
            self._publish(seen)
        deadline = time.monotonic() + REREAD_SECONDS
        while feed.is_watched and time.monotonic() < deadline:
            if feed.wait(self._look_seconds) or self._source.found().running(self._name):
                return

    def _run(self, feed: Feed[Seen], followed: Followed, found: Found) -> None:
        """Follows an execution to its end, or until nobody looks any more."""
        self._faults = ()
        cloud, execution = self._source.cloud, followed.execution
        told_at, cost, ended = 0.0, 0.0, -1
        for progress in followed.follow(poll_seconds=self._source.poll_seconds):
            if progress.trouble and cloud.is_gone(execution):
                return
            self._kept.keep(self._name, followed)
            began = time.monotonic()
            is_calm = progress.status == RUNNING and ended == followed.ended
            if is_calm and began - told_at < max(CALM_SECONDS, cost / SHARE):
                continue
            ended = followed.ended
            self._publish(self._running(followed, found))
            told_at = time.monotonic()
            cost = told_at - began
            if not feed.is_watched:
                return
        self._recent.forget(self._name)
        self._kept.forget(self._name)
        ending = execution.ending()
        if ending.output is None and ending.error != "NoTrialSucceeded":
            self._faults_until, self._faults = planned_by(self._source.found().archive, self._name), _why(ending)
            if feed.latest is not None:
                # An input that the planner refused has no records: this is all that there is to show.
                report = feed.latest.report
                standing = replace(report.standing, executions=[])
                self._publish(Seen(report=replace(report, standing=standing), faults=self._faults))

    @property
    def _look_seconds(self) -> float:
        return LOOK_SECONDS[self._source.cloud.on]

    # --- values

    def _at_rest(self, found: Found) -> Seen:
        """Returns a sweep that does not run; a page, its data and its events ask for it at once."""
        with self._looking:
            seen = self._recent.of(self._name)
            if seen is None:
                began = time.monotonic()
                seen = self._read(found)
                self._recent.keep(self._name, seen, read_at=began)
            # Once it has records, these say what was asked; and once they are removed, nothing does.
            self._expected = None
            # Another client may have run it since, and then nobody here has seen how that ended.
            faults = self._faults if seen.planned_by == self._faults_until else ()
            return replace(self._with_note(seen), faults=faults)

    def _read(self, found: Found) -> Seen:
        seen = self._moments.at_rest(found)
        self._read_note(found.archive)
        return seen

    def _running(self, followed: Followed, found: Found) -> Seen:
        seen = self._moments.running(followed, found)
        if time.monotonic() - self._note_read_at >= NOTE_SECONDS[self._source.cloud.on]:
            # Not from the archive of the running sweep, which reads each object once.
            self._read_note(self._source.found().archive)
        return self._with_note(seen)

    def _followed(self, found: Found, execution: Execution) -> Followed:
        """Returns what is known of a running execution, since pages come and go while it runs."""
        self._recent.forget(self._name)  # once it has ended, what was read before it ran is old
        with self._keeping:
            kept = self._kept.of(self._name)
            if kept is None or not kept.execution.is_same(execution):
                kept = Followed(execution, Records(execution.store), home=found.archive.objects)
            self._kept.keep(self._name, kept)
            return kept

    def _read_note(self, archive: Archive) -> None:
        asked_at = time.monotonic()
        note = archive.note(self._name)
        with self._noting:
            if asked_at > self._note_read_at:  # or another one has been written or read since
                self._note, self._note_read_at = note, asked_at

    def _with_note(self, seen: Seen) -> Seen:
        note = self._note
        return seen if seen.report.note == note else replace(seen, report=replace(seen.report, note=note))


def _why(ending: ExecutionEnding) -> tuple[str, ...]:
    """Returns why an execution ended without results; nothing of one that a person has stopped, as the page says."""
    if ending.was_stopped:
        return ()
    return tuple(readable(ending.cause)) or (f"the execution {ending.status}",)
