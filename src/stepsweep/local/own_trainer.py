"""Puts a person's trainer into a stack that was synthesized with another one, since to synthesize takes seconds.

A template depends on its trainer in few places: the tag of the image, the version and name of the trainer that
functions are told, and the command among the outputs. A stack is synthesized once, with a trainer that stands for all
others.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsweep.local.images import sources_of
from stepsweep.trainer_files import contents, copy, version_of
from stepsweep.trainer_script import Script, script_of, title

PLACEHOLDER = "stepsweep-placeholder"
"""The name of the trainer that stands for all others, and the only word of its command."""


def placeholder(folder: Path) -> Path:
    """Writes the trainer that stands for all others, and returns its file, which names it in place of a folder."""
    script = Script(folder=folder / PLACEHOLDER, entrypoint=(PLACEHOLDER,))
    script.folder.mkdir()
    return script.written(folder)


def put(trainer: Path, assembly: Path, stack: str, folder: Path) -> None:
    """Copies a cloud assembly into a folder, with the trainer in the place of the placeholder.

    Raises:
        InvalidInput: the files of the trainer are too large.
    """
    content, script = contents(trainer), script_of(trainer)
    version = version_of(content)
    staged = {
        source.tag: source.context for source in sources_of(assembly, stack) if _is_placeholder(source.dockerfile)
    }
    command = json.dumps(list(script.entrypoint) if script else [])
    texts = {PLACEHOLDER: title(trainer), json.dumps([PLACEHOLDER]): command}
    left_out = shutil.ignore_patterns(*(context.name for context in staged.values()))
    shutil.copytree(assembly, folder, dirs_exist_ok=True, ignore=left_out)
    for file in folder.glob("*.json"):
        document = json.loads(file.read_bytes())
        file.write_text(json.dumps(_replaced(document, texts, dict.fromkeys(staged, version))), encoding="utf-8")
    for tag, context in staged.items():
        target = folder / context.name.replace(tag, version)
        target.mkdir()
        copy(content, target)


def _is_placeholder(dockerfile: Path) -> bool:
    return f"ENTRYPOINT {json.dumps([PLACEHOLDER])}" in dockerfile.read_text(encoding="utf-8").splitlines()


def _replaced(value: Any, texts: Mapping[str, str], tags: Mapping[str, str]) -> Any:
    """Returns a document in which some texts, and tags in any text, are others."""
    match value:
        case dict():
            return {_replaced(name, {}, tags): _replaced(each, texts, tags) for name, each in value.items()}
        case list():
            return [_replaced(each, texts, tags) for each in value]
        case str():
            value = texts.get(value, value)
            for tag, version in tags.items():
                value = value.replace(tag, version)
            return value
        case _:
            return value
