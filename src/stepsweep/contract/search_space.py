"""The space of a sweep: the params that its parameters form. Some apply under conditions, and some params are excluded.

A decision diagram with one level per parameter counts and lists the params. A node stands for all beginnings after
which the same conditions and exclusions can be met, so a space of ranges has as few nodes as one of short lists.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from random import Random
from typing import TypeAlias

from stepsweep.contract.space import Parameter, Range, Value, index_in, shown, size_of, value_at

Condition: TypeAlias = "Mapping[str, tuple[Value, ...]]"
"""Parameter → the values that meet the condition. All of its parameters must apply and have one of their values."""

MAX_NODES = 20_000
"""Nodes of the diagram. Conditions that need more would take seconds to count."""


class Entangled(ValueError):
    """The conditions and exclusions of a space are too many to count its params."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
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


_Branch: TypeAlias = "tuple[int | None, int, int]"
"""First index, number of values, and what is ruled out below. None stands for a parameter that does not apply."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The params that a search can try.

    Attributes:
        parameters: name → values, in the order in which params name them.
        when: parameter → the condition under which it applies. Without it, params lack the parameter.
        exclude: conditions that no params meet.
    """

    parameters: Mapping[str, Parameter]
    when: Mapping[str, Condition] = field(default_factory=dict)
    exclude: Sequence[Condition] = ()

    @cached_property
    def size(self) -> int:
        """The number of different params; continuous ranges count rounded values.

        Raises:
            Entangled: see there.
        """
        return self._count(0, 0)

    @property
    def circular(self) -> list[str]:
        """The parameters that depend on themselves by way of others. Nothing else can be asked of such a space."""
        order = self._order()
        return [name for name in self.parameters if name not in order]

    def at(self, index: int) -> dict[str, Value]:
        """Returns the params at an index from 0 to `size` - 1.

        The last parameter varies fastest. One under a condition follows those on which it depends.
        """
        found: dict[str, Value] = {}
        out = 0
        for number, level in enumerate(self._levels):
            for start, length, following in self._branches(number, out):
                below = self._count(number + 1, following)
                if index < length * below:
                    if start is not None:
                        found[level.name] = value_at(level.parameter, start + index // below)
                    index, out = index % below, following
                    break
                index -= length * below
        return self._ordered(found)

    def grid(self, start: int = 0) -> Iterator[dict[str, Value]]:
        """Yields all params from an index on, in the order of `at`."""
        if start:  # finds the first of them without those before it, but each more slowly
            return map(self.at, range(start, self.size))
        return map(self._ordered, self._below(0, 0))

    def draw(self, random: Random) -> dict[str, Value] | None:
        """Draws each parameter that applies; returns None if these params are excluded."""
        found: dict[str, Value] = {}
        out = 0
        for level in self._levels:
            if level.gate & out:
                out = (out | level.rules_out) & ~level.ends
                continue
            parameter = level.parameter
            value = parameter.draw(random) if isinstance(parameter, Range) else random.choice(parameter)
            found[level.name] = value
            out |= _ruled_out(level, value)
            if level.forbids & ~out:
                return None
            out &= ~level.ends
        return self._ordered(found)

    def applying(self, known: Mapping[str, Value]) -> str | None:
        """Returns the next parameter that applies to params of which some are known; None if none is missing."""
        out = 0
        for level in self._levels:
            if level.gate & out:
                out |= level.rules_out
            elif level.name in known:
                out |= _ruled_out(level, known[level.name])
            else:
                return level.name
        return None

    def applicable(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """Returns params of which some may be missing, without those that do not apply by what is known."""
        found: dict[str, Value] = {}
        out = 0
        for level in self._levels:
            if level.gate & out:
                out |= level.rules_out
            elif level.name in params:
                found[level.name] = params[level.name]
                out |= _ruled_out(level, params[level.name])
        return self._ordered(found)

    def is_excluded(self, params: Mapping[str, Value]) -> bool:
        return any(_meets(params, condition) for condition in self.exclude)

    def faults_of(self, params: Mapping[str, Value]) -> Iterator[str]:
        """Yields why params are not of this space."""
        for name in params:
            if name not in self.parameters:
                yield f"there is no parameter `{name}`; there are {', '.join(self.parameters)}"
        out = unknown = 0
        for level in self._levels:
            name = level.name
            if level.gate & unknown:  # after a fault in what it depends on
                unknown |= level.rules_out
            elif level.gate & out:
                if name in params:
                    yield f"{name} does not apply, since {self._unmet(name, params)}; leave it out"
                out |= level.rules_out
            elif name not in params:
                yield f"{name} is missing; give a value to every parameter that applies"
                unknown |= level.rules_out
            elif index_in(level.parameter, params[name]) is None:
                yield f"{name} is never {shown(params[name])} by `parameters`; add the value there, or give another one"
                unknown |= level.rules_out
            else:
                out |= _ruled_out(level, params[name])
        for number, condition in enumerate(self.exclude):
            if _meets(params, condition):
                yield f"exclude[{number}] leaves these params out; give them in one of the two"

    def example(self, name: str, *, last: bool) -> dict[str, Value] | None:
        """Returns params to which a parameter applies; None if it never does.

        Args:
            last: takes the last value of each parameter for which that is possible, otherwise the first.
        """
        target = next(number for number, level in enumerate(self._levels) if level.name == name)

        @cache
        def leads_there(number: int, branch: _Branch) -> bool:
            start, _, out = branch
            if number == target:
                return start is not None and self._count(number + 1, out) > 0
            return any(leads_there(number + 1, each) for each in self._branches(number + 1, out))

        found: dict[str, Value] = {}
        out = 0
        for number, level in enumerate(self._levels):
            branches = list(self._branches(number, out))
            if number <= target:
                branches = [branch for branch in branches if leads_there(number, branch)]
            else:
                branches = [branch for branch in branches if self._count(number + 1, branch[2])]
            if not branches:
                return None
            start, length, out = branches[-1 if last else 0]
            if start is not None:
                found[level.name] = value_at(level.parameter, start + (length - 1 if last else 0))
        return self._ordered(found)

    # --- the diagram

    @cached_property
    def _levels(self) -> tuple[_Level, ...]:
        order = self._order()
        place = {name: number for number, name in enumerate(order)}
        gates = {name: 1 << bit for bit, name in enumerate(self.when)}
        conditions: list[tuple[int, Condition]] = [(gates[name], condition) for name, condition in self.when.items()]
        excluded = [(1 << (len(gates) + bit), condition) for bit, condition in enumerate(self.exclude)]
        last = {bit: max(place[name] for name in condition) for bit, condition in excluded}
        last |= {bit: place[name] for name, bit in gates.items()}
        return tuple(
            _Level(
                name=name,
                parameter=self.parameters[name],
                gate=gates.get(name, 0),
                runs=_runs(self.parameters[name], [(bit, c[name]) for bit, c in conditions + excluded if name in c]),
                rules_out=sum(bit for bit, condition in conditions + excluded if name in condition),
                forbids=sum(bit for bit, _ in excluded if last[bit] == number),
                ends=sum(bit for bit, end in last.items() if end == number),
            )
            for number, name in enumerate(order)
        )

    def _order(self) -> list[str]:
        """Returns the parameters, each after those on which it depends, and otherwise as they are declared."""
        order: dict[str, None] = {}

        def add(name: str) -> None:
            if name not in order and all(other in order for other in self.when.get(name, ())):
                order[name] = None
                for follower in self.parameters:
                    if name in self.when.get(follower, ()):
                        add(follower)

        for name in self.parameters:
            add(name)
        return list(order)

    @cached_property
    def _counts(self) -> dict[tuple[int, int], int]:
        return {}

    def _count(self, number: int, out: int) -> int:
        """Returns how many params there are below a node."""
        if number == len(self._levels):
            return 1
        if (number, out) not in self._counts:
            if len(self._counts) >= MAX_NODES:
                raise Entangled
            self._counts[number, out] = sum(
                length * self._count(number + 1, following) for _, length, following in self._branches(number, out)
            )
        return self._counts[number, out]

    def _branches(self, number: int, out: int) -> Iterator[_Branch]:
        level = self._levels[number]
        if level.gate & out:
            yield None, 1, (out | level.rules_out) & ~level.ends
            return
        for start, length, rules_out in level.runs:
            following = out | rules_out
            if not level.forbids & ~following:
                yield start, length, following & ~level.ends

    def _unmet(self, name: str, params: Mapping[str, Value]) -> str:
        """Returns which part of a parameter's condition params do not meet."""
        for other, values in self.when[name].items():
            if other not in params:
                return f"{other} does not"
            if index_in(values, params[other]) is None:
                return f"{other} is {shown(params[other])}"
        raise ValueError("they meet it")

    def _below(self, number: int, out: int) -> Iterator[dict[str, Value]]:
        """Yields the rest of all params that begin at a node."""
        if number == len(self._levels):
            yield {}
            return
        level = self._levels[number]
        for start, length, following in self._branches(number, out):
            if not self._count(number + 1, following):
                continue
            for index in range(length):
                own = {} if start is None else {level.name: value_at(level.parameter, start + index)}
                for rest in self._below(number + 1, following):
                    yield own | rest

    def _ordered(self, params: Mapping[str, Value]) -> dict[str, Value]:
        return {name: params[name] for name in self.parameters if name in params}


def _meets(params: Mapping[str, Value], condition: Condition) -> bool:
    return all(name in params and index_in(values, params[name]) is not None for name, values in condition.items())


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


def _ruled_out(level: _Level, value: Value) -> int:
    """Returns what a value rules out. Between the values of a continuous range nothing differs."""
    if len(level.runs) == 1:
        return level.runs[0][2]
    index = index_in(level.parameter, value)
    return next(out for start, length, out in level.runs if index is not None and start <= index < start + length)
