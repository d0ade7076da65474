"""The pictures for notebooks and papers: what stands in them, and where."""

import math
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stepsweep.client.pictures.canvas import saved
from stepsweep.client.pictures.curve_figures import learning_curves
from stepsweep.client.pictures.figures import parallel_coordinates, ranks, slices, values_by_parameter
from stepsweep.client.pictures.front_figures import front
from stepsweep.client.pictures.heatmap import heatmap
from stepsweep.client.pictures.search_figures import best_so_far, importance_of_parameters, rungs
from stepsweep.client.pictures.surface import surface
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.gathered import Importance
from tests.support.planes import ACCURACY, PLANE, PLANE_ROWS, rows, spec

LOSS = Objective(metric="val_loss", direction=Direction.MINIMIZE)


def curve(**columns: list[float]) -> Metrics:
    epochs = [float(epoch) for epoch in range(1, len(next(iter(columns.values()))) + 1)]
    return Metrics(columns={"epoch": epochs, **columns})


def cells(figure: Figure) -> dict[tuple[float, float], str]:
    """Returns the texts of the heatmap's cells by their column and row."""
    return {text.get_position(): text.get_text() for text in figure.axes[0].texts}


def places(line: Line2D) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(line.get_xydata())]


def test_a_value_that_is_on_no_line_is_drawn_as_a_point() -> None:
    nan = math.nan
    at_the_end = curve(val_loss=[1, 0.8, 0.7], test_accuracy=[nan, nan, 0.9])
    every_second = curve(val_loss=[nan, 0.8, nan, 0.7, 0.6])
    for metrics, alone in ((at_the_end, [[], [2]]), (every_second, [[1]]), (curve(val_loss=[1]), [[0]])):
        figure = learning_curves({"lr=0.1": metrics}, [LOSS])
        lines = [plot.get_lines()[0] for plot in figure.axes]
        drawn = [(line.get_marker(), line.get_markevery()) for line in lines]
        assert drawn == [("o", places) if places else ("None", None) for places in alone]


@pytest.mark.parametrize("objective", [ACCURACY, LOSS])
def test_the_better_a_value_the_lighter(objective: Objective) -> None:
    values = [0.9, 0.5, 0.1] if objective is ACCURACY else [0.1, 0.5, 0.9]
    ranked = rows([({"a": str(number), "b": "1"}, value) for number, value in enumerate(values)])
    figure = heatmap(spec(objective, a=[0, 1, 2], b=[1, 2]), ranked)
    fills = [to_rgb(patch.get_facecolor()) for patch in figure.axes[0].patches if patch.get_fill()]
    lightness = [sum(colour) for colour in fills]
    assert lightness == sorted(lightness, reverse=True)
    assert len(lightness) == 3


def test_of_more_parameters_a_cell_has_the_best_over_the_rest() -> None:
    ranked = rows(
        [
            ({"a": "1", "b": "1", "c": "2"}, 0.8),
            ({"a": "1", "b": "2", "c": "1"}, 0.7),
            ({"a": "1", "b": "1", "c": "1"}, 0.6),
        ]
    )
    three = spec(a=[1], b=[1, 2], c=[1, 2])
    assert cells(heatmap(three, ranked))[0, 0] == "0.6", "of the two that vary, b down and c across"
    assert cells(heatmap(three, ranked, down="b", across="a")) == {(0, 0): "0.8\nwinner", (0, 1): "0.7"}


def test_nothing_is_shaded_where_the_validation_loss_is_lowest_at_the_end() -> None:
    loss, *_ = learning_curves({"one": curve(train_loss=[3, 2], val_loss=[3, 2.5])}, [LOSS]).axes
    assert list(loss.patches) == []


TWO = SweepSpec.from_json(
    {"name": "mine", "parameters": {"a": [1]}, "epochs": 1, "objectives": ["val_accuracy", "val_loss"]}
)
RANGES = spec(lr={"low": 1e-4, "high": 0.1, "log": True}, momentum={"low": 0.0, "high": 1.0, "type": "float"})


def ranges(count: int) -> list[Row]:
    """Returns trials on a diagonal: the higher both parameters, the better."""
    shares = [place / (count - 1) for place in range(count)]
    return rows(
        [({"lr": f"{10 ** (3 * s - 4):.4g}", "momentum": f"{round(s, 3):g}"}, s) for s in reversed(shares)]
    )  # fmt: skip


def test_between_ten_trials_of_two_ranges_is_a_surface_and_between_fewer_none() -> None:
    assert [type(each).__name__ for each in heatmap(RANGES, ranges(10)).axes[0].collections].count(
        "QuadContourSet"
    ) == 1
    assert "smoothed over the trials near it" in heatmap(RANGES, ranges(10)).get_supxlabel()
    few = heatmap(RANGES, ranges(9))
    assert "QuadContourSet" not in [type(each).__name__ for each in few.axes[0].collections]


def test_a_surface_is_between_the_values_and_blank_far_from_all_trials() -> None:
    diagonal = [place / 99 for place in range(100)]
    found = surface(diagonal, diagonal, diagonal, steps=11)
    assert found[5, 5] == pytest.approx(0.5)
    assert 0 < found[0, 0] < found[5, 5] < found[10, 10] < 1
    assert np.ma.is_masked(found[0, 10])
    assert np.ma.is_masked(found[10, 0])


def test_slices_have_each_parameter_that_varies_the_given_ones_first() -> None:
    three = spec(a=[1, 2], b=[1], c=[1, 2])
    some = rows([({"a": "1", "b": "1", "c": "2"}, 0.8), ({"a": "2", "b": "1", "c": "1"}, 0.6)])
    assert [plot.get_xlabel() for plot in slices(three, some).axes] == ["a", "c"]
    plots = slices(three, some, ["c", "a"]).axes
    assert [plot.get_xlabel() for plot in plots] == ["c", "a"]
    (winner,) = [line for line in plots[0].lines if line.get_label() == "winner"]
    assert places(winner) == [[1, 0.8]]


