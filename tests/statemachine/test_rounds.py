"""Rounds through the planner and the reducer, as the state machine calls them one after the other."""

import csv
import io
import json
from typing import Any

import pytest

from stepsweep.bucket.trials import NO_METRICS
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.jobs import NO_JOB_STARTED
from stepsweep.contract.trial import Trial
from tests.support.functions import Cloud, attempts, succeeded
from tests.support.specs import as_number

HALVED: dict[str, Any] = {
    "parameters": {"lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]},
    "epochs": 4,
    "halving": {"min_epochs": 1, "factor": 2},
    "name": "s",
}


def plan(cloud: Cloud, round_number: int, **changes: Any) -> list[Trial]:
    """Plans a round; returns the trials that it trains."""
    answer = cloud.plan({**HALVED, **changes}, round_number=round_number)
    assert "fault" not in answer
    items = {item["trial_id"] for item in cloud.bucket.get_json(answer["to_run_key"])}
    return [trial for trial in cloud.trials("s", round_number) if trial.trial_id in items]


def train(cloud: Cloud, trials: list[Trial], *, more: float = 0.0) -> None:
    """Trains trials whose accuracy is their learning rate, and a little more each epoch."""
    for trial in trials:
        lr = as_number(trial.params["lr"])
        cloud.trained(trial, *(round(more + lr + epoch / 1000, 6) for epoch in range(1, trial.epochs + 1)))


def to_the_end(cloud: Cloud, **changes: Any) -> tuple[list[list[float]], dict[str, Any]]:
    """Runs all rounds; returns the learning rates that each trained, and what the last reduction gave."""
    trained = []
    for number in range(10):
        trials = plan(cloud, number, **changes)
        trained.append([as_number(trial.params["lr"]) for trial in trials])
        train(cloud, trials)
        answer = cloud.reduce(round_number=number)
        if not answer["another_round"]:
            return trained, answer
        assert answer == {"another_round": True, "sweep": "s", "round": number + 1, "ask": False}
    raise AssertionError("it does not end")


def rows(cloud: Cloud) -> list[dict[str, str]]:
    data = cloud.bucket.get(keys.leaderboard_key("s"))
    assert data is not None
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


class TestHalving:
    def test_a_round_none_of_whose_jobs_starts_ends_the_search_with_the_winner_so_far(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0))
        cloud.reduce(round_number=0)
        plan(cloud, 1)
        why = "no job started within 120 minutes: no quota"
        output = cloud.reduce(round_number=1, ended={"Error": NO_JOB_STARTED, "Cause": why})["output"]
        assert (output["winner"]["params"], output["winner"]["epoch"]) == ({"lr": 0.6}, 1)
        assert output["ended_by"] == why
        assert output["outcomes"]["SUCCEEDED"] == 6
        assert output["winner"]["fewer_epochs"] == (
            "The winner was trained for 1 of 4 epochs: the search ended before a trial with more epochs succeeded."
        )

    def test_a_winner_of_a_lower_rung_says_why(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0))
        cloud.reduce()
        train(cloud, plan(cloud, 1))
        cloud.reduce(round_number=1)
        assert [trial.epochs for trial in plan(cloud, 2)] == [4, 4]
        winner = cloud.reduce(round_number=2)["output"]["winner"]
        assert winner["params"] == {"lr": 0.4}
        assert winner["fewer_epochs"] == (
            "The winner was trained for 2 of 4 epochs: no trial that was promoted further succeeded."
        )

    @pytest.mark.parametrize(
        ("ended", "why"),
        [
            ({}, "no params that were promoted further succeeded in all their trials"),
            (
                {"Error": NO_JOB_STARTED, "Cause": "no quota"},
                "the search ended before any params succeeded in all their trials with more epochs",
            ),
        ],
    )
    def test_of_several_trials_with_the_same_params_one_may_have_succeeded(
        self, cloud: Cloud, ended: dict[str, str], why: str
    ) -> None:
        several: dict[str, Any] = {"repeats": 2, "epochs": 2}
        train(cloud, plan(cloud, 0, **several))
        cloud.reduce()
        train(cloud, plan(cloud, 1, **several)[::2])
        winner = cloud.reduce(round_number=1, ended=ended)["output"]["winner"]
        assert winner["fewer_epochs"] == f"The winner was trained for 1 of 2 epochs: {why}."

    def test_a_winner_that_ended_its_own_training_has_no_excuse(self, cloud: Cloud) -> None:
        for number in range(3):
            for trial in plan(cloud, number):
                cloud.trained(trial, as_number(trial.params["lr"]))
            answer = cloud.reduce(round_number=number)
        assert "fewer_epochs" not in answer["output"]["winner"]

    def test_damaged_results_of_the_round_before_are_named_when_no_job_starts(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0))
        cloud.reduce(round_number=0)
        plan(cloud, 1)
        key = keys.results_key("s", 0)
        cloud.bucket.put(key, b'{"schema": 1}', "application/json")
        with pytest.raises(InvalidDocument, match=f"^{key}: "):
            cloud.reduce(round_number=1, ended={"Error": NO_JOB_STARTED, "Cause": "no quota"})

    def test_new_params_of_a_round_none_of_whose_jobs_starts_have_the_reason(self, cloud: Cloud) -> None:
        search = {"method": "tpe", "trials": 5, "batch": 3}
        spec = {"search": search, "halving": None}
        train(cloud, plan(cloud, 0, **spec))
        assert cloud.reduce(round_number=0)["ask"]
        cloud.sample("s", 1)
        assert len(plan(cloud, 1, **spec)) == 2
        output = cloud.reduce(round_number=1, ended={"Error": NO_JOB_STARTED, "Cause": "no quota"})["output"]
        assert (output["outcomes"]["SUCCEEDED"], output["outcomes"]["FAILED"]) == (3, 2)
        assert [(each["reason"], each["trials"]) for each in output["reasons"]] == [("no quota", 2)]

    def test_six_train_one_epoch_three_go_on_to_two_and_two_to_four(self, cloud: Cloud) -> None:
        trained, answer = to_the_end(cloud)
        assert trained == [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.4, 0.5, 0.6], [0.5, 0.6]]
        output = answer["output"]
        assert output["winner"]["params"] == {"lr": 0.6}
        assert (output["rounds"], output["epochs_trained_total"]) == (3, 1 * 3 + 2 + 4 * 2)
        assert output["outcomes"]["SUCCEEDED"] == 6
        assert output["plan_key"] == "sweeps/s/round-2/plan.json"
        assert [(row["params.lr"], row["epochs_trained"]) for row in rows(cloud)] == [
            ("0.6", "4"), ("0.5", "4"), ("0.4", "2"), ("0.3", "1"), ("0.2", "1"), ("0.1", "1"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("stop", "rounds", "ended_by"),
        [
            ({"max_hours": 1}, 1, "stop.max_hours: 1.00 hours have passed, of 1"),
            ({"max_hours": 1.5}, 3, None),
            # Five are worse than the first in round 0, by chance of the order. Each next round has a better one.
            ({"max_trials_without_improvement": 1}, 3, None),
            ({"metric_reached": 0.2}, 3, None),  # it counts on the last rung
        ],
    )
    def test_rules_are_looked_at_after_each_round(
        self, cloud: Cloud, stop: dict[str, Any], rounds: int, ended_by: str | None
    ) -> None:
        falling = {"lr": [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]}
        trained, answer = to_the_end(cloud, stop=stop, rounds=True, parameters=falling)
        assert (len(trained), answer["output"]["ended_by"]) == (rounds, ended_by)

    def test_params_without_improvement_are_counted_by_rounds(self, cloud: Cloud) -> None:
        rule = {"stop": {"max_trials_without_improvement": 3}, "rounds": True}
        train(cloud, plan(cloud, 0, **rule))
        assert cloud.reduce()["another_round"]
        train(cloud, plan(cloud, 1, **rule), more=-0.5)
        assert cloud.reduce(round_number=1)["output"]["ended_by"] == (
            "stop.max_trials_without_improvement: 3 trials ended since the best value was found"
        )

    def test_until_the_last_round_there_is_no_leaderboard(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0))
        cloud.reduce()
        assert not cloud.bucket.has(keys.leaderboard_key("s"))

    def test_who_was_trained_further_stands_first_whatever_the_others_reached(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0), more=0.3)
        cloud.reduce()
        train(cloud, plan(cloud, 1))
        cloud.reduce(round_number=1)
        train(cloud, plan(cloud, 2))
        assert cloud.reduce(round_number=2)["output"]["winner"]["params"] == {"lr": 0.6}
        found = [(row["params.lr"], float(row["val_accuracy"])) for row in rows(cloud)]
        assert found == [("0.6", 0.604), ("0.5", 0.504), ("0.4", 0.402), ("0.3", 0.601), ("0.2", 0.501), ("0.1", 0.401)]

    def test_the_same_work_goes_on_from_its_checkpoint_since_its_id_is_the_same(self, cloud: Cloud) -> None:
        first = plan(cloud, 0)
        train(cloud, first)
        cloud.reduce()
        plan(cloud, 1)
        item, *_ = cloud.bucket.get_json(keys.to_run_key("s", 1))
        assert item["trial_id"] == first[3].trial_id
        assert item["command"] == ["--lr", "0.4", "--epochs", "2", "--seed", "0"]
        metrics, checkpoints, artifacts, rungs = (variable["Value"] for variable in item["environment"])
        assert metrics.endswith("/metrics-e2.csv")
        assert checkpoints == f"s3://{cloud.bucket.name}/checkpoints/{first[3].trial_id}/"
        assert artifacts.endswith(f"/artifacts/new/{first[3].trial_id}/e2/"), "apart from those of the rung below"
        assert rungs == "[1]", "from whose checkpoint it may go on"
        assert item["outcome_key"] == f"sweeps/s/round-1/outcomes/{first[3].trial_id}.json"

    def test_who_fails_after_going_on_has_lost_with_its_reason_and_the_others_keep_their_values(
        self, cloud: Cloud
    ) -> None:
        train(cloud, plan(cloud, 0))
        cloud.reduce()
        *others, best = plan(cloud, 1)
        train(cloud, others)
        cloud.failed(best, "no memory")
        cloud.reduce(round_number=1)
        last = plan(cloud, 2)
        assert [trial.params["lr"] for trial in last] == [0.4, 0.5]
        train(cloud, last)
        output = cloud.reduce(round_number=2)["output"]
        assert output["winner"]["params"] == {"lr": 0.5}
        assert output["outcomes"] == {"SUCCEEDED": 5, "FAILED": 1, "MISSING": 0, "INVALID": 0}
        assert output["reasons"] == [{"reason": "States.TaskFailed: no memory", "trials": 1}]

    def test_a_sweep_that_is_started_again_repeats_no_trial_of_any_round(self, cloud: Cloud) -> None:
        _, first = to_the_end(cloud)
        trained, again = to_the_end(cloud)
        assert trained == [[], [], []]
        assert again == first

    def test_reducing_a_round_again_writes_the_same_bytes(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0))
        cloud.reduce()
        before = cloud.objects()
        cloud.reduce()
        assert cloud.objects() == before

    def test_later_rounds_keep_the_trainer_whose_image_their_jobs_run(self, cloud: Cloud) -> None:
        first = plan(cloud, 0)
        train(cloud, first)
        cloud.reduce()
        cloud.monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
        second = plan(cloud, 1)
        assert {trial.trial_id for trial in second} < {trial.trial_id for trial in first}
        assert cloud.bucket.get_json(keys.plan_key("s", 1))["trainer_version"] == "trainer-1"

    def test_of_two_executions_the_later_one_goes_on_and_the_other_plans_nothing_for_its_trainer(
        self, cloud: Cloud
    ) -> None:
        train(cloud, plan(cloud, 0))
        cloud.monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
        accepted = {**HALVED, "accept_trainer": True}
        cloud.plan(accepted, execution="two")
        before = cloud.objects()
        answer = cloud.reduce()
        assert answer == {"another_round": True, "sweep": "s", "round": 1, "ask": False}
        refused = cloud.plan(HALVED, round_number=1)["fault"]
        assert refused.startswith("name: the execution two was started for the sweep s too, and goes on with it")
        assert cloud.objects() == before
        train(cloud, cloud.trials("s"))
        cloud.reduce(execution="two")
        assert "fault" not in cloud.plan(accepted, execution="two", round_number=1)

    @pytest.mark.parametrize(
        ("request_", "key"),
        [("GetObject", keys.plan_key("s", 0)), ("PutObject", keys.latest_key("s"))],
        ids=["before it reads the plan", "before it writes that it has ended"],
    )
    def test_an_execution_that_is_planned_while_another_names_its_winner_goes_on(
        self, cloud: Cloud, request_: str, key: str
    ) -> None:
        """As after `sweep stop`, which does not end a function, and `sweep resume`."""
        once = {**HALVED, "halving": None}
        train(cloud, plan(cloud, 0, halving=None))
        with cloud.just_before(request_, key, lambda: cloud.plan(once, execution="two")):
            cloud.reduce()
        latest = cloud.bucket.get_json(keys.latest_key("s"))
        assert (latest["execution"], latest["has_ended"]) == ("two", False)
        assert cloud.reduce(execution="two")["output"]["execution"] == "two"
        assert cloud.bucket.get_json(keys.latest_key("s"))["has_ended"] is True

    def test_what_another_execution_has_found_meanwhile_stays(self, cloud: Cloud) -> None:
        once = {**HALVED, "halving": None}
        trials = plan(cloud, 0, halving=None)
        train(cloud, trials[:-1])
        ended: dict[str, bytes] = {}

        def again() -> None:
            cloud.plan(once, execution="two")
            train(cloud, trials[-1:])
            assert cloud.reduce(execution="two")["output"]["winner"]["params"] == {"lr": 0.6}
            ended.update(cloud.objects())

        with cloud.just_before("GetObject", trials[0].metrics_key, again):
            answer = cloud.reduce()
        assert answer == {"another_round": True, "sweep": "s", "round": 1, "ask": False}
        assert cloud.objects() == ended

    def test_the_output_of_many_rounds_fits_into_a_state(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0))
        assert len(str(cloud.reduce())) < 200, "between rounds nothing but numbers is handed on"

    def test_results_that_are_gone_end_the_execution(self, cloud: Cloud) -> None:
        plan(cloud, 0)
        with pytest.raises(FileNotFoundError, match=r"sweeps/s/round-0/results\.json is not in the bucket"):
            plan(cloud, 1)


