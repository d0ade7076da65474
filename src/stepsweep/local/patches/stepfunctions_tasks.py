"""Step Functions' tasks, where moto differs from AWS."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, Shape, StructureShape
from botocore.response import StreamingBody
from moto.batch.models import batch_backends
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import resource_eval_s3 as reader
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval import (
    resource_eval_s3 as writer,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_batch,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from stepsweep.local.access import Access
from stepsweep.local.endpoint import ACCOUNT
from stepsweep.local.patches.patching import patch
from stepsweep.local.sessions import ISOLATED, isolated


class Clients:
    """The clients with which states call services: one for each service and role."""

    def __init__(self, endpoint_url: str, region: str, access: Access) -> None:
        self._lock = threading.Lock()
        session: Any = boto3.Session(botocore_session=isolated(region))  # boto3-stubs want a literal name of a service
        config = ISOLATED.merge(
            Config(retries={"max_attempts": 0}, parameter_validation=False, max_pool_connections=256, read_timeout=900)
        )

        @cache
        def make(service: str, role_arn: str) -> Any:
            key = access.key_of(role_arn)
            return session.client(
                service,
                endpoint_url=endpoint_url,
                aws_access_key_id=key.access_key_id,
                aws_secret_access_key=key.secret_access_key,
                config=config,
            )

        self._make = make

    def get(self, service: str | None, role_arn: str = "") -> Any:
        with self._lock:
            return self._make(service, role_arn)


def tasks_sign_with_their_role(clients: Clients) -> None:
    """On AWS a task calls a service with the role of its state machine. moto's tasks have no credentials, look for the
    server at `localhost:$MOTO_PORT`, and make a new client for each state, which takes tens of milliseconds."""

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001
        return clients.get(service, state_credentials.role_arn if state_credentials else "")

    for module in (reader, writer, lambda_eval_utils, state_task_service_aws_sdk, state_task_service_batch):
        patch(module, "boto_client_for", client_for)


def tasks_rename_members(clients: Clients) -> None:
    """On AWS a task's parameters (`JobDefinition`) become those of the API (`jobDefinition`), and answers are renamed
    the other way, with times as strings. moto has empty methods for both."""

    def shape_of(self: StateTaskService, service: str | None, action: str | None, direction: str) -> Shape | None:
        model = clients.get(self._get_boto_service_name(service)).meta
        operation = model.method_to_api_mapping[self._get_boto_service_action(action)]
        described = model.service_model.operation_model(operation)
        shape: Shape | None = described.input_shape if direction == "in" else described.output_shape
        return shape

    def normalise_parameters(
        self: StateTaskService,
        parameters: dict[str, Any],
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        shape = shape_of(self, boto_service_name, service_action_name, "in")
        named = fitted(parameters, shape, to_sfn=False)
        parameters.clear()
        parameters.update(named)

    def normalise_response(
        self: StateTaskService,
        response: Any,
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        if not isinstance(response, dict):
            return
        shape = shape_of(self, boto_service_name, service_action_name, "out")
        named = fitted(response, shape, to_sfn=True)
        response.clear()
        response.update(named)

    patch(StateTaskService, "_normalise_parameters", normalise_parameters)
    patch(StateTaskService, "_normalise_response", normalise_response)


def batch_tasks_name_shares() -> None:
    """Step Functions passes a job's share and its scheduling priority on to Batch. moto leaves both out."""

    def get_supported_parameters(
        original: Callable[[StateTaskServiceBatch], set[str] | None], self: StateTaskServiceBatch
    ) -> set[str]:
        return {*(original(self) or ()), "ShareIdentifier", "SchedulingPriorityOverride"}

    patch(StateTaskServiceBatch, "_get_supported_parameters", get_supported_parameters, with_original=True)


def fitted(value: Any, shape: Shape | None, *, to_sfn: bool) -> Any:
    """Returns `value` with member names as the API spells them, or, with `to_sfn`, as Step Functions does.

    A structured value where the API expects bytes becomes JSON, as for the Body of `aws-sdk:s3:putObject`.
    """
    if isinstance(value, StreamingBody):
        return value.read().decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): (name, member) for name, member in shape.members.items()}
        renamed = {}
        for name, item in value.items():
            known, member = members.get(name.lower(), (name, None))
            renamed[known[:1].upper() + known[1:] if to_sfn else known] = fitted(item, member, to_sfn=to_sfn)
        return renamed
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [fitted(item, shape.member, to_sfn=to_sfn) for item in value]
    if not to_sfn and shape is not None and shape.type_name == "blob" and not isinstance(value, bytes):
        return json.dumps(value, separators=(",", ":")).encode()
    if not to_sfn and shape is not None and shape.type_name == "string" and not isinstance(value, str):
        # Step Functions fails the execution before the task starts, so no Catch can name the error.
        raise TypeError(f"expected a string, got {value!r}")
    return value


