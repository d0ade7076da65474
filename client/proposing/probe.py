"""Runs a script until it parses its options, and writes the parser's options to a file instead.

`sweep init` runs this file with the interpreter of the script's project, which need not have stepsweep. So it uses only
the standard library, and works with Python 3.8 and newer.

    python probe.py RESULT SCRIPT [WORDS]...

RESULT gets {"options": [{name, type, default, choices, required}, …], "commands": […], "arguments": […], "has_run": …}.
The options are those of the sub-command that the words name; `commands` are the names of sub-commands of which none was
named, and `arguments` those of required arguments that the words do not give. If the script has no parser, and has run
to its end without a look at its command line, the lists are empty, and "has_run" is true. If it reads its command line
by itself, or fails, RESULT gets nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import enum
import importlib
import itertools
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any, NoReturn

BOOLEAN, FLAG = "bool", "flag"

SPACE, REPEAT = "several, with spaces", "several, one for each time that it is given"
"""Kinds of options with several values: `--layers 64 64`, and `--layers 64 --layers 64`."""

COMPLETION = ("install-completion", "show-completion")
"""Options that typer gives every script."""

MAX_CHOICES = 100
"""Most choices of an option that count."""

CLICKS = ("click", "typer._click")
"""click, and the copy of it in newer versions of typer; older ones use click itself."""


class Words(list):  # type: ignore[type-arg]
    """A command line that knows whether a script has looked at more of it than its own name."""

    are_read = False

    def __getitem__(self, at: Any) -> Any:
        Words.are_read |= at != 0
        return super().__getitem__(at)

    def __iter__(self) -> Any:
        Words.are_read = True
        return super().__iter__()

    def __len__(self) -> int:
        Words.are_read = True
        return super().__len__()

    def __contains__(self, word: object) -> bool:
        Words.are_read = True
        return super().__contains__(word)

    def __getattribute__(self, name: str) -> Any:
        Words.are_read |= name in ("copy", "count", "index", "pop", "remove")
        return super().__getattribute__(name)

    def __reduce_ex__(self, protocol: Any) -> Any:  # for processes that multiprocessing spawns
        return list, (super().copy(),)


def main() -> None:
    result, script, *words = sys.argv[1:]

    def found(options: list[Any], commands: list[str], arguments: list[str]) -> NoReturn:
        document = {"options": options, "commands": commands, "arguments": arguments, "has_run": False}
        Path(result).write_text(json.dumps(document, default=str), encoding="utf-8")
        sys.stdout.flush()
        os._exit(0)  # skips everything that the script does at its end

    def parse_args(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        commands: dict[str, Any] = {}
        rest = [*words]
        for word in (None, *words):
            if word in commands:
                rest.remove(word)
            parser = commands.get(word or "", parser)
            choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
            commands = choices[0] if choices else {}
        needed = [
            action.metavar if isinstance(action.metavar, str) else action.dest
            for action in parser._actions
            if not action.option_strings
            and (action.nargs is None or action.nargs == "+" or isinstance(action.nargs, int))
        ]
        found(
            [option for action in parser._actions for option in _of_argparse(action)],
            list(commands),
            needed[_plain(rest) :],
        )

    argparse.ArgumentParser.parse_args = parse_args  # type: ignore[method-assign, assignment]
    argparse.ArgumentParser.parse_known_args = parse_args  # type: ignore[method-assign, assignment]

    def make_context(command: Any, *_: Any, **__: Any) -> NoReturn:
        commands: dict[str, Any] = {}
        rest = [*words]
        for word in (None, *words):
            if word in commands:
                rest.remove(word)
            command = commands.get(word or "", command)
            commands = getattr(command, "commands", {})
        needed = [
            parameter.name
            for parameter in command.params
            if parameter.param_type_name == "argument" and parameter.required
        ]
        found(
            [option for parameter in command.params for option in _of_click(parameter)],
            list(commands),
            needed[_plain(rest) :],
        )

    for name in CLICKS:
        with contextlib.suppress(Exception):  # a broken library is the script's affair, if it uses it
            # All commands, whatever is derived from them, make a context before they read a command line.
            importlib.import_module(name).Command.make_context = make_context
    sys.argv = Words([script, *words])
    sys.path[0] = str(Path(script).resolve().parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    if not Words.are_read:
        document = {"options": [], "commands": [], "arguments": [], "has_run": True}
        Path(result).write_text(json.dumps(document), encoding="utf-8")


def _plain(words: list[str]) -> int:
    """Returns how many of the words are neither options nor, as far as one can see, the values of options."""
    found, last = 0, ""
    for word in words:
        found += not word.startswith("-") and (not last.startswith("-") or "=" in last)
        last = word
    return found


def _of_argparse(action: argparse.Action) -> list[Any]:
    names = [name[2:] for name in action.option_strings if name.startswith("--")]
    if not names or action.dest in ("help", "version") or action.nargs in (argparse.REMAINDER, argparse.PARSER):
        return []
    kind: str | None
    if action.nargs not in (None, 0, "?"):
        kind = SPACE
    elif isinstance(action, argparse._AppendAction):
        kind = REPEAT
    elif action.nargs == 0:
        is_pair = any(name == "no-" + names[0] for name in names[1:])
        kind = BOOLEAN if is_pair else FLAG if isinstance(action.default, bool) and not action.default else None
    else:
        kind = getattr(action.type, "__name__", "str") if action.type else type(action.default).__name__
    return [_option(names[0], kind, action.default, action.choices, action.required)] if kind else []


def _of_click(parameter: Any) -> list[Any]:
    names = [name[2:] for name in parameter.opts if name.startswith("--")]
    # What is eager ends the command, as --version does.
    if not names or parameter.is_eager or names[0] in COMPLETION:
        return []
    default = parameter.default
    if parameter.multiple or parameter.nargs != 1:
        if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
            return []
        is_list = isinstance(default, (list, tuple))
        several = REPEAT if parameter.multiple else SPACE
        return [_option(names[0], several, list(default) if is_list else None, (), parameter.required)]
    kind: str | None
    if getattr(parameter, "is_flag", False):
        is_pair = f"--no-{names[0]}" in parameter.secondary_opts
        kind = BOOLEAN if is_pair else FLAG if default is not True and not parameter.secondary_opts else None
        choices = None
    else:
        kind, choices = _type_of_click(parameter)
    default = default.value if isinstance(default, enum.Enum) else default
    plain = default if isinstance(default, (bool, int, float, str)) else None
    return [_option(names[0], kind, plain, choices, parameter.required)] if kind else []


def _type_of_click(parameter: Any) -> tuple[str, Any]:
    """Returns the name of an option's type, and its choices as a command line has them."""
    described = getattr(parameter, "type_descriptor", None)
    if described is not None:  # typer since it is without click
        if described.choices is not None:
            return "str", [choice.value if isinstance(choice, enum.Enum) else choice for choice in described.choices]
        return getattr(described.annotation, "__name__", "str"), None
    names_of_types = {"integer": "int", "integer range": "int", "float range": "float", "text": "str", "choice": "str"}
    kind = parameter.type.name
    choices = getattr(parameter.type, "choices", ())
    return names_of_types.get(kind, kind), [
        choice.name if isinstance(choice, enum.Enum) else choice for choice in choices
    ]


def _option(name: str, kind: str, default: Any, choices: Any, required: bool) -> Any:
    return {
        "name": name,
        "type": kind,
        "default": None if default is argparse.SUPPRESS else default,
        "choices": _few(choices),
        "required": bool(required),
    }


def _few(choices: Any) -> list[Any]:
    """Returns the choices; nothing if they are too many to try, or no plain values, such as ranges of other kinds."""
    with contextlib.suppress(Exception):
        found = list(itertools.islice(choices or (), MAX_CHOICES + 1))
        if len(found) <= MAX_CHOICES and all(isinstance(each, (bool, int, float, str, enum.Enum)) for each in found):
            return found
    return []


if __name__ == "__main__":
    main()
