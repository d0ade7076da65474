"""The page of a trial, with its curve and its log as they grow, and its files."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from stepsweep.client.logs.reading import LOOK_SECONDS
from stepsweep.client.ui.files import Copies, zipped
from stepsweep.client.ui.pages import ALIVE, Pages, event, streamed
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.trial import TrialSeen, TrialWatch
from stepsweep.client.ui.watches import name_of
from stepsweep.contract.errors import SweepError
from stepsweep.contract.words import options_line
from stepsweep.page.drawn import thinned


class TrialPages:
    """Answers what is asked about one trial.

    Args:
        is_over: whether the server ends, so that pages need no further events.
        copies: of files that are sent.
    """

    def __init__(self, source: Source, pages: Pages, is_over: Callable[[], bool], copies: Copies) -> None:
        self._source = source
        self._cloud = source.cloud
        self._pages = pages
        self._is_over = is_over
        self._copies = copies

    def page(self, request: Request) -> Response:
        name = name_of(request)
        watch = TrialWatch(self._source, name, request.path_params["trial"])
        return HTMLResponse(self._pages.rendered("trial.html", **self._values(name, watch, watch.look())))

    async def events(self, request: Request) -> Response:
        name = name_of(request)
        watch = await run_in_threadpool(TrialWatch, self._source, name, request.path_params["trial"])
        objectives = watch.spec.objectives

        untold: list[tuple[int, str]] = []  # a line is read once, and what is read next may fail

        def look() -> tuple[Mapping[str, Any], bool]:
            lines, goes_on = watch.lines()
            untold.extend(lines)
            seen = watch.look()
            curve = thinned(seen.curve, objectives) if seen.curve else None
            facts = self._pages.rendered("trial_facts.html", **self._values(name, watch, seen))
            told = {"lines": untold.copy(), "curve": curve, "facts": facts, "over": not goes_on}
            untold.clear()
            return told, goes_on

        async def events() -> AsyncIterator[str]:
            goes_on, last = True, None
            while goes_on and not self._is_over():
                try:
                    told, goes_on = await run_in_threadpool(look)
                except SweepError as error:
                    told = {"trouble": str(error)}
                yield event("trial", told) if told != last else ALIVE
                last = {**told, "lines": []}
                if goes_on:
                    await anyio.sleep(LOOK_SECONDS[self._cloud.on])

        return streamed(events())

    def files(self, request: Request) -> Response:
        return zipped(self._cloud, name_of(request), [request.path_params["trial"]], self._copies)

    def _values(self, name: str, watch: TrialWatch, seen: TrialSeen) -> dict[str, Any]:
        return {
            "spec": watch.spec,
            "seen": seen,
            "trial": seen.trial,
            "command": watch.command,
            "options": [options_line({option: value}) for option, value in seen.trial.options.items()],
            "metric": watch.spec.objective.metric,
            "objectives": watch.spec.objectives,
            "sweep": name,
        }
