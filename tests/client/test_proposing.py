"""What `sweep init` writes: the whole sweep.yaml of a script's options and run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.proposing.measured import Measured, measured
from stepsweep.client.proposing.script import Option, configured, program_of
from stepsweep.client.proposing.short_run import Tried
from stepsweep.client.proposing.spec import proposal, text_of
from stepsweep.contract.errors import InvalidInput
from stepsweep.trial import event_files

HEAD = """\
# What `sweep run` does in this folder. `sweep plan` shows it, and starts nothing.
# All of it is a proposal: change what you know better.

"""

NO_OPTIONS = """\
# How the script takes its options, if not as --name value:
# arguments: {style: name=value}
"""

NO_METRICS = """\
# Where the metrics are, unless the script prints name=value, name: value or JSON; the number in parentheses:
# metrics: {accuracy: 'Test accuracy: (\\S+)%'}
# or a file that it writes:
# metrics: metrics.csv
"""

NO_FILES = """\
# Files that it leaves, which `sweep download` gets of the winner:
# artifacts: [best.pt]
"""

NONE_OF_USE = """\

parameters:
  # PROPOSED: none is known that is worth it; name options of the script, as in lr: [0.1, 0.01]

"""

NO_PARAMETERS = """\

parameters:
  lr: [0.1, 0.01, 0.001]  # PROPOSED: name the options of your script, and their choices

"""


def option(
    name: str, default: Any = None, *, kind: str = "", choices: Sequence[Any] = (), required: bool = False
) -> Option:
    kind = kind or type(default).__name__
    return Option(name=name, kind=kind, default=default, choices=tuple(choices), required=required)


def tried(**fields: Any) -> Tried:
    nothing: dict[str, Any] = {
        "models": (),
        "ended": "",
        "code": 0,
        "last_lines": (),
    }
    where = {name: fields.pop(name) for name in ("metrics", "place", "epochs") if name in fields}
    return Tried(measured=Measured(**where), **{**nothing, **fields})


MANY = [
    option("model.Learning_Rate", 0.3),
    option("optimizer", "sgd", choices=["sgd", "adam", None, [1], {"no": "value"}]),
    option("batch_size", 32),
    option("dropout", 0),
    option("gamma", 0.7),
    option("wd", 0.0),
    option("momentum", 0.8),
    option("beta1", 0.9),
    option("C", 1.0),
    option("hidden", 1),
    option("units", 2),
    option("width", 5.0),
    option("depth", 0.5),
    option("heads"),
    option("alpha", True, kind="float"),
    option("workers", 4),
    option("lambda", -1),
    option("path", "x"),
    option("quiet", False, kind="flag"),
    option("num_epochs", 7),
    option("manual-seed", 1),
    option("ep", 1),
    option("bad name", 1),
    option("fold", 1),
]


def test_options_with_usual_names_get_choices_the_likeliest_first() -> None:
    found = tried(
        metrics=("loss", "val_loss", "val_acc", "time"),
        epochs=5,
        models=("best.pt", "ck.1/epoch-12.pt", "ck.2/epoch-13.pt", "a b.pt"),
    )
    assert (
        text_of("python train.py", proposal(MANY), found)
        == HEAD
        + """\
command: python train.py
arguments: {epochs: num_epochs, seed: manual-seed, booleans: flag}
# In its output: loss, val_loss, val_acc, time
# It left these; `sweep download` gets the winner's:
artifacts: [best.pt, "ck.*/epoch-*.pt"]

parameters:
  model.Learning_Rate: [0.03, 0.3, 3]
  C: [0.1, 1, 10]
  # gamma: [0.35, 0.7, 0.9]
  # momentum: [0, 0.8, 0.9]
  # beta1: [0, 0.5, 0.9]
  # batch_size: [16, 32, 64]
  # hidden: [1, 2]
  # width: [2, 5, 10]
  # units: [1, 2, 4]
  # optimizer: ["sgd", "adam", null, [1]]
  # wd: [0, 0.0001, 0.01]
  # dropout: [0, 0.2, 0.5]
  # quiet: [false, true]
