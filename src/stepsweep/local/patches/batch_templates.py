"""Batch's resources in templates, where moto differs from AWS."""

import inspect
from collections.abc import Callable
from typing import Any

from moto.batch import models
from moto.batch.models import ComputeEnvironment, JobDefinition, JobQueue, SchedulingPolicy, batch_backends
from moto.core.common_models import CloudFormationModel

from stepsweep.local.patches.patching import add, patch


def compute_environments_from_templates() -> None:
    """CloudFormation accepts a managed compute environment as CDK writes it: without a ServiceRole, with its Type in
    lower case, and with any instance type. moto requires a ServiceRole and upper case, and knows only the instance
    types of its release date.

    moto also cannot update it, delete it with its stack, or return its ARN to the template.
    """

    def create(
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

    def update(
        _cls: type, original_resource: ComputeEnvironment, cloudformation_json: dict[str, Any], **_: Any
    ) -> ComputeEnvironment:
        properties = cloudformation_json["Properties"]
        original_resource.compute_resources = _lower_first_letters(properties["ComputeResources"])
        original_resource.state = properties.get("State", "ENABLED")
        return original_resource

    def delete(self: ComputeEnvironment, account_id: str, region: str) -> None:
        batch_backends[account_id][region].delete_compute_environment(self.name)

    patch(ComputeEnvironment, "create_from_cloudformation_json", create)
    patch(ComputeEnvironment, "update_from_cloudformation_json", update)
    add(ComputeEnvironment, "delete", delete)
    _has_arn_attribute(ComputeEnvironment, "ComputeEnvironmentArn")


def job_queues_from_templates() -> None:
    """CloudFormation gives a job queue its scheduling policy, deletes the queue with its stack, and returns its ARN to
    the template. moto does none of these."""

    def create(original: Callable[..., JobQueue], *args: Any, **kwargs: Any) -> JobQueue:
        queue = original(*args, **kwargs)
        definition = inspect.signature(original).bind(*args, **kwargs).arguments["cloudformation_json"]
        queue.schedule_policy = definition["Properties"].get("SchedulingPolicyArn")
        return queue

    def delete(self: JobQueue, account_id: str, region: str) -> None:
        batch_backends[account_id][region].delete_job_queue(self.name)

    patch(JobQueue, "create_from_cloudformation_json", create, with_original=True)
    add(JobQueue, "delete", delete)
    _has_arn_attribute(JobQueue, "JobQueueArn")


def scheduling_policies_from_templates() -> None:
    """CloudFormation makes, changes and deletes scheduling policies. moto knows them from the API only."""

    class OfTemplate(SchedulingPolicy, CloudFormationModel):
        """A scheduling policy of a template."""

        @staticmethod
        def cloudformation_type() -> str:
            return "AWS::Batch::SchedulingPolicy"

        @staticmethod
        def cloudformation_name_type() -> str:
            return "Name"

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Arn"

        @property
        def physical_resource_id(self) -> str:
            return str(self.arn)

        def get_cfn_attribute(self, _name: str) -> str:
            return str(self.arn)

        @classmethod
        def create_from_cloudformation_json(
            cls, name: str, definition: dict[str, Any], account_id: str, region_name: str, **_: Any
        ) -> "OfTemplate":
            backend = batch_backends[account_id][region_name]
            properties = definition["Properties"]
            fair = _lower_first_letters(properties.get("FairsharePolicy", {}))
            policy = cls(account_id, region_name, name, fair, backend, properties.get("Tags", {}))
            backend._scheduling_policies[policy.arn] = policy
            return policy

        @classmethod
        def update_from_cloudformation_json(
            cls, original_resource: "OfTemplate", cloudformation_json: dict[str, Any], **_: Any
        ) -> "OfTemplate":
            fair = cloudformation_json["Properties"].get("FairsharePolicy", {})
            original_resource.fairshare_policy = _lower_first_letters(fair)
            return original_resource

        def delete(self, account_id: str, region: str) -> None:
            batch_backends[account_id][region].delete_scheduling_policy(self.arn)

    add(models, "OfTemplate", OfTemplate)  # moto lists what CloudFormation makes by its class, if something keeps that


def job_definitions_from_templates() -> None:
    """CloudFormation keeps every property of a job definition, and an update registers a new revision. moto drops the
    timeout and other properties, fails without a RetryStrategy, and ignores updates.

    moto also cannot deregister it with its stack, or return its ARN to the template.
    """

    def create(
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

    def update(
        cls: type[JobDefinition],
        original_resource: JobDefinition,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> JobDefinition:
        revision = create(cls, original_resource.name, cloudformation_json, account_id, region_name)
        kept = cloudformation_json["Properties"].get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate")
        if not kept:
            original_resource.deregister()
        return revision

    def delete(self: JobDefinition, _account_id: str, _region: str) -> None:
        self.deregister()

    patch(JobDefinition, "create_from_cloudformation_json", create)
    patch(JobDefinition, "update_from_cloudformation_json", update)
    add(JobDefinition, "delete", delete)
    _has_arn_attribute(JobDefinition, "JobDefinitionArn")


def _has_arn_attribute(resource: Any, attribute: str) -> None:
    """Lets a template read the ARN with Fn::GetAtt."""
    patch(resource, "has_cfn_attr", lambda _cls, name: name == attribute)
    add(resource, "get_cfn_attribute", lambda self, _name: self.arn)


def _lower_first_letters(value: Any) -> Any:
    """Returns CloudFormation's `JobQueueName` as the Batch API's `jobQueueName`, at every depth.

    moto converts the first level only.
    """
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower_first_letters(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lower_first_letters(item) for item in value]
    return value
