"""What a person may ask for, and what they are told when they ask for something else."""

import json
import math
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidSweep, SweepError
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.parser import FIELDS
from stepsweep.contract.rounds import first_round
from stepsweep.contract.search import Search
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec
from tests.support.specs import TUTORIAL, faults, faults_of, parse
from tests.support.strategies import any_json, documents, mutated_documents

HUGE = 10**400
MISSING_DIRECTION = (
    "objective.direction: missing, and which end of gap is better is not known; write "
    '{"metric": "gap", "direction": "maximize"}, or "minimize"'
)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


def spec_or_faults(document: Any) -> SweepSpec | tuple[str, ...]:
    try:
        return SweepSpec.from_json(document, default_name="s")
    except InvalidSweep as error:
        return error.faults


def wrong(field: str, *values: Any) -> list[Any]:
    return [pytest.param(field, value, id=f"{field}={ascii(value)[:30]}") for value in values]


class TestInput:
    def test_the_tutorials_grid_is_a_whole_input_and_every_other_field_has_its_default(self) -> None:
        assert SweepSpec.from_json(TUTORIAL, default_name="execution-1") == SweepSpec(
            parameters={"lr": (0.1, 0.01, 0.001), "momentum": (0.5, 0.1, 0.05)},
            epochs=100,
            name="execution-1",
            search=Search(),
            fixed={},
            objective=Objective(metric="val_accuracy", direction=Direction.MAXIMIZE),
            seed=0,
            max_concurrency=None,
            budget_usd=None,
            fresh=False,
            accept_trainer=False,
        )

    def test_the_name_of_the_input_goes_before_the_executions(self) -> None:
        assert SweepSpec.from_json({**TUTORIAL, "name": "mine"}, default_name="execution-1").name == "mine"

    def test_the_comment_that_the_console_adds_is_ignored(self) -> None:
        assert parse(Comment={"Insert your JSON": "here"}) == parse()

    @pytest.mark.parametrize("name", ["a", "0", "Z", "a-b_c", "2026-11-23", "a" * 80])
    def test_a_name_is_made_of_letters_digits_dashes_and_underscores(self, name: str) -> None:
        assert parse(name=name).name == name

    def test_whole_numbers_may_be_written_with_a_fraction_of_zero(self) -> None:
        spec = parse(epochs=5.0, seed=1e3, max_concurrency=16.0, parameters={"hidden": [64.0]})
        assert spec.to_json() == parse(epochs=5, seed=1000, max_concurrency=16, parameters={"hidden": [64]}).to_json()

    def test_a_direction_alone_is_that_of_the_accuracy(self) -> None:
        assert parse(objective={"direction": "minimize"}).objective == Objective(direction=Direction.MINIMIZE)

    @settings(max_examples=40)
    @given(documents())
    def test_a_spec_survives_being_written_as_json_and_read_again(self, document: Any) -> None:
        spec = SweepSpec.from_json(document)
        assert SweepSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec

    @settings(max_examples=30)
    @given(documents())
    def test_numbers_from_python_and_numpy_are_the_same_sweep(self, document: Any) -> None:
        as_numpy = {
            name: [np.float64(choice) if isinstance(choice, float) else choice for choice in choices]
            for name, choices in document["parameters"].items()
        }
        plain, from_numpy = (
            SweepSpec.from_json({**document, "parameters": parameters})
            for parameters in (document["parameters"], as_numpy)
        )
        commands = [
            [trial.command() for trial in first_round(spec, trainer_version="1")] for spec in (plain, from_numpy)
        ]
        assert commands[0] == commands[1]
        assert first_round(from_numpy, trainer_version="1") == first_round(plain, trainer_version="1")

    def test_the_largest_trial_that_is_accepted_fits_into_a_batch_job(self) -> None:
        """Batch takes 8,192 bytes of overrides: the command, and the variables that say where results go."""
        parameters = {"lr": [0.1, -5e-300]} | {f"p{number:063}": ["x" * 64] for number in range(31)}
        fixed = {f"f{number:063}": "x" * 64 for number in range(32)}
        for name in list(fixed):
            match spec_or_faults({"parameters": parameters, "fixed": fixed, "epochs": 1}):
                case SweepSpec() as largest:
                    break
            del fixed[name]
        longest = max(first_round(largest, trainer_version="1"), key=lambda trial: len(json.dumps(trial.command())))
        command = json.dumps(longest.command())
        assert len(command) > 5_500
        uri = keys.uri("b" * 63, longest.metrics_key)
        environment = [{"name": name, "value": uri} for name in (keys.METRICS_URI, keys.CHECKPOINT_URI)]
        assert len(command) + len(json.dumps(environment)) < 8_192


