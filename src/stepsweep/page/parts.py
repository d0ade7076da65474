"""The parts of a sweep's page that change while it runs, as HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta

from stepsweep.contract.described import MAX_NAMED, described, number_of, shown_value
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.drawn import label
from stepsweep.page.facts import Facts, Failure, options_of
from stepsweep.page.gathered import File
from stepsweep.page.markup import NOTHING, Markup, joined, markup, some_of

MAX_FILES = 20
MAX_ON_FRONT = 30
"""Most trials of a front in the summary; the leaderboard has all of them."""
MAX_REASONS = 200
"""Most reasons of failures. Where each of thousands has one of its own, further ones tell nothing new."""
KILO = 1_000


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
    badge = markup('<span class="badge {0}">{0}</span>', facts.state) if not live or skin.is_begun else NOTHING
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
        return markup("{}, of which no trial wins: see the front.", joined(ends, ", "))
    return markup("the {} wins.", ends[0])


def summary(facts: Facts, skin: Skin) -> Markup:
    if skin.is_live and not skin.is_begun:
        return NOTHING if skin.is_busy else markup('<p class="note" role="status">Reading the records …</p>')
    return joined([_state(facts, skin), _winner(facts), _front(facts), _tiles(facts)], "\n")


def has_note(facts: Facts, skin: Skin) -> bool:
    """Whether the page has a place for a note: a server's always has, since one can be written there."""
    there = facts.report.note
    return bool(there.text or there.fault) or skin.is_live


def note(facts: Facts) -> Markup:
    """Returns what a person has written, as plain text."""
    there = facts.report.note
    if there.fault:
        return markup('<p class="note bad">{}</p>', there.fault)
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
            '<p class="note">It was running when this report was made: {} of {} trials had ended, and what follows is '
            "of those.</p>",
            ended,
            planned,
        )
    if facts.state == "interrupted":
        return markup(
            '<p class="note">It was interrupted: {} of {} trials have ended{}. '
            "<code>sweep resume {}{}</code> continues it.</p>",
            ended,
            planned,
            "" if skin.is_live else "; the report covers those",
            facts.spec.name,
            facts.report.where,
        )
    if facts.winner or facts.on_front:
        return NOTHING
    head = "front" if facts.spec.has_front else "winner"
    return markup('<p class="note bad">No trial succeeded, so there is no {}.</p>', head)


def _winner(facts: Facts) -> Markup:
    winner, spec = facts.winner, facts.spec
    if winner is None or winner.value is None:
        return NOTHING
    error = "" if winner.standard_error is None else f" ± {shown_value(winner.standard_error, digits=2)}"
    epoch = f" at epoch {winner.epoch} of {winner.epochs_trained}" if spec.epochs > 1 else ""
    several = f", the mean of {winner.n} trials" if winner.n > 1 else ""
    lines = [
        markup('<h2 id="winner-title">{}</h2>', "Winner" if facts.state == "finished" else "Best so far"),
        markup(
            '<div class="copyable"><code id="winner-options">{}</code>'
            '<button type="button" data-copies="winner-options">Copy</button></div>',
            options_of(winner),
        ),
        markup(
            '<p class="value"><strong>{}</strong> {}{}{}{}</p>',
            shown_value(winner.value),
            facts.metric,
            error,
            epoch,
            several,
        ),
        *_of_summary(facts),
        _next_best(facts, winner, winner.value),
        _files(facts.report.artifacts),
    ]
    return markup(
        '<section id="winner" class="winner" aria-labelledby="winner-title">\n{}\n</section>', joined(lines, "\n  ")
    )


def _front(facts: Facts) -> Markup:
    """Returns the trials of the first Pareto front, none of which wins."""
    if not facts.on_front:
        return NOTHING
    spec, there = facts.spec, facts.on_front
    number = '<td class="number">{}</td>'
    heads = [markup('<th scope="col" class="number">{}</th>', each.metric) for each in spec.objectives]
    rows = [
        markup(
            "<tr><td><code>{}</code></td>{}{}</tr>",
            options_of(row),
            joined([markup(number, shown_value(value)) for value in row.objective_values]),
            NOTHING if facts.is_score else markup(number, row.epoch),
        )
        for row in there[:MAX_ON_FRONT]
    ]
    more = f"… and {len(there) - MAX_ON_FRONT:,} more in the leaderboard." if len(there) > MAX_ON_FRONT else ""
    return markup(
        '<section id="on-front" class="winner" aria-labelledby="on-front-title">\n'
        '  <h2 id="on-front-title">{title}</h2>\n'
        "  <p>{trials} that no other trial beats: none is at least as good in {names}, and better in one. All values "
        'of a trial are of one epoch.</p>\n  <div class="scroll"><table>\n'
        '    <thead><tr><th scope="col">params</th>{heads}{epoch}</tr></thead>\n'
        "    <tbody>\n{rows}\n</tbody>\n  </table></div>\n  <p>{more}</p>\n</section>",
        title="The front" if facts.state == "finished" else "The front so far",
        trials=number_of(len(there), "trial"),
        names=joined([markup("<code>{}</code> ({})", each.metric, each.direction) for each in spec.objectives], ", "),
        heads=joined(heads),
        epoch=NOTHING if facts.is_score else markup('<th scope="col" class="number">epoch</th>'),
        rows=joined(rows, "\n"),
        more=more,
    )


