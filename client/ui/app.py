"""The ASGI application: which address answers with what."""

import functools
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp

from stepsweep.bucket.disk import told
from stepsweep.client.archive.comparison import compare
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.which_trainer import with_script, with_trainer_of
from stepsweep.client.logs.reading import LOOK_SECONDS
from stepsweep.client.operations.noting import NoteChanged, write_note
from stepsweep.client.pictures.importance import importance
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from stepsweep.client.specs.asked import brief_document, checked, default_name
from stepsweep.client.specs.document import spec_document
from stepsweep.client.ui.doings import Doings
from stepsweep.client.ui.files import Copies, zipped
from stepsweep.client.ui.followed import Followed
from stepsweep.client.ui.guard import Guard, Keys
from stepsweep.client.ui.overview import Listed, Overview
from stepsweep.client.ui.pages import ALIVE, Pages, event, said_of
from stepsweep.client.ui.recent import Recent
from stepsweep.client.ui.seen import Seen
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.trial import TrialSeen, TrialWatch
from stepsweep.client.ui.watching import FRESH_SECONDS, KEPT_SECONDS, SweepWatch
from stepsweep.contract.described import described
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.names import is_sweep
from stepsweep.contract.priority import Priority, fault_of
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.course import course
from stepsweep.page.drawn import course_data, drawn, thinned, timeline
from stepsweep.page.gathered import in_order

MAX_CURVES = 50
"""Most curves of one request."""
PASTED = "the pasted spec"


