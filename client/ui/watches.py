"""The sweeps of one cloud as pages ask for them, by name: each with its watch, and all in a list."""

from starlette.requests import Request

from stepsweep.client.ui.doings import Doings
from stepsweep.client.ui.followed import Followed
from stepsweep.client.ui.overview import Overview
from stepsweep.client.ui.recent import Recent
from stepsweep.client.ui.seen import Seen
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.watching import FRESH_SECONDS, KEPT_SECONDS, SweepWatch
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.names import is_sweep
from stepsweep.contract.space import shown


class Watches:
    """A watch for each sweep that was asked for.

    Attributes:
        source: where the sweeps are found.
        doings: what is being done with sweeps.
        overview: the list of all sweeps.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.doings = Doings(self._changed)
        self.overview = Overview(source, self.of, self.doings.now)
        self._recent: Recent[Seen] = Recent(FRESH_SECONDS)
        self._kept: Recent[Followed] = Recent(KEPT_SECONDS)
        self._watches: dict[str, SweepWatch] = {}

    def of(self, name: str) -> SweepWatch:
        return self._watches.setdefault(name, SweepWatch(self.source, name, self._recent, self._kept))

    def _changed(self, name: str) -> None:
        self.of(name).changed()
        self.overview.feed.wake()


def name_of(request: Request) -> str:
    """Returns the name of the sweep in the address. Raises InvalidInput: no sweep can have it."""
    return checked_name(request.path_params["sweep"])


def checked_name(name: str) -> str:
    if not is_sweep(name):
        raise InvalidInput([f"no sweep can have the name {shown(name)}"])
    return name
