"""What a person asks for: files, options, both, and everything that can be wrong with them."""

import json
import re
import string
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.client.cli.main import cli
from stepsweep.client.specs.asked import Asked, default_name
from stepsweep.client.specs.document import read_spec
from stepsweep.contract.brief import brief_document
from stepsweep.contract.errors import InvalidInput, InvalidSweep
from stepsweep.contract.rounds import first_round
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec
from tests.support.specs import NOW
from tests.support.strategies import documents

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def faults(asked: Asked) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        asked.spec(now=NOW)
    return list(raised.value.faults)


def written(folder: Path, text: str | bytes) -> str:
    file = folder / "spec.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(file)


def test_options_alone_are_a_whole_input() -> None:
    spec = Asked(parameters=["lr=0.1,1e-3", "optimizer=sgd,adam"], fixed=["batch_size=64"], epochs=3).spec(now=NOW)
    assert spec.parameters == {"lr": (0.1, 0.001), "optimizer": ("sgd", "adam")}
    assert spec.fixed == {"batch_size": 64}
    assert spec.epochs == 3
    assert spec.name == "sweep-20261123-053012-250731"


def test_options_override_the_fields_of_a_file(tmp_path: Path) -> None:
    document = {
        "parameters": {"lr": [1, 2], "momentum": [0.5]},
        "fixed": {"dataset": "mnist", "batch_size": 64},
        "epochs": 100,
        "seed": 7,
        "environment": {"A": "file", "B": "file"},
        "objective": {"metric": "val_loss", "direction": "minimize"},
    }
    asked = Asked(
        file=written(tmp_path, json.dumps(document)),
        parameters=["lr=0.1"],
        fixed=["dataset=fashion-mnist"],
        epochs=5,
        name="mine",
        objectives=["train_loss:minimize"],
        environment=["A=1=2", "SHELL_S"],
        exported={"SHELL_S": "its own", "OTHER": "x"},
        max_concurrency=2,
        priority="high",
        fresh=True,
    )
    expected = {
        "parameters": {"lr": [0.1], "momentum": [0.5]},
        "fixed": {"dataset": "fashion-mnist", "batch_size": 64},
        "epochs": 5,
        "seed": 7,
        "objective": {"metric": "train_loss", "direction": "minimize"},
        "name": "mine",
        "environment": {"A": "1=2", "B": "file", "SHELL_S": "its own"},
        "max_concurrency": 2,
        "priority": "high",
        "fresh": True,
    }
    assert asked.spec(now=NOW) == SweepSpec.from_json(expected)
    several = ["train_loss:minimize", "val_auc:maximize"]
    objectives = [{"metric": "train_loss", "direction": "minimize"}, {"metric": "val_auc", "direction": "maximize"}]
    del expected["objective"]
    assert replace(asked, objectives=several).spec(now=NOW) == SweepSpec.from_json(
        expected | {"objectives": objectives}
    )
    more: dict[str, Any] = {"secrets": ["TOKEN"], "artifacts": ["*.pt"]}
    in_file = document | {"search": "random", "secrets": ["KEY"], "artifacts": ["a.txt"]}
    written(tmp_path, json.dumps(in_file))
    of_search: dict[str, Any] = {
        "rounds": False,
        "folds": 2,
        "repeats": 3,
        "seed": 8,
        "budget_usd": 3.5,
        "accept_trainer": True,
    }
    with_range = replace(asked, **more, **of_search, trials=4, parameters=["lr=0.1..1"])
    assert with_range.spec(now=NOW) == SweepSpec.from_json(
        expected
        | of_search
        | {
            "parameters": {"lr": {"low": 0.1, "high": 1}, "momentum": [0.5]},
            "objective": {"metric": "train_loss", "direction": "minimize"},
            "search": {"method": "random", "trials": 4},
            "secrets": ["KEY", "TOKEN"],
            "artifacts": ["a.txt", "*.pt"],
        }
    )


def test_fields_that_no_option_can_add_to_are_left_to_the_parser_s_faults(tmp_path: Path) -> None:
    wrong = {"parameters": [], "fixed": 1, "environment": "A", "secrets": "A", "artifacts": "a", "search": 3}
    file = written(tmp_path, json.dumps({**wrong, "epochs": 1}))
    asked = Asked(
        file=file, parameters=["lr=1"], fixed=["a=1"], environment=["A=1"], secrets=["B"], artifacts=["b"], exported={}
    )
    with pytest.raises(InvalidSweep) as planner:
        SweepSpec.from_json({**wrong, "epochs": 1}, default_name="x")
    assert faults(asked) == list(planner.value.faults)
    assert len(planner.value.faults) >= len(wrong)


