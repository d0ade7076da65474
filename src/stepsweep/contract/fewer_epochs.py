"""Why a winner of halving has fewer epochs than the sweep's: it stands below the last rung."""

from stepsweep.contract.described import number_of
from stepsweep.contract.results import Group
from stepsweep.contract.spec import SweepSpec


def fewer_epochs(spec: SweepSpec, winner: Group, *, ended_early: bool) -> str:
    """Returns a sentence for people; an empty text if the winner is on the last rung.

    A trial that ended its own training before its last epoch climbs all the same, and needs no such sentence.

    Args:
        ended_early: whether a rule ended the search.
    """
    if winner.rung == len(spec.rungs) - 1:
        return ""
    if spec.trials_each == 1:
        none, before = "no trial that was promoted further succeeded", "a trial with more epochs succeeded"
    else:
        none = "no params that were promoted further succeeded in all their trials"
        before = "any params succeeded in all their trials with more epochs"
    why = f"the search ended before {before}" if ended_early else none
    return f"The winner was trained for {winner.epochs_trained} of {number_of(spec.epochs, 'epoch')}: {why}."
