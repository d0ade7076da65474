"""The function that picks the winner: how every trial ended and why, who won, and what is written of it."""

import csv
import io
import json
import logging
import math
from typing import Any, ClassVar

import boto3
import pytest
from botocore.config import Config

from stepsweep.bucket.job_logs import CloudLastLines
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.trials import NO_METRICS, Read
from stepsweep.contract import keys
from stepsweep.contract.job_outcome import JobOutcome, begun
from stepsweep.contract.metrics import MAX_BYTES
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Outcome, Status, Trial
from stepsweep.statemachine import conclusion
from stepsweep.statemachine.conclusion import BEST
from tests.support.clients import PATIENT, retries_of_new
from tests.support.functions import Cloud, job_description

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
TIMEOUT = "Job attempt duration exceeded timeout"
HOST_GONE = "Host EC2 (instance i-0abc) terminated."


def failed(failure: dict[str, Any]) -> tuple[str, str | None]:
    """Returns why a job failed, and the log stream of its last attempt."""
    outcome = JobOutcome.from_json({**begun("t", Status.FAILED, execution="s-1"), "failure": failure}, where="outcome")
    return outcome.reason, outcome.last_log_stream


def leaderboard(cloud: Cloud, sweep: str = "s") -> list[dict[str, str]]:
    data = cloud.bucket.get(keys.leaderboard_key(sweep))
    assert data is not None
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def ended(cloud: Cloud, trial: Trial) -> tuple[str, str]:
    """Returns the status and the reason of a trial, as the leaderboard has them."""
    cloud.reduce()
    (row,) = [row for row in leaderboard(cloud) if row["trial_id"] == trial.trial_id]
    return row["status"], row["reason"]


