"""The script's own command line: how each dialect writes each kind of value."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepsweep.contract.space import parse_value
from stepsweep.contract.trial import Trial
from stepsweep.trial import params_file
from stepsweep.trial.command import Dialect, WrongCommand, read

VALUES: dict[str, Any] = {
    "lr": -1e-05,
    "layers": [64, 64],
    "act": ["relu", "a b"],
    "nesterov": True,
    "bias": False,
    "clip": None,
    "note": "a, b's",
    "tag": "1",
}


def trial(**values: Any) -> Trial:
    options = {name: parse_value(value) for name, value in values.items()}
    return Trial(trial_id="t", params=options, options=options, epochs=1)


def argv(*template: str, dialect: Dialect | None = None, **values: Any) -> list[str]:
    asked = trial(**values)
    end = [] if "{args}" in template else ["--"]
    words = [*template, *end, *asked.command()]
    return read(words, dialect or Dialect(), {"params_json": "p.json"}, asked.texts).argv


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        (Dialect(), "--lr -0.00001 --layers [64,64] --nesterov true --bias false"),
        (Dialect(nulls="value"), "--lr -0.00001 --layers [64,64] --nesterov true --bias false --clip null"),
        (Dialect(lists="comma", booleans="flag"), "--lr -0.00001 --layers 64,64 --nesterov"),
        (Dialect(lists="space", booleans="no-flag"), "--lr -0.00001 --layers 64 64 --nesterov --no-bias"),
        (Dialect(lists="repeat", booleans="flag"), "--lr -0.00001 --layers 64 --layers 64 --nesterov"),
        (Dialect("--name=value", lists="repeat", booleans="flag"), "--lr=-0.00001 --layers=64 --layers=64 --nesterov"),
        (Dialect(style="--name=value", lists="space"), "--lr=-0.00001 --layers 64 64 --nesterov=true --bias=false"),
        (Dialect(style="name=value"), "lr=-0.00001 layers=[64,64] nesterov=true bias=false clip=null"),
        (Dialect(style="hydra"), "lr=-0.00001 layers=[64,64] nesterov=true bias=false clip=null"),
    ],
)  # fmt: skip
def test_each_dialect_writes_each_kind_of_value(dialect: Dialect, words: str) -> None:
    given = {name: VALUES[name] for name in ("lr", "layers", "nesterov", "bias", "clip")}
    assert argv("train", "{args}", dialect=dialect, **given) == ["train", *words.split()]


def test_texts_are_one_word_whatever_they_hold() -> None:
    given = {"note": "a, b's", "tag": "1", "act": ["relu", "a b"], "flag": "true"}
    assert argv("train", "{args}", dialect=Dialect(booleans="flag", lists="comma"), **given) == [
        "train", "--note", "a, b's", "--tag", "1", "--act", "relu,a b", "--flag", "true",
    ]  # fmt: skip
    # Hydra's words may be numbers, and its commas separate.
    assert argv("train", "{args}", dialect=Dialect(style="hydra"), **given, plain="sgd", n=1) == [
        "train", r"note='a, b\'s'", "tag='1'", "act=[relu,'a b']", "flag='true'", "plain=sgd", "n=1",
    ]  # fmt: skip


def test_a_dotted_name_is_lightnings_own() -> None:
    given: dict[str, Any] = {"model.lr": 0.1, "trainer.max_epochs": 3}
    assert argv("fit", "{args}", **given) == [
        "fit", "--model.lr", "0.1", "--trainer.max_epochs", "3",
    ]  # fmt: skip


def test_a_list_in_a_placeholder_is_words_of_its_own_or_part_of_a_word() -> None:
    given = {"layers": [64, 32], "clip": None}
    assert argv("train", "--sizes", "{layers}", "{clip}", dialect=Dialect(lists="space"), **given) == [
        "train", "--sizes", "64", "32", "null",
    ]  # fmt: skip
    assert argv("train", "sizes:{layers}", "{clip}", dialect=Dialect(lists="comma"), **given)[1] == "sizes:64,32"


def test_variables_hold_the_values_and_null_is_none() -> None:
    asked = trial(**VALUES, **{"batch-size": 8})
    command = read(["train", "{args}", *asked.command()], Dialect(style="env", lists="space"), {}, asked.texts)
    assert command.argv == ["train"]
    assert command.environment == {
        "lr": "-0.00001", "layers": "64 64", "act": "relu a b", "nesterov": "true", "bias": "false",
        "note": "a, b's", "tag": "1", "batch_size": "8",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_file_has_every_value_with_its_type(tmp_path: Path, kind: str) -> None:
    asked = trial(**VALUES, **{"optim.lr": 1e-05, "optim.sched.t": 3, "empty": [], "epochs": 2, "seed": 0})
    file = tmp_path / f"params.{kind}"
    words = ["train", f"{{params_{kind}}}", "--", *asked.command()]
    command = read(words, Dialect(epochs_as="max_epochs", seed_as=None), {f"params_{kind}": str(file)}, asked.texts)
    assert command.argv == ["train", str(file)]
    (found,) = command.files.values()
    params_file.write(file, found)
    read_back = (json.loads if kind == "json" else yaml.safe_load)(file.read_text())
    expected = {**VALUES, "optim": {"lr": 1e-05, "sched": {"t": 3}}, "empty": [], "max_epochs": 2}
    assert read_back == expected
    assert (read_back["nesterov"], type(read_back["tag"]), type(read_back["optim"]["lr"])) == (True, str, float)


@pytest.mark.parametrize(
    ("dialect", "given", "fault"),
    [
        (Dialect(dashes=True), {"a-b": 1, "a_b": 2}, "--a_b: would be a-b to the script, as --a-b is"),
        (Dialect(style="env"), {"a.b": 1, "a_b": 2}, "--a_b: would be a_b to the script, as --a.b is"),
        (Dialect(epochs_as="n"), {"n": 1, "epochs": 2}, "--epochs: would be n to the script, as --n is"),
    ],
)
def test_two_options_that_would_be_one_to_the_script_are_a_fault(
    dialect: Dialect, given: dict[str, Any], fault: str
) -> None:
    with pytest.raises(WrongCommand) as raised:
        argv("train", "{args}", dialect=dialect, **given)
    assert raised.value.faults[0].startswith(fault)


@pytest.mark.parametrize("given", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}])
def test_an_option_that_is_a_field_and_an_object_is_a_fault(given: dict[str, Any]) -> None:
    with pytest.raises(WrongCommand):
        argv("train", "{params_json}", **given)
