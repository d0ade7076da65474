"""Sweeps through the real state machine of the synthesized template, with jobs and functions that truly run."""

import collections
import contextlib
import csv
import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepsweep.contract import keys
from stepsweep.local.template import PACKAGE
from tests.support.embedded import Cloud, eventually, is_function, running_cloud

TUTORIAL = {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.1, 0.05]}


def jobs_of(cloud: Cloud, sweep: str) -> list[dict[str, Any]]:
    return [job for job in cloud.jobs("") if job["tags"]["sweep"] == sweep]


def function_logs(cloud: Cloud) -> list[str]:
    """Returns the lines that the functions logged, the planner's first."""
    files = [file for name in ("Planner", "Reducer") for file in (cloud.directory / "run").glob(f"*{name}*.log")]
    return [line for file in files for line in file.read_text().splitlines()]


def test_a_grid_ends_with_a_winner_and_every_trial_in_the_leaderboard(cloud: Cloud) -> None:
    output = cloud.run({"parameters": TUTORIAL, "epochs": 3, "name": "tutorial"})

    assert output["winner"]["params"] == {"lr": 0.1, "momentum": 0.5}
    assert output["outcomes"] == {"SUCCEEDED": 9, "FAILED": 0, "MISSING": 0, "INVALID": 0}
    assert len(cloud.objects("trials/")) >= 9
    rows = list(csv.DictReader(io.StringIO(cloud.objects(output["leaderboard_key"]).popitem()[1].decode())))
    assert [row["rank"] for row in rows] == [str(place) for place in range(1, 10)]
    assert json.loads(cloud.objects(keys.winner_key("tutorial")).popitem()[1]) == output
    logged = [json.loads(line) for line in function_logs(cloud) if line.startswith('{"function"')]
    of_sweep = [line for line in logged if line["sweep"] == "tutorial"]
    assert [(line["function"], line["round"]) for line in of_sweep] == [("plan", 0), ("reduce", 0)]
    assert (of_sweep[0]["planned"], of_sweep[0]["to_run"]) == (9, 9)
    outcomes = [json.loads(data) for data in cloud.objects(keys.outcomes_prefix("tutorial", 0)).values()]
    assert sorted(outcome["status"] for outcome in outcomes) == ["SUCCEEDED"] * 9
    files = cloud.objects(keys.map_results_prefix("tutorial", 0)).items()
    children = json.loads(next(data for name, data in files if name.endswith("/SUCCEEDED_0.json")))
    in_order = sorted((json.loads(child["Output"]) for child in children), key=lambda outcome: outcome["trial_id"])
    assert in_order == sorted(outcomes, key=lambda outcome: outcome["trial_id"]), "the Map's record has them too"


@contextlib.contextmanager
def without_machines(cloud: Cloud) -> Iterator[None]:
    """Lets no job start, and has the state machine look after a second whether one has."""
    states, batch, machine = cloud.client("stepfunctions"), cloud.client("batch"), cloud.outputs["StateMachineArn"]
    (queue,) = batch.describe_job_queues(jobQueues=[cloud.outputs["SweepQueue"]])["jobQueues"]
    environments = [each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]]
    definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
    states.update_state_machine(stateMachineArn=machine, definition=re.sub(r'"Seconds":\d+', '"Seconds":1', definition))
    for environment in environments:
        batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
    try:
        yield
    finally:
        for environment in environments:
            batch.update_compute_environment(computeEnvironment=environment, state="ENABLED")
        states.update_state_machine(stateMachineArn=machine, definition=definition)


