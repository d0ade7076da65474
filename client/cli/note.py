"""The command that reads and writes what a person notes about a sweep."""

import json
import sys
from typing import TYPE_CHECKING

import click

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import cloud_options, json_option, of_an_execution_too
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.specs.document import STDIN
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.note import MAX_BYTES, MAX_CHARACTERS

if TYPE_CHECKING:
    from stepsweep.contract.note import Note

NOTE_EXIT_CODES = (
    "Exit codes: 0 shown or written · 1 the cloud failed · 2 no such sweep, or wrong text · 130 interrupted."
)


class _Command(click.Command):
    """Says how a text is written that the shell or an option's dash takes apart."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        try:
            return super().parse_args(context, words)
        except click.NoSuchOption as error:
            how = "a text that begins with - comes behind --, as in: sweep note NAME -- '- one more'"
            raise click.UsageError(f"{error.format_message().rstrip('.')}; {how}", context) from None
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(f"{error.message}; put the text into quotes", context) from None


@click.command(cls=_Command, epilog=NOTE_EXIT_CODES)
@click.argument("name")
@click.argument("text", required=False)
@click.option("--delete", "is_deleted", is_flag=True, help="Remove the note.")
@cloud_options
@json_option("One JSON document on stdout: {sweep, note, written_at, replaced}.")
@of_an_execution_too
def note(name: str, text: str | None, is_deleted: bool, cloud: Cloud, as_json: bool) -> int:
    """Show the note of a sweep, or write one.

    A note is plain text for people, and changes nothing about the sweep. TEXT replaces the note that is there, and the
    replaced one is shown; `-` reads it from standard input.

    \b
    sweep note first "lr above 0.3 diverges; try warmup"
    sweep note first
    sweep note first - < notes.txt
    sweep note first -- "- a text that begins with a dash"
    sweep note first --delete --on aws
    """
    from stepsweep.client.operations.noting import note_of, write_note

    if is_deleted and text is not None:
        raise click.UsageError("give either TEXT or --delete", click.get_current_context())
    with signals_interrupt():
        there = note_of(cloud, name)
        if text is None and not is_deleted:
            return _shown(name, there, as_json=as_json)
        noted = write_note(cloud, name, "" if text is None else _meant(text))
    if as_json:
        replaced = noted.replaced.text if noted.replaced.text != noted.note.text else None
        click.echo(json.dumps({**_document(name, noted.note), "replaced": replaced or None}, indent=2))
        return ExitCode.OK
    if noted.replaced.text and noted.replaced.text != noted.note.text:
        click.echo(f"It was:\n{noted.replaced.text}\n", err=True)
    click.echo("Noted." if noted.note.text else "There is no note.", err=True)
    return ExitCode.OK


def _meant(text: str) -> str:
    """Returns the text that an argument means. An empty one is more often a mistake than a wish."""
    read = _standard_input() if text == STDIN else text
    if not read.strip():
        raise InvalidInput(["note: must have text, got none; --delete removes a note"])
    return read


def _standard_input() -> str:
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidInput(
            [f"note: must have at most {MAX_CHARACTERS:,} characters; standard input has over {MAX_BYTES:,} bytes"]
        )
    try:
        return data.decode("utf-8-sig")  # Windows PowerShell writes a byte-order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput([f"note: line {line} of standard input is not UTF-8; write it in UTF-8"]) from None


def _shown(name: str, there: "Note", *, as_json: bool) -> int:
    if there.fault:
        raise InvalidInput([there.fault])
    if as_json:
        click.echo(json.dumps({**_document(name, there), "replaced": None}, indent=2))
    elif there.text:
        click.echo(there.text)
    else:
        click.echo("There is no note.", err=True)
    return ExitCode.OK


def _document(name: str, there: "Note") -> dict[str, str | None]:
    at = there.written_at.isoformat() if there.written_at else None
    return {"sweep": name, "note": there.text or None, "written_at": at}
