"""The Map over the trials of a round."""

from aws_cdk import aws_batch as batch
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stepsweep.contract.trial import Status
from stepsweep.statemachine.definition.job import train_one
from stepsweep.statemachine.definition.states import Reader, Writer, retry, retry_reading
from stepsweep.statemachine.retried import STORE_ERRORS


def train_all(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    sweeps: str,
    job_queue: batch.IJobQueue,
    job_definition: batch.IJobDefinition,
) -> sfn.DistributedMap:
    """Returns the Map over the trials of a round. A failed trial never fails the Map: outcomes are data.

    Args:
        sweeps: ARN of the objects under `sweeps/`, where outcomes are written.
    """
    over_trials = sfn.DistributedMap(
        scope,
        "TrainAll",
        state_name="Train the trials",
        comment="One child execution per trial; each runs a Batch job and records the trial's outcome.",
        label="Trials",
        # With one history per child and the trials in S3, 10,000 trials fit.
        map_execution_type=sfn.StateMachineType.STANDARD,
        item_reader=Reader(bucket=bucket, key=sfn.JsonPath.string_at("$.to_run_key")),
        max_concurrency_path=sfn.JsonPath.string_at("$.max_concurrency"),
        tolerated_failure_percentage=100,
        # With the writer, the Map returns the place of its record; without, all outputs of its children, up to
        # 256 KiB.
        result_writer_v2=Writer(bucket=bucket, prefix=sfn.JsonPath.string_at("$.map_results_prefix")),
        result_path="$.ended",
    )
    retry_reading(over_trials)
    train = train_one(
        scope, "Train one trial", job_queue, job_definition, result_path=f"{_outcome(Status.SUCCEEDED)}.job"
    )
    train.add_catch(
        _record(scope, "RecordFailure", bucket, sweeps, "Record the failure", Status.FAILED),
        errors=["States.ALL"],
        result_path=f"{_outcome(Status.FAILED)}.failure",
    )
    train.next(_record(scope, "RecordSuccess", bucket, sweeps, "Record the success", Status.SUCCEEDED))
    over_trials.item_processor(train)
    return over_trials


def _record(
    scope: Construct, construct_id: str, bucket: s3.IBucket, sweeps: str, state_name: str, status: Status
) -> tasks.CallAwsService:
    """Returns a trial's last state. It returns what it writes, so the Map's own record has the outcome too."""
    record = tasks.CallAwsService(
        scope,
        construct_id,
        state_name=state_name,
        comment="Writes the trial's outcome to S3.",
        service="s3",
        action="putObject",
        iam_resources=[sweeps],
        parameters={
            "Bucket": bucket.bucket_name,
            "Key": sfn.JsonPath.string_at("$.outcome_key"),
            "ContentType": "application/json",
            "Body": sfn.JsonPath.object_at(_outcome(status)),
        },
        result_path=sfn.JsonPath.DISCARD,
        output_path=_outcome(status),
    )
    retry(record, STORE_ERRORS, first_seconds=1, tries=8, most_seconds=30)
    return record


def _outcome(status: Status) -> str:
    """Returns the path of a trial's outcome with this status; the planner put id and status there."""
    return f"$.outcomes.{status.value}"
