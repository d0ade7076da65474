"""The report in a real browser: its charts, its table, and that it asks for nothing.

CI must have a browser (`.ci/run` installs Debian's where there is none).
Elsewhere these tests are left out without one.
"""

import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from tests.support.browser import HOW, Browser, browser, found
from tests.support.embedded import eventually
from tests.support.hostile import HOSTILE
from tests.support.recorded import RecordedCloud

pytestmark = pytest.mark.skipif(found() is None and not os.environ.get("CI"), reason=f"no browser here: {HOW}")

ROWS = """return [...document.querySelectorAll('#trials tbody tr:not([hidden])')].map(
    (row) => [...row.cells].map((cell) => cell.textContent))"""
CHOSEN = "return [...document.querySelectorAll('#chosen tbody tr')].map((row) => row.cells[0].textContent)"
LINES = """return [...document.querySelectorAll('#panels > div')].map(
    (panel) => panel.data.filter((trace) => trace.mode === 'lines').map((trace) => trace.name))"""
FILTER = (
    "const box = document.getElementById('filter'); box.value = arguments[0]; box.dispatchEvent(new Event('input'))"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path_factory.mktemp("cloud"))


def curve(best: float, epochs: int = 4) -> dict[str, list[float]]:
    """Returns a curve that overfits from its second epoch on."""
    return {
        "train_loss": [1 / epoch for epoch in range(1, epochs + 1)],
        "val_loss": [1.0, *(0.5 + 0.1 * epoch for epoch in range(epochs - 1))],
        "val_accuracy": [best - 0.1, best, *(best - 0.05 for _ in range(epochs - 2))],
    }


def opened(chromium: Browser, recorded: RecordedCloud, name: str, **window: int | bool) -> None:
    cloud = Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )
    file = recorded.directory / f"{name}.html"
    if not file.exists():
        file.write_text(page(gathered(cloud, cloud.looked_at(), name)))
    chromium.open(file, **window)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plane(recorded: RecordedCloud) -> str:
    """A sweep of two parameters; the last of its trials failed, and said something hostile."""
    trials = recorded.planned("plane", {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.9]}, epochs=4)
    for number, (trial, best) in enumerate(zip(trials, [0.8, 0.9, 0.7, 0.6, 0.5], strict=False)):
        recorded.succeeded("plane", trial, curve(best), began=number)
    recorded.failed("plane", trials[-1], HOSTILE, reason=HOSTILE, began=7)
    recorded.reduced("plane")
    return "plane"


