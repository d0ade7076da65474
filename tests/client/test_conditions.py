"""Parameters that apply to some trials only, in what people see: words, tables, pictures, and what is typed."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from stepsweep.client.api import tables
from stepsweep.client.pictures import terminal
from stepsweep.client.pictures.figures import parallel_coordinates, values_by_parameter
from stepsweep.client.pictures.heatmap import heatmap
from stepsweep.client.specs.asked import Asked
from stepsweep.client.terminal.trial_table import TrialRow, trial_table
from stepsweep.contract.described import described, varying
from stepsweep.contract.errors import InvalidSweep
from stepsweep.contract.leaderboard import Row, rows_of
from stepsweep.contract.leaderboard_csv import leaderboard_csv
from stepsweep.contract.ranking import ranked
from stepsweep.contract.results import Result, grouped
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status
from stepsweep.page.axes import axes
from tests.support.specs import NOW

PARAMETERS: dict[str, Any] = {
    "optimizer": ["adam", "sgd"],
    "lr": [0.1, 0.01],
    "momentum": {"choices": [0, 0.5, 0.9], "when": {"optimizer": "sgd"}},
    "nesterov": {"choices": [True], "when": {"optimizer": "sgd"}},
}


def spec_of(**fields: Any) -> SweepSpec:
    return SweepSpec.from_json({"name": "mine", "parameters": PARAMETERS, "epochs": 9, **fields})


def results_of(spec: SweepSpec) -> list[Result]:
    return [
        Result(
            trial=trial,
            outcome=Outcome(trial_id=trial.trial_id, status=Status.SUCCEEDED),
            value=place / 10,
            epoch=1,
            epochs_trained=9,
        )
        for place, trial in enumerate(first_round(spec, trainer_version="1"))
    ]


SPEC = spec_of()
RESULTS = results_of(SPEC)
ROWS: list[Row] = rows_of(RESULTS, SPEC)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {},
            "8 trials (optimizer 2 x lr 2, momentum 3 if optimizer=sgd, nesterov 1 if optimizer=sgd), "
            "up to 9 epochs each",
        ),
        (
            {"exclude": [{"lr": 0.1, "optimizer": ["adam", "sgd"]}], "try_first": [{"optimizer": "adam", "lr": 0.01}]},
            "4 trials (optimizer 2 x lr 2, momentum 3 if optimizer=sgd, nesterov 1 if optimizer=sgd; "
            "without lr=0.1 optimizer=adam|sgd; 1 by hand first), up to 9 epochs each",
        ),
        (
            {"parameters": None, "search": {"method": "list", "trials": [{"lr": 1, "a": "x"}, {"lr": 1}]}},
            "2 trials by hand (a), up to 9 epochs each",
        ),
    ],
)
def test_a_space_is_described_in_a_line(fields: dict[str, Any], said: str) -> None:
    assert described(spec_of(**fields)) == said


def test_a_parameter_that_some_trials_lack_tells_them_apart_though_it_has_one_value() -> None:
    assert varying(SPEC) == {"optimizer", "lr", "momentum", "nesterov"}


def test_what_does_not_apply_is_an_empty_cell_in_every_table() -> None:
    assert ROWS[-1].texts == {"optimizer": "adam", "lr": "0.1", "momentum": "", "nesterov": ""}
    assert "names" not in ROWS[-1].to_json()
    assert ROWS[-1].to_json()["params"] == {"optimizer": "adam", "lr": 0.1}
    table = leaderboard_csv(ranked(grouped(RESULTS), SPEC.objectives), SPEC.objectives, list(SPEC.parameters)).decode()
    assert table.splitlines()[0].startswith("rank,trial_id,params.optimizer,params.lr,params.momentum,params.nesterov,")
    assert ",adam,0.1,,,0.0," in table.splitlines()[-1]
    frame = tables.leaderboard(SPEC, ROWS)
    assert pd.isna(frame["params.momentum"].iloc[-1])
    assert frame["params.momentum"].dtype == "float64"
    assert frame["params.nesterov"].tolist()[:2] == [True, True]


def test_a_narrow_terminal_names_only_what_applies() -> None:
    texts = [row.texts for row in ROWS]
    rows = [TrialRow(lead=("1",), params=each, behind=()) for each in texts]
    table, _ = trial_table(30, rows, lead=("",), behind=(), differ=list(texts[0]))
    console = Console(width=30, record=True, file=io.StringIO())
    console.print(table)
    said = " ".join(console.export_text().split())
    assert "optimizer=adam lr=0.1" in said
    assert "momentum= " not in said


def test_pictures_prefer_what_all_trials_have_and_leave_out_the_rest() -> None:
    found = {axis.name: axis for axis in axes(SPEC, ROWS)}
    assert [name for name, axis in found.items() if axis.is_of_all] == ["optimizer", "lr"]
    plot = heatmap(SPEC, ROWS).axes[0]
    assert (plot.get_ylabel(), plot.get_xlabel()) == ("optimizer", "lr")
    plot = heatmap(SPEC, ROWS, down="momentum", across="lr").axes[0]
    assert plot.get_title() == "best val_accuracy\n(without 2 trials)"
    assert len(plot.texts) == 6
    lines = values_by_parameter(SPEC, ROWS, "momentum").axes[0].lines
    assert max(len(np.asarray(line.get_xdata())) for line in lines) == 6
    plot = parallel_coordinates(SPEC, ROWS).axes[0]
    heights = [[float(height) for height in np.asarray(line.get_ydata())] for line in plot.lines[:8]]
    below = [[height < 0 for height in way].count(True) for way in heights]
    assert sorted(below) == [0] * 6 + [1] * 2, "a line passes below an axis that does not apply"
    assert [text.get_text() for text in plot.texts].count("does not apply") == 1
    two = spec_of(parameters={name: PARAMETERS[name] for name in ("optimizer", "momentum")})
    assert terminal.heatmap(two, rows_of(results_of(two), two)) is None


def test_an_option_changes_the_values_and_keeps_the_condition(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"parameters": PARAMETERS, "epochs": 1}))
    spec = Asked(file=str(file), parameters=["momentum=0.8,0.9", "nesterov=0..4:int"]).spec(now=NOW)
    assert spec.parameters["momentum"] == (0.8, 0.9)
    assert spec.when == SPEC.when


def test_a_command_has_no_place_for_what_some_trials_lack(tmp_path: Path) -> None:
    def faults_of(**fields: Any) -> tuple[str, ...]:
        file = tmp_path / "sweep.json"
        file.write_text(json.dumps({"command": "./train {lr} {momentum}", "epochs": 1, **fields}))
        with pytest.raises(InvalidSweep) as caught:
            Asked(file=str(file)).spec(now=NOW)
        return caught.value.faults

    (tmp_path / "train").touch()
    fault = "command: {momentum} has no value in the trials that lack the parameter; write {args} in its place"
    parameters = {"lr": [1, 2], "momentum": {"choices": [1], "when": {"lr": 1}}}
    assert faults_of(parameters=parameters, arguments={"epochs": False}) == (fault,)
    listed = {"method": "list", "trials": [{"lr": 1, "momentum": 1}, {"lr": 2}]}
    assert faults_of(search=listed, arguments={"epochs": False}) == (fault,)
