"""Results of benchmarks: saved as JSON with a description of the machine, and as tables in the docs."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.timing import ROOT

RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table for people.

    Attributes:
        rows: texts, one per column.
        caption: a sentence above the table: what was compared, how often, in which unit.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str

    def markdown(self) -> str:
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        return "\n".join([self.caption, "", *(f"| {' | '.join(line)} |" for line in lines)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Tables for people, and all values behind them, as values for JSON.

    Attributes:
        is_for_docs: whether they are kept and go into the docs; a GPU's do not if there was none.
    """

    tables: Sequence[Table]
    values: Mapping[str, Any] = field(default_factory=dict)
    is_for_docs: bool = True


def machine() -> dict[str, Any]:
    """Returns a description of the machine, and the versions of Python and torch."""
    import torch

    features = torch.cpu.get_capabilities()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "bf16": any(features.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _processor() -> str:
    """Returns the processor's model, on Linux with its family, since virtual machines may name only the maker."""
    if not (listed := Path("/proc/cpuinfo")).exists():
        return platform.processor()
    found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", listed.read_text(), re.MULTILINE))
    return f"{found['model name']} (family {found['cpu family']}, model {found['model']})"


def told(facts: Mapping[str, Any]) -> str:
    """Returns the machine in one line."""
    return (
        f"{facts['cores']} cores of {facts['processor']}, {'with' if facts['bf16'] else 'without'} bf16; "
        f"Python {facts['python']}, torch {facts['torch']}; {facts['date']}"
    )


def keep(name: str, result: Result, facts: Mapping[str, Any], *, folder: Path = RESULTS) -> None:
    """Writes a benchmark's JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": facts,
        "tables": [
            {"caption": table.caption, "columns": list(table.columns), "rows": [list(row) for row in table.rows]}
            for table in result.tables
        ],
        "values": result.values,
    }
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def pages() -> list[Path]:
    """Returns the pages that may have tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill(name: str, result: Result, facts: Mapping[str, Any], *, among: Sequence[Path]) -> list[Path]:
    """Puts a benchmark's tables between its markers on all pages, and returns the changed pages."""
    block = re.compile(f"(<!-- bench:{re.escape(name)} -->\n).*?(<!-- /bench:{re.escape(name)} -->)", re.DOTALL)
    text = "\n\n".join([*(table.markdown() for table in result.tables), f"({told(facts)}.)"])
    filled = []
    for page in among:
        before = page.read_text()
        after = block.sub(lambda found: f"{found[1]}{text}\n{found[2]}", before)
        if block.search(before):
            page.write_text(after)
            filled.append(page)
    return filled