def assert_quiet(chromium: Browser) -> None:
    """Nothing in the console, and nothing asked for but the file and pictures that are in it."""
    assert chromium.complaints() == []
    file, *others = chromium.requests()
    assert file.startswith("file://")
    assert [address for address in others if not address.startswith(("data:image/", "blob:"))] == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_drawn_without_a_complaint_or_a_request(
    chromium: Browser, recorded: RecordedCloud, plane: str, dark: bool
) -> None:
    opened(chromium, recorded, plane, dark=dark)
    cells = chromium.run("return document.getElementById('plane').data[0].z")
    assert cells == [[0.5, None], [0.7, 0.6], [0.8, 0.9]]
    written = chromium.run("return document.getElementById('plane').layout.annotations.map((each) => each.text)")
    assert written == ["★ 0.9", "0.8", "0.7", "0.6", "0.5", "failed"]
    assert chromium.run("return document.getElementById('jobs').data.map((trace) => trace.x.length)") == [5, 2]
    background = chromium.run("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is not dark
    assert_quiet(chromium)


@pytest.mark.parametrize(("width", "digits"), [(420, 2), (1280, 4)])
def test_the_numbers_in_cells_do_not_overlap(
    chromium: Browser, recorded: RecordedCloud, width: int, digits: int
) -> None:
    trials = recorded.planned("cells", {"lr": [0.1, 0.01], "momentum": [n / 10 for n in range(7)]}, epochs=1)
    if not (recorded.directory / "cells.html").exists():
        for number, trial in enumerate(trials):
            if number == 5:
                recorded.failed("cells", trial, "no\n")
            else:
                recorded.succeeded("cells", trial, {"val_accuracy": [0.87654321 - number / 1001]})
        recorded.reduced("cells")
    opened(chromium, recorded, "cells", width=width)
    rows = chromium.run(
        """const found = new Map();
        for (const text of document.querySelectorAll('#plane .annotation-text')) {
            const { left, right, top } = text.getBoundingClientRect();
            found.set(Math.round(top / 20), [...(found.get(Math.round(top / 20)) ?? []), [left, right]]);
        }
        return [...found.values()].map((row) => row.sort(([a], [b]) => a - b));"""
    )
    assert sorted(map(len, rows)) == [7, 7]
    for row in rows:
        assert all(one[1] < other[0] for one, other in itertools.pairwise(row))
    shown = chromium.run("return document.getElementById('plane').layout.annotations.map((each) => each.text)")
    assert max(len(each.removeprefix("★ ")) for each in shown if each[-1].isdigit()) == digits + 2
    assert "failed" in shown


def test_a_click_on_a_header_sorts_and_again_the_other_way(
    chromium: Browser, recorded: RecordedCloud, plane: str
) -> None:
    opened(chromium, recorded, plane)
    click = "document.querySelector('th button[data-column=\"params.0\"]').click()"
    chromium.run(click)
    assert [float(row[3]) for row in chromium.run(ROWS)] == [0.001, 0.001, 0.01, 0.01, 0.1, 0.1]
    chromium.run(click)
    assert [float(row[3]) for row in chromium.run(ROWS)] == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert chromium.run("return [...document.querySelectorAll('th[aria-sort]')].map((th) => th.textContent)") == ["lr"]
    value = "document.querySelector('th button[data-column=\"value\"]').click()"
    for _ in range(2):
        chromium.run(value)
        assert chromium.run(ROWS)[-1][2] == "", "what failed has no value, and is last either way"


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        ("lr=0.1", ["1", "2"]), ("lr<0.1 momentum>=0.9", ["4", ""]), ("val_accuracy>0.65", ["1", "2", "3"]),
        ("failed", [""]), ("outcome=failed", [""]), ("img src", [""]), ("nothing", []), ("lr=[", []),
        ("", ["1", "2", "3", "4", "5", ""]), ("LR <0.1 momentum >= 0.9", ["4", ""]), ("lr!=0.1 rank < 4", ["3"]),
        ("outcome!=failed lr=0.1", ["1", "2"]), ("reason!=x", [""]),
    ],
)  # fmt: skip
def test_the_filter_lets_through_what_it_says(
    chromium: Browser, recorded: RecordedCloud, plane: str, words: str, ranks: list[str]
) -> None:
    if chromium.run("return document.title") != "plane · sweep report":
        opened(chromium, recorded, plane)
    chromium.run(FILTER, words)
    assert sorted(row[1] for row in chromium.run(ROWS)) == sorted(ranks)
    drawn = [cell for row in chromium.run("return document.getElementById('plane').data[0].z") for cell in row]
    assert len([cell for cell in drawn if cell is not None]) == len([rank for rank in ranks if rank])
    assert chromium.complaints() == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("foo=3 lr=0.1", "There is no column foo: write one of lr, momentum, rank, val_accuracy, epoch, trained, "
                         "outcome, reason"),
        ("lr<abc", "lr has numbers: write one behind <, not abc"),
        ("outcome>failed", "> compares numbers: write one behind it, not failed, or outcome=failed"),
        ("lr =", "lr= lacks a value: write one behind it"),
        ("nothing", ""),
    ],
)  # fmt: skip
def test_a_filter_that_can_let_nothing_through_says_why(
    chromium: Browser, recorded: RecordedCloud, plane: str, words: str, fault: str
) -> None:
    if chromium.run("return document.title") != "plane · sweep report":
        opened(chromium, recorded, plane)
    chromium.run(FILTER, words)
    assert chromium.run(ROWS) == []
    assert chromium.run("return document.getElementById('filter-faults').textContent") == fault
    chromium.run(FILTER, "")
    assert chromium.run("return document.getElementById('filter-faults').textContent") == ""


def test_a_choice_without_a_value_is_on_the_axis_also_at_its_end(
    chromium: Browser, recorded: RecordedCloud, plane: str
) -> None:
    if chromium.run("return document.title") != "plane · sweep report":
        opened(chromium, recorded, plane)
    chromium.run(FILTER, "lr=0.01")
    assert chromium.seen("slice-0") == [-0.5, 2.5]
    chromium.run(FILTER, "")


