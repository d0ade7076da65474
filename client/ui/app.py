"""The ASGI application: its addresses, and the answers that only read, about all sweeps or about one."""

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp

from stepsweep.bucket.disk import told
from stepsweep.client.archive.comparison import compare
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.pictures.importance import importance
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from stepsweep.client.ui.changes import Changes
from stepsweep.client.ui.files import Copies, zipped
from stepsweep.client.ui.guard import Guard, Keys
from stepsweep.client.ui.overview import Listed
from stepsweep.client.ui.pages import ALIVE, Pages, event, streamed
from stepsweep.client.ui.said import said_of, title_of
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.trial_pages import TrialPages
from stepsweep.client.ui.watches import Watches, checked_name, name_of
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.page.course import course
from stepsweep.page.drawn import course_data, drawn, thinned, timeline
from stepsweep.page.gathered import in_order

MAX_CURVES = 50
"""Most curves of one request."""


class Site:
    """The pages over the sweeps of one cloud.

    Args:
        watches: of its sweeps.
        is_over: whether the server ends, so that pages need no further events.
        copies: of files that are sent.
    """

    def __init__(self, watches: Watches, pages: Pages, is_over: Callable[[], bool], copies: Copies) -> None:
        self.watches = watches
        self._cloud = watches.source.cloud
        self._pages = pages
        self._is_over = is_over
        self._copies = copies
        self._changes = Changes(watches, pages)
        self._trials = TrialPages(watches.source, pages, is_over, copies)
        self._weighing = threading.Lock()

    @property
    def routes(self) -> list[Route]:
        def read(path: str, handler: Callable[..., Any]) -> Route:
            return Route(path, handler, methods=["GET"])

        def change(path: str, handler: Callable[..., Any]) -> Route:
            return Route(path, handler, methods=["POST"])

        return [
            read("/", self.sweeps),
            read("/events", self.sweeps_events),
            read("/static/{name}", self.static),
            read("/start", self._changes.start_form),
            change("/start", self._changes.start),
            read("/compare", self.compare),
            read("/sweeps/{sweep}", self.sweep),
            read("/sweeps/{sweep}/events", self.sweep_events),
            read("/sweeps/{sweep}/data", self.data),
            read("/sweeps/{sweep}/curves", self.curves),
            read("/sweeps/{sweep}/jobs", self.jobs),
            read("/sweeps/{sweep}/importance", self.importance),
            read("/sweeps/{sweep}/report", self.report),
            read("/sweeps/{sweep}/files", self.files),
            change("/sweeps/{sweep}/stop", self._changes.stop),
            change("/sweeps/{sweep}/resume", self._changes.resume),
            change("/sweeps/{sweep}/priority", self._changes.priority),
            change("/sweeps/{sweep}/note", self._changes.note),
            read("/sweeps/{sweep}/trials/{trial}", self._trials.page),
            read("/sweeps/{sweep}/trials/{trial}/events", self._trials.events),
            read("/sweeps/{sweep}/trials/{trial}/files", self._trials.files),
        ]

    # --- all sweeps

    def sweeps(self, _request: Request) -> Response:
        return HTMLResponse(self._pages.rendered("list.html", **self._listed(self.watches.overview.now())))

    async def sweeps_events(self, _request: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            async for listed in self.watches.overview.feed.changes(self._is_over):
                yield event("list", {"rows": self._rows(listed)}) if listed else ALIVE

        return streamed(events())

    def _rows(self, listed: Listed) -> str:
        return self._pages.rendered("rows.html", **self._listed(listed))

    def _listed(self, listed: Listed) -> dict[str, Any]:
        return {"lines": listed.lines, "doings": listed.doings, "trouble": listed.trouble}

    def compare(self, request: Request) -> Response:
        names = [checked_name(name) for name in request.query_params.getlist("sweep")]
        found = self.watches.source.found()
        compared = compare(found.archive, names, running=found.executions(), is_on_aws=not self._cloud.is_local)
        return HTMLResponse(self._pages.rendered("compare.html", found=compared))

    def static(self, request: Request) -> Response:
        file = self._pages.static.get(request.path_params["name"])
        if file is None:
            return self._fault(["there is no such file"], 404)
        forever = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(file.data, media_type=file.media_type, headers=forever)

    # --- a sweep

    def sweep(self, request: Request) -> Response:
        name = name_of(request)
        return HTMLResponse(self._pages.sweep(self.watches.of(name).soon(), self.watches.doings.of(name)))

    async def sweep_events(self, request: Request) -> Response:
        name = name_of(request)
        watch = self.watches.of(name)

        async def events() -> AsyncIterator[str]:
            async for seen in watch.feed.changes(self._is_over):
                if seen is None:
                    yield ALIVE
                    continue
                done = self.watches.doings.of(name)
                parts, said = await run_in_threadpool(self._pages.parts, seen, done), asdict(said_of(seen, done))
                note = {"text": seen.report.note.text, "mark": seen.report.note.mark, "number": seen.note_number}
                told = {"parts": parts, "number": seen.number, "said": said, "title": title_of(seen), "note": note}
                yield event("sweep", told)

        return streamed(events())

    def data(self, request: Request) -> Response:
        seen = self.watches.of(name_of(request)).now()
        now = {
            "number": seen.number,
            "is_begun": seen.is_begun,
            "is_planned": seen.plan is not None,
            "standing": seen.report.standing.status,
        }
        return JSONResponse({**drawn(seen.report), **now})

    def curves(self, request: Request) -> Response:
        name = name_of(request)
        archive, seen = self.watches.source.found().archive, self.watches.of(name).now()
        spec, plan = seen.report.standing.spec, seen.plan
        asked = request.query_params.getlist("trial")[:MAX_CURVES]
        trials = [plan.trials[each] for each in asked if plan and each in plan.trials]
        curves = archive.curves(trials)
        curves |= archive.live_curves([each for each in trials if each.trial_id not in curves])
        return JSONResponse({trial_id: thinned(each, spec.objectives) for trial_id, each in curves.items()})

    def jobs(self, request: Request) -> Response:
        name = name_of(request)
        watch = self.watches.of(name)
        seen = watch.now()
        standing, (outcomes, endings) = seen.report.standing, watch.went(seen)
        found = course(standing.spec, endings, standing.output, is_on_aws=not self._cloud.is_local)
        attempts = in_order(outcomes, endings)
        return JSONResponse({"timeline": timeline(attempts), "course": course_data(found) if found else None})

    def importance(self, request: Request) -> Response:
        name = name_of(request)
        watch = self.watches.of(name)
        seen = watch.now()
        standing = seen.report.standing
        endings = watch.went(seen, with_jobs=False)[1] if standing.spec.halving else []
        with self._weighing:  # one after the other: each takes up to three seconds of a core
            found = importance(standing.spec, standing.rows, endings)
        return JSONResponse({"importance": asdict(found) if found else None})

    def report(self, request: Request) -> Response:
        name = name_of(request)
        html = page(gathered(self._cloud, self.watches.source.found(), name))
        return Response(
            html, media_type="text/html", headers={"Content-Disposition": f'attachment; filename="{name}.html"'}
        )

    def files(self, request: Request) -> Response:
        return zipped(self._cloud, name_of(request), (), self._copies)

    # --- what cannot be shown

    def _fault(self, faults: Sequence[str], status: int) -> Response:
        return HTMLResponse(self._pages.rendered("fault.html", faults=faults), status_code=status)

    def explained(self, _request: Request, error: Exception) -> Response:
        """Answers with the reason why a page cannot be shown."""
        if isinstance(error, InvalidInput):
            return self._fault(error.faults, 404)
        self.watches.source.forget()
        return self._fault(str(error).splitlines(), 502)

    def broken(self, _request: Request, error: Exception) -> Response:
        """Answers with what this machine's disk refuses."""
        return self._fault([told(error, self._cloud.directory) if isinstance(error, OSError) else str(error)], 500)

    def missing(self, _request: Request, _error: Exception) -> Response:
        return self._fault(["there is no such page"], 404)


def application(
    cloud: Cloud, *, keys: Keys, hosts: frozenset[str], base: str, is_over: Callable[[], bool], copies: Copies
) -> ASGIApp:
    """Returns the application.

    Args:
        hosts: the allowed values of `Host`.
        base: the path below which all pages are; starts and ends with a slash.
        is_over: whether the server ends.
        copies: of files that are sent; the caller removes those that are left at the end.
    """
    place = str(cloud.directory) if cloud.is_local else f"the stack {cloud.stack or 'Stepsweep'} on AWS"
    pages = Pages(base=base, csrf=keys.csrf, where=cloud.where, place=place, is_local=cloud.is_local)
    site = Site(Watches(Source(cloud)), pages, is_over, copies)
    below = base.rstrip("/")
    to_it = [Route(below, lambda _: RedirectResponse(base))] if below else []
    # Starlette's redirects to an address without its last slash would name scheme and host, and behind a proxy the
    # browser's scheme is another one.
    pages_below = Router(routes=site.routes, redirect_slashes=False)
    app = Starlette(
        routes=[*to_it, Mount(below, app=pages_below)],
        middleware=[Middleware(Guard, keys=keys, hosts=hosts, base=base)],
        exception_handlers={SweepError: site.explained, OSError: site.broken, 404: site.missing, 405: site.missing},
    )
    app.router.redirect_slashes = False
    return app
