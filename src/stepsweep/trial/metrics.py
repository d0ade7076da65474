"""One row per epoch from what a script prints.

- A line's epoch is the last one printed: `epoch 3`, `Epoch: 3`, `Epoch [3/10]`, `[3]` at its start.
  Where the first is 0, all count from 0. A line that names its epoch may come late.
- Without any epoch, the n-th time that a name is printed is epoch n. A name that is printed more often than there are
  epochs, such as the loss of a batch, has the last value before the others of its epoch.
- A name printed several times in an epoch has the last value. If lines of one kind have it in every epoch, only these
  count: `Final accuracy: 0.9` after the last epoch is not that epoch's.
- `best loss: 0.3` beside `loss: 0.5` is another metric, `best_loss`; `best epoch 2` begins no epoch.
- Where several processes print, as `[rank1]` or torchrun's `[default1]:`, only rank 0 counts.
- A value with a comma, such as 1,234, may mean two things, and is refused; 1,234.5 is one number.
- A training that begins again, such as one per fold, is refused: one curve is ranked.
- A warning of Python, with the line of code below it, counts for nothing: "use l1_ratio=0 instead" is no metric.
- A name that some epochs lack was not measured there; its cells are empty.
"""

from __future__ import annotations

import bisect
import json
import math
import re
from collections.abc import Mapping
from typing import Any

