"""Faults to seed into what `cdk synth` wrote, one at a time: the mutation test of the proof.

Each is something that somebody does by mistake, or that CDK did to somebody, and that an account would show only when
the stack is deployed or a sweep runs.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepsweep.statemachine.retried import FUNCTION_ERRORS, STORE_ERRORS, SUBMIT_ERRORS
from tests.proof.checks import CHECKS
from tests.proof.checks.check import Check
from tests.proof.checks.machines import KEEPS_METADATA
from tests.proof.subject import Subject

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        in_definition: seeded into the state machine's definition; into the template otherwise.
        seed: changes its argument in place.
        missed_because: why no check is expected to find it.
    """

    says: str
    in_definition: bool
    seed: Callable[[Json], object]
    missed_because: str = ""

    def seeded(self, subject: Subject) -> Subject:
        """Returns the subject with the fault in it."""
        if self.in_definition:
            definition = copy.deepcopy(subject.definition)
            self.seed(definition)
            assert definition != subject.definition, self.says
            return replace(subject, rendered=definition)
        template = copy.deepcopy(subject.template)
        self.seed(template)
        assert template != subject.template, self.says
        return replace(subject, template=template)


def found_by(subject: Subject, faults: Sequence[Fault], checks: Sequence[Check] = CHECKS) -> list[list[str]]:
    """Returns, for each fault, the names of the checks that find it. Costly checks are asked about the rest only."""
    subjects = [fault.seeded(subject) for fault in faults]
    found: list[list[str]] = [[] for _ in faults]
    for check in checks:
        asked = [number for number in range(len(faults)) if not (check.costly and found[number])]
        for number, findings in zip(asked, check.of_many([subjects[number] for number in asked]), strict=True):
            if findings:
                found[number].append(check.name)
    return found


# --- Where things are -------------------------------------------------------------------------------------------------


MAP_OF_WORKERS = "Let the workers train"
GUARDED = "Train, and watch that jobs start"


def _state(definition: Json, name: str) -> Json:
    branches = [branch["States"] for branch in definition["States"][GUARDED]["Branches"]]
    maps = (branches[0][each]["ItemProcessor"]["States"] for each in ("Train the trials", MAP_OF_WORKERS))
    state: Json = next(states[name] for states in (definition["States"], *branches, *maps) if name in states)
    return state


def _map(definition: Json) -> Json:
    return _state(definition, "Train the trials")


def _train(definition: Json) -> Json:
    return _state(definition, "Train one trial")


def _resources(template: Json, kind: str) -> list[Json]:
    return [resource for resource in template["Resources"].values() if resource["Type"] == kind]


def _properties(template: Json, kind: str, number: int = 0) -> Json:
    properties: Json = _resources(template, kind)[number]["Properties"]
    return properties


def _function(template: Json, module: str) -> Json:
    functions = [resource["Properties"] for resource in _resources(template, "AWS::Lambda::Function")]
    return next(function for function in functions if module in function["Handler"])


def _statements(template: Json, part_of_name: str) -> list[Json]:
    policies = [resource["Properties"] for resource in _resources(template, "AWS::IAM::Policy")]
    policy = next(policy for policy in policies if part_of_name in policy["PolicyName"])
    statements: list[Json] = policy["PolicyDocument"]["Statement"]
    return statements


def _without_action(statements: list[Json], action: str) -> None:
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [name for name in actions if name != action]
    statements[:] = [statement for statement in statements if statement["Action"]]


def _set(place: Json, key: str, value: Any) -> Json:
    place[key] = value
    return place


def _renamed(place: Json, old: str, new: str) -> None:
    place[new] = place.pop(old)


def _add(template: Json, kind: str, properties: Json) -> None:
    template["Resources"]["Seeded"] = {"Type": kind, "Properties": properties}


def _partition_written_out(template: Json) -> None:
    parts = _properties(template, "AWS::StepFunctions::StateMachine")["DefinitionString"]["Fn::Join"][1]
    parts[parts.index({"Ref": "AWS::Partition"})] = "aws"


def _definition(says: str, seed: Callable[[Json], object], *, missed_because: str = "") -> Fault:
    return Fault(says=says, in_definition=True, seed=seed, missed_because=missed_because)


def _template(says: str, seed: Callable[[Json], object], *, missed_because: str = "") -> Fault:
    return Fault(says=says, in_definition=False, seed=seed, missed_because=missed_because)


def _container(template: Json) -> Json:
    container: Json = _properties(template, "AWS::Batch::JobDefinition")["ContainerProperties"]
    return container