@pytest.mark.slow
def test_a_trainer_s_own_names_are_filtered_by_and_no_loss_is_asked_for(
    chromium: Browser, recorded: RecordedCloud
) -> None:
    objective = {"metric": "eval/rmse", "direction": "minimize"}
    trials = recorded.planned("own", {"optim.lr": [0.1, 0.01], "batch-size": [32, 64]}, objective=objective)
    for number, trial in enumerate(trials):
        recorded.succeeded("own", trial, {"eval/rmse": [1.0, 0.5 + number / 10]}, began=number)
    opened(chromium, recorded, "own")
    chromium.run(FILTER, "optim.lr=0.1 batch-size=64 eval/rmse<1")
    assert [row[1:5] for row in chromium.run(ROWS)] == [["2", "0.6", "0.1", "64"]]
    heads = chromium.run("return [...document.querySelectorAll('#chosen th')].map((th) => th.textContent)")
    assert heads == ["Trial", "Best epoch", "Remove"]
    assert "images" not in chromium.run("return document.body.innerText")
    assert chromium.complaints() == []


def test_hugging_face_s_names_share_panels_and_overfitting_is_said_in_them(
    chromium: Browser, recorded: RecordedCloud
) -> None:
    asked: dict[str, Any] = {"objective": {"metric": "eval_accuracy", "direction": "maximize"}, "epochs": 2}
    parameters = {"learning_rate": [1e-5, 2e-5], "per_device_train_batch_size": [8], "weight_decay": [0, 0.01]}
    for number, trial in enumerate(recorded.planned("hugging", parameters, **asked)):
        columns = {"loss": [0.9, 0.5], "eval_loss": [0.6, 0.7], "eval_accuracy": [0.5, 0.6 + number / 10]}
        if not number:  # what every object of JavaScript has
            columns["constructor"] = [0.1, 0.2]
        recorded.succeeded("hugging", trial, columns, began=number)
    recorded.reduced("hugging")
    opened(chromium, recorded, "hugging")
    best = "learning_rate=2e-05 weight_decay=0.01"
    assert chromium.run(CHOSEN)[0] == best, "the batch size is the same in all trials"
    assert chromium.run(LINES)[0][:2] == [f"loss · {best}", f"eval_loss · {best}"]
    dashes = chromium.run("return document.getElementById('panel-0').data.slice(0, 2).map((trace) => trace.line.dash)")
    assert dashes == ["dot", "solid"], "beside eval_loss, loss is that on the training data"
    (head,) = chromium.run("return [document.querySelector('#chosen thead').textContent]")
    assert head == "TrialBest epochLowest eval_lossAt the endOverfittingRemove"
    text = chromium.run("return document.body.innerText")
    assert "most important" not in text, "which four trials do not tell"
    assert "since epoch 1: eval_loss 0.1 higher at the end, loss lower" in text
    assert "val_loss" not in text.replace("eval_loss", "")
    assert chromium.complaints() == []
    assert "In all trials: per_device_train_batch_size=8" in text


@pytest.mark.slow
def test_a_sweep_without_epochs_has_scores_and_no_curves(chromium: Browser, recorded: RecordedCloud) -> None:
    asked: dict[str, Any] = {"objective": {"metric": "accuracy", "direction": "maximize"}, "epochs": 1}
    for number, trial in enumerate(recorded.planned("score", {"C": [1, 10], "kernel": ["rbf", "poly"]}, **asked)):
        recorded.succeeded("score", trial, {"accuracy": [0.5 + number / 10], "f1": [0.25]}, began=number)
    recorded.reduced("score")
    opened(chromium, recorded, "score")
    assert chromium.run("return document.getElementById('curves').hidden")
    assert chromium.run("return [...document.querySelectorAll('#trials th')].map((th) => th.textContent.trim())") == [
        "rank", "accuracy", "f1", "C", "kernel", "outcome",
    ]  # fmt: skip
    assert chromium.run(ROWS)[0] == ["1", "0.8", "0.25", "10", "poly", "SUCCEEDED"]
    axes = chromium.run(
        "return [...document.querySelectorAll('#slices > div')].map((one) => one.layout.xaxis.title.text)"
    )
    assert axes == ["C", "kernel"]
    means = chromium.run("return document.getElementById('slice-0').data[0].y")
    assert means == pytest.approx([0.55, 0.75])
    assert "epoch" not in chromium.run("return document.getElementById('main').innerText.split('Spec')[0]").lower()
    assert_quiet(chromium)