class TestBudget:
    """Six seconds an epoch and half a dollar an hour; the plan is of 6 x 1 + 3 x 1 + 2 x 2 = 13 epochs."""

    def test_the_plan_of_all_rounds_must_fit(self, cloud: Cloud) -> None:
        most = cloud.plan(HALVED)["usd_at_most"]
        assert most > 2 * 6 * 600 / 3600 * 0.5, "the machines of each round boot and idle"
        assert "fault" not in cloud.plan({**HALVED, "budget_usd": most + 0.01, "name": "enough"})
        assert cloud.plan({**HALVED, "budget_usd": most - 0.01, "name": "short"})["fault"].startswith(
            f"budget_usd: 6 trials of up to 4 epochs in 3 rounds may cost {most:.2f} USD"
        )

    def test_a_round_that_would_go_beyond_is_not_begun_and_the_winner_so_far_is_named(self, cloud: Cloud) -> None:
        first = plan(cloud, 0, budget_usd=5)
        train(cloud, first)
        for trial in first:
            succeeded(cloud, trial, 0.5)  # an epoch took half an hour, where six seconds were expected
        # 6 x 0.5 h x 0.5 USD are spent, and three trials of one more epoch each would take 0.75; with the machines'
        # boot, pull and idling, a third of an hour each, about 2.7 and 1.4.
        assert cloud.reduce()["another_round"] is True
        second = plan(cloud, 1, budget_usd=5)
        train(cloud, second)
        for trial in second:
            succeeded(cloud, trial, 0.5)
        # About 4.1 are spent, and two trials of two more epochs each would take 1.4.
        output = cloud.reduce(round_number=1)["output"]
        assert output["ended_by"].startswith("budget_usd: up to 4.")
        assert output["ended_by"].endswith(" more; the budget is 5")
        assert output["winner"]["params"] == {"lr": 0.6}
        assert output["cost"]["usd_estimate"] == 2.25
        assert 4 < output["cost"]["usd_at_most"] < 5

    def test_the_slowest_trial_decides_what_the_next_round_may_take(self, cloud: Cloud) -> None:
        first = plan(cloud, 0, budget_usd=6)
        train(cloud, first)
        for number, trial in enumerate(first):
            succeeded(cloud, trial, 5.0 if number == 0 else 0.01)
        output = cloud.reduce()["output"]  # three trials of five hours each would cost 7.5
        assert output["ended_by"] is not None

    def test_jobs_that_fail_before_their_first_epoch_are_paid_for_too(self, cloud: Cloud) -> None:
        """The one trial that succeeds was trained by another sweep: no job here says how long an epoch takes."""
        trained, *others = plan(cloud, 0, budget_usd=6)
        train(cloud, [trained])
        for trial in others:
            attempt = [{**each, "Container": {"ExitCode": 1}} for each in attempts(3.0)]
            cloud.failed(trial, json.dumps({"Attempts": attempt, "StatusReason": "no"}))
        output = cloud.reduce()["output"]  # five jobs of three hours each, of 0.5 USD
        assert output["ended_by"].startswith("budget_usd: up to ")
        assert output["winner"]["params"] == trained.params

    def test_a_sweep_within_its_budget_says_nothing_of_it(self, cloud: Cloud) -> None:
        _, answer = to_the_end(cloud, budget_usd=30)
        assert answer["output"]["ended_by"] is None


