"""Whether an earlier sweep can tell a model anything, as far as the specs of both say."""

from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec


def told_nothing(number: int, name: str, why: object) -> str:
    """Returns the fault of a sweep that tells nothing.

    Args:
        number: its place in `warm_start`.
        why: as `why_nothing` says it.
    """
    return f"warm_start[{number}]: the sweep {shown(name)} {why}"


def why_nothing(spec: SweepSpec, earlier: SweepSpec | None) -> str | None:
    """Returns why a sweep tells the model of this one nothing, whatever it found; None if it may.

    Args:
        earlier: None if there is none of its name.
    """
    if earlier is None:
        return "is not among these records; `sweep list` names those that are"
    if earlier.has_front:
        return "has several objectives, and this search's model learns one value"
    mine, theirs = spec.objective, earlier.objective
    if (mine.metric, mine.direction) != (theirs.metric, theirs.direction):
        return (
            f"has the objective {theirs.metric} ({theirs.direction}), and this one {mine.metric} ({mine.direction}): "
            "their values do not compare"
        )
    if spec.epochs != earlier.epochs:
        return f"trains {earlier.epochs} epochs, and this one {spec.epochs}: their values do not compare; give the same"
    return None