class TestFaults:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *wrong("parameters", None, [], {}, "lr", 5, True, [["lr", [0.1]]]),
            *wrong("epochs", None, "5", 0, -1, 1.5, True, 1e308, HUGE, -HUGE, math.nan, math.inf, 100_001, [5], {}),
            *wrong("seed", None, "0", -1, 0.5, False, 2**32, HUGE, math.nan, [], {}),
            *wrong("budget_usd", 0, -1, "1", True, HUGE, math.inf, math.nan, [], {}),
            *wrong("seconds_per_epoch", 0, -1, "1", []),
            *wrong("priority", None, "High", "urgent", 5, True, [], {}),
            *wrong("max_concurrency", "16", 0, -1, 1.5, True, 10_001, HUGE, math.inf, [], {}),
            *wrong(
                "name", None, 5, True, [], "", "../a", "a/b", "a b", "a.b", "-a", "_a", "é", "\uff11", "a\n", "a" * 81
            ),
            *wrong("name", "\0", "\x1b[2J", "\u202e", "\ud800"),
            *wrong("search", None, "random", "Grid", 1, [], HUGE),
            *wrong("fixed", None, [], "x", 5, False),
            *wrong("objective", None, [], 5, True),
            *wrong("halving", 3, "3:3", True, [], HUGE),
            *wrong("folds", "5", 1, 21, 2.5, True, [], HUGE),
            *wrong("repeats", None, "3", 0, 21, True, [], HUGE),
            *wrong("fresh", None, 0, 1, "true", [], {}),
            *wrong("accept_trainer", None, 0, 1, "true", [], {}),
        ],
    )
    def test_a_field_of_another_kind_is_one_fault_with_its_name_its_rule_and_what_was_given(
        self, field: str, value: Any
    ) -> None:
        (fault,) = faults(**{field: value})
        assert fault.startswith(f"{field}: must be ")
        assert f", got {shown(value)[:79]}" in fault

    NO_VALUES: ClassVar[tuple[Any, ...]] = (
        math.nan, math.inf, -math.inf, HUGE, -HUGE, 2**53 + 1, {}, [math.nan], "", " ", " a", "a ", "-x", "Ref::x",
        "a" * 257, "x\n", "a\tb", "a\0", "\ud800", "\u202e", "\xa0a", [1] * 65, [[[[[1]]]]], [{}],
    )  # fmt: skip

    @pytest.mark.parametrize("value", [pytest.param(value, id=ascii(value)[:30]) for value in NO_VALUES])
    def test_what_no_trainer_can_be_given_is_a_fault(self, value: Any) -> None:
        (choice_fault,) = faults(parameters={"lr": [value]})
        (fixed_fault,) = faults(fixed={"lr2": value})
        assert choice_fault.startswith(("parameters.lr[0]: must be ", "parameters.lr[0]: must not "))
        assert choice_fault.removeprefix("parameters.lr[0]") == fixed_fault.removeprefix("fixed.lr2")

    def test_all_kinds_of_values_may_stand_in_one_list_and_are_what_they_are(self) -> None:
        listed = [1, "1", True, "true", None, "null", [64, 64], "[64,64]", [], [1.0, "a, b", [None]]]
        spec = parse(parameters={"a": listed}, fixed={"b": [True, None], "c": "/data, x"})
        assert spec.to_json()["parameters"]["a"] == [*listed[:-1], [1, "a, b", [None]]]
        assert SweepSpec.from_json(json.loads(json.dumps(spec.to_json()))).to_json() == spec.to_json()
        trials = first_round(spec, trainer_version="")
        assert [trial.command()[1] for trial in trials] == [
            "1", "1", "true", "true", "null", "null", "[64,64]", "[64,64]", "[]", '[1,"a, b",[null]]',
        ]  # fmt: skip
        assert [trial.texts for trial in trials[:8]] == [[], ["a"]] * 4
        assert trials[0].command()[2:6] == ["--b", "[true,null]", "--c", "/data, x"]
        assert len({trial.trial_id for trial in trials}) == len(listed)

    @pytest.mark.parametrize(
        "value",
        [
            2**53,
            -(2**53),
            1e22,
            -1e-300,
            5e-324,
            0,
            "a" * 256,
            "a/b:c@1.0+x",
            "1",
            "a, b",
            "$(x);\\'<b>",
            "ü",
            None,
            True,
        ],
    )
    def test_values_up_to_the_limits_are_taken(self, value: Any) -> None:
        assert parse(parameters={"p": [value]}).parameters == {"p": (value,)}

    @pytest.mark.parametrize(
        ("text", "number"),
        [("1_000", "1000"), ("0x1F", "31"), ("0b11", "3"), ("5.", "5"), ("+1", "1"), (".5", "0.5"), ("\uff11", "1")],
        ids=ascii,
    )
    def test_a_text_that_a_trainer_would_read_as_a_number_is_a_fault(self, text: str, number: str) -> None:
        rule = f"{shown(text)} is not how JSON writes a number; write {number}"
        assert faults(parameters={"x": [text]}, fixed={"y": text}) == (f"parameters.x[0]: {rule}", f"fixed.y: {rule}")

    @pytest.mark.parametrize("choices", [None, 0.1, "0.1", True])
    def test_a_parameter_is_a_list_or_a_range(self, choices: Any) -> None:
        assert faults(parameters={"lr": choices}) == (
            "parameters.lr: must be a list of choices such as [0.1, 0.01] or a range such as "
            f'{{"low": 0.001, "high": 0.1}}, got {json.dumps(choices)}',
        )

    def test_an_empty_list_has_nothing_to_choose(self) -> None:
        assert faults(parameters={"lr": []}) == ("parameters.lr: must have at least one choice, got []",)

    @pytest.mark.parametrize(
        "twice", [(64, 64), (1, 1.0), (1.0, 1), (0.0, -0.0), (True, True), (0.1, 0.1), ("a", "a"), ([1], [1.0])]
    )
    def test_a_choice_given_twice_would_be_one_trial_and_is_a_fault(self, twice: tuple[Any, Any]) -> None:
        assert faults(parameters={"lr": list(twice)}) == (
            f"parameters.lr[1]: {json.dumps(twice[1])} stands in the list twice; give every choice once"
            + (
                "; a list as one choice has brackets of its own: [[64, 64]]"
                if twice[1] in (64, 1, 0) and twice[1] is not True
                else ""
            ),
        )

    @pytest.mark.parametrize("field", ["parameters", "fixed"])
    @pytest.mark.parametrize(
        "name",
        ["", "1lr", "_lr", ".lr", "--lr", "lr ", "lr\n", "lr=1", "<lr>", "l\\r", "é", "a" * 65, "__proto__", "\ud800"],
    )
    def test_a_name_that_cannot_be_an_option_is_a_fault(self, field: str, name: str) -> None:
        assert faults(**{field: {name: [1] if field == "parameters" else 1}}) == (
            f"{field}: {shown(name)} is not a name of an option; "
            "letters, digits and _ . / -, a letter first, at most 64",
        )

    @pytest.mark.parametrize("field", ["parameters", "fixed"])
    @pytest.mark.parametrize(
        ("name", "remedy"),
        [
            ("epochs", "give it as the field `epochs`"),
            ("seed", "give it as the field `seed`"),
            ("help", "it would end the trainer before it trains"),
            ("uploads3", "the sweep decides where results go"),
            ("upload_s3", "the sweep decides where results go"),
            ("Upload-S3", "the sweep decides where results go"),
            ("ep", "a trainer may take it for --epochs; give it as the field `epochs`, or choose another name"),
            ("epoch", "a trainer may take it for --epochs; give it as the field `epochs`, or choose another name"),
            ("se", "a trainer may take it for --seed; give it as the field `seed`, or choose another name"),
        ],
    )
    def test_a_name_that_would_become_another_option_of_the_trainer_is_a_fault(
        self, field: str, name: str, remedy: str
    ) -> None:
        value = [1] if field == "parameters" else 1
        assert faults(**{field: {name: value}}) == (f"{field}.{name}: not a name you can use here; {remedy}",)

    @pytest.mark.parametrize(("high", "gap"), [(1.5, 2**-51), (1_000_000.5, 2**-32)])
    def test_a_step_keeps_the_numbers_of_its_range_apart(self, high: float, gap: float) -> None:
        low = high - 8 * gap
        assert parse(parameters={"x": {"low": low, "high": high, "step": gap}})
        (fault,) = faults(parameters={"x": {"low": low, "high": high, "step": gap * 0.99}})
        assert fault.startswith(f"parameters.x.step: must be at least {gap:.2g}, since numbers near {high}")

    def test_whole_numbers_are_apart_however_large_they_are(self) -> None:
        spec = parse(parameters={"x": {"low": 0, "high": 2**53, "step": 1}}, search={"method": "random", "trials": 2})
        assert spec.number_of_params == 2

    @pytest.mark.parametrize("name", ["LR", "C", "batch-size", "optim.lr", "model/depth", "e", "epsilon", "seeds_n"])
    def test_names_are_written_as_in_the_script(self, name: str) -> None:
        (trial,) = first_round(parse(parameters={name: [0.5]}), trainer_version="1")
        assert trial.command()[:2] == [f"--{name}", "0.5"]
        assert re.fullmatch(r"[A-Za-z0-9_-]+", trial.trial_id)

    @pytest.mark.parametrize(
        ("metric", "direction"),
        [("val_loss", "minimize"), ("rmse", "minimize"), ("eval/loss", "minimize"), ("test.log_loss", "minimize"),
         ("AUC", "maximize"), ("val_f1", "maximize"), ("r2", "maximize"), ("validation_accuracy", "maximize"),
         ("test_Acc@1", "maximize"), ("recall@10", "maximize")],
    )  # fmt: skip
    def test_some_metrics_say_by_their_name_which_end_is_better(self, metric: str, direction: str) -> None:
        known = Objective(metric=metric, direction=Direction(direction))
        assert parse(objective=metric).objective == parse(objective={"metric": metric}).objective == known
        other = "minimize" if direction == "maximize" else "maximize"
        assert parse(objective={"metric": metric, "direction": other}).objective.direction == other

    def test_fixed_options_are_as_many_as_fit_a_command_and_may_be_paths(self) -> None:
        fixed = {f"option_{number}": number for number in range(150)} | {"data": "/mnt/data, 2/x.csv", "out": "~/o"}
        (trial, *_) = first_round(parse(fixed=fixed), trainer_version="1")
        words = trial.command()
        assert dict(zip(words[::2], words[1::2], strict=True))["--data"] == "/mnt/data, 2/x.csv"
        assert len(words) == 2 * (len(fixed) + 4)
        (fault,) = faults(fixed={f"option_{number}": number for number in range(300)})
        assert fault.startswith("parameters and fixed: ")
        # Names of texts that look like numbers take bytes too.
        assert faults(fixed={f"o{number:062}": "1" for number in range(60)})

    def test_an_option_is_either_searched_or_fixed(self) -> None:
        assert faults(fixed={"momentum": 0.9, "batch_size": 64, "lr": 1}) == (
            "fixed.momentum: already one of `parameters`; keep it in one of the two",
            "fixed.lr: already one of `parameters`; keep it in one of the two",
        )

    @pytest.mark.parametrize(
        ("objective", "fault"),
        [
            ({"metric": "gap"}, MISSING_DIRECTION),
            ("gap", MISSING_DIRECTION),
            ("gap:up", 'objective.direction: must be "maximize" or "minimize", got "up"'),
            ({"direction": "up"}, 'objective.direction: must be "maximize" or "minimize", got "up"'),
            ({"direction": None}, 'objective.direction: must be "maximize" or "minimize", got null'),
            ({"direction": ["maximize"]}, 'objective.direction: must be "maximize" or "minimize", got ["maximize"]'),
            (
                {"metrc": "val_loss", "direction": "minimize"},
                "unknown field `objective.metrc`; did you mean `objective.metric`?",
            ),
            ({"Comment": ""}, "unknown field `objective.Comment`; known are metric, direction, at"),
        ],
    )
    def test_an_objective_names_a_metric_and_which_end_of_it_is_better(self, objective: Any, fault: str) -> None:
        assert faults(objective=objective) == (fault,)

    @pytest.mark.parametrize("metric", [None, 5, [], "", "val loss", "val_loss\n", "a" * 129, "=1+1", "<b>"])
    def test_a_metric_is_named_as_a_column_of_the_metrics(self, metric: Any) -> None:
        (fault,) = faults(objective={"metric": metric, "direction": "minimize"})
        assert fault.startswith("objective.metric: must name a column of the metrics such as val_loss")

    @pytest.mark.parametrize("metric", ["epoch", "rank", "status", "reason", "trial_id", "epochs_trained"])
    def test_a_metric_that_would_stand_twice_in_the_leaderboard_is_a_fault(self, metric: str) -> None:
        (fault,) = faults(objective={"metric": metric, "direction": "minimize"})
        assert fault.endswith(f'got "{metric}"')

    @pytest.mark.parametrize(
        ("unknown", "remedy"),
        [
            ("epoch", "did you mean `epochs`?"),
            ("Parameters", "did you mean `parameters`?"),
            ("max_concurency", "did you mean `max_concurrency`?"),
            ("lr", f"known are {', '.join(FIELDS)}, Comment"),
        ],
    )
    def test_an_unknown_field_is_a_fault_that_names_the_field_nearest_to_it(self, unknown: str, remedy: str) -> None:
        assert faults(**{unknown: 1}) == (f"unknown field `{unknown}`; {remedy}",)

    def test_a_missing_field_is_a_fault_that_shows_how_to_write_it(self) -> None:
        assert faults_of({"name": "s"}) == (
            'parameters: missing; write {"lr": [0.1, 0.01]}',
            "epochs: missing; write the most epochs a trial may train, 1 to 100000",
        )

    def test_a_misspelt_field_is_not_called_missing_too(self) -> None:
        assert faults_of({"paramters": {"lr": [0.1]}, "epoch": 5, "name": "s"}) == (
            "unknown field `paramters`; did you mean `parameters`?",
            "unknown field `epoch`; did you mean `epochs`?",
        )

    def test_a_misspelt_field_of_a_range_is_one_fault(self) -> None:
        document = {"parameters": {"lr": {"low": 1, "high": 5, "tpye": "int"}}, "epochs": 5, "name": "s"}
        assert faults_of(document) == ("unknown field `parameters.lr.tpye`; did you mean `parameters.lr.type`?",)

    def test_an_execution_whose_name_cannot_be_a_sweeps_asks_for_a_name(self) -> None:
        with pytest.raises(InvalidSweep) as caught:
            SweepSpec.from_json(TUTORIAL, default_name="nightly 3.2")
        (fault,) = caught.value.faults
        assert fault.startswith("the execution's name: must be 1 to 80 letters, digits, - and _ ")
        assert fault.endswith('got "nightly 3.2"; give the sweep a `name` of its own')

    @pytest.mark.parametrize("document", [None, True, 5, "lr", [], [TUTORIAL], math.nan, HUGE])
    def test_an_input_that_is_no_object_is_told_what_one_looks_like(self, document: Any) -> None:
        (fault,) = faults_of(document)
        assert fault.startswith(
            'the input must be a JSON object such as {"parameters": {"lr": [0.1]}, "epochs": 5}, got '
        )

    def test_names_that_are_no_texts_are_faults_too_since_python_has_such_dictionaries(self) -> None:
        assert faults(**{"parameters": {1: [1]}, "fixed": {None: 1}}) == (
            "parameters: 1 is not a name of an option; letters, digits and _ . / -, a letter first, at most 64",
            "fixed: null is not a name of an option; letters, digits and _ . / -, a letter first, at most 64",
        )

    def test_all_faults_of_an_input_are_named_at_once(self) -> None:
        found = faults_of(
            {
                "parameters": {"lr": [], "momentum": [1, {}], "seed": [1], "B=": [1]},
                "fixed": {"momentum": 0.9, "x": {}},
                "epochs": 0,
                "objective": {"metric": "", "direction": "up", "metrics": 1},
                "search": "random",
                "seed": -1,
                "name": "../a",
                "environment": {"A B": "1", "HF_TOKEN": "x"},
                "max_concurrency": 0,
                "fresh": "no",
                "parameter": {},
            }
        )
        assert [re.split("[:;]", fault)[0] for fault in found] == [
            "unknown field `parameter`",
            "parameters.lr",
            "parameters.momentum[1]",
            "parameters.seed",
            "parameters",
            "fixed.x",
            "fixed.momentum",
            "name",
            "search",
            "epochs",
            "unknown field `objective.metrics`",
            "objective.metric",
            "objective.direction",
            "seed",
            "environment",
            "environment.HF_TOKEN",
            "max_concurrency",
            "fresh",
        ]

    def test_the_text_of_the_error_is_one_fault_a_line(self) -> None:
        with pytest.raises(SweepError) as caught:
            parse(epochs=0, seed=-1)
        assert str(caught.value).splitlines() == list(faults(epochs=0, seed=-1))
        assert len(faults(epochs=0, seed=-1)) == 2


