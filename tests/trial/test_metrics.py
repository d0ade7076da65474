"""Which of several values counts as an epoch's: transcripts as scripts print them."""

import contextlib
import itertools
import json
import re
from pathlib import Path

import pytest

from stepsweep.contract.names import known_direction
from stepsweep.trial import metrics_file
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.line import Found
from stepsweep.trial.metrics import Collector
from stepsweep.trial.words import USUAL
from tests.support.transcript import collected

EPOCHS = "epoch 1 accuracy=0.7\nepoch 2 accuracy=0.9\nepoch 3 accuracy=0.8\n"


@pytest.mark.parametrize(
    "after",
    [
        "Final accuracy: 0.1",
        "Loading the best epoch: 1\naccuracy = 0.1",
        "Reloaded epoch 1: accuracy=0.1",
        '{"final": true, "accuracy": 0.1}',
        "done, accuracy=0.1\ndone, accuracy=0.2",
    ],
)
def test_what_a_script_prints_after_the_end_is_no_epochs_value(after: str) -> None:
    columns, notices = collected(EPOCHS + after)
    assert columns["accuracy"] == [0.7, 0.9, 0.8]
    (notice,) = notices
    assert "which other epochs do not have" in notice


@pytest.mark.parametrize(
    "lines",
    [
        "epoch {} accuracy={} best accuracy=0.95",
        "epoch {} accuracy={}\nBest accuracy: 0.95",
        "epoch {} accuracy={} (best epoch: 1)",
        "epoch {}\nbest epoch: 1\naccuracy={}",
        "[rank0] epoch {0} accuracy={1}\n[rank1] epoch {0} accuracy=0.99",
        "[default1]:epoch {0} accuracy=0.99\n[default0]:epoch {0} accuracy={1}",
    ],
)
def test_what_is_said_beside_an_epoch_s_value_does_not_replace_it(lines: str) -> None:
    text = "\n".join(lines.format(epoch, value) for epoch, value in enumerate((0.7, 0.9, 0.8), 1))
    assert collected(text)[0]["accuracy"] == [0.7, 0.9, 0.8]


def test_of_a_very_long_line_its_first_thousand_signs_say_of_which_kind_it_is() -> None:
    lines = [f"epoch {epoch} accuracy=0.{epoch} ".ljust(1_000, "x") + letter for epoch, letter in enumerate("abc", 1)]
    columns, notices = collected("\n".join([*lines, "Final accuracy: 0.9"]))
    assert columns == {"accuracy": [0.1, 0.2, 0.3]}
    assert len(notices) == 1


def test_a_metric_called_rank_is_no_process() -> None:
    assert collected("Rank1: 0.9 mAP: 0.8\nRank 5: 0.95", epochs=1)[0] == {"Rank1": [0.9], "mAP": [0.8]}


def test_a_best_value_alone_is_the_value() -> None:
    assert collected("Best accuracy: 0.9", epochs=1)[0] == {"accuracy": [0.9]}
    assert collected("epoch 1 loss: 0.5 best loss: 0.3\nbest_loss=0.2", 1)[0] == {"loss": [0.5], "best_loss": [0.2]}


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        ("epoch {0} loss: {1} (target loss: 0.1)", {"loss": [0.7, 0.9, 0.8], "target_loss": [0.1] * 3}),
        ("epoch {0} val loss={1} min val loss=0.6", {"loss": [0.7, 0.9, 0.8], "min_loss": [0.6] * 3}),
        ("epoch {0} running acc 0.5 acc {1}", {"acc": [0.7, 0.9, 0.8], "running_acc": [0.5] * 3}),
        ("epoch {0} step loss={1} total loss=2", {"step_loss": [0.7, 0.9, 0.8], "total_loss": [2.0] * 3}),
        ("epoch {0} loss={1} the loss={1}", {"loss": [0.7, 0.9, 0.8]}),
    ],
)
def test_a_name_that_a_line_has_twice_is_told_apart_by_the_word_before(
    lines: str, columns: dict[str, list[float]]
) -> None:
    text = "\n".join(lines.format(epoch, value) for epoch, value in enumerate((0.7, 0.9, 0.8), 1))
    assert collected(text)[0] == columns


def test_a_value_with_commas_is_one_number_or_none() -> None:
    assert collected("epoch 1 reward=1,234.5\nepoch 2 reward=12,345,678.5\nepoch 3 reward=934")[0] == {
        "reward": [1234.5, 12345678.5, 934.0]
    }
    with pytest.raises(
        NoMetrics, match=r"^reward: '1,234' is not one plain number; print each behind its name, as reward=0.5, without"
    ):
        collected("epoch 1 reward=934.5\nepoch 2 reward=1,234\nepoch 3 reward=935.5")
    columns, notices = collected("gpus: 0,1\n" + EPOCHS)
    assert columns == {"accuracy": [0.7, 0.9, 0.8]}
    (notice,) = notices
    assert notice.startswith("gpus does not count: '0,1' is not one plain number; ")


