"""Requests that states send, against the services' own models: names, what is required, and types.

A number where Batch wants a text ends the whole Map and passes every Catch; a misspelt parameter fails at run time.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

RESOURCE = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(?P<service>\w+):(?P<action>\w+)(?P<pattern>\.\w+)?")

PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "boolean": bool,
}


def findings(subject: Subject) -> Findings:
    for name, state, _ in subject.states():
        if state["Type"] != "Task":
            continue
        found = RESOURCE.fullmatch(state["Resource"])
        operation = operation_of(found["service"], found["action"]) if found else None
        if operation is None:
            yield f"{name}: {state['Resource']} is no service integration"
            continue
        shape = operation.input_shape
        assert isinstance(shape, StructureShape)
        yield from (f"{name}.{fault}" for fault in _faults(shape, state.get("Parameters", {}), "Parameters"))


@cache
def operation_of(service: str, action: str) -> OperationModel | None:
    """Returns the model of `submitJob` of `batch`, or None where there is none."""
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return None
    model = session.get_service_model(service)
    name = action[:1].upper() + action[1:]
    return model.operation_model(name) if name in model.operation_names else None


def _faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    match shape:
        case StructureShape():
            yield from _faults_of_fields(shape, value, where)
        case ListShape():
            if not isinstance(value, list):
                yield f"{where}: must be a list, is {value!r}"
                return
            for index, item in enumerate(value):
                yield from _faults(shape.member, item, f"{where}[{index}]")
        case MapShape():
            for key, item in value.items():
                if not key.endswith(".$"):
                    yield from _faults(shape.value, item, f"{where}.{key}")
        case _:
            wanted = PYTHON_TYPES.get(shape.type_name)  # a blob, such as S3's Body, takes any JSON
            is_bool = isinstance(value, bool)
            if wanted and (not isinstance(value, wanted) or (is_bool and wanted is not bool)):
                yield f"{where}: must be {shape.type_name}, is {value!r}"
            if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
                yield f"{where}: must be one of {', '.join(shape.enum)}, is {value!r}"


def _faults_of_fields(shape: StructureShape, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: must be an object, is {value!r}"
        return
    # Step Functions writes the names of all services' parameters in PascalCase.
    members = {name[:1].upper() + name[1:]: (name, member) for name, member in shape.members.items()}
    given = {key.removesuffix(".$") for key in value}
    for key, item in value.items():
        if key.removesuffix(".$") not in members:
            yield f"{where}.{key}: there is no such parameter"
        elif not key.endswith(".$"):
            yield from _faults(members[key][1], item, f"{where}.{key}")
    for name, (wire_name, _) in members.items():
        if wire_name in shape.required_members and name not in given:
            yield f"{where}.{name}: is required"