def _of_summary(facts: Facts) -> list[Markup]:
    """Returns what the winner's trainer wrote beside the metrics."""
    output = facts.report.standing.output
    written = (output and output.summary) or {}
    devices, accuracy = written.get("devices", []), written.get("test_accuracy")
    found = []
    if isinstance(devices, list) and len(devices) > 1:
        found.append(markup("<p>Trained on {}, which give other last digits.</p>", ", then ".join(map(str, devices))))
    if isinstance(accuracy, int | float):
        loss = facts.report.losses[0] or "val_loss"
        found.append(markup("<p>{} test_accuracy, at the epoch with the lowest {}.</p>", shown_value(accuracy), loss))
    return found


def _next_best(facts: Facts, winner: Row, value: float) -> Markup:
    """Returns which trials are as good as the winner; otherwise the second."""
    second = facts.second
    if facts.ties:
        if winner.n > 1:
            why = f"a t-test of the {winner.n} values does not tell the winner from "
        else:
            others = number_of(len(facts.ties), "other trial")
            why = f"{others} reached the same value, at a later epoch or later in the plan: "
        tied = [markup("<code>{}</code>", label(facts.spec, row)) for row in facts.ties]
        return markup("<p>Tie: {}\n    {}.</p>", why, some_of(tied, MAX_NAMED))
    if second is None or second.value is None:
        return NOTHING
    return markup(
        "<p>Second: <code>{}</code> with {}, {} behind.</p>",
        label(facts.spec, second),
        shown_value(second.value),
        shown_value(abs(value - second.value), digits=3),
    )


def _files(files: Sequence[File]) -> Markup:
    if not files:
        return NOTHING
    names = [
        markup('<a href="{}">{}</a> ({})', file.address, file.name, size_text(file.bytes))
        if file.address
        else markup("{} ({})", file.name, size_text(file.bytes))
        for file in files
    ]
    return markup("<p>Its files: {}.</p>", some_of(names, MAX_FILES))


def _tiles(facts: Facts) -> Markup:
    report, planned = facts.report, facts.report.standing.planned
    output = report.standing.output
    cost = output.cost if output and report.is_on_aws else None
    of_planned = f" of {planned:,}" if planned and facts.ended != planned else ""
    params = f"{len(facts.rows):,} params: " if facts.has_several else ""
    outcomes = " · ".join(f"{number:,} {status}" for status, number in facts.counts.items())
    tiles = [_tile("Trials", f"{facts.ended:,}{of_planned}", f"{params}{outcomes}")]
    if not facts.is_score:
        tiles.append(_tile("Epochs trained", f"{facts.epochs:,}", f"at most {facts.spec.epochs:,} per trial"))
    unknown = markup('<span id="job-time">…</span>')
    time = unknown if report.job_seconds is None else str(timedelta(seconds=round(report.job_seconds)))
    by = f"{cost.gpu_seconds:,.0f} GPU-seconds" if cost else "by Batch's timestamps"
    tiles.append(_tile("Job time", time, by))
    if cost:
        usd = (f"{cost.usd_estimate:,.2f} USD", "estimated from the stack's price per hour")
    else:
        usd = ("not known yet", "estimated when the sweep ends") if report.is_on_aws else _FREE
    tiles.append(_tile("Cost", *usd))
    return markup('<dl class="tiles">\n{}\n</dl>', joined(tiles, "\n"))


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


def size_text(size: float) -> str:
    """Returns a number of bytes for people: `1 byte`, `4.8 MB`."""
    if size < KILO:
        return number_of(int(size), "byte")
    for unit in ("kB", "MB", "GB"):
        size /= KILO
        if size < KILO:
            return f"{size:,.1f} {unit}"
    return f"{size / KILO:,.1f} TB"
