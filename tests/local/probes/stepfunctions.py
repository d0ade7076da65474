"""Executions of state machines."""

import json
from typing import Any

from tests.local.probes.world import REGION, World, outcome, probe
from tests.support.embedded import eventually


@probe
def stack_state_machine(world: World) -> Any:
    definition = json.dumps(
        {"StartAt": "End", "States": {"End": {"Type": "Pass", "Result": {"it": "ran"}, "End": True}}}
    )
    properties = {"DefinitionString": definition, "RoleArn": world.role(), "StateMachineName": "of-a-stack"}
    resources = {"It": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}
    template = {"Resources": resources}
    world.client("cloudformation").create_stack(StackName="machine", TemplateBody=json.dumps(template))
    states = world.client("stepfunctions")
    arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:of-a-stack"

    def result() -> Any:
        execution = states.start_execution(stateMachineArn=arn, name="one")["executionArn"]
        return eventually(lambda: states.describe_execution(executionArn=execution).get("output"), 20)

    return outcome(result)


@probe
def executions_as_they_end(world: World) -> list[Any]:
    """What a request gets about an execution that succeeds, and one that fails, at the moment their status changes."""
    from moto.stepfunctions.parser.backend.execution import Execution

    told: list[Any] = []

    def noted(self: Any, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name == "exec_status" and value in ("SUCCEEDED", "FAILED"):
            described = self.to_describe_output()
            told.append([described.get("output"), described.get("error")])

    Execution.__setattr__ = noted
    try:
        world.executed({"It": {"Type": "Pass", "End": True}}, {"lr": 0.1})
        world.executed({"It": {"Type": "Fail", "Error": "TooHigh", "Cause": "lr"}})
    finally:
        del Execution.__setattr__
    return told


@probe
def execution_without_a_name(world: World) -> str:
    machine = world.state_machine({"It": {"Type": "Pass", "End": True}})
    arn = world.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    return str(arn).rpartition(":")[2]


@probe
def execution_with_a_wrong_name(world: World) -> Any:
    machine = world.state_machine({"It": {"Type": "Pass", "End": True}})
    states = world.client("stepfunctions")
    return outcome(lambda: bool(states.start_execution(stateMachineArn=machine, name="a name: <1>")["executionArn"]))
