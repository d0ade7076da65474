"""Epochs that a script names below their metrics: `val_loss=0.5`, and then `Epoch 1/3 done`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from stepsweep.trial.kinds import Cells

Kinds = Mapping[str, Collection[str]]
"""By name, kinds of lines."""


def kinds_above(
    columns: Mapping[str, Cells[float]], named: Sequence[int], firsts: Kinds, nameless: Kinds, *, are_ends: bool
) -> Kinds:
    """Returns the kinds of lines that stand above the line which names their epoch; empty if none do.

    Such lines are before the first epoch that is named, and below each but the last one. Where no others are below each
    epoch, a script has one way for all of its lines, so those that some epochs lack stand there too.

    Args:
        columns: by name, the values by the epoch that was named last before them.
        named: the epochs, in the order of the output.
        firsts: the kinds of lines before the first of them.
        nameless: the kinds of lines that name no epoch.
        are_ends: whether the lines that name an epoch say that it is over.

    Raises:
        ValueError: it is unclear, since other lines begin below the first epoch, and the last one has none.
    """
    above: dict[str, set[str]] = {}
    has_others = begins_below = False
    for name, kind in _each(nameless):
        below = {epoch for epoch, cell in columns.get(name, {}).items() if kind in cell}
        is_first = kind in firsts.get(name, ())
        if len(named) > 1 and below == set(named[:-1]):
            begins_below |= not is_first
            if is_first:
                above.setdefault(name, set()).add(kind)
        has_others |= below == set(named) and not is_first
    if above and begins_below and not has_others and not are_ends:
        raise ValueError("the last epoch has no metrics of those that begin below the first one")
    return above if has_others or not above else nameless


def _each(kinds: Kinds) -> Iterable[tuple[str, str]]:
    return ((name, kind) for name, each in kinds.items() for kind in each)


def are_lost(cells: Cells[float], firsts: Collection[str], last: int) -> bool:
    """Whether a kind of lines was printed before an attempt's first epoch, and the last epoch of all has none.

    Args:
        firsts: the kinds of lines before the first epoch, of any attempt.
        last: the epoch that was named last.
    """
    return any(kind not in cells.get(last, {}) and any(kind in cell for cell in cells.values()) for kind in firsts)


def shifted(
    cells: Cells[float], named: Sequence[int], firsts: Mapping[str, float], kinds: Collection[str]
) -> tuple[Cells[float], list[float]]:
    """Returns the values of a name by the epochs that are named below them, and those of none.

    Args:
        firsts: the last values before the first epoch, by kind of line.
        kinds: of the lines that stand above the line of their epoch.
    """
    following = dict(zip(named, named[1:]))  # noqa: B905, RUF007  Python 3.9 has neither `strict` nor `pairwise`
    found: dict[int, dict[str, float]] = {epoch: {} for epoch in named}
    of_none = []
    for kind, first in firsts.items():
        if kind not in kinds:
            continue
        later = [following[epoch] for epoch, cell in cells.items() if kind in cell and epoch in following]
        if _is_regular([named[0], *sorted(later)]):
            found[named[0]][kind] = first
        else:
            of_none.append(first)
    for epoch, cell in cells.items():
        for kind, value in cell.items():
            is_alone = kind not in firsts and all(kind not in cells[other] for other in cells if other != named[-1])
            if kind not in kinds or is_alone:  # as of a test after the training
                found.setdefault(epoch, {})[kind] = value
            elif epoch in following:
                found[following[epoch]][kind] = value
            else:
                of_none.append(value)
    return {epoch: found[epoch] for epoch in sorted(found) if found[epoch]}, of_none


def _is_regular(epochs: Sequence[int]) -> bool:
    """Whether the distances between epochs are all the same; a measurement before the training comes too early."""
    return len({later - epoch for epoch, later in zip(epochs, epochs[1:])}) < 2  # noqa: B905, RUF007  Python 3.9


def unsure(column: str) -> str:
    """Says of a column why its epochs are unsure, and what to print instead."""
    return (
        "was printed before the first line that names an epoch, and not after the last one; print both in one line: "
        f"epoch 3 {column}=0.5"
    )
