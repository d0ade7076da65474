"""A check: a name, what it covers, and what it finds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.proof.subject import Subject

Findings = Iterator[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a synthesized stack.

    Attributes:
        covers: what it looks at, for the table.
        of_many: subjects → the findings of each. Several at once, since some checkers take long to start.
        ours: written here, for what the existing checkers miss.
        costly: takes a second or more a subject, so it is asked only about faults that no other check found.
    """

    name: str
    covers: str
    of_many: Callable[[Sequence[Subject]], list[list[str]]]
    ours: bool = True
    costly: bool = False

    def of(self, subject: Subject) -> list[str]:
        return self.of_many([subject])[0]


def each(check: Callable[[Subject], Iterable[str]]) -> Callable[[Sequence[Subject]], list[list[str]]]:
    """Makes a check of one subject one of many. What it trips over is a finding too: it needs what is not there."""

    def of_one(subject: Subject) -> list[str]:
        try:
            return list(check(subject))
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
            return [f"not what the check knows: {type(error).__name__}: {error}"]

    return lambda subjects: [of_one(subject) for subject in subjects]
