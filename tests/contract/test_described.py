"""What people read of a sweep, of params and of numbers."""

import json
from typing import Any

import pytest

from stepsweep.contract.described import (
    assignments,
    between,
    described,
    number_of,
    plain_digits,
    printable,
    readable,
    shown_value,
    some,
    usd_text,
    values_text,
    varying,
)
from stepsweep.contract.spec import SweepSpec
from tests.support.specs import TUTORIAL, parse

LR = {"low": 0.001, "high": 0.1, "log": True}
TWO = {"optimizer": ["sgd", "adam"], "momentum": [0.5, 0.9]}
UNDER_A_CONDITION = {**TWO, "momentum": {"choices": [0.5, 0.9], "when": {"optimizer": "sgd"}}}
FIRST, SECOND = {"lr": 0.1, "momentum": 0.5}, {"lr": 0.01, "momentum": 0.5}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "9 trials (lr 3 x momentum 3), up to 100 epochs each"),
        ({"epochs": 1}, "9 trials (lr 3 x momentum 3)"),
        ({"epochs": 1, "parameters": {"lr": [0.1]}}, "1 trial (lr 1)"),
        ({"epochs": 1, "parameters": {"lr": [0.1], "n": [1, 2]}}, "2 trials (n 2)"),
        (
            {"epochs": 1, "folds": 3, "repeats": 2},
            "9 sets of params (lr 3 x momentum 3) x 3 folds x 2 seeds, 54 trials",
        ),
        (
            {"epochs": 4, "parameters": {"lr": LR, "n": [1, 2]}, "search": {"method": "random", "trials": 1000}},
            "random search: 1,000 trials (lr 0.001..0.1 log x n 2), up to 4 epochs each",
        ),
        (
            {"epochs": 1, "parameters": {"x": {"low": -1.5, "high": 2.5}}, "search": {"method": "random", "trials": 3},
             "rounds": False},
            "free-running random search: 3 trials (x -1.5..2.5)",
        ),
        ({"epochs": 1, "rounds": False}, "free-running search: 9 trials (lr 3 x momentum 3)"),
        (
            {"epochs": 8, "halving": {"min_epochs": 2, "factor": 3}},
            "9 trials (lr 3 x momentum 3), up to 8 epochs each; the best 1/3 continue after epoch 2",
        ),
        (
            {"epochs": 4, "halving": {"min_epochs": 4, "factor": 2}},
            "9 trials (lr 3 x momentum 3), up to 4 epochs each; halving has no effect, since its first rung is "
            "4 epochs",
        ),
        (
            {"epochs": 1, "parameters": UNDER_A_CONDITION},
            "3 trials (optimizer 2, momentum 2 if optimizer=sgd)",
        ),
        (
            {"epochs": 1, "parameters": TWO, "exclude": [{"optimizer": ["adam"], "momentum": [0.5]}]},
            "3 trials (optimizer 2 x momentum 2; without optimizer=adam momentum=0.5)",
        ),
        (
            {"epochs": 1, "search": {"method": "random", "trials": 3}, "try_first": [FIRST]},
            "random search: 3 trials (lr 3 x momentum 3; 1 by hand first)",
        ),
        (
            {"epochs": 1, "search": {"method": "list", "trials": [FIRST, SECOND]}, "parameters": None},
            "2 trials by hand (lr)",
        ),
    ],
)  # fmt: skip
def test_a_sweep_in_a_few_words(fields: dict[str, Any], words: str) -> None:
    document = {name: value for name, value in {**TUTORIAL, "name": "s", **fields}.items() if value is not None}
    assert described(SweepSpec.from_json(document)) == words


def test_parameters_with_one_choice_do_not_tell_trials_apart() -> None:
    assert varying(parse(parameters={"lr": [0.1], "n": [1, 2]})) == {"n"}
    assert varying(parse(parameters={"a": ["x", "y"], "b": {"choices": [1], "when": {"a": "x"}}})) == {"a", "b"}


def test_params_are_words_as_the_command_line_reads_them() -> None:
    assert assignments({"lr": 0.1, "name": "a b", "sizes": (1, 2)}) == 'lr=0.1 name="a b" sizes=[1,2]'


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        (["a"], "a"),
        (list("abcde"), "a; b; c; d; e"),
        (list("abcdef"), "a; b; c; d; e; and 1 more"),
        (["a" * 120, "b" * 120, "c"], f"{'a' * 120}; {'b' * 120}; and 1 more"),
        (["a" * 121, "b" * 120], f"{'a' * 121}; and 1 more"),
        (["a" * 500], "a" * 500),
        (["a"] * 1_006, "a; a; a; a; a; and 1,001 more"),
    ],
)
def test_of_many_trials_some_are_named(trials: list[str], words: str) -> None:
    assert some(trials) == words


def test_the_cause_of_a_failed_function_is_its_message() -> None:
    cause = json.dumps({"errorMessage": "no\x1b bucket\nat all", "errorType": "KeyError", "stackTrace": ["a", "b"]})
    assert readable(cause) == ["KeyError: no  bucket", "at all"]
    assert readable('{"errorMessage": "gone"}') == ["error: gone"]


@pytest.mark.parametrize("cause", ["{broken", "[1]", '{"other": 1}', "plain\ttext"])
def test_another_cause_is_shown_as_it_is_but_for_control_characters(cause: str) -> None:
    assert readable(cause) == [cause.replace("\t", " ")]


def test_only_line_ends_are_left_of_control_characters() -> None:
    assert printable("a\x00b\x1b[2Jc\nü\u202e") == "a b [2Jc\nü "


def test_numbers_as_people_read_them() -> None:
    assert [number_of(1, "trial"), number_of(0, "trial"), number_of(1_234, "trial")] == [
        "1 trial",
        "0 trials",
        "1,234 trials",
    ]
    amounts = [1234.5, 0.01, 0.0058, 0.0001, 0.000094, 1.23e-8, 0]
    assert list(map(usd_text, amounts)) == ["1,234.50", "0.01", "0.0058", "0.0001", "0.000094", "0.000000012", "0.00"]
    assert [plain_digits(each) for each in (0.00001, 0.125, 1000.0, 3e7)] == ["0.00001", "0.125", "1000", "30000000"]
    assert [shown_value(0.123456789), shown_value(1234567.0), shown_value(2.0, digits=2)] == [
        "0.123457",
        "1.23457e+06",
        "2",
    ]
    assert values_text({"val_accuracy": 0.91, "latency_ms": 3.2}) == "val_accuracy 0.91, latency_ms 3.2"
    assert [between("1", "1"), between("1", "2")] == ["1", "1 to 2"]
