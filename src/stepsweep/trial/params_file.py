"""The trial's options as a JSON or YAML file, for scripts that read a configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Writes the file; its name's ending says which kind."""
    if path.suffix == ".json":
        text = json.dumps(document, indent=2, ensure_ascii=False)
    else:
        text = "\n".join(_lines(document)) or "{}"
    path.write_text(text + "\n", encoding="utf-8")


def _lines(document: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{_scalar(name)}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{_scalar(name)}: {flow(value)}"


def flow(value: Any) -> str:
    """Returns a value as YAML in one line."""
    return f"[{', '.join(map(flow, value))}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1, and so PyYAML, takes 1e-05 for a text
    return text
