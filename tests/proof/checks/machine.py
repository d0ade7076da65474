"""The state machine as a whole: every state is reached, every choice is made, and it ends some day."""

import json
import re
from typing import Any

from tests.proof.checks.check import Findings
from tests.proof.subject import ACCOUNT, REGION, Subject

LONGEST_SECONDS = 14 * 24 * 60 * 60


def findings(subject: Subject) -> Findings:
    properties = subject.one("AWS::StepFunctions::StateMachine")
    if properties.get("StateMachineType", "STANDARD") != "STANDARD":
        yield "an EXPRESS state machine ends after five minutes and has no Distributed Map"
    if not 0 < subject.definition.get("TimeoutSeconds", 0) <= LONGEST_SECONDS:
        yield "TimeoutSeconds: an execution must end within 14 days; the default is a year"
    if properties.get("LoggingConfiguration", {}).get("IncludeExecutionData"):
        yield "LoggingConfiguration: what a person searches for must not be logged"
    if not properties.get("TracingConfiguration", {}).get("Enabled"):
        yield "TracingConfiguration: is off"
    if len(json.dumps(subject.definition)) > 1024 * 1024:
        yield "the definition is larger than 1 MB"
    if subject.rendered is None:
        raw = next(iter(_machine(subject.template)))
        yield from (f"{text!r} is written out; it is another one elsewhere" for text in _written_out(raw))
    for machine in _machines(subject.definition):
        reached = set(_reached(machine))
        yield from (f"{name}: is never reached" for name in machine["States"].keys() - reached)
    for name, state, _ in subject.states():
        if len(name) > 80:
            yield f"{name}: a state's name has at most 80 characters"
        if not state.get("Comment") and state["Type"] != "Choice":
            yield f"{name}: has no comment; it is what a person reads in the console"
        if state["Type"] == "Choice" and "Default" not in state:
            yield f"{name}: an input that no choice matches fails with States.NoChoiceMatched"


def _machine(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine"]


def _written_out(properties: dict[str, Any]) -> list[str]:
    """Returns what the text of a definition says itself, where CloudFormation should."""
    definition = properties["DefinitionString"]
    parts = definition["Fn::Join"][1] if isinstance(definition, dict) else [definition]
    text = "".join(part if isinstance(part, str) else "<CloudFormation's>" for part in parts)
    return re.findall(rf"arn:aws[a-z-]*:|{ACCOUNT}|{REGION}", text)


def _machines(definition: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [state["ItemProcessor"] for state in definition["States"].values() if "ItemProcessor" in state]
    inner += [branch for state in definition["States"].values() for branch in state.get("Branches", [])]
    return [definition, *(machine for processor in inner for machine in _machines(processor))]


def _reached(machine: dict[str, Any]) -> list[str]:
    reached: list[str] = []
    waiting = [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.append(name)
        state = machine["States"].get(name, {})
        following = [state.get("Next"), state.get("Default")]
        following += [branch["Next"] for kind in ("Choices", "Catch") for branch in state.get(kind, [])]
        waiting += [target for target in following if target]
    return reached
