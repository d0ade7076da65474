"""What came out of one sweep, as its records say: the winner or the front, the curves, and the course of the search."""

from collections.abc import Sequence

from stepsweep.bucket.plans import Plan
from stepsweep.client.api.errors import NoWinner, SweepFailed
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.hints import reason_hint
from stepsweep.client.operations.events import AtRest, Ended, GaveUp
from stepsweep.client.pictures.importance import importance
from stepsweep.client.running.control import Found
from stepsweep.client.running.execution import Execution
from stepsweep.contract.alike import by_reason
from stepsweep.contract.described import readable, verb
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidInput, InvalidSweep
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.output import Output, Place
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.page.course import Course, course
from stepsweep.page.gathered import Importance


class Results:
    """The records of one sweep. Each call reads them anew.

    Attributes:
        started: an execution of the sweep that may have no records yet; None if there is none to wait for.
    """

    def __init__(self, cloud: Cloud, spec: SweepSpec, *, started: Execution | None) -> None:
        self.spec = spec
        self.started = started
        self._cloud = cloud

    def archive(self) -> Archive:
        """Returns the records. Raises InvalidSweep if they are those of another input, which has got the name since."""
        # Not over HTTP on this machine: a background cloud may end just when its results are needed.
        return self._still_its(self._cloud.recorded())

    def _still_its(self, archive: Archive) -> Archive:
        with archive.reading(self.spec.name):
            there = archive.records.spec(self.spec.name)
        if there is not None and not self.spec.same_work(there):
            name = self.spec.name
            raise InvalidSweep([f"the sweep {name} has another input now than this object; `get({name!r})` has it"])
        return archive

    def standing(self, found: Found | None = None) -> Standing:
        found = found or Found(self._cloud.recorded(), None)
        self._still_its(found.archive)
        try:
            return found.standing(self.spec.name)
        except InvalidInput:
            # Planning creates the record, which takes a moment.
            if self.started is None:
                raise
            runs = [] if self._cloud.is_gone(self.started) else [self.started.arn]
            return Standing(spec=self.spec, planned=0, rows=[], output=None, is_finished=False, executions=runs)

    def now(self) -> Standing:
        """Returns the standing after a look whether the sweep runs. Raises CloudError."""
        return self._cloud.settled(lambda: self.standing(self._cloud.looked_at()))

    def output(self, standing: Standing | None = None) -> Output:
        """Returns the output of a sweep that has ended well.

        Raises:
            SweepFailed: no trial succeeded.
            NoWinner: it has not ended.
        """
        standing = standing or self.standing()
        if standing.output is not None and not self._goes_on(standing.output):
            return standing.output
        if standing.is_finished and standing.output is None:
            why = _reasons(standing.rows)
            raise SweepFailed(self.spec.name, "NoTrialSucceeded", [*why, *self._hints(why)])
        head = "front" if self.spec.has_front else "winner"
        raise NoWinner(f"the sweep {self.spec.name} has no {head} yet: it is {self.now().status}")

    def _goes_on(self, output: Output) -> bool:
        """Whether an execution that was started later runs, whose plan will replace this output."""
        if self.started is None or output.execution == self.started.name:
            return False
        return bool(self.now().executions)

    def winner(self) -> tuple[Place, str]:
        """Returns the winner, and why it has fewer epochs than the sweep's, if it has.

        Raises what `output` raises, and NoWinner with several objectives.
        """
        self._one_objective()
        output = self.output()
        if output.winner is None:
            raise NoWinner(f"the output of {self.spec.name} has no winner")
        return output.winner, output.fewer_epochs

    def ties(self) -> Sequence[Place]:
        """Returns the params below the winner only by a tie-break. Raises what `winner` raises."""
        self._one_objective()
        return self.output().ties

    def front(self) -> list[Row]:
        """Returns the first Pareto front. Raises what `output` raises, and NoWinner with one objective."""
        if not self.spec.has_front:
            raise NoWinner(
                f"the sweep {self.spec.name} has one objective, and so no front; `winner` has its best trial"
            )
        standing = self.standing()
        self.output(standing)
        return standing.front

    def check(self, last: Ended | AtRest | GaveUp) -> None:
        """Raises the error for a run that ended without a winner."""
        name = self.spec.name
        match last:
            case AtRest(standing, archive):
                self._still_its(archive)
                self.output(standing)
            case GaveUp(_, failed, spared, reason):
                left = f"{spared} {verb(spared, 'was', 'were')} not trained"
                raise SweepFailed(
                    name, "FirstTrialsFailed", [f"{failed} failed, {left}", reason, *self._hints([reason])]
                )
            case Ended(_, ending) if ending.error == "InvalidSweep":
                raise InvalidSweep(readable(ending.cause))
            case Ended(_, ending) if ending.output is None:
                why = [*readable(ending.cause), *self._hints([ending.cause])]
                raise SweepFailed(name, ending.error or ending.status, why)

    def curves(self) -> tuple[Plan | None, dict[str, Metrics]]:
        archive = self.archive()
        plan = archive.plan(self.spec)
        return plan, archive.curves(list(plan.trials.values())) if plan else {}

    def importance(self) -> Importance | None:
        return importance(self.spec, self.standing().rows, self._endings())

    def course(self) -> Course | None:
        output = self.standing().output
        return course(self.spec, self._endings(), output, is_on_aws=not self._cloud.is_local)

    def first(self) -> str:
        """Returns the id of the winner, or of the best trial so far; an empty text if there is none."""
        winner = self.standing().winner
        return winner.trial_id if winner else ""

    def _one_objective(self) -> None:
        if self.spec.has_front:
            raise NoWinner(
                f"the sweep {self.spec.name} has several objectives, and so no winner; "
                "`front` has the trials that no other beats"
            )

    def _hints(self, reasons: list[str]) -> list[str]:
        hint = reason_hint(self._cloud, self.spec.name, reasons)
        return [hint] if hint else []

    def _endings(self) -> list[Ending]:
        archive = self.archive()
        return archive.endings(archive.plan(self.spec), archive.outcomes(self.spec.name))


def _reasons(rows: list[Row]) -> list[str]:
    return [
        f"{len(failed.members)}x {failed.status}: {failed.reason}"
        for failed in by_reason(row for row in rows if row.rank is None)
    ]
