"""The parts of a sweep's page that change while it runs, as HTML."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta

from stepsweep.contract.described import MAX_NAMED, described, number_of, sets_of_params, usd_text, verb
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status
from stepsweep.page.best import front_of, winner_of
from stepsweep.page.drawn import label
from stepsweep.page.facts import Facts, Failure
from stepsweep.page.markup import NOTHING, Markup, joined, markup, prose, some_of

MAX_REASONS = 200
"""Most reasons of failures. Where each of thousands has one of its own, further ones tell nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """How the page of a running server differs from a file.

    Attributes:
        is_begun: whether records have been read; otherwise only what was asked is known.
        is_busy: whether the page says that something is being done with the sweep.
        trial_url: the address of a trial's page; None in a file.
    """

    is_live: bool = False
    is_begun: bool = True
    is_busy: bool = False
    trial_url: Callable[[str], str] | None = None


def parts(facts: Facts, skin: Skin) -> dict[str, Markup]:
    """Returns the parts by the ids of their elements."""
    return {
        "heading": heading(facts, skin),
        "summary": summary(facts, skin),
        "note-shown": note(facts),
        "what-failed": failures(facts, skin),
        "commands": commands(facts),
    }


def heading(facts: Facts, skin: Skin) -> Markup:
    spec, live = facts.spec, skin.is_live
    kind = "no-winner" if facts.has_no_winner else facts.state
    badge = markup('<span class="badge {}">{}</span>', kind, facts.state) if not live or skin.is_begun else NOTHING
    sections = [
        ("winner", "Winner", facts.winner is not None),
        ("front", "Front", bool(facts.on_front)),
        ("note", "Note", has_note(facts, skin)),
        ("space", "Parameters", (facts.has_space or live) and not spec.has_front),
        ("search", "Search", (facts.has_values or live) and not spec.has_front),
        ("curves", "Learning curves", not facts.is_score and (facts.has_curves or live)),
        ("leaderboard", "Leaderboard", True),
        ("failures", "Failures", bool(facts.failures)),
        ("timeline", "Jobs", True),
        ("asked", "Spec", True),
        ("reproduce", "Reproduce", True),
    ]
    links = [markup('<a href="#{}">{}</a>\n', place, name) for place, name, is_there in sections if is_there]
    return markup(
        '<div class="title">\n  <h1>{name}</h1>\n  {badge}\n</div>\n'
        '<p class="lead">{described}; {wins}</p>\n'
        '<nav aria-label="Sections">\n{links}</nav>',
        name=spec.name,
        badge=badge,
        described=described(spec),
        wins=_wins(spec),
        links=joined(links),
    )


def _wins(spec: SweepSpec) -> Markup:
    """Returns what is best: the highest or the lowest value, or that nothing is with several objectives."""
    ends = [
        markup("{} <code>{}</code>", "highest" if each.direction == "maximize" else "lowest", each.metric)
        for each in spec.objectives
    ]
    if spec.has_front:
        return markup("it looks for the {}: the result is a front instead of a winner.", joined(ends, " and the "))
    return markup("the {} wins.", ends[0])


def summary(facts: Facts, skin: Skin) -> Markup:
    if skin.is_live and not skin.is_begun:
        return NOTHING if skin.is_busy else markup('<p class="note" role="status">Reading the records …</p>')
    return joined([_state(facts, skin), winner_of(facts), front_of(facts), _tiles(facts)], "\n")


def has_note(facts: Facts, skin: Skin) -> bool:
    """Whether the page has a place for a note: a server's always has, since one can be written there."""
    there = facts.report.note
    return bool(there.text or there.fault) or skin.is_live


