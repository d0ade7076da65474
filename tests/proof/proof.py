"""What is run once for the whole proof, and its table."""

import json
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.proof import image
from tests.proof.checks import CHECKS
from tests.proof.faults import FAULTS, found_by
from tests.proof.interpreters.compare import INTERPRETERS, findings
from tests.proof.interpreters.stories import STORIES
from tests.proof.subject import Subject
from tests.proof.tools import ROOT, cdk, run
from tests.proof.variants import VARIANTS
from tests.support.embedded import kept_template
from tests.support.once import made_once

STACK = "Stepsweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    check: str
    covers: str
    findings: list[str]
    result: str = "clean"


class Proof:
    """The stack as the CDK CLI synthesizes it, and in every other kind that there is.

    Args:
        folder: for cloud assemblies. Proofs with the same folder make them once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._subjects: dict[str, Subject] = {}

    @cached_property
    def assembly(self) -> Path:
        """The cloud assembly of `cdk synth`, which ends with an error also where CDK's own rules find one."""
        return made_once(self._folder / "assembly", lambda folder: cdk("synth", "--quiet", "--output", str(folder)))

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        """All kinds of stacks; the default one is that of `cdk synth`."""
        return {name: self.subject(name) for name in VARIANTS}

    def subject(self, variant: str) -> Subject:
        """Returns one kind of stack. The default one alone takes half of the time of all."""
        if variant not in self._subjects:
            is_default = variant == "default"
            self._subjects[variant] = _subject(self.assembly) if is_default else self.with_others(variant)
        return self._subjects[variant]

    def with_others(self, variant: str) -> Subject:
        """Returns one kind of stack as it is synthesized together with all others, without the CDK CLI."""
        return _subject(self._nagged / variant)

    @cached_property
    def _nagged(self) -> Path:
        """All kinds of stacks, and what cdk-nag finds in them: see `nagged.py`."""

        def make(folder: Path) -> None:
            folder.mkdir()
            run([sys.executable, "-m", "tests.proof.nagged", str(folder)], cwd=ROOT)

        return made_once(self._folder / "nagged", make)

    @cached_property
    def nag(self) -> dict[str, dict[str, Any]]:
        """What cdk-nag finds in each kind of stack."""
        findings: dict[str, dict[str, Any]] = json.loads((self._nagged / "nag.json").read_bytes())
        return findings

    @cached_property
    def found(self) -> list[list[str]]:
        """Which checks find each of the seeded faults."""
        return found_by(self.subjects["default"], FAULTS)

    def faults_of_cli(self) -> Iterator[str]:
        """What the CDK CLI says of the assembly: its stacks, and no difference to itself, but to another."""
        listed = cdk("--app", str(self.assembly), "list").split()
        if listed != [STACK]:
            yield f"cdk list names {listed}"
        if self.changed(_template(self.assembly)):
            yield "cdk diff finds a difference where there is none"
        before = _template(self.assembly)
        before["Resources"].pop(next(iter(Subject(template=before, assembly=self.assembly).ids("AWS::Logs::LogGroup"))))
        if not self.changed(before):
            yield "cdk diff does not find a log group that is new"

    def changed(self, before: dict[str, Any]) -> bool:
        """Whether `cdk diff` sees anything to change in a stack that was deployed from the template `before`."""
        file = self._folder / "before.json"
        file.write_text(json.dumps(before))
        try:
            cdk("--app", str(self.assembly), "diff", "--template", str(file), "--fail")
        except RuntimeError as error:
            if f"Stack {STACK}" not in str(error):
                raise
            return True
        return False

    def faults_of_parity(self) -> Iterator[str]:
        """What the embedded cloud runs is what is deployed."""
        embedded = _template(kept_template({}))
        if _without_metadata(embedded) != _without_metadata(_template(self.assembly)):
            yield "the embedded cloud's template is another one than that of cdk synth"

    def faults_of_flags(self) -> Iterator[str]:
        """The app sets feature flags that the library knows and recommends as they are set."""
        from stepsweep.stack.app import FLAGS  # starts CDK's kernel, which no other test process is to wait for

        manifest = json.loads((self.assembly / "manifest.json").read_bytes())
        known = manifest["artifacts"]["aws-cdk-lib/feature-flag-report"]["properties"]["flags"]
        for name, value in FLAGS.items():
            if name not in known:
                yield f"CDK knows no flag {name}"
            elif value != known[name]["recommendedValue"]:
                yield f"{name} is {value}, CDK recommends {known[name]['recommendedValue']}"

    def faults_of_nag(self) -> Iterator[str]:
        for variant, found in self.nag.items():
            yield from (f"{variant}: {path}: {rule}" for path, rule in found["findings"])
        yield from (f"{path}: {rule} is acknowledged, and nothing finds it" for path, rule in self.needless())

    def needless(self) -> set[tuple[str, str]]:
        """Returns the acknowledgements of what no kind of stack has any more."""
        given = {(path, rule) for found in self.nag.values() for path, rule, _ in found["acknowledgements"]}
        raw = [(path, rule) for found in self.nag.values() for path, rule in found["raw"]]
        return {
            (above, rule)
            for above, rule in given
            if not any(found == rule and f"{path}/".startswith(f"{above}/") for path, found in raw)
        }

    def faults_of_interpreters(self, interpreters: Collection[str] = tuple(INTERPRETERS)) -> list[str]:
        """The state machine goes the same way in interpreters that others wrote."""
        stories = [(self.subjects["default"].definition, story) for story in STORIES]
        return [fault for found in findings(stories, interpreters) for fault in found]

    def rows(self) -> Iterator[Row]:
        """Yields the table line by line, as it is worked out."""
        yield Row(
            check="cdk synth, list, diff", covers="the CDK CLI, with its own rules", findings=[*self.faults_of_cli()]
        )
        yield Row(
            check="parity", covers="the embedded cloud has the same template", findings=[*self.faults_of_parity()]
        )
        yield Row(check="feature flags", covers="cdk.json", findings=[*self.faults_of_flags()])
        acknowledged = {(path, rule) for found in self.nag.values() for path, rule, _ in found["acknowledgements"]}
        yield Row(
            check="cdk-nag",
            covers="AWS Solutions rules, all kinds of stacks",
            findings=[*self.faults_of_nag()],
            result=f"clean, {len(acknowledged)} acknowledged with reasons",
        )
        for check in CHECKS:
            findings = check.of_many(list(self.subjects.values()))
            named = zip(self.subjects, findings, strict=True)
            yield Row(
                check=check.name,
                covers=check.covers,
                findings=[f"{variant}: {finding}" for variant, found in named for finding in found],
            )
        yield Row(
            check="interpreters",
            covers=f"{len(STORIES)} stories, the same in {', '.join(INTERPRETERS)}",
            findings=self.faults_of_interpreters(),
        )
        linted = [finding for file in image.dockerfiles() for finding in image.linted(file)]
        yield Row(check="hadolint", covers=f"{len(image.dockerfiles())} Dockerfiles", findings=linted)
        context = [*image.faults_of_context(self.assembly)]
        yield Row(check="build context", covers="what the image copies is deployed with it", findings=context)


def _subject(assembly: Path) -> Subject:
    return Subject(template=_template(assembly), assembly=assembly)


def _template(assembly: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((assembly / f"{STACK}.template.json").read_bytes())
    return template


def _without_metadata(template: dict[str, Any]) -> dict[str, Any]:
    """The CLI has the app note paths of constructs and assets, for itself."""
    resources = template["Resources"].items()
    return {
        **template,
        "Resources": {
            name: {key: resource[key] for key in resource if key != "Metadata"} for name, resource in resources
        },
    }
