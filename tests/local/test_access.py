"""The policies that are synthesized are enforced: each statement is needed, and nothing beyond them is allowed."""

import copy
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.embedded import Cloud, running_cloud

# What the embedded cloud does not do, so that nobody asks for it here: log delivery, traces, the redrive and the
# description of child executions. Which of a role's actions these are is read off this list; all others are tested.
PATIENCE_SECONDS = 30.0
"""For a sweep, which takes one or two."""

NOT_ASKED_FOR = (
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "logs:CreateLogDelivery",
    "xray:",
    "states:RedriveExecution",
    "states:DescribeExecution",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, since these tests change what is allowed in it. Each of its roles has been used."""
    with running_cloud(tmp_path_factory.mktemp("access")) as running:
        assert model_is_asked(running, 0)
        assert worker_asks(running, 1_000)
        yield running


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return itertools.count(1)


def roles(cloud: Cloud) -> dict[str, str]:
    """Returns the roles that requests are made with, by what they are for."""
    found: dict[str, str] = {}
    for role in cloud.client("iam").list_roles(MaxItems=1000)["Roles"]:
        for part in ("ComputeJobRole", "PlannerRole", "ReducerRole", "SamplerRole", "AskerRole", "SweepRole"):
            if part in role["RoleName"]:
                found[part] = role["RoleName"]
    return found


def signed_by(cloud: Cloud, role: str) -> Cloud:
    """Returns the cloud as a role sees it. The person's key would be allowed everything."""
    arn = cloud.client("iam").get_role(RoleName=roles(cloud)[role])["Role"]["Arn"]
    key = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    given = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_SESSION_TOKEN": key["SessionToken"],
    }
    signed = replace(cloud, environment={**cloud.environment, **given})
    with pytest.raises(ClientError, match="not authorized"):
        signed.client("stepfunctions").list_state_machines()
    return signed