def test_a_variable_without_a_value_that_the_shell_does_not_have_is_a_fault() -> None:
    asked = Asked(parameters=["lr=1"], epochs=1, environment=["NOT_SET", "A=1", "A=2"], exported={"OTHER": "x"})
    assert faults(asked) == [
        '--env "NOT_SET": the shell has no such variable; export it, or write NAME=VALUE',
        "--env A: given twice; give it once",
    ]


def test_the_file_s_own_name_of_the_sweep_is_kept(tmp_path: Path) -> None:
    file = written(tmp_path, '{"parameters": {"lr": [1]}, "epochs": 1, "name": "mine"}')
    assert Asked(file=file).spec(now=NOW).name == "mine"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: file.name)
def test_the_examples_can_be_run(file: Path) -> None:
    assert Asked(file=str(file)).spec(now=NOW).name == f"{file.stem}-20261123-053012-250731"


def test_the_tutorial_s_example_is_the_tutorial_s_sweep() -> None:
    spec = Asked(file=str(EXAMPLES / "tutorial.json")).spec(now=NOW)
    assert spec.parameters == {"lr": (0.1, 0.01, 0.001), "momentum": (0.5, 0.1, 0.05)}
    assert spec.epochs == 100


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text))
def test_every_file_gives_a_name_that_a_sweep_may_have(stem: str) -> None:
    name = default_name(f"{stem}.json", NOW)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*-20261123-053012-250731", name)
    assert SweepSpec.from_json({"parameters": {"lr": [1]}, "epochs": 1}, default_name=name).name == name


@pytest.mark.parametrize(
    ("file", "stem"),
    [("a/b.c d.yaml", "b-c-d"), ("-", "sweep"), (None, "sweep"), ("_ü_.json", "sweep"), (f"{'x' * 99}.json", "x" * 57)],
)
def test_a_sweep_is_named_after_its_file(file: str | None, stem: str) -> None:
    assert default_name(file, NOW) == f"{stem}-20261123-053012-250731"


def test_sweeps_of_the_same_second_have_names_of_their_own() -> None:
    names = {default_name(None, NOW + timedelta(microseconds=number)) for number in (0, 1, 1_000)}
    assert len(names) == 3


@given(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_behind_an_option_is_the_number_of_the_same_json(number: float) -> None:
    asked = Asked(parameters=[f"lr={json.dumps(number)}"], epochs=1)
    document = {"parameters": {"lr": [number]}, "epochs": 1}
    assert asked.spec(now=NOW).parameters == SweepSpec.from_json(document, default_name="x").parameters


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (Asked(parameters=["lr"]), '--set "lr": write name=value, such as --set lr=0.1,0.01'),
        (Asked(parameters=["=1"]), '--set "=1": write name=value, such as --set lr=0.1,0.01'),
        (Asked(fixed=["patience"]), '--fixed "patience": write name=value, such as --fixed batch_size=64'),
        (Asked(parameters=["lr=1", "lr=2"]), "--set lr: given twice; write all choices in one"),
        (Asked(fixed=["a=1", "a=1"]), "--fixed a: given twice; give it once"),
    ],
)
def test_an_option_that_cannot_be_read_is_named(asked: Asked, fault: str) -> None:
    assert faults(asked) == [fault]