def per_epoch(text: str) -> str:
    """Returns what a script prints in three epochs, where {v} is 0.7, 0.9 and 0.8."""
    return "\n".join(text.format(e=epoch, z=epoch - 1, v=value) for epoch, value in enumerate((0.7, 0.9, 0.8), 1))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # A mean so far, behind the value of the last batch.
        (
            "Test: [ 9/10]\tTime 0.9 ( 0.9)\tLoss 1.{e}e+00 ({v}e+00)\tAcc@1  99.00 (  50.14)",
            "Loss",
        ),
        (
            "Test: {e} [   9/10 (100%)]  Time: 0.2 (0.3)  Loss:   0.9{e} ( 0.95)  Acc@1:  99.000 ( {v}00)",
            "Acc@1",
        ),
        ("epoch {e} accuracy: {v} (0.02)", "accuracy"),
        ("epoch [{e}/3] time 3 s, accuracy: {v} (0.02)", "accuracy"),
        # What a value has become.
        ("epoch {e} loss: 0.99 -> {v}, saved", "loss"),
        ("epoch {e} val loss 0.99 → 0.95 → {v}", "loss"),
        # An epoch that is only mentioned.
        ("Epoch {e}/3\nTime per epoch: 2 s\nval_loss={v}", "val_loss"),
        ("Epoch {e}/3\nBest: 0.5 at epoch 1\nval_loss={v}", "val_loss"),
        ("Epoch {e}/3\nnext checkpoint at epoch 9\nval_loss={v}", "val_loss"),
        # What a value was measured on, and its name.
        ("epoch {e} val accuracy: {v}, val samples: 100", "accuracy"),
        ("epoch {e} loss train: 0.5 val: 0.6 acc train: 0.9 val: {v}", "val_acc"),
        ("epoch {e} loss: 0.3, accuracy: train=0.9 val={v}", "val_accuracy"),
        ("epoch {e} RMSE mean 0.5, std dev: {v}", "dev"),
        # A word before a name.
        ("epoch {e}\nloss: {v}\ntarget loss: 0.1", "loss"),
        ("epoch {e}\nval_loss: {v}\nmin val_loss: 0.1", "val_loss"),
        ("epoch {e}\nTotal loss: {v}\nKL loss: 0.1", "Total_loss"),
        ("epoch {e}\nval F1 Score: {v}\nval Silhouette Score: 0.1", "F1_Score"),
        ("epoch {e} loss: 0.9{e}\nAverage loss: {v}", "loss"),
        # What is printed before the line.
        ("INFO:root:epoch {e}\nINFO:root:loss: {v}, best loss: 0.3", "loss"),
        ("[GPU0] epoch {e} loss: {v}\n[GPU1] epoch {e} loss: 0.1", "loss"),
        ("[1,0]<stdout>:epoch {e} loss: {v}\n[1,1]<stdout>:epoch {e} loss: 0.1", "loss"),
        ("10:00 [rank0] epoch {e} loss: {v}\n10:00 [rank1] epoch {e} loss: 0.1", "loss"),
        # An epoch that is named below its metrics.
        ("val_loss={v}\nEpoch {e}/3 done", "val_loss"),
        ("val_loss={v}\nEpoch {e}/3 train_loss=0.5", "val_loss"),
        ('{{\n  "accuracy": {v},\n  "epoch": {z},\n  "loss": 0.5\n}}', "accuracy"),
        ("epoch step loss\n{e} 100 9\n{e} 200 {v}", "loss"),
        # As tqdm, PyTorch Geometric, and scripts that take back what they have shown, print it.
        ("\rEpoch:  {e}0%|██▌       | {e}/3 [00:01<00:02,  1.0s/it, loss={v}]", "loss"),
        ("Epoch: {e:03d}, Loss: 1.9, Train: 0.9, Val: {v}", "Val"),
        ("epoch {e} loss: 0.1\b\b\b{v}", "loss"),
        ("Epoch {e}. Val loss: {v}. Saved", "loss"),
        ('{{"Epoch": {z}, "loss": 3}}\n{{"Epoch": {z}, "loss": {v}}}', "loss"),
    ],
)
def test_a_line_s_other_numbers_do_not_count(text: str, name: str) -> None:
    assert collected(per_epoch(text))[0][name] == pytest.approx([0.7, 0.9, 0.8])


@pytest.mark.parametrize(
    "number", ["0.7/12.4", "1'234", "1\u2019234", "1\u00a0234.5", "1\u202f234.5", "0,7", "900µs", "0.7秒"]
)
def test_what_is_no_plain_number_is_no_value(number: str) -> None:
    columns, notices = collected(f"epoch 1 loss={number}", 1)
    assert columns == {}
    assert notices == [] or f"loss does not count: {number!r} is not one plain number" in notices[0]


def test_a_minus_of_typography_is_one() -> None:
    assert collected("epoch 1 elbo: \u22120.5", 1)[0] == {"elbo": [-0.5]}


def test_epochs_count_from_0_whatever_the_first_line_mentions() -> None:
    assert collected("lr decays at epoch 2\n" + per_epoch("epoch {z} loss={v}"))[0] == {"loss": [0.7, 0.9, 0.8]}


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        (
            "epoch 1 accuracy=0.7 new best\nepoch 2 accuracy=0.9 new best\nepoch 3 accuracy=0.8\n{}",
            "Final accuracy: 0.1",
        ),
        (
            "".join(
                f"Epoch {e}/3\n1875/1875 ━━ 3s 1ms/step - accuracy: {v}\n" for e, v in ((1, 0.7), (2, 0.9), (3, 0.8))
            )
            + "{}",
            "313/313 - 0s - 1ms/step - accuracy: 0.99",
        ),
    ],
    ids=["marks of the best epoch", "as Keras evaluates after its training"],
)
def test_a_value_after_the_end_is_known_by_the_words_before_it_or_by_the_steps(text: str, left_out: str) -> None:
    columns, notices = collected(text.format(left_out))
    assert columns == {"accuracy": [0.7, 0.9, 0.8]}
    assert "which other epochs do not have" in notices[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "lr decays at epoch 2\nand at epoch 4\nepoch 0 loss=1\nepoch 1 loss=2",
            r"loss has a value of epoch 0, which was",
        ),
        ("epoch loss acc\n1 0.5 0.7\n2 0.4 0.8\n1 0.6 0.6\n2 0.5 0.9", r"loss of epoch 1 was printed again"),
    ],
)
def test_an_epoch_that_comes_too_late_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoMetrics, match=f"^{why}"):
        collected(text)


def test_a_line_that_has_a_name_twice_may_come_again() -> None:
    """As LightGBM's of the best iteration, whose first value is of the training data."""
    collector = Collector({"loss": re.compile(r"loss: (\S+)")}, re.compile(r"^\[(\d+)\]"))
    for line in ("[1] train loss: 5 val loss: 3", "[2] train loss: 4 val loss: 1", "[3] train loss: 3 val loss: 2"):
        collector.feed(line)
    collector.feed("[2] train loss: 4 val loss: 1")
    assert [row["loss"] for row in collector.rows(3)[0]] == [3, 1, 2]


def test_a_training_that_begins_again_is_refused_also_if_it_measures_every_second_epoch_only() -> None:
    text = "epoch 2 accuracy=0.7\nepoch 4 accuracy=0.9\n"
    with pytest.raises(NoMetrics, match=r"^accuracy of epoch 2 was printed again, with another value"):
        collected(text + text.replace("0.", "0.1"), 4)


def test_an_epoch_named_below_its_metrics_is_refused_where_the_end_is_missing() -> None:
    with pytest.raises(NoMetrics, match=r"^val_loss was printed before the first line that names an epoch"):
        collected("val_loss=0.5\nEpoch 1\nval_loss=0.4\nEpoch 2", 3)
    assert collected("val_loss=0.5\nEpoch 1 done\nval_loss=0.4\nEpoch 2 done", 3)[0] == {"val_loss": [0.5, 0.4]}
    assert collected("val_loss=2\n" + per_epoch("epoch {e}\nval_loss={v}"))[0] == {"val_loss": [0.7, 0.9, 0.8]}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("epoch 1 loss=0.5", "epoch 1 loss=0.4\nepoch 2 loss=0.3", "loss of epochs up to 2 has other values after"),
        ("loss=0.5\nepoch 1 done", "loss=0.4\nepoch 2\nloss=0.3\nepoch 3", "loss was printed before the first line"),
        ("loss=1\nepoch 1\nloss=0.5\nepoch 2", "loss=0.4\nepoch 3", "loss was printed before the first line"),
    ],
    ids=["counted from 1 again", "named below, after one", "named below, after two"],
)
def test_epochs_after_a_checkpoint_that_are_not_what_they_seem_are_refused(before: str, after: str, why: str) -> None:
    earlier, collector = Collector(), Collector()
    for line in before.splitlines():
        earlier.feed(line)
    collector.resume(json.loads(json.dumps(earlier.state())), 3)
    for line in after.splitlines():
        collector.feed(line)
    with pytest.raises(NoMetrics, match=f"^{why}"):
        collector.rows(3)