EPOCH = "epoch"
MOST_EPOCHS = 100_000
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_NUMPY = re.compile(r"\b(?:np|numpy)\.\w+\(([^()]*)\)")
_THOUSANDS = r"\d{1,3}(?:,\d{3})+\.\d+"
_NUMBER = rf"[+-]?(?:{_THOUSANDS}|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|nan|inf)(?![\w.])"
_BEST = "best "
_PAIR = re.compile(
    r"(?<![\w./@-])(?<!(?u:\w))"  # not in the middle of a word, of any alphabet
    rf"((?:{_BEST})?[A-Za-z][\w./@-]*(?:'s [\w./@-]+)?)[\"']?\s*[=:]\s*({_NUMBER})(,\d[\d.,]*)?"
    r"(?:\s*/\s*(\d+))?(?![:\w])",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = re.compile(r"\bepoch[\"']?\s*[:=#]?\s*\[?(\d+)|^\s*\[(\d+)\]", re.ASCII | re.IGNORECASE)
_OTHER_EPOCH = re.compile(r"\b(?:best|last|max|maximum|total|from|since)[\s:=(-]*$", re.ASCII | re.IGNORECASE)
"""What before a number of an epoch means that it is not the one whose metrics follow."""
_RANK = re.compile(r"\s*\[(?:rank|default)[ :]?(\d+)\]", re.ASCII | re.IGNORECASE)
_WARNING = re.compile(r":\d+: \w*Warning: ")
"""As `warnings.formatwarning` writes it: `train.py:3: FutureWarning: …`, and then the indented line of code."""
_MOST_KINDS = 16
"""Most kinds of lines kept per name and epoch."""
_NOT_METRICS = {"epoch", "epochs", "step", "steps", "iteration", "iter", "batch"}


class NoMetrics(Exception):
    """Nothing that can be a metrics file was found; the message says why, and what to write instead."""


def valid_name(name: str) -> str:
    """Returns the name as a metrics file may have it: what the contract does not take becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_./@-]+", "_", name.replace("'s ", "_"))[:128]


class Collector:
    """Reads a script's lines, and returns the rows so far.

    Args:
        named: patterns by metric's name; the group `value`, or the first one, is the number. Then only these count.
        epoch: a pattern for the epoch in place of the usual ones.
    """

    def __init__(
        self, named: Mapping[str, re.Pattern[str]] | None = None, epoch: re.Pattern[str] | None = None
    ) -> None:
        self._named = dict(named or {})
        self._epoch_pattern = epoch or _EPOCH
        self._epoch: int | None = None
        self._first: int | None = None
        # By name, epoch and kind of line; of each kind the last value.
        self._values: dict[str, dict[int, dict[str, float]]] = {}
        self._raw_names: dict[str, str] = {}
        self._uncounted: dict[str, list[float]] = {}
        self._kinds: dict[str, list[str]] = {}
        self._order: dict[str, list[int]] = {}
        self._count = 0
        self._resumed = False
        self._after_warning = False
        self._lost: dict[str, list[float]] = {}
        self._unclear: dict[str, str] = {}
        self._last = 0
        self._again = ""

    def feed(self, text: str) -> None:
        """Reads one line; the states of a progress bar, which `\\r` parts, count as lines."""
        for part in _ANSI.sub("", text).split("\r"):
            self._line(_NUMPY.sub(r"\1", part))

    def _line(self, line: str) -> None:
        was_after_warning, self._after_warning = self._after_warning, bool(_WARNING.search(line))
        if not line.strip() or self._after_warning or (was_after_warning and line[0].isspace()):
            return
        if (rank := _RANK.match(line)) and int(rank[1]):
            return
        document = _json_object(line)
        found_epoch = document.get(EPOCH) if document is not None else None
        if isinstance(found_epoch, (int, float)) and math.isfinite(found_epoch):
            self._see_epoch(math.ceil(found_epoch))
        elif document is None and (match := self._epoch_in(line)):
            text = next((group for group in match.groups() if group is not None), "")
            if not text.isdecimal():
                raise NoMetrics(f"--epoch: its group matched {text!r}, not a whole number")
            self._see_epoch(int(text))
        kind = _kind_of(line, document)
        for name, value in self._found(line, document):
            self._add(name, value, kind)

    def _found(self, line: str, document: dict[str, object] | None) -> list[tuple[str, float]]:
        if self._named:
            found = []
            for name, pattern in self._named.items():
                for match in pattern.finditer(line):
                    text = match.group("value" if "value" in pattern.groupindex else 1)
                    try:
                        found.append((name, float(text)))
                    except (TypeError, ValueError):
                        raise NoMetrics(f"--metric {name}: its group matched {text!r}, not a number") from None
            return found
        if document is not None:
            return [
                (name, float(value))
                for name, value in document.items()
                if isinstance(value, (int, float)) and not isinstance(value, bool) and name.lower() not in _NOT_METRICS
            ]
        found = []
        for match in _PAIR.finditer(line):
            name, number, more, of = match.groups()
            is_best = name[: len(_BEST)].lower() == _BEST
            if name[is_best and len(_BEST) :].lower() in _NOT_METRICS:
                continue
            name = valid_name(_BEST) + name[len(_BEST) :] if is_best else name
            if more:
                self._unclear.setdefault(valid_name(name), number + more)
                continue
            value = float(number.replace(",", ""))
            found.append((name, value / float(of) if of and float(of) else value))
        return found

    def _epoch_in(self, line: str) -> re.Match[str] | None:
        """Returns where a line names its epoch; of the usual pattern not an epoch that it only mentions."""
        matches = self._epoch_pattern.finditer(line)
        is_usual = self._epoch_pattern is _EPOCH
        return next((each for each in matches if not (is_usual and _OTHER_EPOCH.search(line[: each.start()]))), None)

    def _see_epoch(self, epoch: int) -> None:
        if self._first is None:
            self._first = epoch
        self._epoch = epoch

    def _add(self, raw: str, value: float, kind: str) -> None:
        name = valid_name(raw)
        before = self._raw_names.setdefault(name, raw)
        if before != raw:
            raise NoMetrics(f"{before!r} and {raw!r} would both be the column {name}; rename one of them")
        if self._epoch is None:
            self._count += 1
            self._uncounted.setdefault(name, []).append(value)
            self._order.setdefault(name, []).append(self._count)
            self._kinds.setdefault(name, []).append(kind)
        else:
            epoch = self._epoch + (self._first == 0)
            cell = self._values.setdefault(name, {}).setdefault(epoch, {})
            if epoch == 1 < self._last and not self._resumed and cell.get(kind, value) != value:
                self._again = self._again or name
            self._last = max(self._last, epoch)
            cell.pop(kind, None)
            cell[kind] = value
            if len(cell) > _MOST_KINDS:
                del cell[next(iter(cell))]

    @property
    def resumed(self) -> bool:
        """Whether it began with the epochs of an earlier attempt."""
        return self._resumed

    @property
    def names_epochs(self) -> bool:
        """Whether the lines so far name the epochs of their values."""
        return bool(self._values)

    def state(self) -> dict[str, Any]:
        """Returns the values so far, as JSON, for an attempt that continues from a checkpoint of this moment."""
        return {
            "first": self._first,
            "names": dict(self._raw_names),
            "values": {
                name: [[epoch, list(cell.items())] for epoch, cell in column.items()]
                for name, column in self._values.items()
            },
            "uncounted": dict(self._uncounted),
        }

    def resume(self, state: Mapping[str, Any], epochs: int | None) -> None:
        """Starts with the values of an earlier attempt, up to `epochs`; values that are read again replace them."""
        self._first, self._raw_names = state["first"], dict(state["names"])
        self._values = {
            name: {epoch: dict(cell) for epoch, cell in column if epochs is None or epoch <= epochs}
            for name, column in state["values"].items()
        }
        self._lost = state["uncounted"]
        self._resumed = bool(self._values)

    def _counted(self, epochs: int | None) -> dict[str, dict[int, float]]:
        """Returns the values by epoch where none was named."""
        uncounted, orders = self._of_one_kind(epochs)
        counts = [len(list_) for list_ in uncounted.values() if epochs is None or len(list_) <= epochs]
        last = max(counts, default=0)
        # The place in the output where each epoch's values were complete.
        ends = [max(order[at] for order in orders.values() if len(order) == last) for at in range(last)]
        values = {}
        for column, list_ in uncounted.items():
            if not ends or len(list_) <= last:
                values[column] = dict(enumerate(list_, start=1))
                continue
            before = [bisect.bisect_right(orders[column], end) for end in ends]
            values[column] = {epoch: list_[at - 1] for epoch, at in enumerate(before, start=1) if at}
        return values

    def _of_one_kind(self, epochs: int | None) -> tuple[dict[str, list[float]], dict[str, list[int]]]:
        """Returns the values without epochs, and their places. Where a name has more values than epochs, and lines of
        one kind have it once per epoch, only these count."""
        uncounted, orders = dict(self._uncounted), dict(self._order)
        for name, kinds in self._kinds.items():
            fitting = [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) == epochs]
            if epochs is not None and len(kinds) > epochs and len(fitting) == 1:
                kept = [at for at, kind in enumerate(kinds) if kind == fitting[0]]
                uncounted[name] = [uncounted[name][at] for at in kept]
                orders[name] = [orders[name][at] for at in kept]
        return uncounted, orders

    def _by_epoch(self) -> tuple[dict[str, dict[int, float]], list[str]]:
        """Returns the values by named epoch, and a line for each that does not count since only some epochs have it."""
        values: dict[str, dict[int, float]] = {}
        notices = []
        for name, column in self._values.items():
            in_all = set.intersection(*(set(cell) for cell in column.values()))
            values[name] = {}
            for epoch, cell in column.items():
                counted = [kind for kind in cell if kind in in_all or not in_all]
                values[name][epoch] = cell[counted[-1]]
                if counted[-1] != (last := list(cell)[-1]):
                    notices.append(
                        f"{name} of epoch {epoch} is {cell[counted[-1]]:g}, not {cell[last]:g} of the line {last!r}, "
                        "which other epochs do not have"
                    )
        return values, notices

    def _check_kinds(self, values: Mapping[str, Mapping[int, float]], epochs: int | None) -> None:
        """Refuses more values than epochs if they are of several kinds, such as training and validation.

        To ask for more epochs would make epochs of both.
        """
        for name, column in values.items():
            kinds = list(dict.fromkeys(self._kinds.get(name, ())))
            if epochs is not None and len(column) > epochs and len(kinds) > 1:
                lines = " and ".join(repr(kind) for kind in kinds[:2])
                example = f"metrics: {{{name}: '{kinds[-1]}: (\\S+)'}}"
                raise NoMetrics(
                    f"{name} was printed {len(column)} times for {epochs} epochs, in lines of several kinds, such as "
                    f"{lines}, and no line names its epoch. To fix it, say which line counts, as in {example}"
                )

    def _check_replayed(self) -> None:
        """Refuses values without epochs that continue after a checkpoint. An attempt that starts over repeats them."""
        for name, list_ in self._uncounted.items():
            lost = self._lost.get(name, [])
            if any(now != before for now, before in zip(list_, lost)):  # noqa: B905  Python 3.9 has no `strict`
                raise NoMetrics(
                    f"{name} has no epochs, and this attempt went on from a checkpoint; print them: epoch 3 {name}=0.5"
                )

    def rows(self, epochs: int | None) -> tuple[list[dict[str, float]], list[str]]:
        """Returns a row per epoch, and lines about values that do not count or that an earlier attempt has lost.

        Args:
            epochs: how many were asked for; None by hand.

        Raises:
            NoMetrics: a metric that was asked for by name is missing.
        """
        values, notices = self._by_epoch()
        if self._again and not (self._named and self._again not in self._named):
            raise NoMetrics(
                f"{self._again} of epoch 1 was printed again, with another value, after later epochs; if this is a "
                "training per fold, print their mean once per epoch, or let the sweep train the folds (`folds`)"
            )
        if not values:
            self._check_replayed()
            values = self._counted(epochs)
            self._check_kinds(values, epochs)
        last = max((epoch for column in values.values() for epoch in column), default=0)
        if last > MOST_EPOCHS:
            raise NoMetrics(f"epoch {last} was printed, more than {MOST_EPOCHS}; name the epoch's pattern with --epoch")
        values = _without_best(values)
        for name, text in self._unclear.items():
            if name in values:
                raise NoMetrics(
                    f"{name} was printed as {text}, which may be more than one number; print it without commas"
                )
            notices.append(f"{name} does not count: {text} may be more than one number; print it without commas")
        if absent := [name for name in self._named if name not in values]:
            raise NoMetrics(f"--metric {absent[0]}: its pattern matched no line")
        if not values:
            return [], []
        for name, column in values.items():
            missing = [epoch for epoch in range(1, last + 1) if epoch not in column]
            if missing and self._resumed:
                where = ", ".join(str(epoch) for epoch in missing[:10]) + (" …" if len(missing) > 10 else "")
                notices.append(
                    f"{name} is missing in epoch {where} of {last}; print metrics before the checkpoint is saved"
                )
        return [
            {EPOCH: epoch, **{name: column[epoch] for name, column in values.items() if epoch in column}}
            for epoch in range(1, last + 1)
        ], notices


def _without_best(values: dict[str, dict[int, float]]) -> dict[str, dict[int, float]]:
    """Returns the columns with `best loss` as `loss`, unless there is a `loss` beside it."""
    begin = valid_name(_BEST)
    return {
        name.removeprefix(begin) if name.startswith(begin) and name.removeprefix(begin) not in values else name: column
        for name, column in values.items()
    }


def _kind_of(line: str, document: dict[str, object] | None) -> str:
    """Returns what lines of one kind have in common: their words without numbers, or the fields of a JSON object."""
    if document is not None:
        return " ".join(sorted(document))[:200]
    return " ".join(re.findall(r"[^\W\d_]+", re.sub(_NUMBER, " ", line[:1000])))[:200]


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


def _json_object(line: str) -> dict[str, object] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