def tasks_fail_with_named_errors() -> None:
    """On AWS a task whose request gets no answer fails with the SDK's error, such as `S3.SdkClientException`, and a
    refused one with the service's, such as `S3.S3Exception`. In moto the first fails with States.Runtime, and so does
    the second where the answer has no request id; elsewhere its name is `s3.s3Exception`. No Retry names these."""

    def with_capital(original: Callable[[str], str], service: str) -> str:
        return (name := original(service))[:1].upper() + name[1:]

    def from_error(
        original: Callable[..., Any], self: StateTaskServiceCallback, env: Any, ex: Exception
    ) -> FailureEvent:
        if not isinstance(ex, BotoCoreError):
            return original(self, env, ex)
        name = self.resource.service_name
        service = with_capital(str, self.resource.api_name if name == "aws-sdk" else name)
        return failure(env, CustomErrorName(f"{service}.SdkClientException"), str(ex))

    def from_answer(original: Callable[..., Any], self: Any, env: Any, ex: Exception) -> FailureEvent:
        if isinstance(ex, ClientError):
            ex.response["ResponseMetadata"].setdefault("RequestId", "unknown")
        failure: FailureEvent = original(self, env, ex)
        return failure

    patch(StateTaskServiceAwsSdk, "_normalise_service_error_name", with_capital, with_original=True)
    patch(StateTaskServiceCallback, "_from_error", from_error, with_original=True)
    for service in (StateTaskServiceAwsSdk, StateTaskServiceBatch, StateTaskServiceLambda):
        patch(service, "_from_error", from_answer, with_original=True)


def failing_with(error: StatesErrorNameType) -> Callable[..., None]:
    """Returns a replacement for a component's `_eval_body` that names the error of a failed request."""

    def eval_body(original: Callable[..., None], self: Any, env: Any) -> None:
        try:
            original(self, env)
        except (BotoCoreError, ClientError) as ex:
            raise FailureEventException(failure(env, StatesErrorName(typ=error), str(ex))) from ex

    return eval_body


def failure(env: Any, error: ErrorName, cause: str) -> FailureEvent:
    details = TaskFailedEventDetails(error=error.error_name, cause=cause, resource="", resourceType="")
    return FailureEvent(
        env=env,
        error_name=error,
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(taskFailedEventDetails=details),
    )


MANAGED_RULE = "rule/StepFunctionsGetEventsForBatchJobsRule"
"""The EventBridge rule that tells Step Functions when a job ends; the role needs permission to create it."""


def sync_tasks_wait_for_their_job(clients: Clients, access: Access) -> None:
    """On AWS an event that describes the job ends a `.sync` Batch task, and stopping the execution terminates the job.
    moto polls the job twice a second, which keeps a core busy for a thousand jobs, and never terminates it."""

    def build_sync_resolver(
        self: StateTaskServiceBatch,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],  # noqa: ARG001
        state_credentials: Any,
    ) -> Callable[[], Any]:
        submitted = env.stack.pop()
        job_id = submitted.get("JobId") or submitted["jobId"]
        job = batch_backends[ACCOUNT][resource_runtime_part.region].get_job_by_id(job_id)
        client = clients.get("batch", state_credentials.role_arn)
        rule = f"arn:aws:events:{resource_runtime_part.region}:{ACCOUNT}:{MANAGED_RULE}"
        for action in ("events:PutRule", "events:PutTargets", "events:DescribeRule"):
            access.check(state_credentials.role_arn, action, rule)

        def resolve() -> Any:
            access.check(state_credentials.role_arn, "batch:DescribeJobs", "*")
            answer = {"jobs": [job.describe()]}
            self._normalise_response(answer, service_action_name="describe_jobs")
            described = answer["Jobs"][0]
            if described["Status"] == "SUCCEEDED":
                return described
            raise FailureEventException(_task_failed(self, env, described))

        resolve.ended = job.ended  # type: ignore[attr-defined]
        resolve.terminate = lambda: client.terminate_job(  # type: ignore[attr-defined]
            jobId=job_id, reason="The execution was stopped"
        )
        return resolve

    def eval_sync(
        self: StateTaskServiceBatch,  # noqa: ARG001
        env: Any,
        sync_resolver: Any,
        timeout_seconds: int | None,  # noqa: ARG001
        callback_endpoint: Any,  # noqa: ARG001
        heartbeat_endpoint: Any,  # noqa: ARG001
    ) -> Any:
        env.left = Future()  # set before is_running() is read, so that no end is missed
        if env.is_running():
            wait([sync_resolver.ended, env.left], return_when=FIRST_COMPLETED)
        if env.is_running():
            return sync_resolver()
        sync_resolver.terminate()
        return {}

    def leave(original: Callable[..., None], self: Environment, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        with self._state_mutex:
            left: Future[None] | None = getattr(self, "left", None)
            if left is not None and not left.done() and not self.is_running():
                left.set_result(None)

    for name in ("set_ended", "set_error", "set_timed_out", "set_stop"):
        patch(Environment, name, leave, with_original=True)
    patch(StateTaskServiceBatch, "_build_sync_resolver", build_sync_resolver)
    patch(StateTaskServiceBatch, "_eval_sync", eval_sync)


def _task_failed(task: StateTaskServiceBatch, env: Any, job: dict[str, Any]) -> FailureEvent:
    details = TaskFailedEventDetails(
        resource=task._get_sfn_resource(),
        resourceType=task._get_sfn_resource_type(),
        error=StatesErrorNameType.StatesTaskFailed.to_name(),
        cause=to_json_str(job),
    )
    return FailureEvent(
        env=env,
        error_name=StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed),
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(taskFailedEventDetails=details),
    )
