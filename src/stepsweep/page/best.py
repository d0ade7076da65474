"""The best trials on a sweep's page: the winner, with its ties or the second best; or the front."""

from collections.abc import Sequence

from stepsweep.contract.ahead import behind, significantly_better, tested
from stepsweep.contract.described import MAX_NAMED, assignments, at_epoch, number_of, shown_value
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.words import options_line
from stepsweep.page.drawn import label
from stepsweep.page.facts import Facts
from stepsweep.page.gathered import File
from stepsweep.page.markup import NOTHING, Markup, joined, markup, some_of

MAX_FILES = 20
MAX_ON_FRONT = 30
"""Most trials of a front in the summary; the leaderboard has all of them."""
KILO = 1_000


def winner_of(facts: Facts) -> Markup:
    """Returns the winner, or the best trial so far, with its files, and its ties or the second best."""
    winner, spec, command = facts.winner, facts.spec, facts.report.winner_command
    if winner is None or winner.value is None:
        return NOTHING
    error = "" if winner.standard_error is None else f" ± {shown_value(winner.standard_error, digits=2)}"
    epoch = f" {at_epoch(winner.epoch, n=winner.n, of=winner.epochs_trained)}" if spec.epochs > 1 else ""
    several = f", the mean of {winner.n} trials" if winner.n > 1 else ""
    lines = [
        markup('<h2 id="winner-title">{}</h2>', "Winner" if facts.state == "finished" else "Best so far"),
        markup(
            '<div class="copyable"><code id="winner-options">{}</code>'
            '<button type="button" data-copies="winner-options">Copy</button></div>',
            together(command) if command else _options(winner),
        ),
        _of_command(winner) if command else NOTHING,
        markup(
            '<p class="value"><strong>{}</strong> {}{}{}{}</p>',
            shown_value(winner.value),
            facts.metric,
            error,
            epoch,
            several,
        ),
        *_of_output(facts),
        _next_best(facts, winner),
        _files(facts.report.artifacts),
    ]
    return markup(
        '<section id="winner" class="winner" aria-labelledby="winner-title">\n{}\n</section>', joined(lines, "\n  ")
    )


def front_of(facts: Facts) -> Markup:
    """Returns the trials of the first Pareto front, none of which wins."""
    if not facts.on_front:
        return NOTHING
    spec, there = facts.spec, facts.on_front
    number = '<td class="number">{}</td>'
    heads = [markup('<th scope="col" class="number">{}</th>', each.metric) for each in spec.objectives]
    rows = [
        markup(
            "<tr><td><code>{}</code></td>{}{}</tr>",
            together([assignments({name: value}) for name, value in row.params.items()]),
            joined([markup(number, shown_value(value)) for value in row.objective_values]),
            NOTHING if facts.is_score else markup(number, row.epoch),
        )
        for row in there[:MAX_ON_FRONT]
    ]
    more = f"… and {len(there) - MAX_ON_FRONT:,} more in the leaderboard." if len(there) > MAX_ON_FRONT else ""
    return markup(
        '<section id="on-front" class="winner" aria-labelledby="on-front-title">\n'
        '  <h2 id="on-front-title">{title}</h2>\n'
        "  <p>{trials} that no other trial beats. A trial beats another if it is at least as good in {names}, and "
        'better in one. All values of a trial are of one epoch.</p>\n  <div class="scroll"><table>\n'
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


def _options(row: Row) -> Markup:
    """Returns params as `options_line`."""
    return together([options_line({name: value}) for name, value in row.params.items()])


def together(options: Sequence[str]) -> Markup:
    """Returns options, each beside its value where a line ends."""
    return joined([markup('<span class="option">{}</span>', option) for option in options], " ")


def _of_command(winner: Row) -> Markup:
    """Returns the params that a script's own command may hide, and of which trial it is."""
    of_first = f"; the command is that of the first of its {winner.n} trials" if winner.n > 1 else ""
    return markup("<p><code>{}</code>{}</p>", assignments(winner.params), of_first)


def _of_output(facts: Facts) -> list[Markup]:
    """Returns why the winner has fewer epochs, if it has, and what its trainer wrote beside the metrics."""
    output = facts.report.standing.output
    written = (output and output.summary) or {}
    devices, accuracy = written.get("devices", []), written.get("test_accuracy")
    found = [markup("<p>{}</p>", output.fewer_epochs)] if output and output.fewer_epochs else []
    if isinstance(devices, list) and len(devices) > 1:
        found.append(markup("<p>Trained on {}, which give other last digits.</p>", ", then ".join(map(str, devices))))
    if isinstance(accuracy, int | float):
        loss = facts.report.losses[0] or "val_loss"
        found.append(markup("<p>{} test_accuracy, at the epoch with the lowest {}.</p>", shown_value(accuracy), loss))
    return found


def _next_best(facts: Facts, winner: Row) -> Markup:
    """Returns which trials are as good as the winner; otherwise the second, and what a t-test says of all."""
    second = facts.second
    if facts.ties:
        if winner.n > 1:
            why = f"a t-test of the {tested(facts.spec)} does not tell the winner from "
        else:
            others = number_of(len(facts.ties), "other trial")
            why = f"{others} reached the same value, but at a later epoch, or later in the plan: "
        tied = [markup("<code>{}</code>", label(facts.spec, row)) for row in facts.ties]
        return markup("<p>Tie: {}\n    {}.</p>", why, some_of(tied, MAX_NAMED))
    if second is None or second.value is None:
        return NOTHING
    is_tested = winner.n > 1 and facts.state == "finished"
    better = significantly_better(facts.spec, facts.rows) if is_tested else ""
    return markup(
        "<p>Second: <code>{}</code> with {}{}.{}</p>",
        label(facts.spec, second),
        shown_value(second.value),
        behind(facts.spec, winner, second),
        f" The winner is {better}." if better else "",
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


def size_text(size: float) -> str:
    """Returns a number of bytes for people: `1 byte`, `4.8 MB`."""
    if size < KILO:
        return number_of(int(size), "byte")
    for unit in ("kB", "MB", "GB"):
        size /= KILO
        if size < KILO:
            return f"{size:,.1f} {unit}"
    return f"{size / KILO:,.1f} TB"
