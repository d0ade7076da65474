"""The script's own configuration file: the trial's copy of it gets the trial's options."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepsweep.trial import params_file
from stepsweep.trial.command import WrongCommand

OPTION = "--into"
ENDINGS = (".yaml", ".yml", ".json")


def fields(path: Path) -> dict[str, Any]:
    """Returns the fields of a file by name, `optim.lr` for the field `lr` of `optim`, with their values.

    Raises:
        WrongCommand: the file cannot be read.
    """
    if path.suffix == ".json":
        return dict(_of_json(_json(path)))
    yaml = _yaml()
    root = _root(path, yaml)
    found = {}
    for name, node in _of_yaml(root):
        try:
            found[name] = yaml.safe_load(yaml.serialize(node)) if isinstance(node, yaml.ScalarNode) else None
        except yaml.YAMLError:
            found[name] = None  # of a tag that only the script knows
    return found


def merged(path: Path, options: Mapping[str, Any]) -> str:
    """Returns the file's text with the options in its fields. All other values stay as they are written.

    Raises:
        WrongCommand: the file cannot be read, or lacks a field.
    """
    if path.suffix == ".json":
        document = _json(path)
        lacking = [name for name in options if name not in dict(_of_json(document))]
        if not lacking:
            for name, value in options.items():
                place = document
                *parents, last = name.split(".")
                for parent in parents:
                    place = place[parent]
                place[last] = value
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        raise WrongCommand([f"{OPTION} {path}: has no field {name}" for name in lacking])
    yaml = _yaml()
    root = _root(path, yaml)
    used = Counter(id(node) for node in _nodes(root, yaml))
    faults = []
    for name, value in options.items():
        *parents, last = name.split(".")
        places = [root]
        for parent in parents:
            places = [node for place in places for key, node in _pairs(place, yaml) if key.value == parent]
        found = [place for place in places if any(key.value == last for key, _ in _pairs(place, yaml))]
        if not found:
            faults.append(f"{OPTION} {path}: has no field {name}")
        elif any(used[id(place)] > 1 for place in found):
            faults.append(f"{OPTION} {path}: {name} is a part of what another field shares with it, by an anchor")
        for place in found:
            new = yaml.compose(params_file.flow(value), Loader=yaml.SafeLoader)
            place.value = [(key, new if key.value == last else node) for key, node in place.value]
    if faults:
        raise WrongCommand(faults)
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True))


def fill(file: Path, options: Mapping[str, Any], *, is_job: bool) -> None:
    """Puts the trial's options into its copy of the script's configuration file.

    Raises:
        WrongCommand: it is no copy, it cannot be read, or it lacks a field.
    """
    if not is_job:
        raise WrongCommand([f"{OPTION} {file}: a sweep's trial has a copy of it; by hand, change the file"])
    if Path.cwd().resolve() not in file.resolve().parents:
        raise WrongCommand([f"{OPTION} {file}: is no file of the trial's own folder"])
    text = merged(file, options)
    file.unlink()  # if it is a link, what it leads to stays
    file.write_text(text, encoding="utf-8")


def _json(path: Path) -> Any:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WrongCommand([f"{OPTION} {path}: cannot be read: {error}"]) from None
    if not isinstance(document, dict):
        raise WrongCommand([f"{OPTION} {path}: must be an object of names and values"])
    return document


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise WrongCommand([f"{OPTION}: needs the package pyyaml"]) from None


def _root(path: Path, yaml: Any) -> Any:
    try:
        with path.open(encoding="utf-8") as stream:  # whose name is in the errors
            root = yaml.compose(stream, Loader=yaml.SafeLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise WrongCommand([f"{OPTION} {path}: cannot be read: {error}"]) from None
    if not isinstance(root, yaml.MappingNode):
        raise WrongCommand([f"{OPTION} {path}: must be a mapping of names and values"])
    return root


def _of_json(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield before + name, None
            yield from _of_json(value, f"{before}{name}.")
        else:
            yield before + name, value


def _of_yaml(node: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.value:
        yield before + str(key.value), value
        if type(value).__name__ == "MappingNode":
            yield from _of_yaml(value, f"{before}{key.value}.")


def _pairs(node: Any, yaml: Any) -> Any:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _nodes(node: Any, yaml: Any) -> Iterator[Any]:
    """Yields each node as often as the document names it."""
    yield node
    for key, value in _pairs(node, yaml):
        yield from _nodes(key, yaml)
        yield from _nodes(value, yaml)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _nodes(item, yaml)