@pytest.mark.parametrize(
    "rounds", [pytest.param(True, marks=pytest.mark.slow, id="in rounds"), pytest.param(False, id="freely")]
)
def test_a_sweep_none_of_whose_jobs_starts_ends_with_the_reason_and_leaves_no_job(cloud: Cloud, rounds: bool) -> None:
    name = f"stuck-{rounds}"
    # More trials than jobs at once: those that come after an ended one must not wait either.
    spec = {"parameters": {"lr": [0.1, 0.2, 0.3]}, "fresh": True, "epochs": 1, "max_concurrency": 2, "name": name}
    spec |= {"rounds": rounds}
    with without_machines(cloud):
        ended = cloud.run(spec)
        eventually(lambda: {job["status"] for job in jobs_of(cloud, name)} == {"FAILED"})
    reason = "no job started within 120 minutes: Batch does not say why"
    trials = 3 if rounds else 2
    assert (ended["status"], ended["error"]) == ("FAILED", "NoTrialSucceeded")
    assert f"{trials}x {reason}" in ended["cause"]
    key = keys.results_key(name, 0) if rounds else keys.free_results_key(name)
    results = json.loads(cloud.objects(key).popitem()[1])["results"]
    assert [(each["status"], each["reason"].startswith(reason)) for each in results] == [("FAILED", True)] * trials
    again = cloud.run(spec)
    assert again["outcomes"]["SUCCEEDED"] == 3, "started again with machines, it goes on"


def test_a_small_sweep_does_not_wait_behind_a_large_one(cloud: Cloud) -> None:
    """Four cores: one job of the large sweep ends, and all of the small one's go before the eight that wait."""
    batch = cloud.client("batch")
    large = cloud.start(
        {"parameters": {"lr": [each / 10 for each in range(1, 13)]}, "fixed": {"sleep": 600}, "epochs": 1}
        | {"name": "large", "fresh": True}
    )
    eventually(lambda: [job["status"] for job in jobs_of(cloud, "large")].count("RUNNING") == 4)
    small = cloud.start(
        {"parameters": {"lr": [0.1, 0.2, 0.3]}, "epochs": 1, "name": "small", "priority": "high", "fresh": True}
    )
    eventually(lambda: len(jobs_of(cloud, "small")) == 3)
    running = next(job["jobId"] for job in jobs_of(cloud, "large") if job["status"] == "RUNNING")
    batch.terminate_job(jobId=running, reason="makes room")
    assert cloud.ended(small)["status"] == "SUCCEEDED"
    statuses = collections.Counter(job["status"] for job in jobs_of(cloud, "large"))
    assert statuses["RUNNABLE"] >= 7, "the large sweep got at most the machine that the small one left"
    assert {job["shareIdentifier"][:6] for job in jobs_of(cloud, "small")} == {"highsm"}
    cloud.client("stepfunctions").stop_execution(executionArn=large)
    eventually(lambda: {job["status"] for job in jobs_of(cloud, "large")} == {"FAILED"})


def test_a_model_proposes_the_later_rounds_and_a_trial_that_fails_does_not_end_the_search(cloud: Cloud) -> None:
    spec = {
        "parameters": {"lr": {"low": 0.001, "high": 1, "log": True}, "momentum": [0.0, 0.5, 0.9]},
        "fixed": {"act": "crash-on-large-lr"},
        "search": {"method": "tpe", "trials": 22, "batch": 11},
        "epochs": 1,
        "name": "model",
    }
    output = cloud.run(spec)
    assert output["rounds"] == 2
    assert output["outcomes"]["SUCCEEDED"] + output["outcomes"]["FAILED"] == 22
    assert output["outcomes"]["FAILED"] > 0
    asked = json.loads(cloud.objects(keys.proposed_key("model", 1)).popitem()[1])
    planned = json.loads(cloud.objects(keys.plan_key("model", 1)).popitem()[1])["trials"]
    assert asked or output["outcomes"]["FAILED"] > 2, "a model proposes where nine outcomes are there"
    assert [trial["params"] for trial in planned[11:]][: len(asked)] == asked


