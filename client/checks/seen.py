"""What a self-test concludes from the answers of services, and its text without anything that names an account."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stepsweep.bucket.sweep_jobs import ON_MACHINES
from stepsweep.client.checks.findings import Finding, State, counted, one_line
from stepsweep.contract.jobs import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

NOT_CHECKED = {
    "reclaimed Spot machine": "it takes a machine that AWS takes back while a trial runs",
    "sweep that never starts": "it takes `start_within_minutes`, two hours unless the stack has less",
    "machine's credentials": "it takes a command in a trial's container: `curl -m 2 http://169.254.169.254/` must fail",
    "destroy": "`sweep teardown --check --on aws` shows what is left after `sweep destroy`",
}
"""What an account can show, and a self-test cannot: check → why not."""

MAX_DEVICE = 100
"""Most characters of a device's name, which the trainer wrote."""

_NAMES_AN_ACCOUNT = (
    (re.compile(r"arn:aws[\w-]*:[^\s,;'\"`)]+"), "<arn>"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}"), "<key>"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "<account>"),
    (re.compile(r"s3://[^/\s]+"), "s3://<bucket>"),
)


def masked(text: str, *, bucket: str) -> str:
    """Returns the text without ARNs, account ids, access keys and the bucket's name."""
    text = text.replace(bucket, "<bucket>")
    for pattern, word in _NAMES_AN_ACCOUNT:
        text = pattern.sub(word, text)
    return text


def not_checked(check: str, why: str) -> Finding:
    return Finding(check=check, state=State.UNKNOWN, found=f"not checked: {why}")


def region(job: "JobDetailTypeDef", expected: str) -> Finding:
    """Returns whether a job's container has the stack's region, as Batch describes its variables."""
    variables = {each.get("name"): each.get("value") for each in job.get("container", {}).get("environment", [])}
    found = {name: variables.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")}
    shown = ", ".join(f"{name} is {value or 'not set'}" for name, value in found.items())
    state = State.OK if set(found.values()) == {expected} else State.PROBLEM
    return Finding(check="region of a job", state=state, found=shown)


def tried_again(job: "JobDetailTypeDef") -> Finding:
    """Returns whether Batch tried a job again whose attempt ended with exit code 75."""
    check = f"exit code {EXIT_INTERRUPTED}"
    codes = [attempt.get("container", {}).get("exitCode") for attempt in job.get("attempts", [])]
    shown = ", ".join("none" if code is None else str(code) for code in codes)
    if EXIT_INTERRUPTED in codes[:-1]:
        return Finding(check=check, state=State.OK, found=f"was tried again: the attempts ended with {shown}")
    if codes and codes[-1] == EXIT_INTERRUPTED and len(codes) < job.get("retryStrategy", {}).get("attempts", 1):
        return Finding(check=check, state=State.PROBLEM, found=f"was not tried again: the attempts ended with {shown}")
    return not_checked(
        check, f"no attempt ended so ({shown or 'none ended'}); name a spec whose trial does on its first attempt"
    )


def driver(summary: object, *, gpus: int) -> Finding:
    """Returns whether the trainer found a GPU, by its summary.

    Args:
        summary: the trainer's document; only the tutorial's trainer names its device.
        gpus: the GPUs that the job asked for.
    """
    check = "GPU driver"
    options = summary.get("options") if isinstance(summary, Mapping) else None
    device = options.get("device") if isinstance(options, Mapping) else None
    if not isinstance(summary, Mapping) or not isinstance(device, str):
        return not_checked(check, "the trainer writes no summary that names its device")
    if device == "cuda":
        names = summary.get("devices")
        there = names if isinstance(names, Sequence) and not isinstance(names, str) else [device]
        on = counted(str(each)[:MAX_DEVICE] for each in there)
        return Finding(check=check, state=State.OK, found=f"the image found it: trained on {on}")
    if gpus:
        found = f"the job asked for {gpus} GPU, and trained on the CPU"
        remedy = "look at its log, and whether the image's CUDA fits the driver of the machines' image"
        return Finding(check=check, state=State.PROBLEM, found=found, remedy=remedy)
    return not_checked(check, "the job asked for no GPU")


def stopped(before: str, after: Sequence["JobDetailTypeDef"], *, seconds: float) -> Finding:
    """Returns whether a job ended because its execution was stopped.

    Args:
        before: the job's status when the execution was stopped.
        after: its jobs, described later.
        seconds: the time between the two.
    """
    check = "stop ends jobs"
    if before in ("SUCCEEDED", "FAILED"):
        return not_checked(check, f"its job was {before} before it could be stopped; name a spec of longer trials")
    shown = ", ".join(f"{job['status']} ({one_line(job.get('statusReason', '')) or 'no reason'})" for job in after)
    if after and all(job["status"] == "FAILED" for job in after):
        return Finding(check=check, state=State.OK, found=f"a job that was {before} is {shown} after {seconds:.0f} s")
    if any(job["status"] == "SUCCEEDED" for job in after):
        return not_checked(check, f"its job was {before} and succeeded; name a spec whose trials take longer")
    found = f"a job that was {before} is {shown or 'unknown to Batch'} {seconds:.0f} s after StopExecution"
    return Finding(check=check, state=State.PROBLEM, found=found, remedy="`sweep stop` ends such jobs; report it")


def why_it_waits(job: "JobDetailTypeDef | None", *, minutes: float) -> Finding:
    """Returns whether Batch says why a job waits that no machine can take.

    Args:
        minutes: how long it was waited for.
    """
    check = "a job that cannot start"
    if job is None:
        return not_checked(check, "its execution submitted no job")
    reason = one_line(job.get("statusReason", ""))
    if job["status"] in (*ON_MACHINES, "SUCCEEDED") or job.get("attempts"):
        return not_checked(check, f"this cloud has a machine that takes it: it was {job['status']}")
    if reason:
        return Finding(check=check, state=State.OK, found=f"was {job['status']}: {reason}")
    found = f"was {job['status']} for {minutes:.0f} minutes, and Batch gave no reason"
    return Finding(check=check, state=State.PROBLEM, found=found, remedy="report it; `sweep doctor` asks EC2 for one")


def text_of(heading: Sequence[str], findings: Sequence[Finding], *, bucket: str) -> str:
    """Returns the record to attach to an issue: one line per finding, nothing that names the account."""
    lines = [*heading, ""]
    for each in findings:
        lines.append(f"{each.state:<8}{each.check}: {one_line(each.found)}")
        if each.remedy:
            lines.append(f"{'':<8}  -> {one_line(each.remedy)}")
    return masked("\n".join(lines) + "\n", bucket=bucket)