def statements(cloud: Cloud, role: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yields each statement of a role: the policy's name and document, and the statement's place in it."""
    iam = cloud.client("iam")
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        yield from ((name, document, place) for place in range(len(document["Statement"])))


def output(cloud: Cloud, spec: dict[str, Any]) -> dict[str, Any]:
    """Runs a sweep; returns its output, and nothing where it fails or takes too long: a Map that may not read its items
    tries again for minutes."""
    execution = cloud.start(spec)
    states = cloud.client("stepfunctions")
    try:
        ended = cloud.ended(execution, PATIENCE_SECONDS)
    except AssertionError:
        states.stop_execution(executionArn=execution)
        return {}
    found: dict[str, Any] = json.loads(ended.get("output", "{}"))
    return found


def sweep_goes_well(cloud: Cloud, number: int) -> bool:
    """Runs a sweep with a trial that leaves its model and one that fails, whose last log line the reducer reads."""
    spec = {"parameters": {"act": ["leave", "crash"], "lr": [number]}, "epochs": 1, "name": f"access-{number}"}
    found = output(cloud, spec)
    said = "exit code 1: ValueError: this trainer was told to crash"
    job_tags = [job["tags"].get("sweep") for job in cloud.jobs("")]
    return (
        found.get("outcomes", {}).get("SUCCEEDED") == 1
        and (found["artifacts"] or {}).get("files") == 1
        and [reason["reason"] for reason in found["reasons"]] == [said]
        and job_tags.count(spec["name"]) == 2
    )


def model_is_asked(cloud: Cloud, number: int) -> bool:
    """Runs a sweep of two rounds, the second of which a model is asked for."""
    search = {"method": "tpe", "trials": 2, "batch": 1}
    spec = {"parameters": {"lr": [number, number + 0.5]}, "search": search, "epochs": 1, "name": f"access-{number}"}
    return bool(output(cloud, spec).get("outcomes", {}).get("SUCCEEDED") == 2)


def worker_asks(cloud: Cloud, number: int) -> bool:
    """Runs a free-running search, whose one worker asks for the second trial."""
    parameters = {"lr": [number, number + 0.5]}
    name = f"access-{number}"
    spec = {"parameters": parameters, "rounds": False, "max_concurrency": 1, "epochs": 1, "name": name}
    return bool(output(cloud, spec).get("outcomes", {}).get("SUCCEEDED") == 2)


@pytest.mark.slow
def test_a_sweep_needs_each_statement_of_each_role(cloud: Cloud, numbers: Iterator[int]) -> None:
    """Takes every action of every statement away, one at a time; then no sweep goes well."""
    iam = cloud.client("iam")
    assert sweep_goes_well(cloud, next(numbers))
    assert model_is_asked(cloud, next(numbers))
    assert worker_asks(cloud, next(numbers))
    needless = []
    tried = 0
    for part, role in roles(cloud).items():
        goes_well = {"SamplerRole": model_is_asked, "AskerRole": worker_asks}.get(part, sweep_goes_well)
        for name, document, place in list(statements(cloud, role)):
            actions = document["Statement"][place]["Action"]
            actions = [actions] if isinstance(actions, str) else actions
            if all(action.startswith(NOT_ASKED_FOR) for action in actions):
                continue
            if actions == ["batch:TerminateJob"] or set(actions) == {
                "states:DescribeExecution",
                "states:StopExecution",
            }:
                continue  # for when a sweep is stopped
            if part == "PlannerRole" and actions == ["s3:GetObject"]:
                continue  # for when the bucket has more results than it lists; see the next test
            less = copy.deepcopy(document)
            del less["Statement"][place]
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
            tried += 1
            if goes_well(cloud, next(numbers)):
                needless.append((role, actions))
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    assert not needless, needless
    assert tried >= 10
    assert sweep_goes_well(cloud, next(numbers)), "all is as it was"


def test_the_planner_may_ask_for_a_trial_where_it_does_not_list_all(cloud: Cloud) -> None:
    s3 = signed_by(cloud, "PlannerRole").client("s3")
    with pytest.raises(ClientError, match=r"\(404\)"):
        s3.head_object(Bucket=cloud.outputs["Bucket"], Key="trials/a/metrics-e1.csv")


@pytest.mark.parametrize(
    ("role", "service", "operation", "arguments"),
    [
        ("ComputeJobRole", "s3", "put_object", {"Key": "sweeps/a/winner.json", "Body": b"mine"}),
        ("ComputeJobRole", "s3", "get_object", {"Key": "sweeps/a/spec.json"}),
        # What a person has written about the sweep.
        ("ComputeJobRole", "s3", "put_object", {"Key": "sweeps/a/note.json", "Body": b"{}"}),
        ("ComputeJobRole", "s3", "get_object", {"Key": "sweeps/a/note.json"}),
        # An event of a free-running search, what its events say, and the artifacts of a winner.
        ("ComputeJobRole", "s3", "put_object", {"Key": "sweeps/a/log/00000001.json", "Body": b"{}"}),
        ("ComputeJobRole", "s3", "put_object", {"Key": "sweeps/a/snapshot.json", "Body": b"{}"}),
        ("ComputeJobRole", "s3", "put_object", {"Key": "SWEEPS/a/snapshot.json", "Body": b"{}"}),
        ("ComputeJobRole", "s3", "put_object", {"Key": "/sweeps/a/snapshot.json", "Body": b"{}"}),
        ("ComputeJobRole", "s3", "put_object", {"Key": "artifacts/kept/a/e1/best.pt", "Body": b"mine"}),
        ("ComputeJobRole", "s3", "create_multipart_upload", {"Key": "artifacts/kept/a/e1/best.pt"}),
        ("ComputeJobRole", "s3", "delete_object", {"Key": "artifacts/new/a/e1/best.pt"}),
        ("ComputeJobRole", "s3", "delete_object", {"Key": "trials/a/metrics-e1.csv"}),
        ("ComputeJobRole", "batch", "terminate_job", {"jobId": "1", "reason": "mine"}),
        ("PlannerRole", "s3", "put_object", {"Key": "trials/a/metrics-e1.csv", "Body": b"epoch\n"}),
        ("PlannerRole", "s3", "delete_object", {"Key": "sweeps/a/spec.json"}),
        ("PlannerRole", "s3", "delete_objects", {"Delete": {"Objects": [{"Key": "sweeps/a/spec.json"}]}}),
        ("ReducerRole", "s3", "put_object", {"Key": "trials/a/metrics-e1.csv", "Body": b"epoch\n"}),
        ("SamplerRole", "s3", "get_object", {"Key": "trials/a/metrics-e1.csv"}),
        ("SamplerRole", "s3", "put_object", {"Key": "trials/a/metrics-e1.csv", "Body": b"epoch\n"}),
        # It may read there, but not learn what is not there.
        ("SamplerRole", "s3", "get_object", {"Key": "sweeps/a/missing.json"}),
        ("SamplerRole", "s3", "head_object", {"Key": "sweeps/a/missing.json"}),
        ("AskerRole", "s3", "get_object", {"Key": "checkpoints/a/checkpoint.pt"}),
        ("AskerRole", "s3", "put_object", {"Key": "trials/a/metrics-e1.csv", "Body": b"epoch\n"}),
        ("SweepRole", "s3", "get_object", {"Key": "trials/a/metrics-e1.csv"}),
        ("SweepRole", "s3", "put_object", {"Key": "trials/a/metrics-e1.csv", "Body": b"epoch\n"}),
    ],
)
def test_what_a_role_is_not_for_is_denied(
    cloud: Cloud, role: str, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    signed = signed_by(cloud, role)
    if service == "s3":
        arguments = {"Bucket": cloud.outputs["Bucket"], **arguments}
    with pytest.raises(ClientError, match=r"AccessDenied|403|not authorized"):
        getattr(signed.client(service), operation)(**arguments)


@pytest.mark.parametrize("key", ["trials/../sweeps/forged/winner.json", "trials/%2e%2e/sweeps/forged/winner.json"])
def test_a_key_with_a_way_out_is_a_key_like_others(cloud: Cloud, key: str) -> None:
    """A trial may write it. It is an object below `trials/`, and nowhere else, also as a file."""
    bucket = cloud.outputs["Bucket"]
    signed_by(cloud, "ComputeJobRole").client("s3").put_object(Bucket=bucket, Key=key, Body=b"mine")
    s3 = cloud.client("s3")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"mine"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="sweeps/forged/")
    s3.delete_object(Bucket=bucket, Key=key)


def test_links_and_pipes_among_the_files_of_a_running_cloud_are_no_objects(cloud: Cloud, tmp_path: Path) -> None:
    """What somebody has put there is neither served nor waited for, and nothing is written through it."""
    bucket, s3 = cloud.outputs["Bucket"], cloud.client("s3")
    home = cloud.directory / "s3" / bucket / "trials"
    (tmp_path / "secret").write_text("of somebody else")
    for name in ("pipe", "link"):
        s3.put_object(Bucket=bucket, Key=f"trials/foreign/{name}", Body=b"mine")
        (home / "foreign" / name).unlink()
    os.mkfifo(home / "foreign" / "pipe")
    (home / "foreign" / "link").symlink_to(tmp_path / "secret")
    (home / "out").symlink_to(tmp_path)
    try:
        for name in ("pipe", "link"):
            with pytest.raises(ClientError, match=r"\(NoSuchKey\)"):
                s3.get_object(Bucket=bucket, Key=f"trials/foreign/{name}")
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="trials/foreign/")
        with pytest.raises(ClientError, match="its folder is a link"):
            s3.put_object(Bucket=bucket, Key="trials/out/planted", Body=b"mine")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]
        s3.put_object(Bucket=bucket, Key="trials/foreign/link", Body=b"new")
        assert s3.get_object(Bucket=bucket, Key="trials/foreign/link")["Body"].read() == b"new"
        assert (tmp_path / "secret").read_text() == "of somebody else"
    finally:
        shutil.rmtree(home / "foreign")
        (home / "out").unlink()