def test_free_workers_search_with_a_model_and_halving_and_go_on_after_a_stop(cloud: Cloud) -> None:
    spec = {
        "parameters": {"lr": {"low": 0.001, "high": 0.2, "log": True}, "momentum": [0.0, 0.5, 0.9]},
        "fixed": {"act": "crash-on-large-lr"},
        "search": {"method": "tpe", "trials": 14},
        "halving": {"min_epochs": 1, "factor": 3},
        "rounds": False,
        "epochs": 3,
        "max_concurrency": 3,
        "name": "free",
    }
    log = functools.partial(cloud.objects, keys.events_prefix("free"))
    execution = cloud.start(spec)
    eventually(lambda: len(log()) > 4)
    cloud.client("stepfunctions").stop_execution(executionArn=execution)
    assert cloud.ended(execution)["status"] == "ABORTED"
    eventually(lambda: {job["status"] for job in jobs_of(cloud, "free")} <= {"FAILED", "SUCCEEDED"}, 45)
    there = {keys.uri(cloud.outputs["Bucket"], key) for key in cloud.objects("trials/")}
    before = {job["jobId"] for job in jobs_of(cloud, "free")}

    output = cloud.run(spec)

    assert output["outcomes"]["SUCCEEDED"] + output["outcomes"]["FAILED"] == 14
    assert output["outcomes"]["FAILED"] > 0
    assert output["winner"]["epoch"] == 3
    events = [json.loads(data) for _, data in sorted(log().items())]
    assert [int(Path(key).stem) for key in sorted(log())] == list(range(len(events)))
    legs = [event["leg"] for event in events if event["event"] == "began"]
    # A busy machine has another one if a worker's question was not answered in time.
    assert legs == list(range(max(2, len(legs))))
    assert any(event.get("seen") for event in events), "a model was asked"
    jobs = jobs_of(cloud, "free")
    later = [metrics_uri(job) for job in jobs if job["jobId"] not in before]
    # A job that is stopped after it has written its metrics is FAILED; its trial is finished all the same.
    assert not there & set(later), "what has metrics is not trained again"
    trained = collections.Counter(metrics_uri(job) for job in jobs if job["status"] == "SUCCEEDED")
    assert set(trained.values()) == {1}, "nothing is trained twice"
    trials = {trial["trial_id"] for trial in trials_of(cloud, output)}
    assert {job["jobName"] for job in jobs} == trials, "the search goes on with the trials that it had begun"


def test_a_rule_that_is_met_ends_the_trials_that_run_as_none_of_their_own_failures(cloud: Cloud) -> None:
    spec = {
        "parameters": {"sleep": [0, 300]},
        "stop": {"metric_reached": 0.5, "running": "end"},
        "epochs": 1,
        "max_concurrency": 2,
        "name": "reached",
    }
    output = cloud.run(spec)
    assert output["ended_by"] == "stop.metric_reached: val_accuracy reached 0.614286; the target is 0.5"
    assert output["outcomes"] == {"SUCCEEDED": 1, "FAILED": 0, "MISSING": 1, "INVALID": 0}
    assert output["reasons"] == [{"reason": f"ended with the search: {output['ended_by']}", "trials": 1}]
    assert sorted(job["status"] for job in jobs_of(cloud, "reached")) == ["FAILED", "SUCCEEDED"]
    again = cloud.run(spec)
    assert (again["outcomes"], len(jobs_of(cloud, "reached"))) == (output["outcomes"], 2), "the rule is still met"


def metrics_uri(job: dict[str, Any]) -> str:
    """Returns where a job writes its metrics. Each rung of a trial has its own."""
    given: list[dict[str, str]] = job["container"]["environment"]
    return next(variable["value"] for variable in given if variable["name"] == keys.METRICS_URI)


def trials_of(cloud: Cloud, output: dict[str, Any]) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = json.loads(cloud.objects(output["plan_key"]).popitem()[1])["trials"]
    return trials


def test_a_sweep_that_is_started_again_trains_nothing_and_a_grown_one_only_what_is_new(cloud: Cloud) -> None:
    parameters = {"lr": [0.2, 0.02], "momentum": [0.5, 0.1]}
    first = cloud.run({"parameters": parameters, "epochs": 2, "name": "first"})
    again = cloud.run({"parameters": parameters, "epochs": 2, "name": "first"})
    under_another_name = cloud.run({"parameters": parameters, "epochs": 2, "name": "second"})
    assert {**first, "execution": again["execution"]} == again
    assert first["winner"] == under_another_name["winner"]
    assert len(jobs_of(cloud, "first")) == 4
    assert jobs_of(cloud, "second") == []

    grown = cloud.run({"parameters": {**parameters, "lr": [0.2, 0.02, 0.002]}, "epochs": 2, "name": "grown"})
    assert grown["outcomes"]["SUCCEEDED"] == 6
    assert {job["jobName"][:8] for job in jobs_of(cloud, "grown")} == {"lr-0_002"}
    assert len(jobs_of(cloud, "grown")) == 2