def note(facts: Facts) -> Markup:
    """Returns what a person has written, as plain text."""
    there = facts.report.note
    if there.fault:
        return markup('<p class="note bad">{}</p>', prose(there.fault))
    if there.text and there.written_at:
        return markup(
            '<p class="written" dir="auto">{}</p>\n<p class="hint">Written on {} UTC.</p>',
            there.text,
            f"{there.written_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        )
    return NOTHING


def _state(facts: Facts, skin: Skin) -> Markup:
    ended, planned = facts.ended, facts.report.standing.planned
    if facts.state == "running":
        if skin.is_live:
            return NOTHING
        return markup(
            '<p class="note">It was running when this report was made: {} of {} had ended, and what follows is '
            "of those.</p>",
            ended,
            number_of(planned, "trial"),
        )
    if facts.state == "interrupted":
        return markup(
            '<p class="note">It was interrupted: {} of {} {} ended{}. <code>sweep resume {}{}</code> continues it.</p>',
            ended,
            number_of(planned, "trial"),
            verb(ended, "has", "have"),
            "" if skin.is_live else "; the report covers those",
            facts.spec.name,
            facts.report.where,
        )
    if facts.winner or facts.on_front:
        return NOTHING
    head = "front" if facts.spec.has_front else "winner"
    return markup('<p class="note bad">No trial succeeded, so there is no {}.</p>', head)


def _tiles(facts: Facts) -> Markup:
    report, planned = facts.report, facts.report.standing.planned
    output = report.standing.output
    cost = output.cost if output and report.is_on_aws else None
    of_planned = f" of {planned:,}" if planned and facts.ended != planned else ""
    params = f"{sets_of_params(len(facts.rows))}: " if facts.has_several else ""
    outcomes = " · ".join(f"{number:,} {status}" for status, number in facts.counts.items())
    tiles = [_tile("Trials", f"{facts.ended:,}{of_planned}", f"{params}{outcomes}")]
    of_ended = ", without jobs that still run" if facts.state == "running" else ""
    if not facts.is_score:
        said = f"at most {facts.spec.epochs:,} per trial"
        if not facts.counts.keys().isdisjoint(LEFT_NONE):
            said += ", without those of jobs that left no metrics"
        tiles.append(_tile("Epochs trained", f"{report.standing.epochs:,}", said + of_ended))
    unknown = markup('<span id="job-time">…</span>')
    time = unknown if report.job_seconds is None else str(timedelta(seconds=round(report.job_seconds)))
    by = f"{cost.gpu_seconds:,.0f} GPU-seconds" if cost else "from the start to the end of each attempt"
    tiles.append(_tile("Job time", time, by + of_ended))
    if cost:
        usd = (f"{usd_text(cost.usd_estimate)} USD", "estimated from the stack's price per hour")
    else:
        usd = ("not known yet", "estimated when the sweep ends") if report.is_on_aws else _FREE
    tiles.append(_tile("Cost", *usd))
    return markup('<dl class="tiles">\n{}\n</dl>', joined(tiles, "\n"))


LEFT_NONE = {Status.FAILED.value, Status.MISSING.value}

_FREE = ("none", "it ran on this machine")


def _tile(name: str, text: str, small: str) -> Markup:
    return markup("  <div><dt>{}</dt><dd>{}<small>{}</small></dd></div>", name, text, small)


def failures(facts: Facts, skin: Skin) -> Markup:
    if not facts.failures:
        return NOTHING
    found = [_failure(facts, skin, each) for each in facts.failures[:MAX_REASONS]]
    if (more := len(facts.failures) - MAX_REASONS) > 0:
        said = "… and {}; the leaderboard has all of them."
        found.append(markup('<p class="hint">{}</p>', said.format(number_of(more, "more reason"))))
    if facts.report.hint:
        found.append(markup("<p>{}</p>", prose(facts.report.hint)))
    return markup(
        '<section id="failures" aria-labelledby="failures-title">\n'
        '  <h2 id="failures-title">Failures</h2>\n{}\n</section>',
        joined(found, "\n"),
    )


def _failure(facts: Facts, skin: Skin, failure: Failure) -> Markup:
    def named(row: Row) -> Markup:
        name = markup("<code>{}</code>", label(facts.spec, row))
        return markup('<a href="{}">{}</a>', skin.trial_url(row.trial_id), name) if skin.trial_url else name

    logs = [
        markup(
            '\n    <details><summary>The last lines of {}</summary><pre tabindex="0">{}</pre></details>',
            label(facts.spec, row),
            log,
        )
        for row, log in failure.logs
    ]
    # Only the first are named, and there may be thousands.
    names = [*map(named, failure.rows[:MAX_NAMED]), *failure.rows[MAX_NAMED:]]
    return markup(
        '  <article class="failure">\n    <h3><span class="bad">{} {}</span> {}</h3>\n    <p class="hint">{}</p>{}\n'
        "  </article>",
        f"{len(failure.rows):,}",
        failure.status,
        failure.reason,
        some_of(names, MAX_NAMED),
        joined(logs),
    )


def commands(facts: Facts) -> Markup:
    return joined(
        [
            markup(
                '<p>{what}:</p>\n<div class="copyable"><pre id="command-{number}" tabindex="0">{command}</pre>'
                '<button type="button" data-copies="command-{number}">Copy</button></div>',
                what=what,
                number=number,
                command=command,
            )
            for number, (what, command) in enumerate(facts.commands, start=1)
        ],
        "\n",
    )
