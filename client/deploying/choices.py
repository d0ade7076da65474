"""The choices of a deployment, from a file in the current folder and from the command line, which takes precedence."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.space import shown
from stepsweep.stack_config import StackConfig, names, table
from stepsweep.stack_values import parsed

FILES = {"stepsweep.toml": ("deploy",), "pyproject.toml": ("tool", "stepsweep", "deploy")}
"""Each file, and the path of its table of choices."""


def chosen(folder: Path, given: Sequence[str], *, stack: str | None = None) -> dict[str, Any]:
    """Returns the choices by name, in the form of CDK's context.

    Args:
        folder: the folder with the files.
        given: `NAME=VALUE` from the command line.
        stack: value of `stack_name`; takes precedence.

    Raises:
        InvalidInput: choices are invalid; lists every fault with its file or option.
    """
    faults: list[str] = []
    values: dict[str, Any] = {}
    for source, name, value in [*_of_files(folder, faults), *_of_line(given, stack, faults)]:
        if fault := _fault(name, value):
            faults.append(f"{source}: {name}: {fault}")
        else:
            values[name] = value
    if not faults:
        faults = StackConfig.from_context(values).faults
    if faults:
        raise InvalidInput(faults)
    return values


def help_table() -> str:
    """Returns every choice with its default and meaning, one line each."""
    rows = table()
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:<{widths[0]}}  {default:<{widths[1]}}  {meaning}" for name, default, meaning in rows)


def _of_files(folder: Path, faults: list[str]) -> list[tuple[str, str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for file, keys in FILES.items():
        try:
            inner: Any = tomllib.loads((folder / file).read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as error:
            faults.append(f"{file}: cannot be read as TOML: {error}")
            continue
        for depth, key in enumerate(keys):
            faults += _beside(file, keys, depth, inner)
            inner = inner.get(key, {})
            if not isinstance(inner, dict):
                faults.append(f"{file}: {'.'.join(keys[: depth + 1])} must be a table, got {shown(inner)}")
                inner = {}
        if inner:
            found[f"{file} [{'.'.join(keys)}]"] = inner
    if len(found) > 1:
        faults.append(f"choices are in {' and in '.join(found)}; keep them in one of the two")
    return [(source, name, value) for source, values in found.items() for name, value in values.items()]


def _beside(file: str, keys: tuple[str, ...], depth: int, there: Mapping[str, Any]) -> list[str]:
    """Returns the faults of what stands beside the next table on the way to the choices, where nobody reads it.

    The file of another tool has tables of others. Those with nearly the same name are ours, misspelled.
    """
    table, is_ours = f"[{'.'.join(keys)}]", depth == len(keys) - 1
    faults = []
    for name in there.keys() - {keys[depth]}:
        full = ".".join([*keys[:depth], name])
        is_near = bool(difflib.get_close_matches(name.lower(), ["deploy" if is_ours else "stepsweep"], cutoff=0.75))
        if is_ours and name in names():
            faults.append(f"{file}: {full}: stands outside the table {table}, where it has no effect; move it there")
        elif is_near and isinstance(there[name], dict):
            faults.append(f"{file}: there is no table [{full}]; did you mean {table}?")
        elif is_ours:
            faults.append(f"{file}: {full}: is not known here; choices stand in the table {table}")
    return sorted(faults)


def _of_line(given: Sequence[str], stack: str | None, faults: list[str]) -> list[tuple[str, str, Any]]:
    found = []
    for text in given:
        name, equals, value = text.partition("=")
        if equals:
            found.append(("-c", name, value))
        else:
            faults.append(f"-c {text}: must be NAME=VALUE, such as max_vcpus=16")
    return found + ([("--stack", "stack_name", stack)] if stack is not None else [])


def _fault(name: str, value: object) -> str | None:
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        meant = f"; did you mean {close[0]}?" if close else f"; choices are {', '.join(names())}"
        return f"there is no such choice{meant}"
    try:
        parsed(name, value)
    except ValueError as error:
        return str(error)
    return None
