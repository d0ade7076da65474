"""What a line of words says of its numbers: each is of one name, or none is."""

import re

import pytest

from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.metrics import Collector
from tests.support.transcript import collected

NOT_ONE = (
    "'{0}' is not one plain number; print each behind its name, as {1}=0.5, without commas or units, or "
    "say with a pattern which one counts"
)
Columns = dict[str, list[float | None]]


@pytest.mark.parametrize(
    ("line", "several"),
    [
        ("loss: 2.1, 2.3", "2.1, 2.3"),
        ("loss: 49% | 39%, lr=1", "49% | 39"),
        ("loss=2.1 (train) 2.3 (val)", "2.1 (train) 2.3"),
        ("loss: 2.1 train 2.3 val", "2.1 train 2.3"),
        ("loss 49% train 39% val", "49% train 39"),
        ("loss: 2.8 to 2.3", "2.8 to 2.3"),
        ("loss: 2.8 > 2.3", "2.8 > 2.3"),
        ("loss 2.1 nan", "2.1 nan"),
        ("loss 2.1, 2.3 lr=1", "2.1, 2.3"),
        ("loss 1,234.5,3", "1,234.5,3"),
        ("2.1 loss 0.49 acc", "2.1 loss 0.49"),
        ("2.1 loss 0.49", "2.1 loss 0.49"),
        ("loss: 2.1, loss: 2.3", "2.1 and 2.3"),
        ("loss=3.5M", "3.5M"),
        ("loss: 2.1acc: 0.5", "2.1acc"),
        ("loss: 2.1 x 10^-3", "2.1 x 10"),
        ("train/val loss: 3/2", "3/2"),
        ("loss 0.7秒", "0.7秒"),
        ("loss: 1_234.5, lr=1", "1_234.5"),
    ],
)
def test_a_name_with_two_numbers_has_none(line: str, several: str) -> None:
    said = NOT_ONE.format(several, "loss")
    columns, notices = collected(f"epoch 1 {line}", 1)
    assert "loss" not in columns
    assert notices == [f"loss does not count: {said}"]
    with pytest.raises(NoMetrics) as caught:
        collected(f"epoch 1 loss: 2.5\nepoch 2 {line}", 2)
    assert str(caught.value) == f"loss: {said}"


@pytest.mark.parametrize(
    "behind",
    [
        ", 12.3 s", " | 12.3 sec | 3 epochs left", " - 3s 2ms/step", " 12/100", " (0.02)", " ± 0.02", " +- 0.02",
        " 2026-12-01 12:00", ", lr 0.1", ", 3: 4", " -> 2.0 acc 0.5", " [0.4, 0.6]", " < 2.5", " 10%|█", "+0.1", " @ 3",
        "\uff0893%\uff09", " | val 2.3",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "before", ["", "10:00:01.123 ", "lr 0.1 ", "lr: 0.1 ", "acc 0.5 ± 0.1 ", "epoch 1, ", "L1 0.5 "]
)
def test_another_number_that_has_a_name_or_a_unit_takes_none_from_a_name(before: str, behind: str) -> None:
    columns, notices = collected(f"{before}loss 2.1{behind}", 1)
    assert (columns["loss"], notices) == ([2.0 if ">" in behind else 2.1], [])


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        (
            "loss: 2.1, val loss: 2.3, acc: 0.5, val acc: 0.4",
            {"loss": [2.1], "acc": [0.5], "val_loss": [2.3], "val_acc": [0.4]},
        ),
        (
            "loss: 2.1, val. loss: 2.3, acc: 0.5, val. acc: 0.4",
            {"loss": [2.1], "acc": [0.5], "val_loss": [2.3], "val_acc": [0.4]},
        ),
        ("Dev. Loss: 2.3, Train. loss: 2.1, Acc.: 49%", {"dev_Loss": [2.3], "train_Loss": [2.1], "Acc": [49.0]}),
        ("LOSS train 2.1 valid 2.3", {"train_LOSS": [2.1], "val_LOSS": [2.3]}),
        ("loss: train 2.1 | val 2.3, acc train 0.5 / val 0.4", {
            "train_loss": [2.1], "val_loss": [2.3], "train_acc": [0.5], "val_acc": [0.4],
        }),
        ("loss saved, test 12.5 s, acc=1", {"acc": [1.0]}),
        ("loss over 60000 images: 2.1, acc on 5 folds: 0.5", {"loss": [2.1], "acc": [0.5]}),
        ("loss at step 100 lr: 0.1", {"lr": [0.1]}),
        (
            "lr: 1 | val loss: 2.3, acc: 0.5 | test loss: 2.2, acc: 0.4",
            {"lr": [1.0], "val_loss": [2.3], "val_acc": [0.5], "test_loss": [2.2], "test_acc": [0.4]},
        ),
        ("in-sample acc: 0.5, out-of-sample acc: 0.4", {"in-sample_acc": [0.5], "out-of-sample_acc": [0.4]}),
        ("* Acc@1 71.2 Prec@5 90.1 ndcg@10 0.5", {"Acc@1": [71.2], "Prec@5": [90.1], "ndcg@10": [0.5]}),
        ("reward 1,234.5", {"reward": [1234.5]}),
        ("I1201 train.py:120] loss: 2.1 (eval.py:7)", {"loss": [2.1]}),
    ],
)  # fmt: skip
def test_a_line_says_what_its_numbers_are(line: str, columns: Columns) -> None:
    assert collected(f"Epoch 1: {line}", 1) == (columns, [])