def going_on(before: Collector, epochs: int) -> Collector:
    """Returns a collector that begins with the checkpoint of another one."""
    collector = Collector()
    collector.resume(json.loads(json.dumps(before.state())), epochs)
    return collector


def test_a_progress_bar_that_shows_a_metric_costs_no_attempt_the_others() -> None:
    """Its values stand above the line of their epoch. After a checkpoint that was an error for all."""
    bar, epoch = "\r {}%|  | [loss={}]", "Epoch {}/3: train_loss={} val_acc={}"
    said = (
        "loss does not count: it was printed before the first line that names an epoch, and not after the last one; "
        "print both in one line: epoch 3 loss=0.5"
    )
    first = Collector()
    for text in (
        bar.format(50, 9),
        epoch.format(1, 5, 0.5),
        bar.format(50, 8),
        epoch.format(2, 4, 0.6),
        bar.format(1, 7),
    ):
        first.feed(text)
    assert first.rows(3, is_over=False) == (
        [{"epoch": 1, "train_loss": 5, "val_acc": 0.5}, {"epoch": 2, "train_loss": 4, "val_acc": 0.6}],
        [],
    ), "nor has who looks at it meanwhile the values of the next epoch"
    second = going_on(first, 3)
    for text in (bar.format(50, 7), epoch.format(3, 3, 0.7)):
        second.feed(text)
    third = going_on(second, 3)
    third.feed("nothing is left to train")
    whole = [{"epoch": at, "train_loss": 6 - at, "val_acc": 0.4 + at / 10} for at in (1, 2, 3)]
    for attempt in (second, third):
        assert attempt.rows(3) == ([{**row, "val_acc": pytest.approx(row["val_acc"])} for row in whole], [said])


def test_a_name_that_is_measured_before_the_first_epoch_too_counts_after_a_checkpoint() -> None:
    first = Collector()
    for text in "val_loss=9\nepoch 1\nval_loss=3\nepoch 2\nval_loss=2".splitlines():
        first.feed(text)
    second = going_on(first, 3)
    for text in "val_loss=2\nepoch 3\nval_loss=1".splitlines():
        second.feed(text)
    assert second.rows(3) == ([{"epoch": at, "val_loss": 4 - at} for at in (1, 2, 3)], [])


