"""The command `sweep`: its group of commands, and the exit code of each error."""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from stepsweep.bucket.disk import told
from stepsweep.client.cli.check import completion, doctor, selftest, teardown
from stepsweep.client.cli.deploy import deploy, destroy, diff
from stepsweep.client.cli.exit_code import EXIT_CODES, ExitCode, said
from stepsweep.client.cli.export import export
from stepsweep.client.cli.init import init
from stepsweep.client.cli.look import compare, download, list_, logs, report, show
from stepsweep.client.cli.manage import priority, rm, stop
from stepsweep.client.cli.note import note
from stepsweep.client.cli.run import plan, resume, run, serve, start, watch
from stepsweep.client.cli.ui import ui
from stepsweep.contract.errors import InvalidInput, SweepError

# Commands import boto3, rich and the embedded cloud lazily, so that `sweep --help` answers at once.


def main() -> NoReturn:
    """The console script `sweep`."""
    _keep_low_descriptors()
    if sys.stdin is None:  # closed, as `<&-` does it
        sys.stdin = io.TextIOWrapper(io.BytesIO())
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed, as `>&-` does it
            setattr(sys, name, io.StringIO())
        else:
            stream.reconfigure(errors="backslashreplace")  # for characters that it cannot encode
    code = said(faults, ExitCode.WRONG_INPUT) if (faults := _unreadable(sys.argv[1:])) else _exit_code()
    if "stepsweep.local.engine" in sys.modules:  # this process has run an embedded cloud
        from stepsweep.local.forked import leave

        leave(code, closes_its_files=True)
    sys.exit(code)


def _exit_code() -> int:
    """Runs the command, and returns its exit code. Shows our own errors as lines, never as a traceback."""
    try:
        code: int = cli.main(prog_name="sweep", standalone_mode=False) or ExitCode.OK
        sys.stdout.flush()  # here, where it can still be said that the disk is full
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        hint = f" (try `{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        return said([f"{_message(error)}{hint}"], error.exit_code)
    except InvalidInput as error:
        return said(error.faults, ExitCode.WRONG_INPUT)
    except SweepError as error:
        return said(str(error).splitlines(), ExitCode.FAILED)
    except BrokenPipeError:
        _discard_output()
        return ExitCode.FAILED
    except OSError as error:
        _discard_output()
        if error.filename is None:  # such as standard output
            return said([error.strerror or str(error)], ExitCode.FAILED)
        return said([told(error, Path.cwd())], ExitCode.FAILED)
    except MemoryError:
        return said(["there is not enough memory; see `ulimit -v`, or end other programs"], ExitCode.FAILED)
    except (click.Abort, KeyboardInterrupt):
        return said(["interrupted"], ExitCode.INTERRUPTED)
    else:
        return code


def _message(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption) and error.option_name in ("-d", "--detach"):  # as other tools have it
        return f"no such option '{error.option_name}'; `sweep start` leaves a sweep running"
    message = " ".join(error.format_message().split()).rstrip(".")  # click writes choices below each other
    return f"{message[:1].lower()}{message[1:]}"  # click's own begin with a capital letter


def _unreadable(words: Sequence[str]) -> list[str]:
    """Returns the faults of words whose bytes are no text: they could be neither stored nor shown."""
    encoding = sys.getfilesystemencoding()
    return [
        f"{word.encode(errors='backslashreplace').decode()}: is not {encoding}; write UTF-8, in a locale of UTF-8 such "
        "as LC_ALL=C.UTF-8"
        for word in words
        if any("\ud800" <= letter <= "\udfff" for letter in word)
    ]


def _keep_low_descriptors() -> None:
    """Opens /dev/null in place of standard files that are closed.

    Otherwise the next files that are opened would get their numbers, and libraries and other processes would write
    their output into them.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _discard_output() -> None:
    """Drops what standard output cannot take, such as after `| head`: the interpreter would complain at its end."""
    with contextlib.suppress(OSError, ValueError):  # a stream of a test has no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stepsweep", message="stepsweep %(version)s")
def cli() -> None:
    """Hyperparameter search on your own AWS account, or on this machine.

    \b
    sweep run examples/quick.json                  on this machine, no account needed
    sweep run examples/tutorial.json --on aws      on the stack that `sweep deploy` created
    """


for command in (
    *(init, run, start, watch, resume, plan, serve),
    *(list_, show, logs, download, report, compare, export, ui),
    *(note, priority, stop, rm),
    *(deploy, diff, destroy),
    *(doctor, selftest, teardown, completion),
):
    cli.add_command(command)
