"""The pictures for notebooks and papers: what stands in them, and where."""

import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.collections import Collection, LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from stepsweep.client.pictures.canvas import COLOURS, WINNER, saved
from stepsweep.client.pictures.curve_figures import learning_curves
from stepsweep.client.pictures.figures import heatmap, parallel_coordinates, ranks, slices, values_by_parameter
from stepsweep.client.pictures.surface import surface
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Direction, Objective
from tests.support.planes import ACCURACY, PLANE, PLANE_ROWS, rows, spec

LOSS = Objective(metric="val_loss", direction=Direction.MINIMIZE)


def curve(**columns: list[float]) -> Metrics:
    epochs = [float(epoch) for epoch in range(1, len(next(iter(columns.values()))) + 1)]
    return Metrics(columns={"epoch": epochs, **columns})


def cells(figure: Figure) -> dict[tuple[float, float], str]:
    """Returns the texts of the heatmap's cells by their column and row."""
    return {text.get_position(): text.get_text() for text in figure.axes[0].texts}


def offsets(points: Collection) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(points.get_offsets())]


def places(line: Line2D) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(line.get_xydata())]


def test_a_heatmap_has_each_value_at_its_params() -> None:
    figure = heatmap(PLANE, PLANE_ROWS)
    plot = figure.axes[0]
    assert [label.get_text() for label in plot.get_xticklabels()] == ["0.5", "0.9"]
    assert [label.get_text() for label in plot.get_yticklabels()] == ["0.01", "0.1"]
    assert (plot.get_ylabel(), plot.get_xlabel()) == ("lr", "momentum")
    assert cells(figure) == {(1, 1): "0.95\nwinner", (0, 1): "0.9", (0, 0): "0.5", (1, 0): "failed"}
    assert plot.get_ylim()[0] > plot.get_ylim()[1], "the first choice is at the top"


def test_the_winner_is_framed_and_nothing_else() -> None:
    frames = [
        patch
        for patch in heatmap(PLANE, PLANE_ROWS).axes[0].patches
        if isinstance(patch, Rectangle) and to_hex(patch.get_edgecolor()) == WINNER.lower()
    ]
    assert [frame.get_xy() for frame in frames] == [(0.5, 0.5)]


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
    with pytest.raises(InvalidInput, match="there is no parameter 'd'; there are a, b, c"):
        heatmap(three, ranked, down="d")


def test_a_heatmap_needs_two_parameters_that_vary() -> None:
    with pytest.raises(InvalidInput, match="needs two parameters that vary"):
        heatmap(spec(a=[1, 2], b=[1]), [])


def test_ranges_are_points_on_their_own_scale() -> None:
    ranges = spec(lr={"low": 0.001, "high": 1, "log": True}, momentum={"low": 0.1, "high": 0.9})
    ranked = rows([({"lr": "0.1", "momentum": "0.5"}, 0.9), ({"lr": "0.01", "momentum": "0.25"}, 0.8),
                   ({"lr": "0.5", "momentum": "0.7"}, None)])  # fmt: skip
    plot = heatmap(ranges, ranked).axes[0]
    failed, points = plot.collections
    assert offsets(points) == [[0.5, 0.1], [0.25, 0.01]]
    assert offsets(failed) == [[0.7, 0.5]]
    assert (plot.get_yscale(), plot.get_xscale()) == ("log", "linear")


def test_a_line_a_trial_through_its_params_and_the_winner_on_top() -> None:
    ranked = rows(
        [({"a": a, "b": b, "c": "1"}, value) for (a, b), value in zip(product("12", "12"), [4, 3, 2, 1], strict=True)]
    )
    plot = parallel_coordinates(spec(a=[1, 2], b=[1, 2], c=[1]), ranked).axes[0]
    assert [label.get_text() for label in plot.get_xticklabels()] == ["a", "b", "val_accuracy"], "c does not vary"
    lines = [line for line in plot.lines if len(places(line)) == 3]
    assert len(lines) == 4
    assert lines[-1].get_label() == "winner"
    assert places(lines[-1]) == [[0, 0], [1, 0], [2, 1]]


def test_one_parameter_is_shown_by_its_values() -> None:
    ranked = rows([({"lr": "0.01"}, 0.9), ({"lr": "0.1"}, 0.8), ({"lr": "1"}, None)])
    plot = values_by_parameter(spec(lr=[0.1, 0.01, 1]), ranked).axes[0]
    assert [sorted(places(line)) for line in plot.lines] == [[[0, 0.9], [1, 0.8]], [[0, 0.9], [1, 0.8]], [[0, 0.9]]]
    assert [label.get_text() for label in plot.get_xticklabels()] == ["0.01", "0.1", "1"], (
        "ascending, though the spec has them otherwise"
    )


