"""Renders the pages: those of a sweep from the report's own templates."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import jinja2
from plotly.offline import get_plotlyjs
from starlette.responses import Response, StreamingResponse

from stepsweep.client.checks.stuck_jobs import why_jobs_wait
from stepsweep.client.running.progress import Progress
from stepsweep.client.ui.doings import Done
from stepsweep.client.ui.said import said_of, title_of
from stepsweep.client.ui.seen import Seen
from stepsweep.contract.described import assignments, number_of, printable, shown_value, usd_text
from stepsweep.contract.note import MAX_CHARACTERS, first_line
from stepsweep.contract.priority import Priority
from stepsweep.page.best import together
from stepsweep.page.document import SCRIPTS, STYLE, body, own
from stepsweep.page.facts import Facts
from stepsweep.page.markup import Markup, prose
from stepsweep.page.parts import Skin, parts

OURS = ("ui.css", "events.js", "live.js", "list.js", "note.js", "trial.js", "start.js")
LIVE_PARTS = {"progress": "progress.html", "actions": "actions.html", "training": "training.html"}
"""The parts of a sweep's page that it has beside a report's: id of their element → template."""

MAX_TRAINING_ROWS = 20

ALIVE = ": alive\n\n"
"""A server-sent event that tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    data: bytes
    media_type: str
    version: str


class Pages:
    """All templates and files.

    Args:
        base: the path below which all pages are; starts and ends with a slash.
        csrf: the token that a form brings back.
        where: the options of the cloud, to append to a command.
        place: what the sweeps are of, for people.
    """

    def __init__(self, *, base: str, csrf: str, where: str, place: str, is_local: bool) -> None:
        self.base = base
        self.static = {name: _static(name, own(name)) for name in (STYLE, *SCRIPTS)}
        self.static |= {name: _static(name, (files(__package__) / name).read_text(encoding="utf-8")) for name in OURS}
        self.static["plotly.js"] = _static("plotly.js", get_plotlyjs())
        self._environment = _environment()
        self._environment.globals.update(
            base=base,
            csrf=csrf,
            where=where,
            place=place,
            is_local=is_local,
            scripts=SCRIPTS,
            file_url=self.file_url,
            sweep_url=self.sweep_url,
            most_characters=MAX_CHARACTERS,
            priorities=tuple(map(str, Priority)),
        )

    def file_url(self, name: str) -> str:
        return f"{self.base}static/{name}?v={self.static[name].version}"

    def sweep_url(self, name: str) -> str:
        return f"{self.base}sweeps/{quote(name, safe='')}"

    def trial_url(self, sweep: str) -> Callable[[str], str]:
        return lambda trial_id: f"{self.sweep_url(sweep)}/trials/{quote(trial_id, safe='')}"

    def rendered(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)

    def sweep(self, seen: Seen, done: Done) -> str:
        facts, skin, values = self._of_sweep(seen, done)
        above = Markup(self.rendered("above.html", **values))
        noting = Markup(self.rendered("noting.html", **values))
        training = Markup(self.rendered("training.html", **values))
        return self.rendered(
            "live.html", **values, body=body(facts, skin, above=above, noting=noting, training=training)
        )

    def parts(self, seen: Seen, done: Done) -> dict[str, str]:
        """Returns the parts of a sweep's page by the ids of their elements."""
        facts, skin, values = self._of_sweep(seen, done)
        return {name: self.rendered(template, **values) for name, template in LIVE_PARTS.items()} | parts(facts, skin)

    def _of_sweep(self, seen: Seen, done: Done) -> tuple[Facts, Skin, dict[str, Any]]:
        progress, facts = seen.progress, Facts.of(seen.report)
        training = progress.training if progress else ()
        trial_url = self.trial_url(facts.spec.name)
        skin = Skin(is_live=True, is_begun=seen.is_begun, is_busy=bool(done.text or done.faults), trial_url=trial_url)
        return (
            facts,
            skin,
            {
                "spec": facts.spec,
                "name": facts.spec.name,
                "text": seen.report.note.text,
                "mark": seen.report.note.mark,
                "priority": seen.priority,
                "state": facts.state,
                "title": title_of(seen),
                "metric": facts.metric,
                "failures": facts.failures,
                "files_of": seen.report.files_of,
                "trial_url": trial_url,
                "progress": progress,
                "shares": _shares(progress) if progress else [],
                "how_far": said_of(seen, Done()).sentence,
                "waits": why_jobs_wait(progress.waits_for) if progress and progress.waits_for else "",
                "trouble": seen.trouble,
                "faults": seen.faults,
                "done": done,
                "is_begun": seen.is_begun,
                "training": training[:MAX_TRAINING_ROWS],
                "more_training": max(0, len(training) - MAX_TRAINING_ROWS),
            },
        )


def _shares(progress: Progress) -> list[dict[str, Any]]:
    """Returns the numbers of trials in each state, with where each begins in a bar of 100."""
    before = (progress.planned or 0) - progress.to_run
    numbers = {
        "finished before": before,
        "done": progress.ended - progress.failed,
        "failed": progress.failed,
        "running": progress.running or 0,
        "starting": progress.starting,
        "not ended" if progress.running is None else "queued": progress.waiting,
    }
    total, at, found = sum(numbers.values()) or 1, 0.0, []
    for name, number in numbers.items():
        width = 100 * number / total
        found.append({"name": name, "number": number, "x": round(at, 3), "width": round(width, 3)})
        at += width
    return found


def event(name: str, data: Mapping[str, Any]) -> str:
    """Returns a server-sent event. https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def streamed(events: AsyncIterator[str]) -> Response:
    """Returns the answer with events, which goes on until there are no more."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _environment() -> jinja2.Environment:
    """Returns what renders the templates of this package, in which everything is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        value=shown_value,
        count=number_of,
        clock=_clock,
        when=_when,
        moment=_moment,
        plain=_plain,
        first_line=_first,
        prose=prose,
        together=_together,
        usd=usd_text,
    )
    made.globals.update(assignments=assignments)
    return made


def _static(name: str, text: str) -> Static:
    data = text.encode()
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return Static(data=data, media_type=kind, version=hashlib.sha256(data).hexdigest()[:12])


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _plain(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _first(note: str) -> str:
    return printable(first_line(note)).replace(" …", "\u00a0…")


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _together(options: str) -> Markup:
    """Returns a line of options, each beside its value where the line ends."""
    return together(re.split(r" (?=--[A-Za-z])", options))
