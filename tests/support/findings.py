"""Findings of checks as text, so that a test compares all of them at once."""

from collections.abc import Iterable

from stepsweep.client.checks.findings import Finding


def told(findings: Iterable[Finding]) -> dict[str, str]:
    """Returns the findings by their check, each as `STATE: FOUND`, with what to do on a line of its own."""
    by_check: dict[str, list[str]] = {}
    for one in findings:
        text = f"{one.state}: {one.found}" + (f"\n-> {one.remedy}" if one.remedy else "")
        by_check.setdefault(one.check, []).append(text)
    return {check: "\n".join(texts) for check, texts in by_check.items()}