class Site:
    """The pages over the sweeps of one cloud.

    Args:
        is_over: whether the server ends, so that pages need no further events.
        copies: of files that are sent.
    """

    def __init__(self, cloud: Cloud, pages: Pages, is_over: Callable[[], bool], copies: Copies) -> None:
        self._cloud = cloud
        self._pages = pages
        self._is_over = is_over
        self._copies = copies
        self._source = Source(cloud)
        self._recent: Recent[Seen] = Recent(FRESH_SECONDS)
        self._kept: Recent[Followed] = Recent(KEPT_SECONDS)
        self._watches: dict[str, SweepWatch] = {}
        self._doings = Doings(self._changed)
        self._overview = Overview(self._source, self._watch, self._doings.now)
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
            read("/start", self.start_form),
            change("/start", self.start),
            read("/compare", self.compare),
            read("/sweeps/{sweep}", self.sweep),
            read("/sweeps/{sweep}/events", self.sweep_events),
            read("/sweeps/{sweep}/data", self.data),
            read("/sweeps/{sweep}/curves", self.curves),
            read("/sweeps/{sweep}/jobs", self.jobs),
            read("/sweeps/{sweep}/importance", self.importance),
            read("/sweeps/{sweep}/report", self.report),
            read("/sweeps/{sweep}/files", self.files),
            change("/sweeps/{sweep}/stop", self.stop),
            change("/sweeps/{sweep}/resume", self.resume),
            change("/sweeps/{sweep}/priority", self.priority),
            change("/sweeps/{sweep}/note", self.note),
            read("/sweeps/{sweep}/trials/{trial}", self.trial),
            read("/sweeps/{sweep}/trials/{trial}/events", self.trial_events),
            read("/sweeps/{sweep}/trials/{trial}/files", self.trial_files),
        ]

    # --- all sweeps

    def sweeps(self, _request: Request) -> Response:
        return HTMLResponse(self._pages.rendered("list.html", **self._listed(self._overview.now())))

    async def sweeps_events(self, _request: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            async for listed in self._overview.feed.changes(self._is_over):
                yield event("list", {"rows": self._rows(listed)}) if listed else ALIVE

        return _events(events())

    def _rows(self, listed: Listed) -> str:
        return self._pages.rendered("rows.html", **self._listed(listed))

    def _listed(self, listed: Listed) -> dict[str, Any]:
        return {"lines": listed.lines, "doings": listed.doings, "trouble": listed.trouble}

    def compare(self, request: Request) -> Response:
        names = [_checked_name(name) for name in request.query_params.getlist("sweep")]
        found = self._source.found()
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
        name = _name_of(request)
        return HTMLResponse(self._pages.sweep(self._watch(name).soon(), self._doings.of(name)))

    async def sweep_events(self, request: Request) -> Response:
        name = _name_of(request)
        watch = self._watch(name)

        async def events() -> AsyncIterator[str]:
            async for seen in watch.feed.changes(self._is_over):
                if seen is None:
                    yield ALIVE
                    continue
                parts = await run_in_threadpool(self._pages.parts, seen, self._doings.of(name))
                title = f"{seen.report.standing.status.lower()} · {name}"
                note = {"text": seen.report.note.text, "mark": seen.report.note.mark, "number": seen.note_number}
                told = {"parts": parts, "number": seen.number, "said": said_of(seen), "title": title, "note": note}
                yield event("sweep", told)

        return _events(events())

    def data(self, request: Request) -> Response:
        seen = self._watch(_name_of(request)).now()
        now = {"number": seen.number, "is_planned": seen.plan is not None, "standing": seen.report.standing.status}
        return JSONResponse({**drawn(seen.report), **now})

    def curves(self, request: Request) -> Response:
        name = _name_of(request)
        archive, seen = self._source.found().archive, self._watch(name).now()
        spec, plan = seen.report.standing.spec, seen.plan
        asked = request.query_params.getlist("trial")[:MAX_CURVES]
        trials = [plan.trials[each] for each in asked if plan and each in plan.trials]
        curves = archive.curves(trials)
        curves |= archive.live_curves([each for each in trials if each.trial_id not in curves])
        return JSONResponse({trial_id: thinned(each, spec.objectives) for trial_id, each in curves.items()})

    def jobs(self, request: Request) -> Response:
        name = _name_of(request)
        watch = self._watch(name)
        seen = watch.now()
        standing, (outcomes, endings) = seen.report.standing, watch.went(seen)
        found = course(standing.spec, endings, standing.output, is_on_aws=not self._cloud.is_local)
        attempts = in_order(outcomes, endings)
        return JSONResponse({"timeline": timeline(attempts), "course": course_data(found) if found else None})

    def importance(self, request: Request) -> Response:
        name = _name_of(request)
        watch = self._watch(name)
        seen = watch.now()
        standing = seen.report.standing
        endings = watch.went(seen, with_jobs=False)[1] if standing.spec.halving else []
        with self._weighing:  # one after the other: each takes up to three seconds of a core
            found = importance(standing.spec, standing.rows, endings)
        return JSONResponse({"importance": asdict(found) if found else None})

    def report(self, request: Request) -> Response:
        name = _name_of(request)
        html = page(gathered(self._cloud, self._source.found(), name))
        return Response(
            html, media_type="text/html", headers={"Content-Disposition": f'attachment; filename="{name}.html"'}
        )

    def files(self, request: Request) -> Response:
        return zipped(self._cloud, _name_of(request), (), self._copies)

    def trial_files(self, request: Request) -> Response:
        return zipped(self._cloud, _name_of(request), [request.path_params["trial"]], self._copies)

    def stop(self, request: Request) -> Response:
        name = _name_of(request)
        self._doings.stop(self._cloud, name)
        return self._to_sweep(name)

    def resume(self, request: Request) -> Response:
        name = _name_of(request)
        spec = self._source.found().archive.spec(name)
        if asked := request.state.form.get("priority"):
            spec = replace(spec, priority=_priority(asked))
        self._doings.resume(self._cloud, spec)
        return self._to_sweep(name)

    def priority(self, request: Request) -> Response:
        name = _name_of(request)
        self._doings.prioritize(self._cloud, name, _priority(request.state.form.get("priority", "")))
        return self._to_sweep(name)

    def note(self, request: Request) -> Response:
        """Writes the note. Answers a script with JSON, so that what else a person has chosen on the page stays."""
        name, form = _name_of(request), request.state.form
        text, is_script = form.get("text", ""), request.headers.get("accept") == "application/json"
        try:
            note = write_note(self._cloud, name, text, mark=form.get("mark", "")).note
        except InvalidInput as error:
            now = error.now if isinstance(error, NoteChanged) else None
            status = 422 if now is None else 409
            told = {"faults": error.faults, "now": now and {"text": now.text, "mark": now.mark}}
            if is_script:
                return JSONResponse(told, status_code=status)
            mark = now.mark if now else form.get("mark", "")
            values = {"name": name, "text": text, "mark": mark, "faults": error.faults, "now": now}
            return HTMLResponse(self._pages.rendered("note_again.html", **values), status_code=status)
        except SweepError as error:
            if is_script:
                return JSONResponse({"faults": str(error).splitlines(), "now": None}, status_code=502)
            raise
        number = self._watch(name).noted(note)
        self._overview.forget(name)
        if not is_script:
            return self._to_sweep(name)
        return JSONResponse({"text": note.text, "mark": note.mark, "number": number})

    # --- a trial

    def trial(self, request: Request) -> Response:
        name = _name_of(request)
        watch = TrialWatch(self._source, name, request.path_params["trial"])
        return HTMLResponse(self._pages.rendered("trial.html", **self._of_trial(name, watch, watch.look())))

    async def trial_events(self, request: Request) -> Response:
        name = _name_of(request)
        watch = await run_in_threadpool(TrialWatch, self._source, name, request.path_params["trial"])
        objectives = watch.spec.objectives

        untold: list[tuple[int, str]] = []  # a line is read once, and what is read next may fail

        def look() -> tuple[Mapping[str, Any], bool]:
            lines, goes_on = watch.lines()
            untold.extend(lines)
            seen = watch.look()
            curve = thinned(seen.curve, objectives) if seen.curve else None
            facts = self._pages.rendered("trial_facts.html", **self._of_trial(name, watch, seen))
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

        return _events(events())

    def _of_trial(self, name: str, watch: TrialWatch, seen: TrialSeen) -> dict[str, Any]:
        return {
            "spec": watch.spec,
            "seen": seen,
            "trial": seen.trial,
            "metric": watch.spec.objective.metric,
            "objectives": watch.spec.objectives,
            "sweep": name,
        }

    # --- starting one

    def start_form(self, request: Request) -> Response:
        """Answers with a form, which may begin with the spec of another sweep."""
        like = request.query_params.get("like")
        if like is None:
            return self._start_page(text="", name="")
        document = brief_document(self._watch(_checked_name(like)).spec())
        return self._start_page(text=json.dumps(document, indent=2), name="", like=like)

    def start(self, request: Request) -> Response:
        form: Mapping[str, str] = request.state.form
        text, name, priority = form.get("spec", ""), form.get("name", "").strip(), form.get("priority", "")
        like = form.get("like", "")
        page = functools.partial(self._start_page, text=text, name=name, priority=priority, like=like)
        try:
            document = spec_document(PASTED, text)
            if isinstance(document, dict):
                asked = {"name": name, "priority": priority}
                document = document | {field: value for field, value in asked.items() if value}
            default = default_name(None, datetime.now(UTC))
            spec, script = checked(document, default_name=default, folder=Path.cwd())
            if form.get("action") != "start":
                return page(plan=_described(spec))
            cloud = with_script(self._cloud, script)
            if script is None and like:
                cloud = with_trainer_of(cloud, _checked_name(like))
        except InvalidInput as error:
            return page(faults=error.faults, status=422)
        except SweepError as error:
            return page(faults=str(error).splitlines(), status=502)
        watch = self._watch(spec.name)
        if self._doings.start(cloud, spec):
            watch.expect(spec)
        elif not watch.expects(spec):  # or it was sent twice
            fault = f"name: something is being done with the sweep {spec.name}; wait for it, or choose another name"
            return page(faults=[fault], status=422)
        return self._to_sweep(spec.name)

    def _start_page(
        self,
        *,
        text: str,
        name: str,
        priority: str = "",
        like: str = "",
        plan: str = "",
        faults: Sequence[str] = (),
        status: int = 200,
    ) -> Response:
        html = self._pages.rendered(
            "start.html", text=text, name=name, priority=priority, like=like, plan=plan, faults=faults
        )
        return HTMLResponse(html, status_code=status)

    # --- parts

    def _watch(self, name: str) -> SweepWatch:
        return self._watches.setdefault(name, SweepWatch(self._source, name, self._recent, self._kept))

    def _changed(self, name: str) -> None:
        self._watch(name).changed()
        self._overview.feed.wake()

    def _to_sweep(self, name: str) -> Response:
        return RedirectResponse(self._pages.sweep_url(name), status_code=303)

    def _fault(self, faults: Sequence[str], status: int) -> Response:
        return HTMLResponse(self._pages.rendered("fault.html", faults=faults), status_code=status)

    def explained(self, _request: Request, error: Exception) -> Response:
        """Answers with the reason why a page cannot be shown."""
        if isinstance(error, InvalidInput):
            return self._fault(error.faults, 404)
        self._source.forget()
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
    site = Site(cloud, pages, is_over, copies)
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


def _name_of(request: Request) -> str:
    return _checked_name(request.path_params["sweep"])


def _checked_name(name: str) -> str:
    if not is_sweep(name):
        raise InvalidInput([f"no sweep can have the name {shown(name)}"])
    return name


def _described(spec: SweepSpec) -> str:
    return described(spec) + ("" if spec.priority is Priority.NORMAL else f", with {spec.priority} priority")


def _priority(asked: str) -> Priority:
    if asked not in tuple(Priority):
        raise InvalidInput([fault_of(asked)])
    return Priority(asked)


def _events(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
