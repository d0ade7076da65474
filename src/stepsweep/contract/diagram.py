"""The decision diagram of a space, which counts its params without listing them.

It has one level per parameter. A node stands for all beginnings after which the same conditions and exclusions can be
met, so a space of ranges has as few nodes as one of short lists.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stepsweep.contract.space import Parameter, Value, index_in, size_of

Condition: TypeAlias = "Mapping[str, tuple[Value, ...]]"
"""Parameter → the values that meet the condition. All of its parameters must apply and have one of their values."""

MAX_NODES = 20_000
"""Nodes of the diagram. Conditions that need more would take seconds to count."""


class Entangled(ValueError):
    """The conditions and exclusions of a space are too many to count its params."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A parameter as a level of the diagram. Conditions and exclusions are bits of a number.

    Attributes:
        gate: the condition under which the parameter applies; 0 if it always does.
        runs: first index, length, and what these values rule out, in ascending order of the index.
        rules_out: what its absence rules out.
        forbids: exclusions that end here: one that is not ruled out forbids the params.
        ends: all that no later level asks for.
    """

    name: str
    parameter: Parameter
    gate: int
    runs: tuple[tuple[int, int, int], ...]
    rules_out: int
    forbids: int
    ends: int

    def ruled_out(self, value: Value) -> int:
        """Returns what a value rules out. Between the values of a continuous range nothing differs."""
        if len(self.runs) == 1:
            return self.runs[0][2]
        index = index_in(self.parameter, value)
        return next(out for start, length, out in self.runs if index is not None and start <= index < start + length)


Branch: TypeAlias = "tuple[int | None, int, int]"
"""First index, number of values, and what is ruled out below. None stands for a parameter that does not apply."""


class Diagram:
    """The diagram of a space. A node is the number of a level, and what is ruled out above it.

    Attributes:
        levels: one per parameter, each after those on which it depends.
    """

    def __init__(
        self, parameters: Mapping[str, Parameter], when: Mapping[str, Condition], exclude: Sequence[Condition]
    ) -> None:
        self.levels = _levels(parameters, when, exclude)
        self._counts: dict[tuple[int, int], int] = {}

    def count(self, number: int, out: int) -> int:
        """Returns how many params there are below a node. Raises Entangled."""
        if number == len(self.levels):
            return 1
        if (number, out) not in self._counts:
            if len(self._counts) >= MAX_NODES:
                raise Entangled
            self._counts[number, out] = sum(
                length * self.count(number + 1, following) for _, length, following in self.branches(number, out)
            )
        return self._counts[number, out]

    def branches(self, number: int, out: int) -> Iterator[Branch]:
        """Yields what follows a node, without what an exclusion forbids."""
        level = self.levels[number]
        if level.gate & out:
            yield None, 1, (out | level.rules_out) & ~level.ends
            return
        for start, length, rules_out in level.runs:
            following = out | rules_out
            if not level.forbids & ~following:
                yield start, length, following & ~level.ends


def order_of(parameters: Mapping[str, Parameter], when: Mapping[str, Condition]) -> list[str]:
    """Returns the parameters, each after those on which it depends, and otherwise as they are declared."""
    order: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in order and all(other in order for other in when.get(name, ())):
            order[name] = None
            for follower in parameters:
                if name in when.get(follower, ()):
                    add(follower)

    for name in parameters:
        add(name)
    return list(order)


def _levels(
    parameters: Mapping[str, Parameter], when: Mapping[str, Condition], exclude: Sequence[Condition]
) -> tuple[Level, ...]:
    order = order_of(parameters, when)
    place = {name: number for number, name in enumerate(order)}
    gates = {name: 1 << bit for bit, name in enumerate(when)}
    conditions: list[tuple[int, Condition]] = [(gates[name], condition) for name, condition in when.items()]
    excluded = [(1 << (len(gates) + bit), condition) for bit, condition in enumerate(exclude)]
    last = {bit: max(place[name] for name in condition) for bit, condition in excluded}
    last |= {bit: place[name] for name, bit in gates.items()}
    return tuple(
        Level(
            name=name,
            parameter=parameters[name],
            gate=gates.get(name, 0),
            runs=_runs(parameters[name], [(bit, c[name]) for bit, c in conditions + excluded if name in c]),
            rules_out=sum(bit for bit, condition in conditions + excluded if name in condition),
            forbids=sum(bit for bit, _ in excluded if last[bit] == number),
            ends=sum(bit for bit, end in last.items() if end == number),
        )
        for number, name in enumerate(order)
    )


def _runs(parameter: Parameter, asked: Sequence[tuple[int, tuple[Value, ...]]]) -> tuple[tuple[int, int, int], ...]:
    """Returns the values in runs that rule out the same; only values that a condition names stand alone."""
    met: dict[int, int] = {}
    for bit, values in asked:
        for value in values:
            if (index := index_in(parameter, value)) is not None:
                met[index] = met.get(index, 0) | bit
    every = sum(bit for bit, _ in asked)
    runs: list[tuple[int, int, int]] = []
    start = 0
    for place in [*sorted(met), size_of(parameter)]:
        if place > start:
            runs.append((start, place - start, every))
        if place < size_of(parameter):
            runs.append((place, 1, every & ~met[place]))
        start = place + 1
    return tuple(runs)
