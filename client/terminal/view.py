"""The console: lines and tables for people, in plain text if the output is not a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stepsweep.client.checks.findings import Finding, State, one_line
from stepsweep.client.terminal.trial_table import TrialRow, trial_table
from stepsweep.contract.described import printable

STATE_STYLES = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "bold red", State.UNKNOWN: "yellow"}
PLAIN_WIDTH = 10_000
"""Width of output that is not a terminal: no line is cut or wrapped, so that grep and awk find whole lines."""


class View:
    """Writes to one console: lines and tables, and the forms that several commands share."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self.console = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False)
        self.is_live = self.console.is_terminal and not self.console.is_dumb_terminal
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH

    def line(self, text: str | Text = "", style: str = "") -> None:
        """Writes a line, wrapped between words on a narrow terminal."""
        self.console.print(Text(printable(text), style=style) if isinstance(text, str) else text)

    def copyable(self, text: str | Text, style: str = "") -> None:
        """Writes a line that a person may copy, such as a command or a path, without wrapping it."""
        self.console.print(Text(printable(text), style=style) if isinstance(text, str) else text, soft_wrap=True)

    def status(self, text: str) -> None:
        self.line(text, "dim")

    def table(self, table: Table) -> None:
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as capture:
            self.console.print(table)
        for line in capture.get().splitlines():
            self.line(line.rstrip())

    def trials(
        self,
        rows: Sequence[TrialRow],
        *,
        lead: Sequence[str],
        behind: Sequence[str],
        differ: Sequence[str],
        optional: Sequence[str] = (),
    ) -> None:
        """Shows a table of trials, and below it what it has no room for since it is the same in all trials."""
        table, same = trial_table(self.console.width, rows, lead=lead, behind=behind, differ=differ, optional=optional)
        self.table(table)
        if same:
            self.line(f"All of these: {' '.join(f'{name}={text}' for name, text in same.items())}", "dim")

    def findings(self, findings: Sequence[Finding]) -> None:
        """Shows one line per finding, and below it what to do."""
        for finding in findings:
            state = Text(f"{finding.state:<8}", style=STATE_STYLES[finding.state])
            self.copyable(Text.assemble(state, f"{finding.check}: {one_line(finding.found)}"))
            if finding.remedy:
                self.copyable(f"{'':<8}  -> {one_line(finding.remedy)}", "dim")
