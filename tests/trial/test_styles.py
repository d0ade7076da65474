"""Trainings as people print them: each value is of its own epoch, or it does not count and that is said."""

from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stepsweep.trial.columns import NoMetrics
from tests.support.transcript import collected

EPOCHS = 6
VAL_LOSS = [0.61, 0.52, 0.43, 0.47, 0.55, 0.58]

ABOVE = {
    "counted": "Epoch {epoch}/{last}",
    "counted by a logger": "10:00:01 INFO Epoch [{epoch}/{last}]",
    "plain": "Epoch {epoch}",
    "with dashes": "--- epoch {epoch} ---",
}
NONE = "none"
"""No line names an epoch."""
BELOW = {"over": "Epoch {epoch}/{last} done", "over in time": "Epoch {epoch} took 1m 3s"}
BEFORE = [
    "",
    "val_loss: 9.0",
    "lr decays at epoch 3",
    "=> loaded checkpoint 'x.pt' (epoch 0)",
    "config: lr=0.1 epochs=6",
]
AFTER = [
    "", "Test loss: 0.77", "val_loss: 0.77", "Loading best model (epoch 1)\nval_loss: 0.77",
    "Early stopping at epoch {}", "Best epoch: 1, best val_loss: 0.43",
]  # fmt: skip
SAVED = ["", "Saved checkpoint for epoch {epoch}", "Saved model to ckpt_{epoch}.pt"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training of several epochs, and how it prints them.

    Attributes:
        style: of the lines that name an epoch; empty if that is beside each value.
        first: the number of the first epoch.
        trained: how many epochs it trains before it stops.
        steps: how many lines of batches an epoch has.
        every: the distance between epochs with a validation.
        before, after: what it prints before its first epoch, and after its last one.
        saved: what it prints at the end of each epoch.
    """

    style: str
    first: int
    trained: int
    steps: int = 0
    every: int = 1
    before: str = ""
    after: str = ""
    saved: str = ""

    def printed(self) -> str:
        lines = [self.before]
        for at in range(self.trained):
            told = {"epoch": at + self.first, "last": EPOCHS - 1 + self.first}
            beside = "" if self.style else f"Epoch {told['epoch']}: "
            lines.append(ABOVE.get(self.style, "").format(**told))
            lines += [f"{beside}step {10 * step}: loss {3 - at / 10 - step / 100:.2f}" for step in range(self.steps)]
            lines.append(f"{beside}train_loss: {2 - at / 10:.1f}")
            lines += [f"{beside}val_loss: {VAL_LOSS[at]}"] if (at + 1) % self.every == 0 else []
            lines.append(BELOW.get(self.style, "").format(**told))
            lines.append(self.saved.format(**told))
        return "\n".join([*filter(None, lines), self.after.format(self.trained - 1 + self.first)])

    @property
    def columns(self) -> dict[str, list[float | None]]:
        epochs = range(self.trained)
        val_loss = [VAL_LOSS[at] if (at + 1) % self.every == 0 else None for at in epochs]
        return {"train_loss": [round(2 - at / 10, 1) for at in epochs], "val_loss": val_loss}


STYLES = ["", *ABOVE, *BELOW, NONE]


@pytest.mark.parametrize("style", [style for style in STYLES if style != NONE])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_training_that_prints_nothing_else_is_read(style: str, first: int, every: int, steps: int) -> None:
    training = Training(style=style, first=first, trained=EPOCHS, steps=steps, every=every)
    columns, _ = collected(training.printed(), EPOCHS)
    assert {name: columns[name] for name in training.columns} == training.columns


@settings(max_examples=400, deadline=None)
@given(
    st.builds(
        Training,
        style=st.sampled_from(STYLES),
        first=st.sampled_from([0, 1]),
        trained=st.sampled_from([3, 4, EPOCHS]),
        steps=st.sampled_from([0, 1, 3]),
        every=st.sampled_from([1, 2]),
        before=st.sampled_from(BEFORE),
        after=st.sampled_from(AFTER),
        saved=st.sampled_from(SAVED),
    )
)
def test_no_value_is_of_another_epoch_in_silence(training: Training) -> None:
    # What comes after a last epoch that measures nothing may be its own.
    assume(training.trained % training.every == 0)
    # Without the names of epochs, the second value is that of epoch 2.
    assume(training.style != NONE or training.every == 1)
    try:
        columns, notices = collected(training.printed(), EPOCHS)
    except NoMetrics:
        return
    for name, expected in training.columns.items():
        found = columns.get(name)
        is_right = found is None or found[: training.trained] + [None] * (training.trained - len(found)) == expected
        is_longer = found is not None and any(value is not None for value in found[training.trained :])
        assert (is_right and not is_longer) or any(name in notice for notice in notices), (found, training.printed())
