"""Random search: a sequence of params that a seed decides.

More trials later extend the same sequence, since the n-th params depend on the seed and the n - 1 before them only.
"""

from collections.abc import Iterator, Mapping
from random import Random

from stepsweep.contract.space import Parameter, Range, Value, grid_size, is_listed, size_of, value_at


def drawn(parameters: Mapping[str, Parameter], *, seed: int) -> Iterator[dict[str, Value]]:
    """Yields params, none of them twice, until there are no others."""
    evenly = all(
        is_listed(parameter) and not (isinstance(parameter, Range) and parameter.log)
        for parameter in parameters.values()
    )
    return _without_replacement(parameters, seed) if evenly else _with_rejection(parameters, seed)


def _without_replacement(parameters: Mapping[str, Parameter], seed: int) -> Iterator[dict[str, Value]]:
    """Deals the grid's combinations like cards: Fisher and Yates's shuffle, one step a trial.

    https://en.wikipedia.org/wiki/Fisher-Yates_shuffle
    """
    size = grid_size(parameters)
    moved: dict[int, int] = {}  # the places of the pack whose card is not the one that was there at first
    for number in range(size):
        place = _random(seed, number).randrange(number, size)
        yield _combination(parameters, moved.get(place, place))
        moved[place] = moved.pop(number, number)


def _with_rejection(parameters: Mapping[str, Parameter], seed: int) -> Iterator[dict[str, Value]]:
    """Draws each parameter by itself, and again where these params were drawn before."""
    seen: set[tuple[Value, ...]] = set()
    for number in range(grid_size(parameters)):
        random = _random(seed, number)
        while True:
            values = tuple(
                parameter.draw(random) if isinstance(parameter, Range) else random.choice(parameter)
                for parameter in parameters.values()
            )
            if values not in seen:
                break
        seen.add(values)
        yield dict(zip(parameters, values, strict=True))


def _combination(parameters: Mapping[str, Parameter], index: int) -> dict[str, Value]:
    """Returns a combination by its place in the grid."""
    params: dict[str, Value] = {}
    for name, parameter in reversed(list(parameters.items())):
        index, place = divmod(index, size_of(parameter))
        params[name] = value_at(parameter, place)
    return {name: params[name] for name in parameters}


def _random(seed: int, number: int) -> Random:
    # Seeded with a text: Python hashes it with SHA-512, so that numbers side by side share no stream.
    return Random(f"{seed}:{number}")  # noqa: S311  nothing here is a secret
