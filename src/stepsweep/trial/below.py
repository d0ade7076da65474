"""Epochs that a script names below their metrics: `val_loss=0.5`, and then `Epoch 1/3 done`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stepsweep.trial.kinds import Cells


def of_named_below(cells: Cells[float], epochs: Sequence[int], firsts: Mapping[str, float]) -> dict[str, float]:
    """Returns the kinds of lines whose epoch seems to be named below them, with the first value of each: it has no
    epoch, and the last epoch has no value.

    Args:
        cells: by the epoch that was named last before them.
        epochs: as they were named.
        firsts: the values before the first one, by kind of line.
    """
    return {
        kind: first
        for kind, first in firsts.items()
        if len(epochs) > 1 and {epoch for epoch, cell in cells.items() if kind in cell} == set(epochs[:-1])
    }


def are_lost(cells: Cells[float], firsts: Collection[str], last: int) -> bool:
    """Whether a kind of lines was printed before an attempt's first epoch, and the last epoch of all has none.

    Args:
        firsts: the kinds of lines before the first epoch, of any attempt.
        last: the epoch that was named last.
    """
    return any(kind not in cells.get(last, {}) and any(kind in cell for cell in cells.values()) for kind in firsts)


def shifted(cells: Cells[float], epochs: Sequence[int], firsts: Mapping[str, float]) -> Cells[float]:
    """Returns the values of a name by the epochs that are named below them, or by those above if none is."""
    below = of_named_below(cells, epochs, firsts)
    if not below:
        return cells
    following = dict(zip(epochs, epochs[1:]))  # noqa: B905, RUF007  Python 3.9 has neither `strict` nor `pairwise`
    found: dict[int, dict[str, float]] = {epoch: {} for epoch in epochs}
    found[epochs[0]].update(below)
    for epoch, cell in cells.items():
        for kind, value in cell.items():
            found.setdefault(following[epoch] if kind in below else epoch, {})[kind] = value
    return {epoch: found[epoch] for epoch in sorted(found) if found[epoch]}


def unsure(column: str) -> str:
    """Says of a column why its epochs are unsure, and what to print instead."""
    return (
        "was printed before the first line that names an epoch, and not after the last one; print both in one line: "
        f"epoch 3 {column}=0.5"
    )
