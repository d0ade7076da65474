"""Acknowledges cdk-nag findings that we accept, each beside its construct and with a reason.

A plain synth only records them. `make proof` runs cdk-nag. It fails on an unacknowledged finding, and on an
acknowledgement without a finding.
"""

import json
from collections.abc import Iterable

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, *, because: str) -> None:
    """Accepts a finding on `construct` or its children."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions-{rule}", reason=because))


def acknowledge_wildcards(construct: IConstruct, resources: Iterable[str], *, because: str) -> None:
    """Accepts policies in `construct` that name these resources; ignores resources without a `*`."""
    stack = Stack.of(construct)
    for resource in resources:
        name = _as_nag_writes_it(stack.resolve(resource))
        if "*" in name:
            acknowledge(construct, f"IAM5[Resource::{name}]", because=because)


def _as_nag_writes_it(value: object) -> str:
    """Returns a policy's resource in the form that cdk-nag uses in a finding's name."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_as_nag_writes_it, parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return json.dumps(value, separators=(",", ":"))