class TestSizes:
    def test_a_sweep_of_ten_thousand_trials_is_accepted(self) -> None:
        spec = parse(parameters={"lr": list(range(100)), "momentum": list(range(100))})
        assert len(first_round(spec, trainer_version="1")) == 10_000

    def test_a_grid_that_is_too_large_is_a_fault_with_its_size_and_where_it_comes_from(self) -> None:
        assert faults(parameters={"lr": list(range(101)), "momentum": list(range(100))}) == (
            "parameters: a grid of 10100 trials (lr 101 x momentum 100); at most 10000, give fewer choices",
        )

    def test_a_list_that_is_too_long_is_a_fault(self) -> None:
        assert faults(parameters={"lr": list(range(10_001))}) == ("parameters.lr: at most 10000 choices, got 10001",)

    @pytest.mark.parametrize(("field", "most"), [("parameters", 32), ("fixed", 1_000)])
    def test_more_names_than_anybody_has_are_a_fault(self, field: str, most: int) -> None:
        value: Any = [1] if field == "parameters" else 1
        (fault,) = faults(**{field: {f"p{number}": value for number in range(most + 1)}})
        assert fault.startswith(f"{field}: at most {most} ")

    def test_options_that_batch_could_not_take_are_a_fault_by_the_longest_choice(self) -> None:
        parameters = {f"p{number:060}": ["y", "y" * 64, "y" * 9] for number in range(16)}
        fixed = {f"f{number:060}": "x" * 64 for number in range(32)}
        search = {"method": "random", "trials": 3}
        (fault,) = faults(parameters=parameters, fixed=fixed, search=search)
        assert fault.startswith("parameters and fixed: 6")
        assert fault.endswith("bytes of options per trial; at most 6000, give fewer or shorter ones")