@pytest.mark.slow
def test_a_fresh_sweep_trains_again_what_is_there(cloud: Cloud) -> None:
    spec = {"parameters": {"lr": [0.3]}, "epochs": 1}
    cloud.run({**spec, "name": "stale"})
    cloud.run({**spec, "name": "anew", "fresh": True})
    assert len(jobs_of(cloud, "anew")) == 1


def test_values_that_a_rounded_name_would_make_one_are_two_trials(cloud: Cloud) -> None:
    output = cloud.run({"parameters": {"lr": [1e-5, 2e-5], "momentum": [0.9]}, "epochs": 1, "name": "close"})
    assert output["outcomes"]["SUCCEEDED"] == 2
    files = [name for name in cloud.objects("trials/lr-") if "e-05" in name and name.endswith("metrics-e1.csv")]
    assert len(files) == 2


def test_a_trial_that_diverges_is_invalid_with_its_reason_and_never_wins(cloud: Cloud) -> None:
    spec = {"parameters": {"act": ["diverge", "train"]}, "epochs": 1, "name": "diverges"}
    output = cloud.run(spec)
    assert output["winner"]["params"] == {"act": "train"}
    assert output["outcomes"]["INVALID"] == 1
    assert output["reasons"] == [{"reason": "val_accuracy is nan at epoch 1: the trial diverged", "trials": 1}]
    cloud.run(spec)
    assert len(jobs_of(cloud, "diverges")) == 2, "its numbers would be the same again, so it is not trained again"


def test_one_trial_that_crashes_is_failed_with_its_last_log_line_and_the_others_go_on(cloud: Cloud) -> None:
    output = cloud.run(
        {
            "parameters": {"lr": [0.1, *(n / 100 for n in range(1, 9))]},
            "fixed": {"act": "crash-on-large-lr"},
            "epochs": 1,
            "name": "one-crashes",
        }
    )
    assert output["outcomes"] == {"SUCCEEDED": 8, "FAILED": 1, "MISSING": 0, "INVALID": 0}
    assert output["reasons"] == [{"reason": "exit code 1: lr is too large for this trainer", "trials": 1}]
    assert output["winner"]["params"] == {"lr": 0.08}
    assert len(next(job for job in jobs_of(cloud, "one-crashes") if job["status"] == "FAILED")["attempts"]) == 1


def test_when_all_crash_the_execution_fails_and_says_why(cloud: Cloud) -> None:
    answer = cloud.run({"parameters": {"lr": [1, 2]}, "fixed": {"act": "crash"}, "epochs": 1})
    assert answer["error"] == "NoTrialSucceeded"
    assert answer["cause"].endswith("2x exit code 1: ValueError: this trainer was told to crash")


def test_a_failed_trial_has_another_chance_when_the_sweep_is_started_again(cloud: Cloud) -> None:
    spec = {"parameters": {"act": ["crash", "train"], "lr": [8]}, "epochs": 1, "name": "another-chance"}
    cloud.run(spec)
    cloud.run(spec)
    assert sorted(job["jobName"].split("-")[1] for job in jobs_of(cloud, "another-chance")) == [
        "crash",
        "crash",
        "train",
    ]


@pytest.mark.parametrize(
    ("act", "attempts", "status"),
    [("temporary", 3, "SUCCEEDED"), ("crash", 1, "FAILED"), ("killed", 1, "FAILED")],
)
def test_batch_tries_again_what_its_rules_say(cloud: Cloud, act: str, attempts: int, status: str) -> None:
    cloud.run({"parameters": {"act": [act], "lr": [7]}, "epochs": 1, "name": f"attempts-{act}"})
    (job,) = jobs_of(cloud, f"attempts-{act}")
    assert (job["status"], len(job["attempts"])) == (status, attempts)


def test_what_a_job_prints_is_in_a_file_and_in_its_log_stream(cloud: Cloud) -> None:
    cloud.run({"parameters": {"lr": [0.77]}, "epochs": 1, "name": "prints"})
    (job,) = jobs_of(cloud, "prints")
    events = cloud.client("logs").get_log_events(
        logGroupName=cloud.outputs["JobLogGroup"], logStreamName=job["container"]["logStreamName"]
    )["events"]
    assert [event["message"] for event in events] == ["act train, attempt 1"]
    (file,) = (cloud.directory / "logs" / job["jobName"]).iterdir()
    assert file.read_text() == "act train, attempt 1\n"