def test_a_line_without_numbers_is_not_searched_for_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search costs ten times as much, and a script waits until its lines are read."""
    searched: list[str] = []

    def search(text: str) -> tuple[list[Found], dict[str, str]]:
        searched.append(text)
        return [], {}

    monkeypatch.setattr("stepsweep.trial.line.metrics_in", search)
    for text in ("Loading the loss: none yet", "epoch loss acc", "{}", "loss: inf", "loss=1"):
        Collector().feed(text)
    assert searched == ["loss: inf", "loss=1"]


def test_values_without_epochs_that_an_attempt_repeats_may_be_nan() -> None:
    """It starts over, so nothing is lost. A trial that had diverged failed for its epochs."""
    first = Collector()
    for text in ("loss=0.5", "loss=nan"):
        first.feed(text)
    second = going_on(first, 3)
    for text in ("loss=0.5", "loss=nan", "loss=0.25"):
        second.feed(text)
    assert [str(row["loss"]) for row in second.rows(3)[0]] == ["0.5", "nan", "0.25"]


def test_deep_json_is_no_metric() -> None:
    """Python reads JSON by recursion."""
    assert collected(5_000 * '{"accuracy":' + "\n" + EPOCHS)[0]["accuracy"] == [0.7, 0.9, 0.8]


def test_a_training_per_fold_in_one_trial_is_no_curve() -> None:
    with pytest.raises(
        NoMetrics, match=r"^accuracy of epoch 1 was printed again, with another value, after later epochs"
    ):
        collected("fold 1\n" + EPOCHS + "fold 2\n" + EPOCHS.replace("0.", "0.1"))
    assert collected(EPOCHS + EPOCHS)[0]["accuracy"] == [0.7, 0.9, 0.8], "one that begins again repeats its values"


def test_what_it_prints_before_the_start_is_none_either() -> None:
    assert collected("epoch 1\nat first accuracy: 0.1\n" + EPOCHS)[0]["accuracy"] == [0.7, 0.9, 0.8]


def test_without_named_epochs_lines_of_the_kind_that_comes_once_per_epoch_count() -> None:
    text = EPOCHS.replace("epoch 1", "now").replace("epoch 2", "now").replace("epoch 3", "now")
    assert collected(text + "Final accuracy: 0.1")[0]["accuracy"] == [0.7, 0.9, 0.8]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Of lines in every epoch, the last.
        ("".join(f"epoch {e} loss: 9\nloss: 8\nloss: 0.{e}\n" for e in (1, 2, 3)), [0.1, 0.2, 0.3]),
        # A line whose words change is of no kind that all epochs have.
        ("epoch 1 loss: 0.3 best\nepoch 2 loss: 0.4\nepoch 3 loss: 0.2 best\n", [0.3, 0.4, 0.2]),
        # A progress bar, whose first states look different.
        (
            "".join(
                f"Epoch {e}:   0%|      | 0/9 [00:00<?, ?it/s, loss=9]\rEpoch {e}: 100%|██████| 9/9 [00:01<00:00, "
                f"9.1it/s, loss=0.{e}]\n"
                for e in (1, 2, 3)
            ),
            [0.1, 0.2, 0.3],
        ),
        (
            "epoch 1 loss=0.3\nepoch 2 loss=nan\nepoch 3 loss=1e-05\n",
            [0.3, pytest.approx(float("nan"), nan_ok=True), 1e-5],
        ),
    ],
)
def test_the_last_value_of_an_epoch_counts(text: str, expected: list[float]) -> None:
    columns, notices = collected(text)
    assert columns["loss"] == expected
    assert notices == []


SEPARATE = {
    "lines": "epoch {e}\nval loss: 0.{e}\ntrain loss: 0.1{e}\n",
    "one line": "Epoch [{e}/3] | Train Loss: 0.1{e} | Val Loss: 0.{e}\n",
    "the heading of a line": "epoch {e}\nval Loss: 0.{e} Acc: 0.7{e}\ntrain Loss: 0.1{e} Acc: 0.9{e}\n",
    "words": "epoch {e}: training loss 0.1{e}, validation loss 0.{e}\n",
    "parentheses": "epoch {e} loss (train): 0.1{e} loss (val): 0.{e}\n",
    "progress bars": "Epoch {e}\nTraining: 100%|█| 9/9 [1, loss=0.1{e}]\nValidating: 100%|█| 2/2 [0, loss=0.{e}]\n",
    "no epochs": "train loss: 0.1{e}\nval loss: 0.{e}\n",
    "a model's best": "epoch {e} train loss 0.1{e} val loss 0.{e}\nSaved the best model (best val loss: 0.1)\n",
}


@pytest.mark.parametrize("how", SEPARATE)
def test_training_and_validation_are_two_metrics_in_whatever_order(how: str) -> None:
    columns, notices = collected("".join(SEPARATE[how].replace("{e}", str(e)) for e in (1, 2, 3)))
    by_name = {name.lower(): values for name, values in columns.items()}
    assert by_name["train_loss"] == [0.11, 0.12, 0.13]
    assert by_name["val_loss"] == [0.1, 0.2, 0.3]
    assert "loss" not in by_name
    assert by_name.get("val_acc") in (None, [0.71, 0.72, 0.73])
    assert notices == []


def test_one_of_them_alone_is_called_as_it_is_printed() -> None:
    assert collected("Test set: Average loss: 0.5, Accuracy: 9/10 (90%)", 1)[0] == {"loss": [0.5], "Accuracy": [0.9]}
    assert collected("Train Epoch: 1 Loss: 0.5\nBest validation accuracy: 0.9", 1)[0] == {
        "Loss": [0.5],
        "accuracy": [0.9],
    }


def test_what_is_of_nothing_and_not_in_every_epoch_is_none_of_them() -> None:
    text = "val accuracy: 0.7\nval accuracy: 0.9\nval accuracy: 0.8\nFinal accuracy: 0.1"
    columns, notices = collected(text)
    assert columns == {"val_accuracy": [0.7, 0.9, 0.8]}
    assert notices == ["accuracy does not count, since it is in fewer epochs than that which names what it is of"]
    assert collected(EPOCHS + "Test accuracy=0.1")[0] == {
        "accuracy": [0.7, 0.9, 0.8], "test_accuracy": [None, None, 0.1],
    }  # fmt: skip


def test_a_name_that_the_script_itself_gives_stays_its_own() -> None:
    columns, notices = collected("epoch 1 val_loss=0.5\ntrain loss: 0.3, val loss: 0.4", 1)
    assert columns == {"val_loss": [0.5], "train_loss": [0.3]}
    assert notices == [
        "loss behind the word val does not count, since another metric is printed as val_loss; print it under another "
        "name"
    ]


def test_a_usual_name_needs_no_sign_before_its_number() -> None:
    line = "2026-11-29 06:27:24,223 [INFO] Epoch 2: train loss 1.6907, val acc 78.06%, top5 1e-05, error 404, F1 of 0.5"
    assert collected(f"Epoch 1: 0\n{line}", 2)[0] == {
        "loss": [None, 1.6907], "acc": [None, 78.06], "top5": [None, 1e-05], "F1": [None, 0.5],
    }  # fmt: skip
    assert collected("Done. Best val acc: 78.06%", 1)[0] == {"acc": [78.06]}
    assert collected("precision 16, on 3.11 loss 0.5.1 map 3 score 1.5x, accuracy", 1)[0] == {}


@pytest.mark.parametrize("quote", ["", "'"])
def test_a_part_of_an_epoch_is_that_epoch_as_hugging_face_prints_it(quote: str) -> None:
    rows = [("loss", 0.5, 0.5), ("eval_loss", 0.4, 1.0), ("loss", 0.3, 1.5), ("eval_loss", 0.2, 2.0)]
    text = "\n".join(f"{{'{n}': {quote}{v}{quote}, 'epoch': {quote}{e}{quote}}}" for n, v, e in rows)
    assert collected(text, 2)[0] == {"loss": [0.5, 0.3], "eval_loss": [0.4, 0.2]}


def test_a_tensor_is_its_number() -> None:
    line = (
        "epoch 1 loss: tensor(0.5, device='cuda:0', grad_fn=<NllLossBackward0>) acc = tensor(9e-1) w: tensor([1., 2.])"
    )
    assert collected(line, 1)[0] == {"loss": [0.5], "acc": [0.9]}


def test_a_place_in_the_code_is_no_metric() -> None:
    assert collected("2026-11-29 06:27:24.223 | INFO | __main__:main:42 - epoch 1 | val_loss: 0.5", 1)[0] == {
        "val_loss": [0.5]
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Accuracy on training set: 0.99\nAccuracy on the test set: 0.91",
            {"train_Accuracy": [0.99], "test_Accuracy": [0.91]},
        ),
        ("Accuracy of the network on the 10000 test images: 54 %", {"Accuracy": [54]}),
        ("RMSE train: 2.5, RMSE test: 3", {"train_RMSE": [2.5], "test_RMSE": [3]}),
        ("Training set score: 0.99\nTest set score: 0.91", {"train_score": [0.99], "test_score": [0.91]}),
        ("Train: 0.99\nTest: 0.91", {"Train": [0.99], "Test": [0.91]}),
        ("loaded the data: 3", {"data": [3]}),
    ],
)
def test_the_name_may_stand_before_what_it_was_measured_on(text: str, expected: dict[str, list[float]]) -> None:
    assert collected(text, 1)[0] == expected


def test_what_is_printed_more_often_than_there_are_epochs_is_named_if_none_of_it_counts() -> None:
    columns, notices = collected("seed: 3\nscore: 0.5\nscore: 0.4", 1)
    assert columns == {"seed": [3]}
    assert notices == [
        "score does not count: it was printed 2 times, which is no number of epochs; let its lines name the epoch"
    ]


def test_a_name_in_lines_of_several_kinds_and_more_often_than_there_are_epochs_is_refused_with_what_to_write() -> None:
    with pytest.raises(NoMetrics) as raised:
        collected("fit loss: 1\ncheck loss: 2\nfit loss: 3\ncheck loss: 4\nend loss: 5", 2)
    assert str(raised.value) == (
        "loss was printed 5 times for 2 epochs, in lines of several kinds, such as 'fit loss' and 'check loss', and no "
        "line names its epoch. To fix it, say which line counts, as in metrics: {loss: 'end.*?loss\\W*?([-+.\\w]+)'}"
    )


def test_a_test_after_the_last_epoch_has_no_row() -> None:
    columns, notices = collected(per_epoch('{{"epoch": {z}, "val_acc": {v}}}') + '\n{"epoch": 3, "test_acc": 0.5}')
    assert columns == {"val_acc": [0.7, 0.9, 0.8]}
    assert notices == ["test_acc does not count: it is of no epoch up to 3"]
    assert len(collected(per_epoch("epoch {e} loss={v}") + "\nepoch 4 loss=0.5")[0]["loss"]) == 4, "which is an error"


def test_an_epoch_that_no_training_has_is_refused_with_what_to_write() -> None:
    assert len(collected("epoch 100000 loss=1", 100_000)[0]["loss"]) == 100_000
    with pytest.raises(NoMetrics, match=r"^epoch 100001 was printed, more than 100000; name the epoch's pattern with"):
        collected("epoch 100001 loss=1", None)


def test_of_very_many_kinds_of_lines_the_last_of_an_epoch_are_known() -> None:
    others = "".join(f"{letter} accuracy=0.{number}\n" for number, letter in enumerate("abcdefghijklmnop", 10))
    text = "epoch 1\nin all accuracy=0.5\n{}epoch 2\nin all accuracy=0.6"
    assert collected(text.format(others[: others.rindex("p")]), 2)[0] == {"accuracy": [0.5, 0.6]}
    assert collected(text.format(others), 2)[0] == {"accuracy": [0.25, 0.6]}


def test_a_traceback_that_the_script_survives_is_no_metric() -> None:
    columns, notices = collected(
        "epoch 1 accuracy=0.7\n"
        "Traceback (most recent call last):\n"
        '  File "train.py", line 3, in save\n'
        "    upload(accuracy=0.99, epoch=7)\n"
        "epoch 2 accuracy=0.9\n"  # of another process
        "    ^^^^^^^^^^^^^^^\n"
        "requests.ConnectionError: accuracy=0.95\n"
        "  epoch 3 accuracy=0.8"
    )
    assert (columns, notices) == ({"accuracy": [0.7, 0.9, 0.8]}, [])


@pytest.mark.parametrize(
    ("stdout", "stderr"),
    [
        (["accuracy: 0.5"], ["fit.py:3: UserWarning: alpha=0 is odd", "  fit(beta=1)"]),
        (["  accuracy: 0.5"], ["Traceback (most recent call last):", "    fit(beta=1)", "ValueError: gamma=2"]),
        (["epoch accuracy", "    1      0.5"], ["epoch beta gamma", "of the library"]),
    ],
    ids=["warning", "traceback", "table"],
)
def test_lines_of_the_other_stream_come_between(stdout: list[str], stderr: list[str]) -> None:
    """stdout and stderr have no common order: the line between the two of a warning made its code a metric."""
    for turns in set(itertools.permutations(["stdout"] * len(stdout) + ["stderr"] * len(stderr))):
        collector, left = Collector(), {"stdout": iter(stdout), "stderr": iter(stderr)}
        for stream in turns:
            collector.feed(next(left[stream]), stream)
        assert collector.rows(1)[0] == [{"epoch": 1.0, "accuracy": 0.5}]


def test_the_percents_of_a_progress_bar_are_no_metric() -> None:
    assert collected("Validating:  50%|█████     | 1/2 [00:00<00:00, 12.1it/s, acc=0.5]", 1)[0] == {"acc": [0.5]}


def test_the_usual_names_are_those_with_a_known_direction() -> None:
    assert {name for name in USUAL if known_direction(name)} == set(USUAL)


def test_the_end_of_a_word_is_no_name() -> None:
    assert collected("précision: 0.5 | loss: 0.25│acc=1\n損失: 3", 1)[0] == {"loss": [0.25], "acc": [1]}


def test_one_epoch_has_the_last_value() -> None:
    assert collected("epoch 1 loss: 0.5\nthen loss: 0.4", 1)[0]["loss"] == [0.4]


def test_a_checkpoint_keeps_what_kind_of_line_a_value_had() -> None:
    collector = Collector()
    for line in EPOCHS.splitlines()[:2]:
        collector.feed(line)
    going_on = Collector()
    going_on.resume(json.loads(json.dumps(collector.state())), 3)
    for line in ("epoch 3 accuracy=0.8", "Final accuracy: 0.1"):
        going_on.feed(line)
    assert [row["accuracy"] for row in going_on.rows(3)[0]] == [0.7, 0.9, 0.8]


def test_a_checkpoint_may_have_more_epochs_than_are_asked_for_now() -> None:
    collector, going_on = Collector(), Collector()
    for line in (EPOCHS + "test_accuracy=0.1").splitlines():
        collector.feed(line)
    going_on.resume(json.loads(json.dumps(collector.state())), 2)
    assert going_on.rows(2)[0] == [{"epoch": 1, "accuracy": 0.7}, {"epoch": 2, "accuracy": 0.9}]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "a=" * 500_000,
        "1" * 1_000_000,
        "[" * 1_000_000,
        "epoch " * 200_000,
        "é=1 ✓ 損失: 0.5 " * 50_000,
        "best val acc " * 20_000,
        "test set: 1 " * 10_000,
        "loss test set: 1 " * 10_000,
        "train loss 0.5 " * 20_000,
    ],
)
def test_a_very_long_line_is_read(text: str) -> None:
    """A pattern that backtracks would run into the test's time limit."""
    with contextlib.suppress(NoMetrics):
        collected(text)


