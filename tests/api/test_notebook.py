"""What a notebook shows: a live display in one output, and sweeps and winners as tables."""

from pathlib import Path
from typing import Any

import IPython
import pytest
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.display import display

from stepsweep import Best
from stepsweep.client.api.showing import Notebook, best_as_html, shown_here, sweep_as_html
from stepsweep.client.operations.events import Doing
from stepsweep.client.running.progress import Progress
from stepsweep.contract.leaderboard import rows_of
from stepsweep.contract.results import Result
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Outcome, Status

MARKUP = "<script>alert(1)</script>"
SPEC = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [0.1, 0.2], "act": [MARKUP]}, "epochs": 3})


class Output:
    """One output of a cell, as IPython's display handle updates it."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.made = 0

    def __call__(self, data: dict[str, str], **asked: Any) -> "Output":
        assert asked == {"raw": True, "display_id": True}, "so that it can be updated"
        self.made += 1
        self.shown.append(data["text/html"])
        return self

    def update(self, data: dict[str, str], **_: Any) -> None:
        self.shown.append(data["text/html"])


def test_progress_updates_one_output_and_repeats_nothing() -> None:
    output = Output()
    show = Notebook(output, SPEC)
    for event in (
        Doing("looks for <b>"),
        Progress(planned=2, to_run=2, running=2),
        Progress(planned=2, to_run=2, running=2),
        Progress(planned=2, to_run=2, ended=1, failed=1, running=1),
    ):
        show(event)
    assert output.made == 1
    first, second, third = output.shown
    assert first == "<div>looks for &lt;b&gt;</div>"
    assert '<progress value="0" max="2"' in second
    assert "1 of 2 trials · 1 failed · 1 running" in third


def test_a_kernel_that_extends_jupyters_is_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell(ZMQInteractiveShell):
        """As Colab's."""

    with shown_here(SPEC, quiet=False) as elsewhere:
        assert not isinstance(elsewhere, Notebook)
    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell.__new__(Shell))
    with shown_here(SPEC, quiet=False) as here:
        assert isinstance(here, Notebook)
        assert here._display is display


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_sweep_is_a_table_with_its_status_and_nothing_in_it_is_markup(is_finished: bool) -> None:
    first, _ = first_round(SPEC, trainer_version="1")
    succeeded = Outcome(trial_id=first.trial_id, status=Status.SUCCEEDED)
    rows = rows_of([Result(trial=first, outcome=succeeded, value=0.5, epoch=2, best=0.5, last=0.5)], SPEC)
    standing = Standing(
        spec=SPEC, planned=2, rows=rows, output=None, is_finished=is_finished, executions=[] if is_finished else ["arn"]
    )
    html = sweep_as_html(SPEC, standing, f"--act {MARKUP}" if is_finished else "")
    assert ("<b>mine</b> FINISHED 1 of 2" in html) is is_finished
    assert ('<b>mine</b> RUNNING <progress value="1" max="2"' in html) is not is_finished
    assert "<script" not in html
    assert "<td" in html
    assert html.count("&lt;script&gt;") == 1 + is_finished


def test_a_winner_is_a_table_with_its_options() -> None:
    winner = Best(
        params={"lr": 0.1, "act": MARKUP, "sizes": [1, 2]},
        metric="val_accuracy",
        value=0.9,
        epoch=2,
        trial_id="x",
        options=f"--lr 0.1 --act '{MARKUP}'",
        _download=lambda *_: Path(),
    )
    html = winner._repr_html_()
    assert "<script" not in html
    for cell in ("lr", "act", "sizes", "val_accuracy", "epoch", "0.1", "[1,2]", "2"):
        assert f">{cell}</t" in html
    assert best_as_html({}, "", metric="f1", value=0.5, epoch=1).count("<td") == 2
