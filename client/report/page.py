"""The page of `sweep report`: one file that loads nothing."""

from datetime import UTC, datetime

from plotly.offline import get_plotlyjs

from stepsweep.page.document import document
from stepsweep.page.gathered import Gathered
from stepsweep.page.markup import markup


def page(report: Gathered, *, now: datetime | None = None) -> str:
    """Returns the HTML of the file."""
    made = markup(
        "Made by <code>sweep report</code> on {} UTC from the records in <code>{}</code>.",
        f"{now or datetime.now(UTC):%Y-%m-%d %H:%M}",
        report.objects,
    )
    return document(report, plotly=get_plotlyjs(), made=made)
