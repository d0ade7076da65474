"""One row per epoch from what a script prints.

- A line's epoch is the last one printed: `epoch 3`, `Epoch: 3`, `Epoch [3/10]`, `[3]` at its start.
  Where the first is 0, all count from 0. A line that names its epoch may come late.
- Without any epoch, the n-th time that a name is printed is epoch n. A name that is printed more often than there are
  epochs, such as the loss of a batch, has the last value before the others of its epoch.
- A name printed several times in an epoch has the last value. If lines of one kind have it in every epoch, only these
  count: `Final accuracy: 0.9` after the last epoch is not that epoch's.
- `best loss: 0.3` beside `loss: 0.5` is another metric, `best_loss`; `best epoch 2` begins no epoch.
- A name that is in a line twice takes the word before it: `loss: 0.5 (target loss: 0.1)` are `loss` and `target_loss`.
- `train loss: 0.5` and `val loss: 0.4` are two metrics, `train_loss` and `val_loss`, and so are `Acc: 0.9` of a line
  that begins with `val` and that of another that begins with `train`. One of them alone is `loss`, as it is called.
- `val acc 78.06%` is a metric without a sign between, if its name is a usual one; whole numbers need the `%`.
- A table has a line of names that begins with `epoch`, and a line of values for each epoch below it.
- Where several processes print, as `[rank1]` or torchrun's `[default1]:`, only rank 0 counts.
- A value with a comma, such as 1,234, may mean two things, and is refused; 1,234.5 is one number.
- A training that begins again, such as one per fold, is refused: one curve is ranked.
- A warning of Python, with the line of code below it, counts for nothing: "use l1_ratio=0 instead" is no metric. Nor
  does a traceback that the script prints and survives.
- A name that some epochs lack was not measured there; its cells are empty.
"""

from __future__ import annotations

import bisect
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stepsweep.trial.table import Table

EPOCH = "epoch"
MOST_EPOCHS = 100_000
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_NUMPY = re.compile(r"\b(?:(?:np|numpy)\.\w+|tensor)\(([^()\[\],]*)(?:,[^()\[\]]*)?\)")
"""A scalar as NumPy or PyTorch prints it."""
_THOUSANDS = r"\d{1,3}(?:,\d{3})+\.\d+"
_NUMBER = rf"[+-]?(?:{_THOUSANDS}|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|nan|inf)(?![\w.])"
_BEST = "best_"
_PAIR = re.compile(
    r"(?<![\w./@:-])(?<!(?u:\w))"  # not in the middle of a word, of any alphabet, nor of `module:function:12`
    r"([A-Za-z][\w./@-]*(?:'s [\w./@-]+)?)"
    r"(?:[\"']\s*:\s*[\"']|[\"']?(?:\s*\((?:%|([A-Za-z]+))(?:\s+set)?\))?\s*[=:]\s*)"
    rf"({_NUMBER})(,\d[\d.,]*)?(?:\s*/\s*(\d+))?(?![:\w])(?!%\|)",
    re.ASCII | re.IGNORECASE,
)
"""A name, in parentheses what it was measured on, and a number, in quotes if the name is; not the percents of a
progress bar."""
USUAL = (
    "acc", "accuracy", "auc", "auroc", "average_precision", "bleu", "dice", "f1", "iou", "map", "mcc", "miou", "ndcg",
    "precision", "psnr", "r2", "recall", "reward", "score", "ssim", "top1", "top5", "bpc", "brier", "cer",
    "cross_entropy", "deviance", "eer", "error", "fid", "loss", "log_loss", "logloss", "mae", "mape", "mse", "msle",
    "nll", "perplexity", "ppl", "rmse", "rmsle", "smape", "wer",
)  # fmt: skip
"""Names that count without a sign before their number."""
_SENTENCE = re.compile(
    rf"(?<![\w./@-])(?<!(?u:\w))({'|'.join(USUAL)})\s+(?:(?:of|is|was)\s+)?"
    r"([+-]?(?:\d+\.\d+|\.\d+|\d+(?=\s?%)|\d+\.?\d*(?=[eE]))(?:[eE][+-]?\d+)?)(?!\w|[.,]\d)(?!%\|)",
    re.ASCII | re.IGNORECASE,
)
_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "validating": "val",
    "eval": "eval", "evaluation": "eval", "evaluating": "eval", "test": "test", "testing": "test", "dev": "dev",
    "holdout": "holdout",
}  # fmt: skip
"""What a line says that its values were measured on."""
_THINGS = {"set", "data", "dataset", "split", "images", "samples", "examples"}
"""What stands before the number in `Accuracy on the test set: 0.9`, which is the accuracy."""
_USUAL = re.compile(rf"(?<![\w./@-])(?:{'|'.join(USUAL)})(?![\w./@-])", re.ASCII | re.IGNORECASE)
_SPLIT = re.compile(rf"(?<![\w./@-])(?:{'|'.join(_SPLITS)})(?![\w./@=-])", re.ASCII | re.IGNORECASE)
_BEST_BEFORE = re.compile(rf"\bbest\s+(?:(?:{'|'.join(_SPLITS)})\s+)?$", re.ASCII | re.IGNORECASE)
_WORD_BEFORE = re.compile(
    rf"\b(?!(?:{'|'.join(_SPLITS)})\b)([A-Za-z]+)\s+(?:(?:{'|'.join(_SPLITS)})\s+)?$", re.ASCII | re.IGNORECASE
)
_MOST_BEFORE = 24
_MOST_WORDS = 80
"""How far before a number `best` is looked for, and the name that it belongs to."""
_ON = ":"
"""Parts what a value was measured on from its name, in the keys of a collector; no name has one."""
_EPOCH = re.compile(r"\bepoch[\"']?\s*[:=#]?\s*[\"'\[]?(\d+(?:\.\d+)?)|^\s*\[(\d+)\]", re.ASCII | re.IGNORECASE)
_OTHER_EPOCH = re.compile(r"\b(?:best|last|max|maximum|total|from|since)[\s:=(-]*$", re.ASCII | re.IGNORECASE)
"""What before a number of an epoch means that it is not the one whose metrics follow."""
_RANK = re.compile(r"\s*\[(?:rank|default)[ :]?(\d+)\]", re.ASCII | re.IGNORECASE)
_WARNING = re.compile(r":\d+: \w*Warning: ")
"""As `warnings.formatwarning` writes it: `train.py:3: FutureWarning: …`, and then the indented line of code."""
_TRACEBACK = "Traceback (most recent call last):"
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Group)\b", re.ASCII)
"""As the last line of a traceback begins. Other lines may come between those of a traceback, from another process."""
_MOST_KINDS = 16
"""Most kinds of lines kept per name and epoch."""
_NOT_METRICS = {"epoch", "epochs", "step", "steps", "iteration", "iter", "batch"}


