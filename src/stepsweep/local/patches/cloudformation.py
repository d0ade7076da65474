"""CloudFormation, where moto differs from AWS."""

import hashlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from moto.cloudformation import custom_model, parsing
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import CloudFormationBackend
from moto.ssm.models import ssm_backends

from stepsweep.local.patches import s3
from stepsweep.local.patches.patching import add, patch


def change_sets_leave_outputs() -> None:
    """A stack that a change set created has its outputs. In moto it keeps the outputs it had before the change set was
    executed: none."""

    def execute_change_set(
        original: Callable[..., None], self: CloudFormationBackend, *args: Any, **kwargs: Any
    ) -> None:
        original(self, *args, **kwargs)
        for stack in self.stacks.values():
            stack._parse_template()
            stack.output_map = stack._create_output_map()

    patch(CloudFormationBackend, "execute_change_set", execute_change_set, with_original=True)


class ChangeSetNotFound(CloudFormationError):
    """The error that AWS returns; moto has no such error."""

    code = "ChangeSetNotFound"


def change_sets_can_be_missing() -> None:
    """AWS deletes a missing change set without an error, and describes one with ChangeSetNotFound. moto returns status
    500 and ValidationError.

    The CDK CLI deletes the change set of an earlier deploy, and waits until it is gone.
    """

    def exists(backend: CloudFormationBackend, name: str) -> bool:
        return any(name in (key, change_set.change_set_name) for key, change_set in backend.change_sets.items())

    def delete_change_set(original: Callable[..., None], self: CloudFormationBackend, change_set_name: str) -> None:
        if exists(self, change_set_name):
            original(self, change_set_name)

    def describe_change_set(original: Callable[..., Any], self: CloudFormationBackend, change_set_name: str) -> Any:
        if not exists(self, change_set_name):
            raise ChangeSetNotFound(f"ChangeSet [{change_set_name}] does not exist")
        return original(self, change_set_name)

    patch(CloudFormationBackend, "delete_change_set", delete_change_set, with_original=True)
    patch(CloudFormationBackend, "describe_change_set", describe_change_set, with_original=True)


def parameters_from_ssm_keep_their_value() -> None:
    """With UsePreviousValue, AWS keeps the name of the SSM parameter and reads it again. moto keeps the value it read,
    and looks for an SSM parameter of that name."""

    def parse_ssm_parameter(original: Callable[..., Any], self: Any, value: str, value_type: str) -> str:
        is_name = ssm_backends[self._account_id][self._region_name].get_parameter(value) is not None
        return str(original(self, value, value_type)) if is_name else value

    patch(parsing.ResourceMap, "parse_ssm_parameter", parse_ssm_parameter, with_original=True)


def updates_reach_dependents() -> None:
    """When an update gives a resource a new physical id, CloudFormation also updates the resources that refer to it.
    moto updates only resources whose own text changed.

    A new revision of the job definition is of use only when the state machine names it.
    """

    def update(
        original: Callable[..., None], self: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> None:
        names = {name: getattr(item, "physical_resource_id", None) for name, item in self._parsed_resources.items()}
        original(self, template, parameters)
        renamed = {
            name
            for name, item in self._parsed_resources.items()
            if names.get(name) not in (None, getattr(item, "physical_resource_id", None))
        }
        for name, resource in template["Resources"].items():
            if renamed.intersection(references(resource)):
                self._parsed_resources[name] = parsing.parse_and_update_resource(
                    name, resource, self, account_id=self._account_id, region_name=self._region_name
                )

    patch(parsing.ResourceMap, "update", update, with_original=True)


def unknown_updates_are_refused() -> None:
    """AWS can update every type of resource. moto forgets a resource of a type that it cannot update; here the update
    fails instead."""

    def update_one(
        original: Callable[..., Any], logical_id: str, resource_json: dict[str, Any], resources_map: Any, **kwargs: Any
    ) -> Any:
        updated = original(logical_id, resource_json, resources_map, **kwargs)
        if updated is None and resources_map[logical_id] is not None:
            raise NotImplementedError(f"The embedded cloud cannot change a resource of type {resource_json['Type']}")
        return updated

    patch(parsing, "parse_and_update_resource", update_one, with_original=True)


def references(value: Any) -> Iterator[str]:
    """Yields the logical ids that a part of a template refers to."""
    if isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"]
        elif isinstance(value.get("Fn::GetAtt"), list):
            yield value["Fn::GetAtt"][0]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


_suffix: ContextVar[str] = ContextVar("suffix")


def generated_names_are_stable(identity: str) -> None:
    """AWS and moto end the names that they generate in random characters. Here they end in a hash of the cloud's
    identity, the stack and the logical id: a restarted cloud finds the same bucket on disk, and nobody else knows its
    name."""

    def generate(original: Callable[..., str], resource_type: str, stack_name: str, logical_id: str) -> str:
        _suffix.set(hashlib.sha256(f"{identity}/{stack_name}/{logical_id}".encode()).hexdigest()[:12].upper())
        return original(resource_type, stack_name, logical_id)

    patch(parsing, "generate_resource_name", generate, with_original=True)
    patch(parsing, "random_suffix", _suffix.get)


def custom_resources_empty_buckets() -> None:
    """AWS calls the function of a custom resource, and CDK's empties a bucket before it is deleted. moto needs Docker
    to run that function; here the bucket is emptied without it.

    The bucket then refuses writes: a job that still runs could fill it again before it is deleted.
    """

    def create(
        _cls: type, name: str, definition: dict[str, Any], _account_id: str, region_name: str, **kwargs: Any
    ) -> custom_model.CustomModel:
        resource = custom_model.CustomModel(region_name, "", kwargs["LogicalId"], name)
        resource.set_data({"BucketName": definition["Properties"].get("BucketName")})
        return resource

    def delete(self: custom_model.CustomModel, account_id: str, _region: str) -> None:
        s3.empty_before_deletion(account_id, self.data["BucketName"])

    patch(custom_model.CustomModel, "create_from_cloudformation_json", create)
    add(custom_model.CustomModel, "delete", delete)
