"""The command line of one trial, as its script gets it: its options under the script's own names, to copy."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import remembered, script_at
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.trial import options
from stepsweep.trial.command import FILES, PLACEHOLDER, PLACES, Command, WrongCommand, read

HELD = {name: f"{{{name}}}" for name in (*PLACES, *FILES)}
"""Placeholders that only a running trial can fill stay as they are."""


def own_command(cloud: Cloud, spec: SweepSpec, trial: Trial | None, deployed: Sequence[str] = ()) -> list[str]:
    """Returns a trial's command line, each option with its value as one text.

    It is empty without a trial, or if no script has options of its own.

    Args:
        deployed: the words that start the trainer of the stack, if the sweep is on AWS.
    """
    if trial is None:
        return []
    entrypoint = _entrypoint(cloud, spec.name) if cloud.is_local else deployed
    if "--" not in entrypoint:
        return []
    own, template = entrypoint[1 : entrypoint.index("--")], entrypoint[entrypoint.index("--") + 1 :]
    try:
        asked = options.parse(own)
        command = read([*template, *trial.command()], options.dialect(asked), HELD, frozenset(trial.texts))
    except (WrongCommand, SystemExit):  # of another version
        return []
    return list(_grouped(spec.environment, command, str(asked.into)))


def _entrypoint(cloud: Cloud, sweep: str) -> Sequence[str]:
    """Returns the words that start a sweep's trainer on this machine; empty if they are not a script's."""
    had = remembered(cloud.directory, sweep)
    script = script_at(had.place) if had else None
    return script.entrypoint if script else ()


def _grouped(environment: Mapping[str, str], command: Command, file: str) -> Iterator[str]:
    yield from (f"{name}={shlex.quote(value)}" for name, value in {**environment, **command.environment}.items())
    words: list[str] = []
    for word in command.argv:
        if word.startswith("--") and words:
            yield " ".join(words)
            words = []
        words.append(word if PLACEHOLDER.search(word) else shlex.quote(word))
    yield " ".join(words)
    for place, document in [*command.files.items(), *([(file, command.fields)] if command.fields else [])]:
        yield f"# {place}: {json.dumps(document)}"