class TestHostileInput:
    @settings(max_examples=100)
    @given(any_json | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, any_json)) | mutated_documents())
    def test_any_json_is_a_spec_or_faults_that_a_terminal_can_show(self, document: Any) -> None:
        match spec_or_faults(document):
            case SweepSpec() as spec:
                assert SweepSpec.from_json(spec.to_json()) == spec
            case found:
                assert found
                assert all(fault.isprintable() and len(fault) < 1024 for fault in found)

    LONG = "\x1b]0;\n" * 13_000
    AS_VALUE: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "input": lambda x: x,
        "choices": lambda x: {**TUTORIAL, "parameters": {"lr": x}},
        "choice": lambda x: {**TUTORIAL, "parameters": {"lr": [x]}},
        "fixed option": lambda x: {**TUTORIAL, "fixed": {"a": x}},
        "metric": lambda x: {**TUTORIAL, "objective": {"metric": x}},
        "direction": lambda x: {**TUTORIAL, "objective": {"direction": x}},
        **{field: lambda x, field=field: {**TUTORIAL, field: x} for field in FIELDS},  # type: ignore[misc]
    }
    AS_KEY: ClassVar[dict[str, Callable[[str], Any]]] = {
        "field": lambda x: {x: 1},
        "parameter": lambda x: {**TUTORIAL, "parameters": {x: [1]}},
        "fixed name": lambda x: {**TUTORIAL, "fixed": {x: 1}},
        "objective's field": lambda x: {**TUTORIAL, "objective": {x: 1}},
        "param of try_first": lambda x: {**TUTORIAL, "try_first": [{x: 1}]},
        "param of try_first with a fault": lambda x: {**TUTORIAL, "try_first": [{x: {}}]},
        "param of a list": lambda x: {**TUTORIAL, "search": {"method": "list", "trials": [{x: 1}]}},
        "param of exclude": lambda x: {**TUTORIAL, "exclude": [{x: 1}]},
    }

    @pytest.mark.parametrize("place", [*AS_VALUE, *AS_KEY])
    def test_64_kib_of_control_characters_make_a_short_message(self, place: str) -> None:
        for fault in faults_of({**self.AS_VALUE, **self.AS_KEY}[place](self.LONG)):
            assert fault.isprintable()
            assert len(fault) < 1024

    @pytest.mark.parametrize("place", AS_VALUE)
    @pytest.mark.parametrize("value", [DEEP, {"a": DEEP}, 10**5000, [10**5000]], ids=["deep", "object", "int", "ints"])
    def test_what_python_cannot_even_print_makes_a_short_message(self, place: str, value: Any) -> None:
        for fault in faults_of(self.AS_VALUE[place](value)):
            assert fault.isprintable()
            assert len(fault) < 1024

    @pytest.mark.parametrize(
        "document",
        [
            {**TUTORIAL, "parameters": {"p" * 64: [1] * 10_000}},
            {**TUTORIAL, "parameters": {f"{name:a>64}": ["\x1b" * 999] * 300 for name in "abcdefgh"}},
            {**TUTORIAL, **{f"{number}\x1b" * 99: 1 for number in range(2_000)}},
            {**TUTORIAL, "parameters": {f"{name:a>64}": list(range(10_000)) for name in "abcdefghijklmnopqrstuvwxyz"}},
        ],
        ids=["duplicates", "values", "fields", "trials"],
    )
    def test_thousands_of_faults_fit_into_the_cause_of_an_execution(self, document: Any) -> None:
        """Step Functions shows at most 32,768 characters."""
        with pytest.raises(InvalidSweep) as caught:
            SweepSpec.from_json(document, default_name="s")
        assert len(str(caught.value)) < 32_768

    def test_faults_beyond_the_first_fifty_are_counted(self) -> None:
        found = faults(parameters={"lr": [1] * 100})
        assert found[-1] == "and 49 more of the like"
        assert len(found) == 51


