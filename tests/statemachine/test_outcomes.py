"""What was recorded of trials: read from the Map's own record where that holds it, and the same either way."""

import json
import logging
import math
from collections.abc import Sequence
from typing import Any

import pytest

from stepsweep.bucket import outcomes
from stepsweep.contract import keys
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.trial import Trial
from tests.support.functions import Cloud, attempts, job_description


def child(outcome: Any, **changes: Any) -> dict[str, Any]:
    """Returns a child of the Map as Step Functions describes it, whose output is an outcome."""
    return {
        "ExecutionArn": "arn:aws:states:us-east-1:123456789012:execution:sweep/Trials:c",
        "Input": "{}",
        "InputDetails": {"Included": True},
        "Name": "c",
        "Output": json.dumps(outcome),
        "OutputDetails": {"Included": True},
        "StartDate": "2026-11-24T00:00:00.000Z",
        "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:sweep/Trials",
        "Status": "SUCCEEDED",
        "StopDate": "2026-11-24T00:00:01.000Z",
        **changes,
    }


def written(cloud: Cloud, *files: bytes | Sequence[Any], manifest: Any = None) -> dict[str, Any]:
    """Puts a Map's record there, and returns what the Map returns of it."""
    folder = f"{keys.map_results_prefix('s', 0)}/11111111-2222-3333-4444-555555555555"
    named: list[dict[str, Any]] = []
    for number, content in enumerate(files):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        named.append({"Key": f"{folder}/SUCCEEDED_{number}.json", "Size": len(data)})
        cloud.bucket.put(named[-1]["Key"], data, "application/json")
    result_files = {"SUCCEEDED": named, "FAILED": [], "PENDING": []}
    whole = {"DestinationBucket": cloud.bucket.name, "MapRunArn": "arn", "ResultFiles": result_files}
    data = manifest if isinstance(manifest, bytes) else json.dumps(whole if manifest is None else manifest).encode()
    cloud.bucket.put(f"{folder}/manifest.json", data, "application/json")
    details = {"Bucket": cloud.bucket.name, "Key": f"{folder}/manifest.json"}
    return {"MapRunArn": "arn", "ResultWriterDetails": details}


@pytest.fixture(autouse=True)
def requests_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "werkzeug")


@pytest.fixture
def trials(cloud: Cloud) -> list[Trial]:
    """A trial that went well, one that failed, one that wrote nothing, one that diverged, and one never recorded."""
    good, crashed, silent, diverged, lost = cloud.planned(parameters={"lr": [5, 4, 3, 2, 1]})
    cloud.trained(good, 0.9)
    cloud.trained(diverged, math.nan)
    failed = json.loads(job_description(exit_code=1, stream="j"))
    (times,) = attempts(2)
    failed["Attempts"] = [{**failed["Attempts"][0], **times}]
    cloud.failed(crashed, json.dumps(failed))
    cloud.printed("j", "ValueError: no")
    for trial, hours in ((good, 1.0), (silent, 0.5), (diverged, 0.25)):
        job = {"job_id": "j", "attempts": attempts(hours)}
        cloud.recorded(trial, {"trial_id": trial.trial_id, "status": "SUCCEEDED", "job": job})
    return [good, crashed, silent, diverged, lost]


def recorded(cloud: Cloud, trials: Sequence[Trial]) -> list[Any]:
    """Returns the outcomes of trials that have one."""
    found = (cloud.bucket.get_json(keys.outcome_key("s", 0, trial.trial_id)) for trial in trials)
    return [outcome for outcome in found if outcome is not None]


