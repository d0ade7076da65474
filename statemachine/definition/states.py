"""What the states of the definition share: functions that they call, retries, and what a Map reads and writes."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stepsweep.statemachine.retried import FUNCTION_ERRORS


class Reader(sfn.S3JsonItemReader):
    """CDK's reader without its grant on the whole bucket; `stack/permissions.py` grants what it reads."""

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        return []


class Writer(sfn.ResultWriterV2):
    """CDK's writer without its grant on the whole bucket; `stack/permissions.py` grants what it writes."""

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        return []


def invoke(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    *,
    state_name: str,
    comment: str,
    payload: dict[str, Any] | str,
) -> tasks.LambdaInvoke:
    """Returns a state that calls a function, and calls it again after an error of Lambda's own."""
    state = tasks.LambdaInvoke(
        scope,
        construct_id,
        lambda_function=function,
        state_name=state_name,
        comment=comment,
        payload=sfn.TaskInput.from_json_path_at(payload)
        if isinstance(payload, str)
        else sfn.TaskInput.from_object(payload),
        output_path="$.Payload",
        retry_on_service_exceptions=False,  # the retry below adds jitter
    )
    retry(state, FUNCTION_ERRORS, first_seconds=2, tries=6, most_seconds=60)
    return state


def retry(
    state: sfn.TaskStateBase | sfn.CustomState | sfn.DistributedMap,
    errors: list[str],
    *,
    first_seconds: int,
    tries: int,
    most_seconds: int,
) -> None:
    """Retries a state after pauses that double, each cut at random so that many do not come back at once."""
    state.add_retry(
        errors=errors,
        interval=Duration.seconds(first_seconds),
        backoff_rate=2,
        max_attempts=tries,
        max_delay=Duration.seconds(most_seconds),
        jitter_strategy=sfn.JitterType.FULL,
    )


def retry_reading(over: sfn.DistributedMap) -> None:
    """Retries the only error of a Map that is safe to retry: it has started nothing yet."""
    retry(over, ["States.ItemReaderFailed"], first_seconds=2, tries=8, most_seconds=60)