class TestSameWork:
    @pytest.mark.parametrize(
        "changes",
        [
            {"parameters": {"lr": [0.1, 0.01], "momentum": [0.5, 0.1, 0.05]}},
            {"parameters": {"lr": [0.01, 0.1, 0.001], "momentum": [0.5, 0.1, 0.05]}},
            {"parameters": dict(reversed(TUTORIAL["parameters"].items()))},
            {"fixed": {"batch_size": 32}},
            {"epochs": 99},
            {"objective": {"direction": "minimize"}},
            {"seed": 1},
            {"fresh": True},
            {"environment": {"OMP_NUM_THREADS": "4"}},
        ],
    )
    def test_another_question_is_other_work(self, changes: dict[str, Any]) -> None:
        assert not parse(**changes).same_work(parse())

    def test_how_many_trials_run_at_once_is_not_part_of_the_question(self) -> None:
        assert parse(max_concurrency=1).same_work(parse(max_concurrency=16))
        assert parse(max_concurrency=1).same_work(parse())

    def test_its_part_of_the_machines_is_not_either_so_a_sweep_can_go_on_with_another(self) -> None:
        assert parse(priority="high").same_work(parse())
        assert parse() == parse(priority="normal")

    def test_the_order_of_variables_and_a_whole_number_without_quotes_mean_nothing(self) -> None:
        assert parse(environment={"B": "x", "A": 4}).same_work(parse(environment={"A": "4", "B": "x"}))

    def test_numbers_written_otherwise_are_the_same_work(self) -> None:
        assert parse(parameters={"lr": [1.0, 1e-1]}).same_work(parse(parameters={"lr": [1, 0.1]}))
