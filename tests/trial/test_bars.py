"""Redraws of a progress bar are no epochs: its count says which epoch a value is of, or the metric is refused."""

import pytest

from stepsweep.trial.columns import NoMetrics
from tests.support.kit import Kit
from tests.support.transcript import collected

EPOCHS = 3

# As tqdm 4.70 draws it, by count and values.
POSTFIX_FIRST = [(0, ""), (0, "0.9"), (1, "0.9"), (1, "0.6"), (2, "0.6"), (2, "0.75"), (3, "0.75"), (3, "0.75")]
UPDATE_FIRST = [(0, ""), (1, ""), (1, "0.9"), (2, "0.9"), (2, "0.6"), (3, "0.6"), (3, "0.75"), (3, "0.75")]
NO_REFRESH = [(0, ""), (1, "0.9"), (2, "0.6"), (3, "0.75"), (3, "0.75")]
UPDATE_FIRST_NO_REFRESH = [(0, ""), (1, ""), (2, "0.9"), (3, "0.6"), (3, "0.75")]
STOPPED_EARLY = [*POSTFIX_FIRST[:6], (2, "0.75")]
FAST = [(0, ""), (0, "0.9"), (0, "0.6"), (0, "0.75"), (3, "0.75"), (3, "0.75")]
BATCHES = [(0, ""), (0, "0.9"), (0, "0.8"), (1, "0.8"), (1, "0.6"), (2, "0.6"), (2, "0.75"), (3, "0.75")]
LATE = [(0, ""), (1, ""), (1, "0.9"), (2, "0.9")]


def bar(draws: list[tuple[int, str]], *, total: int | None = EPOCHS, name: str = "val_loss") -> str:
    of = "it" if total is None else f"/{total}"
    values = {shown: f", {name}={shown}" if shown else "" for _, shown in draws}
    return "".join(f"\r 33%|###   | {count}{of} [00:00<00:01,  4.3it/s{values[shown]}]" for count, shown in draws)


@pytest.mark.parametrize("epochs", [EPOCHS, None])
@pytest.mark.parametrize("draws", [POSTFIX_FIRST, UPDATE_FIRST, NO_REFRESH, UPDATE_FIRST_NO_REFRESH])
def test_the_count_of_a_bar_over_the_epochs_says_which_epoch_its_values_are_of(
    draws: list[tuple[int, str]], epochs: int | None
) -> None:
    assert collected(bar(draws), epochs) == ({"val_loss": [0.9, 0.6, 0.75]}, [])


def test_the_last_epoch_may_have_diverged() -> None:
    text = bar(POSTFIX_FIRST).replace("0.75", "nan")
    assert str(collected(text)[0]["val_loss"]) == "[0.9, 0.6, nan]"


def test_a_training_that_stops_early_has_the_epochs_that_its_bar_counts(kit: Kit) -> None:
    (kit.folder / "printed").write_text(bar(STOPPED_EARLY, total=12))
    ended = kit("--", "sh", "-c", "cat printed >&2", "{args}", "--epochs", "12")
    assert ended.stdout.split() == ["epoch", "val_loss", "1", "0.9", "2", "0.6", "3", "0.75"]


def test_what_is_printed_once_beside_such_a_bar_is_of_the_last_epoch_and_more_than_that_not_of_any() -> None:
    columns, notices = collected(bar(POSTFIX_FIRST) + "\ntest acc: 0.9\nsize=3\nsize=4\nval_loss=0.6")
    assert columns == {"val_loss": [0.9, 0.6, 0.75], "acc": [None, None, 0.9]}
    assert notices == [
        f"{what} does not count, as the progress bar counts 3 epochs; let the lines name the epoch"
        for what in ("val_loss of 1 line", "size of 2 lines")
    ]


@pytest.mark.parametrize("draws", [POSTFIX_FIRST, FAST])
def test_lines_of_each_epoch_count_as_they_are_printed_whatever_their_bar_shows(draws: list[tuple[int, str]]) -> None:
    lines = "".join(f"\nval_loss={value}\n" for value in (0.9001, 0.6001, 0.7501))
    columns, _ = collected(bar(draws) + lines)
    assert columns == {"val_loss": [0.9001, 0.6001, 0.7501]}


def test_a_bar_that_is_unclear_costs_the_lines_nothing() -> None:
    columns, notices = collected(bar(FAST, name="loss") + "\nval_acc=0.7\nval_acc=0.8")
    assert columns == {"val_acc": [0.7, 0.8]}
    assert notices == ["loss does not count: its bar counts from 0 to 3 at once (tqdm redraws each 0.1 s at most)"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (bar(FAST), "counts from 0 to 3 at once (tqdm redraws each 0.1 s at most)"),
        (bar(FAST) + "\ntest acc: 0.9", "counts from 0 to 3 at once (tqdm redraws each 0.1 s at most)"),
        (bar(BATCHES), "shows several values of val_loss in one epoch"),
        (bar(LATE), "does not show whether its values are of the epoch that it counts or of the next one"),
        (bar(POSTFIX_FIRST, total=4) * 2, "does not count once to 3, the epochs that were asked for"),
        (bar(POSTFIX_FIRST) * 2, "does not count once to 3, the epochs that were asked for"),
        (bar(POSTFIX_FIRST, total=None), "does not count once to 3, the epochs that were asked for"),
    ],
)
def test_values_of_a_bar_whose_epochs_are_unclear_are_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(NoMetrics) as raised:
        collected(text)
    assert str(raised.value) == (
        f"val_loss is in a progress bar that {why}. To fix it, print the metrics of each epoch in a line of their own, "
        "as in: epoch 3 val_loss=0.5"
    )


