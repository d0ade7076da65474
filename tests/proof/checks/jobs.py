"""The job definition: which failures Batch tries again, how long an attempt takes, what a container may do."""

import re
from typing import Any

from stepsweep.contract.environment import looks_secret
from tests.proof.checks.check import Findings
from tests.proof.subject import REGION, Subject

SECRET_ARN = re.compile(r"arn:aws:(secretsmanager:[a-z0-9-]+:\d{12}:secret:|ssm:[a-z0-9-]+:\d{12}:parameter/)\S+")


def findings(subject: Subject) -> Findings:
    definition = subject.one("AWS::Batch::JobDefinition")
    yield from _faults_of_retries(definition.get("RetryStrategy", {}))
    # A submission's strategy takes the place of the definition's.
    submitted = [state["Parameters"].get("RetryStrategy", {}) for _, state, _ in subject.states() if _submits(state)]
    if [each.get("EvaluateOnExit") for each in submitted] != [
        definition.get("RetryStrategy", {}).get("EvaluateOnExit")
    ]:
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
    mounts = {mount["ContainerPath"] for mount in container.get("LinuxParameters", {}).get("Tmpfs", [])}
    if "/tmp" not in mounts:  # noqa: S108  the container's
        yield "temporary files go to the disk of the machine"
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
    everything = [{"Action": "EXIT", "OnReason": "*"}]
    if rules[-1:] != everything:
        yield "RetryStrategy: what matches no rule is tried again, so the last one must end all that is left"
    for number, rule in enumerate(rules[:-1]):
        conditions = {key: value for key, value in rule.items() if key.startswith("On")}
        if rule["Action"] != "RETRY" or not conditions or "*" in conditions.values():
            yield f"RetryStrategy: rule {number + 1} leaves nothing to those after it, or tries nothing again"
    retried = {value for rule in rules if rule["Action"] == "RETRY" for key, value in rule.items() if key != "Action"}
    # 75 is the exit code of a trainer that was told to end and kept what it had learned (EX_TEMPFAIL).
    for wanted in ("Host EC2*", "CannotPullContainerError:*", "75"):
        if wanted not in retried:
            yield f"RetryStrategy: {wanted} is not tried again"
