"""Whether the account's quotas of EC2 let machines start: a new account's are 0, and then no trial ever does."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stepsweep.client.checks.findings import NEVER, Clients, Finding, State, asked
from stepsweep.contract.described import number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A quota of EC2, in vCPUs running at once: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html"""

    code: str
    name: str


QUOTAS = {
    ("G", False): Quota(code="L-DB2E81BA", name="Running On-Demand G and VT instances"),
    ("G", True): Quota(code="L-3819A6DF", name="All G and VT Spot Instance Requests"),
    ("Standard", False): Quota(
        code="L-1216C47A", name="Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
    ),
    ("Standard", True): Quota(
        code="L-34B43A08", name="All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"
    ),
    ("P", False): Quota(code="L-417A185B", name="Running On-Demand P instances"),
}
"""(Instance family, whether Spot) → quotas. Spot P instances have several, by generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vcpus:
    """How many vCPUs the stack may use at once, and one job."""

    stack: int
    job: int


def quotas(
    clients: Clients,
    environments: Iterable[Mapping[str, Any]],
    *,
    capacity: str,
    vcpus: Vcpus,
    options: str,
    profile: str | None,
) -> list[Finding]:
    """Returns what each quota that the machines count against allows.

    Args:
        capacity: `on-demand`, `spot` or `spot-first`.
        options: the given `--profile` and `--region`, to append to a command.
    """
    kinds = {"on-demand": [False], "spot": [True], "spot-first": [True, False]}[capacity]
    types = [name for one in environments for name in one.get("computeResources", {}).get("instanceTypes", [])]
    families = sorted({family_of(name) for name in types}) or ["G"]
    findings: list[Finding] = []
    for spot in kinds:
        for family in families:
            quota = QUOTAS.get((family, spot))
            if quota is None:
                found = f"which quota {family} instances count against{' on Spot' if spot else ''} is not known"
                remedy = "look for it at https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas"
                findings.append(Finding(check="quota", state=State.WARNING, found=found, remedy=remedy))
                continue
            findings += asked(
                "quota",
                partial(_findings, clients, quota, vcpus, options=options),
                service="servicequotas",
                unanswered=State.WARNING,
                profile=profile,
            )
    # While another machine type has its quota, one that has none is no problem.
    if all(NEVER in finding.found for finding in findings):
        return [replace(finding, state=State.PROBLEM) for finding in findings]
    return findings


def _findings(clients: Clients, quota: Quota, vcpus: Vcpus, *, options: str) -> list[Finding]:
    service_quotas = clients("service-quotas")
    asking = {"ServiceCode": "ec2", "QuotaCode": quota.code}
    try:
        answer = service_quotas.get_service_quota(**asking)
    except service_quotas.exceptions.NoSuchResourceException:  # never changed in this account
        answer = service_quotas.get_aws_default_service_quota(**asking)
    allowed = math.floor(answer["Quota"]["Value"])
    region = service_quotas.meta.region_name
    remedy = (
        f"`aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {quota.code} "
        f"--desired-value {vcpus.stack}{options}`, or https://{region}.console.aws.amazon.com/servicequotas/home/"
        f"services/ec2/quotas/{quota.code}; a person at AWS may look at it, so allow for a day or two"
    )
    has = f"{quota.name} ({quota.code}) is {allowed:,} vCPUs"
    if allowed < vcpus.job:
        needs = "" if allowed == 0 else f", and a trial needs {vcpus.job}"
        return [Finding(check="quota", state=State.WARNING, found=f"{has}{needs}: {NEVER}", remedy=remedy)]
    at_once = min(allowed, vcpus.stack) // vcpus.job
    if allowed < vcpus.stack:
        of = f"the stack may use {vcpus.stack:,}, {number_of(vcpus.stack // vcpus.job, 'trial')} at once"
        found = f"{has}, {number_of(at_once, 'trial')} at once; {of}"
        return [Finding(check="quota", state=State.WARNING, found=found, remedy=remedy)]
    found = f"{has}; the stack uses at most {vcpus.stack:,}, {number_of(at_once, 'trial')} at once"
    return [Finding(check="quota", state=State.OK, found=found)]


def family_of(instance_type: str) -> str:
    """Returns the family whose quota covers an instance type such as `g4dn.xlarge`; if unknown, its letters."""
    letters = re.match(r"[a-z]*", instance_type.lower())
    prefix = letters[0] if letters else ""
    if prefix in ("g", "gr", "vt"):
        return "G"
    if prefix == "p":
        return "P"
    if prefix == "optimal" or prefix in ("a", "c", "d", "h", "i", "is", "im", "m", "r", "t", "z"):
        return "Standard"
    return prefix.upper() or "?"