def test_a_trial_without_metrics_is_missing_in_every_round_after_its_own(cloud: Cloud) -> None:
    """Its job went well and wrote nothing; the records of later rounds do not mention it."""
    silent, *others = plan(cloud, 0)
    train(cloud, others)
    succeeded(cloud, silent, 0.5)
    cloud.reduce()
    train(cloud, plan(cloud, 1))
    cloud.reduce(round_number=1)
    train(cloud, plan(cloud, 2))
    assert cloud.reduce(round_number=2)["output"]["outcomes"]["MISSING"] == 1
    (row,) = [row for row in rows(cloud) if row["trial_id"] == silent.trial_id]
    reason = NO_METRICS
    assert (row["status"], row["reason"]) == ("MISSING", reason)


class TestModel:
    LEARNS: dict[str, Any] = {"search": {"method": "tpe", "trials": 5, "batch": 3}, "halving": None}  # noqa: RUF012

    def test_a_round_begins_with_what_was_asked_for_and_ends_when_all_are_tried(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0, **self.LEARNS))
        answer = cloud.reduce()
        assert answer == {"another_round": True, "sweep": "s", "round": 1, "ask": True}
        tried = {trial.params["lr"] for trial in cloud.trials("s")}
        asked = [lr for lr in HALVED["parameters"]["lr"] if lr not in tried][:2]
        cloud.bucket.put_json(keys.proposed_key("s", 1), [{"lr": lr} for lr in asked])
        second = plan(cloud, 1, **self.LEARNS)
        assert [trial.params["lr"] for trial in second] == asked
        train(cloud, second)
        output = cloud.reduce(round_number=1)["output"]
        assert (output["outcomes"]["SUCCEEDED"], output["rounds"]) == (5, 2)

    def test_a_value_that_is_reached_ends_the_search_after_its_round(self, cloud: Cloud) -> None:
        trained, answer = to_the_end(cloud, **self.LEARNS, stop={"metric_reached": 0.1})
        assert len(trained) == 1
        assert answer["output"]["ended_by"].startswith("stop.metric_reached: val_accuracy reached 0.")

    def test_a_model_that_proposed_nothing_at_all_is_an_error_and_not_a_guess(self, cloud: Cloud) -> None:
        train(cloud, plan(cloud, 0, **self.LEARNS))
        cloud.reduce()
        with pytest.raises(FileNotFoundError, match=r"round-1/proposed\.json"):
            plan(cloud, 1, **self.LEARNS)
