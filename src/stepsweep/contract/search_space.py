"""The space of a sweep: the params that its parameters form.

Some parameters apply under conditions, and some params are excluded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from random import Random

from stepsweep.contract.diagram import Branch, Condition, Diagram, order_of
from stepsweep.contract.space import Parameter, Range, Value, index_in, shown, value_at


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
            Entangled: there are too many conditions and exclusions to count them.
        """
        return self._diagram.count(0, 0)

    @property
    def circular(self) -> list[str]:
        """The parameters that depend on themselves by way of others. Nothing else can be asked of such a space."""
        order = order_of(self.parameters, self.when)
        return [name for name in self.parameters if name not in order]

    def at(self, index: int) -> dict[str, Value]:
        """Returns the params at an index from 0 to `size` - 1.

        The last parameter varies fastest. One under a condition follows those on which it depends.
        """
        found: dict[str, Value] = {}
        out = 0
        for number, level in enumerate(self._diagram.levels):
            for start, length, following in self._diagram.branches(number, out):
                below = self._diagram.count(number + 1, following)
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
        for level in self._diagram.levels:
            if level.gate & out:
                out = (out | level.rules_out) & ~level.ends
                continue
            parameter = level.parameter
            value = parameter.draw(random) if isinstance(parameter, Range) else random.choice(parameter)
            found[level.name] = value
            out |= level.ruled_out(value)
            if level.forbids & ~out:
                return None
            out &= ~level.ends
        return self._ordered(found)

    def applying(self, known: Mapping[str, Value]) -> str | None:
        """Returns the next parameter that applies to params of which some are known; None if none is missing."""
        out = 0
        for level in self._diagram.levels:
            if level.gate & out:
                out |= level.rules_out
            elif level.name in known:
                out |= level.ruled_out(known[level.name])
            else:
                return level.name
        return None

    def applicable(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """Returns params of which some may be missing, without those that do not apply by what is known."""
        found: dict[str, Value] = {}
        out = 0
        for level in self._diagram.levels:
            if level.gate & out:
                out |= level.rules_out
            elif level.name in params:
                found[level.name] = params[level.name]
                out |= level.ruled_out(params[level.name])
        return self._ordered(found)

    def is_excluded(self, params: Mapping[str, Value]) -> bool:
        return any(_meets(params, condition) for condition in self.exclude)

    def faults_of(self, params: Mapping[str, Value]) -> Iterator[str]:
        """Yields why params are not of this space."""
        for name in params:
            if name not in self.parameters:
                yield f"there is no parameter `{shown(name)[1:-1]}`; there are {', '.join(self.parameters)}"
        out = unknown = 0
        for level in self._diagram.levels:
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
                out |= level.ruled_out(params[name])
        for number, condition in enumerate(self.exclude):
            if _meets(params, condition):
                yield f"exclude[{number}] leaves these params out; give them in one of the two"

    def example(self, name: str, *, last: bool) -> dict[str, Value] | None:
        """Returns params to which a parameter applies; None if it never does.

        Args:
            last: takes the last value of each parameter for which that is possible, otherwise the first.
        """
        target = next(number for number, level in enumerate(self._diagram.levels) if level.name == name)

        @cache
        def leads_there(number: int, branch: Branch) -> bool:
            start, _, out = branch
            if number == target:
                return start is not None and self._diagram.count(number + 1, out) > 0
            return any(leads_there(number + 1, each) for each in self._diagram.branches(number + 1, out))

        found: dict[str, Value] = {}
        out = 0
        for number, level in enumerate(self._diagram.levels):
            branches = list(self._diagram.branches(number, out))
            if number <= target:
                branches = [branch for branch in branches if leads_there(number, branch)]
            else:
                branches = [branch for branch in branches if self._diagram.count(number + 1, branch[2])]
            if not branches:
                return None
            start, length, out = branches[-1 if last else 0]
            if start is not None:
                found[level.name] = value_at(level.parameter, start + (length - 1 if last else 0))
        return self._ordered(found)

    @cached_property
    def _diagram(self) -> Diagram:
        return Diagram(self.parameters, self.when, self.exclude)

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
        if number == len(self._diagram.levels):
            yield {}
            return
        level = self._diagram.levels[number]
        for start, length, following in self._diagram.branches(number, out):
            if not self._diagram.count(number + 1, following):
                continue
            for index in range(length):
                own = {} if start is None else {level.name: value_at(level.parameter, start + index)}
                for rest in self._below(number + 1, following):
                    yield own | rest

    def _ordered(self, params: Mapping[str, Value]) -> dict[str, Value]:
        return {name: params[name] for name in self.parameters if name in params}


def _meets(params: Mapping[str, Value], condition: Condition) -> bool:
    return all(name in params and index_in(values, params[name]) is not None for name, values in condition.items())