@pytest.mark.parametrize("mention", ["Starting at epoch 1", "lr decays at epoch 2"])
@pytest.mark.parametrize("draws", [POSTFIX_FIRST, FAST])
def test_a_bar_that_counts_more_epochs_than_lines_name_does_not_count_below_them(
    draws: list[tuple[int, str]], mention: str
) -> None:
    with pytest.raises(NoMetrics) as raised:
        collected(f"{mention}\n{bar(draws)}")
    assert str(raised.value).startswith(f"'{mention}' names an epoch, and lines with val_loss name none. To fix it, ")
    columns, notices = collected("\n".join(f"epoch {at}: acc=0.{at}" for at in (1, 2)) + bar(draws))
    assert columns == {"acc": [0.1, 0.2]}
    assert notices[0].startswith("val_loss does not count: 'epoch 1: acc=0.1' names an epoch, and lines with val_loss ")


def with_lines(draws: list[tuple[int, str]], line: str) -> str:
    """Returns the draws with a line below each new value, which says the epoch."""
    text, epoch = "", 0
    for at, (count, shown) in enumerate(draws):
        text += bar([(count, shown)])
        if shown and shown != draws[at - 1][1]:
            epoch += 1
            text += f"\n{line.format(epoch, shown)}\n"
    return text


@pytest.mark.parametrize("line", ["Epoch {0}: acc=0.{0}", "Epoch {} done"])
@pytest.mark.parametrize("draws", [POSTFIX_FIRST, UPDATE_FIRST])
def test_a_line_below_the_redraw_of_its_epoch_does_not_have_the_value_of_the_next_one(
    draws: list[tuple[int, str]], line: str
) -> None:
    assert collected(with_lines(draws, line))[0]["val_loss"] == [0.9, 0.6, 0.75]


def test_a_bar_that_is_unclear_does_not_count_below_the_line_of_the_epoch_before() -> None:
    columns, notices = collected(with_lines(FAST, "Epoch {0}: acc=0.{0}"))
    assert columns == {"acc": [0.1, 0.2, 0.3]}
    assert notices == ["val_loss does not count: a bar shows it before a line names its epoch"]
    with pytest.raises(
        NoMetrics, match=r"^val_loss is in a progress bar that shows it before a line names its epoch\."
    ):
        collected(with_lines(FAST, "Epoch {} done"))


@pytest.mark.parametrize("draws", [POSTFIX_FIRST, FAST])
def test_of_a_name_in_lines_and_in_a_bar_the_lines_count(draws: list[tuple[int, str]]) -> None:
    columns, _ = collected(with_lines(draws, "Epoch {}: val_loss={}001"))
    assert columns == {"val_loss": [0.9001, 0.6001, 0.75001]}


@pytest.mark.parametrize("total", [1, 4, None])
def test_a_single_epoch_has_the_last_value_of_its_bars(total: int | None) -> None:
    assert collected(bar(POSTFIX_FIRST, total=4) * 2, 1)[0] == {"val_loss": [0.75]}


@pytest.mark.parametrize(("total", "draws"), [(4, 7), (EPOCHS, 8), (4, 2)])
def test_a_bar_over_batches_is_inside_an_epoch_however_often_it_is_redrawn(total: int, draws: int) -> None:
    batches = bar(POSTFIX_FIRST[:draws], total=total, name="loss")
    text = "\n".join(f"{batches}\nval_loss={value}" for value in (0.5, 0.4))
    last = float(POSTFIX_FIRST[draws - 1][1])
    assert collected(text)[0] == {"loss": [last, last], "val_loss": [0.5, 0.4]}


@pytest.mark.parametrize("postfix", ["", ", loss=0.7", ", size=[3, 4]"])
@pytest.mark.parametrize(
    "line", ["{{'val_loss': {1}, 'epoch': {0}.0}}", "epoch {0} val_loss: {1}", "{{'val_loss': {1}}}", "val_loss: {1}"]
)
def test_what_is_printed_right_behind_a_bar_is_a_line_of_its_own(line: str, postfix: str) -> None:
    bars = "\r 33%|###   | {}00/300 [00:00<00:01,  4.3it/s{}]{}"
    output = "\n".join(
        bars.format(at, postfix, line.format(at, value)) for at, value in enumerate((0.5, 0.25, 0.75), start=1)
    )
    columns, _ = collected(output)
    assert columns["val_loss"] == [0.5, 0.25, 0.75]
    earlier = "epoch 1 val_loss: 9.5\n"
    if "epoch" in line:
        assert collected(earlier + output)[0]["val_loss"] == [0.5, 0.25, 0.75]


def test_a_bar_over_batches_inside_one_over_epochs_is_named_as_left_out() -> None:
    batches = bar([(0, ""), (1, "0.3"), (2, "0.2")], total=2, name="loss")
    columns, notices = collected(bar(POSTFIX_FIRST[:3]) + batches + bar(POSTFIX_FIRST[3:]))
    assert columns == {"val_loss": [0.9, 0.6, 0.75]}
    assert notices == ["loss does not count: its bar counts no epochs"]
