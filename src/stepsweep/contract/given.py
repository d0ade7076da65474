"""The input of a sweep as it was given, and what is wrong with it so far."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from stepsweep.contract.limits import MAX_BOUND
from stepsweep.contract.names import OPTION_RULE, is_option, why_reserved
from stepsweep.contract.space import MAX_INTEGER, Value, is_number, parse_value, shown

_T = TypeVar("_T")


class Given:
    """An input. Its readers report a fault, and return a stand-in for what has one.

    Attributes:
        faults: one sentence each, with the field, the rule and the value.
        meant: fields of which an unknown one is probably a misspelling: they are not missing.
    """

    def __init__(self, data: dict[Any, Any]) -> None:
        self.data = data
        self.faults: list[str] = []
        self.meant: set[str] = set()

    def unknown(self, there: Mapping[Any, Any], *, known: tuple[str, ...], where: str) -> None:
        """Reports the fields that are none of the known ones."""
        for name in there:
            if name in known:
                continue
            near = field_meant(name, known)
            if near is not None:
                self.meant.add(f"{where}{near}")
            remedy = f"did you mean `{where}{near}`?" if near is not None else f"known are {', '.join(known)}"
            got = shown(name).strip('"')
            self.faults.append(f"unknown field `{where}{got}`; {remedy}")

    def option_name(self, where: str, name: object) -> bool:
        """Whether it is a name of an option."""
        if not isinstance(name, str) or not is_option(name):
            self.faults.append(f"{where}: {shown(name)} is not a name of an option; {OPTION_RULE}")
        elif remedy := why_reserved(name):
            self.faults.append(f"{where}.{name}: not a name you can use here; {remedy}")
        else:
            return True
        return False

    def value(self, where: str, raw: object) -> tuple[()] | tuple[Value]:
        """Returns the value alone; nothing if it has a fault."""
        try:
            return (parse_value(raw),)
        except ValueError as error:
            self.faults.append(f"{where}: {error}")
            return ()

    def number(self, where: str, raw: object, *, above: float = -MAX_BOUND) -> float | None:
        """Returns a number above a bound; None if there is none, or if it has a fault."""
        if raw is None:
            return None
        value = finite(raw)
        if value is None or not above < value <= MAX_BOUND:
            bound = f" above {above:g}" if above > -MAX_BOUND else ""
            self.faults.append(f"{where}: must be a number{bound}, got {shown(raw)}")
            return None
        return value

    def integer(self, name: str, *, default: _T, low: int, high: int) -> int | _T:
        """Returns the whole number of a field of the input itself, or the default."""
        raw = self.data.get(name, default)
        if raw is default or (raw is None and default is None):
            return default
        return self.whole(name, raw, default=default, low=low, high=high)

    def whole(self, where: str, raw: object, *, default: _T, low: int, high: int) -> int | _T:
        """Returns a whole number; the default if it has a fault."""
        whole = (
            isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) <= MAX_INTEGER and raw == int(raw)
        )
        if not whole or not low <= raw <= high:  # type: ignore[operator]
            self.faults.append(f"{where}: must be a whole number from {low} to {high}, got {shown(raw)}")
            return default
        return int(raw)  # type: ignore[call-overload, no-any-return]

    def positive(self, name: str, what: str) -> float | None:
        """Returns the number above 0 of a field of the input itself; None if there is none."""
        raw = self.data.get(name)
        if raw is None:
            return None
        value = finite(raw)
        if value is None or value <= 0:
            self.faults.append(f"{name}: must be {what}, got {shown(raw)}")
            return None
        return float(value)

    def boolean(self, where: str, raw: object) -> bool:
        """Returns true or false; false if it has a fault."""
        if not isinstance(raw, bool):
            self.faults.append(f"{where}: must be true or false, got {shown(raw)}")
            return False
        return raw


def field_meant(name: object, known: Sequence[str]) -> str | None:
    """Returns the known field that a misspelled one probably is; None if it is like none of them."""
    return next(iter(difflib.get_close_matches(str(name).lower(), known, n=1)), None)


def finite(raw: object) -> int | float | None:
    """Returns a finite number; None for everything else."""
    try:
        value = parse_value(raw)
    except ValueError:
        return None
    return value if is_number(value) else None