def test_a_value_that_is_on_no_line_is_drawn_as_a_point(chromium: Browser, recorded: RecordedCloud) -> None:
    """As an accuracy on test images after the last epoch, and a loss that is measured in every second one."""
    nan = math.nan
    columns = {"val_accuracy": [0.5, 0.6, 0.7, 0.8], "f1": [nan, 0.4, nan, 0.5], "top5": [nan, nan, nan, 0.9]}
    (trial,) = recorded.planned("points", {"lr": [0.1]}, epochs=4)
    recorded.succeeded("points", trial, columns)
    recorded.reduced("points")
    opened(chromium, recorded, "points")
    seen = chromium.run(
        """return [...document.querySelectorAll('#panels > div')].map((panel) => [panel.data[0].name.split(' ')[0],
        [...panel.querySelector('.trace').querySelectorAll('.point')].filter(
            (point) => point.getBoundingClientRect().width > 4).length])"""
    )
    assert seen == [["val_accuracy", 0], ["f1", 2], ["top5", 1]]
    assert_quiet(chromium)


def test_rows_that_are_means_of_trials_are_counted_as_params(chromium: Browser, recorded: RecordedCloud) -> None:
    for trial in recorded.planned("seeds", {"lr": [0.1, 0.01]}, epochs=1, repeats=2):
        recorded.succeeded("seeds", trial, {"val_accuracy": [0.5]})
    recorded.reduced("seeds")
    opened(chromium, recorded, "seeds")
    assert chromium.run("return document.getElementById('shown').textContent") == "2 sets of params"
    assert_quiet(chromium)


def test_a_line_passes_below_the_axis_of_a_parameter_that_does_not_apply(
    chromium: Browser, recorded: RecordedCloud
) -> None:
    momentum = {"choices": [0.5, 0.9], "when": {"opt": "sgd"}}
    space = {"opt": ["sgd", "adam"], "lr": [0.1], "momentum": momentum, "width": [1, 2]}
    for number, trial in enumerate(recorded.planned("under", space, epochs=1)):
        recorded.succeeded("under", trial, {"val_accuracy": [number / 10]})
    recorded.reduced("under")
    opened(chromium, recorded, "under")
    ways = (
        "return document.getElementById('parallel').data.flatMap((each) => each.y.filter((_, at) => each.x[at] === 1))"
    )
    assert sorted(chromium.run(ways)) == [-0.12] * 2 + [0] * 2 + [1] * 2
    texts = "return document.getElementById('parallel').layout.annotations.map((each) => each.text)"
    assert chromium.run(texts).count("does not apply") == 1
    assert_quiet(chromium)


def test_an_option_and_its_value_are_on_one_line_where_there_is_room(
    chromium: Browser, recorded: RecordedCloud
) -> None:
    asked: dict[str, Any] = {
        "model.hidden": [16],
        "model.layers": [3],
        "optim.learning-rate": [0.001],
        "act": ["x" * 99],
    }
    (trial,) = recorded.planned("options", asked)
    recorded.succeeded("options", trial, {"val_accuracy": [0.5]})
    recorded.reduced("options")
    opened(chromium, recorded, "options", width=420)
    short = ["--model.hidden 16", "--model.layers 3", "--optim.learning-rate 0.001"]
    found = chromium.run(
        """return [...document.querySelectorAll('#winner-options .option')].map((option) => {
            const range = document.createRange();
            range.selectNodeContents(option);
            return [option.textContent, new Set([...range.getClientRects()].map((line) => line.top)).size];
        })"""
    )
    assert found[:-1] == [[option, 1] for option in short]
    assert found[-1][1] > 1, "a value that is longer than a line"
    assert chromium.run("return document.getElementById('winner-options').textContent").startswith(
        f"{' '.join(short)} --act xxx"
    )
    assert chromium.run("return document.documentElement.scrollWidth") <= 420
    assert_quiet(chromium)


