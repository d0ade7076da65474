"""The pictures that a terminal shows: what stands in them, and where there are none."""

import io
import re
from collections.abc import Mapping
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from stepsweep.client.pictures.terminal import BLOCKS, CURVE_WIDTH, curves, heatmap, scaled
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.space import Value, parse_value
from stepsweep.contract.spec import SweepSpec


def spec(**parameters: list[float]) -> SweepSpec:
    return SweepSpec.from_json({"name": "mine", "parameters": parameters, "epochs": 9})


def number(text: str) -> Value:
    return parse_value(float(text))


def rows(values: Mapping[tuple[str, str], float | None]) -> list[Row]:
    """Returns a leaderboard of params and values, the best first."""
    return [
        Row(rank=None if value is None else place, trial_id=str(place),
            params=dict(zip("ab", map(number, params), strict=True)), value=value, epoch=1, epochs_trained=1,
            status="SUCCEEDED" if value else "FAILED", reason="")
        for place, (params, value) in enumerate(values.items(), start=1)
    ]  # fmt: skip


def printed(table: Table | None, *, colours: bool) -> str:
    assert table is not None
    written = io.StringIO()
    system = "truecolor" if colours else None
    Console(file=written, force_terminal=colours, color_system=system, width=100).print(table)  # type: ignore[arg-type]
    return written.getvalue()


def test_a_heatmap_has_each_value_at_its_params_and_a_star_at_the_winner_s() -> None:
    values = {("0.1", "0.9"): 0.95, ("0.01", "0.5"): 0.9, ("0.1", "0.5"): 0.5, ("0.01", "0.9"): None}
    shown = heatmap(spec(a=[0.1, 0.01], b=[0.5, 0.9]), rows(values))
    assert [line.split() for line in printed(shown, colours=False).splitlines()] == [
        ["a", "\\", "b", "0.5", "0.9"],
        ["0.01", "0.9", "FAILED"],
        ["0.1", "0.5", "*0.95"],
    ]
    coloured = printed(shown, colours=True)
    assert re.search(r"48;2;253;231;37m +\*0\.95", coloured)  # the best is the lightest
    assert re.search(r"48;2;68;1;84m +0\.5", coloured)  # and the worst the darkest
    assert "\x1b[1;38;2;0;0;0;48;2;253;231;37m   *0.95" in coloured  # black on what is light, and bold
    assert "\x1b[38;2;255;255;255;48;2;68;1;84m  0.5" in coloured
    assert "\x1b[31m  FAILED" in coloured


def test_a_trial_that_has_not_ended_is_an_empty_cell() -> None:
    shown = printed(heatmap(spec(a=[1, 2], b=[1, 2]), rows({("1", "1"): 0.5})), colours=False)
    assert [line.split() for line in shown.splitlines()[1:]] == [["1", "*0.5"], ["2"]]


def test_there_is_no_heatmap_of_what_is_no_plane() -> None:
    assert heatmap(spec(a=[1, 2]), []) is None
    assert heatmap(spec(a=[1, 2], b=[1]), []) is None
    assert heatmap(spec(a=[1, 2], b=[1, 2], c=[1, 2]), []) is None
    sixteen, ten = ([float(number) for number in range(count)] for count in (16, 10))
    assert heatmap(spec(a=sixteen, b=ten), []) is not None
    assert heatmap(spec(a=[*sixteen, 16], b=ten), []) is None
    assert heatmap(spec(a=sixteen, b=[*ten, 10]), []) is None


def test_a_curve_goes_from_the_first_epoch_to_the_last() -> None:
    columns = {"epoch": [1.0, 2.0, 3.0], "val_loss": [0.9, 0.2, 0.55], "seconds": [1.0, 1.0, 1.0]}
    assert curves(Metrics(columns=columns)) == [("val_loss", "0.9", "█▁▅", "0.55")]


def test_a_long_curve_is_thinned_and_has_a_gap_where_it_diverged() -> None:
    rising, nan = [float(number) for number in range(96)], float("nan")
    columns = {"epoch": rising, "loss": rising, "diverged": [1.0, nan, 0.123456], "nothing": [nan, nan]}
    assert curves(Metrics(columns=columns)) == [
        ("loss", "0", "▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇▇▇████", "95"),
        ("diverged", "1", "█ ▁", "0.1235"),
        ("nothing", "", "  ", ""),
    ]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300))
def test_a_curve_fits_whatever_its_values(values: list[float]) -> None:
    ((_, _, line, _),) = curves(Metrics(columns={"epoch": [0.0] * len(values), "loss": values}))
    assert len(line) == min(len(values), CURVE_WIDTH)
    assert set(line) <= set(BLOCKS)
    assert all(0 <= scaled(value, values) <= 1 for value in values)


def test_the_choices_of_a_plane_are_all_there() -> None:
    choices = [0.1, 0.01, 0.001]
    values = {(str(one), str(other)): one * other for one, other in product(choices, choices)}
    shown = printed(heatmap(spec(a=choices, b=choices), rows(values)), colours=False)
    assert shown.count("*") == 1
    assert len(shown.splitlines()) == 4
