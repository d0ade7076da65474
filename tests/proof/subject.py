"""What is proved: a synthesized template, and the state machine in it, with the names that an account would give."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ACCOUNT = "111122223333"
REGION = "us-east-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "Stepsweep",
    "AWS::URLSuffix": "amazonaws.com",
}

REFERENCES = {
    "AWS::Batch::ComputeEnvironment": "arn:aws:batch:{region}:{account}:compute-environment/{name}",
    "AWS::Batch::JobDefinition": "arn:aws:batch:{region}:{account}:job-definition/{name}:1",
    "AWS::Batch::JobQueue": "arn:aws:batch:{region}:{account}:job-queue/{name}",
    "AWS::Batch::SchedulingPolicy": "arn:aws:batch:{region}:{account}:scheduling-policy/{name}",
    "AWS::S3::Bucket": "{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
"""What CloudFormation answers to Ref; the logical id for all others."""

ARNS = {
    **REFERENCES,
    "AWS::IAM::InstanceProfile": "arn:aws:iam::{account}:instance-profile/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
}
"""What it answers to the attribute that ends in `Arn`. That of a log group ends in `:*`."""

NAMES = {"AWS::Logs::LogGroup": "LogGroupName", "AWS::StepFunctions::StateMachine": "StateMachineName"}
"""Properties that name a resource, instead of CloudFormation."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A template, and what goes with it in a cloud assembly.

    Attributes:
        template: as synthesized.
        assembly: the folder it is from, with its assets.
        rendered: the state machine's definition where it is not the template's own.
    """

    template: dict[str, Any]
    assembly: Path
    rendered: dict[str, Any] | None = field(default=None)

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The state machine, as Step Functions would be given it."""
        if self.rendered is not None:
            return self.rendered
        definition: dict[str, Any] = json.loads(self.one("AWS::StepFunctions::StateMachine")["DefinitionString"])
        return definition

    @property
    def document(self) -> str:
        """The template with its definition, as text."""
        template = self.template
        if self.rendered is not None:
            template = copy.deepcopy(template)
            machine = template["Resources"][self.ids("AWS::StepFunctions::StateMachine")[0]]
            machine["Properties"]["DefinitionString"] = json.dumps(self.rendered)
        return json.dumps(template, indent=1)

    def ids(self, kind: str) -> list[str]:
        return [name for name, resource in self.template["Resources"].items() if resource["Type"] == kind]

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Returns the resources of a type, their properties resolved, by logical id."""
        return {name: self._properties[name] for name in self.ids(kind)}

    def one(self, kind: str) -> dict[str, Any]:
        """Returns the resolved properties of the one resource of a type."""
        (properties,) = self.all(kind).values()
        return properties

    def arn(self, logical_id: str) -> str:
        return self._named(logical_id, ARNS)

    def resolved(self, value: Any) -> Any:
        """Returns a value of the template without CloudFormation's functions."""
        match value:
            case {"Ref": name, **rest} if not rest:
                return PSEUDO.get(name) or self._named(name, REFERENCES)
            case {"Fn::GetAtt": [name, attribute]}:
                if str(attribute).endswith("Arn"):
                    return self.arn(name)
                return self._named(name, {}) if attribute == "Name" else f"{name}.{attribute}"
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(str(self.resolved(part)) for part in parts)
            case {"Fn::Select": [index, values]}:
                return self.resolved(values)[int(index)]
            case {"Fn::Split": [separator, text]}:
                return self.resolved(text).split(separator)
            case {"Fn::GetAZs": _}:
                return [f"{REGION}{letter}" for letter in "abc"]
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self.resolved({"Ref": found[1]})), text)
            case dict():
                return {key: self.resolved(item) for key, item in value.items()}
            case list():
                return [self.resolved(item) for item in value]
            case _:
                return value

    def states(self) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """Yields the name of every state, the state, and whether it is one of a Map."""
        yield from _states(self.definition, in_map=False)

    @cached_property
    def _properties(self) -> dict[str, dict[str, Any]]:
        """The resolved properties of all resources."""
        resources = self.template["Resources"]
        return {name: self.resolved(resource.get("Properties", {})) for name, resource in resources.items()}

    def _named(self, logical_id: str, patterns: dict[str, str]) -> str:
        resource = self.template["Resources"].get(logical_id, {"Type": "missing"})
        kind = resource["Type"]
        name = resource.get("Properties", {}).get(NAMES.get(kind, ""), logical_id)
        if kind == "AWS::S3::Bucket":
            name = logical_id.lower()
        return patterns.get(kind, "{name}").format(name=name, region=REGION, account=ACCOUNT)


def _states(machine: dict[str, Any], *, in_map: bool) -> Iterator[tuple[str, dict[str, Any], bool]]:
    for name, state in machine.get("States", {}).items():
        yield name, state, in_map
        yield from _states(state.get("ItemProcessor", {}), in_map=True)
        for branch in state.get("Branches", []):
            yield from _states(branch, in_map=in_map)
