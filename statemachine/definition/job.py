"""The Batch job of a trial."""

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_batch as batch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.statemachine.definition.states import retry
from stepsweep.statemachine.retried import RETRY_RULES, SUBMIT_ERRORS


def train_one(
    scope: Construct,
    state_name: str,
    job_queue: batch.IJobQueue,
    job_definition: batch.IJobDefinition,
    *,
    result_path: str,
) -> sfn.CustomState:
    """Returns the state that trains one trial, and tries again while Batch refuses the job.

    Args:
        result_path: where the job's end is put.
    """
    train = sfn.CustomState(
        scope,
        state_name,
        state_json=_submit_job(job_queue.job_queue_arn, job_definition.job_definition_arn, result_path=result_path),
    )
    # Batch takes 25 to 50 submissions a second. With 10 tries and 120 s, a simulation of 10,000 trials at once
    # lost 14 of them at 40 a second, and 1,016 at 25.
    retry(train, SUBMIT_ERRORS, first_seconds=2, tries=20, most_seconds=300)
    return train


def _submit_job(job_queue_arn: str, job_definition_arn: str, *, result_path: str) -> dict[str, Any]:
    """Returns the task state that trains one trial.

    It is plain Amazon States Language, not CDK's BatchSubmitJob: docs/decisions/005-submit-job-in-asl.md says why.
    """
    return {
        "Type": "Task",
        "Comment": "A Batch job on a GPU. Batch retries after a lost machine, not after a trainer's own error.",
        "Resource": f"arn:{Aws.PARTITION}:states:::batch:submitJob.sync",
        "Parameters": {
            "JobName.$": "$.trial_id",
            "JobQueue": job_queue_arn,
            # Batch refuses a job without both. The number orders jobs of one share only: all trials are equal.
            "ShareIdentifier.$": "$.share",
            "SchedulingPriorityOverride": 0,
            "JobDefinition": job_definition_arn,
            "ContainerOverrides": {
                "Command.$": "$.command",
                "Environment.$": "$.environment",
                "ResourceRequirements.$": "$.requirements",
            },
            "Timeout": {"AttemptDurationSeconds.$": "$.timeout_seconds"},
            # It takes the place of the job definition's, rules and all.
            "RetryStrategy": {"Attempts.$": "$.attempts", "EvaluateOnExit": RETRY_RULES},
            "Tags": {"sweep.$": "$.sweep", "trial.$": "$.trial_id"},
            "PropagateTags": True,
        },
        "ResultSelector": {
            "job_id.$": "$.JobId",
            "attempts.$": "$.Attempts",
        },
        "ResultPath": result_path,
    }
