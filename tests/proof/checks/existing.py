"""The checkers that exist: of CloudFormation templates, and of state machines."""

import copy
import json
import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from tests.proof.checks.check import Findings
from tests.proof.subject import REGION, Subject
from tests.proof.tools import validated

ACKNOWLEDGED = {
    "W3010": "a chosen network is in the zones that offer its machines, which are known before the deploy only",
    "W3005": "CDK writes DependsOn beside the GetAtt that says the same; twice is no fault",
}


def cfn_lint(subject: Subject) -> Findings:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cfn-lint's own
        from cfnlint.api import lint
        from cfnlint.config import ManualArgs

        config = ManualArgs(regions=[REGION], ignore_checks=list(ACKNOWLEDGED))
        for match in lint(_without_paths_of_succeed(subject).document, config=config):
            place = "/".join(str(part) for part in match.path or [])
            yield f"{match.rule.id} {place}: {match.message}"


def _without_paths_of_succeed(subject: Subject) -> Subject:
    """Its schema of Succeed lacks a field that Amazon States Language has."""
    if subject.rendered is None:
        return subject
    subject = replace(subject, rendered=copy.deepcopy(subject.rendered))
    for _, state, _ in subject.states():
        if state.get("Type") == "Succeed":
            state.pop("OutputPath", None)
    return subject


def asl_validator(subjects: Sequence[Subject]) -> list[list[str]]:
    return [verdict["asl-validator"] for verdict in _verdicts(subjects)]


def language_service(subjects: Sequence[Subject]) -> list[list[str]]:
    return [verdict["amazon-states-language-service"] for verdict in _verdicts(subjects)]


def moto_parser(subject: Subject) -> Findings:
    # Its grammar has this number as a fraction only; AWS takes both.
    text = re.sub(r'("ToleratedFailurePercentage": \d+)\b', r"\1.0", json.dumps(subject.definition))
    yield from _parsed(text)


@cache
def _parsed(definition: str) -> tuple[str, ...]:
    from moto.stepfunctions.parser.asl.parse.asl_parser import ASLParserException
    from moto.stepfunctions.parser.asl.static_analyser.static_analyser import StaticAnalyser

    # It says that it does not use some of what it reads.
    logging.getLogger("moto.stepfunctions").setLevel(logging.ERROR)
    try:
        StaticAnalyser().analyse(definition)
    except ASLParserException as error:
        return (str(error),)
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        return (f"{type(error).__name__}: {error}",)
    return ()


def _verdicts(subjects: Sequence[Subject]) -> list[dict[str, list[str]]]:
    """Asks both validators about all definitions at once, about each only once: Node takes its time."""
    texts = [json.dumps(subject.definition) for subject in subjects]
    unknown = sorted(set(texts) - _KNOWN.keys())
    if unknown:
        _KNOWN.update(zip(unknown, validated([json.loads(text) for text in unknown]), strict=True))
    return [_KNOWN[text] for text in texts]


_KNOWN: dict[str, dict[str, list[str]]] = {}
"""Verdicts by definition; most faults are in the template, so that definitions come many times."""