def test_a_click_on_a_row_shows_its_curve_and_again_takes_it_away(
    chromium: Browser, recorded: RecordedCloud, plane: str
) -> None:
    opened(chromium, recorded, plane)
    best = ["lr=0.1 momentum=0.9", "lr=0.1 momentum=0.5", "lr=0.01 momentum=0.5"]
    assert chromium.run(CHOSEN) == best
    click = "document.querySelector('#trials tr[data-trial=\"4\"]').click()"
    chromium.run(click)
    assert chromium.run(CHOSEN) == [*best, "lr=0.001 momentum=0.5"]
    loss, accuracy = chromium.run(LINES)
    assert loss[-2:] == ["train_loss · lr=0.001 momentum=0.5", "val_loss · lr=0.001 momentum=0.5"]
    assert accuracy[-1] == "val_accuracy · lr=0.001 momentum=0.5"
    chromium.run(click)
    assert chromium.run(CHOSEN) == best
    chromium.run("document.querySelector('#trials tr[data-trial=\"0\"] input').click()")
    assert chromium.run(CHOSEN) == best[1:], "the box does what its row does"
    chromium.run("document.getElementById('clear').click()")
    assert chromium.run(LINES) == [[], []]
    assert_quiet(chromium)


@pytest.mark.slow
def test_pictures_tell_what_matters_and_how_it_went_and_a_brushed_axis_filters(
    chromium: Browser, recorded: RecordedCloud
) -> None:
    choices = {"lr": {"low": 0.001, "high": 1, "log": True}, "momentum": [0.5, 0.9], "act": ["relu", "tanh"]}
    search = {"method": "random", "trials": 12}
    trials = recorded.planned("told", choices, epochs=2, search=search)
    for number, trial in enumerate(trials):
        value = 0.9 + math.log10(float(str(trial.params["lr"]))) / 10
        recorded.succeeded("told", trial, {"val_accuracy": [0.1, value]}, began=number)
    recorded.reduced("told")
    opened(chromium, recorded, "told", dark=True)
    data = "return document.getElementById(arguments[0]).data"
    assert len(chromium.run(data, "importance")[0]["x"]) == 3
    said = chromium.run("return document.getElementById('importance-said').innerText")
    assert said.startswith("lr decides most")
    in_order = "The parameter that seems most important is first."
    assert in_order in chromium.run("return document.getElementById('slices-box').innerText")
    colours = chromium.run("return document.getElementById('parallel').data.map((trace) => trace.line.color)")
    assert len(set(colours)) > 3
    assert not {"#440154", "#46327e", "#365c8d"} & set(colours), "which vanish on dark paper"
    titles = "return [...document.querySelectorAll('#slices > div')].map((each) => each.layout.xaxis.title.text)"
    assert sorted(chromium.run(titles)) == ["act", "lr", "momentum"]
    assert len(chromium.run(data, "ranks")[0]["y"]) == 12
    assert chromium.run("return document.getElementById('course').layout.xaxis.title.text").startswith("results")
    over = "const over = document.getElementById('course-over'); over.value = arguments[0];"
    over += "over.dispatchEvent(new Event('change'))"
    chromium.run(over, "job-time")
    assert max(chromium.run(data, "course")[0]["x"]) == 24, "12 jobs of two seconds"

    corners = """
      const parallel = document.getElementById('parallel'), { xaxis, yaxis } = parallel._fullLayout;
      parallel.scrollIntoView({ block: 'center', behavior: 'instant' });
      const { x, y } = parallel.getBoundingClientRect(), at = arguments[0];
      return [x + xaxis._offset + xaxis.d2p(at), ...[0.9, 1.05].map((share) => y + yaxis._offset + yaxis.d2p(share))];
    """
    place, low, high = chromium.run(corners, 2)
    mouse = {"button": "left", "buttons": 1, "clickCount": 1}
    places = [("mousePressed", place - 12, low), ("mouseMoved", place, low - 9), ("mouseMoved", place + 12, high)]
    for kind, x, y in [*places, ("mouseReleased", place + 12, high)]:
        chromium.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, **mouse)
    eventually(lambda: chromium.run("return document.querySelector('.brushes').innerText") == "act tanh ✕")
    of_tanh = sum(trial.params["act"] == "tanh" for trial in trials)
    assert len(chromium.run(ROWS)) == of_tanh < 12
    assert len(chromium.run(data, "ranks")[0]["y"]) == of_tanh
    chromium.run("document.querySelector('.brushes button').click()")
    assert len(chromium.run(ROWS)) == 12
    assert_quiet(chromium)


