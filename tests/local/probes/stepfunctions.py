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
def execution_without_a_name(world: World) -> str:
    machine = world.state_machine({"It": {"Type": "Pass", "End": True}})
    arn = world.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    return str(arn).rpartition(":")[2]


@probe
def execution_with_a_wrong_name(world: World) -> Any:
    machine = world.state_machine({"It": {"Type": "Pass", "End": True}})
    states = world.client("stepfunctions")
    return outcome(lambda: bool(states.start_execution(stateMachineArn=machine, name="a name: <1>")["executionArn"]))
