"""Random search: a sequence of params that depends only on the seed.

The n-th params depend on the seed and the n - 1 before them, so more trials later extend the same sequence.
"""

from collections.abc import Iterator, Mapping
from random import Random

from stepsweep.contract.space import Parameter, Range, Value, grid_size, is_listed, key_of, size_of, value_at

DRAWS = 1_000
"""Draws that may repeat earlier params, one after another."""


def drawn(parameters: Mapping[str, Parameter], *, seed: int) -> Iterator[dict[str, Value]]:
    """Yields params without duplicates, until the space has no others."""
    evenly = all(
        is_listed(parameter) and not (isinstance(parameter, Range) and parameter.log)
        for parameter in parameters.values()
    )
    return _without_replacement(parameters, seed) if evenly else _with_rejection(parameters, seed)


def _without_replacement(parameters: Mapping[str, Parameter], seed: int) -> Iterator[dict[str, Value]]:
    """Deals the grid's combinations like cards: a Fisher-Yates shuffle, one step per trial.

    https://en.wikipedia.org/wiki/Fisher-Yates_shuffle
    """
    size = grid_size(parameters)
    moved: dict[int, int] = {}  # place → card, for places that no longer hold their first card
    for number in range(size):
        place = _random(seed, number).randrange(number, size)
        yield _combination(parameters, moved.get(place, place))
        moved[place] = moved.pop(number, number)


def _with_rejection(parameters: Mapping[str, Parameter], seed: int) -> Iterator[dict[str, Value]]:
    """Draws each parameter separately, and again if these params were drawn before.

    A value can be so unlikely that it is never drawn, such as an end of a range that only a single double rounds to. So
    after `DRAWS` draws it takes the next params in the grid's order, from a random place on.
    """
    seen: set[tuple[tuple[str, str], ...]] = set()
    size = grid_size(parameters)
    for number in range(size):
        random = _random(seed, number)
        draws = (_drawn(parameters, random) for _ in range(DRAWS))
        params = next((params for params in draws if key_of(params) not in seen), None)
        if params is None:
            start = random.randrange(size)
            following = (_combination(parameters, (start + step) % size) for step in range(size))
            params = next(params for params in following if key_of(params) not in seen)
        seen.add(key_of(params))
        yield params


def _drawn(parameters: Mapping[str, Parameter], random: Random) -> dict[str, Value]:
    return {
        name: parameter.draw(random) if isinstance(parameter, Range) else random.choice(parameter)
        for name, parameter in parameters.items()
    }


def _combination(parameters: Mapping[str, Parameter], index: int) -> dict[str, Value]:
    """Returns the combination at a place of the grid."""
    params: dict[str, Value] = {}
    for name, parameter in reversed(list(parameters.items())):
        index, place = divmod(index, size_of(parameter))
        params[name] = value_at(parameter, place)
    return {name: params[name] for name in parameters}


def _random(seed: int, number: int) -> Random:
    # Python hashes a text seed with SHA-512, so neighbouring numbers share no stream.
    return Random(f"{seed}:{number}")  # noqa: S311  nothing here is a secret