@pytest.mark.slow
def test_other_data_draws_only_what_changes_and_keeps_a_zoom(
    chromium: Browser, recorded: RecordedCloud, plane: str
) -> None:
    opened(chromium, recorded, plane)
    whole = chromium.seen("ranks")
    chromium.zoom("ranks")
    eventually(lambda: chromium.seen("ranks") != whole)
    zoomed = chromium.seen("ranks")
    chromium.run("""
      window.drawn = [];
      for (const chart of document.querySelectorAll('.js-plotly-plot')) {
        chart.on('plotly_afterplot', () => window.drawn.push(chart.id));
      }
    """)
    again = "SweepPage.update({ ...JSON.parse(document.getElementById('data').textContent), ...arguments[0] })"
    chromium.run(again, {})
    assert chromium.run("return window.drawn") == []
    trials = chromium.run("return JSON.parse(document.getElementById('data').textContent).trials")
    trials["value"][4] = 0.45
    chromium.run(again, {"trials": trials})
    eventually(lambda: {"plane", "ranks", "slice-0"} <= set(chromium.run("return window.drawn")))
    assert {"jobs", "panel-0", "course"}.isdisjoint(chromium.run("return window.drawn"))
    assert chromium.run("return document.getElementById('ranks').data[0].y[4]") == 0.45
    assert chromium.seen("ranks") == zoomed
    assert_quiet(chromium)


def test_no_chart_offers_to_be_sent_to_a_server(chromium: Browser, recorded: RecordedCloud, plane: str) -> None:
    opened(chromium, recorded, plane)
    titles = chromium.run("return [...document.querySelectorAll('.modebar-btn')].map((each) => each.dataset.title)")
    assert "Download plot as a PNG" in titles
    assert [title for title in titles if "hare" in title or "loud" in title] == []


def test_overfitting_is_said_and_shown(chromium: Browser, recorded: RecordedCloud, plane: str) -> None:
    opened(chromium, recorded, plane)
    chromium.run("document.getElementById('clear').click(); document.querySelector('#trials tr').click()")
    chromium.run("document.querySelector('#trials tr[data-trial=\"0\"]').click()")
    (row,) = chromium.run("return [...document.querySelectorAll('#chosen tbody tr')].map((row) => row.textContent)")
    assert "since epoch 2: val_loss 0.2 higher at the end, train_loss lower" in row
    shaded = chromium.run(
        "return document.getElementById('panel-0').layout.shapes.map((shape) => [shape.x0, shape.x1])"
    )
    assert shaded == [[2, 4]]


def test_a_loss_that_is_not_measured_in_each_epoch_has_not_diverged(chromium: Browser, recorded: RecordedCloud) -> None:
    nan = math.nan
    curves = ([nan, 0.5, nan, 0.6, nan], [0.5, 0.4, nan, nan, nan], [nan] * 5)
    for trial, losses in zip(recorded.planned("sparse", {"lr": [0.1, 0.2, 0.3]}, epochs=5), curves, strict=True):
        values = {"train_loss": [1 / epoch for epoch in range(1, 6)], "val_loss": losses, "val_accuracy": [0.5] * 5}
        recorded.succeeded("sparse", trial, values)
    recorded.reduced("sparse")
    opened(chromium, recorded, "sparse")
    rows = chromium.run("return [...document.querySelectorAll('#chosen tbody tr')].map((row) => row.innerText)")
    said = {row.split("\t")[0]: row.split("\t")[4] for row in rows}
    assert said == {
        "lr=0.1": "since epoch 2: val_loss 0.1 higher at the end, train_loss lower",
        "lr=0.2": "diverged at epoch 3",
        "lr=0.3": "diverged at epoch 1",
    }


