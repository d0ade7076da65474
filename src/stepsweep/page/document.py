"""A sweep's page as HTML: its body for a server's page, and one file that loads nothing.

Every text from a person or a trainer is escaped: in the HTML by `markup`, and as JSON without `<`, `>` and `&` in the
data. In addition, the file's Content-Security-Policy allows only two scripts, by their hashes.
"""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from stepsweep.contract.marks import GENERATOR
from stepsweep.page import sentences
from stepsweep.page.drawn import drawn
from stepsweep.page.facts import Facts
from stepsweep.page.gathered import Gathered
from stepsweep.page.markup import NOTHING, Markup, markup, of_file
from stepsweep.page.parts import Skin, has_note, note, parts

STYLE = "page.css"
SCRIPTS = (
    "charts.js",
    "search.js",
    "trials.js",
    "front.js",
    "parallel.js",
    "space.js",
    "filter.js",
    "leaderboard.js",
    "sweep.js",
)
"""What the file has inside, and `sweep ui` serves."""


def document(report: Gathered, *, plotly: str, made: str) -> str:
    """Returns the HTML of the file.

    Args:
        plotly: Plotly's script.
        made: who made it, and from what.
    """
    script = "\n".join(map(own, SCRIPTS))
    values = {
        "generator": Markup(GENERATOR),
        "name": report.standing.spec.name,
        "style": Markup(own(STYLE)),
        "body": body(Facts.of(report), Skin()),
        "made": made,
        "data": in_html(drawn(report)),
        "plotly": Markup(plotly),
        "script": Markup(script),
        "hashes": Markup(" ".join(f"'{_hash(each)}'" for each in (plotly, script))),
    }
    return of_file(own("report.html"), values)


def body(
    facts: Facts, skin: Skin, *, above: Markup = NOTHING, noting: Markup = NOTHING, training: Markup = NOTHING
) -> Markup:
    """Returns what the page of a server and the file have in common.

    Args:
        above: of a server's page, what stands before the summary.
        noting: of a server's page, the form for the note.
        training: of a server's page, the trials that run.
    """
    spec, halved = facts.spec, facts.spec.halving is not None
    known = {name: value for name, value in vars(sentences).items() if name.isupper()}
    validation, training_loss = facts.report.losses
    falls = f" while {training_loss} falls" if training_loss else ""
    one = "Of several trials with a choice, a bar shows the mean."
    several = " Of several trials with the same params, the first one's curve is shown."
    of = facts.report.curves_of
    values = {
        **known,
        **parts(facts, skin),
        "skip": NOTHING if skin.is_live else markup('<a class="skip" href="#leaderboard">To the leaderboard</a>'),
        "above": above,
        "note": _note(facts, skin, noting),
        "training": training,
        "metric": facts.metric,
        "of_front": (sentences.FRONT if len(spec.objectives) == 2 else sentences.FRONT_OF_PAIRS)
        + ("" if facts.is_score else " Click a trial to add or remove its learning curve."),
        "deciding": "epoch that counts" if spec.has_front else "best epoch",
        "of_click": one if facts.is_score else "Click a trial to add or remove its learning curve.",
        "of_promoted": f" {sentences.PROMOTED}" if halved else "",
        "of_slices": " Colours are rungs, as in the chart of the best values." if halved else "",
        "of_course": sentences.COURSE_OF_RUNGS if halved else sentences.COURSE,
        "of_ranks": (" Trials of a higher rung come first; colours are rungs." if halved else "")
        + (
            " A bar through a point is the standard error of the mean; the small points are its trials."
            if facts.has_several
            else ""
        ),
        "rungs": _rungs(facts.metric) if halved else NOTHING,
        "overfits": f"; if {validation} rises after its lowest value{falls}, the trial overfits" if validation else "",
        "of_curves": (several if facts.has_several else "")
        + (f" This page has the curves of the best {of:,} trials." if of is not None else ""),
        "none": Markup(" hidden") if facts.rows or (skin.is_live and not skin.is_begun) else NOTHING,
        "spec_json": facts.spec_json,
        "name": spec.name,
    }
    return of_file(own("sweep.html"), values)


def _note(facts: Facts, skin: Skin, noting: Markup) -> Markup:
    if not has_note(facts, skin):
        return NOTHING
    return markup(
        '<section id="note" aria-labelledby="note-title">\n  <h2 id="note-title">Note</h2>\n'
        '  <div id="note-shown">\n{}\n  </div>\n{}\n</section>',
        note(facts),
        noting,
    )


def _rungs(metric: str) -> Markup:
    return markup(
        '<h3>Rungs</h3>\n  <p class="hint">{}</p>\n  <div class="wide"><div id="rungs" class="chart" role="group" '
        'aria-label="{} of each trial on each rung"></div></div>',
        sentences.RUNGS,
        metric,
    )


def in_html(data: Any) -> Markup:
    """Returns JSON for a script's element, which no text in it can end."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def own(name: str) -> str:
    """Returns the text of a file of this package."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Returns the hash source of a script for a Content-Security-Policy.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
