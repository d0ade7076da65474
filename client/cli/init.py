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
    from stepsweep.client.proposing.spec import Proposal
    from stepsweep.trainer_script import Script

INIT_EXIT_CODES = (
    "Exit codes: 0 written · 2 nothing was written: wrong options or WORDS, a script that fails and whose options "
    "nobody knows, or a file that is there already."
)
TRY_SECONDS = 120.0
WRONG_WORDS = 2
"""The exit code of a parser that does not take the command line."""
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
    from stepsweep.client.proposing.choices import without_options
    from stepsweep.client.proposing.script import configured, interpreter_of, parsed, program_of
    from stepsweep.client.proposing.spec import proposal, text_of
    from stepsweep.client.specs.script import script_of_command

    folder = Path.cwd()
    if gpu and not aws:
        raise click.UsageError("--gpu goes with --aws", click.get_current_context())
    name = _chosen(folder, script, aws=aws)
    if (folder / SPEC_FILE).exists():
        return _image_alone(folder, script, gpu=gpu)
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
        found = _tried(runs, [python if program[0] == "python" else program[0], *program[1:]], known)
    if found:
        found = without_options(found, options)
        _say_what_is_missing(name, found)
    if found and found.has_failed and (known is None or (takes and found.code == WRONG_WORDS)):
        raise _failure(runs, name, words, found)
    written = {SPEC_FILE: text_of(shlex.join(program), known, found)}
    if aws:
        written |= _image(folder, name, python, gpu=gpu)
    _say(f"Found {_options_of(known, len(options))} and {_metrics_of(found)}.")
    if known and not options and not known.arguments:
        _say(f"{name} takes no options, so all its trials would be the same. Let it take some, as with argparse.")
    _write(folder, written, also=_also(known, found))
    return ExitCode.OK


def _chosen(folder: Path, script: str | None, *, aws: bool) -> str:
    """Returns the path of the script; of that of a sweep.yaml only if a person names it, or else nothing.

    Raises:
        InvalidInput: there is no such script, or a file is there that would be overwritten.
    """
    from stepsweep.client.proposing.script import script_in

    has_spec = (folder / SPEC_FILE).exists()
    there = [SPEC_FILE] if has_spec and not aws else []
    there += [DOCKERFILE] if aws and (folder / DOCKERFILE).exists() else []
    faults = [f"{file} is there already, and nothing is overwritten; rename it first" for file in there]
    name = ""
    if script is not None or not has_spec:
        try:
            name = script_in(folder, script)
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return name


def _tried(runs: "Script", argv: list[str], known: "Proposal | None") -> "Tried":
    from stepsweep.client.proposing.short_run import tried

    epochs = 1 if known and known.epochs and not known.file else None
    if known:
        argv += [f"--{known.epochs}", str(epochs)] if epochs else []
        argv += [word for option, value in known.guessed.items() for word in (f"--{option}", f"{value:g}")]
    _say(f"Running `{shlex.join(argv)}` once, for at most {TRY_SECONDS:g} s …")
    return tried(runs, argv, TRY_SECONDS, epochs=epochs)


def _say_what_is_missing(name: str, found: "Tried") -> None:
    if found.measured.doubt:
        _say(f"A trial of one epoch would fail: {found.measured.doubt}")
    if found.measured.doubt or found.measured.metrics:
        return
    if found.measured.place:
        _say("It wrote event files for TensorBoard. To read them, install tensorboard beside stepsweep.")
        return
    last = " Its last lines:" if found.last_lines else ""
    _say(f"{name} {found.ended}. It printed no metrics that stepsweep knows, and wrote no file of them.{last}")
    for line in found.last_lines:
        _say(f"  {line}")


def _failure(runs: "Script", name: str, words: Sequence[str], found: "Tried") -> InvalidInput:
    from stepsweep.client.clouds.hints import script_hint

    if found.code == WRONG_WORDS and words:
        remedy = (
            f"its parser takes other words than {shlex.join(words)}; sweep init {name} finds its options without any"
        )
    else:
        remedy = f"mend that, or write a spec without running it: sweep init {shlex.join([name, *words])} --no-run"
    hint = script_hint(runs, found.last_lines)
    return InvalidInput([f"{name}: failed, as every trial would; {remedy}", *([hint] if hint else [])])


def _also(known: "Proposal | None", found: "Tried | None") -> list[str]:
    """Returns what else must be done before a sweep can run."""
    also = ["mend the script"] if found and found.has_failed else []
    if known is None:
        also.append("name options that it takes in `parameters`, and in `arguments` how, if not as --lr 0.1")
    elif not known.parameters:
        also.append("name options that it takes in `parameters`")
    if found and found.measured.doubt:
        also.append("at what a trial of one epoch would fail for")
    elif found and not found.has_failed and not found.measured.metrics:
        also.append("say where its metrics are")
    return also


def _options_of(known: "Proposal | None", count: int) -> str:
    if known is None:
        return "no options of its own parser"
    return (number_of(count, "option") if count else "no options") + (f" in {known.file}" if known.file else "")


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


def _write(folder: Path, texts: Mapping[str, str], *, also: Sequence[str] = ()) -> None:
    """Writes the files, and says what to do next.

    Args:
        also: what else must be done before a sweep can run.
    """
    for name, text in texts.items():
        write_whole(folder / name, text.encode(), lasting=False)
    it = "them" if len(texts) > 1 else "it"
    then = f"sweep deploy {SPEC_FILE}" if DOCKERFILE in texts else "sweep run"
    _say(f"Wrote {', '.join(texts)}. Look at {it}{''.join(f', and {each}' for each in also)}, then: {then}")


def _say(line: str) -> None:
    click.echo(printable(line), err=True)  # also what the script has printed
