"""What a person does from the pages: starts a sweep with a form; stops, resumes or prioritizes one; writes its note."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from stepsweep.client.clouds.which_trainer import with_script, with_trainer_of
from stepsweep.client.operations.bill import taken
from stepsweep.client.operations.estimating import check_budget, estimated
from stepsweep.client.operations.noting import NoteChanged, write_note
from stepsweep.client.operations.startable import check_start
from stepsweep.client.specs.asked import checked, default_name
from stepsweep.client.specs.caveats import caveats
from stepsweep.client.specs.document import spec_document
from stepsweep.client.ui.pages import Pages
from stepsweep.client.ui.watches import Watches, checked_name, name_of
from stepsweep.contract.brief import brief_document
from stepsweep.contract.described import described
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.priority import Priority, fault_of
from stepsweep.contract.rounds import first_params
from stepsweep.contract.spec import SweepSpec

PASTED = "the pasted spec"


class Changes:
    """Answers the forms of all pages, mostly with the page of the sweep."""

    def __init__(self, watches: Watches, pages: Pages) -> None:
        self._watches = watches
        self._cloud = watches.source.cloud
        self._pages = pages

    # --- starting a sweep

    def start_form(self, request: Request) -> Response:
        """Answers with a form, which may begin with the spec of another sweep."""
        like = request.query_params.get("like")
        if like is None:
            return self._start_page(text="", name="")
        document = brief_document(self._watches.of(checked_name(like)).spec())
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
            is_of_another = script is None and like
            cloud = with_trainer_of(self._cloud, checked_name(like)) if is_of_another else self._cloud
            check_start(spec, cloud, script)
            if form.get("action") != "start":
                told = taken(spec, estimated(spec, cloud, script), first=len(first_params(spec)))
                return page(plan=_described(spec), takes=tuple(told), caveat=caveats(spec, script))
            check_budget(spec, cloud, script)
            cloud = with_script(cloud, script)
        except InvalidInput as error:
            return page(faults=error.faults, status=422)
        except SweepError as error:
            return page(faults=str(error).splitlines(), status=502)
        watch = self._watches.of(spec.name)
        if self._watches.doings.start(cloud, spec):
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
        takes: Sequence[str] = (),
        caveat: str = "",
        faults: Sequence[str] = (),
        status: int = 200,
    ) -> Response:
        html = self._pages.rendered(
            "start.html",
            text=text,
            name=name,
            priority=priority,
            like=like,
            plan=plan,
            takes=takes,
            caveat=caveat,
            faults=faults,
        )
        return HTMLResponse(html, status_code=status)

    # --- a sweep that exists

    def stop(self, request: Request) -> Response:
        name = name_of(request)
        self._watches.doings.stop(self._cloud, name)
        return self._to_sweep(name)

    def resume(self, request: Request) -> Response:
        name = name_of(request)
        spec = self._watches.source.found().archive.spec(name)
        if asked := request.state.form.get("priority"):
            spec = replace(spec, priority=_priority(asked))
        self._watches.doings.resume(self._cloud, spec)
        return self._to_sweep(name)

    def priority(self, request: Request) -> Response:
        name = name_of(request)
        self._watches.doings.prioritize(self._cloud, name, _priority(request.state.form.get("priority", "")))
        return self._to_sweep(name)

    def note(self, request: Request) -> Response:
        """Writes the note. Answers a script with JSON, so that what else a person has chosen on the page stays."""
        name, form = name_of(request), request.state.form
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
        number = self._watches.of(name).noted(note)
        self._watches.overview.forget(name)
        if not is_script:
            return self._to_sweep(name)
        return JSONResponse({"text": note.text, "mark": note.mark, "number": number})

    def _to_sweep(self, name: str) -> Response:
        return RedirectResponse(self._pages.sweep_url(name), status_code=303)


def _described(spec: SweepSpec) -> str:
    return described(spec) + ("" if spec.priority is Priority.NORMAL else f", with {spec.priority} priority")


def _priority(asked: str) -> Priority:
    if asked not in tuple(Priority):
        raise InvalidInput([fault_of(asked)])
    return Priority(asked)