SKORCH = """
  epoch    train_loss    valid_acc    valid_loss    cp     dur
-------  ------------  -----------  ------------  ----  ------
      1        \x1b[36m0.8375\x1b[0m       \x1b[32m0.4500\x1b[0m        \x1b[35m0.7386\x1b[0m     +  0.1379
      2        0.8504       0.5750        0.7645        0.1169
      3        \x1b[36m0.6799\x1b[0m       \x1b[32m0.6500\x1b[0m        \x1b[35m0.6055\x1b[0m     +  0.0982
"""
TABLES = {
    "as skorch prints it": SKORCH,
    "as fastai does": "epoch  train_loss  valid_loss  valid_acc  time    \n"
    "0      0.8375      0.7386      0.4500     00:05   \nsaved\n"
    "1      0.8504      0.7645      0.5750     00:05   \n"
    "2      0.6799      0.6055      0.6500     1:00:05   \n",
    "with rules": "| Epoch | train_loss | valid_loss | valid_acc |\n|---|:---:|---|---|\n"
    "| 1 | .8375 | 0.7386 | 4.5e-1 |\n"
    "| 2 | 0.8504 | 0.7645 | 0.5750 |\n\n3 files read 4\n| 3 | 0.6799 | 0.6055 | 0.6500 |\nepoch 3 of 3 done",
    "with marks of the best epoch": "epoch train_loss valid_loss valid_acc\n"
    "1 0.8375* 0.7386 0.4500\n2 0.8504 0.7645 0.5750 *\n3 0.6799 * 0.6055 0.6500+\n",
    "with words behind the cells": "epoch train_loss valid_loss valid_acc\n1 .8375 0.7386 0.45 <- best\n"
    "2 0.8504 0.7645 0.5750\n3 0.6799 0.6055 0.6500 saved best.pt\n",
    "with words in a column, between bars": "| epoch | train_loss | valid_loss | valid_acc | note |\n"
    "|---|---|---|---|---|\n| 1 | .8375 | 0.7386 | 0.45 | best |\n| 2 | 0.8504 | 0.7645 | 0.5750 | - |\n"
    "| 3 | 0.6799 | 0.6055 | 0.6500 | best |\n",
    "as rich draws it": "┏━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━┓\n"
    "┃ Epoch ┃ train_loss ┃ valid_loss ┃ valid_acc ┃\n┡━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━┩\n"
    "│     1 │     0.8375 │     0.7386 │    0.4500 │\n├───────┼────────────┼────────────┼───────────┤\n"
    "│     2 │     0.8504 │     0.7645 │    0.5750 │\n│     3 │     0.6799 │     0.6055 │    0.6500 │\n"
    "└───────┴────────────┴────────────┴───────────┘\n",
    "with words below the ends of their name": "epoch  train_loss  valid_loss  valid_acc  note\n"
    "    1       .8375      0.7386     0.4500  best\n    2      0.8504      0.7645     0.5750     -\n"
    "    3      0.6799      0.6055     0.6500  best\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_a_row_for_each_epoch(name: str) -> None:
    columns, notices = collected(TABLES[name])
    assert notices == []
    assert columns["train_loss"] == [0.8375, 0.8504, 0.6799]
    assert columns["valid_loss"] == [0.7386, 0.7645, 0.6055]
    assert columns["valid_acc"] == [0.45, 0.575, 0.65]
    assert len(columns) == 3


@pytest.mark.parametrize(
    "text",
    [
        "epoch loss\n1 0.5 0.6\n",
        "epoch loss\n1 many\n",
        "epoch loss accuracy\n1 files\n  2 0.5\n",
        "loss accuracy\n1 0.5\n",
        "epoch 1\n1 0.5",
        "epoch loss loss\n1 0.5 0.6",
    ],
)
def test_lines_that_fit_no_header_are_no_rows(text: str) -> None:
    assert collected(text)[0] in ({}, {"loss": [None, 0.5]})


def test_a_table_s_cell_that_was_not_measured_is_empty() -> None:
    columns, _ = collected("epoch  train_loss  valid_loss\n    1         0.5\n    2         0.4         0.7\n", 2)
    assert columns == {"train_loss": [0.5, 0.4], "valid_loss": [None, 0.7]}


def test_percents_in_a_table_count_as_they_are_printed() -> None:
    assert collected("epoch  val_acc\n    1    78.1%\n    2      80%\n", 2)[0] == {"val_acc": [78.1, 80]}


def test_a_row_of_a_table_that_cannot_be_read_is_no_epoch_that_is_left_out() -> None:
    with pytest.raises(
        NoMetrics, match=r"'2 0\.4 0\.9 0\.1' has the epoch of a row, but does not fit below 'epoch loss"
    ):
        collected("epoch loss acc\n1 0.5 0.7\n2 0.4 0.9 0.1\n3 0.6 0.6\n")


@pytest.mark.parametrize("line", ["15 files read in 3 s", "11 minutes left 5", "2 0.4", "Epoch"])
def test_other_lines_between_the_rows_of_a_table_are_no_rows(line: str) -> None:
    columns, _ = collected(f"epoch loss accuracy auc seconds\n10 0.5 0.6 0.7 1\n{line}\n20 0.4 0.7 0.8 1\n", 20)
    assert [value for value in columns["loss"] if value is not None] == [0.5, 0.4]


def test_the_first_row_of_a_table_may_be_the_one_that_cannot_be_read() -> None:
    with pytest.raises(NoMetrics, match=r"'1 0\.5 0\.7 best 0\.6 so far' has the epoch of a row"):
        collected("epoch loss acc\n1 0.5 0.7 best 0.6 so far\n2 0.4 0.9\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("epoch;loss\n1;0.5\n", r"its names have ';' between them; write ',' there: 'epoch;loss'"),
        ("epoch\tloss\n1\t0.5\n", r"its names have '\\t' between them"),
        ("epoch  loss\n1   0.5\n", r"its names have ' ' between them"),
        (
            'epoch,reward\n1,"1,234.5"\n2,934\n',
            r"line 2: reward is '1,234.5', which is no number; write one such as 1234.5",
        ),
        ("epoch,loss, loss\n1,0.5,0.4\n", r"two columns are named 'loss'; rename one of them"),
    ],
)
def test_a_csv_file_that_cannot_be_read_as_meant_says_why(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(NoMetrics, match=why):
        metrics_file.collect(tmp_path / "m.csv", Collector())


def test_a_csv_file_may_have_a_byte_order_mark_and_quotes_behind_spaces(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('"epoch", "loss", "note, more"\n3, 0.5, 1\n4, 0.25,\n', "utf-8-sig")
    collector = Collector()
    metrics_file.collect(tmp_path / "m.csv", collector)
    assert [(row["epoch"], row["loss"]) for row in collector.rows(4)[0][2:]] == [(3, 0.5), (4, 0.25)]


def test_a_csv_file_may_have_one_column_of_two_words(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("val loss\n0.5\n0.25\n")
    collector = Collector()
    metrics_file.collect(tmp_path / "m.csv", collector)
    assert [row["val_loss"] for row in collector.rows(2)[0]] == [0.5, 0.25]


def test_a_csv_file_may_have_the_index_of_pandas_and_a_column_of_times(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(",loss,time\n0,0.5,59.5\n1,0.25,1:00.5\n")
    collector = Collector()
    metrics_file.collect(tmp_path / "m.csv", collector)
    assert collector.rows(2)[0] == [{"epoch": 1, "loss": 0.5, "time": 59.5}, {"epoch": 2, "loss": 0.25}]


def test_a_file_whose_names_are_aligned_has_them_without_the_spaces(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("       epoch,  train/box_loss,  metrics/mAP50(B)\n   0,   1.5,   0.1\n   1,   1.25,   0.2\n")
    collector = Collector()
    metrics_file.collect(file, collector)
    rows, _ = collector.rows(2)
    assert rows == [
        {"epoch": 1, "train/box_loss": 1.5, "metrics/mAP50_B_": 0.1},
        {"epoch": 2, "train/box_loss": 1.25, "metrics/mAP50_B_": 0.2},
    ]


LOSSES = ("train_loss=1.0 val_loss=0.6", "train_loss=0.9 val_loss=0.3", "train_loss=0.8 val_loss=0.5")


@pytest.mark.parametrize(
    "lines",
    [
        ("Freezing the backbone until epoch 2", *LOSSES),
        ("Scheduler: StepLR, decays at epoch 2", *LOSSES),
        (*LOSSES[:2], "Epoch 00002: reducing learning rate of group 0 to 1.0000e-03.", LOSSES[2]),
        (LOSSES[0], "Saved checkpoint for epoch 1", LOSSES[1], "Saved checkpoint for epoch 2", LOSSES[2]),
        (*LOSSES, "Evaluating checkpoint of epoch 2", "Test loss: 0.31"),
        (*LOSSES, "Testing with the weights of epoch 1: test_acc=0.9"),
        (*LOSSES, "Testing with the weights of epoch 3: val_loss=0.9"),
        (LOSSES[0], "Saved checkpoint for epoch 1", *LOSSES[1:]),
        (LOSSES[0], "Saved checkpoint for epoch 1", *LOSSES[1:], "Saved checkpoint for epoch 3"),
        ("Warm-up for epoch 1", *LOSSES),
        ("config: epoch=3 lr=0.1", *LOSSES),
        ("lr drops at epoch 1", "lr drops at epoch 2", "lr drops at epoch 3", *LOSSES),
    ],
)
def test_an_epoch_that_a_line_only_mentions_ends_no_count_of_the_others_in_silence(lines: tuple[str, ...]) -> None:
    with pytest.raises(NoMetrics, match=r"names an epoch, and lines with \w+ name none"):
        collected("\n".join(lines), epochs=3)
    as_told = Collector(epoch=re.compile(r"epoch (\d+) begins"))
    for line in lines:
        as_told.feed(line)
    rows, _ = as_told.rows(3)
    assert [row["val_loss"] for row in rows] == [0.6, 0.3, 0.5]


def test_batches_that_are_printed_as_time_allows_leave_a_training_that_stops_early_as_it_is() -> None:
    line = "{}/8 - 0s 9ms/step - loss: {}"
    epochs = [["Epoch 1/20", *(line.format(at, 0.9) for at in range(1, 9))], ["Epoch 2/20", "1/8 - 0s - loss: 0.5"]]
    output = [*epochs[0], *epochs[1], line.format(8, 0.4)]
    assert collected("\n".join(output), epochs=20) == ({"loss": [0.9, 0.4]}, [])


def test_what_is_printed_again_and_again_before_the_first_epoch_is_named_as_left_out() -> None:
    lines = ["pretrain_loss=0.9", "pretrain_loss=0.8", *(f"Epoch {at}: {each}" for at, each in enumerate(LOSSES, 1))]
    columns, (notice,) = collected("\n".join(lines))
    assert "pretrain_loss" not in columns
    assert notice.startswith("pretrain_loss does not count: it was printed before the first line that names an epoch")


def test_an_epoch_that_is_mentioned_too_early_is_no_epoch_of_the_metrics_below() -> None:
    lines = ["Epoch 1", "lr drops at epoch 3", LOSSES[0], "Epoch 2", LOSSES[1], "Epoch 3", LOSSES[2]]
    with pytest.raises(NoMetrics, match=r"^'Epoch 1' names an epoch, and lines with train_loss name none"):
        collected("\n".join(lines), epochs=3)


def test_a_line_of_the_best_epoch_may_also_be_above_the_metrics_of_each() -> None:
    lines = [LOSSES[0], "Epoch 1 (best so far)", LOSSES[1], "Epoch 2 (best so far)", LOSSES[2]]
    with pytest.raises(NoMetrics, match=r"^'Epoch 1 \(best so far\)' names an epoch, and lines with train_loss name"):
        collected("\n".join(lines), epochs=9)


def test_a_pattern_says_which_lines_name_an_epoch_however_many_lines_are_below() -> None:
    metrics = Collector(epoch=re.compile(r"Epoch (\d+)"))
    for line in ("lr=0.1", "Epoch 1 (best so far)", *LOSSES):
        metrics.feed(line)
    assert metrics.rows(3)[0] == [{"epoch": 1, "train_loss": 0.8, "val_loss": 0.5}]


@pytest.mark.parametrize(
    "lines",
    [
        (*LOSSES, "*** Best metric: 0.3 (epoch 2)"),
        (LOSSES[0], "New best model saved at epoch 1", LOSSES[1], "New best val_loss: 0.3 at epoch 2", LOSSES[2]),
        (LOSSES[0], "Saved the best model of epoch 0", *LOSSES[1:]),
        ("Training from epoch 1 to epoch 3", *LOSSES),
        (*LOSSES, "Done after epoch 3 of 3"),
        (*LOSSES, "Early stopping, epoch 2 counted from 0"),
        ("=> loaded checkpoint 'x.pt' (epoch 4)", *LOSSES),
        ("val_loss=9.0", *(f"Epoch {at}\n{each}" for at, each in enumerate(LOSSES, start=1))),
        tuple(f"{each}\nEpoch {at} ends" for at, each in enumerate(LOSSES, start=1)),
    ],
)
def test_an_epoch_beside_or_among_the_others_leaves_them_as_they_are(lines: tuple[str, ...]) -> None:
    columns = {"train_loss": [1.0, 0.9, 0.8], "val_loss": [0.6, 0.3, 0.5]}
    assert collected("\n".join(lines), epochs=3) == (columns, [])


def test_catboost_names_the_epochs_that_it_prints_in_its_own_way() -> None:
    line = "{}:\tlearn: 0.9\ttest: {}\tbest: 0.1 ({})\ttotal: 47.1ms\tremaining: 1.2s"
    values = {0: 0.8, 10: 0.6, 20: 0.3, 29: 0.4}
    output = [line.format(at, value, at) for at, value in values.items()]
    columns, _ = collected("\n".join([*output, "", "bestTest = 0.3", "bestIteration = 20"]), epochs=30)
    assert {at: value for at, value in enumerate(columns["test"]) if value} == values
    assert columns["bestTest"][29] == 0.3


def test_timm_names_the_epoch_where_it_trains() -> None:
    epoch = """Train: {} [   0/1250 (  0%)]  Loss: 6.9 (6.9)  Time: 1.0s, 10/s
Train: {} [1249/1250 (100%)]  Loss: 6.5 (6.7)  Time: 1.0s, 10/s
Test: [  10/10]  Time: 0.4 (0.4)  Loss:   6.1 (6.0)  Acc@1:  11.0 ( {})
"""
    output = "".join(epoch.format(at, at, value) for at, value in enumerate((50.5, 82.5, 70.5)))
    columns, _ = collected(output + "*** Best metric: 82.5 (epoch 1)", epochs=3)
    assert (columns["Acc@1"], columns["train_Loss"]) == ([50.5, 82.5, 70.5], [6.7, 6.7, 6.7])


HUGGING_FACE = [(9.0, 0.0), (3.0, 0.5), (2.5, 1.0), (2.25, 1.5), (1.5, 2.0)]


@pytest.mark.parametrize("line", ["{{'loss': {}, 'epoch': {}}}", '{{"loss": {}, "epoch": {}}}', "loss={} epoch {}"])
@pytest.mark.parametrize("before", [[], [(9.5, 0)]])
def test_what_is_logged_at_the_first_step_is_a_part_of_epoch_1(line: str, before: list[tuple[float, float]]) -> None:
    lines = [line.format(*each) for each in [*before, *HUGGING_FACE]]
    assert collected("\n".join(lines), epochs=3) == ({"loss": [2.5, 1.5]}, [])


@pytest.mark.parametrize("first", ["0", "0.0"])
@pytest.mark.parametrize(
    "also", ["", "\nsec/epoch: 12.5s", "\nMean epoch 0.31 minutes", " at 2.5 s/epoch", " s/epoch 0.5"]
)
def test_whole_epochs_count_from_0_also_as_decimals_and_beside_how_long_they_take(first: str, also: str) -> None:
    lines = [f"epoch {first.replace('0', str(at), 1)} loss={loss}{also}" for at, loss in enumerate((0.6, 0.3, 0.5))]
    assert collected("\n".join(lines), epochs=3) == ({"loss": [0.6, 0.3, 0.5]}, [])


def test_how_long_an_epoch_takes_names_none() -> None:
    lines = [f"loss={loss} s/epoch: {seconds}" for loss, seconds in ((0.6, 12.1), (0.3, 12.5), (0.5, 13.2))]
    assert collected("\n".join(lines), epochs=20)[0]["loss"] == [0.6, 0.3, 0.5]


def test_a_line_that_repeats_a_value_is_not_named_as_left_out() -> None:
    lines = [f"Epoch {at}: {each}" for at, each in enumerate(LOSSES, start=1)]
    lines.insert(2, "Saving epoch 2 val_loss=0.3")
    assert collected("\n".join(lines))[1] == []


@pytest.mark.parametrize("line", ["{}", "\n{}"])
def test_an_epoch_0_that_is_loaded_is_none_of_a_training_that_counts_from_1(line: str) -> None:
    lines = ["=> loaded checkpoint 'x.pt' (epoch 0)"]
    lines += [f"Epoch {at}/4{line.format(each)}" for at, each in enumerate(LOSSES, start=1)]
    assert collected("\n".join(lines), epochs=4)[0]["val_loss"] == [0.6, 0.3, 0.5]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("best_epoch=2", "best_epoch"),
        ('{"best_epoch": 2}', "best_epoch"),
        ("best_epoch: 2", "best_epoch"),
        ("best_Epoch=2", "best_Epoch"),
        ("best_step=2", "best_step"),
    ],
)
def test_the_best_epoch_is_not_that_of_its_row(line: str, name: str) -> None:
    output = [f"Epoch {at}/3 {each}" for at, each in enumerate(LOSSES, start=1)]
    columns, _ = collected("\n".join([*output, line]))
    assert columns[name] == [None, None, 2]


def test_the_epoch_of_a_row_may_be_written_in_any_case() -> None:
    columns, _ = collected('{"EPOCH": 2, "loss": 0.5}\n{"EPOCH": 4, "loss": 0.25}', epochs=4)
    assert columns == {"loss": [None, 0.5, None, 0.25]}


def test_an_object_of_json_that_may_only_mention_an_epoch_is_told_what_to_write() -> None:
    with pytest.raises(NoMetrics, match=r"""^'{"epoch": 1}' names .* write .* as \{"epoch": 3, "loss": 0\.5\}$"""):
        collected('{"epoch": 1}\n{"loss": 0.5}\n{"loss": 0.25}')


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("Train Loss: 2.1 | Val. Loss: 2.3 | Val. Acc: 49%", {"train_Loss": [2.1], "val_Loss": [2.3], "Acc": [49.0]}),
        ("loss 2.1 val. loss 2.3", {"loss": [2.1], "val_loss": [2.3]}),
        ("saved val.py loss: 0.2", {"loss": [0.2]}),
    ],
)
def test_a_split_may_be_abbreviated_with_a_full_stop(line: str, columns: dict[str, list[float]]) -> None:
    assert collected(f"Epoch 1 {line}", 1)[0] == columns


@pytest.mark.parametrize("before", ["lr=0.1", "val_loss=9.0"])
@pytest.mark.parametrize("mark", [" (best)", " best_loss=0.3"])
def test_the_first_epoch_counts_where_its_line_says_that_it_is_the_best(before: str, mark: str) -> None:
    lines = [before, f"Epoch 1: val_loss=0.6{mark}", f"Epoch 2: val_loss=0.3{mark}", "Epoch 3: val_loss=0.5"]
    columns, _ = collected("\n".join(lines), epochs=3)
    assert columns["val_loss"] == [0.6, 0.3, 0.5]


def test_a_late_first_epoch_counts_where_its_line_says_that_it_is_the_best() -> None:
    metrics = Collector()
    for each in ["lr=0.1", "Epoch 5: val_loss=0.6 (best)", "Epoch 10: val_loss=0.3 (best)"]:
        metrics.feed(each)
    rows, _ = metrics.rows(10)
    assert {row["epoch"]: row["val_loss"] for row in rows if "val_loss" in row} == {5: 0.6, 10: 0.3}


def test_lines_of_batches_need_no_epoch_where_only_some_epochs_are_validated() -> None:
    batches = ["loss=0.9", "loss=0.8"]
    output = [*batches, "Epoch 2: val_loss=0.6", *batches, "Epoch 4: val_loss=0.3"]
    columns, (notice,) = collected("\n".join(output), epochs=4)
    assert columns == {"val_loss": [None, 0.6, None, 0.3]}
    assert notice.startswith(
        "loss does not count: 'Epoch 2: val_loss=0.6' names an epoch, and lines with loss name none"
    )