def test_the_faults_of_a_spec_come_all_at_once_and_in_the_planner_s_words(tmp_path: Path) -> None:
    document = {"parameters": {"lr": [0.1, {}], "momentum": []}, "epoch": 5, "seed": -1}
    with pytest.raises(InvalidSweep) as planner:
        SweepSpec.from_json(document, default_name="x")
    assert faults(Asked(file=written(tmp_path, json.dumps(document)))) == list(planner.value.faults)
    assert len(planner.value.faults) >= 4


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x", ":1: not JSON: Expecting value (column 1)"),
        ('{\n "epochs": 5,\n}', ":2: not JSON: Illegal trailing comma"),
        ('{"epochs": 1}\n{"epochs": 2}', ":2: not JSON: Extra data (column 1)"),
        (b'{"name":\n "\xff"}', ":2: not UTF-8"),
        ('{"a": NaN}', ":1: NaN is not a number in JSON; write a finite one"),
        ('{"a": [1,\n-Infinity]}', ":2: -Infinity is not a number in JSON; write a finite one"),
        ('{"lr": 1,\n "m": {"lr": 2},\n "lr": 3}', ':3: the key "lr" stands twice in its object; keep one'),
        ('{"l\\u0072": 1, "lr": 3}', ':1: the key "lr" stands twice in its object; keep one'),
    ],
)
def test_a_file_that_is_not_strict_json_is_refused_with_its_line(tmp_path: Path, text: str | bytes, fault: str) -> None:
    file = written(tmp_path, text)
    (said,) = faults(Asked(file=file))
    # Python 3.13 says of a trailing comma what it is; earlier ones what they wanted instead.
    alternative = fault.replace("Illegal trailing comma", "Expecting property name enclosed in double quotes")
    alternative = alternative.replace(":2: not JSON: Expecting property", ":3: not JSON: Expecting property")
    assert said.startswith((f"{file}{fault}", f"{file}{alternative}"))


def test_a_file_of_another_ending_is_told_which_ones_there_are(tmp_path: Path) -> None:
    rule = "a spec is JSON, or YAML in a file whose name ends in .yaml or .yml"
    script, other = tmp_path / "my train.py", tmp_path / "sweep.yamll"
    script.write_text("0\nimport torch\n")
    other.write_text("epochs: 3\n")
    assert faults(Asked(file=str(script))) == [
        f"{script}: is a script, and {rule}; `sweep init '{script}'` proposes one for it"
    ]
    assert faults(Asked(file=str(other))) == [f"{other}:1: not JSON: Expecting value (column 1)", f"{other}: {rule}"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "9" * 5_000 + "}"])