class NoMetrics(Exception):
    """Nothing that can be a metrics file was found; the message says why, and what to write instead."""


def valid_name(name: str) -> str:
    """Returns the name as a metrics file may have it: what the contract does not take becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_./@-]+", "_", name.replace("'s ", "_"))[:128]


def _key(name: str, split: str | None, line: str, start: int, splits: list[tuple[int, str]]) -> str:
    """Returns a valid name with `best_`, and with what its value was measured on, as the words before it say."""
    name = valid_name(name)
    if _BEST_BEFORE.search(line[max(start - _MOST_BEFORE, 0) : start]):
        name = _BEST + name
    split = split or _split_before(start, splits)
    return f"{split}{_ON}{name}" if split else name


def _printed(raw: str, key: str) -> str:
    """Returns what of the output the key names, to tell it from others that would have the same key."""
    return raw if key.rpartition(_ON)[2] == valid_name(raw) else _BEST + raw


def _told_apart(line: str, found: Mapping[int, tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """Returns what was found in a line, in its order. A name that is there twice has the word before it in one place:
    that of a target, a minimum or an earlier epoch is another metric.
    """
    values: dict[str, list[float]] = {}
    for key, _, value in found.values():
        values.setdefault(key, []).append(value)
    differ = {key for key, each in values.items() if len(each) > 1 and any(other != each[0] for other in each)}
    apart = []
    for at, (key, raw, value) in sorted(found.items()):
        word = _WORD_BEFORE.search(line, max(0, at - _MOST_BEFORE), at) if key in differ else None
        if word:
            split, on, name = key.rpartition(_ON)
            apart.append((f"{split}{on}{word[1]}_{name}", f"{word[1]} {raw}", value))
        else:
            apart.append((key, raw, value))
    return apart


def _split_before(start: int, splits: list[tuple[int, str]]) -> str | None:
    at = bisect.bisect_left(splits, (start, "")) - 1
    return splits[at][1] if at >= 0 else None


def _column(key: str) -> str:
    return key.replace(_ON, "_")


class _Stream:
    """What the lines so far of a stream say about its next one."""

    def __init__(self) -> None:
        self.table = Table()
        self._after_warning = False
        self._in_traceback = False

    def is_message(self, line: str) -> bool:
        """Returns whether the next line belongs to a warning or a traceback."""
        was_after_warning, self._after_warning = self._after_warning, bool(_WARNING.search(line))
        if self._after_warning or (was_after_warning and line[0].isspace()):
            return True
        if _TRACEBACK in line:
            self._in_traceback = True
        if self._in_traceback and (line[0].isspace() or _TRACEBACK in line):
            return True
        if self._in_traceback and _ERROR.match(line):
            self._in_traceback = False
            return True
        return False


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
        self._lost: dict[str, list[float]] = {}
        self._unclear: dict[str, str] = {}
        self._last = 0
        self._again = ""
        self._streams: dict[str, _Stream] = {}

    def feed(self, text: str, stream: str = "") -> None:
        """Reads one line; the states of a progress bar, which `\\r` parts, count as lines.

        Args:
            stream: what the line was printed to. Lines of another one may come between those of a table or a warning.
        """
        above = self._streams.setdefault(stream, _Stream())
        for part in _ANSI.sub("", text).split("\r"):
            self._line(_NUMPY.sub(r"\1", part), above)

    def _line(self, line: str, above: _Stream) -> None:
        if not line.strip() or above.is_message(line):
            return
        if (rank := _RANK.match(line)) and int(rank[1]):
            return
        document = _json_object(line)
        if document is None and not self._named and (row := self._row(line, above.table)) is not None:
            document = dict(row)
        found_epoch = document.get(EPOCH) if document is not None else None
        if isinstance(found_epoch, (int, float)) and math.isfinite(found_epoch):
            self._see_epoch(math.ceil(found_epoch))
        elif document is None and (match := self._epoch_in(line)):
            text = next((group for group in match.groups() if group is not None), "")
            is_part = self._epoch_pattern is _EPOCH and "." in text  # of an epoch, as Hugging Face prints it
            if not is_part and not text.isdecimal():
                raise NoMetrics(f"--epoch: its group matched {text!r}, not a whole number")
            self._see_epoch(math.ceil(float(text)))
        kind = _kind_of(line, document)
        for key, name, value in self._found(line, document):
            self._add(key, name, value, kind)

    def _row(self, line: str, table: Table) -> dict[str, float] | None:
        try:
            return table.row(line)
        except ValueError as error:
            raise NoMetrics(f"of a table that was printed: {error}; print numbers alone in the rows") from None

    def _found(self, line: str, document: dict[str, object] | None) -> list[tuple[str, str, float]]:
        """Returns a key, the name as it was printed, and the value, of each metric in a line."""
        if self._named:
            found = []
            for name, pattern in self._named.items():
                for match in pattern.finditer(line):
                    text = match.group("value" if "value" in pattern.groupindex else 1)
                    try:
                        found.append((name, name, float(text)))
                    except (TypeError, ValueError):
                        raise NoMetrics(f"--metric {name}: its group matched {text!r}, not a number") from None
            return found
        if document is not None:
            return [
                (valid_name(name), name, float(value))
                for name, value in document.items()
                if isinstance(value, (int, float)) and not isinstance(value, bool) and name.lower() not in _NOT_METRICS
            ]
        return self._found_in_words(line)

    def _found_in_words(self, line: str) -> list[tuple[str, str, float]]:
        found: dict[int, tuple[str, str, float]] = {}
        splits = [(match.start(), _SPLITS[match[0].lower()]) for match in _SPLIT.finditer(line)]
        for match in _PAIR.finditer(line):
            raw, within, number, more, of = match.groups()
            if raw.lower() in _NOT_METRICS or (within and within.lower() not in _SPLITS):
                continue
            split = _SPLITS[within.lower()] if within else None
            start = match.start()
            if raw.lower() in _THINGS | _SPLITS.keys():
                split = split or _SPLITS.get(raw.lower()) or _split_before(start, splits)
                if split and (usual := _USUAL.search(line, max(start - _MOST_WORDS, 0), start)):
                    raw, start = usual[0], usual.start()
                elif not within:
                    split = None
            key = _key(raw, split, line, start, splits)
            if more:
                self._unclear.setdefault(key, number + more)
                continue
            value = float(number.replace(",", ""))
            found[match.start()] = (key, _printed(raw, key), value / float(of) if of and float(of) else value)
        for match in _SENTENCE.finditer(line):
            key = _key(match[1], None, line, match.start(), splits)
            found.setdefault(match.start(), (key, _printed(match[1], key), float(match[2])))
        return _told_apart(line, found)

    def _epoch_in(self, line: str) -> re.Match[str] | None:
        """Returns where a line names its epoch; of the usual pattern not an epoch that it only mentions."""
        matches = self._epoch_pattern.finditer(line)
        is_usual = self._epoch_pattern is _EPOCH
        return next((each for each in matches if not (is_usual and _is_another(line, each.start()))), None)

    def _see_epoch(self, epoch: int) -> None:
        if self._first is None:
            self._first = epoch
        self._epoch = epoch

    def _add(self, name: str, raw: str, value: float, kind: str) -> None:
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
                        f"{_column(name)} of epoch {epoch} is {cell[counted[-1]]:g}, not {cell[last]:g} of the line "
                        f"{last!r}, which other epochs do not have"
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
                example = f"metrics: {{{_column(name)}: '{kinds[-1]}: (\\S+)'}}"
                raise NoMetrics(
                    f"{_column(name)} was printed {len(column)} times for {epochs} epochs, in lines of several kinds, "
                    f"such as {lines}, and no line names its epoch. To fix it, say which line counts, as in {example}"
                )

    def _check_replayed(self) -> None:
        """Refuses values without epochs that continue after a checkpoint. An attempt that starts over repeats them."""
        for name, list_ in self._uncounted.items():
            lost = self._lost.get(name, [])
            if any(now != before for now, before in zip(list_, lost)):  # noqa: B905  Python 3.9 has no `strict`
                raise NoMetrics(
                    f"{_column(name)} has no epochs, and this attempt went on from a checkpoint; print them: epoch 3 "
                    f"{_column(name)}=0.5"
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
                f"{_column(self._again)} of epoch 1 was printed again, with another value, after later epochs; if this "
                "is a training per fold, print their mean once per epoch, or let the sweep train the folds (`folds`)"
            )
        if not values:
            self._check_replayed()
            values = self._counted(epochs)
            self._check_kinds(values, epochs)
            notices += [
                f"{_column(name)} does not count: it was printed {len(self._uncounted[name])} times, which is no "
                "number of epochs; let its lines name the epoch"
                for name, column in values.items()
                if not column
            ]
            values = {name: column for name, column in values.items() if column}
        last = max((epoch for column in values.values() for epoch in column), default=0)
        if last > MOST_EPOCHS:
            raise NoMetrics(f"epoch {last} was printed, more than {MOST_EPOCHS}; name the epoch's pattern with --epoch")
        for name, text in self._unclear.items():
            if name in values:
                raise NoMetrics(
                    f"{_column(name)} was printed as {text}, which may be more than one number; print it without commas"
                )
            notices.append(
                f"{_column(name)} does not count: {text} may be more than one number; print it without commas"
            )
        if absent := [name for name in self._named if name not in self._raw_names]:
            raise NoMetrics(f"--metric {absent[0]}: its pattern matched no line")
        if not values:
            return [], []
        values, others = _columns(values)
        notices += others
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


def _is_another(line: str, start: int) -> bool:
    """Whether the epoch at this place of the line is only mentioned."""
    return bool(_OTHER_EPOCH.search(line, max(0, start - _MOST_WORDS), start))


def _columns(values: Mapping[str, dict[int, float]]) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Returns the values by the names of their columns, and a line for each that has no place there.

    `best_loss` is `loss` unless there is a loss beside it, and the loss that was measured on one thing alone is `loss`.
    Of a loss in every epoch and another that is said to be of nothing, and is not in every epoch, the first counts:
    `Final loss: 0.4` is no value of epoch 1.
    """
    names = {key: key.rpartition(_ON) for key in values}
    plain = {name for _, _, name in names.values()}
    found = []
    for key, (split, _, name) in names.items():
        alone = name.removeprefix(_BEST)
        found.append((key, split, name if name == alone or alone in plain else alone))
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
            lines.append(f"{name} of {split} does not count, since there is {column} too; give it another name")
        else:
            columns[column] = values[key]
    return columns, lines


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
