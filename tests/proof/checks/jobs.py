"""The job definition: which failures Batch tries again, how long an attempt takes, what a container may do."""

import re
from typing import Any

from stepsweep.contract.environment import looks_secret
from stepsweep.local.batch import retries
from tests.proof.checks.check import Findings
from tests.proof.subject import REGION, Subject

SECRET_ARN = re.compile(r"arn:aws:(secretsmanager:[a-z0-9-]+:\d{12}:secret:|ssm:[a-z0-9-]+:\d{12}:parameter/)\S+")


def findings(subject: Subject) -> Findings:
    definition = subject.one("AWS::Batch::JobDefinition")
    yield from _faults_of_retries(definition.get("RetryStrategy", {}))
    # A submission's strategy takes the place of the definition's.
    submitted = [state["Parameters"].get("RetryStrategy", {}) for _, state, _ in subject.states() if _submits(state)]
    rules = definition.get("RetryStrategy", {}).get("EvaluateOnExit")
    if not submitted or any(each.get("EvaluateOnExit") != rules for each in submitted):
        yield "RetryStrategy: the state machine submits other rules than the job definition has"
    if not 60 <= definition.get("Timeout", {}).get("AttemptDurationSeconds", 0) <= 14 * 24 * 60 * 60:
        yield "Timeout: an attempt must end by itself"
    if not definition.get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate"):
        yield "a deploy deregisters the revision that a sweep which runs names"
    if not definition.get("PropagateTags"):
        yield "PropagateTags: what a sweep costs cannot be told from its tags"
    if definition.get("PlatformCapabilities") != ["EC2"]:
        yield f"PlatformCapabilities: Fargate has no GPU, is {definition.get('PlatformCapabilities')}"
    container = definition["ContainerProperties"]
    if container.get("Privileged"):
        yield "a trainer needs no privileges"
    if container.get("ReadonlyRootFilesystem"):
        yield "a script that saves a file beside itself dies"
    mounts = {mount["ContainerPath"]: mount for mount in container.get("LinuxParameters", {}).get("Tmpfs", [])}
    if "/tmp" not in mounts:  # noqa: S108  the container's
        yield "temporary files go to the disk of the machine"
    elif "exec" not in mounts["/tmp"].get("MountOptions", []):  # noqa: S108
        yield "Docker mounts /tmp noexec, and torch.compile loads what it compiles from there"
    if not container.get("LinuxParameters", {}).get("InitProcessEnabled"):
        yield "a trainer that is process 1 gets no SIGTERM unless it handles it, and its children become zombies"
    roles = {subject.arn(name) for name in subject.ids("AWS::IAM::Role")}
    for role in ("JobRoleArn", "ExecutionRoleArn"):
        if container.get(role) not in roles:
            yield f"{role}: {container.get(role)} is no role of the stack"
    for secret in container.get("Secrets", []):
        if not SECRET_ARN.match(str(secret["ValueFrom"])):
            yield f"Secrets: {secret['Name']} is not the ARN of a secret or a parameter, and stands in the template"
    given = {variable["Name"]: variable["Value"] for variable in container.get("Environment", [])}
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if given.get(name) != REGION:
            yield f"Environment: {name} is {given.get(name)}, and no client of AWS can be made without a region"
    vcpus = next(need["Value"] for need in container["ResourceRequirements"] if need["Type"] == "VCPU")
    if given.get("OMP_NUM_THREADS") != vcpus:
        yield "Environment: a trial would start a thread for each processor of its machine"
    for variable in container.get("Environment", []):
        if looks_secret(variable["Name"]):
            yield f"Environment: {variable['Name']} looks like a secret, and stands in the template"
        if not isinstance(variable["Value"], str):
            yield f"Environment: {variable['Name']} must be a text"


def _submits(state: dict[str, Any]) -> bool:
    return state["Type"] == "Task" and "JobQueue" in state.get("Parameters", {})


def _faults_of_retries(strategy: dict[str, Any]) -> Findings:
    rules = strategy.get("EvaluateOnExit", [])
    if not 2 <= strategy.get("Attempts", 1) <= 10:
        yield "RetryStrategy: from 2 to 10 attempts, or the loss of a machine is the loss of a trial"
    if len(rules) > 5:
        yield "RetryStrategy: Batch takes five rules"
    if rules[-1:] != [{"Action": "EXIT", "OnExitCode": "*"}]:
        yield "RetryStrategy: what matches no rule is tried again, so the last one must end all that ran and failed"
    for number, rule in enumerate(rules[:-1]):
        conditions = {key: value for key, value in rule.items() if key.startswith("On")}
        if rule["Action"] != "RETRY" or not conditions or "*" in conditions.values():
            yield f"RetryStrategy: rule {number + 1} leaves nothing to those after it, or tries nothing again"
    for says, ended, again in ENDINGS:
        if retries(_as_the_api_has_it(strategy), ended) is not again:
            yield f"RetryStrategy: {says} is {'not ' if again else ''}tried again"
    # Nobody has said whether Batch takes a missing exit code for one that matches `*`.
    named = tuple(value.removesuffix("*") for rule in rules for key, value in rule.items() if key == "OnReason")
    for error in ("CannotPullContainerError", "CannotPullImageManifestError", "CannotCreateContainerError", *DOCKER):
        if not error.startswith(named or ("nothing",)):
            yield f"RetryStrategy: only a missing exit code has {error} tried again"


DOCKER = ("CannotStartContainerError", "DockerTimeoutError")


def _ended(*, reason: str | None = None, exit_code: int | None = None, status: str = "") -> dict[str, Any]:
    return {"statusReason": status, "container": {"reason": reason, "exitCode": exit_code}}


ENDINGS = (
    ("a trainer's own error", _ended(exit_code=1), False),
    ("a trial that used too much memory", _ended(exit_code=137, reason="OutOfMemoryError: killed"), False),
    # The exit code of a trainer that was told to end and kept what it had learned (EX_TEMPFAIL).
    ("a trial that was told to end", _ended(exit_code=75), True),
    ("a reclaimed machine", _ended(status="Host EC2 (instance i-1) terminated.", exit_code=137), True),
    ("an image that could not be pulled", _ended(reason="CannotPullContainerError: context canceled"), True),
    ("a container that could not start", _ended(reason="CannotStartContainerError: nvidia-container-cli"), True),
    ("a Docker that did not answer", _ended(reason="DockerTimeoutError: Could not transition to created"), True),
    ("a secret that could not be read", _ended(reason="ResourceInitializationError: throttled"), True),
)
"""How attempts end, and whether another one may end otherwise."""


def _as_the_api_has_it(strategy: dict[str, Any]) -> dict[str, Any]:
    rules = [{key[0].lower() + key[1:]: value for key, value in rule.items()} for rule in strategy["EvaluateOnExit"]]
    return {"evaluateOnExit": rules}