def test_json_that_is_too_much_for_the_parser_is_a_fault(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    (said,) = faults(Asked(file=file))
    assert said.startswith(f"{file}: not JSON that can be read here: ")


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    assert faults(Asked(file=str(missing))) == [f"{missing}: cannot be read: No such file or directory"]
    assert faults(Asked(file=str(tmp_path))) == [f"{tmp_path}: cannot be read: Is a directory"]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert read_spec(written(tmp_path, b"\xef\xbb\xbf{}")) == {}


@given(DOCUMENTS)
def test_json_is_read_as_it_is(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    file = written(tmp_path_factory.mktemp("json"), json.dumps(document, indent=1))
    assert read_spec(file) == document


@given(st.dictionaries(st.text(string.printable), DOCUMENTS, min_size=1), st.data())
def test_a_key_that_stands_twice_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in document.items()]
    place = data.draw(st.integers(list(document).index(key) + 1, len(members)))
    members.insert(place, f"{json.dumps(key)}: 0")
    file = written(tmp_path_factory.mktemp("json"), "{" + ",\n".join(members) + "}")
    with pytest.raises(InvalidInput) as raised:
        read_spec(file)
    (fault,) = raised.value.faults
    assert fault.startswith(f"{file}:{place + 1}: the key ")


def test_an_input_that_an_execution_cannot_take_is_refused() -> None:
    choices = [f"a{number:063}" for number in range(5_000)]
    asked = Asked(parameters=[f"text={','.join(choices)}"], epochs=1, name="large")
    spec = SweepSpec.from_json({"parameters": {"text": choices}, "epochs": 1, "name": "large"})
    size = len(json.dumps(spec.to_json()))
    assert faults(asked) == [f"the input has {size} bytes; Step Functions takes at most 262144, give fewer choices"]


# --- YAML -------------------------------------------------------------------------------------------------------------


def in_yaml(folder: Path, text: str, name: str = "spec.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_json_is_yaml_too(tmp_path: Path, example: Path) -> None:
    assert read_spec(in_yaml(tmp_path, example.read_text())) == json.loads(example.read_bytes())


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_in_yaml_are_inputs(example: Path) -> None:
    assert len(first_round(Asked(file=str(example)).spec(now=NOW), trainer_version="1")) > 1


def test_the_tutorial_is_the_same_in_yaml_and_in_json() -> None:
    names = [str(EXAMPLES / name) for name in ("tutorial.yaml", "tutorial.json")]
    first, second = (Asked(file=name).spec(now=NOW) for name in names)
    assert first == second


def test_a_word_in_yaml_is_what_it_is_in_json(tmp_path: Path) -> None:
    text = """
numbers: [1e-3, 0.1, 10, -2, 1E5]
texts: [sgd, no, on, 2026-01-01, "0.1", '1', "007", a b, 1.2.3, "1,5", "inf"]
words: [true, false, null, ~]
empty:
"""
    assert read_spec(in_yaml(tmp_path, text, "spec.YML")) == {
        "numbers": [0.001, 0.1, 10, -2, 100000.0],
        "texts": ["sgd", "no", "on", "2026-01-01", "0.1", "1", "007", "a b", "1.2.3", "1,5", "inf"],
        "words": [True, False, None, None],
        "empty": None,
    }


@given(number=st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_in_yaml(tmp_path_factory: pytest.TempPathFactory, number: float) -> None:
    file = in_yaml(tmp_path_factory.getbasetemp(), f"value: {json.dumps(number)}\n", "number.yaml")
    read = read_spec(file)["value"]
    assert (read, type(read)) == (number, type(number))


MEANT = [
    ("1_000", "1000"), ("0x10", "16"), ("0b11", "3"), ("0o17", "15"), ("+1", "1"), (".5", "0.5"), ("5.", "5"),
    ("010", "10"), ("-1_0.5e+1_0", "-10.5e+10"), ("1e", "1"), ("1.5E-", "1.5"), ("\u0661", "1"), ("\u22121", "-1"),
]  # fmt: skip
"""A word, and the number that a person means by it."""


@pytest.mark.parametrize(("word", "number"), [*MEANT, ("1,5", "1.5"), ("1,000", "1000"), ("1 000", "1000")])
def test_a_word_that_is_nearly_a_number_is_a_fault_that_names_the_number(
    tmp_path: Path, word: str, number: str
) -> None:
    fault = f"{shown(word)} is not how JSON writes a number; write {number}, or put the word in quotes if it is a text"
    in_a_list = in_yaml(tmp_path, f"parameters:\n  x:\n  - {word}\nepochs: 1\n")
    assert faults(Asked(file=in_a_list)) == [f"{in_a_list}:3: {fault}"]
    assert faults(Asked(parameters=["x=1"], fixed=[f"y={word}"], epochs=1)) == [f"--fixed y: {fault}"]
    in_json = written(tmp_path, f'{{"epochs": 1,\n"parameters": {{"y": [1]}}, "fixed": {{"x": {word}}}}}')
    if " " not in word:
        assert faults(Asked(file=in_json)) == [f"{in_json}:2: {fault}"]
    if "," not in word:
        assert faults(Asked(parameters=[f"x=7,{word}"], epochs=1)) == [f"--set x: {fault}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", ":3: not YAML: "),
        ("epochs: 1\nepochs: 2\n", ':2: the key "epochs" stands twice in its object; keep one'),
        ("lr: [.nan]\n", ":1: .nan is not a number in JSON; write a finite one"),
        ("a: &x [1]\nb: *x\n", ":1: an alias (*name) of this value is not taken; write it out where it is used"),
        ("a: !!python/object/apply:os.system [ls]\n", ":1: the tag tag:yaml.org,2002:python/object/apply:os.system is"),
        ("a: !mine b\n", ":1: the tag !mine is not taken"),
        ("? [a]\n: 1\n", ":1: a key must be a word"),
        ("a: 1\n---\na: 2\n", ":2: not YAML: but found another document"),
        ("[" * 5000, ": not YAML that can be read here: "),
        ("a:" + " [" * 60 + "]" * 60, ":1: more than 50 levels"),
        ("a: \x01\n", ": not YAML that can be read here: "),
    ],
)
def test_yaml_that_cannot_be_a_spec(tmp_path: Path, text: str, fault: str) -> None:
    file = in_yaml(tmp_path, text)
    with pytest.raises(InvalidInput) as raised:
        read_spec(file)
    assert raised.value.faults[0].startswith(file + fault)


@pytest.mark.parametrize(("name", "text"), [("bad.yaml", ""), ("bad.yaml", "# later\n"), ("bad.json", " \n")])
def test_a_file_with_nothing_in_it(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput, match=f"^{tmp_path / name}: is empty; write the fields of a spec, such as "):
        read_spec(str(tmp_path / name))


def test_all_wrong_options_are_reported_at_once() -> None:
    def faults_of(*words: str) -> tuple[str, ...]:
        found = CliRunner().invoke(cli, ["plan", "--set", "lr=0.1", "--set", "a=1,2", *words])
        assert isinstance(found.exception, InvalidInput), found.output
        return found.exception.faults

    wrong = ["--budget-usd", "zero", "--epochs", "ten", "--seed", "-1", "--repeats", "0", "--priority", "soon"]
    said = {
        'budget_usd: must be a number of US dollars above 0, got "zero"',
        'epochs: must be a whole number from 1 to 100000, got "ten"',
        "seed: must be a whole number from 0 to 4294967295, got -1",
        "repeats: must be a whole number from 1 to 20, got 0",
        'priority: must be one of "high", "normal", "low", got "soon"',
    }
    assert set(faults_of(*wrong)) == said
    more = ["--halving", "x", "--trials", "1_000", "--folds", "5", "--search", "grid"]
    of_more = {
        '--halving "x": write MIN_EPOCHS:FACTOR, such as --halving 3:3, or auto',
        'search.trials: must be a whole number from 1 to 10000, got "1_000"',
    }
    assert set(faults_of(*wrong, *more)) == said | of_more


def test_options_have_the_numbers_of_their_texts() -> None:
    numbers: dict[str, Any] = {"epochs": 5, "budget_usd": 0.5, "seed": 3, "trials": 4, "batch": 2, "max_concurrency": 7}
    texts: dict[str, Any] = {name: str(number) for name, number in numbers.items()}
    from_numbers, from_texts = (
        Asked(parameters=["lr=0.1..1"], search="tpe", name="a", **each).spec(now=NOW) for each in (numbers, texts)
    )
    assert from_texts == from_numbers


@pytest.mark.parametrize("ending", ["json", "yaml", "options"])
def test_every_kind_of_value_is_the_same_in_json_in_yaml_and_in_options(tmp_path: Path, ending: str) -> None:
    parameters = {"layers": [[64, 64], [128]], "mixed": [1, "1", True, None, "a, b"], "plain": ["sgd", "/data/x"]}
    document = {"parameters": parameters, "fixed": {"note": "a, b", "sizes": [1, 2]}, "objective": "auc", "epochs": 1}
    if ending == "options":
        asked = Asked(
            parameters=["layers=[64, 64],[128]", 'mixed=1,"1",true,null,"a, b"', "plain=sgd,/data/x"],
            fixed=["note=a, b", "sizes=[1,2]"],
            objectives=["auc"],
            epochs=1,
        )
    elif ending == "json":
        asked = Asked(file=written(tmp_path, json.dumps(document)))
    else:
        text = """
parameters:
  layers: [[64, 64], [128]]
  mixed: [1, "1", true, null, 'a, b']
  plain:
  - sgd
  - /data/x
fixed: {note: "a, b", sizes: [1, 2]}
objective: auc
epochs: 1
"""
        asked = Asked(file=in_yaml(tmp_path, text))
    assert asked.spec(now=NOW).to_json() == SweepSpec.from_json(document, default_name="x").to_json() | {
        "name": asked.spec(now=NOW).name
    }


NO_NUMBER = "is not how JSON writes a number; write 1, or put the word in quotes if it is a text"


class TestSearches:
    def test_ranges_and_ways_to_search_are_the_fields_of_a_spec(self) -> None:
        asked = Asked(
            parameters=("lr=1e-4..1:log", "momentum=0..0.9:step=0.1", "hidden=16..256:int", "act=a..b,c"),
            search="tpe", trials=20, batch=5, halving="3:4", epochs=48, folds=5, repeats=2,
        )  # fmt: skip
        assert asked.spec(now=NOW) == SweepSpec.from_json(
            {
                "parameters": {
                    "lr": {"low": 1e-4, "high": 1, "log": True},
                    "momentum": {"low": 0, "high": 0.9, "step": 0.1},
                    "hidden": {"low": 16, "high": 256, "type": "int"},
                    "act": ["a..b", "c"],
                },
                "search": {"method": "tpe", "trials": 20, "batch": 5},
                "halving": {"min_epochs": 3, "factor": 4},
                "epochs": 48,
                "folds": 5,
                "repeats": 2,
            },
            default_name=default_name(None, NOW),
        )

    def test_an_option_changes_its_field_of_a_file_s_search_only(self, tmp_path: Path) -> None:
        file = tmp_path / "spec.json"
        document = {"parameters": {"lr": {"low": 0.1, "high": 1}}, "epochs": 9, "halving": {"min_epochs": 1}}
        file.write_text(json.dumps({**document, "search": {"method": "random", "trials": 5}}))
        spec = Asked(file=str(file), trials=7, halving="auto").spec(now=NOW)
        assert spec.to_json()["search"] == {"method": "random", "trials": 7}
        assert spec.rungs == (1, 3, 9)
        assert Asked(file=str(file), parameters=("lr=1,2",), search="grid").spec(now=NOW).search.trials is None

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"parameters": ("lr=0.1..x",)}, ['parameters.lr.high: must be a number of at most 1e+300, got "x"']),
            ({"parameters": ("lr=0.1..01",)}, [f'--set lr: "01" {NO_NUMBER}']),
            ({"parameters": ("lr=01..1",)}, [f'--set lr: "01" {NO_NUMBER}']),
            ({"parameters": ("lr=0.1..1:step=01",)}, [f'--set lr: "01" {NO_NUMBER}']),
            (
                {"parameters": ("lr=0.1..1:ln:step:log=1:float",)},
                [
                    f'--set lr: "{word}" behind a range; known are log, int, float and step=0.1'
                    for word in ("ln", "step", "log=1")
                ],
            ),
            *(
                (
                    {"parameters": (f"lr={text}",)},
                    [
                        "--set lr: a range stands alone, its words follow after colons, as in 1..10:int:step=4; got "
                        f'"{text}". A text with two dots needs quotes'
                    ],
                )
                for text in ("1..10:int,step=4", "0, 0.1..1")
            ),
            ({"parameters": ("lr=[1",)}, ['--set lr: "[1" is a list without its closing bracket']),
            *(
                ({"halving": text}, [f'--halving "{text}": write MIN_EPOCHS:FACTOR, such as --halving 3:3, or auto'])
                for text in ("x", "3:", "3:x", ":3", "-1:3")
            ),
            ({"search": "random"}, ["search.trials: missing; write how many params to try, 1 to 10000"]),
            ({"search": "grid", "trials": 3}, ["search.trials: a grid tries every combination; leave it out"]),
            (
                {"parameters": ("lr",), "fixed": ("x", "b=01"), "environment": ("N",), "halving": "x"},
                [
                    '--set "lr": write name=value, such as --set lr=0.1,0.01',
                    '--fixed "x": write name=value, such as --fixed batch_size=64',
                    f'--fixed b: "01" {NO_NUMBER}',
                    '--env "N": the shell has no such variable; export it, or write NAME=VALUE',
                    '--halving "x": write MIN_EPOCHS:FACTOR, such as --halving 3:3, or auto',
                ],
            ),
        ],
    )
    def test_what_is_wrong_with_them_is_said(self, asked: dict[str, Any], found: list[str]) -> None:
        assert faults(Asked(**{"epochs": 9, "parameters": ("lr=0.1",), **asked})) == found

    @pytest.mark.parametrize(("text", "halving"), [("3", (3, 3)), ("auto", (1, 3)), ("2:4", (2, 4))])
    def test_halving_in_short(self, text: str, halving: tuple[int, int]) -> None:
        found = Asked(epochs=9, parameters=("lr=0.1",), halving=text).spec(now=NOW).halving
        assert found is not None
        assert (found.min_epochs, found.factor) == halving


def test_a_spec_that_never_ends_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^/dev/zero: larger than 1,048,576 bytes, which no spec needs$"):
        read_spec("/dev/zero")


@given(documents())
def test_a_brief_spec_means_the_same(document: Any) -> None:
    spec = SweepSpec.from_json({**document, "name": "a"})
    brief = brief_document(spec)
    assert "name" not in brief
    assert SweepSpec.from_json({**brief, "name": "a"}) == spec


def test_a_brief_spec_has_nothing_that_goes_without_saying() -> None:
    fields = {"parameters": {"lr": [1]}, "epochs": 3, "fixed": {"a": 1}, "rounds": False}
    assert brief_document(SweepSpec.from_json({**fields, "name": "mine", "seed": 0})) == fields
