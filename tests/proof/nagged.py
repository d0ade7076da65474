"""Synthesizes every kind of stack with cdk-nag: `python -m tests.proof.nagged FOLDER` writes templates and findings.

A process of its own: CDK's kernel stays as long as the process that started it.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from stepsweep.stack import acknowledged
from stepsweep.stack.app import FLAGS, build
from tests.proof.variants import VARIANTS


def main() -> None:
    folder = Path(sys.argv[1])
    # CDK's own rules, which `cdk synth` has asked already.
    os.environ["CDK_VALIDATION"] = "false"
    variants = {}
    for name, context in VARIANTS.items():
        findings = synthesized(folder / name, context)
        with not_acknowledged() as acknowledgements:
            raw = synthesized(folder / f"{name}, nothing acknowledged", context)
        variants[name] = {"findings": findings, "raw": raw, "acknowledgements": acknowledgements}
    (folder / "nag.json").write_text(json.dumps(variants))


def synthesized(folder: Path, context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Writes a cloud assembly; returns cdk-nag's findings, each the path of a construct and a rule."""
    app = cdk.App(context={**FLAGS, **context}, outdir=str(folder))
    build(app)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    failure = None
    try:
        app.synth()
    except RuntimeError as error:  # as which a finding arrives here
        failure = error
    report = json.loads((folder / "validation-report.json").read_bytes())
    findings = [
        (construct["constructPath"], violation["ruleName"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]
    if failure and not findings:
        raise failure
    return findings


@contextmanager
def not_acknowledged() -> Iterator[list[tuple[str, str, str]]]:
    """Lets acknowledgements have no effect; yields them, each a construct's path, a rule and the reason."""
    recorded: list[tuple[str, str, str]] = []

    class Recorder:
        def __init__(self, construct: IConstruct) -> None:
            self._path = construct.node.path

        of = classmethod(lambda cls, construct: cls(construct))

        def acknowledge(self, *rules: cdk.Acknowledgment) -> None:
            recorded.extend((self._path, rule.id, rule.reason) for rule in rules)

    with mock.patch.object(acknowledged, "Validations", Recorder):
        yield recorded


if __name__ == "__main__":
    main()
