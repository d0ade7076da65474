"""The Lambda functions: what the template says of them is what the code needs. The outputs: what clients read."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

from stepsweep.contract import keys
from stepsweep.contract.deployed import Output
from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

ENDS = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
ROOMS = ("bucket", "contract", "statemachine")
"""Of the package, which a function holds; the reducer also holds that of the page."""


def findings(subject: Subject) -> Findings:
    state_machine = subject.one("AWS::StepFunctions::StateMachine")
    for name, function in subject.all("AWS::Lambda::Function").items():
        code = subject.assembly / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
        if not code.is_dir():
            yield f"{name}: its code is not in the assembly"
        elif function["Runtime"].startswith("python"):
            yield from (f"{name}: {fault}" for fault in _faults(code, function))
        if not 1 <= function.get("Timeout", 3) <= 900:
            yield f"{name}: Timeout must be from 1 to 900 seconds"
    yield from (f"output {output} is missing; the client reads it" for output in _missing_outputs(subject))
    watched = {
        dimension["Value"]
        for alarm in subject.all("AWS::CloudWatch::Alarm").values()
        if alarm["Threshold"] == 1 and alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        for dimension in alarm.get("Dimensions", [])
    }
    used = {name for name, function in subject.all("AWS::Lambda::Function").items() if "python" in function["Runtime"]}
    used |= {subject.resolved({"Ref": name}) for name in subject.ids("AWS::StepFunctions::StateMachine")}
    if subject.ids("AWS::SNS::Topic"):
        yield from (f"{name}: no alarm says that it breaks" for name in sorted(used - watched))
    for name, alarm in subject.all("AWS::CloudWatch::Alarm").items():
        if not alarm.get("AlarmActions"):
            yield f"{name}: costs money, and nobody hears of it"
    yield from _faults_of_rules(subject)
    if not state_machine["StateMachineName"].endswith("-sweep"):
        yield "the state machine's name is not one that a person can type"


def _faults_of_rules(subject: Subject) -> Iterator[str]:
    """Yields the events that a rule should not take, and those that it misses, as moto's EventBridge reads it."""
    from moto.events.models import EventPattern

    (own,) = (subject.resolved({"Ref": name}) for name in subject.ids("AWS::StepFunctions::StateMachine"))
    kind = "Step Functions Execution Status Change"
    for name, rule in subject.all("AWS::Events::Rule").items():
        if not rule.get("Targets"):
            yield f"{name}: calls nothing"
        pattern = EventPattern(None, rule["EventPattern"])
        for machine, status in product((own, f"{own}-of-others"), ("RUNNING", "PENDING_REDRIVE", *ENDS)):
            detail = {"stateMachineArn": machine, "status": status}
            for event in (
                {"source": "aws.states", "detail-type": kind, "detail": detail},
                {"source": "others", "detail-type": "of others", "detail": detail},
            ):
                is_an_end = machine == own and status in ENDS and event["source"] == "aws.states"
                if pattern.matches_event(event) is not is_an_end:
                    yield f"{name}: {'misses' if is_an_end else 'takes'} {event['source']} {machine} {status}"


def _faults(code: Path, function: dict[str, object]) -> Iterator[str]:
    handler = str(function["Handler"])
    module = code.joinpath(*handler.split(".")[:-1]).with_suffix(".py")
    if not module.is_file():
        yield f"its handler {handler} is not in its code"
        return
    tree = _parsed(module)
    if handler.rpartition(".")[2] not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
        yield f"its handler {handler} is not in its code"
    variables = function["Environment"]["Variables"]  # type: ignore[index]
    for name in _read_from_environment(tree) - variables.keys():
        yield f"its code reads {name}, which is not in its environment"
    yield from (f"{name} must be a text" for name, value in variables.items() if not isinstance(value, str))
    if not function.get("Description"):
        yield "the console does not say what it is for"
    is_layered = bool(function.get("Layers"))
    if is_layered != bool(needs := _third_party(code, module)):
        yield f"it imports {needs}, and has {'a' if is_layered else 'no'} layer for it"
    rooms = sorted(path.relative_to(code).as_posix() for path in code.glob("*/*/"))
    wanted = sorted((*ROOMS, "page") if handler.endswith("reducer.handler") else ROOMS)
    if rooms != [f"stepsweep/{room}" for room in wanted] or len(list(code.iterdir())) > 1:
        yield f"its code holds {rooms}, not {', '.join(wanted)} of stepsweep alone"
    # A whole planning or reducing of 10,000 trials; what Lambda gives by itself is 3 seconds and 128 MB.
    if int(str(function.get("Timeout", 3))) < 60 or int(str(function.get("MemorySize", 128))) < 512:
        yield "10,000 trials take longer, or more memory"


@cache
def _parsed(file: Path) -> ast.Module:
    """The code is that of every seeded fault."""
    return ast.parse(file.read_text())


@cache
def _imported(file: Path) -> frozenset[str]:
    """Returns the modules that a module imports."""
    nodes = list(ast.walk(_parsed(file)))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return frozenset(whole | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)})


@cache
def _third_party(code: Path, module: Path) -> list[str]:
    """Returns what a module, and what it imports of our code, imports that neither Python nor Lambda has."""
    imported: set[str] = set()
    waiting, read = [module], set()
    while waiting:
        read.add(file := waiting.pop())
        imported |= (names := _imported(file))
        ours = {code.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.startswith("stepsweep.")}
        waiting += [each for each in ours - read if each.is_file()]
    known = {
        *sys.stdlib_module_names,
        "boto3",
        "botocore",
        "mypy_boto3_batch",
        "mypy_boto3_logs",
        "mypy_boto3_s3",
        "stepsweep",
    }
    return sorted({name.partition(".")[0] for name in imported} - known)


def _read_from_environment(tree: ast.Module) -> set[str]:
    """Returns the names of `os.environ[keys.NAME]` in a module."""
    return {
        str(getattr(keys, node.slice.attr))
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Attribute)
        if ast.unparse(node.value) == "os.environ"
    }


def _missing_outputs(subject: Subject) -> list[str]:
    return [name for name in Output if name not in subject.template.get("Outputs", {})]
