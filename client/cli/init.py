"""The command that proposes a spec file."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepsweep.bucket.folder import write_whole
from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.clouds.cloud import SPEC_FILE
from stepsweep.client.extras import need
from stepsweep.contract.described import number_of, printable
from stepsweep.contract.errors import InvalidInput

if TYPE_CHECKING:
    from stepsweep.client.proposing.short_run import Tried
    from stepsweep.trainer_script import Script

INIT_EXIT_CODES = (
    "Exit codes: 0 written · 2 nothing was written: wrong options, the script failed, or a file is there already."
)
TRY_SECONDS = 120.0
DOCKERFILE = "Dockerfile"


@click.command(epilog=INIT_EXIT_CODES)
@click.argument("script", required=False)
@click.argument("words", nargs=-1)
@click.option("--no-run", is_flag=True, help="Start the script to read its options only.")
@click.option("--aws", is_flag=True, help="Write a Dockerfile too, which AWS needs, and a lock file of the packages.")
@click.option("--gpu", is_flag=True, help="With --aws: for an image with CUDA.")
def init(script: str | None, words: tuple[str, ...], no_run: bool, aws: bool, gpu: bool) -> int:
    """Propose a sweep.yaml for a script in this folder.

    Reads the script's own options, if it has them from argparse, click or typer, or from a configuration file that it
    names. Runs it once for one epoch, for two minutes at most, to find its metrics. Both happen in a copy of the
    folder. Overwrites nothing; if there is a sweep.yaml, --aws adds the other files for it. WORDS follow the script in
    every trial's command: a sub-command, or options after `--`.

    \b
    sweep init
    sweep init train.py --aws --gpu
    sweep init cli.py fit -- --data data
    """
    need("local", "`sweep init`")
    from stepsweep.client.proposing.script import configured, interpreter_of, parsed, program_of, script_in
    from stepsweep.client.proposing.short_run import tried
    from stepsweep.client.proposing.spec import proposal, text_of
    from stepsweep.client.specs.script import script_of_command

    folder = Path.cwd()
    if gpu and not aws:
        raise click.UsageError("--gpu goes with --aws", click.get_current_context())
    has_spec, image_there = (folder / SPEC_FILE).exists(), aws and (folder / DOCKERFILE).exists()
    if there := [*([SPEC_FILE] if has_spec and not aws else []), *([DOCKERFILE] if image_there else [])]:
        raise InvalidInput([f"{name} is there already, and nothing is overwritten; rename it first" for name in there])
    if has_spec:
        return _image_alone(folder, script, gpu=gpu)
    name = script_in(folder, script)
    program = [*program_of(folder, name), *words]
    runs = script_of_command(program, folder, file=str(folder / SPEC_FILE))
    python = interpreter_of(runs)
    _say(f"Reading the options of {name} …")
    takes, found = parsed(runs, name, words, python)
    options = takes.options if takes else []
    given = {word.removeprefix("--").split("=")[0] for word in words}
    known = proposal([option for option in options if option.name not in given], takes.arguments) if takes else None
    if (known is None or not (known.parameters or known.required)) and (file := configured(name, folder)):
        known = proposal(file[1], known.arguments if known else (), file=file[0])
        options = file[1]
    if known and (known.required or known.arguments) and not no_run:
        needed = [argument.upper() for argument in known.arguments] + [f"--{option}" for option in known.required]
        values = [*needed[: len(known.arguments)], *(f"--{option} VALUE" for option in known.required[:1])]
        _say(
            f"Not run: the script insists on {', '.join(needed)}. To find its metrics, remove {SPEC_FILE}, and give it:"
        )
        _say(f"  sweep init {shlex.join([name, *words])} -- {' '.join(values)}")
    elif not no_run and found is None:
        argv = [python if program[0] == "python" else program[0], *program[1:]]
        argv += [f"--{known.epochs}", "1"] if known and known.epochs and not known.file else []
        argv += (
            [word for option, value in known.guessed.items() for word in (f"--{option}", f"{value:g}")] if known else []
        )
        _say(f"Running `{shlex.join(argv)}` once, for at most {TRY_SECONDS:g} s …")
        found = tried(runs, argv, TRY_SECONDS)
    if found and not found.measured.metrics and not found.measured.place:
        _say(f"It {found.ended}, and printed no metrics that are known, nor left a file of them. Its last lines:")
        for line in found.last_lines:
            _say(f"  {line}")
    if found and found.measured.place and not found.measured.metrics:
        _say("It wrote event files for TensorBoard. To read them, install tensorboard beside stepsweep.")
    if found and found.has_failed and known is None:
        raise _failure(runs, name, words, found)
    written = {SPEC_FILE: text_of(shlex.join(program), known, found)}
    if aws:
        written |= _image(folder, name, python, gpu=gpu)
    options_found = "no options of its own parser" if known is None else number_of(len(options), "option")
    options_found += f" in {known.file}" if known and known.file else ""
    _say(f"Found {options_found} and {_metrics_of(found)}.")
    _write(folder, written, also="mend the script" if found and found.has_failed else "")
    return ExitCode.OK


def _failure(runs: "Script", name: str, words: Sequence[str], found: "Tried") -> InvalidInput:
    from stepsweep.client.clouds.interpreter import script_hint

    remedy = f"mend that, or write a spec without running it: sweep init {shlex.join([name, *words])} --no-run"
    hint = script_hint(runs, found.last_lines)
    return InvalidInput([f"{name}: failed, as every trial would; {remedy}", *([hint] if hint else [])])


def _metrics_of(found: "Tried | None") -> str:
    names = found.measured.metrics if found else ()
    return f"the metric{'s' * (len(names) != 1)} {', '.join(names)}" if names else "no metrics"


def _image_alone(folder: Path, script: str | None, *, gpu: bool) -> int:
    """Proposes the image of the script of a sweep.yaml, which a person may have changed."""
    from stepsweep.client.proposing.script import interpreter_of, script_in
    from stepsweep.client.specs.document import read_spec
    from stepsweep.client.specs.script import split

    document = read_spec(str(folder / SPEC_FILE))
    command = split(document, folder, file=str(folder / SPEC_FILE))[1] if isinstance(document, dict) else None
    if command is None:
        raise InvalidInput(
            [f"{SPEC_FILE}: names no `command`, whose image --aws proposes; write command: python train.py"]
        )
    there = [word for word in shlex.split(command.script.line) if (folder / word).is_file()]
    name = script_in(folder, script or next(iter(there), None))
    _say(f"{SPEC_FILE} stays as it is.")
    _write(folder, _image(folder, name, interpreter_of(command.script), gpu=gpu))
    return ExitCode.OK


def _image(folder: Path, name: str, python: str, *, gpu: bool) -> Mapping[str, str]:
    from stepsweep.client.proposing.image import proposed

    image = proposed(folder, name, python, gpu=gpu)
    for note in image.notes:
        _say(note)
    return image.files


def _write(folder: Path, texts: Mapping[str, str], *, also: str = "") -> None:
    """Writes the files, and says what to do next.

    Args:
        also: what else must be done before a sweep can run.
    """
    for name, text in texts.items():
        write_whole(folder / name, text.encode(), lasting=False)
    it = "them" if len(texts) > 1 else "it"
    then = f"sweep deploy {SPEC_FILE}" if DOCKERFILE in texts else "sweep run"
    _say(f"Wrote {', '.join(texts)}. Look at {it}{f', and {also}' if also else ''}, then: {then}")


def _say(line: str) -> None:
    click.echo(printable(line), err=True)  # also what the script has printed