def test_a_thing_that_two_metrics_are_of_is_no_metric() -> None:
    columns, notices = collected("epoch 1 loss over folds: 2.1, acc over folds: 0.5", 1)
    assert columns == {}
    assert notices[0].startswith("over_folds does not count: '2.1 and 0.5' is not one plain number")


@pytest.mark.parametrize("line", ["accuracy = {}, loss = {}", "loss = {1}, accuracy = {0}"])
def test_values_of_one_line_are_of_one_epoch(line: str) -> None:
    """As TensorFlow's estimators print an evaluation: the loss beside the accuracy was that of a batch above."""
    batches = "loss = 2.9, step = 1\nloss = 2.8, step = 101 (0.3 sec)\n"
    lines = [f"{batches}Saving dict: {line.format(*values)}\n" for values in ((0.5, 2.2), (0.6, 2.1))]
    columns, _ = collected("".join(lines), 2)
    assert columns == {"loss": [2.2, 2.1], "accuracy": [0.5, 0.6]}


def test_values_without_an_epoch_that_do_not_count_are_named() -> None:
    columns, notices = collected(
        "loss = 2.9, step = 1\nloss = 2.8, step = 2\nSaving dict: accuracy = 0.5, loss = 2.2", 2
    )
    assert columns == {"loss": [2.9, 2.8], "accuracy": [0.5, None]}
    assert notices == [
        "loss counts in the lines 'loss step', which are as many as the epochs, and not in 'Saving dict accuracy loss'"
    ]


@pytest.mark.parametrize(
    "text",
    ["ridge: rmse={}\nlasso: rmse={}", "a val_f1: {}, b\nc 3: val_f1={}, b", "ridge loss {}\nlasso (2) loss {}"],
)
def test_a_pattern_that_is_proposed_finds_the_number(text: str) -> None:
    text = text.format("-0.5", "-1e-05")
    with pytest.raises(NoMetrics) as raised:
        collected(text, 1)
    name, pattern = re.findall(r"metrics: {(\w+): '(.*)'}", str(raised.value))[0]
    as_told = Collector({name: re.compile(pattern)})
    as_told.feed(text.splitlines()[1])
    assert as_told.rows(1) == ([{"epoch": 1, name: -1e-05}], [])


