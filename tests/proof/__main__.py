"""Prints the proof as one table; ends with 1 where something was found, or a fault was missed that should not be."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.proof.checks import CHECKS
from tests.proof.faults import FAULTS
from tests.proof.proof import Proof


def main() -> int:
    console = Console()
    table = Table("check", "covers", "result", title="The proof of the stack")
    findings: list[str] = []
    with tempfile.TemporaryDirectory(prefix="stepsweep-proof-") as folder, console.status("working it out"):
        proof = Proof(Path(folder))
        for row in proof.rows():
            result = f"[red]{len(row.findings)} findings[/]" if row.findings else f"[green]{row.result}[/]"
            table.add_row(row.check, row.covers, result)
            findings += [f"{row.check}: {finding}" for finding in row.findings]
        missed = [fault for fault, names in zip(FAULTS, proof.found, strict=True) if not names]
        first = Counter(names[0] for names in proof.found if names)
    caught = len(FAULTS) - len(missed)
    existing = sum(first[check.name] for check in CHECKS if not check.ours)
    figure = f"{caught} of {len(FAULTS)} faults found"
    table.add_section()
    table.add_row("mutation", f"{len(FAULTS)} faults, seeded one at a time", f"[bold]{figure}[/]")
    console.print(table)
    console.print(
        f"Found first by a checker that exists: {existing}, by our own: {caught - existing}; cfn-lint, the slowest, "
        "is asked about what is left."
    )
    for fault in missed:
        console.print(f"Missed: {fault.says}: {fault.missed_because or 'it should be found'}.", highlight=False)
    for finding in findings:
        console.print(finding, style="red", highlight=False, markup=False)
    return 1 if findings or any(not fault.missed_because for fault in missed) else 0


if __name__ == "__main__":
    sys.exit(main())