ONE = rows([({"a": "1"}, 0.5)])
APART = SweepSpec.from_json(
    {"name": "mine", "epochs": 1, "parameters": {
        "opt": ["sgd", "adam"],
        "momentum": {"choices": [0.5, 0.9, 0.95], "when": {"opt": "sgd"}},
        "beta2": {"choices": [0.8, 0.9, 0.99], "when": {"opt": "adam"}},
    }}
)  # fmt: skip
APART_ROWS = rows([({"opt": "sgd", "momentum": "0.5"}, 0.9), ({"opt": "adam", "beta2": "0.9"}, 0.8)])


HALVED = SweepSpec.from_json({**PLANE.to_json(), "halving": {"min_epochs": 3, "factor": 3}})
HALVED_ROWS = [replace(row, rung=1 if row.rank == 1 else 0) for row in PLANE_ROWS]


@pytest.mark.parametrize("draw", [heatmap, slices, ranks, parallel_coordinates])
def test_with_halving_a_picture_says_that_its_values_are_after_other_epochs(draw: Callable[..., Figure]) -> None:
    said = "Values of promoted trials are after more epochs."
    assert said in " ".join(draw(HALVED, HALVED_ROWS).get_supxlabel().split())
    assert said not in " ".join(draw(PLANE, PLANE_ROWS).get_supxlabel().split())


@pytest.mark.parametrize("draw", [slices, ranks])
def test_with_halving_each_rung_has_a_colour(draw: Callable[..., Figure]) -> None:
    first = draw(HALVED, HALVED_ROWS).axes[0]
    legend = first.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][-2:] == ["3 epochs", "9 epochs"]
    drawn = {bars.get_label(): bars.lines[0] for bars in first.containers if isinstance(bars, ErrorbarContainer)}
    assert [len(places(line)) for line in drawn.values()] == [2, 1]
    assert len({line.get_color() for line in drawn.values()}) == 2
    assert draw(PLANE, PLANE_ROWS).axes[0].get_legend() is None


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (
            lambda: heatmap(spec(a=[1, 2], b=[1]), []),
            "a heatmap needs two parameters that vary, and a alone does; `plot_slices()` shows it",
        ),
        (lambda: heatmap(spec(a=[1], b=[1]), ONE), "a heatmap needs two parameters that vary, and none does"),
        (
            lambda: heatmap(PLANE, PLANE_ROWS, down="lr", across="lr"),
            "across: must be another parameter than down, got 'lr' for both",
        ),
        (
            lambda: heatmap(APART, APART_ROWS, down="beta2", across="momentum"),
            "down, across: no trial has both beta2 and momentum: name two parameters that apply together",
        ),
        (lambda: heatmap(PLANE, PLANE_ROWS, down="d"), "there is no parameter 'd'; there are lr, momentum"),
        (lambda: values_by_parameter(PLANE, PLANE_ROWS, "d"), "there is no parameter 'd'; there are lr, momentum"),
        (
            lambda: slices(spec(a=[1]), ONE),
            "a picture of the trials needs a parameter that varies; every trial has the same params",
        ),
        (
            lambda: parallel_coordinates(spec(a=[1]), ONE),
            "a picture of the trials needs a parameter that varies; every trial has the same params",
        ),
        (lambda: ranks(PLANE, PLANE_ROWS[3:]), "values by rank need a trial with a value, and there is none"),
        (lambda: front(PLANE, []), "a front needs two objectives or more, and mine has val_accuracy alone"),
        (lambda: front(TWO, PLANE_ROWS), "a front needs a trial with values, and mine has none"),
        (lambda: importance_of_parameters(None), "importance compares parameters, and fewer than two vary"),
        (lambda: importance_of_parameters(Importance(weights=(), said="too few")), "too few"),
        (lambda: best_so_far(None, ACCURACY), "a best value needs a trial with a value, and there is none"),
        (lambda: rungs(None, ACCURACY), "rungs need a search with halving, and a trial with a value"),
    ],
)
def test_without_its_data_a_picture_says_what_it_needs(draw: Callable[[], Figure], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        draw()
    assert caught.value.faults == (said,)


def test_no_line_joins_the_values_over_texts_which_have_no_order() -> None:
    figure = values_by_parameter(spec(act=["relu", "tanh"]), rows([({"act": "relu"}, 0.9), ({"act": "tanh"}, 0.7)]))
    assert len(figure.axes[0].lines) == 2, "the points, and the winner"


def test_files_are_pictures_and_the_same_each_time(tmp_path: Path) -> None:
    first = saved({"heatmap": heatmap(PLANE, PLANE_ROWS)}, tmp_path / "first")
    again = saved({"heatmap": heatmap(PLANE, PLANE_ROWS)}, tmp_path / "again")
    assert [file.name for file in first] == ["heatmap.png", "heatmap.svg"]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert struct.unpack(">II", first[0].read_bytes()[16:24]) == (740, 480), "200 dots in an inch"
    assert ET.parse(first[1]).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  our own
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]


def test_a_notebook_shows_them_by_themselves_without_pyplot() -> None:
    program = (
        "import sys; from stepsweep.client.pictures.heatmap import heatmap; "
        "from tests.support.planes import PLANE, PLANE_ROWS; data = heatmap(PLANE, PLANE_ROWS)._repr_png_();"
        "assert data.startswith(b'\\x89PNG'); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