def test_the_time_of_a_metric_is_none_of_its_values() -> None:
    said = f"loss does not count: {NOT_ONE.format('1.1ms', 'loss')}"
    assert collected("loss: 1.1ms, backward: 3ms", 1) == ({}, [said])
    assert collected("loss: 1.1ms\nloss: 2.1\nfid: 12it [00:01\nfid: 3", 1) == ({"loss": [2.1], "fid": [3]}, [])
    with pytest.raises(NoMetrics, match=r"^loss: '1\.1M' is not one plain number"):
        collected("loss: 1.1ms\nloss: 1.1M\nloss: 2.1", 1)


def test_a_name_that_says_what_it_was_measured_on_has_no_other_word_for_it() -> None:
    lines = ["Epoch 1: val_loss=0.5", "Epoch 2: val_loss=0.4", "Training finished. Final val_loss: 0.3"]
    columns, notices = collected("\n".join(lines), 2)
    assert columns == {"val_loss": [0.5, 0.4]}
    assert notices == [
        "val_loss of epoch 2 is 0.4, not 0.3 of the line 'Training finished Final val loss', which other epochs do not "
        "have"
    ]


def test_a_name_that_is_no_usual_one_fails_no_trial() -> None:
    columns, notices = collected("epoch 1 lr: 0.1 loss: 2.1\nepoch 2 lr: 0.1, 0.01 loss: 2.3", 2)
    assert columns == {"loss": [2.1, 2.3]}
    assert notices == [f"lr does not count: {NOT_ONE.format('0.1, 0.01', 'lr')}"]


def test_a_step_before_a_name_is_no_part_of_it() -> None:
    lines = [f"epoch-{at} loss: 0.{at}\nKL loss: 0.9" for at in (1, 2)]
    columns, notices = collected("\n".join(f"Epoch {at}\n{each}" for at, each in enumerate(lines, start=1)), 2)
    assert columns == {"loss": [0.9, 0.9]}
    assert notices == [
        "loss is that of the lines 'KL loss', and not that of 'epoch loss'; print one of them under another name"
    ]


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        (" * Prec@1 70.5 Prec@5 90.25", {"Prec@1": [70.5], "Prec@5": [90.25]}),
        ("    accuracy                           0.94       200", {"accuracy": [0.94]}),
        ("epoch 1 loss: 1.01 | 33%", {"loss": [1.01]}),
        ("epoch 1 acc: 0.7 ↑ 0.02", {"acc": [0.7]}),
        ("epoch 1 acc: 0.7 (95% CI: 0.65-0.75)", {"acc": [0.7]}),
        ("epoch 1 acc: 0.7, 95% CI: 0.65-0.75", {"acc": [0.7]}),
        ("Epoch 1:Loss:1.01 Acc:0.7", {"Loss": [1.01], "Acc": [0.7]}),
        ("epoch 1 loss is: 0.5", {"loss": [0.5]}),
        ("The accuracy of the network is: 0.5", {"accuracy": [0.5]}),
        ("the temperature is: 20.5, acc: 0.7", {"acc": [0.7]}),
        ("epoch 1 [D loss: 0.018] [G loss: 0.018]", {"D_loss": [0.018], "G_loss": [0.018]}),
        ("epoch 1 loss: 0.5, loss: 0.5", {"loss": [0.5]}),
    ],
)
def test_a_usual_line_has_the_metrics_that_a_reader_sees(line: str, columns: Columns) -> None:
    assert collected(line, 1)[0] == columns


def test_the_epoch_s_mean_counts_and_not_that_of_its_last_batches() -> None:
    """As the ImageNet example of PyTorch printed it, before its `Prec@1` became `Acc@1`."""
    batches = "Epoch: [{}][{}/91]\tTime 0.1 (0.1)\tLoss 6.5 (6.6)\tPrec@1 2.0 (3.0)\n"
    output = "".join(
        batches.format(at, 0) + batches.format(at, 90) + f" * Prec@1 {value}\n"
        for at, value in enumerate((10.5, 20.5, 15.5))
    )
    assert collected(output)[0]["Prec@1"] == [10.5, 20.5, 15.5]
