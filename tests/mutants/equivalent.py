"""Faults that make no difference which anyone could see, each with the reason; the figures leave them out.

A fault is known by its function and the text of its change, so this outlives what moves a line.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A fault that nobody can see.

    Attributes:
        change: the lines as `make mutants` prints them.
    """

    file: str
    function: str
    change: tuple[str, ...]
    reason: str


EQUIVALENT: list[Equivalent] = []
