"""Findings of cdk-nag that stay: each is acknowledged beside the construct it is about, with its reason.

A plain synth only notes them. `make proof` runs cdk-nag, and fails for a finding that is not acknowledged and for an
acknowledgement that nothing needs any more.
"""

import json
from collections.abc import Iterable

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, *, because: str) -> None:
    """Lets a finding of `construct`, or of what it holds, stand."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=because))


def acknowledge_wildcards(construct: IConstruct, resources: Iterable[str], *, because: str) -> None:
    """Lets policies in `construct` name these resources, one by one; those without a `*` are nothing to acknowledge."""
    stack = Stack.of(construct)
    for resource in resources:
        name = _as_nag_writes_it(stack.resolve(resource))
        if "*" in name:
            acknowledge(construct, f"IAM5[Resource::{name}]", because=because)


def _as_nag_writes_it(value: object) -> str:
    """Returns a resource of a policy as cdk-nag has it in the name of a finding."""
    match value:
        case str():
            return value.replace("${", "<").replace("}", ">")
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_as_nag_writes_it, parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return json.dumps(value, separators=(",", ":"))
