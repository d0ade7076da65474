"""Sweeps share the machines: every job is in a share, the shares' weights are what priorities say, and none is idle.

Batch refuses a job that names no share in a queue with a fair-share policy, and one that names a share in any other.
"""

import re
from collections.abc import Iterator
from typing import Any

from stepsweep.contract.priority import Priority, share_of
from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

NAME = re.compile(r"[A-Za-z0-9]{1,255}\*?")
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html"""


def findings(subject: Subject) -> Findings:
    queues = {subject.arn(name): queue for name, queue in subject.all("AWS::Batch::JobQueue").items()}
    shared = {arn for arn, queue in queues.items() if "SchedulingPolicyArn" in queue}
    if (len(queues), len(shared)) != (2, 1):
        yield f"{len(shared)} of {len(queues)} queues have a policy: sweeps need one, and jobs by hand must not"
        return
    (policy,) = subject.ids("AWS::Batch::SchedulingPolicy") or [""]
    (of_sweeps,), (by_hand,) = (
        [queue for arn, queue in queues.items() if (arn in shared) is wanted] for wanted in (True, False)
    )
    if not policy or of_sweeps["SchedulingPolicyArn"] != subject.arn(policy):
        yield f"there is no policy {of_sweeps['SchedulingPolicyArn']}"
        return
    if by_hand["Priority"] <= of_sweeps["Priority"]:
        yield "a job that a person submits waits behind all sweeps"
    if by_hand["ComputeEnvironmentOrder"] != of_sweeps["ComputeEnvironmentOrder"]:
        yield "jobs by hand and sweeps have different machines"
    yield from _faults_of_policy(subject.one("AWS::Batch::SchedulingPolicy"))
    submits = {name: state["Parameters"] for name, state, _ in subject.states() if _submits(state)}
    for name, parameters in submits.items():
        in_share = {"ShareIdentifier.$", "ShareIdentifier"} & parameters.keys()
        if bool(in_share) is not (parameters.get("JobQueue") in shared):
            yield f"{name}: Batch refuses a job without a share in a queue with a policy, and with one in another"
        # https://github.com/nextflow-io/nextflow/pull/3505
        if in_share and not {"SchedulingPriorityOverride.$", "SchedulingPriorityOverride"} & parameters.keys():
            yield f"{name}: Batch refuses a job that has a share and no scheduling priority"


def _submits(state: dict[str, Any]) -> bool:
    return state["Type"] == "Task" and ":batch:submitJob" in state["Resource"]


def _faults_of_policy(policy: dict[str, Any]) -> Iterator[str]:
    if "Name" in policy:
        yield "with a physical name CloudFormation cannot replace the policy"
    fair = policy["FairsharePolicy"]
    if fair.get("ComputeReservation", 0):
        yield "a part of the machines stays idle for shares that nobody has"
    if not 0 <= fair.get("ShareDecaySeconds", 0) <= 604_800:
        yield f"ShareDecaySeconds: Batch takes a week at most, is {fair['ShareDecaySeconds']}"
    weights = {each["ShareIdentifier"]: each.get("WeightFactor", 1) for each in fair.get("ShareDistribution", [])}
    for name, weight in weights.items():
        if not NAME.fullmatch(name):
            yield f"Batch takes letters and digits, and * behind them: {name}"
        if not 0.0001 <= weight <= 999.9999:
            yield f"a weight is from 0.0001 to 999.9999, {name} has {weight}"
        stem = name.removesuffix("*")
        if any(other != name and other.startswith(stem) for other in weights):
            yield f"{name} overlaps with another share"
    factors = [
        [weight for name, weight in weights.items() if _is_of(share_of("a-sweep_1", priority), name)]
        for priority in (Priority.HIGH, Priority.NORMAL, Priority.LOW)
    ]
    if [len(each) for each in factors] != [1, 1, 1]:
        yield f"each priority has one weight, and they are {factors}"
    elif not factors[0] < factors[1] < factors[2]:
        yield f"a lower weight is a larger share, and those of high, normal and low are {factors}"


def _is_of(share: str, name: str) -> bool:
    return bool(NAME.fullmatch(share)) and share.startswith(name.removesuffix("*"))