class TestWinner:
    def test_the_winner_is_the_trial_with_the_best_epoch_of_all(self, cloud: Cloud) -> None:
        first, second, third = cloud.planned()
        cloud.trained(first, 0.5, 0.7)
        cloud.trained(second, 0.6, 0.9, 0.8)
        cloud.trained(third, 0.85, 0.85, 0.85)
        answer = cloud.reduce()
        winner = answer["output"]["winner"]
        assert answer["another_round"] is False
        assert (winner["params"], winner["value"], winner["epoch"]) == ({"lr": 0.01}, 0.9, 2)
        assert (winner["trial_id"], winner["options"]) == (second.trial_id, "--lr 0.01")
        assert [entry["params"]["lr"] for entry in answer["output"]["best"]] == [0.01, 0.001, 0.1]

    def test_the_objective_of_the_sweep_decides(self, cloud: Cloud) -> None:
        first, second, _ = cloud.planned(objective={"metric": "val_accuracy", "direction": "minimize"})
        cloud.trained(first, 0.5, 0.2)
        cloud.trained(second, 0.3, 0.9)
        output = cloud.reduce()["output"]
        assert output["winner"]["trial_id"] == first.trial_id
        assert output["objective"] == {"metric": "val_accuracy", "direction": "minimize", "at": "best"}

    def test_trials_as_good_as_the_winner_are_named(self, cloud: Cloud) -> None:
        first, second, third = cloud.planned()
        cloud.trained(first, 0.1, 0.9)
        cloud.trained(second, 0.9)
        cloud.trained(third, 0.8)
        output = cloud.reduce()["output"]
        assert output["winner"]["trial_id"] == second.trial_id
        assert [tie["trial_id"] for tie in output["ties"]] == [first.trial_id]

    def test_the_output_says_where_the_whole_leaderboard_and_the_plan_are(self, cloud: Cloud) -> None:
        cloud.trained(cloud.planned()[0], 0.9)
        output = cloud.reduce()["output"]
        assert output["sweep"] == "s"
        assert cloud.bucket.has(output["leaderboard_key"])
        assert cloud.bucket.has(output["plan_key"])

    def test_winner_json_is_the_output_of_the_execution(self, cloud: Cloud) -> None:
        cloud.trained(cloud.planned()[0], 0.9)
        output = cloud.reduce()["output"]
        assert cloud.bucket.get_json(keys.winner_key("s")) == output

    def test_that_a_sweep_is_finished_is_written_last(self, cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
        cloud.trained(cloud.planned()[0], 0.9)
        caplog.set_level(logging.INFO, "werkzeug")
        cloud.reduce()
        puts = [line for line in caplog.messages if '"PUT ' in line]
        assert [line.split()[6].partition("/sweeps/")[2] for line in puts[-3:]] == [
            "s/winner.json",
            "s/leaderboard.csv",
            "s/latest.json",
        ]

    def test_reducing_again_writes_the_same_bytes(self, cloud: Cloud) -> None:
        first, second, third = cloud.planned()
        cloud.trained(first, 0.9)
        cloud.trained(second, math.nan)
        cloud.failed(third, job_description(exit_code=1, stream="job/default/1"))
        cloud.printed("job/default/1", "ValueError: no")
        answer = cloud.reduce()
        written = cloud.objects()
        assert cloud.reduce() == answer
        assert cloud.objects() == written

    def test_among_equals_the_first_of_the_plan_wins_whichever_was_trained_first(self, cloud: Cloud) -> None:
        trials = cloud.planned()
        for trial in reversed(trials):
            cloud.trained(trial, 0.9)
        assert cloud.reduce()["output"]["winner"]["trial_id"] == trials[0].trial_id

    def test_a_plan_that_was_deleted_is_an_error_for_everyone(self, cloud: Cloud) -> None:
        with pytest.raises(FileNotFoundError, match=r"sweeps/s/round-0/plan\.json is not in the bucket"):
            cloud.reduce()


class TestSummary:
    def summary_of(self, cloud: Cloud, data: bytes | None) -> Any:
        """Returns the summary in the output, where the trainer of the winner wrote `data`."""
        trial, *_ = cloud.planned()
        cloud.trained(trial, 0.9)
        if data is not None:
            cloud.bucket.put(keys.summary_key(trial.trial_id, trial.epochs), data, "application/json")
        return cloud.reduce()["output"]["winner"]["summary"]

    def test_what_the_trainer_said_of_the_winner_is_in_the_output(self, cloud: Cloud) -> None:
        summary = {"test_accuracy": 0.91, "stopped": "early", "data": {"dataset": "mnist"}}
        assert self.summary_of(cloud, json.dumps(summary).encode()) == summary

    @pytest.mark.parametrize("more", [0, 1])
    def test_the_largest_summary_is_in_the_output_and_none_that_is_larger(self, cloud: Cloud, more: int) -> None:
        data = b'{"a": 1}'.ljust(conclusion.MAX_SUMMARY_BYTES + more)
        assert self.summary_of(cloud, data) == (None if more else {"a": 1})

    def test_a_summary_larger_than_any_document_costs_nobody_the_winner(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stepsweep.bucket.s3.MAX_DOCUMENT_BYTES", 2 * conclusion.MAX_SUMMARY_BYTES)
        assert self.summary_of(cloud, b'{"a": 1}'.ljust(3 * conclusion.MAX_SUMMARY_BYTES)) is None

    @pytest.mark.parametrize(
        "data",
        [
            None, b"{", b"[]", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": ' + b"9" * 5_000 + b"}",
            b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b'{"a": "' + b"x" * 300_000 + b'"}',
            b'{"a": ' + b"[" * 401 + b"1" + b"]" * 401 + b"}", b'{"a":[' * 201 + b"1" + b"]}" * 201,
        ],
        ids=["none", "cut off", "list", "NaN", "infinity", "digits", "depth", "size", "lists", "lists in objects"],
    )  # fmt: skip
    def test_a_summary_that_the_output_cannot_hold_costs_nobody_the_winner(
        self, cloud: Cloud, data: bytes | None
    ) -> None:
        assert self.summary_of(cloud, data) is None


class TestOutcomes:
    def test_outcomes_sum_to_the_plan_with_every_status_named(self, cloud: Cloud) -> None:
        good, crashed, silent, forgotten, diverged = cloud.planned(parameters={"lr": [5, 4, 3, 2, 1]})
        cloud.trained(good, 0.9)
        cloud.failed(crashed, job_description(exit_code=1))
        cloud.recorded(silent, {"trial_id": silent.trial_id, "status": "SUCCEEDED", "job": {}})
        cloud.trained(diverged, 0.5, math.nan)
        assert forgotten
        assert cloud.reduce()["output"]["outcomes"] == {"SUCCEEDED": 1, "FAILED": 1, "MISSING": 2, "INVALID": 1}
        assert {row["trial_id"]: row["status"] for row in leaderboard(cloud)} == {
            good.trial_id: "SUCCEEDED",
            crashed.trial_id: "FAILED",
            silent.trial_id: "MISSING",
            forgotten.trial_id: "MISSING",
            diverged.trial_id: "INVALID",
        }

    def test_metrics_decide_even_where_the_job_failed_after_it_wrote_them(self, cloud: Cloud) -> None:
        trial, *_ = cloud.planned()
        cloud.trained(trial, 0.9)
        cloud.failed(trial, job_description(exit_code=139))
        assert ended(cloud, trial) == ("SUCCEEDED", "")

    def test_a_job_that_ended_well_without_metrics_is_missing_with_the_key_it_should_have_written(
        self, cloud: Cloud
    ) -> None:
        trial, *_ = cloud.planned()
        cloud.recorded(trial, {"trial_id": trial.trial_id, "status": "SUCCEEDED", "job": {"attempts": 1}})
        assert ended(cloud, trial) == ("MISSING", NO_METRICS)

    def test_a_trial_of_which_nothing_was_recorded_is_missing(self, cloud: Cloud) -> None:
        assert ended(cloud, cloud.planned()[0]) == ("MISSING", "it has no recorded outcome")

    def test_a_trial_that_diverged_is_invalid_with_the_epoch(self, cloud: Cloud) -> None:
        trial, *_ = cloud.planned()
        cloud.trained(trial, 0.5, math.nan)
        assert ended(cloud, trial) == ("INVALID", "val_accuracy is nan at epoch 2: the trial diverged")

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "the file is empty"),
            (b"not,a\nmetrics file", 'the first column must be `epoch`, got "not,a"'),
            (
                b"epoch,loss\n1,0.5\n",
                "the objective `val_accuracy` is not among the metrics: loss; name one of them, "
                "or say with `metrics` where it is printed",
            ),
            (b"epoch,val_accuracy\n1,1_0\n", 'line 2: val_accuracy is "1_0", which is not a number'),
            (b"x" * (MAX_BYTES + 100), f"the file has {MAX_BYTES + 1} bytes, more than {MAX_BYTES}"),
        ],
        ids=["empty", "garbage", "objective", "number", "size"],
    )
    def test_metrics_that_break_the_contract_are_invalid_with_the_rule(
        self, cloud: Cloud, data: bytes, reason: str
    ) -> None:
        trial, *_ = cloud.planned()
        cloud.bucket.put(trial.metrics_key, data, "text/csv")
        damaged = f"; if the trial wrote another metrics-e{trial.epochs}.csv, bring that back from a copy, or delete it"
        remedy = "" if "objective" in reason else f"{damaged} and resume the sweep"
        assert ended(cloud, trial) == ("INVALID", f"{reason}{remedy}")

    UNREADABLE = (
            b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"5", b"{}", b'{"status": 5}', b'{"status": "MISSING"}',
            b'{"status": "FAILED"}', b'{"status": "FAILED", "failure": "text"}', b'{"status": ["FAILED"]}',
    )  # fmt: skip

    def test_a_record_that_cannot_be_read_is_a_failure_of_that_trial_only(self, cloud: Cloud) -> None:
        winner, *damaged = cloud.planned(parameters={"lr": list(range(1 + len(self.UNREADABLE)))})
        cloud.trained(winner, 0.9)
        for trial, outcome in zip(damaged, self.UNREADABLE, strict=True):
            cloud.recorded(trial, outcome)
        assert cloud.reduce()["output"]["winner"]["trial_id"] == winner.trial_id
        reasons = {row["trial_id"]: (row["status"], row["reason"]) for row in leaderboard(cloud)[1:]}
        assert reasons == {trial.trial_id: ("FAILED", "its recorded outcome cannot be read") for trial in damaged}


