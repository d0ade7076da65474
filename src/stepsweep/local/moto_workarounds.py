"""Every place where moto has to be told to behave as AWS does, each with its reason.

Written for moto 5.2.5, which pyproject pins; tests/local/test_moto_workarounds.py has a test for each that fails once
moto no longer needs it. What runs (jobs, functions, the disk) is in the other files of this folder and reaches moto
only through here. moto's state is one for the whole process, and so is `install`.
"""

import copy
import hashlib
import io
import json
import math
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ListShape, Shape, StructureShape
from botocore.response import StreamingBody
from moto import backends
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, ComputeEnvironment, Job, JobDefinition, JobQueue, batch_backends
from moto.cloudformation import custom_model, parsing
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.core import utils
from moto.core.config import default_user_config
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.route_tables import RouteTable
from moto.ec2.models.subnets import SubnetRouteTableAssociation
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment
from moto.iam.access_control import PermissionResult
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import models as s3_models
from moto.s3.exceptions import S3AccessDeniedError, S3ClientError
from moto.s3.responses import S3Response
from moto.ssm.models import ssm_backends
from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.exceptions import InvalidName
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import resource_eval_s3 as reader
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.item_reader_decl import ItemReader
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as map_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval import (
    resource_eval_s3 as writer,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.result_writer_decl import ResultWriter
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_batch,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramState
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends

from stepsweep.bucket.folder import UNFINISHED, files_below, key_of, path_of
from stepsweep.local.access import Access

ACCOUNT = "123456789012"
"""moto's account: every request without other credentials belongs to it."""


class JobRunner(Protocol):
    """What truly runs Batch jobs. moto keeps the books, the runner moves them on."""

    def submit(self, job: "ProcessJob") -> None: ...

    def terminate(self, job: "ProcessJob", reason: str) -> None: ...


class FunctionRunner(Protocol):
    """What truly runs Lambda functions."""

    def invoke(self, function: LambdaFunction, payload: bytes) -> tuple[bytes, bool]:
        """Returns the answer, and whether it is an error."""
        ...


def install(
    *, endpoint_url: str, region: str, objects: Path, jobs: JobRunner, functions: FunctionRunner, access: Access
) -> None:
    """Makes this process's moto an embedded cloud. Once a process, before the first request.

    Args:
        endpoint_url: of this process's moto server.
        objects: folder of the objects of all buckets but CDK's own.
        access: what the roles of state machines may do.
    """
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    _batch_resources_from_cloudformation()
    _batch_jobs_that_run(jobs)
    _functions_that_run(functions)
    _change_sets_as_the_cdk_cli_uses_them()
    _updates_that_reach_what_refers_to_them()
    _networks_that_go_with_their_stack()
    _stable_names()
    _templates_that_are_json()
    _networks_without_images()
    _state_machines_that_execute()
    _custom_resources_without_their_functions()
    _execution_names()
    _service_integrations()
    _clients(endpoint_url, region, access)
    _sync_that_waits_and_terminates(access)
    _distributed_map(access)
    _files_of_a_maps_results()
    _errors_of_requests()
    _histories_of_children_that_nobody_reads()
    _paths_that_are_parsed_once()
    _definitions_that_are_parsed_once()
    _services_that_are_found_once()
    _models_that_are_read_once()
    _answers_for_programs_only()
    _objects_on_disk(objects)
    _objects_that_are_read_whole()
    _bodies_that_are_read_at_once()


# --- CloudFormation ---------------------------------------------------------------------------------------------------


def _batch_resources_from_cloudformation() -> None:
    """Batch resources as CDK synthesizes them.

    A managed compute environment needs no ServiceRole on AWS, which uses its service-linked role; moto demands one.
    CDK writes Type in lower case, which CloudFormation accepts. moto knows only the instance types of the day it was
    released. Attributes that templates refer to are unknown to moto, and so are parts of JobDefinition, and what
    becomes of them when the stack is changed or deleted.
    """

    def compute_environment(
        _cls: type, name: str, definition: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> ComputeEnvironment:
        properties = definition["Properties"]
        role = f"arn:aws:iam::{account_id}:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        environment = ComputeEnvironment(
            name,
            properties["Type"].upper(),
            properties.get("State", "ENABLED"),
            _lower_first_letters(properties["ComputeResources"]),
            properties.get("ServiceRole", role),
            account_id=account_id,
            region_name=region_name,
        )
        backend = batch_backends[account_id][region_name]
        backend._compute_environments[environment.arn] = environment
        cluster = f"OnDemand_Batch_{name}"
        environment.set_ecs(backend.ecs_backend.create_cluster(cluster).arn, cluster)
        return environment

    def job_definition(
        _cls: type, name: str, definition: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> JobDefinition:
        properties = _lower_first_letters(definition["Properties"])
        return batch_backends[account_id][region_name].register_job_definition(
            def_name=properties.get("jobDefinitionName", name),
            parameters=definition["Properties"].get("Parameters", {}),
            _type=properties["type"],
            tags=definition["Properties"].get("Tags", {}),
            retry_strategy=properties.get("retryStrategy", {}),
            container_properties=properties["containerProperties"],
            node_properties=None,
            eks_properties=None,
            timeout=properties.get("timeout", {}),
            platform_capabilities=properties.get("platformCapabilities"),
            propagate_tags=properties.get("propagateTags"),
        )

    def changed_environment(
        _cls: type, original_resource: ComputeEnvironment, cloudformation_json: dict[str, Any], **_: Any
    ) -> ComputeEnvironment:
        properties = cloudformation_json["Properties"]
        original_resource.compute_resources = _lower_first_letters(properties["ComputeResources"])
        original_resource.state = properties.get("State", "ENABLED")
        return original_resource

    def next_revision(
        cls: type[JobDefinition],
        original_resource: JobDefinition,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> JobDefinition:
        revision = job_definition(cls, original_resource.name, cloudformation_json, account_id, region_name)
        kept = cloudformation_json["Properties"].get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate")
        if not kept:
            original_resource.deregister()
        return revision

    for resource, create, update in (
        (ComputeEnvironment, compute_environment, changed_environment),
        (JobDefinition, job_definition, next_revision),
    ):
        resource.create_from_cloudformation_json = classmethod(create)  # type: ignore[arg-type]
        resource.update_from_cloudformation_json = classmethod(update)
    ComputeEnvironment.delete = lambda self, account_id, region: batch_backends[account_id][
        region
    ].delete_compute_environment(self.name)
    JobQueue.delete = lambda self, account_id, region: batch_backends[account_id][region].delete_job_queue(self.name)
    JobDefinition.delete = lambda self, _account_id, _region: self.deregister()
    for resource, attribute in (
        (ComputeEnvironment, "ComputeEnvironmentArn"),
        (JobQueue, "JobQueueArn"),
        (JobDefinition, "JobDefinitionArn"),
    ):
        resource.has_cfn_attr = classmethod(lambda _cls, name, known=attribute: name == known)
        resource.get_cfn_attribute = lambda self, _name: self.arn


def _lower_first_letters(value: Any) -> Any:
    """Returns CloudFormation's `JobQueueName` as the Batch API's `jobQueueName`, in all depths; moto does only one."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower_first_letters(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lower_first_letters(item) for item in value]
    return value


def _change_sets_as_the_cdk_cli_uses_them() -> None:
    """A stack that a change set made has its outputs; in moto it has those that it had before the change set was
    executed: none. The CLI deletes the change set of an earlier deploy and waits until it is gone: moto answers with an
    error of its own where there was none, and has another name for one that is gone. And it takes the value that the
    CLI keeps of a parameter, which is read from SSM, for the name of one."""
    execute = CloudFormationBackend.execute_change_set
    delete = CloudFormationBackend.delete_change_set
    describe = CloudFormationBackend.describe_change_set

    def execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
        execute(self, change_set_name, stack_name)
        for stack in self.stacks.values():
            stack._parse_template()
            stack.output_map = stack._create_output_map()

    def is_there(self: CloudFormationBackend, name: str) -> bool:
        return any(name in (key, change_set.change_set_name) for key, change_set in self.change_sets.items())

    def delete_change_set(self: CloudFormationBackend, change_set_name: str) -> None:
        if is_there(self, change_set_name):
            delete(self, change_set_name)

    def describe_change_set(self: CloudFormationBackend, change_set_name: str) -> Any:
        if not is_there(self, change_set_name):
            raise ChangeSetNotFound(f"ChangeSet [{change_set_name}] does not exist")
        return describe(self, change_set_name)

    read_parameter = parsing.ResourceMap.parse_ssm_parameter

    def parse_ssm_parameter(self: Any, value: str, value_type: str) -> str:
        is_name = ssm_backends[self._account_id][self._region_name].get_parameter(value) is not None
        return str(read_parameter(self, value, value_type)) if is_name else value

    parsing.ResourceMap.parse_ssm_parameter = parse_ssm_parameter
    CloudFormationBackend.execute_change_set = execute_change_set
    CloudFormationBackend.delete_change_set = delete_change_set
    CloudFormationBackend.describe_change_set = describe_change_set


class ChangeSetNotFound(CloudFormationError):
    """What AWS answers; moto has no such error."""

    code = "ChangeSetNotFound"


def _updates_that_reach_what_refers_to_them() -> None:
    """A stack's update also updates what refers to a resource that has a new name now: a new revision of the job
    definition is of use only where the state machine names it. moto updates what has another text in the template, and
    forgets a resource whose changes it does not know."""
    update = parsing.ResourceMap.update
    parse_and_update = parsing.parse_and_update_resource

    def update_all(self: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        names = {name: getattr(item, "physical_resource_id", None) for name, item in self._parsed_resources.items()}
        update(self, template, parameters)
        renamed = {
            name
            for name, item in self._parsed_resources.items()
            if names.get(name) not in (None, getattr(item, "physical_resource_id", None))
        }
        for name, resource in template["Resources"].items():
            if renamed.intersection(_references(resource)):
                self._parsed_resources[name] = parsing.parse_and_update_resource(
                    name, resource, self, account_id=self._account_id, region_name=self._region_name
                )

    def update_one(logical_id: str, resource_json: dict[str, Any], resources_map: Any, **kwargs: Any) -> Any:
        updated = parse_and_update(logical_id, resource_json, resources_map, **kwargs)
        if updated is None and resources_map[logical_id] is not None:
            raise NotImplementedError(f"The embedded cloud cannot change a resource of type {resource_json['Type']}")
        return updated

    parsing.ResourceMap.update = update_all
    parsing.parse_and_update_resource = update_one


def _references(value: Any) -> Iterator[str]:
    """Yields the logical ids that a part of a template refers to."""
    if isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"]
        elif isinstance(value.get("Fn::GetAtt"), list):
            yield value["Fn::GetAtt"][0]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _networks_that_go_with_their_stack() -> None:
    """The parts of a network are deleted with the stack, each before what it refers to; moto keeps them, for their
    sake the network, and deletes in an order that changes from run to run."""

    def delete(self: Any) -> None:
        resources = {
            name: resource for name, resource in self._resource_json_map.items() if name in self._parsed_resources
        }
        needs = {
            name: {*_references(resource), *_listed(resource.get("DependsOn"))} & resources.keys()
            for name, resource in resources.items()
        }
        for name in reversed(list(TopologicalSorter(needs).static_order())):
            if resources[name].get("DeletionPolicy") != "Retain" and self._parsed_resources[name] is not None:
                self._delete_resource(self._parsed_resources.pop(name), resources[name])

    def delete_association(self: SubnetRouteTableAssociation, account_id: str, region: str) -> None:
        table = ec2_backends[account_id][region].get_route_table(self.route_table_id)
        for association, subnet in list(table._associations.items()):
            if subnet == self.subnet_id:
                table._associations.pop(association)

    parsing.ResourceMap.delete = delete
    SubnetRouteTableAssociation.delete = delete_association
    RouteTable.delete = lambda self, account_id, region: ec2_backends[account_id][region].delete_route_table(self.id)
    VPCEndPoint.delete = lambda self, account_id, region: ec2_backends[account_id][region].delete_vpc_endpoints(
        [self.id]
    )
    VPCGatewayAttachment.delete = lambda self, account_id, region: ec2_backends[account_id][
        region
    ].detach_internet_gateway(self.gateway_id, self.vpc_id)
    InternetGateway.delete = lambda self, account_id, region: ec2_backends[account_id][region].delete_internet_gateway(
        self.id
    )


def _stable_names() -> None:
    """Names that CloudFormation chooses end in random letters; here they end in a hash, so that the bucket on disk is
    the same bucket after a restart."""
    original = parsing.generate_resource_name

    def stable(resource_type: str, stack_name: str, logical_id: str) -> str:
        digest = hashlib.sha256(f"{stack_name}/{logical_id}".encode()).hexdigest()[:12].upper()
        parsing.random_suffix = lambda: digest
        return str(original(resource_type, stack_name, logical_id))

    parsing.generate_resource_name = stable


def _templates_that_are_json() -> None:
    """moto reads JSON, too, by a parser of YAML that is written in Python: 0.2 s for the stack's template."""
    parse = Stack.parse_template

    def parse_template(template: str) -> Any:
        try:
            return json.loads(template)
        except ValueError:
            return parse(template)

    Stack.parse_template = staticmethod(parse_template)


def _networks_without_images() -> None:
    """For the first VPC moto makes 1,301 machine images with a disk each: 0.15 s. Batch's machines need none here."""
    AmiBackend._load_amis = lambda _self: None


def _state_machines_that_execute() -> None:
    """A state machine of a stack lands in the backend that does not execute; requests go to the one that does."""
    stepfunctions_models.stepfunctions_backends = stepfunctions_parser_backends


def _custom_resources_without_their_functions() -> None:
    """CDK's one custom resource here runs a Node function that empties the bucket before it is deleted; moto wants
    Docker for it. Here it does the same without the function. From then on nobody may write: what still runs would put
    an object into the bucket after it was emptied, and before it is deleted."""

    def create(
        _cls: type, name: str, definition: dict[str, Any], _account_id: str, region_name: str, **kwargs: Any
    ) -> custom_model.CustomModel:
        resource = custom_model.CustomModel(region_name, "", kwargs["LogicalId"], name)
        resource.set_data({"BucketName": definition["Properties"].get("BucketName")})
        return resource

    def delete(self: custom_model.CustomModel, account_id: str, _region: str) -> None:
        s3 = s3_models.s3_backends[account_id]["aws"]
        if (bucket := self.data["BucketName"]) in s3.buckets:
            with _writing:
                _read_only.add(bucket)
            for key in list(s3.get_bucket(bucket).keys):
                s3.delete_object(bucket, key)

    custom_model.CustomModel.create_from_cloudformation_json = classmethod(create)  # type: ignore[arg-type]
    custom_model.CustomModel.delete = delete


# --- Batch and Lambda -------------------------------------------------------------------------------------------------


class ProcessJob(Job):
    """moto's job without its thread and its Docker: the runner sets what it describes.

    Attributes:
        ended: is done when the job has succeeded or failed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._submitted_overrides = copy.deepcopy(self.container_overrides)
        self.status = "RUNNABLE"
        self.ended: Future[None] = Future()

    @property
    def command(self) -> list[str]:
        properties = self.job_definition.container_properties
        command = self._submitted_overrides.get("command") or properties.get("command") or []
        return [str(word) for word in self._add_parameters_to_command(list(command))]

    @property
    def environment(self) -> dict[str, str]:
        """What the container sees, without what AWS adds."""
        entries = [
            *(self.job_definition.container_properties.get("environment") or []),
            *(self._submitted_overrides.get("environment") or []),
        ]
        return {entry["name"]: entry["value"] for entry in entries if "value" in entry}

    @property
    def asked_vcpus(self) -> int | None:
        """What the submission asks for; None where it leaves that to the job definition."""
        asked = self._submitted_overrides.get("vcpus")
        for requirement in self._submitted_overrides.get("resourceRequirements") or []:
            if requirement["type"] == "VCPU":
                asked = requirement["value"]
        return math.ceil(float(asked)) if asked else None

    def _container_details(self) -> dict[str, Any]:
        # moto's appends to the list of the request at each call, so every description is longer than the last.
        properties = copy.deepcopy(self.job_definition.container_properties)
        details = {
            **properties,
            "command": self.command,
            "environment": [{"name": name, "value": value} for name, value in self.environment.items()],
        }
        if self.attempts:
            details.update({key: value for key, value in self.attempts[-1]["container"].items() if value is not None})
        return details

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = super().describe()
        described["attempts"] = copy.deepcopy(self.attempts)
        return described


def _batch_jobs_that_run(runner: JobRunner) -> None:
    """Jobs run through `runner`. moto runs them in Docker, or marks them SUCCEEDED without running them, and ignores
    retryStrategy. Its describe_jobs walks over every job there ever was, and fails when one is added meanwhile."""

    def submit_job(
        self: BatchBackend,
        job_name: str,
        job_def_id: str,
        job_queue: str,
        array_properties: dict[str, Any],
        depends_on: list[dict[str, str]] | None = None,
        container_overrides: dict[str, Any] | None = None,
        eks_properties_override: dict[str, Any] | None = None,
        timeout: dict[str, int] | None = None,
        parameters: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> tuple[str, str, str]:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", job_name):
            raise ClientException("Job name should match valid pattern")
        definition = self.get_job_definition(job_def_id)
        queue = self.get_job_queue(job_queue)
        if definition is None or queue is None:
            raise ClientException(f"{job_def_id if definition is None else job_queue} does not exist")
        if array_properties or depends_on or eks_properties_override:
            raise ClientException("The embedded cloud runs single container jobs only")
        job = ProcessJob(
            job_name,
            definition,
            queue,
            self,
            log_backend=self.logs_backend,
            container_overrides=container_overrides,
            eks_properties_override=None,
            depends_on=None,
            all_jobs=self._jobs,
            timeout=timeout,
            array_properties={},
            parameters=parameters,
            tags=tags,
        )
        self._jobs[job.job_id] = job
        runner.submit(job)
        return job_name, job.job_id, job.arn

    def describe_jobs(self: BatchBackend, jobs: list[str] | None) -> list[dict[str, Any]]:
        ids = [name.rsplit("/", 1)[-1] for name in jobs or []]
        return [self._jobs[job_id].describe() for job_id in ids if job_id in self._jobs]

    def terminate_job(self: BatchBackend, job_id: str, reason: str) -> None:
        job = self._jobs.get(job_id)
        if isinstance(job, ProcessJob):
            runner.terminate(job, reason)

    def cancel_job(self: BatchBackend, job_id: str, reason: str) -> None:
        job = self._jobs.get(job_id)
        if isinstance(job, ProcessJob) and job.status in ("SUBMITTED", "PENDING", "RUNNABLE"):
            runner.terminate(job, reason)

    BatchBackend.submit_job = submit_job
    BatchBackend.describe_jobs = describe_jobs
    BatchBackend.terminate_job = terminate_job
    BatchBackend.cancel_job = cancel_job


def _functions_that_run(runner: FunctionRunner) -> None:
    """Functions run through `runner`; moto runs them in Docker, or answers with their input."""

    def invoke(
        self: LambdaBackend,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,  # noqa: ARG001
        response_headers: dict[str, str],
    ) -> bytes:
        function = self.get_function(function_name, qualifier)
        payload = body if isinstance(body, bytes) else (body or "{}").encode()
        answer, is_error = runner.invoke(function, payload)
        if is_error:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["Content-Length"] = str(len(answer))
        return answer

    LambdaBackend.invoke = invoke


# --- Step Functions ---------------------------------------------------------------------------------------------------


def _execution_names() -> None:
    """An execution that is started without a name gets one; moto's is None, in its ARN and in `$$.Execution.Name`."""
    start_execution = StepFunctionsParserBackend.start_execution

    def start_named(
        self: StepFunctionsParserBackend, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        name = name or str(uuid.uuid4())
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        if not re.fullmatch(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""", name):
            raise InvalidName(f"Invalid Name: '{name}'")
        return start_execution(self, state_machine_arn, name, *args, **kwargs)

    StepFunctionsParserBackend.start_execution = start_named


def _service_integrations() -> None:
    """Parameters of tasks (`JobDefinition`) become those of the API (`jobDefinition`), and answers the other way
    round, with times as texts. moto inherited both from LocalStack, and left the two places that call them empty."""

    def shape_of(self: StateTaskService, service: str | None, action: str | None, direction: str) -> Shape | None:
        model = _client_factory(self._get_boto_service_name(service)).meta
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
        fitted = _fitted(parameters, shape, to_sfn=False)
        parameters.clear()
        parameters.update(fitted)

    def normalise_response(
        self: StateTaskService,
        response: Any,
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        if not isinstance(response, dict):
            return
        shape = shape_of(self, boto_service_name, service_action_name, "out")
        fitted = _fitted(response, shape, to_sfn=True)
        response.clear()
        response.update(fitted)

    StateTaskService._normalise_parameters = normalise_parameters
    StateTaskService._normalise_response = normalise_response


def _errors_of_requests() -> None:
    """A request that gets no answer fails its task as the SDK's own error on AWS, `S3.SdkClientException`; and what a
    Map cannot read its items from, or write its results to, has errors of its own. In moto both are States.Runtime,
    which no Retry and no Catch can name."""
    from_error = StateTaskServiceCallback._from_error

    def from_error_or_none(self: StateTaskServiceCallback, env: Any, ex: Exception) -> FailureEvent:
        if not isinstance(ex, BotoCoreError):
            return from_error(self, env, ex)
        name = self.resource.service_name
        service = self.resource.api_name if name == "aws-sdk" else name
        return _failed(env, CustomErrorName(f"{service[:1].upper()}{service[1:]}.SdkClientException"), str(ex))

    def named(component: Any, error: StatesErrorNameType) -> None:
        evaluate = component._eval_body

        def eval_body(self: Any, env: Any) -> None:
            try:
                evaluate(self, env)
            except (BotoCoreError, ClientError) as ex:
                raise FailureEventException(_failed(env, StatesErrorName(typ=error), str(ex))) from ex

        component._eval_body = eval_body

    StateTaskServiceCallback._from_error = from_error_or_none
    named(ItemReader, StatesErrorNameType.StatesItemReaderFailed)
    named(ResultWriter, StatesErrorNameType.StatesResultWriterFailed)


def _failed(env: Any, error: ErrorName, cause: str) -> FailureEvent:
    details = TaskFailedEventDetails(error=error.error_name, cause=cause, resource="", resourceType="")
    return FailureEvent(
        env=env,
        error_name=error,
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(taskFailedEventDetails=details),
    )


def _fitted(value: Any, shape: Shape | None, *, to_sfn: bool) -> Any:
    """Returns `value` with member names as the API has them, or as Step Functions shows them.

    A structured value where the API wants bytes or a text becomes JSON, as for the Body of `aws-sdk:s3:putObject`.
    """
    if isinstance(value, StreamingBody):
        return value.read().decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): (name, member) for name, member in shape.members.items()}
        fitted = {}
        for name, item in value.items():
            known, member = members.get(name.lower(), (name, None))
            fitted[known[:1].upper() + known[1:] if to_sfn else known] = _fitted(item, member, to_sfn=to_sfn)
        return fitted
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_fitted(item, shape.member, to_sfn=to_sfn) for item in value]
    if not to_sfn and shape is not None and shape.type_name == "blob" and not isinstance(value, bytes):
        return json.dumps(value, separators=(",", ":")).encode()
    if not to_sfn and shape is not None and shape.type_name == "string" and not isinstance(value, str):
        # Step Functions refuses it before the task starts, which no Catch sees; see FACTS about hyp3 #2585.
        raise TypeError(f"a text was expected, got {value!r}")
    return value


_client_factory: Callable[..., Any]
"""Makes the client of a service with which states call it, for a role; set by `_clients`."""


def _clients(endpoint_url: str, region: str, access: Access) -> None:
    """One client a service and role, at this server. moto makes a new one for each state of each trial, at tens of
    milliseconds, without the role's credentials, and looks for the server at `localhost:$MOTO_PORT`."""
    lock = threading.Lock()
    session = boto3.Session(region_name=region)
    config = Config(retries={"max_attempts": 0}, parameter_validation=False, max_pool_connections=256, read_timeout=900)

    @cache
    def make(service: str, role_arn: str) -> Any:
        return session.client(  # type: ignore[call-overload]  # one name of many
            service,
            endpoint_url=endpoint_url,
            aws_access_key_id=access.key_of(role_arn) if role_arn else "embedded",
            aws_secret_access_key="embedded",  # noqa: S106
            config=config,
        )

    def client(service: str, role_arn: str = "") -> Any:
        with lock:
            return make(service, role_arn)

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001
        return client(service, state_credentials.role_arn if state_credentials else "")

    global _client_factory  # noqa: PLW0603
    _client_factory = client
    for module in (reader, writer, lambda_eval_utils, state_task_service_aws_sdk, state_task_service_batch):
        module.boto_client_for = client_for


MANAGED_RULE = "rule/StepFunctionsGetEventsForBatchJobsRule"
"""Through which Step Functions hears of a job's end; its role must be allowed to make it."""


def _sync_that_waits_and_terminates(access: Access) -> None:
    """A `.sync` Batch task waits for its job's end or its execution's, where moto asks for the job's twice a second: a
    thousand jobs that wait would keep a core busy. And stopping the execution terminates the job, as on AWS."""

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
        client = _client_factory("batch", state_credentials.role_arn)
        rule = f"arn:aws:events:{resource_runtime_part.region}:{ACCOUNT}:{MANAGED_RULE}"
        for action in ("events:PutRule", "events:PutTargets", "events:DescribeRule"):
            access.check(state_credentials.role_arn, action, rule)

        def resolve() -> Any:
            answer = client.describe_jobs(jobs=[job_id])
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
        env.left = Future()  # before it is asked whether it has been left already
        if env.is_running():
            wait([sync_resolver.ended, env.left], return_when=FIRST_COMPLETED)
        if env.is_running():
            return sync_resolver()
        sync_resolver.terminate()
        return {}

    def telling(leave: Callable[..., None]) -> Callable[..., None]:
        def told(self: Environment, *args: Any, **kwargs: Any) -> None:
            leave(self, *args, **kwargs)
            with self._state_mutex:
                left: Future[None] | None = getattr(self, "left", None)
                if left is not None and not left.done() and not self.is_running():
                    left.set_result(None)

        return told

    for name in ("set_ended", "set_error", "set_timed_out", "set_stop"):
        setattr(Environment, name, telling(getattr(Environment, name)))
    StateTaskServiceBatch._build_sync_resolver = build_sync_resolver
    StateTaskServiceBatch._eval_sync = eval_sync


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


def _distributed_map(access: Access) -> None:
    """A Map of many items.

    moto starts MaxConcurrency threads however few the items; takes the next item by recursion, so that a thousand of
    them end in RecursionError; counts as failed the items that a stopped execution leaves; reads the paths in
    ResultWriter's parameters from the results, where AWS reads them from the state's input; and its grammar has no
    whole number for ToleratedFailurePercentage.
    """
    parse = AmazonStateLanguageParser.parse

    def parse_with_decimals(definition: str) -> Any:
        return parse(re.sub(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])', r"\1.0", definition))

    AmazonStateLanguageParser.parse = staticmethod(parse_with_decimals)

    def map_run(self: DistributedIterationComponent, env: Any, eval_input: Any) -> None:
        items = env.stack.pop()
        machine = env.states.context_object.context_object_data["StateMachine"]["Id"]
        access.check(env.aws_execution_details.role_arn, "states:StartExecution", machine)
        pool = JobPool(job_program=self._get_iteration_program(), job_inputs=items)
        pool.children = []
        workers = min(eval_input.map_run_record.max_concurrency or len(items), len(items))
        for _ in range(workers):
            self._launch_worker(env=env, eval_input=eval_input, job_pool=pool)
        pool.await_jobs()
        if (failure := pool.get_worker_exception()) is not None:
            raise failure
        closed = sorted(pool._closed_jobs, key=lambda job: job.job_index)
        env.stack.append(_Results([job.job_output for job in closed], pool.children))

    def eval_pool(self: Any, job: Any, worker_frame: Any) -> None:
        while job is not None:
            frame, started = worker_frame.open_inner_frame(), datetime.now(UTC)
            self._eval_job(env=frame, job=job)
            child = _Child(job.job_input, job.job_output, frame.program_state(), started)
            self._job_pool.children.append(child)
            worker_frame.delete_frame(frame)
            running = worker_frame.is_running() and not self.stopped()
            following = self._job_pool.next_job() if running else None
            if following is None:
                self._env.delete_frame(worker_frame)
            self._job_pool.close_job(job)
            if not running:
                self._job_pool._termination_event.set()
            job = following

    def write_results(self: ResultWriter, env: Any) -> None:
        results = env.stack.pop()
        depth = len(env.stack)
        env.stack.append(env.states.get_input())
        self.parargs.eval(env=env)
        parameters = env.stack.pop()
        del env.stack[depth:]
        env.stack.extend([results, parameters])
        self.resource_eval.eval_resource(env=env)

    ResultWriter._eval_body = write_results
    DistributedIterationComponent._map_run = map_run
    map_worker.DistributedItemProcessorWorker._eval_pool = eval_pool


class _Results(list[Any]):
    """What a Map's children returned, in the order of its items.

    Attributes:
        children: in the order in which they ended.
    """

    def __init__(self, outputs: list[Any], children: list["_Child"]) -> None:
        super().__init__(outputs)
        self.children = children


@dataclass(slots=True)
class _Child:
    """An execution that a Map started, when it has ended."""

    given: Any
    output: Any
    state: ProgramState
    started: datetime
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> str:
        return "SUCCEEDED" if isinstance(self.state, ProgramEnded) else "FAILED"

    def described(self, machine: str) -> dict[str, Any]:
        """Returns what is in a result file: inputs and outputs are texts of JSON."""
        name = str(uuid.uuid4())
        described = {
            "ExecutionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
            "Input": json.dumps(self.given, separators=(",", ":")),
            "InputDetails": {"Included": True},
            "Name": name,
            "StartDate": _fitted(self.started, None, to_sfn=True),
            "StateMachineArn": machine,
            "Status": self.status,
            "StopDate": _fitted(self.ended, None, to_sfn=True),
        }
        if self.status == "SUCCEEDED":
            return {
                **described,
                "Output": json.dumps(self.output, separators=(",", ":")),
                "OutputDetails": {"Included": True},
            }
        error = (self.state.error if isinstance(self.state, ProgramError) else None) or {}
        return {**described, "Error": error.get("error", ""), "Cause": error.get("cause", "")}


def _files_of_a_maps_results() -> None:
    """A ResultWriter writes what the Map's children were given and returned, and a manifest that names those files;
    moto's manifest names none.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    """

    def put_results(env: Environment, resource_runtime_part: Any, state_credentials: Any) -> None:
        parameters, results = env.stack.pop(), env.stack.pop()
        client = writer.ResourceEvalS3._get_s3_client(resource_runtime_part, state_credentials)
        bucket, run = parameters["Bucket"], env.map_run_record_pool_manager.get_all()[-1]
        prefix = "/".join(filter(None, (parameters["Prefix"].removesuffix("/"), run.map_run_arn.rpartition(":")[2])))
        files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}

        def put(name: str, document: Any) -> dict[str, Any]:
            body = json.dumps(document, separators=(",", ":")).encode()
            client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)
            return {"Key": f"{prefix}/{name}", "Size": len(body)}

        for status, named in files.items():
            if children := [child for child in results.children if child.status == status]:
                described = [child.described(run.map_state_machine_arn) for child in children]
                named.append(put(f"{status}_0.json", described))
        manifest = put(
            "manifest.json", {"DestinationBucket": bucket, "MapRunArn": run.map_run_arn, "ResultFiles": files}
        )
        details = {"Bucket": bucket, "Key": manifest["Key"]}
        env.stack.append({"MapRunArn": run.map_run_arn, "ResultWriterDetails": details})

    writer.ResourceEvalS3._handle_put_object = staticmethod(put_results)


def _histories_of_children_that_nobody_reads() -> None:
    """moto keeps every event of a Map's children while the Map runs, each with its state's whole input or output, some
    40 KB a trial, and has no request that shows them: their history is not kept."""

    class Unread(EventManager):
        def _publish_history_event(self, **_: Any) -> None:
            pass

    distributed_iteration_component.EventManager = Unread


def _paths_that_are_parsed_once() -> None:
    """moto makes a parser for each path each time that a state reads one: some 11 times a trial, and a third of the
    work of a state machine's execution. A definition has few paths, and what is parsed has no state."""
    json_path.parse = lru_cache(maxsize=10_000)(json_path.parse)


def _definitions_that_are_parsed_once() -> None:
    """moto parses a definition to see whether it is one, forgets the result, and parses it anew to execute it: 0.1 s at
    the start of a sweep. A result has state, so it goes to one execution, and the next one parses again."""
    parse, validate = AmazonStateLanguageParser.parse, StepFunctionsParserBackend._validate_definition
    parsed: dict[str, Any] = {}

    def validate_and_keep(definition: str) -> None:
        try:
            parsed[definition] = parse(definition)
        except Exception:  # noqa: BLE001  moto's own says what is wrong with it
            validate(definition)

    def take_or_parse(definition: str) -> Any:
        return parsed.pop(definition, None) or parse(definition)

    StepFunctionsParserBackend._validate_definition = staticmethod(validate_and_keep)
    AmazonStateLanguageParser.parse = staticmethod(take_or_parse)


# --- the server -------------------------------------------------------------------------------------------------------


def _services_that_are_found_once() -> None:
    """To find out which service a request is for, moto lists the folder of its own source, and looks whether each entry
    is a folder; twice a request."""
    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    DomainDispatcherApplication.get_backend_for_host = lru_cache(maxsize=1_000)(
        DomainDispatcherApplication.get_backend_for_host
    )


def _models_that_are_read_once() -> None:
    """For each service that is asked for the first time moto lists all of botocore's, 0.02 s each."""
    utils.create_loader = cache(utils.create_loader)


def _answers_for_programs_only() -> None:
    """For each request moto works out the headers that a page of another site needs to read the answer, and a line for
    a log that is not kept. No page reads from here."""
    werkzeug_app.DISABLE_GLOBAL_CORS = True
    werkzeug_app.MotoRequestHandler.log_request = lambda _self, *_: None


# --- S3 ---------------------------------------------------------------------------------------------------------------

_writing = threading.Lock()
_read_only: set[str] = set()
"""Buckets that are about to be deleted."""


def _objects_on_disk(folder: Path) -> None:
    """Objects are files, so that they survive a restart and a person can open them; moto's are in memory. And a
    conditional put is one step, where two of moto's at the same moment both find nothing there."""
    root = folder.resolve()
    in_memory = s3_models.FakeKey.value

    class FileKey(s3_models.FakeKey):
        """An object whose bytes are in a file. Parts of uploads, which have no bucket yet, stay in memory."""

        _etag: str | None

        def __init__(self, *args: Any, etag: str | None = None, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._etag = etag or self._etag  # that of an object in parts is not its bytes'

        def _file(self) -> Path | None:
            bucket = self.bucket_name
            return None if bucket is None or bucket.startswith(CDK_BUCKETS) else path_of(root, bucket, self.name)

        def _read(self) -> bytes:
            file = self._file()
            data: bytes = in_memory.fget(self) if file is None else file.read_bytes()
            return data

        def _write(self, data: bytes) -> None:
            if (file := self._file()) is None:
                in_memory.fset(self, data)
                return
            try:
                _write_atomically(file, data)
            except OSError as error:  # `a` and `a/b` are two keys, and cannot be two files; nor can a name be that long
                message = f"The embedded cloud keeps objects as files, and cannot keep this one: {error}"
                raise S3ClientError("InvalidRequest", message) from error
            self.contentsize = len(data)
            self._etag = None

        def _entity_tag(self) -> str:
            if self._etag is None:
                self._etag = hashlib.md5(self._read(), usedforsecurity=False).hexdigest()
            return f'"{self._etag}"'

        value = property(_read, _write)
        etag = property(_entity_tag)

    class StoredKey(FileKey):
        """An object that was there when the embedded cloud started: its file is read when somebody asks for it."""

        def __init__(self, file: os.DirEntry[str], **known: Any) -> None:
            super().__init__(value=b"", **known)
            status = file.stat()
            self.contentsize = status.st_size
            self.last_modified = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)

        value = property(FileKey._read, lambda _self, _data: None)

    s3_models.FakeKey = FileKey

    create_bucket = s3_models.S3Backend.create_bucket

    def create_with_what_is_stored(self: Any, bucket_name: str, region_name: str, *args: Any, **kwargs: Any) -> Any:
        bucket = create_bucket(self, bucket_name, region_name, *args, **kwargs)
        _read_only.discard(bucket_name)
        home = root / bucket_name
        for file in sorted(files_below(home), key=lambda file: file.path):
            name = key_of(file, home)
            known = {"name": name, "bucket_name": bucket_name, "account_id": self.account_id}
            bucket.keys[name] = StoredKey(file, region_name=region_name, **known)
        return bucket

    delete_object = s3_models.S3Backend.delete_object

    def delete_with_file(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        answer = delete_object(self, bucket_name, key_name, *args, **kwargs)
        was_there, _ = answer
        if was_there and not bucket_name.startswith(CDK_BUCKETS):
            path_of(root, bucket_name, key_name).unlink(missing_ok=True)
        return answer

    put_object = S3Response.put_object

    def put_one_after_another(self: Any) -> Any:
        with _writing:
            if self.bucket_name in _read_only:
                raise S3AccessDeniedError
            return put_object(self)

    s3_models.S3Backend.create_bucket = create_with_what_is_stored
    s3_models.S3Backend.delete_object = delete_with_file
    S3Response.put_object = put_one_after_another


_WHOLE_OBJECT = re.compile(r"/(?P<bucket>[a-z0-9.-]+)/(?P<key>[A-Za-z0-9_./-]+)")
"""The path of a request for one, by a key that needs no decoding, of which nothing else is asked."""

_CONDITIONS = ("RANGE", "IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "ORIGIN")


def _objects_that_are_read_whole() -> None:
    """Between a request and the object moto has Flask, a tour of all that a request for an object can be, and a random
    number of 52 letters: two thirds of the server's work, and it is what a reducer of thousands of trials waits for. A
    plain request for a whole object is answered by what moto knows of it; every other one goes the long way."""
    serve = DomainDispatcherApplication.__call__

    def asked_for(environ: dict[str, Any]) -> s3_models.FakeKey | None:
        path = _WHOLE_OBJECT.fullmatch(environ.get("REQUEST_URI", ""))
        if (
            path is None
            or environ["REQUEST_METHOD"] != "GET"
            or "/s3/aws4_request" not in environ.get("HTTP_AUTHORIZATION", "")
            or not environ.get("HTTP_HOST", "").startswith("127.0.0.1:")  # no bucket is in the name of the host
            or any(f"HTTP_{name}" in environ for name in _CONDITIONS)
        ):
            return None
        backend = s3_models.s3_backends[ACCOUNT]["aws"]
        bucket = backend.buckets.get(path["bucket"])
        key = bucket and backend.get_object(path["bucket"], path["key"])
        if not isinstance(key, s3_models.FakeKey) or key.storage_class != "STANDARD":
            return None
        denied = bucket.get_permission("s3:GetObject", f"arn:aws:s3:::{path['bucket']}/{path['key']}")
        return None if denied is PermissionResult.DENIED else key

    def answer(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        if (key := asked_for(environ)) is None:
            return serve(self, environ, start_response)
        headers = {**key.response_dict, **key.metadata, "Accept-Ranges": "bytes", "x-amzn-RequestId": uuid.uuid4().hex}
        if key.version_id != "null":
            headers["x-amz-version-id"] = key.version_id
        if environ.get("HTTP_X_AMZ_CHECKSUM_MODE") == "ENABLED" and key.checksum_algorithm:
            parts = f"-{key.checksum_parts}" if key.checksum_type == "COMPOSITE" else ""
            headers[f"x-amz-checksum-{key.checksum_algorithm.lower()}"] = f"{key.checksum_value}{parts}"
            if key.checksum_type:
                headers["x-amz-checksum-type"] = key.checksum_type
        data = key.value
        start_response("200 OK", [(name, str(value)) for name, value in headers.items()])
        return [data]

    DomainDispatcherApplication.__call__ = answer


def _bodies_that_are_read_at_once() -> None:
    """The body of a request is read in pieces, and put together, a fifth of the work that a checkpoint makes."""
    serve = DomainDispatcherApplication.__call__

    def with_its_body(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        if (length := int(environ.get("CONTENT_LENGTH") or 0)) > 0:
            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = io.BytesIO(body)
            if len(body) == length:  # one that breaks off is refused, by who counts on all of it
                environ["wsgi.input_terminated"] = True
        return serve(self, environ, start_response)

    DomainDispatcherApplication.__call__ = with_its_body


CDK_BUCKETS = "cdk-"
"""Starts the name of CDK's own bucket of assets, which is filled anew at each start."""


def _write_atomically(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{UNFINISHED}{threading.get_ident()}")
    unfinished.write_bytes(data)
    unfinished.replace(file)
