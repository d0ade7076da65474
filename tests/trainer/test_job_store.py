"""Where a job's results go: S3."""

import math
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from stepsweep.contract import keys, median
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.objective import Direction, Objective
from stepsweep.trainer import job_store
from stepsweep.trainer.job_store import ByHandStore, Job, JobStore, tutorial_key
from stepsweep.trainer.store import StoreError
from tests.support.clients import PATIENT
from tests.support.ports import free_port
from tests.support.trainer import BUCKET

JOB = Job(bucket=BUCKET, trial_id="lr-0_1-abc", epochs=10)
FIRST, SECOND = b"epoch,val_loss\n1,0.5\n", b"epoch,val_loss\n1,0.6\n"


def body(s3: S3Client, key: str) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def test_a_job_records_that_it_is_worse_than_the_median_where_its_metrics_would_be(s3: S3Client) -> None:
    objective = Objective(metric="val_loss", direction=Direction.MINIMIZE)
    told = median.variable({1: 0.55, 2: 0.45}, objective, uri=keys.uri(BUCKET, keys.ended_key("worse", 10)))
    job = Job(bucket=BUCKET, trial_id="worse", epochs=10, medians=told)
    assert JobStore(job, s3).end_if_worse(FIRST) == ""
    said = JobStore(job, s3).end_if_worse(SECOND)
    assert said == (
        "ended by stop.median: up to epoch 1 the best val_loss is 0.6; the median of the completed trials' means is "
        "0.55"
    )
    record = median.read_record(body(s3, keys.ended_key("worse", 10)), epochs=10)
    assert record == (median.Ended(epoch=1, value=0.6), 1)
    assert body(s3, keys.live_key("worse")) == SECOND
    assert not JobStore(job, s3).finished()


def test_a_job_is_what_its_environment_says() -> None:
    environment = {
        keys.CHECKPOINT_URI: f"s3://{BUCKET}/checkpoints/lr-0_1-abc/",
        keys.METRICS_URI: f"s3://{BUCKET}/trials/lr-0_1-abc/metrics-e10.csv",
    }
    assert Job.from_environment(environment, epochs=10) == JOB
    assert Job.from_environment({}, epochs=10) is None
    told = {**environment, keys.MEDIANS: "medians"}
    assert Job.from_environment(told, epochs=10) == Job(
        bucket=BUCKET, trial_id="lr-0_1-abc", epochs=10, medians="medians"
    )
    for name, wrong, rule in (
        (keys.CHECKPOINT_URI, "s3://b/checkpoints//", "must be s3://BUCKET/checkpoints/TRIAL_ID/, got "),
        (keys.CHECKPOINT_URI, "s3://b/" + "c" * 300, "must be s3://BUCKET/checkpoints/TRIAL_ID/, got "),
        (
            keys.METRICS_URI,
            "s3://b/" + "m" * 300,
            f"must be {environment[keys.METRICS_URI]} for --epochs 10 and this {keys.CHECKPOINT_URI}, got ",
        ),
        (keys.CHECKPOINT_URI, "", "must be set too; a sweep's job sets both, and by hand neither is needed"),
        (keys.METRICS_URI, "", "must be set too; a sweep's job sets both, and by hand neither is needed"),
    ):
        with pytest.raises(InvalidInput) as caught:
            Job.from_environment({**environment, name: wrong}, epochs=10)
        shown = f'"{wrong}"' if len(wrong) < 100 else f'"{wrong[:198]}…'
        assert caught.value.faults == (f"{name}: {rule}{shown if wrong else ''}",)


@pytest.mark.parametrize(
    ("lr", "momentum", "key"),
    [
        (0.01, 0.1, "metrics_lr0.0100_m0.1000.csv"),
        (1.0, 0.0, "metrics_lr1.0000_m0.0000.csv"),
        (1e-05, 0.5, "metrics_lr0.00001_m0.5000.csv"),
        (2e-05, 0.5, "metrics_lr0.00002_m0.5000.csv"),
        (0.12345, 0.99999, "metrics_lr0.12345_m0.99999.csv"),
    ],
)
def test_a_job_by_hand_has_the_tutorials_key_where_that_is_its_own(lr: float, momentum: float, key: str) -> None:
    assert tutorial_key(lr, momentum) == key


