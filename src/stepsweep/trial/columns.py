"""The columns of a metrics file: what they are called, and the bytes of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stepsweep.trial.line import BEST, ON
from stepsweep.trial.words import NOT_METRICS

EPOCH = "epoch"


class NoMetrics(Exception):
    """Nothing that can be a metrics file was found; the message says why, and what to write instead."""


def columns(values: Mapping[str, dict[int, float]]) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Returns the values by the names of their columns, and a line for each that has no place there.

    `best_loss` is `loss` unless there is a loss beside it, and the loss that was measured on one thing alone is `loss`.
    `best_epoch` is not the epoch of its row, nor `best_step` its step. Of a loss in every epoch and another that is
    said to be of nothing, and is not in every epoch, the first counts: `Final loss: 0.4` is no value of epoch 1.
    """
    names = {key: key.rpartition(ON) for key in values}
    plain = {name for _, _, name in names.values()}
    found = []
    for key, (split, _, name) in names.items():
        alone = name.removeprefix(BEST)
        others = plain - {name}
        is_taken = alone in others or any(other.endswith(f"_{alone}") for other in others)
        is_alone = not is_taken and alone.lower() not in NOT_METRICS
        found.append((key, split, alone if is_alone else name))
    count = Counter(name for _, _, name in found)
    most: dict[str, int] = {}
    for key, split, name in found:
        most[name] = max(most.get(name, 0), len(values[key]) if split else 0)
    columns: dict[str, dict[int, float]] = {}
    lines = []
    # First those that are called so in the output.
    for key, split, name in sorted(found, key=lambda one: bool(one[1] and count[one[2]] > 1)):
        column = f"{split}_{name}" if split and count[name] > 1 else name
        if not split and len(values[key]) < most[name]:
            lines.append(f"{name} does not count, since it is in fewer epochs than that which names what it is of")
        elif column in columns:
            lines.append(
                f"{name} behind the word {split} does not count, since another metric is printed as {column}; print it "
                "under another name"
            )
        else:
            columns[column] = values[key]
    return columns, lines


def columns_of(rows: list[dict[str, float]]) -> list[str]:
    """Returns the names of all columns; a row lacks those that were not measured in its epoch."""
    return list(dict.fromkeys(name for row in rows for name in row))


def to_csv(rows: list[dict[str, float]]) -> bytes:
    """Returns the bytes of a metrics file: a header, then one row per epoch.

    Floats are as `repr` writes them; the cell of a value that was not measured is empty.
    """
    names = columns_of(rows)
    lines = [",".join(names)]
    lines += [",".join(_cell(name, row) for name in names) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _cell(name: str, row: Mapping[str, float]) -> str:
    if name == EPOCH:
        return str(int(row[name]))
    return repr(row[name]) if name in row else ""