# Other options: depth, heads, alpha, workers, lambda, path

epochs: 7
objective: {metric: val_acc, direction: maximize}
"""
    )


def test_options_that_a_script_insists_on_get_usual_values_or_are_named() -> None:
    options = [
        option("lr", kind="float", required=True),
        option("units", kind="int", required=True),
        option("dropout", kind="int", required=True),
        option("data", kind="str", required=True),
        option("steps", 3, required=True),
        option("amp", False, kind="bool"),
        option("cpu", False, kind="flag"),
        option("epochs", "many", required=True),
    ]
    known = proposal(options, ["corpus", "out"])
    assert known.guessed == {"lr": 0.01, "units": 32}
    assert (
        text_of("python train.py: x", known, None)
        == HEAD
        + """\
command: "python train.py: x"
# The script insists on CORPUS, OUT; write it at the command's end
arguments: {booleans: no-flag}
"""
        + NO_METRICS
        + NO_FILES
        + """
parameters:
  lr: [0.001, 0.01, 0.1]
  dropout: [0, 0.2, 0.5]
  # units: [16, 32, 64]
  # amp: [false, true]
# The script insists on these; give each a value:
# fixed:
#   dropout: VALUE
#   data: VALUE
# Other options: data, steps, cpu

epochs: 10
objective: {metric: accuracy, direction: maximize}  # PROPOSED: the metric that decides
"""
    )


def test_fields_of_a_file_and_metrics_in_another() -> None:
    known = proposal([option("lr", 0.1), option("max-epochs", 0), option("amp", True)], file="c, d.yaml")
    found = tried(metrics=("x",), place="out/a.csv", epochs=3, models=("a.pt", "b.pt", "c.pt", "d.pt"))
    assert (
        text_of("python train.py", known, found)
        == HEAD
        + """\
command: python train.py
arguments: {file: "c, d.yaml", epochs: max-epochs}
metrics: "out/a.csv"  # has x
# It left these; `sweep download` gets the winner's:
# artifacts: [a.pt, b.pt, c.pt]

parameters:
  lr: [0.01, 0.1, 1]
  # amp: [false, true]

epochs: 10
objective: {metric: x, direction: maximize}  # PROPOSED: or minimize
"""
    )


def test_what_only_a_run_tells() -> None:
    found = tried(metrics=("seconds", "train_loss", "accuracy"), epochs=4)
    ending = "epochs: 4  # as many as it printed by itself\nobjective: {metric: accuracy, direction: maximize}\n"
    printed = "# In its output: seconds, train_loss, accuracy\n"
    head = HEAD + "command: sh train.sh\n"
    assert text_of("sh train.sh", None, found) == head + NO_OPTIONS + printed + NO_FILES + NO_PARAMETERS + ending
    told = "arguments: {epochs: false, seed: seed}\n"
    known = proposal([option("seed", 1)])
    assert text_of("sh train.sh", known, found) == head + told + printed + NO_FILES + NONE_OF_USE + ending


def test_one_row_is_no_number_of_epochs() -> None:
    found = tried(metrics=("auc",), epochs=1, models=("a.pt", "b.bin", "c"))
    assert text_of("sh train.sh", proposal([]), found) == (
        f"""{HEAD}command: sh train.sh
