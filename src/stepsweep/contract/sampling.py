"""Random search: a sequence of params that depends only on the seed.

The n-th params depend on the seed and the n - 1 before them, so more trials later extend the same sequence.
"""

from collections.abc import Iterator
from random import Random

from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Range, Value, is_listed, key_of

DRAWS = 1_000
"""Draws that may repeat earlier params, one after another."""


def drawn(space: SearchSpace, *, seed: int) -> Iterator[dict[str, Value]]:
    """Yields params without duplicates, until the space has no others.

    Every parameter is drawn evenly on its scale, among params that have its condition: of two optimizers each gets half
    of the trials, however many parameters apply to it.
    """
    evenly = not space.when and all(
        is_listed(parameter) and not (isinstance(parameter, Range) and parameter.log)
        for parameter in space.parameters.values()
    )
    return _without_replacement(space, seed) if evenly else _with_rejection(space, seed)


def _without_replacement(space: SearchSpace, seed: int) -> Iterator[dict[str, Value]]:
    """Deals the grid's combinations like cards: a Fisher-Yates shuffle, one step per trial.

    https://en.wikipedia.org/wiki/Fisher-Yates_shuffle
    """
    size = space.size
    moved: dict[int, int] = {}  # place → card, for places that no longer hold their first card
    for number in range(size):
        place = _random(seed, number).randrange(number, size)
        yield space.at(moved.get(place, place))
        moved[place] = moved.pop(number, number)


def _with_rejection(space: SearchSpace, seed: int) -> Iterator[dict[str, Value]]:
    """Draws each parameter separately, and again if these params were drawn before.

    A value can be so unlikely that it is never drawn, such as an end of a range that only a single double rounds to. So
    after `DRAWS` draws it takes the next params in the grid's order, from a random place on.
    """
    seen: set[tuple[tuple[str, str], ...]] = set()
    size = space.size
    for number in range(size):
        random = _random(seed, number)
        draws = (space.draw(random) for _ in range(DRAWS))
        params = next((params for params in draws if params is not None and key_of(params) not in seen), None)
        if params is None:
            start = random.randrange(size)
            following = (space.at((start + step) % size) for step in range(size))
            params = next(params for params in following if key_of(params) not in seen)
        seen.add(key_of(params))
        yield params


def _random(seed: int, number: int) -> Random:
    # Python hashes a text seed with SHA-512, so neighbouring numbers share no stream.
    return Random(f"{seed}:{number}")  # noqa: S311  nothing here is a secret
