"""What is said of a sweep where nobody sees its page: to a screen reader, and in the title of its window."""

from dataclasses import dataclass

from stepsweep.client.ui.doings import Done
from stepsweep.client.ui.seen import Seen
from stepsweep.contract.described import number_of, verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How far a sweep is.

    Attributes:
        stage: what another sentence is told at once for; within a stage a reader has time to listen.
    """

    stage: str
    sentence: str


def said_of(seen: Seen, done: Done) -> Said:
    """Returns in one sentence how far a sweep is."""
    standing, progress = seen.report.standing, seen.progress
    if done.text:
        return Said(stage="doing", sentence=done.text)
    if not seen.is_begun:
        faults = "; ".join((*done.faults, *seen.faults))
        return Said(stage="failed" if faults else "reading", sentence=faults or "The records are being read.")
    best, front = standing.winner, standing.front
    value = f"; best {standing.spec.objective.metric} {best.value:.6g}" if best and best.value is not None else ""
    if front:
        value = f"; {number_of(len(front), 'trial')} on the front"
    if progress is None:
        return Said(stage=standing.status, sentence=f"The sweep is {standing.status.lower()}{value}.")
    if progress.planned is None:
        return Said(stage="planning", sentence="The trials are being planned.")
    ended = progress.planned - progress.to_run + progress.ended
    of_round = f" of round {progress.round_number}" if progress.round_number else ""
    trials = number_of(progress.planned, "trial")
    sentence = f"{ended:,} of {trials}{of_round} {verb(ended, 'has', 'have')} ended{value}."
    return Said(stage=standing.status, sentence=sentence)


def title_of(seen: Seen) -> str:
    """Returns the sweep's name behind its state, if that is known."""
    standing = seen.report.standing
    return f"{standing.status.lower()} · {standing.spec.name}" if seen.is_begun else standing.spec.name