@pytest.mark.slow
def test_a_thousand_trials_of_three_parameters(chromium: Browser, recorded: RecordedCloud) -> None:
    choices = {"lr": [10 ** (-place / 5) for place in range(10)], "momentum": [place / 10 for place in range(10)],
               "width": list(range(1, 11))}  # fmt: skip
    for number, trial in enumerate(recorded.planned("many", choices, epochs=2)):
        value = 0.5 + 0.4 * math.sin(number) ** 2
        recorded.succeeded(
            "many", trial, {"val_loss": [1.0, 1 - value], "val_accuracy": [0.1, value]}, began=number // 16
        )
    recorded.reduced("many")
    opened(chromium, recorded, "many")
    assert len(chromium.run(ROWS)) == 1000
    chromium.run("document.querySelector('th button[data-column=\"value\"]').click()")
    values = [float(row[2]) for row in chromium.run(ROWS)]
    assert values == sorted(values)
    chromium.run(FILTER, "width=3 momentum>0.5")
    assert len(chromium.run(ROWS)) == 40
    assert chromium.run("return document.getElementById('shown').textContent") == "40 of 1000 trials"
    parallel = chromium.run("return document.getElementById('parallel').data.map((trace) => trace.customdata)")
    assert len(set(itertools.chain.from_iterable(parallel)) - {None}) == 40
    chromium.run(
        "const down = document.getElementById('plane-down'); down.value = 2; down.dispatchEvent(new Event('change'))"
    )
    assert chromium.run("return document.getElementById('plane').layout.yaxis.title.text") == "width"
    assert_quiet(chromium)


@pytest.mark.parametrize(("width", "dark"), [pytest.param(1280, False, marks=pytest.mark.slow), (360, True)])
def test_nobody_is_kept_from_using_the_page(
    chromium: Browser, recorded: RecordedCloud, plane: str, width: int, dark: bool
) -> None:
    opened(chromium, recorded, plane, width=width, dark=dark)
    assert chromium.barriers() == []
    chromium.run("document.querySelector('.lead').style.color = document.body.style.backgroundColor = '#777'")
    assert any(each.startswith("color-contrast") for each in chromium.barriers())


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_its_window(
    chromium: Browser, recorded: RecordedCloud, plane: str, width: int
) -> None:
    opened(chromium, recorded, plane, width=width)
    assert chromium.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.slow
def test_on_paper_it_is_light_and_whole(chromium: Browser, recorded: RecordedCloud, plane: str, tmp_path: Path) -> None:
    opened(chromium, recorded, plane, dark=True)
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    chromium.command("Emulation.setEmulatedMedia", media="print")
    assert chromium.run("return getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    assert chromium.run("return getComputedStyle(document.querySelector('.tall')).maxHeight") == "none"
    chromium.command("Emulation.setEmulatedMedia", media="")


@pytest.mark.slow
def test_several_objectives_have_charts_of_their_front_and_none_of_one_value(
    chromium: Browser, recorded: RecordedCloud
) -> None:
    objectives = ["val_accuracy", "ms:minimize"]
    trials = recorded.planned("front", {"width": [1, 2, 3], "lr": [1, 2]}, epochs=2, objectives=objectives)
    values = zip([0.5, 0.7, 0.6, 0.9, 0.4], [1.0, 2.0, 4.0, 8.0, 8.0], strict=True)
    for trial, (accuracy, ms) in zip(trials, values, strict=False):
        recorded.succeeded("front", trial, {"val_accuracy": [0, accuracy], "ms": [0, ms]})
    recorded.failed("front", trials[-1], "out of paper")
    recorded.reduced("front")
    opened(chromium, recorded, "front")
    drawn = "return document.getElementById('front-0').data.map((trace) => [trace.name, trace.x, trace.y])"
    on_front = ["on the front", [0.5, 0.7, 0.9], [1, 2, 8]]
    assert chromium.run(drawn) == [["other trials", [0.6, 0.4], [4, 8]], on_front]
    hidden = "return ['space', 'search', 'front'].map((id) => document.getElementById(id).hidden)"
    assert chromium.run(hidden) == [True, True, False]
    heads = "return [...document.querySelectorAll('#trials thead th')].map((th) => th.textContent.trim())"
    assert chromium.run(heads)[:6] == ["Curve", "front", "val_accuracy", "ms", "width", "lr"]
    assert [row[1:4] for row in chromium.run(ROWS)][:4] == [
        ["1", "0.9", "8"], ["1", "0.7", "2"], ["1", "0.5", "1"], ["2", "0.6", "4"]
    ]  # fmt: skip
    page = chromium.run("return document.body.innerText").lower()
    assert "winner" not in page.replace("the result is a front instead of a winner", "")
    chromium.run(FILTER, "ms<3")
    assert chromium.run(drawn)[1] == ["on the front", [0.5, 0.7], [1, 2]]
    assert_quiet(chromium)