class TestFailureReason:
    @pytest.mark.parametrize(
        ("cause", "reason"),
        [
            (job_description(exit_code=1), "exit code 1"),
            (job_description(exit_code=137, container_reason=OUT_OF_MEMORY), f"exit code 137, {OUT_OF_MEMORY}"),
            (job_description(exit_code=137), "exit code 137, killed, most likely for memory"),
            (job_description(exit_code=137, status_reason=TIMEOUT), f"exit code 137, {TIMEOUT}"),
            (job_description(exit_code=143, status_reason="stopped by Ada"), "exit code 143, stopped by Ada"),
            (job_description(status_reason=HOST_GONE), HOST_GONE),
            (job_description(status_reason=HOST_GONE, attempts=3), f"{HOST_GONE}, attempt 3"),
            (job_description(exit_code=1, attempts=2), "exit code 1, attempt 2"),
            (
                job_description(
                    container_reason="CannotPullContainerError: no such image", status_reason="Task failed"
                ),
                "CannotPullContainerError: no such image",
            ),
            (job_description(attempts=0, status_reason="Job was cancelled"), "Job was cancelled"),
            (job_description(attempts=0, status_reason=None), "its job failed"),
            (job_description(status_reason=None), "Essential container in task exited"),
        ],
    )
    def test_a_job_says_what_ended_it(self, cause: str, reason: str) -> None:
        assert failed({"Error": "States.TaskFailed", "Cause": cause})[0] == reason

    def test_a_job_that_could_not_be_submitted_has_the_error_and_what_batch_said(self) -> None:
        failure = {"Error": "Batch.ClientException", "Cause": "JobQueue not found (Service: Batch; Status Code: 400)"}
        assert failed(failure) == (f"Batch.ClientException: {failure['Cause']}", None)

    @pytest.mark.parametrize(
        ("failure", "reason"),
        [
            ({"Error": "States.Timeout"}, "States.Timeout"),
            ({"Error": "States.Timeout", "Cause": ""}, "States.Timeout"),
            ({}, "unknown error"),
            ({"Error": "E", "Cause": "[1]"}, "E: [1]"),
            ({"Error": "E", "Cause": "{}"}, "its job failed"),
        ],
    )
    def test_an_error_without_a_job_is_named_as_it_is(self, failure: dict[str, str], reason: str) -> None:
        assert failed(failure) == (reason, None)

    @pytest.mark.parametrize("wrong", [None, 5, "text", [], {}, [None], [[]], [{"Container": []}], [{"Container": 5}]])
    def test_a_description_of_another_shape_is_no_reason_to_lose_the_sweep(self, wrong: Any) -> None:
        cause = json.dumps({"Attempts": wrong, "StatusReason": "said"})
        assert failed({"Error": "E", "Cause": cause}) == ("said", None)

    @pytest.mark.parametrize("wrong", [5, [], {}])
    def test_a_log_stream_that_is_no_text_is_none(self, wrong: Any) -> None:
        cause = json.dumps({"Attempts": [{"Container": {"LogStreamName": wrong, "ExitCode": 1}}]})
        assert failed({"Error": "E", "Cause": cause}) == ("exit code 1", None)

    def test_the_log_is_the_last_attempts(self) -> None:
        cause = job_description(exit_code=1, attempts=2, stream="job/default/2")
        assert failed({"Error": "E", "Cause": cause})[1] == "job/default/2"


