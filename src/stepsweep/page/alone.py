"""The winner alone, as commands to paste: as a sweep of its own, and as its trainer without a sweep."""

import json
import shlex
from dataclasses import replace

from stepsweep.contract import keys
from stepsweep.contract.brief import brief_document
from stepsweep.contract.limits import MAX_NAME
from stepsweep.contract.search import Search
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.stop import Stop
from stepsweep.contract.trial import Trial
from stepsweep.page.gathered import TrainerCommand

ENDING = "-winner"
END = "SPEC"
"""The line behind the spec. JSON has no such line: a text in it has no line breaks."""


def alone(spec: SweepSpec, trial: Trial) -> SweepSpec:
    """Returns a sweep that trains a trial's params again as they were trained, and searches nothing."""
    return replace(
        spec,
        name=f"{spec.name[: MAX_NAME - len(ENDING)]}{ENDING}",
        parameters={name: (value,) for name, value in trial.params.items()},
        when={},
        exclude=(),
        try_first=(),
        warm_start=(),
        known=(),
        search=Search(),
        halving=None,
        rounds=True,
        stop=Stop(),
        epochs=trial.epochs,
        fresh=True,
        accept_trainer=False,
    )


def alone_command(spec: SweepSpec, trial: Trial, trainer: TrainerCommand, where: str) -> str:
    """Returns a command with the whole spec as its standard input.

    Options could not say all of it, and a spec file in the current folder would fill what they leave open.
    """
    sweep = alone(spec, trial)
    document = json.dumps({"name": sweep.name, **brief_document(sweep)}, indent=2, ensure_ascii=False)
    words = shlex.join(["sweep", "run", "-", *trainer.options])
    return f"{words}{where} <<'{END}'\n{document}\n{END}"


def job_command(spec: SweepSpec, trial: Trial, trainer: TrainerCommand) -> str:
    """Returns the trainer's command line with the trial's arguments and variables, but those of its secrets."""
    texts = {keys.TEXTS: json.dumps(trial.texts)} if trial.texts else {}
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in (texts | spec.environment).items())
    return f"{trainer.place}{variables}{shlex.join([*trainer.entrypoint, *trial.command()])}"