def _with_environment(definition: Json, variables: list[Json]) -> None:
    overrides = _train(definition)["Parameters"]["ContainerOverrides"]
    del overrides["Environment.$"]
    overrides["Environment"] = variables


def _swap_functions(definition: Json) -> None:
    plan, reduce = (_state(definition, name)["Parameters"] for name in ("Plan the trials", "Pick the winner"))
    plan["FunctionName"], reduce["FunctionName"] = reduce["FunctionName"], plan["FunctionName"]


def _swap_choices(definition: Json, name: str) -> None:
    first, second = _state(definition, name)["Choices"][:2]
    first["Next"], second["Next"] = second["Next"], first["Next"]


def _without_error(state: str, error: str) -> Callable[[Json], object]:
    return lambda definition: _state(definition, state)["Retry"][0]["ErrorEquals"].remove(error)


# --- The state machine ------------------------------------------------------------------------------------------------

DEFINITION = (
    _definition(
        "a path under a key without .$",
        lambda d: _renamed(_train(d)["Parameters"], "JobName.$", "JobName"),
    ),
    _definition(
        "a path in the environment under a key without .$",
        lambda d: _renamed(_train(d)["Parameters"]["ContainerOverrides"], "Environment.$", "Environment"),
    ),
    _definition(
        "a text under a key that ends in .$",
        lambda d: _set(_state(d, "Record the success")["Parameters"], "ContentType.$", "application/json"),
    ),
    _definition(
        "a number where Batch wants a text",
        lambda d: _with_environment(d, [{"Name": "EPOCHS", "Value": 10}]),
    ),
    _definition(
        "a text where Batch wants the list of the command",
        lambda d: _set(_train(d)["Parameters"]["ContainerOverrides"], "Command.$", "$.trial_id"),
    ),
    _definition(
        "a parameter of SubmitJob that does not exist",
        lambda d: _set(_train(d)["Parameters"], "ContainerOverride", {}),
    ),
    _definition("SubmitJob without a queue", lambda d: _train(d)["Parameters"].pop("JobQueue")),
    _definition("a job without a share", lambda d: _train(d)["Parameters"].pop("ShareIdentifier.$")),
    _definition("a share without a priority", lambda d: _train(d)["Parameters"].pop("SchedulingPriorityOverride")),
    _definition(
        "a share whose weight nobody says", lambda d: _set(_train(d)["Parameters"], "ShareIdentifier.$", "$.sweep")
    ),
    _definition(
        "a path that nothing writes",
        lambda d: _set(_train(d)["Parameters"]["ContainerOverrides"], "Environment.$", "$.enviroment"),
    ),
    _definition(
        "a job that is not told where its results go",
        lambda d: _train(d)["Parameters"]["ContainerOverrides"].pop("Environment.$"),
    ),
    _definition(
        "a job with the variables of no trial", lambda d: _with_environment(d, [{"Name": "EPOCHS", "Value": "10"}])
    ),
    _definition("attempts without rules", lambda d: _train(d)["Parameters"]["RetryStrategy"].pop("EvaluateOnExit")),
    _definition("a job whose attempts nobody says", lambda d: _train(d)["Parameters"].pop("RetryStrategy")),
    _definition(
        "a job that is not waited for", lambda d: _set(_train(d), "Resource", "arn:aws:states:::batch:submitJob")
    ),
    _definition(
        "a failed job submitted again", lambda d: _train(d)["Retry"][0]["ErrorEquals"].append("States.TaskFailed")
    ),
    _definition(
        "a catch-all that is not last",
        lambda d: _train(d)["Catch"].append(
            {"ErrorEquals": ["Batch.ClientException"], "ResultPath": "$.failure", "Next": "Record the failure"}
        ),
    ),
    _definition("a failure that is not caught", lambda d: _train(d).pop("Catch")),
    _definition("a failure that takes the trial's place", lambda d: _train(d)["Catch"][0].pop("ResultPath")),
    _definition("a failure recorded as a success", lambda d: _set(_train(d)["Catch"][0], "Next", "Record the success")),
    _definition("MaxDelay below Interval", lambda d: _set(_train(d)["Retry"][0], "MaxDelaySeconds", 1)),
    _definition("no back-off", lambda d: _set(_train(d)["Retry"][0], "BackoffRate", 1)),
    _definition("no jitter", lambda d: _train(d)["Retry"][0].pop("JitterStrategy")),
    *(
        _definition(f"{error} of {state} is not tried again", _without_error(state, error))
        for state, errors in (
            ("Plan the trials", FUNCTION_ERRORS),
            ("Train one trial", SUBMIT_ERRORS),
            ("Record the success", STORE_ERRORS),
        )
        for error in errors
    ),
    _definition(
        "submissions given up before Batch has taken 10,000",
        lambda d: _set(_train(d)["Retry"][0], "MaxAttempts", 10),
    ),
    _definition("throttling that is not tried again", lambda d: _train(d).pop("Retry")),
    _definition(
        "an error's name misspelt",
        lambda d: _set(
            _train(d)["Retry"][0], "ErrorEquals", ["Batch.TooManyRequestException", "Batch.TooManyRequests"]
        ),
    ),
    _definition(
        "an error of another service",
        lambda d: _state(d, "Record the success")["Retry"][0]["ErrorEquals"].append("Batch.ServerException"),
    ),
    _definition("a Map without a result writer", lambda d: _map(d).pop("ResultWriter")),
    _definition("a Map whose result takes the sweep's place", lambda d: _map(d).pop("ResultPath")),
    _definition("a Map whose result is dropped", lambda d: _set(_map(d), "ResultPath", None)),
    _definition(
        "a reducer that is not told where the record is",
        lambda d: _state(d, "Pick the winner")["Parameters"]["Payload"].pop("ended.$"),
    ),
    _definition(
        "a record that the branch that trains keeps to itself",
        lambda d: _set(_state(d, "Training has ended"), "CausePath", "$.sweep"),
    ),
    _definition(
        "a sweep that nobody watches",
        lambda d: _state(d, GUARDED)["Branches"].pop(),
    ),
    _definition(
        "a training that waits for the branch that watches it",
        lambda d: (
            _state(d, "Training has ended")
            and d["States"][GUARDED]["Branches"][0]["States"].update(
                {"Training has ended": {"Type": "Succeed", "Comment": "All trials have ended."}}
            )
        ),
    ),
    _definition(
        "a search that runs freely and is not watched",
        lambda d: _set(_state(d, MAP_OF_WORKERS), "Next", "Train the trials"),
    ),
    _definition("a sweep that fails when its training ends", lambda d: _state(d, GUARDED)["Catch"].pop(0)),
    _definition("a sweep that fails when no job starts", lambda d: _state(d, GUARDED)["Catch"].pop(1)),
    _definition(
        "jobs that start when their sweep is over",
        lambda d: _set(_state(d, GUARDED)["Catch"][1], "Next", "Pick the winner"),
    ),
    _definition(
        "how the training ended in the sweep's place", lambda d: _state(d, GUARDED)["Catch"][0].pop("ResultPath")
    ),
    _definition(
        "no time for a machine to start", lambda d: _set(_state(d, "Give the jobs time to start"), "Seconds", 0)
    ),
    _definition(
        "a look that ends the sweep when it fails", lambda d: _state(d, "Look whether a job started").pop("Catch")
    ),
    _definition(
        "a sweep that ends while it waits for its turn",
        lambda d: _set(_state(d, "Has a job started?")["Choices"][1], "Next", "No job started"),
    ),
    _definition(
        "a sweep whose jobs never start, and that goes on",
        lambda d: _set(_state(d, "Has a job started?")["Choices"][0], "Next", "Jobs start"),
    ),
    _definition(
        "a winner that is lost with jobs that do not end", lambda d: _state(d, "End the waiting jobs").pop("Catch")
    ),
    _definition("an inline Map", lambda d: _set(_map(d)["ItemProcessor"]["ProcessorConfig"], "Mode", "INLINE")),
    _definition(
        "EXPRESS children", lambda d: _set(_map(d)["ItemProcessor"]["ProcessorConfig"], "ExecutionType", "EXPRESS")
    ),
    _definition("a Map that one failed trial fails", lambda d: _map(d).pop("ToleratedFailurePercentage")),
    _definition("a Map that is tried again", lambda d: _set(_map(d), "Retry", [{"ErrorEquals": ["States.ALL"]}])),
    _definition("items that are read only once", lambda d: _map(d).pop("Retry")),
    _definition("a sweep lost with the Map's own record", lambda d: _map(d).pop("Catch")),
    _definition("the error in the sweep's place", lambda d: _map(d)["Catch"][0].pop("ResultPath")),
    _definition(
        "items that are read as CSV", lambda d: _set(_map(d)["ItemReader"]["ReaderConfig"], "InputType", "CSV")
    ),
    _definition(
        "the plan read instead of what is left to train",
        lambda d: _set(_map(d)["ItemReader"]["Parameters"], "Key.$", "$.plan_key"),
    ),
    _definition("all jobs submitted at once", lambda d: _map(d).pop("MaxConcurrencyPath")),
    _definition("as many trials at once as there are rounds", lambda d: _set(_map(d), "MaxConcurrencyPath", "$.round")),
    _definition("another label than the policy has", lambda d: _set(_map(d), "Label", "Jobs")),
    _definition("a state that does not exist", lambda d: _set(_map(d), "Next", "Pick a winner")),
    _definition(
        "a state that is never reached",
        lambda d: _set(d["States"], "Forgotten", {"Type": "Succeed", "Comment": "Nobody comes here."}),
    ),
    _definition("a choice without a default", lambda d: _state(d, "Anything to train?").pop("Default")),
    _definition(
        "a choice the wrong way round",
        lambda d: _set(_state(d, "Another round?")["Choices"][0], "BooleanEquals", False),
    ),
    _definition(
        "a choice by the wrong number",
        lambda d: _set(_state(d, "Anything to train?")["Choices"][1], "NumericEquals", 2),
    ),
    _definition(
        "a Choice whose branches are swapped",
        lambda d: _state(d, "Another round?")["Choices"].reverse(),
        missed_because="no answer of a function has another round and a fault at once, so the order decides nothing",
    ),
    _definition("planner and reducer swapped", _swap_functions),
    _definition(
        "a model that is never asked",
        lambda d: _set(_state(d, "Does a model search?")["Choices"][0], "Next", "Plan the trials"),
    ),
    _definition(
        "a model that is asked where there is none",
        lambda d: _set(_state(d, "Does a model search?"), "Default", "Ask the model"),
        missed_because="only halving has rounds without a model, and asking costs it a function's start and no more",
    ),
    _definition("Lambda's envelope left around the answer", lambda d: _state(d, "Plan the trials").pop("OutputPath")),
    _definition("a cause that is a text", lambda d: _renamed(_state(d, "Wrong input"), "CausePath", "Cause")),
    _definition(
        "a person's input where the round is read",
        lambda d: _state(d, "Begin with round 0").pop("Result"),
    ),
    _definition("both Next and End", lambda d: _set(_map(d), "End", True)),
    _definition("an execution that never ends", lambda d: d.pop("TimeoutSeconds")),
    _definition("what S3 answers in the trial's place", lambda d: _state(d, "Record the success").pop("ResultPath")),
    _definition("all of a trial in the record", lambda d: _state(d, "Record the failure").pop("OutputPath")),
    _definition(
        "an outcome under the wrong key",
        lambda d: _set(_state(d, "Record the failure")["Parameters"], "Key.$", "$.trial_id"),
    ),
    _definition(
        "a time-out of a trial in seconds for minutes",
        lambda d: _set(_train(d), "TimeoutSeconds", 120),
    ),
    _definition("a worker that stops when its job fails", lambda d: _state(d, "Train the next trial").pop("Catch")),
    _definition(
        "a failure in the question's place", lambda d: _state(d, "Train the next trial")["Catch"][0].pop("ResultPath")
    ),
    _definition(
        "a worker that trains one trial only",
        lambda d: _set(_state(d, "Train the next trial"), "Next", "Nothing is left"),
    ),
    _definition(
        "an answer that is kept beside the question", lambda d: _state(d, "Ask what is next").pop("OutputPath")
    ),
    _definition("a worker that is told where to ask again, and trains", lambda d: _swap_choices(d, "Another trial?")),
    _definition(
        "a worker that fails if it cannot end the others", lambda d: _state(d, "End the running trials").pop("Catch")
    ),
    _definition("a worker's last state in its output", lambda d: _state(d, "Nothing is left").pop("OutputPath")),
    _definition("the workers' output in the sweep's place", lambda d: _state(d, MAP_OF_WORKERS).pop("ResultPath")),
    _definition(
        "one worker that fails the others", lambda d: _state(d, MAP_OF_WORKERS).pop("ToleratedFailurePercentage")
    ),
    _definition(
        "a free-running search whose trials go in rounds",
        lambda d: _set(_state(d, "In rounds?")["Choices"][0], "IsNumeric", False),
    ),
)


