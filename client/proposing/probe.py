"""Runs a script until it parses its options, and writes the parser's options to a file instead.

`sweep init` runs this file with the interpreter of the script's project, which need not have stepsweep. So it uses only
the standard library, and works with Python 3.8 and newer.

    python probe.py RESULT SCRIPT [WORDS]...

RESULT gets {"options": [{name, type, default, choices, required}, …], "commands": […]}, or nothing if the script never
asks for options. The options are those of the sub-command that the words name; `commands` are the names of
sub-commands of which none was named.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any, NoReturn

BOOLEAN, FLAG = "bool", "flag"


def main() -> None:
    result, script, *words = sys.argv[1:]

    def found(options: list[Any], commands: list[str]) -> NoReturn:
        document = {"options": options, "commands": commands}
        Path(result).write_text(json.dumps(document, default=str), encoding="utf-8")
        sys.stdout.flush()
        os._exit(0)  # skips everything that the script does at its end

    def parse_args(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        commands: dict[str, Any] = {}
        for word in (None, *words):
            parser = commands.get(word or "", parser)
            choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
            commands = choices[0] if choices else {}
        found([option for action in parser._actions for option in _of_argparse(action)], list(commands))

    argparse.ArgumentParser.parse_args = parse_args  # type: ignore[method-assign, assignment]
    argparse.ArgumentParser.parse_known_args = parse_args  # type: ignore[method-assign, assignment]
    try:
        import click
    except ImportError:
        pass
    else:

        def command_main(command: Any, *_: Any, **__: Any) -> NoReturn:
            commands: dict[str, Any] = {}
            for word in (None, *words):
                command = commands.get(word or "", command)
                commands = getattr(command, "commands", {})
            found([option for parameter in command.params for option in _of_click(parameter)], list(commands))

        click.Command.main = command_main  # type: ignore[method-assign, assignment]
    sys.argv = [script, *words]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")


def _of_argparse(action: argparse.Action) -> list[Any]:
    names = [name[2:] for name in action.option_strings if name.startswith("--")]
    if not names or action.dest in ("help", "version") or action.nargs not in (None, 0):
        return []
    if action.nargs == 0:
        is_pair = any(name == "no-" + names[0] for name in names[1:])
        kind = BOOLEAN if is_pair else FLAG if isinstance(action.default, bool) and not action.default else None
    else:
        kind = getattr(action.type, "__name__", "str") if action.type else type(action.default).__name__
    return [_option(names[0], kind, action.default, action.choices, action.required)] if kind else []


def _of_click(parameter: Any) -> list[Any]:
    names = [name[2:] for name in parameter.opts if name.startswith("--")]
    if not names or parameter.multiple or parameter.nargs != 1:
        return []
    kind = parameter.type.name
    if getattr(parameter, "is_flag", False):
        kind = BOOLEAN if parameter.secondary_opts else FLAG
    default = parameter.default if isinstance(parameter.default, (bool, int, float, str)) else None
    choices = getattr(parameter.type, "choices", None)
    names_of_types = {"integer": "int", "integer range": "int", "float range": "float", "text": "str", "choice": "str"}
    return [_option(names[0], names_of_types.get(kind, kind), default, choices, parameter.required)]


def _option(name: str, kind: str, default: Any, choices: Any, required: bool) -> Any:
    return {
        "name": name,
        "type": kind,
        "default": None if default is argparse.SUPPRESS else default,
        "choices": list(choices) if choices else [],
        "required": bool(required),
    }


if __name__ == "__main__":
    main()
