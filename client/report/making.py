"""Writes the files of a report: the page, and the figures if requested."""

import contextlib
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.extras import need
from stepsweep.client.report.gather import gathered
from stepsweep.contract.errors import InvalidInput
from stepsweep.page.axes import axes
from stepsweep.page.gathered import Gathered

if TYPE_CHECKING:
    from stepsweep.client.pictures.canvas import Picture

MAX_CURVES = 5
"""Most trials in one figure of curves, so that it stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The result of `sweep report`.

    Attributes:
        bytes: size of the HTML file, most of which is Plotly.
    """

    sweep: str
    file: Path
    bytes: int
    figures: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "file": str(self.file), "figures": list(map(str, self.figures))}


def make_report(cloud: Cloud, name: str, *, file: Path | None = None, figures: Path | None = None) -> Made:
    """Writes the report of a sweep.

    Args:
        file: by default the sweep's name in the working directory.
        figures: folder for the figures; None writes none.

    Raises:
        InvalidInput: there is no such sweep, an extra is missing, or a file cannot be written.
    """
    need("report", "`sweep report`")
    from stepsweep.client.pictures.canvas import saved
    from stepsweep.client.report.page import page

    report = gathered(cloud, cloud.looked_at(), name)
    file = file or Path(f"{name}.html")
    html = page(report).encode()
    try:
        _write(file, html)
        drawn = saved(pictures(report), figures) if figures else []
    except OSError as error:
        raise InvalidInput([f"{error.filename or figures} cannot be written: {error.strerror}"]) from None
    return Made(sweep=name, file=file, bytes=len(html), figures=tuple(drawn))


def _write(file: Path, data: bytes) -> None:
    """Writes a file atomically, so that a browser that reloads it never sees half of it.

    A device or a pipe is written to: a file that took its place, such as that of /dev/null, would break other programs.

    Raises:
        InvalidInput: it cannot be written.
    """
    target = file.resolve()  # a link stays one
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(data)
            return
        beside.write_bytes(data)
        beside.replace(target)
    except OSError as error:
        raise InvalidInput([f"{file} cannot be written: {error.strerror}"]) from None
    finally:
        with contextlib.suppress(OSError):  # as on a read-only disk, which the error before says
            beside.unlink(missing_ok=True)


def pictures(report: Gathered) -> "dict[str, Picture]":
    """Returns the figures that the sweep has data for, by file name."""
    from stepsweep.client.pictures.figures import parallel_coordinates, ranks, slices, values_by_parameter
    from stepsweep.client.pictures.front_figures import front
    from stepsweep.client.pictures.heatmap import heatmap
    from stepsweep.client.pictures.search_figures import best_so_far, importance_of_parameters, rungs

    spec, rows = report.standing.spec, report.standing.rows
    varied = sum(axis.varies for axis in axes(spec, rows)) if rows else 0
    order = [weight.name for weight in report.importance.weights] if report.importance else []
    found: dict[str, Picture] = {}
    if spec.has_front:
        if any(row.by_objective for row in rows):
            found["front"] = front(spec, rows)
        return found | _curves_of_the_best(report)
    if varied == 1:
        found["values"] = values_by_parameter(spec, rows)
    if varied > 1:
        two = [name for name in spec.parameters if name in order[:2]] if varied > 2 else []
        found["heatmap"] = heatmap(spec, rows, **dict(zip(("down", "across"), two, strict=False)))
        found["slices"] = slices(spec, rows, order)
    if varied > 2:
        found["parallel-coordinates"] = parallel_coordinates(spec, rows)
    if report.importance and report.importance.weights:
        found["importance"] = importance_of_parameters(report.importance)
    winner = report.standing.winner.trial_id if report.standing.winner else ""
    for over in report.course.overs if report.course else ():
        found[f"best-over-{over}"] = best_so_far(report.course, spec.objective, over=over, winner=winner)
    if report.course:
        found["ranks"] = ranks(spec, rows)
    if report.course and len(report.course.rungs) > 1:
        found["rungs"] = rungs(report.course, spec.objective, winner=winner)
    return found | _curves_of_the_best(report)


def _curves_of_the_best(report: Gathered) -> "dict[str, Picture]":
    """Returns the curves of the winner, and of the top of the leaderboard; with several objectives the latter alone."""
    from stepsweep.client.pictures.curve_figures import learning_curves
    from stepsweep.page.drawn import label

    spec, rows = report.standing.spec, report.standing.rows
    found: dict[str, Picture] = {}
    curves = {
        label(spec, row): report.curves[row.trial_id]
        for row in rows
        if spec.epochs > 1 and row.rank is not None and row.trial_id in report.curves
    }
    best = dict(list(curves.items())[:MAX_CURVES])
    if best and not spec.has_front:
        found["winner-curves"] = learning_curves(dict(list(best.items())[:1]), spec.objectives)
    if len(best) > 1 or (best and spec.has_front):
        found["best-curves"] = learning_curves(best, spec.objectives)
    return found