def test_a_stopped_execution_leaves_no_process(cloud: Cloud) -> None:
    execution = cloud.start({"parameters": {"act": ["hang"], "lr": list(range(8))}, "epochs": 1, "name": "stopped"})
    eventually(lambda: len([job for job in jobs_of(cloud, "stopped") if job["status"] == "RUNNING"]) == 4)
    assert len(cloud.processes()) > 4

    cloud.client("stepfunctions").stop_execution(executionArn=execution)

    assert cloud.ended(execution)["status"] == "ABORTED"
    eventually(lambda: {job["status"] for job in jobs_of(cloud, "stopped")} == {"FAILED"}, 45)
    left = [process for process in cloud.processes() if not is_function(process)]
    assert len(left) == 2, "the hosts of functions and of jobs, and none of theirs but functions that wait"
    assert cloud.run({"parameters": {"lr": [0.5]}, "epochs": 1})["outcomes"]["SUCCEEDED"] == 1


def test_the_aws_cli_runs_a_sweep_and_finds_its_results(cloud: Cloud, tmp_path: Path) -> None:
    def aws(*arguments: str) -> Any:
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("aws")), "--output", "json", *arguments],
            env={**os.environ, **cloud.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout) if ended.stdout.startswith(("{", "[")) else ended.stdout

    spec = tmp_path / "sweep.json"
    spec.write_text(json.dumps({"parameters": TUTORIAL, "epochs": 2, "fixed": {"act": "train"}, "name": "by-aws"}))
    arn = cloud.outputs["StateMachineArn"]
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", arn, "--input", f"file://{spec}")[
        "executionArn"
    ]
    cloud.ended(execution)
    described = aws("stepfunctions", "describe-execution", "--execution-arn", execution)
    assert described["status"] == "SUCCEEDED"
    assert json.loads(described["output"])["winner"]["params"] == {"lr": 0.1, "momentum": 0.5}
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", execution)["events"]
    assert history[-1]["type"] == "ExecutionSucceeded"
    (run,) = aws("stepfunctions", "list-map-runs", "--execution-arn", execution)["mapRuns"]
    counts = aws("stepfunctions", "describe-map-run", "--map-run-arn", run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"]) == (9, 9)
    queue = cloud.outputs["SweepQueue"]
    jobs = aws("batch", "list-jobs", "--job-queue", queue, "--job-status", "SUCCEEDED")["jobSummaryList"]
    assert len(jobs) >= 9
    target = tmp_path / "leaderboard.csv"
    aws("s3", "cp", f"s3://{cloud.outputs['Bucket']}/sweeps/by-aws/leaderboard.csv", str(target))
    assert target.read_text().count("\n") == 10


@pytest.mark.slow
def test_results_survive_a_restart_and_a_killed_cloud_leaves_nothing_running(tmp_path: Path) -> None:
    spec = {"parameters": {"lr": [0.1, 0.2]}, "epochs": 1, "name": "survives"}
    with running_cloud(tmp_path) as before:
        first = before.run(spec)
        before.start({"parameters": {"act": ["hang"], "lr": [1, 2]}, "epochs": 1})
        eventually(lambda: before.jobs("RUNNING"))
        processes = before.processes()
        before.process.kill()
        eventually(lambda: not any(process.is_running() for process in processes), 35)
    with running_cloud(tmp_path) as after:
        second = after.run(spec)
        assert second == {**first, "execution": second["execution"]}
        assert after.jobs("") == []


@pytest.mark.slow
def test_the_template_that_is_synthesized_is_the_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes a state's name in the definition's source, and the cloud made from that source has it."""
    source = tmp_path / "source"
    shutil.copytree(PACKAGE, source / PACKAGE.name)
    monkeypatch.setenv("PYTHONPATH", str(source))
    definition = source / PACKAGE.name / "statemachine" / "definition" / "sweep.py"
    definition.write_text(definition.read_text().replace("Pick the winner", "Crown the champion"))
    with running_cloud(tmp_path / "cloud") as changed:
        execution = changed.start({"parameters": {"lr": [0.1]}, "epochs": 1})
        changed.ended(execution)
        events = changed.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    assert "Crown the champion" in entered
    assert "Pick the winner" not in entered