def test_curves_have_loss_beside_accuracy_and_mark_the_best_epoch() -> None:
    metrics = curve(train_loss=[3, 2, 1, 0.5], val_loss=[3, 2, 2.5, 2.6], val_accuracy=[0.1, 0.5, 0.6, 0.55])
    figure = learning_curves({"lr=0.1": metrics}, [ACCURACY])
    loss, accuracy = figure.axes
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "val_accuracy")
    labels = [str(line.get_label()) for line in loss.lines]
    assert [label for label in labels if not label.startswith("_")] == ["train_loss", "val_loss"]
    (circle,) = (line for line in accuracy.lines if line.get_marker() == "o")
    assert places(circle) == [[3, 0.6]]
    (shade,) = loss.patches
    assert isinstance(shade, Rectangle)
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (2, 4)


def test_nothing_is_shaded_where_the_validation_loss_is_lowest_at_the_end() -> None:
    loss, *_ = learning_curves({"one": curve(train_loss=[3, 2], val_loss=[3, 2.5])}, [LOSS]).axes
    assert list(loss.patches) == []


def test_several_trials_have_a_colour_each_and_one_legend() -> None:
    both = {"one": curve(train_loss=[3, 2], val_loss=[3, 2]), "other": curve(train_loss=[3, 1], val_loss=[3, 1])}
    figure = learning_curves(both, [LOSS])
    (plot,) = figure.axes
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "other"]
    assert {line.get_color() for line in plot.lines} == set(COLOURS[:2])


def test_many_trials_have_no_training_curves_and_a_legend_beside_the_panels() -> None:
    many = {f"n={number}": curve(train_loss=[3, 2], val_loss=[3, number]) for number in range(1, 10)}
    figure = learning_curves(many, [LOSS])
    (plot,) = figure.axes
    labelled = [line for line in plot.lines if str(line.get_label()) in many]
    assert not [line for line in plot.lines if line.get_linestyle() == "--"]
    assert len({line.get_color() for line in labelled}) == len(labelled) == 9
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(many)
    assert plot.get_legend() is None


RANGES = spec(lr={"low": 1e-4, "high": 0.1, "log": True}, momentum={"low": 0.0, "high": 1.0, "type": "float"})


def ranges(count: int) -> list[Row]:
    """Returns trials on a diagonal: the higher both parameters, the better."""
    shares = [place / (count - 1) for place in range(count)]
    return rows(
        [({"lr": f"{10 ** (3 * s - 4):.4g}", "momentum": f"{round(s, 3):g}"}, s) for s in reversed(shares)]
    )  # fmt: skip


def test_a_log_axis_has_numbers_that_people_read() -> None:
    plot = heatmap(RANGES, ranges(12)).axes[0]
    assert plot.get_yscale() == "log"
    texts = [plot.yaxis.get_major_formatter()(number, None) for number in (0.001, 0.01)]
    assert texts == ["0.001", "0.01"]


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
    with pytest.raises(InvalidInput, match="needs a parameter that varies"):
        slices(spec(a=[1]), rows([({"a": "1"}, 0.5)]))


def test_seeds_and_folds_are_points_beside_their_mean() -> None:
    several = [
        replace(row, each=(row.value - 0.1, row.value + 0.1), n=2, standard_error=0.1)
        for row in PLANE_ROWS
        if row.value
    ]
    plot = ranks(PLANE, several).axes[0]
    members = places(plot.lines[0])
    assert members == pytest.approx(np.asarray([[1, 0.85], [1, 1.05], [2, 0.8], [2, 1.0], [3, 0.4], [3, 0.6]]))
    (bars,) = [each for each in plot.collections if isinstance(each, LineCollection)]
    assert [float(y) for _, y in bars.get_segments()[0]] == pytest.approx([0.85, 1.05])
    with pytest.raises(InvalidInput, match="there is none"):
        ranks(PLANE, [row for row in PLANE_ROWS if row.value is None])


def test_over_a_single_number_the_values_are_a_curve() -> None:
    one = spec(lr=[0.1, 0.01, 0.001])
    figure = values_by_parameter(one, rows([({"lr": "0.01"}, 0.9), ({"lr": "0.1"}, 0.7), ({"lr": "0.001"}, 0.6)]))
    assert places(figure.axes[0].lines[0]) == [[0, 0.6], [1, 0.9], [2, 0.7]], "by the number"
    text = spec(act=["relu", "tanh"])
    figure = values_by_parameter(text, rows([({"act": "relu"}, 0.9), ({"act": "tanh"}, 0.7)]))
    assert len(figure.axes[0].lines) == 2, "texts have no order: points, and the winner"


def test_files_are_pictures_and_the_same_each_time(tmp_path: Path) -> None:
    first = saved({"heatmap": heatmap(PLANE, PLANE_ROWS)}, tmp_path / "first")
    again = saved({"heatmap": heatmap(PLANE, PLANE_ROWS)}, tmp_path / "again")
    assert [file.name for file in first] == ["heatmap.png", "heatmap.svg"]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert ET.parse(first[1]).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  our own
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]


def test_a_notebook_shows_them_by_themselves_without_pyplot() -> None:
    program = (
        "import sys; from stepsweep.client.pictures.figures import heatmap; "
        "from tests.support.planes import PLANE, PLANE_ROWS; data = heatmap(PLANE, PLANE_ROWS)._repr_png_();"
        "assert data.startswith(b'\\x89PNG'); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
