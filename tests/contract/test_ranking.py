"""Who wins, and the table that says so."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract import ranking
from stepsweep.contract.leaderboard_csv import FORMULA_STARTS, leaderboard_csv
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.results import Group, Result, counts, grouped, reasons
from stepsweep.contract.space import Value, is_number, parse_value
from stepsweep.contract.trial import Outcome, Status, Trial
from stepsweep.contract.words import as_cell
from tests.support.strategies import option_names, values

ACCURACY = Objective()
LOSS = Objective(metric="val_loss", direction=Direction.MINIMIZE)


def result(
    name: str,
    value: float | None = None,
    epoch: int = 1,
    *,
    status: Status = Status.FAILED,
    reason: str = "",
    params: dict[str, Value] | None = None,
) -> Group:
    """Returns the result of a trial that is alone with its params; it succeeded if it has a value."""
    succeeded = value is not None
    alone = Result(
        trial=Trial(trial_id=name, params=params or {"lr": 0.1}, options={}, epochs=5),
        outcome=Outcome(trial_id=name, status=Status.SUCCEEDED if succeeded else status, reason=reason),
        value=value,
        best=value,
        last=value,
        epoch=epoch if succeeded else None,
        epochs_trained=5 if succeeded else None,
    )
    return Group(results=(alone,))


def ids(results: list[Group]) -> list[str]:
    return [result.trial.trial_id for result in results]


def numbered(leaderboard: list[Group]) -> list[tuple[int | None, Group]]:
    return [(place if group.is_complete else None, group) for place, group in enumerate(leaderboard, start=1)]


def read(leaderboard: list[Group], objective: Objective = ACCURACY) -> list[dict[str, str]]:
    text = leaderboard_csv(numbered(leaderboard), [objective], list(leaderboard[0].params)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


class TestRank:
    PLAN = (
        result("middle", 0.5),
        result("failed"),
        result("high", 0.9, epoch=3),
        result("high-sooner", 0.9, epoch=2),
        result("diverged", status=Status.INVALID),
        result("low", -0.1),
        result("high-as-soon", 0.9, epoch=2),
    )

    def test_the_highest_wins_then_who_reached_it_in_fewer_epochs_then_who_was_planned_first(self) -> None:
        assert ids(ranking.rank(self.PLAN, ACCURACY)) == [
            "high-sooner", "high-as-soon", "high", "middle", "low", "failed", "diverged",
        ]  # fmt: skip

    def test_the_lowest_wins_where_the_objective_is_to_minimize(self) -> None:
        assert ids(ranking.rank(self.PLAN, LOSS)) == [
            "low", "middle", "high-sooner", "high-as-soon", "high", "failed", "diverged",
        ]  # fmt: skip

    def test_a_trial_without_a_value_stands_behind_the_worst_that_has_one(self) -> None:
        assert ids(ranking.rank([result("failed"), result("worst", -1e308)], ACCURACY)) == ["worst", "failed"]

    @given(
        st.lists(st.tuples(st.floats(-1, 1), st.integers(1, 5)), min_size=1, max_size=8, unique=True).flatmap(
            lambda curves: st.tuples(st.just(curves), st.permutations(curves))
        ),
        st.sampled_from([ACCURACY, LOSS]),
    )
    def test_the_leaderboard_is_the_same_in_whatever_order_results_arrive(
        self, both: tuple[list[Any], list[Any]], objective: Objective
    ) -> None:
        leaderboards = [
            ranking.rank([result(f"{value}@{epoch}", value, epoch) for value, epoch in curves], objective)
            for curves in both
        ]
        # 0.0 and -0.0 are one value, and where the epoch is the same too the plan decides
        assert [(r.value, r.epoch) for r in leaderboards[0]] == [(r.value, r.epoch) for r in leaderboards[1]]

    def test_ties_are_the_trials_that_are_as_good_as_the_winner_whatever_rule_put_them_behind_it(self) -> None:
        assert ids(ranking.ties(ranking.rank(self.PLAN, ACCURACY))) == ["high-as-soon", "high"]

    def test_a_winner_that_is_alone_has_no_ties(self) -> None:
        assert ranking.ties(ranking.rank(self.PLAN, LOSS)) == []

    def test_trials_without_a_value_tie_with_nobody(self) -> None:
        assert ranking.ties([result("a"), result("b")]) == []


class TestGroups:
    """Params with several trials: one a fold, or one a seed."""

    @staticmethod
    def of(name: str, *found: float | None, folds: bool = False, rung: int = 0) -> Group:
        results = []
        for number, value in enumerate(found):
            options: dict[str, Value] = {"fold": number, "folds": len(found)} if folds else {"seed": number}
            trial = Trial(trial_id=f"{name}-{number}", params={"p": name}, options=options, epochs=5, rung=rung)
            status = Status.FAILED if value is None else Status.SUCCEEDED
            outcome = Outcome(trial_id=trial.trial_id, status=status, reason="" if value else "no memory")
            known = {} if value is None else {"value": value, "epoch": number + 1, "epochs_trained": 5}
            results.append(Result(trial=trial, outcome=outcome, **known))  # type: ignore[arg-type]
        return Group(results=tuple(results))

    def test_the_mean_decides_and_its_standard_error_is_that_of_the_textbook(self) -> None:
        """0.6, 0.7 and 0.8: the standard deviation is 0.1, and 0.1 / sqrt(3) = 0.0577."""
        steady, lucky = self.of("steady", 0.6, 0.7, 0.8), self.of("lucky", 0.99, 0.5, 0.5)
        leaderboard = ranking.rank([lucky, steady], ACCURACY)
        assert ids(leaderboard) == ["steady-0", "lucky-0"]
        assert steady.value == pytest.approx(0.7)
        assert steady.standard_error == pytest.approx(0.057735, rel=1e-5)
        assert (steady.epoch, steady.epochs_trained, steady.status) == (2, 5, Status.SUCCEEDED)

    def test_two_seeds_have_a_standard_error_too_and_the_winner_of_several_has_no_reason(self) -> None:
        """0.6 and 0.8: the standard deviation is 0.1414, and 0.1414 / sqrt(2) = 0.1."""
        two = self.of("two", 0.6, 0.8)
        assert two.standard_error == pytest.approx(0.1)
        (row,) = read([two])
        assert float(row["standard_error"]) == pytest.approx(0.1)
        assert (row["n"], row["status"], row["reason"]) == ("2", "SUCCEEDED", "")

    def test_of_several_trials_the_most_epochs_that_one_trained_are_shown(self) -> None:
        short, long = self.of("t", 0.6, 0.8).results
        (row,) = read([Group(results=(replace(short, epochs_trained=2), replace(long, epochs_trained=4)))])
        assert row["epochs_trained"] == "4"

    def test_a_failed_fold_is_not_averaged_away_however_good_the_others_are(self) -> None:
        broken, poor = self.of("broken", 0.9, None, 0.99, folds=True), self.of("poor", 0.1, 0.1, 0.2, folds=True)
        leaderboard = ranking.rank([broken, poor], ACCURACY)
        assert ids(leaderboard) == ["poor-0", "broken-0"]
        assert (broken.value, broken.standard_error, broken.status) == (None, None, Status.FAILED)
        assert broken.reason == "2 of 3 trials succeeded; fold 1: no memory"
        first, second = read(leaderboard)
        assert (first["rank"], first["n"], first["values"]) == ("1", "3", "0.1 0.1 0.2")
        assert (second["rank"], second["val_accuracy"], second["standard_error"]) == ("", "", "")
        assert (second["n"], second["values"]) == ("3", "0.9 FAILED 0.99")

    def test_ties_over_folds_are_those_that_nadeau_and_bengio_s_test_does_not_tell_apart(self) -> None:
        """Worked out: differences of 0.01 to 0.05 have t = 2.828 with 4 degrees of freedom, p = 0.047: no tie. With the
        first of them 0.00 they have a mean of 0.028 and t = 2.17, p = 0.096: a tie."""
        winner = self.of("winner", 0.90, 0.91, 0.92, 0.93, 0.94, folds=True)
        worse = self.of("worse", 0.89, 0.89, 0.89, 0.89, 0.89, folds=True)
        close = self.of("close", 0.90, 0.89, 0.89, 0.89, 0.89, folds=True)
        assert ranking.p_value(winner, worse) == pytest.approx(0.0474, abs=1e-4)
        assert ranking.p_value(winner, close) > 0.05
        assert ids(ranking.ties(ranking.rank([worse, close, winner], ACCURACY))) == ["close-0"]

    def test_ties_over_seeds_are_those_that_welch_s_test_does_not_tell_apart(self) -> None:
        winner, close, worse = self.of("w", 0.9, 0.92), self.of("c", 0.88, 0.91), self.of("x", 0.5, 0.51)
        leaderboard = ranking.rank([worse, close, winner], ACCURACY)
        assert ids(ranking.ties(leaderboard)) == ["c-0"]
        assert ranking.ties([winner, self.of("broken", 0.9, None)]) == []

    def test_who_was_trained_less_is_no_tie(self) -> None:
        assert ranking.ties([self.of("far", 0.9, rung=1), self.of("near", 0.9)]) == []

    def test_results_are_grouped_by_their_params_in_the_order_of_the_plan(self) -> None:
        one, other = self.of("one", 0.1, 0.2), self.of("other", 0.3, 0.4)
        mixed = [one.results[0], other.results[0], other.results[1], one.results[1]]
        assert grouped(mixed) == [one, other]

    def test_a_result_survives_being_written_and_read(self) -> None:
        for result_ in self.of("t", 0.1, None).results:
            assert Result.from_json(json.loads(json.dumps(result_.to_json()))) == result_


class TestCounts:
    @given(st.lists(st.sampled_from(Status)))
    def test_outcomes_sum_to_the_plan_and_every_status_is_named(self, statuses: list[Status]) -> None:
        groups = [result("a", 0.5 if status is Status.SUCCEEDED else None, status=status) for status in statuses]
        results = [group.results[0] for group in groups]
        counted = counts(results)
        assert list(counted) == ["SUCCEEDED", "FAILED", "MISSING", "INVALID"]
        assert sum(counted.values()) == len(statuses)
        assert counted["INVALID"] == statuses.count(Status.INVALID)

    def test_reasons_stand_most_frequent_first_and_by_their_text_where_they_are_as_frequent(self) -> None:
        groups = [result("t", reason=reason) for reason in ("b", "a", "c", "b", "a", "d", "e", "f", "c", "c")]
        results = [group.results[0] for group in [*groups, result("fine", 0.5)]]
        assert reasons(results) == [("c", 3), ("a", 2), ("b", 2), ("d", 1), ("e", 1)]


class TestLeaderboard:
    def test_the_table_has_a_row_a_trial_with_its_params_and_how_it_ended(self) -> None:
        params: dict[str, Value] = {"lr": 1e-5, "act": "relu"}
        leaderboard = [
            result("winner", 0.9, epoch=2, params=params),
            result("lost", reason="exit code 1", params={"lr": -1e-5, "act": "tanh"}),
        ]
        assert leaderboard_csv(numbered(leaderboard), [ACCURACY], list(leaderboard[0].params)).decode() == (
            "rank,trial_id,params.lr,params.act,val_accuracy,epoch,best,last,epochs_trained,status,reason\n"
            "1,winner,1e-05,relu,0.9,2,0.9,0.9,5,SUCCEEDED,\n"
            ",lost,-0.00001,tanh,,,,,,FAILED,exit code 1\n"
        )

    def test_pandas_reads_numbers_as_numbers_and_ranks_as_we_do(self) -> None:
        leaderboard = ranking.ranked(
            [result("a", 0.1 + 0.2, params={"lr": 1e-5}), result("b", 1 / 3, params={"lr": 64}), result("c")],
            [ACCURACY],
        )
        table = pd.read_csv(io.BytesIO(leaderboard_csv(leaderboard, [ACCURACY], ["lr"])))
        assert table["trial_id"].tolist() == ["b", "a", "c"]
        assert table["params.lr"].tolist() == [64, 1e-5, 0.1]
        assert table["val_accuracy"].tolist()[:2] == [1 / 3, 0.1 + 0.2]
        assert table["val_accuracy"].idxmax() == 0
        assert table["rank"].dropna().tolist() == [1, 2]

    def test_a_parameter_named_as_a_column_is_not_taken_for_it(self) -> None:
        params: dict[str, Value] = {"rank": 8, "epoch": 1, "status": "x", "val_accuracy": 0}
        (row,) = read([result("t", 0.9, epoch=3, params=params)])
        assert (row["rank"], row["params.rank"]) == ("1", "8")
        assert (row["epoch"], row["params.epoch"]) == ("3", "1")
        assert (row["val_accuracy"], row["params.val_accuracy"]) == ("0.9", "0")

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
    def test_a_reason_that_a_spreadsheet_would_run_is_shown_as_a_text(self, start: str) -> None:
        attack = f'{start}HYPERLINK("http://evil.example","click")'
        (row,) = read([result("t", reason=attack)])
        assert row["reason"] == f"'{attack}"

    @given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=50))
    def test_any_reason_stays_one_cell_that_is_no_formula(self, reason: str) -> None:
        (row,) = read([result("t", reason=reason)])
        assert not row["reason"].startswith(FORMULA_STARTS)
        assert row["reason"].removeprefix("'") == reason.removeprefix("'")

    @given(st.dictionaries(option_names, values.map(parse_value), min_size=1, max_size=4))
    def test_no_param_is_a_formula_and_numbers_are_those_of_the_trial(self, params: dict[str, Value]) -> None:
        (row,) = read([result("t", 0.5, params=params)])
        for name, value in params.items():
            cell = row[f"params.{name}"]
            if is_number(value):
                assert float(cell) == value
            else:
                assert cell.removeprefix("'") == as_cell(value)
                assert not cell.startswith(FORMULA_STARTS)
