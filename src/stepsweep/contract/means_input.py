"""Parses what a trial gets and leaves: variables, secrets, resources, and files to keep."""

from stepsweep.contract.artifacts import FRONT, WINNER, keep_fault, pattern_faults
from stepsweep.contract.environment import environment_faults, environment_of, secret_faults
from stepsweep.contract.given import Given
from stepsweep.contract.means import MAX_GPUS, MAX_MEMORY_MIB, MAX_VCPUS, MIN_MEMORY_MIB, Resources
from stepsweep.contract.space import shown


def environment_in(given: Given) -> dict[str, str]:
    raw = given.data.get("environment", {})
    faults = list(environment_faults(raw))
    given.faults += faults
    return {} if faults else environment_of(raw)


def secrets_in(given: Given) -> tuple[str, ...]:
    raw = given.data.get("secrets", [])
    faults = list(secret_faults(raw, given.data.get("environment")))
    given.faults += faults
    return () if faults else tuple(sorted(raw))


def resources_in(given: Given) -> Resources:
    raw = given.data.get("resources")
    if raw is None:
        return Resources()
    if not isinstance(raw, dict):
        example = '{"vcpus": 2, "memory_mib": 4000}'
        given.faults.append(f"resources: must be an object such as {example}, got {shown(raw)}")
        return Resources()
    bounds = {"vcpus": (1, MAX_VCPUS), "memory_mib": (MIN_MEMORY_MIB, MAX_MEMORY_MIB), "gpus": (1, MAX_GPUS)}
    given.unknown(raw, known=tuple(bounds), where="resources.")
    asked = {
        name: given.whole(f"resources.{name}", raw[name], default=None, low=low, high=high)
        for name, (low, high) in bounds.items()
        if raw.get(name) is not None
    }
    return Resources(**asked)


def artifacts_in(given: Given) -> tuple[str, ...]:
    raw = given.data.get("artifacts", [])
    faults = list(pattern_faults(raw))
    given.faults += faults
    return () if faults else tuple(raw)


def kept_in(given: Given, *, has_front: bool) -> str:
    default = FRONT if has_front else WINNER
    raw = given.data.get("keep_artifacts", default)
    if fault := keep_fault(raw, has_front=has_front):
        given.faults.append(fault)
        return default
    return str(raw)
