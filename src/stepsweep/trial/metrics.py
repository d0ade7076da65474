"""One row per epoch from what the lines of a script say (`reader.py`).

- A line's epoch is its own, or the last one printed, or the next one (`below.py`). If the first is 0, all count from 0.
- Without any epoch, the n-th time that a name is printed is epoch n. A name that is printed more often than there are
  epochs, such as the loss of a batch, has the last value before the others of its epoch.
- A name printed several times in an epoch has the last value. If lines of one kind have it in every epoch, only these
  count: `Final accuracy: 0.9` after the last epoch is not that epoch's. `Total loss: 0.6` and `KL loss: 0.1` are two
  metrics.
- `best loss: 0.3` beside `loss: 0.5` is another metric, `best_loss`; `best epoch 2` begins no epoch.
- `train loss: 0.5` and `val loss: 0.4` are two metrics, `train_loss` and `val_loss`, and so are `Acc: 0.9` of a line
  that begins with `val` and that of another that begins with `train`. One of them alone is `loss`, as it is called.
- A value that may be more than one number is refused, and a training that begins again: one curve is ranked.
- A name that some epochs lack was not measured there; its cells are empty.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from stepsweep.trial import below, line, named_epochs
from stepsweep.trial.bars import Bars
from stepsweep.trial.columns import EPOCH, NoMetrics, columns
from stepsweep.trial.counting import Counting
from stepsweep.trial.epochs import Epochs
from stepsweep.trial.kinds import Cells, apart, chosen, fold_in, passed_over, words_of
from stepsweep.trial.line import Found
from stepsweep.trial.mentions import Mentions
from stepsweep.trial.numbers import are_same
from stepsweep.trial.reader import Reader, Said
from stepsweep.trial.surplus import Surplus
from stepsweep.trial.unclear import Unclear
from stepsweep.trial.uncounted import Uncounted

MOST_EPOCHS = 100_000


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
        self._reader = Reader(self._named, epoch)
        self._has_pattern = epoch is not None
        self._epochs = Epochs()
        self._counting = Counting(self._epochs)
        self._raw_names: dict[str, str] = {}
        self._uncounted = Uncounted()
        # What the attempt before the checkpoint printed before its first epoch: values, and kinds of lines.
        self._lost: dict[str, list[float]] = {}
        self._lost_kinds: dict[str, list[str]] = {}
        self._unclear = Unclear()
        # By name and kind of line, the word before the name.
        self._words: dict[str, dict[str, str]] = {}
        self._mentions = Mentions()
        self._bars = Bars()
        self._surplus = Surplus()

    def feed(self, text: str, stream: str = "") -> None:
        """Reads one line; the states of a progress bar count as lines.

        Args:
            stream: what the line was printed to. Lines of another one may come between those of a table or a warning.
        """
        for said in self._reader.read(text, stream):
            self._take(said)

    def _take(self, said: Said) -> None:
        self._unclear.add(said)
        counting = self._counting
        is_first = said.epoch is not None and counting.newest is None and not self._has_pattern
        if is_first and not said.found and named_epochs.is_loaded(said.text):
            return
        epoch = counting.own(said.epoch, has_values=bool(said.found))
        at = counting.newest if epoch is None else epoch
        # A line that names the best epoch, which is before, begins none.
        newest = self._epochs.saved if counting.newest is None else counting.newest
        is_past = epoch is not None and epoch < newest and line.is_of_the_best(said.text)
        if epoch is not None and is_first and self._mentions.passes_over(said, epoch, self._uncounted):
            return
        if not is_past:
            self._mentions.add(said, counting.newest, counting.named)
        if epoch is not None and not is_past:
            counting.see(epoch)
        if at is not None and said.found and not is_past:
            self._epochs.go_on_with(counting.from_1(at))
            self._surplus.add(said, counting.from_1(at))
        if said.bar is not None:
            self._bars.add(said.bar, said.found, said.kind)
        for one in said.found:
            self._check_name(one)
        fold = fold_in(said.text) if at is None and said.found else ""
        self._uncounted.begin_line()
        # A line may have a name several times, as by a pattern of the options; in an epoch the last value counts.
        for one in said.found if at is None else {one.key: one for one in said.found}.values():
            self._add(one, said, at, fold)

    def _check_name(self, found: Found) -> None:
        before = self._raw_names.setdefault(found.key, found.raw)
        if before != found.raw:
            raise NoMetrics(f"{before!r} and {found.raw!r} would both be the column {found.key}; rename one of them")

    def _add(self, found: Found, said: Said, named_epoch: int | None, fold: str) -> None:
        name, value, kind = found.key, found.value, said.kind
        if found.word:
            self._words.setdefault(name, {})[kind] = found.word
        if named_epoch is None:
            self._uncounted.add(name, value, kind, fold=fold, is_redraw=said.bar is not None)
            return
        self._counting.has_values(named_epoch)
        self._epochs.add(name, self._counting.from_1(named_epoch), kind, value)

    @property
    def resumed(self) -> bool:
        """Whether it began with the epochs of an earlier attempt."""
        return self._epochs.resumed

    @property
    def epochs(self) -> Epochs:
        """The values of the epochs that lines have named."""
        return self._epochs

    @property
    def names_epochs(self) -> bool:
        """Whether the lines so far name the epochs of their values."""
        return bool(self._epochs.columns)

    @property
    def may_be_behind(self) -> bool:
        """Whether lines so far may name the epoch of all metrics above them."""
        return bool(self._epochs.columns) and self._epochs.columns.keys() <= self._uncounted.names_in(
            self._epochs.columns
        )

    def state(self) -> dict[str, Any]:
        """Returns the values so far, as JSON, for an attempt that continues from a checkpoint of this moment."""
        return {
            "first": self._counting.first,
            "names": dict(self._raw_names),
            "values": self._epochs.as_json(),
            "uncounted": dict(self._uncounted.values),
            "kinds": dict(self._uncounted.kinds),
            "words": {name: dict(words) for name, words in self._words.items()},
        }

    def resume(self, state: Mapping[str, Any], epochs: int | None) -> None:
        """Starts with the values of an earlier attempt, up to `epochs`; values that are read again replace them."""
        self._counting.first, self._raw_names = state["first"], dict(state["names"])
        self._epochs.resume(state["values"], epochs)
        self._lost, self._lost_kinds = state["uncounted"], state.get("kinds", {})
        self._words = {name: dict(words) for name, words in state.get("words", {}).items()}

    def _by_epoch(
        self, unsure: Collection[str], mentioned: Collection[str], *, is_over: bool
    ) -> tuple[dict[str, dict[int, float]], list[str]]:
        """Returns the values by named epoch, and a line for each that does not count since only some epochs have it.

        Args:
            unsure: names that do not count.
            mentioned: names that count only where their own line names an epoch.
        """
        values: dict[str, dict[int, float]] = {}
        notices, above = [], self._above()
        for key, cells_so_far in self._epochs.columns.items():
            column = self._own(key) if key in mentioned else cells_so_far
            if key in unsure or not column:
                continue
            firsts = self._uncounted.last_of(key)
            column = self._bars.lines_first(key, column)
            cells: Cells[float] = column
            if is_over and above:
                cells, others = below.shifted(column, self._counting.named_from_1, firsts, above.get(key, ()))
                notices += [
                    f"{line.column(key)} {each:g} does not count: no line below it is its epoch's" for each in others
                ]
            elif is_over:
                cells, more = self._surplus.left_out(key, column)
                notices += more
            for name, of_name in apart(key, cells, self._words.get(key, {})):
                if name in values:
                    raise NoMetrics(f"{line.column(name)} is printed as one word and as two; rename one of them")
                kinds = chosen(of_name, name.rpartition(line.ON)[2])
                values[name] = {epoch: of_name[epoch][kind] for epoch, kind in kinds.items()}
                notices += passed_over(name, of_name, kinds, self._words.get(key, {}))
                for epoch, cell in of_name.items():
                    last = list(cell)[-1]
                    if not are_same(cell[last], values[name][epoch]):
                        notices.append(
                            f"{line.column(name)} of epoch {epoch} is {values[name][epoch]:g}, not "
                            f"{cell[last]:g} of the line {words_of(last)!r}, which other epochs do not have"
                        )
        return values, notices

    def _unsure(self, epochs: int | None) -> list[str]:
        """Returns the names that have a value before the first line that names an epoch and none after the last one,
        of which a part is missing: that of an attempt before, or the end."""
        named = self._counting.named_from_1
        last, newest = max(named, default=0), named[-1] if named else self._epochs.saved
        above, found = self._above(), []
        is_open = above is None or (epochs is not None and last != epochs and not self._mentions.are_ends)
        for name, cells in self._epochs.columns.items():
            nameless = self._mentions.nameless.get(name, ()) if is_open and above != {} else ()
            is_short = any(kind in cell for kind in nameless for cell in cells.values())
            kinds = {*self._lost_kinds.get(name, ()), *self._uncounted.kinds.get(name, ())}
            is_lost = self.resumed and below.are_lost(cells, kinds, newest)
            if is_short or is_lost or (name in self._lost and 1 not in cells):
                found.append(name)
        return found

    def _above(self) -> below.Kinds | None:
        """Returns the kinds of lines above the line that names their epoch; None if it is unclear whether there are."""
        return self._mentions.above(self._epochs.columns, self._counting.named_from_1, self._uncounted.kinds)

    def _mentioned(self, epochs: int | None) -> list[str]:
        """Returns the names whose lines name no epoch, and may be below one that other lines only mention."""
        if self.resumed or self._has_pattern or epochs is None or (self._mentions.are_ends and self._above()):
            return []
        named = [*self._counting.named]
        return [
            name
            for name in dict.fromkeys([*self._mentions.unsure(named, epochs), *self._bars.beyond(len(named), epochs)])
            if len(named) < epochs or self._own(name).keys() != self._epochs.columns.get(name, {}).keys()
        ]

    def _own(self, name: str) -> Cells[float]:
        """Returns the values of a name whose own lines name the epoch."""
        return self._mentions.without(name, self._epochs.columns.get(name, {}))

    def rows(self, epochs: int | None, *, is_over: bool = True) -> tuple[list[dict[str, float]], list[str]]:
        """Returns a row per epoch, and lines about values that do not count or that an earlier attempt has lost.

        Args:
            epochs: how many were asked for; None by hand.
            is_over: whether the script has ended, and prints nothing more.

        Raises:
            NoMetrics: a metric that was asked for by name is missing, or it is unsure of which epochs they are.
        """
        unsure = self._unsure(epochs) if is_over else sorted(self._uncounted.names_in(self._epochs.columns))
        is_all = self._epochs.columns.keys() <= set(unsure)
        mentioned = [name for name in self._mentioned(epochs) if name not in unsure] if is_over else []
        values, notices = self._by_epoch(() if is_all else unsure, mentioned, is_over=is_over)
        if is_over:
            self._epochs.check_numbers(self._counting.named_from_1, epochs)
            if unsure and is_all:
                raise NoMetrics(f"{line.column(unsure[0])} {below.unsure(line.column(unsure[0]))}")
            if values:
                others = {*mentioned, *self._epochs.columns}
                unsure += [name for name in self._uncounted.again() if name not in others]
            notices += [f"{name} does not count: it {below.unsure(name)}" for name in map(line.column, unsure)]
        if mentioned and max(map(len, values.values()), default=0) < 2:
            raise NoMetrics(self._mentions.why(mentioned[0]))
        notices += [
            f"{line.column(name)} does not count: {self._mentions.why(name)}"
            for name in mentioned
            if not self._own(name)
        ]
        self._counting.check_order(values)
        values, left_out = self._bars.settled(values, self._epochs.columns, self._uncounted, epochs)
        notices += left_out
        if not values:
            self._uncounted.check_replayed(self._lost)
            if is_over and epochs is not None:
                self._mentions.check_passed_over(self._uncounted, epochs)
            values, left_out = self._bars.by_epoch(self._uncounted, epochs)
            notices += left_out
        if epochs is not None and any(min(column) <= epochs for column in values.values()):
            # As Lightning's test after the training, which logs the epoch after the last one.
            after = [name for name, column in values.items() if min(column) > epochs]
            values = {name: column for name, column in values.items() if name not in after}
            notices += [f"{line.column(name)} does not count: it is of no epoch up to {epochs}" for name in after]
        last = max((epoch for column in values.values() for epoch in column), default=0)
        if last > MOST_EPOCHS:
            raise NoMetrics(f"epoch {last} was printed, more than {MOST_EPOCHS}; name the epoch's pattern with --epoch")
        notices += self._unclear.take_out(values) + (self._reader.left_out() if is_over else [])
        if absent := [name for name in self._named if name not in self._raw_names]:
            raise NoMetrics(f"--metric {absent[0]}: no line matched its pattern `{self._named[absent[0]].pattern}`")
        if not values:
            return [], notices
        values, left_out = columns(values)
        notices += left_out
        for name, column in values.items():
            missing = [epoch for epoch in range(1, last + 1) if epoch not in column]
            if missing and self.resumed:
                where = ", ".join(str(epoch) for epoch in missing[:10]) + (" …" if len(missing) > 10 else "")
                notices.append(
                    f"{name} is missing in epoch {where} of {last}; print metrics before the checkpoint is saved"
                )
        return [
            {EPOCH: epoch, **{name: column[epoch] for name, column in values.items() if epoch in column}}
            for epoch in range(1, last + 1)
        ], notices
