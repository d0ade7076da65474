"""Which epoch a value is of, in trainings that stop early, measure now and then, or print more than their epochs."""

import pytest

from stepsweep.trial.columns import NoMetrics
from tests.support.transcript import collected

Columns = dict[str, list[float | None]]


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (
            ["Epoch 0 done, skipping validation", "Epoch 1 done, val_acc=0.5"]
            + ["Epoch 2 done, skipping validation", "Epoch 3 done, val_acc=0.6"],
            {"val_acc": [None, 0.5, None, 0.6]},
        ),
        (["Epoch 0: lr warmup", "Epoch 1: acc=0.5", "Epoch 2: acc=0.6"], {"acc": [None, 0.5, 0.6]}),
        (["Epoch 0 | FID not computed", "Epoch 1 | FID: 30.5"], {"FID": [None, 30.5]}),
        (["INFO Starting epoch 0", "[10:00:01] Epoch 1 acc=0.5"], {"acc": [None, 0.5]}),
        (
            [
                "Epoch 0 took 59s",
                "Epoch 1 took 1m 2s",
                "acc: 0.5",
                "Epoch 2 took 59s",
                "Epoch 3 took 1m 3s",
                "acc: 0.6",
            ],
            {"acc": [None, 0.5, None, 0.6]},
        ),
        (["Resuming, checkpoint of epoch 0", "Epoch 1: acc=0.5", "Epoch 2: acc=0.6"], {"acc": [0.5, 0.6]}),
    ],
)
def test_an_epoch_0_without_metrics_is_the_first_one_unless_it_was_loaded(lines: list[str], columns: Columns) -> None:
    assert collected("\n".join(lines), epochs=4)[0] == columns


def keras(epochs: int, *, of: int) -> str:
    """Returns what Keras prints of some epochs: the loss is 0.9 after the first one, and 0.1 less after each other."""
    return "".join(
        f"Epoch {at}/{of}\n10/10 - 0s 9ms/step - accuracy: 0.{at} - loss: 0.{10 - at} - val_loss: 1.{10 - at}\n"
        for at in range(1, epochs + 1)
    )


@pytest.mark.parametrize("epochs", [2, 3, 4])
@pytest.mark.parametrize(
    "after",
    [
        "",
        "3/3 - 0s 4ms/step - accuracy: 0.47 - loss: 1.02\n",
        "Restoring model weights from the end of the best epoch: 1.\n3/3 - 0s 4ms/step - accuracy: 0.47 - loss: 1.02\n",
    ],
)
def test_a_training_of_keras_may_stop_early_and_be_evaluated_after_it(after: str, epochs: int) -> None:
    columns, _ = collected(keras(epochs, of=4) + after, epochs=4)
    assert columns == {
        "accuracy": [at / 10 for at in range(1, epochs + 1)],
        "loss": [(10 - at) / 10 for at in range(1, epochs + 1)],
        "val_loss": [1 + (10 - at) / 10 for at in range(1, epochs + 1)],
    }


@pytest.mark.parametrize(
    "heading", ["Epoch {}/6", "Epoch {} of 6", "--- Epoch [{}/6] ---", "10:00:01 INFO Starting epoch {}/6"]
)
@pytest.mark.parametrize("first", [0, 1])
def test_below_headings_of_all_epochs_each_may_have_as_many_lines_as_it_likes(heading: str, first: int) -> None:
    output = ["val_loss: 2.3"]
    for at in range(1, 5):
        output += [
            heading.format(at - 1 + first),
            *(f"step {10 * step} loss 0.{at}{step}" for step in range(1, 5 - at)),
        ]
        output += [f"val_loss: 0.{at}"] if at % 2 == 0 else []
    columns, notices = collected("\n".join([*output, "Early stopping"]), epochs=6)
    assert columns == {"val_loss": [None, 0.2, None, 0.4], "loss": [0.13, 0.22, 0.31, None]}
    assert notices == []


@pytest.mark.parametrize("first", [0, 1])
def test_headings_may_count_from_0_to_one_less(first: int) -> None:
    output = "".join(f"Epoch {at}/2\ntrain Loss: 0.5\nval Loss: 0.{at}\n" for at in range(2))
    assert collected(output, epochs=3)[0]["val_Loss"] == [0.0, 0.1]


@pytest.mark.parametrize("headings", [(2, 4, 6, 8), (5, 10), (1,)])
def test_headings_of_some_epochs_are_above_the_metrics_of_others_too(headings: tuple[int, ...]) -> None:
    lines = [f"Epoch {at}/20\nloss: 0.{at}" if at in headings else f"loss: 0.{at}" for at in range(1, 11)]
    with pytest.raises(NoMetrics, match=rf"'Epoch {headings[0]}/20' names an epoch, and lines with loss name none"):
        collected("\n".join(lines), epochs=20)


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("between", ["", "Loading the best model (epoch 2)\n"])
def test_one_line_more_than_each_epoch_has_is_printed_after_the_last_one(lines: int, between: str) -> None:
    output = "".join(f"Epoch {at}/5\n" + f"val_loss: {loss}\n" * lines for at, loss in enumerate((0.5, 0.4, 0.6), 1))
    columns, notices = collected(f"{output}{between}val_loss: 0.4\n", epochs=5)
    assert columns == {"val_loss": [0.5, 0.4, 0.6]}
    assert notices == ["val_loss of epoch 3 is 0.6, not 0.4 of one line more than the other epochs have"]


def test_a_mean_over_an_epoch_is_no_number_of_one() -> None:
    output = "".join(
        f"Start of epoch {at}\nTraining acc over epoch: 0.{at + 7}000\nValidation acc: 0.{at + 5}\n" for at in range(3)
    )
    assert collected(output)[0] == {"acc": [0.5, 0.6, 0.7]}


NO_NUMBER = "which is no number of epochs; let its lines name the epoch"
TRAIN, VAL = ("train_acc={}", "val_acc={}")


@pytest.mark.parametrize(
    ("lines", "columns", "said"),
    [
        (
            [TRAIN.format(1), VAL.format(2), TRAIN.format(3), VAL.format(4), VAL.format(9)],
            {"train_acc": [1, 3], "val_acc": [2, 4]},
            ["val_acc 9 does not count: it has one value more than other metrics"],
        ),
        (
            [VAL.format(9), "train_acc=1 val_acc=2", "train_acc=3 val_acc=4"],
            {"train_acc": [1, 3], "val_acc": [2, 4]},
            ["val_acc 9 does not count: it has one value more than other metrics"],
        ),
        (
            [VAL.format(9), TRAIN.format(1), VAL.format(2), TRAIN.format(3), VAL.format(4)],
            {"train_acc": [1, 3]},
            [f"val_acc does not count: it was printed 3 times, {NO_NUMBER}"],
        ),
        (
            [TRAIN.format(1), TRAIN.format(2), "change=0.5", TRAIN.format(3), "change=0.5"],
            {"train_acc": [1, 2, 3], "change": [0.5, 0.5, None]},
            [],
        ),
    ],
)
def test_without_named_epochs_a_metric_may_have_one_value_before_or_after_the_training(
    lines: list[str], columns: Columns, said: list[str]
) -> None:
    assert collected("\n".join(lines), epochs=9) == (columns, said)