# In its output: auc
# It left these; `sweep download` gets the winner's:
artifacts: [a.pt, b.bin, c]
{NONE_OF_USE}# epochs: 10  # if the script has an option for it
objective: {{metric: auc, direction: maximize}}
"""
    )


@pytest.mark.parametrize(("default", "epochs"), [(3.0, 3), (5, 5), (2.5, 10), (0, 10), ("many", 10), (True, 10)])
def test_epochs_are_the_script_s_own_number_also_as_a_float(default: object, epochs: int) -> None:
    known = proposal([option("lr", 0.1), option("num_train_epochs", default)])
    assert f"\nepochs: {epochs}\n" in text_of("python train.py", known, None)


def test_what_nothing_tells() -> None:
    assert text_of("sh train.sh", None, None) == (
        HEAD + "command: sh train.sh\n" + NO_OPTIONS + NO_METRICS + NO_FILES + NO_PARAMETERS
        + "# epochs: 10  # if the script has an option for it\n"
        "objective: {metric: accuracy, direction: maximize}  # PROPOSED: the metric that decides\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "objective"),
    [
        (("loss", "acc"), "acc, direction: maximize"),
        (("loss", "test_loss", "acc"), "test_loss, direction: minimize"),
        (("train_auc", "Eval_loss", "dev_f1"), "dev_f1, direction: maximize"),
        (("n", "loss"), "loss, direction: minimize"),
    ],
)
def test_the_metric_that_decides(metrics: tuple[str, ...], objective: str) -> None:
    last = text_of("x", None, tried(metrics=metrics)).splitlines()[-1]
    assert last == f"objective: {{metric: {objective}}}"


def test_a_configuration_file_that_the_script_names_has_the_options(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "params.json").write_text('{"lr": 0.1, "on": true, "name": "x", "none": null, "list": [1]}')
    for other in ("conf.yaml", "results.json", "my-params.json"):
        (tmp_path / other).write_text("a: 1")
    (tmp_path / "settings.yaml").write_text("[")
    (tmp_path / "train.py").write_text(
        "open('settings.yaml'), open('results.json'), open('conf/params.json'), open('xconf.yaml'), 'my-params.jsonx'"
    )
    assert configured("train.py", tmp_path) == (
        "conf/params.json", [option("lr", 0.1), option("on", True), option("name", "x")]
    )  # fmt: skip
    (tmp_path / "train.py").write_text("no file")
    assert configured("train.py", tmp_path) is None


@pytest.mark.parametrize(
    ("name", "first", "words"),
    [
        ("train.py", "#!/bin/sh", "python train.py"),
        ("train.sh", "", "sh train.sh"),
        ("train.sh", "#!/bin/bash", "bash train.sh"),
        ("fit", "#! /usr/bin/env -S uv run --script", "uv run --script fit"),
        ("fit.R", "", "Rscript fit.R"),
    ],
)
def test_a_script_is_run_by_what_its_first_line_or_its_ending_names(
    tmp_path: Path, name: str, first: str, words: str
) -> None:
    (tmp_path / name).write_text(f"{first}\n")
    assert program_of(tmp_path, name) == words.split()


def test_what_nobody_knows_how_to_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    remedy = "write its interpreter into its first line, such as #!/bin/sh, or `command` into sweep.yaml"
    with pytest.raises(InvalidInput, match=f'^"notes.txt": what runs it is not known: .*; {remedy}$'):
        program_of(tmp_path, "notes.txt")


def test_what_a_script_leaves_for_mlflow_counts_if_nothing_else_is_known(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "1" / "a"
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").touch()
    assert measured(["rows: 3"], tmp_path, []) == Measured(metrics=("rows",), epochs=1)
    (run / "metrics" / "val_loss").write_text("1 0.5 1\n2 0.4 2\n")
    assert measured(["rows: 3"], tmp_path, []) == Measured(metrics=("val_loss",), place={"mlflow": "mlruns"}, epochs=2)
    assert measured(["loss: 3"], tmp_path, []).place is None


def test_event_files_that_nothing_here_can_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events.out.tfevents.1").touch()
    assert measured(["rows: 3"], tmp_path, []).place is None, "they have no scalars"
    monkeypatch.setattr(event_files, "installed", lambda: False)
    assert measured(["rows: 3"], tmp_path, []) == Measured(place={"tensorboard": "."})


def test_the_mean_of_folds_is_one_result(tmp_path: Path) -> None:
    lines = ["Fold 1: accuracy 0.9", "Fold 2: accuracy 0.8", "Mean accuracy: 0.85"]
    assert measured(lines, tmp_path, []) == Measured(metrics=("accuracy",), epochs=1)
