"""What each field of an input says of a value of another type."""

from typing import Any

import pytest

from tests.support.specs import faults

NUMBER = "must be a whole number from"
TRUE = "must be true or false"
BY_HAND = "must be a list of objects such as"
RULES = {
    "parameters": ("must be an object of at least one name and its choices", '; write {"lr": [0.1, 0.01]}'),
    "exclude": (f'{BY_HAND} [{{"lr": 1, "momentum": 0.9}}]', ""),
    "try_first": (f'{BY_HAND} [{{"lr": 0.1, "momentum": 0.9}}]', ""),
    "warm_start": ('must be a list of names of sweeps such as ["first"]', ""),
    "known": ("must be the list that the planner recorded", ""),
    "search": ('must be "grid" or an object such as {"method": "random", "trials": 50}', ""),
    "halving": ('must be an object such as {"min_epochs": 3, "factor": 3}', ""),
    "rounds": (TRUE, ""),
    "stop": (
        'must be an object such as {"metric_reached": 0.99, "max_hours": 8, "max_trials_without_improvement": 30, '
        '"running": "end"}',
        "",
    ),
    "fixed": ('must be an object of options such as {"batch_size": 64}', ""),
    "epochs": (f"{NUMBER} 1 to 100000", ""),
    "objective": ('must be a metric\'s name or an object such as {"metric": "val_loss", "direction": "minimize"}', ""),
    "objectives": (
        'must be a list of 2 to 4 such as [{"metric": "val_accuracy"}, {"metric": "latency_ms", "direction": '
        '"minimize"}]',
        "; one alone is written as `objective`",
    ),
    "folds": (f"{NUMBER} 2 to 20", ""),
    "repeats": (f"{NUMBER} 1 to 20", ""),
    "seed": (f"{NUMBER} 0 to 4294967295", ""),
    "name": ("must be 1 to 80 letters, digits, - and _ that start with a letter or digit", ""),
    "environment": ('must be an object of variables such as {"OMP_NUM_THREADS": "4"}', ""),
    "secrets": ('must be a list of names such as ["WANDB_API_KEY"]', ""),
    "resources": ('must be an object such as {"vcpus": 2, "memory_mib": 4000}', ""),
    "timeout_minutes": (f"{NUMBER} 1 to 20160", ""),
    "retries": (f"{NUMBER} 0 to 9", ""),
    "artifacts": ('must be a list of files and patterns such as ["best.pt", "out/*.json"]', ""),
    "keep_artifacts": ('must be "winner", "best 3", "all" or "none"', ""),
    "max_concurrency": (f"{NUMBER} 1 to 10000", ""),
    "priority": ('must be one of "high", "normal", "low"', ""),
    "budget_usd": ("must be a number of US dollars above 0", ""),
    "seconds_per_epoch": ("must be a number of seconds above 0", ""),
    "fresh": (TRUE, ""),
    "accept_trainer": (TRUE, ""),
}
MEANT = {"objective": ("x y",), "name": ("x y",), "rounds": (True,), "fresh": (True,), "accept_trainer": (True,)}
"""Fields that take values of these types."""


@pytest.mark.parametrize("field", RULES)
def test_a_value_of_another_type_is_told_the_rule_and_what_to_write(field: str) -> None:
    rule, remedy = RULES[field]
    for value, text in (("x y", '"x y"'), (-7.5, "-7.5"), (True, "true")):
        if value not in MEANT.get(field, ()):
            assert faults(**{field: value}) == (f"{field}: {rule}, got {text}{remedy}",)


@pytest.mark.parametrize("field", ["warm_start", "artifacts"])
@pytest.mark.parametrize(("value", "text"), [([3], "[3]"), ([["x"]], '[["x"]]')])
def test_a_list_of_another_type_is_told_too(field: str, value: Any, text: str) -> None:
    rule, remedy = RULES[field]
    assert faults(**{field: value}) == (f"{field}: {rule}, got {text}{remedy}",)


@pytest.mark.parametrize("field", ["exclude", "try_first"])
def test_an_entry_of_another_type_is_told_with_its_place(field: str) -> None:
    found = faults(**{field: [["x"], 3]})
    assert [fault.partition(":")[0] for fault in found] == [f"{field}[0]", f"{field}[1]"]
    assert found[1].endswith(', "momentum": 0.9}, got 3')


@pytest.mark.parametrize(
    ("field", "known"),
    [
        ("search", ["method", "trials", "batch"]),
        ("halving", ["min_epochs", "factor"]),
        ("stop", ["metric_reached", "max_hours", "max_trials_without_improvement", "median", "running"]),
        ("resources", ["vcpus", "memory_mib", "gpus"]),
    ],
)
def test_an_unknown_field_of_an_object_is_told_which_are_known(field: str, known: list[str]) -> None:
    first, *_ = faults(**{field: {"zzz": 1}})
    assert first == f"unknown field `{field}.zzz`; known are {', '.join(known)}"
