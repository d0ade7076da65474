"""The choices of a deployment, from a file in the current folder and from the command line, which takes precedence."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepsweep.contract.errors import InvalidInput
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
        for key in keys:
            inner = inner.get(key, {}) if isinstance(inner, dict) else inner
        if not isinstance(inner, dict):
            faults.append(f"{file}: {'.'.join(keys)} must be a table, got {inner!r}")
        elif inner:
            found[f"{file} [{'.'.join(keys)}]"] = inner
    if len(found) > 1:
        faults.append(f"choices are in {' and in '.join(found)}; keep them in one of the two")
    return [(source, name, value) for source, values in found.items() for name, value in values.items()]


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
    parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
    if any(isinstance(part, bool) or not isinstance(part, str | int | float) for part in parts):
        return f"must be a text, a number or a list of texts, got {value!r}"
    try:
        parsed(name, value)
    except ValueError as error:
        return str(error)
    return None
