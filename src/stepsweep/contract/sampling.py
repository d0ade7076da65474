"""Random search: a sequence of params that depends only on the seed.

The n-th params depend on the seed and the n - 1 before them, so more trials later extend the same sequence.
"""

from collections.abc import Callable, Iterator, Mapping
from random import Random

from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Range, Value, is_listed, key_of

DRAWS = 1_000
"""Draws that may repeat earlier params, one after another."""

IsTried = Callable[[Mapping[str, Value]], bool]


def drawn(
    space: SearchSpace, *, seed: int, start: int = 0, is_tried: IsTried = lambda _: False
) -> Iterator[dict[str, Value]]:
    """Yields params without duplicates, until the space has no others.

    Every parameter is drawn evenly on its scale, among params that have its condition: of two optimizers each gets half
    of the trials, however many parameters apply to it.

    Args:
        start: how many have been drawn before; they need not be drawn again.
        is_tried: whether params have been tried; true for those drawn before. They are left out.
    """
    evenly = not space.when and all(
        is_listed(parameter) and not (isinstance(parameter, Range) and parameter.log)
        for parameter in space.parameters.values()
    )
    if not evenly:
        yield from _with_rejection(space, seed, start, is_tried)
        return
    for index in _without_replacement(space.size, seed, start):
        if not is_tried(params := space.at(index)):
            yield params


def _without_replacement(size: int, seed: int, start: int) -> Iterator[int]:
    """Deals the indexes of the grid's combinations like cards, from the `start`-th on: a Fisher-Yates shuffle, one step
    per trial.

    https://en.wikipedia.org/wiki/Fisher-Yates_shuffle
    """
    moved: dict[int, int] = {}  # place → card, for places that no longer hold their first card
    for number in range(size):
        place = _random(seed, number).randrange(number, size)
        if number >= start:
            yield moved.get(place, place)
        moved[place] = moved.pop(number, number)


def _with_rejection(space: SearchSpace, seed: int, start: int, is_tried: IsTried) -> Iterator[dict[str, Value]]:
    """Draws each parameter separately, and again if these params were drawn before.

    A value can be so unlikely that it is never drawn, such as an end of a range that only a single double rounds to. So
    after `DRAWS` draws it takes the next params in the grid's order, from a random place on.
    """
    seen: set[tuple[tuple[str, str], ...]] = set()

    def is_new(params: Mapping[str, Value] | None) -> bool:
        return params is not None and key_of(params) not in seen and not is_tried(params)

    size = space.size
    for number in range(start, size):
        random = _random(seed, number)
        draws = (space.draw(random) for _ in range(DRAWS))
        params = next(filter(is_new, draws), None)
        if params is None:
            first = random.randrange(size)
            params = next(filter(is_new, (space.at((first + step) % size) for step in range(size))), None)
        if params is None:  # the rest of the space has been tried
            return
        seen.add(key_of(params))
        yield params


def _random(seed: int, number: int) -> Random:
    # Python hashes a text seed with SHA-512, so neighbouring numbers share no stream.
    return Random(f"{seed}:{number}")  # noqa: S311  nothing here is a secret