# --- The template -----------------------------------------------------------------------------------------------------

COMPUTE = "AWS::Batch::ComputeEnvironment"
QUEUE = "AWS::Batch::JobQueue"
JOB = "AWS::Batch::JobDefinition"
BUCKET = "AWS::S3::Bucket"
MACHINE = "AWS::StepFunctions::StateMachine"

ALARM = {
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "Errors",
    "Namespace": "AWS/Lambda",
    "Period": 3600,
    "Statistic": "Sum",
    "Threshold": 1,
}

TEMPLATE = (
    _template("the partition written out", _partition_written_out),
    _template("an EXPRESS state machine", lambda t: _set(_properties(t, MACHINE), "StateMachineType", "EXPRESS")),
    _template("a bucket that is retained", lambda t: _set(_resources(t, BUCKET)[0], "DeletionPolicy", "Retain")),
    _template("a bucket that is not emptied", lambda t: _drop(t, "Custom::S3AutoDeleteObjects")),
    _template(
        "a public bucket",
        lambda t: _set(_properties(t, BUCKET)["PublicAccessBlockConfiguration"], "BlockPublicPolicy", False),
    ),
    _template(
        "metrics that expire", lambda t: _properties(t, BUCKET)["LifecycleConfiguration"]["Rules"][1].pop("Prefix")
    ),
    _template(
        "checkpoints for ever",
        lambda t: [
            _set(rule, "Prefix", "elsewhere/")
            for rule in _properties(t, BUCKET)["LifecycleConfiguration"]["Rules"]
            if rule.get("Prefix") == "checkpoints/"
        ],
    ),
    _template(
        "plain HTTP to the bucket",
        lambda t: _properties(t, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"].pop(0),
    ),
    _template(
        "metrics that another job may replace",
        lambda t: _properties(t, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"].pop(),
    ),
    _template(
        "checkpoints that cannot be replaced",
        lambda t: _set(
            _properties(t, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"][-1], "Resource", _objects(t, "*")
        ),
    ),
    _template(
        "a log group that is retained",
        lambda t: _set(_resources(t, "AWS::Logs::LogGroup")[0], "DeletionPolicy", "Retain"),
    ),
    _template("logs for ever", lambda t: _properties(t, "AWS::Logs::LogGroup").pop("RetentionInDays")),
    _template("a log group that Lambda makes", lambda t: _function(t, "planner").pop("LoggingConfig")),
    _template(
        "a NAT gateway",
        lambda t: _add(
            t,
            "AWS::EC2::NatGateway",
            {"SubnetId": {"Ref": next(iter(_ids(t, "AWS::EC2::Subnet")))}, "ConnectivityType": "private"},
        ),
    ),
    _template(
        "an interface endpoint", lambda t: _set(_properties(t, "AWS::EC2::VPCEndpoint"), "VpcEndpointType", "Interface")
    ),
    _template(
        "a way in",
        lambda t: _set(
            _properties(t, "AWS::EC2::SecurityGroup"),
            "SecurityGroupIngress",
            [{"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}],
        ),
    ),
    _template("no way out", lambda t: _drop(t, "AWS::EC2::Route")),
    _template(
        "machines without an address", lambda t: _set(_properties(t, "AWS::EC2::Subnet"), "MapPublicIpOnLaunch", False)
    ),
    _template("machines at rest", lambda t: _set(_properties(t, COMPUTE)["ComputeResources"], "MinvCpus", 4)),
    _template(
        "a machine image without a GPU driver",
        lambda t: _set(_properties(t, COMPUTE)["ComputeResources"]["Ec2Configuration"][0], "ImageType", "ECS_AL2023"),
    ),
    _template(
        "a secret's value in place of its ARN",
        lambda t: _set(_container(t), "Secrets", [{"Name": "WANDB_API_KEY", "ValueFrom": "0123456789abcdef"}]),
    ),
    _template(
        "a trial with a thread for each processor of its machine", lambda t: _without_variable(t, "OMP_NUM_THREADS")
    ),
    _template("a job without a region", lambda t: _without_variable(t, "AWS_DEFAULT_REGION")),
    _template(
        "a region written out",
        lambda t: [_set(v, "Value", "eu-west-1") for v in _container(t)["Environment"] if v["Name"] == "AWS_REGION"],
    ),
    _template(
        "a secret as a plain variable",
        lambda t: _container(t)["Environment"].append({"Name": "HF_TOKEN", "Value": "hf_0123456789"}),
    ),
    _template("a machine too small for a job", lambda t: _needs(t, "MEMORY", "16000")),
    _template("a job of more GPUs than a machine has", lambda t: _needs(t, "GPU", "2")),
    _template(
        "an Arm machine", lambda t: _set(_properties(t, COMPUTE)["ComputeResources"], "InstanceTypes", ["g5g.xlarge"])
    ),
    _template(
        "an instance type that does not exist",
        lambda t: _set(_properties(t, COMPUTE)["ComputeResources"], "InstanceTypes", ["g4dn.extra"]),
    ),
    _template(
        "the first version of the launch template for ever",
        lambda t: _properties(t, COMPUTE)["ComputeResources"]["LaunchTemplate"].pop("Version"),
    ),
    _template(
        "credentials of the machine in reach of a container",
        lambda t: _set(
            _properties(t, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["MetadataOptions"],
            "HttpTokens",
            "optional",
        ),
    ),
    _template(
        "credentials of the machine in reach of a trial, which has the machine's network",
        lambda t: _machine(t).pop("UserData"),
    ),
    _template(
        "user data that Batch does not take",
        lambda t: _set(_machine(t), "UserData", {"Fn::Base64": f"#!/bin/bash\n{KEEPS_METADATA}\n"}),
    ),
    _template(
        "a reclaimed machine that gets further trials",
        lambda t: _replaced(_machine(t)["UserData"], "Fn::Base64", "DRAINING=true", "DRAINING=false"),
    ),
    _template(
        "the metadata kept from root too, which the ECS agent is",
        lambda t: _replaced(_machine(t)["UserData"], "Fn::Base64", "! --uid-owner root ", ""),
    ),
    _template(
        "a machine that may do all that AWS's policy allows it",
        lambda t: _statements(t, "MachinesRole").append({"Effect": "Allow", "Action": "logs:*", "Resource": "*"}),
    ),
    _template(
        "a machine that cannot pull the image",
        lambda t: _without_action(_statements(t, "MachinesRole"), "ecr:BatchGetImage"),
    ),
    _template(
        "a machine that cannot join the cluster",
        lambda t: _without_action(_statements(t, "MachinesRole"), "ecs:RegisterContainerInstance"),
    ),
    _template(
        "an update that waits longer than Batch takes",
        lambda t: _set(_properties(t, COMPUTE)["UpdatePolicy"], "JobExecutionTimeoutMinutes", 480),
    ),
    _template(
        "jobs cancelled while their first machine starts",
        lambda t: [
            _set(limit, "MaxTimeSeconds", 600)
            for limit in _properties(t, QUEUE)["JobStateTimeLimitActions"]
            if "JOB_RESOURCE" in limit["Reason"]
        ],
    ),
    _template("a /tmp from which nothing can be loaded", lambda t: _tmp(t)["MountOptions"].remove("exec")),
    _template(
        "a container that Docker could not start is not tried again",
        lambda t: [
            _set(rule, "OnReason", "CannotPullContainerError:*")
            for rule in _rules(t)
            if rule.get("OnReason") == "Cannot*"
        ],
    ),
    _template(
        "what never started ends a trial",
        lambda t: _rules(t).append({"Action": "EXIT", "OnReason": _rules(t).pop()["OnExitCode"]}),
    ),
    _template("sweeps first in, first out", lambda t: _sweep_queue(t).pop("SchedulingPolicyArn")),
    _template("jobs by hand behind those of all sweeps", lambda t: _set(_sweep_queue(t), "Priority", 9)),
    _template("machines that stay idle for nobody", lambda t: _set(_fair(t), "ComputeReservation", 50)),
    _template("urgent sweeps that go last", lambda t: _set(_fair(t)["ShareDistribution"][0], "WeightFactor", 100)),
    _template("shares that overlap", lambda t: _set(_fair(t)["ShareDistribution"][0], "ShareIdentifier", "n*")),
    _template("a share that Batch refuses", lambda t: _set(_fair(t)["ShareDistribution"][2], "ShareIdentifier", "l-*")),
    _template("jobs that wait for ever", lambda t: _properties(t, QUEUE).pop("JobStateTimeLimitActions")),
    _template(
        "an allocation strategy that does not exist",
        lambda t: _set(_properties(t, COMPUTE)["ComputeResources"], "AllocationStrategy", "BEST_FIT_PROGRESIVE"),
    ),
    _template("machines with the disk of their image", lambda t: _machine(t).pop("BlockDeviceMappings")),
    _template(
        "a disk that is not encrypted", lambda t: _set(_machine(t)["BlockDeviceMappings"][0]["Ebs"], "Encrypted", False)
    ),
    _template(
        "machines that keep their first image",
        lambda t: _properties(t, COMPUTE)["ComputeResources"].pop("UpdateToLatestImageVersion"),
    ),
    _template(
        "a deploy that leaves running trials half an hour",
        lambda t: _properties(t, COMPUTE)["UpdatePolicy"].pop("JobExecutionTimeoutMinutes"),
    ),
    _template(
        "a deploy that ends running trials",
        lambda t: _set(_properties(t, COMPUTE)["UpdatePolicy"], "TerminateJobsOnUpdate", True),
    ),
    _template(
        "an image that cannot be pulled is not tried again",
        lambda t: _set(
            _properties(t, JOB)["RetryStrategy"], "EvaluateOnExit", [r for r in _rules(t) if "Cannot" not in str(r)]
        ),
    ),
    _template(
        "a container without an init process",
        lambda t: _properties(t, JOB)["ContainerProperties"]["LinuxParameters"].pop("InitProcessEnabled"),
    ),
    _template("the output of the capacity renamed", lambda t: _renamed(t["Outputs"], "Capacity", "CapacityKind")),
    _template("a trainer's error tried again", lambda t: _properties(t, JOB)["RetryStrategy"]["EvaluateOnExit"].pop()),
    _template(
        "retry rules in the wrong order", lambda t: _properties(t, JOB)["RetryStrategy"]["EvaluateOnExit"].reverse()
    ),
    _template("an attempt that never ends", lambda t: _properties(t, JOB).pop("Timeout")),
    _template("a deploy that breaks running sweeps", lambda t: _properties(t, JOB).pop("ResourceRetentionPolicy")),
    _template("a privileged container", lambda t: _set(_properties(t, JOB)["ContainerProperties"], "Privileged", True)),
    _template(
        "a working folder that cannot be written to",
        lambda t: _set(_properties(t, JOB)["ContainerProperties"], "ReadonlyRootFilesystem", True),
    ),
    _template(
        "a container without a /tmp of its own",
        lambda t: _properties(t, JOB)["ContainerProperties"]["LinuxParameters"].pop("Tmpfs"),
    ),
    _template(
        "a handler that does not exist",
        lambda t: _set(_function(t, "planner"), "Handler", "stepsweep.statemachine.planner.handle"),
    ),
    _template(
        "a variable that a function reads and nobody sets",
        lambda t: _function(t, "planner")["Environment"]["Variables"].pop("STEPSWEEP_TRAINER_VERSION"),
    ),
    _template("a function with three seconds", lambda t: _function(t, "reducer").pop("Timeout")),
    _template("a function without its packages", lambda t: _function(t, "sampler").pop("Layers")),
    _template(
        "a function with packages that it does not need",
        lambda t: _set(_function(t, "planner"), "Layers", _function(t, "sampler")["Layers"]),
    ),
    _template("a runtime that does not exist", lambda t: _set(_function(t, "planner"), "Runtime", "python3.41")),
    _template("a property misspelt", lambda t: _renamed(_function(t, "planner"), "MemorySize", "MemorySizeMb")),
    _template(
        "a reference to nothing",
        lambda t: _set(_properties(t, JOB)["ContainerProperties"], "JobRoleArn", {"Fn::GetAtt": ["Gone", "Arn"]}),
    ),
    _template(
        "jobs that a stopped sweep leaves running",
        lambda t: _without_action(_statements(t, "SweepRole"), "batch:TerminateJob"),
    ),
    _template(
        "jobs that cannot be tagged", lambda t: _without_action(_statements(t, "SweepRole"), "batch:TagResource")
    ),
    _template("no rule for the ends of jobs", lambda t: _without_action(_statements(t, "SweepRole"), "events:PutRule")),
    _template(
        "SubmitJob on every definition",
        lambda t: [_set(s, "Resource", "*") for s in _statements(t, "SweepRole") if "batch:SubmitJob" in s["Action"]],
    ),
    _template(
        "a Map that may not start its children",
        lambda t: _without_action(_statements(t, "DistributedMap"), "states:StartExecution"),
    ),
    _template(
        "a trainer that may write sweeps",
        lambda t: _statements(t, "JobRole")[0]["Resource"].append(_objects(t, "sweeps/*")),
    ),
    _template(
        "a trainer that may do anything",
        lambda t: _statements(t, "JobRole").append({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    ),
    _template(
        "a reducer that cannot read why a job failed",
        lambda t: _without_action(_statements(t, "ReducerRole"), "logs:GetLogEvents"),
    ),
    _template(
        "log streams below an ARN that already ends in :*",
        lambda t: [
            _set(s, "Resource", {"Fn::Join": ["", [_log_group_arn(t), ":log-stream:*"]]})
            for s in _statements(t, "ReducerRole")
            if "logs:GetLogEvents" in s["Action"]
        ],
    ),
    _template("a guard that cannot look", lambda t: _without_action(_statements(t, "GuardRole"), "batch:ListJobs")),
    _template("a guard that cannot end", lambda t: _without_action(_statements(t, "GuardRole"), "batch:TerminateJob")),
    _template(
        "a role that anybody may take",
        lambda t: _set(_role(t, "JobRole")["AssumeRolePolicyDocument"]["Statement"][0], "Principal", {"AWS": "*"}),
    ),
    _template(
        "a role that another service takes",
        lambda t: _set(
            _role(t, "JobRole")["AssumeRolePolicyDocument"]["Statement"][0],
            "Principal",
            {"Service": "ec2.amazonaws.com"},
        ),
    ),
    _template(
        "an action misspelt",
        lambda t: [
            _set(s, "Action", "s3:GetObjekt") for s in _statements(t, "PlannerRole") if s["Action"] == "s3:GetObject"
        ],
    ),
    _template("an output that the client reads", lambda t: t["Outputs"].pop("JobLogGroup")),
    _template("an alarm that nobody hears of", lambda t: _add(t, "AWS::CloudWatch::Alarm", ALARM)),
    _template(
        "a log below a name that fills the account's policy",
        lambda t: [
            group.pop("LogGroupName")
            for group in (resource["Properties"] for resource in _resources(t, "AWS::Logs::LogGroup"))
            if "LogGroupName" in group
        ],
    ),
    _template(
        "a role that another account's tasks may take",
        lambda t: _role(t, "JobRole")["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition"),
    ),
    _template(
        "a compute environment with a name", lambda t: _set(_properties(t, COMPUTE), "ComputeEnvironmentName", "gpus")
    ),
    _template(
        "a price of another machine",
        lambda t: _set(_function(t, "planner")["Environment"]["Variables"], "STEPSWEEP_USD_PER_HOUR", "5.26"),
        missed_because="a price is a choice of who deploys; nothing in the template says what it should be",
    ),
    _template(
        "half of the vCPUs",
        lambda t: _set(_properties(t, COMPUTE)["ComputeResources"], "MaxvCpus", 32),
        missed_because="a limit is a choice of who deploys; any from the job's vCPUs up is a valid stack",
    ),
)

FAULTS = (*DEFINITION, *TEMPLATE)


def _ids(template: Json, kind: str) -> list[str]:
    return [name for name, resource in template["Resources"].items() if resource["Type"] == kind]


def _drop(template: Json, kind: str) -> None:
    """Takes the first resource of a type away, and what depends on it along."""
    name = _ids(template, kind)[0]
    del template["Resources"][name]
    for resource in template["Resources"].values():
        depends = resource.get("DependsOn", [])
        if name in depends:
            resource["DependsOn"] = [other for other in depends if other != name]


def _machine(template: Json) -> Json:
    machine: Json = _properties(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    return machine


def _without_variable(template: Json, name: str) -> None:
    environment = _container(template)["Environment"]
    environment[:] = [variable for variable in environment if variable["Name"] != name]


def _sweep_queue(template: Json) -> Json:
    return next(
        each["Properties"] for each in _resources(template, QUEUE) if "SchedulingPolicyArn" in each["Properties"]
    )


def _fair(template: Json) -> Json:
    policy: Json = _properties(template, "AWS::Batch::SchedulingPolicy")["FairsharePolicy"]
    return policy


def _rules(template: Json) -> list[Json]:
    rules: list[Json] = _properties(template, JOB)["RetryStrategy"]["EvaluateOnExit"]
    return rules


def _tmp(template: Json) -> Json:
    mount: Json = _container(template)["LinuxParameters"]["Tmpfs"][0]
    return mount


def _replaced(place: Json, key: str, old: str, new: str) -> None:
    place[key] = place[key].replace(old, new)


def _needs(template: Json, what: str, value: Any) -> None:
    for need in _properties(template, JOB)["ContainerProperties"]["ResourceRequirements"]:
        if need["Type"] == what:
            need["Value"] = value


def _objects(template: Json, pattern: str) -> Json:
    return {"Fn::Join": ["", [{"Fn::GetAtt": [_ids(template, BUCKET)[0], "Arn"]}, f"/{pattern}"]]}


def _log_group_arn(template: Json) -> Json:
    group = _properties(template, JOB)["ContainerProperties"]["LogConfiguration"]["Options"]["awslogs-group"]["Ref"]
    return {"Fn::GetAtt": [group, "Arn"]}


def _role(template: Json, part_of_id: str) -> Json:
    name = next(name for name in _ids(template, "AWS::IAM::Role") if part_of_id in name)
    properties: Json = template["Resources"][name]["Properties"]
    return properties