def test_results_are_written_once(s3: S3Client) -> None:
    """Two jobs of one trial: the first file stays as it is, and the second job is told."""
    one, other = JobStore(JOB, s3), JobStore(JOB, s3)
    assert not one.finished()
    assert not other.finished()
    assert one.write_results(FIRST, {"stopped": "early"}) == f"wrote s3://{BUCKET}/{JOB.metrics_key}"
    told = other.write_results(SECOND, {"stopped": "diverged"})
    assert told == f"s3://{BUCKET}/{JOB.metrics_key} was there already: another job of this trial finished first"
    assert body(s3, JOB.metrics_key) == FIRST
    assert other.finished()
    assert body(s3, "trials/lr-0_1-abc/summary-e10.json") == b'{\n  "stopped": "early"\n}\n'
    assert other.write_results(FIRST, {"stopped": "again"}).startswith("wrote "), "its own request, sent twice"
    with pytest.raises(ValueError, match="not JSON compliant"):
        one.write_results(FIRST, {"best_val_loss": math.nan})


def test_a_conflict_with_a_write_under_way_is_tried_again(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_store, "CONFLICT_WAIT_SECONDS", 0.0)
    put = {"Bucket": BUCKET, "Key": JOB.metrics_key, "Body": FIRST, "IfNoneMatch": "*"}
    with Stubber(s3) as answers:  # moto never answers so
        answers.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409, expected_params=put)
        answers.add_response("put_object", {}, put)
        answers.add_response("put_object", {})
        assert JobStore(JOB, s3).write_results(FIRST, {}).startswith("wrote ")
        answers.assert_no_pending_responses()
        for _ in range(job_store.CONFLICT_TRIES):
            answers.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        with pytest.raises(StoreError, match=r"cannot write .*ConditionalRequestConflict"):
            JobStore(JOB, s3).write_results(FIRST, {})
        answers.assert_no_pending_responses()


def test_a_jobs_checkpoint(s3: S3Client) -> None:
    kept = JobStore(JOB, s3)
    assert kept.load_checkpoint() is None
    kept.save_checkpoint(b"one")
    kept.save_checkpoint(b"two")
    assert kept.load_checkpoint() == b"two"
    assert body(s3, keys.checkpoint_key(JOB.trial_id)) == b"two"


def test_a_network_that_is_gone_is_told_in_one_line() -> None:
    port = free_port()
    nobody = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(StoreError, match=r"^cannot write s3://.*/checkpoint.pt: Could not connect"):
        JobStore(JOB, nobody).save_checkpoint(b"one")


def test_an_s3_that_throttles_is_asked_for_about_a_minute(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = job_store.s3_client()
    config: Any = client.meta.config
    assert (config.retries, config.connect_timeout, config.read_timeout) == (PATIENT, 10, 60)
    assert client.meta.endpoint_url == endpoint
    client.close()


def test_what_is_shown_live_is_replaced_and_is_no_result(s3: S3Client) -> None:
    kept = JobStore(JOB, s3)
    kept.show_live(FIRST)
    kept.show_live(SECOND)
    assert body(s3, "checkpoints/lr-0_1-abc/live.csv") == SECOND
    assert not kept.finished()


def test_what_s3_refuses_is_told_in_one_line(s3: S3Client) -> None:
    gone = JobStore(Job(bucket="no-such-bucket", trial_id="x", epochs=1), s3)
    with pytest.raises(
        StoreError, match=r"^cannot write s3://no-such-bucket/checkpoints/x/checkpoint.pt: .*NoSuchBucket"
    ):
        gone.save_checkpoint(b"one")
    by_hand = ByHandStore("no-such-bucket", "m.csv", s3)
    with pytest.raises(StoreError, match=r"^cannot write s3://no-such-bucket/m\.csv: .*NoSuchBucket"):
        by_hand.write_results(b"", {})
    assert (by_hand.finished(), by_hand.load_checkpoint(), by_hand.end_if_worse(FIRST)) == (False, None, "")
    with Stubber(s3) as answers:
        answers.add_client_error("head_object", "403", "Forbidden", http_status_code=403)
        with pytest.raises(StoreError, match=r"^cannot look for s3://.*/metrics-e10.csv: .*Forbidden"):
            JobStore(JOB, s3).finished()