class TestLastLines:
    def failed_with_log(self, cloud: Cloud, *lines: str) -> Trial:
        trial, *_ = cloud.planned()
        cloud.printed("job/default/1", *lines)
        cloud.failed(trial, job_description(exit_code=1, stream="job/default/1"))
        return trial

    def test_the_last_line_that_a_job_printed_stands_behind_its_reason(self, cloud: Cloud) -> None:
        trial = self.failed_with_log(
            cloud, "epoch 1", "Traceback (most recent call last):", "ValueError: lr must be > 0", "  ", "\r"
        )
        assert ended(cloud, trial) == ("FAILED", "exit code 1: ValueError: lr must be > 0")

    def test_what_a_job_printed_is_shown_as_one_short_line_without_control_characters(self, cloud: Cloud) -> None:
        trial = self.failed_with_log(cloud, "\x1b[31mred\x1b[0m\u202e \u2028two\ttabs" + " x" * 1_000)
        _, reason = ended(cloud, trial)
        assert reason.startswith("exit code 1: [31mred [0m two tabs x x")
        assert reason.isprintable()
        assert len(reason) == 300

    def test_a_log_that_nobody_printed_to_leaves_the_reason_as_it_is(self, cloud: Cloud) -> None:
        assert ended(cloud, self.failed_with_log(cloud)) == ("FAILED", "exit code 1")

    def test_a_log_that_is_gone_is_said_beside_the_reason(self, cloud: Cloud) -> None:
        trial, *_ = cloud.planned()
        cloud.failed(trial, job_description(exit_code=1, stream="job/default/gone"))
        assert ended(cloud, trial) == ("FAILED", "exit code 1: (its log could not be read: ResourceNotFoundException)")

    @pytest.mark.usefixtures("aws")
    def test_logs_that_cannot_be_reached_lose_no_sweep(self) -> None:
        config = Config(retries={"total_max_attempts": 1})
        client = boto3.client("logs", endpoint_url="http://127.0.0.1:9", config=config)  # nobody listens on 9
        outcome = Outcome(trial_id="1", status=Status.FAILED)
        result = Result(trial=Trial(trial_id="1", params={}, options={}, epochs=1), outcome=outcome)
        read = Read(result=result, log_stream="job/default/1")
        assert CloudLastLines(client, "group", at_most=1).of(read) == (
            "(its log could not be read: EndpointConnectionError)"
        )

    def test_logs_that_throttle_are_asked_for_about_a_minute(self, cloud: Cloud) -> None:
        cloud.planned()
        with retries_of_new() as retries:
            cloud.reduce()
        assert retries == {"logs": PATIENT}

    def test_a_lone_surrogate_in_an_error_does_not_stop_the_leaderboard(self, cloud: Cloud) -> None:
        trial, *_ = cloud.planned()
        cloud.failed(trial, "no \ud800 such \x00 queue", error="Batch.ClientException")
        assert ended(cloud, trial) == ("FAILED", "Batch.ClientException: no such queue")

    def test_the_logs_of_the_first_failed_trials_are_read_and_the_rest_keep_their_reason(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stepsweep.statemachine.reducer.MAX_LOG_READS", 8)  # of 100
        trials = cloud.planned(parameters={"lr": list(range(1, 14))})
        cloud.printed("job/default/1", "ValueError: no")
        cause = job_description(exit_code=1, stream="job/default/1")
        another = job_description(exit_code=1, stream="job/default/2")
        for_all(lambda trial: cloud.failed(trial, another if trial in trials[-5:] else cause), trials, threads=8)
        cloud.reduce()
        reasons = [row["reason"] for row in leaderboard(cloud)]
        assert reasons == ["exit code 1: ValueError: no"] * 8 + ["exit code 1"] * 5


class TestNoTrialSucceeded:
    def test_the_fault_has_the_reasons_most_frequent_first(self, cloud: Cloud) -> None:
        crashed, diverged, *others = cloud.planned(parameters={"lr": [5, 4, 3, 2, 1]})
        cloud.failed(crashed, job_description(exit_code=1))
        cloud.trained(diverged, math.nan)
        for trial in others:
            cloud.failed(trial, job_description(exit_code=137, container_reason=OUT_OF_MEMORY))
        assert cloud.reduce() == {
            "another_round": False,
            "fault": "None of 5 trials succeeded (4 FAILED, 1 INVALID). The reasons, most frequent first:\n"
            f"3x exit code 137, {OUT_OF_MEMORY}\n"
            "1x exit code 1\n"
            "1x val_accuracy is nan at epoch 1: the trial diverged",
        }

    def test_the_leaderboard_is_there_to_look_into_and_no_winner_is(self, cloud: Cloud) -> None:
        cloud.planned()
        cloud.reduce()
        assert [row["status"] for row in leaderboard(cloud)] == ["MISSING"] * 3
        assert not cloud.bucket.has(keys.winner_key("s"))


class TestSize:
    def test_the_output_of_many_trials_with_the_longest_names_is_below_256_kib(self, cloud: Cloud) -> None:
        """All tie, or fail with a long reason; the number of trials does not matter beyond the first ten."""
        parameters: dict[str, list[Any]] = {f"{'p' * 62}{number:02}": ["x" * 64] for number in range(31)}
        trials = cloud.planned(sweep="s" * 80, epochs=100_000, parameters={"lr": list(range(60)), **parameters})
        winner, *rest = trials
        cloud.bucket.put(
            keys.summary_key(winner.trial_id, winner.epochs),
            json.dumps({"text": "\x7f\u20ac" * 4_000}, ensure_ascii=False).encode(),
            "application/json",
        )
        for_all(lambda trial: cloud.trained(trial, 1 / 3), [winner, *rest[:40]], threads=8)
        for number, trial in enumerate(rest[40:]):
            failure = {
                "trial_id": trial.trial_id,
                "status": "FAILED",
                "failure": {"Error": f"E{number}", "Cause": "\u20ac" * 5_000},
            }
            cloud.recorded(trial, failure, sweep="s" * 80)
        answer = cloud.reduce("s" * 80)
        assert len(answer["output"]["ties"]) == len(answer["output"]["best"]) == BEST
        assert answer["output"]["winner"]["summary"] is not None
        assert 40_000 < len(json.dumps(answer)) < 256 * 1024


class TestFoldsAndSeeds:
    FOLDED: ClassVar[dict[str, Any]] = {"parameters": {"lr": [0.1, 0.01]}, "folds": 3}

    def test_the_mean_over_folds_wins_with_its_spread_and_what_it_ties_with(self, cloud: Cloud) -> None:
        trials = cloud.planned(**self.FOLDED)
        for trial, value in zip(trials, (0.6, 0.7, 0.8, 0.75, 0.6, 0.7), strict=True):
            cloud.trained(trial, value)
        output = cloud.reduce()["output"]
        winner, (tie,) = output["winner"], output["ties"]
        assert (winner["params"], round(winner["value"], 9), winner["n"]) == ({"lr": 0.1}, 0.7, 3)
        assert round(winner["standard_error"], 5) == 0.05774
        assert winner["summary"] is None, "of one fold alone it would mislead"
        assert (tie["params"], tie["n"]) == ({"lr": 0.01}, 3)
        assert 0.05 < tie["p_value"] <= 1
        assert output["outcomes"]["SUCCEEDED"] == 6
        assert output["epochs_trained_total"] == 6
        assert [row["n"] for row in leaderboard(cloud)] == ["3", "3"]

    def test_params_with_a_failed_fold_cannot_win(self, cloud: Cloud) -> None:
        first, second, third, *others = cloud.planned(**self.FOLDED)
        cloud.trained(first, 0.99)
        cloud.trained(second, 0.99)
        cloud.failed(third, job_description(exit_code=1))
        for trial in others:
            cloud.trained(trial, 0.1)
        output = cloud.reduce()["output"]
        assert output["winner"]["params"] == {"lr": 0.01}
        assert output["outcomes"] == {"SUCCEEDED": 5, "FAILED": 1, "MISSING": 0, "INVALID": 0}
        failed = leaderboard(cloud)[1]
        assert (failed["rank"], failed["status"], failed["values"]) == ("", "FAILED", "0.99 0.99 FAILED")
        assert failed["reason"] == "2 of 3 trials succeeded; fold 2: exit code 1"

    def test_when_no_params_have_all_their_folds_the_sweep_says_so(self, cloud: Cloud) -> None:
        first, *_ = cloud.planned(**self.FOLDED)
        cloud.trained(first, 0.99)
        assert cloud.reduce()["fault"].startswith(
            "No set of params succeeded in all of its trials, of 6 trials (1 SUCCEEDED, 5 MISSING)."
        )

    @pytest.mark.slow
    def test_the_largest_output_with_folds_and_seeds_fits_into_a_state(self, cloud: Cloud) -> None:
        parameters = {f"p{number:062}": ["y" * 64, "z" * 64] for number in range(4)}
        trials = cloud.planned(parameters=parameters, folds=20, repeats=2)
        for_all(lambda trial: cloud.trained(trial, 0.5), trials)
        output = cloud.reduce()["output"]
        assert len(output["ties"]) == BEST
        assert len(json.dumps(output)) < 40_000
