"""The parameters of a sweep: choices and ranges, and the text form of their values."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from random import Random
from typing import Any, TypeAlias, TypeGuard

from stepsweep.contract.numbers import meant_by, readable_as_number
from stepsweep.contract.secret_forms import has_form_of_secret

Value: TypeAlias = "bool | int | float | str | tuple[Value, ...] | None"
"""One value of one parameter. Numbers are finite. A float without a fraction becomes an int: JSON tools convert 1 and
1.0 into each other, so they must be one value with one trial id. A list is a tuple, which Python can hash."""

Params: TypeAlias = "Mapping[str, Value]"

MAX_INTEGER = 2**53
"""JSON tools, like every double, round larger integers."""

MAX_TEXT = 256
MAX_ITEMS = 64
"""Values in a list."""
MAX_DEPTH = 4
"""Lists within lists."""

DIGITS = 4
"""Significant digits of a value drawn from a range. Rounding keeps ids, commands and tables readable, and hides the
last bits of `exp` and `log`, which differ between machines."""

_BATCH_REFERENCE = "Ref::"
"""Batch replaces words of a command that begin so: https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html"""


def parse_value(raw: object, *, depth: int = 0) -> Value:
    """Returns `raw` as a value of a parameter.

    Raises:
        ValueError: with the rule and the value, without the field's name.
    """
    match raw:
        case None | bool():
            return raw
        case int() | float():
            return _parse_number(raw)
        case str():
            if readable_as_number(raw):
                meant = meant_by(raw)
                raise ValueError(_not_how_json(raw) + (f"; write {shown(meant)[1:-1]}" if meant else ""))
            if not 0 < len(raw) <= MAX_TEXT or not raw.isprintable() or raw != raw.strip():
                raise ValueError(
                    f"must be a text of 1 to {MAX_TEXT} printable characters without spaces at its ends, "
                    f"got {shown(raw)}"
                )
            if raw.startswith(("-", _BATCH_REFERENCE)):
                why = "an option" if raw.startswith("-") else "a parameter of its own"
                taker = "a trainer" if raw.startswith("-") else "Batch"
                raise ValueError(f"must not begin as {shown(raw)} does, since {taker} may take it for {why}")
            if has_form_of_secret(raw):
                raise ValueError(
                    "looks like a secret, and everybody who sees the sweep could read it; give it in a variable that "
                    "`secrets` (--secret) names, and let the script read that"
                )
            return raw
        case list() | tuple():
            if len(raw) > MAX_ITEMS or depth == MAX_DEPTH:
                raise ValueError(
                    f"must be a list of at most {MAX_ITEMS} values and {MAX_DEPTH} levels, got {shown(raw)}"
                )
            return tuple(parse_value(item, depth=depth + 1) for item in raw)
        case _:
            raise ValueError(f"must be a number, a text, true, false, null or a list of these, got {shown(raw)}")


def _parse_number(raw: int | float) -> int | float:
    if isinstance(raw, int):
        if abs(raw) > MAX_INTEGER:
            raise ValueError(f"must be a whole number of at most {MAX_INTEGER} (2**53), got {shown(raw)}")
        return int(raw)
    if not math.isfinite(raw):
        raise ValueError(f"must be a finite number, got {shown(raw)}")
    # float(), since NumPy's floats are floats with another `repr`.
    return int(raw) if raw.is_integer() and abs(raw) <= MAX_INTEGER else float(raw)


def canonical(value: Value) -> str:
    """Returns the value as JSON: the same text for the same value, and for no other, while in Python `True == 1`."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def key_of(params: Params) -> tuple[tuple[str, str], ...]:
    """Returns a key that only the same params have, in the same order."""
    return tuple((name, canonical(value)) for name, value in params.items())


def plain(value: Value) -> Any:
    """Returns a value for people's own code: a list as a list."""
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether the value is a number, and not true or false, which Python takes for numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_fault(word: str) -> str | None:
    """Returns what is wrong with a word without quotes that looks like a number; None for JSON numbers and texts."""
    if (meant := meant_by(word)) is not None:
        return f"{_not_how_json(word)}; write {shown(meant)[1:-1]}, or put the word in quotes if it is a text"
    return _not_how_json(word) if readable_as_number(word) else None


def _not_how_json(word: str) -> str:
    return f"{shown(word)} is not how JSON writes a number"


def as_option(value: Value) -> str:
    """Returns the text of `value` on a trainer's command line.

    A number has the shortest text that reads back as the same number. `true`, `false`, `null` and lists are JSON. A
    negative number has no exponent, since option parsers such as Python's argparse before 3.14 take `-1e-05` for an
    option.
    """
    if isinstance(value, float) and value < 0:
        return format(Decimal(repr(value)), "f")
    return value if isinstance(value, str) else canonical(value)