def asked_for(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns the trials whose outcomes were asked for one by one."""
    prefix = keys.outcomes_prefix("s", 0)
    gets = (line.partition(prefix)[2].partition(".json") for line in caplog.messages if '"GET /' in line)
    return sorted(name for name, ending, _ in gets if ending)


class TestOutcomes:
    def test_the_record_of_a_round_says_nothing_of_a_trial_of_an_earlier_round(
        self, cloud: Cloud, trials: list[Trial]
    ) -> None:
        """Its outcome is the one that its own round recorded, or none."""
        *_, lost = trials
        outcome = {
            "schema": 1,
            "execution": "s-1",
            "trial_id": lost.trial_id,
            "status": "FAILED",
            "failure": {"Error": "e", "Cause": "c"},
        }
        map_results = written(cloud, [child(outcome)])

        def of(round_number: int) -> Any:
            found = outcomes.Outcomes(
                cloud.bucket, [lost], sweep="s", round_number=round_number, map_results=map_results
            )
            return found.of(lost)

        assert isinstance(of(0), JobOutcome)
        assert of(1) is None


class TestOfMap:
    def test_what_is_in_the_record_is_not_asked_for_and_the_same_bytes_come_out(
        self, cloud: Cloud, trials: list[Trial], caplog: pytest.LogCaptureFixture
    ) -> None:
        map_results = written(cloud, [child(outcome) for outcome in recorded(cloud, trials)])
        one_by_one = cloud.reduce()
        before = cloud.objects()
        caplog.clear()
        assert cloud.reduce(map_results=map_results) == one_by_one
        assert asked_for(caplog) == []
        assert cloud.objects() == before
        output = one_by_one["output"]
        assert output["outcomes"] == {"SUCCEEDED": 1, "FAILED": 1, "MISSING": 2, "INVALID": 1}
        assert output["cost"]["job_seconds"] == 3.75 * 3600
        assert {"reason": "exit code 1: ValueError: no", "trials": 1} in output["reasons"]

    def test_a_record_may_be_in_several_files_in_any_order(
        self, cloud: Cloud, trials: list[Trial], caplog: pytest.LogCaptureFixture
    ) -> None:
        one_by_one = cloud.reduce()
        first, *others = (child(outcome) for outcome in recorded(cloud, trials))
        caplog.clear()
        assert cloud.reduce(map_results=written(cloud, others[::-1], [], [first])) == one_by_one
        assert asked_for(caplog) == []

    def test_what_an_earlier_execution_recorded_is_asked_for(
        self, cloud: Cloud, trials: list[Trial], caplog: pytest.LogCaptureFixture
    ) -> None:
        one_by_one = cloud.reduce()
        first, second, *of_this_execution = recorded(cloud, trials)
        map_results = written(cloud, [child(outcome) for outcome in of_this_execution])
        caplog.clear()
        assert cloud.reduce(map_results=map_results) == one_by_one
        assert asked_for(caplog) == sorted([first["trial_id"], second["trial_id"]])

    @pytest.mark.usefixtures("trials")
    def test_a_trial_whose_outcome_could_not_be_written_is_missing_though_the_map_ran_it(self, cloud: Cloud) -> None:
        failed = child({}, Status="FAILED", Error="S3.S3Exception", Cause="no")
        cloud.reduce(map_results=written(cloud, [failed]))
        results = cloud.bucket.get_json(keys.results_key("s", 0))["results"]
        assert results[-1]["reason"] == "it has no recorded outcome"

    @pytest.mark.parametrize(
        "manifest",
        [
            b"", b"{", b"[" * 100_000, b"\xff", [], 5, {}, {"ResultFiles": []}, {"ResultFiles": {"SUCCEEDED": {}}},
            {"ResultFiles": {"SUCCEEDED": [5, {}, {"Key": 5}, {"Key": ""}, {"Key": "sweeps/s/not-there"}]}},
        ],
    )  # fmt: skip
    def test_a_manifest_that_cannot_be_read_names_nothing(self, cloud: Cloud, manifest: Any) -> None:
        map_results = written(
            cloud, [child({"schema": 1, "execution": "s-1", "trial_id": "t", "status": "SUCCEEDED"})], manifest=manifest
        )
        assert outcomes.of_map(cloud.bucket, map_results) == {}

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"[", b"\xff", {}, 5, [5, {}, {"Output": 5}],
            [child(5), child({}), child({"status": "FAILED"}), child({"trial_id": 5, "status": "FAILED"})],
            [child({}, Output="{"), child({}, Output=None), child({}, Output="[" * 100_000)],
        ],
        ids=["empty", "cut off", "no text", "object", "number", "children", "outputs", "texts"],
    )  # fmt: skip
    def test_of_a_file_that_cannot_be_read_the_others_are(self, cloud: Cloud, content: Any) -> None:
        outcome = {"schema": 1, "execution": "s-1", "trial_id": "t", "status": "SUCCEEDED", "job": {}}
        assert outcomes.of_map(cloud.bucket, written(cloud, content, [child(outcome)])) == {
            "t": JobOutcome.from_json(outcome, where="outcome")
        }

    @pytest.mark.parametrize("map_results", [{}, None, [], {"ResultWriterDetails": {"Key": ""}}, {"MapRunArn": "arn"}])
    def test_without_a_record_there_is_nothing_in_it(self, cloud: Cloud, map_results: Any) -> None:
        assert outcomes.of_map(cloud.bucket, map_results) == {}

    def test_no_more_of_a_record_is_read_than_a_function_has_room_for(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = [[child({"schema": 1, "execution": "s-1", "trial_id": name, "status": "SUCCEEDED"})] for name in "abc"]
        map_results = written(cloud, *files)
        monkeypatch.setattr(outcomes, "MAX_RECORD_BYTES", 2 * len(json.dumps(files[0])))
        assert outcomes.of_map(cloud.bucket, map_results).keys() == {"a", "b"}


@pytest.mark.usefixtures("trials")
def test_an_execution_of_a_state_machine_that_keeps_no_record_is_reduced_one_by_one(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that runs while this version is deployed: its definition is the one before."""
    caplog.clear()
    cloud.reduce()
    assert len(asked_for(caplog)) == 4