def reads_as_json(text: str) -> bool:
    """Whether a text looks like another value on a command line: the text `1` like the number."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class Kind(StrEnum):
    INT = "int"
    FLOAT = "float"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The values between two numbers, both included.

    Attributes:
        log: values are drawn evenly over the logarithm.
        step: distance between values, counted from `low`; None allows all values. For whole numbers None means 1.
    """

    low: int | float
    high: int | float
    kind: Kind
    log: bool = False
    step: int | float | None = None

    @property
    def is_listed(self) -> bool:
        """Whether a grid can list its values: it has whole numbers or a step."""
        return self.step is not None or self.kind is Kind.INT

    @property
    def size(self) -> int:
        """The number of different values that can be drawn."""
        if self.is_listed:
            return int((Fraction(repr(self.high)) - self._start) // self._step) + 1
        return self.index_of(self.high) + 1

    def value_at(self, index: int) -> int | float:
        """Returns the value at an index from 0 to `size` - 1, in ascending order."""
        if self.is_listed:
            exact = self._start + index * self._step
            return _parse_number(int(exact) if self.kind is Kind.INT else float(exact))
        place = self._place(self.low) + index
        number = _with_digits(place) if self.log else float(Fraction(place) / Fraction(10) ** self._decimals)
        # Rounding may leave the range by half a place: there the range's own end is the value.
        return _parse_number(min(max(number, self.low), self.high))

    def index_of(self, value: float) -> int:
        """Returns the index of the value that is nearest to a number; below 0 or from `size` on if it is outside."""
        if self.is_listed:
            return round((Fraction(value) - self._start) / self._step)
        return self._place(value) - self._place(self.low)

    def draw(self, random: Random) -> int | float:
        """Returns a random value, uniformly distributed on the range's scale."""
        if self.is_listed and not self.log:
            return self.value_at(random.randrange(self.size))
        # Without half a number more at both ends, the first and the last whole number would be drawn half as often.
        margin = 0.5 if self.kind is Kind.INT else 0.0
        low, high = self.low - margin, self.high + margin
        if self.log:
            return self.nearest(math.exp(random.uniform(math.log(low), math.log(high))))
        return self.nearest(random.uniform(low, high))

    def nearest(self, number: float) -> int | float:
        """Returns the range's value that is nearest to a number, rounded as when drawn."""
        return self.value_at(min(max(self.index_of(number), 0), self.size - 1))

    def to_json(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step, "type": self.kind.value}

    @property
    def _start(self) -> Fraction:
        return Fraction(repr(self.low))

    @property
    def _step(self) -> Fraction:
        """The exact decimal number as written, so that ten steps of 0.1 end at 1."""
        return Fraction(1 if self.step is None else repr(self.step))

    @property
    def _decimals(self) -> int:
        """Decimal places of a continuous, linear range: enough for at least 10,000 values over its width.

        There are fewer where doubles are coarser than that: neighbours must stay different numbers.
        """
        coarsest = _exact(2 * math.ulp(max(abs(self.low), abs(self.high)))).adjusted() + 1
        return min(DIGITS - (_exact(self.high) - _exact(self.low)).adjusted(), -coarsest)

    def _place(self, number: float) -> int:
        """Returns the place of a number, once rounded, among all rounded numbers of a continuous range's scale."""
        return _place(number) if self.log else round(Fraction(number) * Fraction(10) ** self._decimals)


Parameter: TypeAlias = tuple[Value, ...] | Range
"""The values of a parameter: a list of choices, or a range."""


def size_of(parameter: Parameter) -> int:
    return parameter.size if isinstance(parameter, Range) else len(parameter)


def is_listed(parameter: Parameter) -> bool:
    """Whether a grid can list its values."""
    return not isinstance(parameter, Range) or parameter.is_listed


def value_at(parameter: Parameter, index: int) -> Value:
    return parameter.value_at(index) if isinstance(parameter, Range) else parameter[index]


def values_of(parameter: Parameter) -> tuple[Value, ...]:
    """Returns all values of a listed parameter, as tables and figures show them.

    Numbers ascend; a list that has other values too is in the spec's order.
    """
    values = tuple(value_at(parameter, index) for index in range(size_of(parameter)))
    numbers = [value for value in values if is_number(value)]
    return tuple(sorted(numbers)) if len(numbers) == len(values) else values


def index_in(parameter: Parameter, value: Value) -> int | None:
    """Returns the index of a value; None if the parameter does not have it.

    A range without a step has every number between its ends, with the index of the nearest one that can be drawn.
    """
    if not isinstance(parameter, Range):
        # Compared twice, since true == 1, and texts of JSON alone are slow to compare.
        equal = (place for place, each in enumerate(parameter) if each == value and canonical(each) == canonical(value))
        return next(equal, None)
    if not is_number(value) or not parameter.low <= value <= parameter.high:
        return None
    index = parameter.index_of(value)
    return index if not parameter.is_listed or parameter.value_at(index) == value else None


def _exact(number: int | float) -> Decimal:
    """Returns the number as written: 0.1 itself, not the nearest double."""
    return Decimal(repr(number))


def _place(number: float) -> int:
    """Returns the index of a positive number, rounded to `DIGITS` significant digits, among all such numbers."""
    rounded, first = Decimal(f"{number:.{DIGITS - 1}e}"), int(10 ** (DIGITS - 1))
    exponent = rounded.adjusted()
    return 9 * exponent * first + int(rounded.scaleb(DIGITS - 1 - exponent)) - first


def _with_digits(place: int) -> float:
    """Returns the number of `DIGITS` significant digits at an index that `_place` returned."""
    first = int(10 ** (DIGITS - 1))
    exponent, digits = divmod(place, 9 * first)
    return float(f"{digits + first}e{exponent - DIGITS + 1}")


def shown(raw: object, limit: int = 80) -> str:
    """Returns a short form of a person's input for error messages: JSON on one line, escaped where not printable."""
    try:
        text = json.dumps(raw, default=repr, skipkeys=True, ensure_ascii=False)
    except (ValueError, RecursionError):  # an integer of more than 4,300 digits, or deeply nested brackets
        text = f"an integer of {raw.bit_length()} bits" if isinstance(raw, int) else "what is too large to show"
    text = "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
