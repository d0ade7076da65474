"""`make faults`: runs all cases on one embedded cloud after the other's harm, and prints what came of each as a table.

`python -m tests.faults [--write FILE] [WORD ...]`: with words only the cases with such a word in their names; `--write`
also puts the table into a file, between its two markers.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.faults.cases import Case, all_cases, run
from tests.faults.world import World, a_world

BEGIN, END = "<!-- make faults -->", "<!-- /make faults -->"
HEADER = ("Case", "What is done", "Attempts", "Promises", "Result", "In CI")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    cases = [case for case in all_cases() if not asked.words or any(word in case.name for word in asked.words)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nothing is left running
    rows, began = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stepsweep-faults-") as folder, a_world(Path(folder, "cloud")) as world:
        for case in cases:
            rows.append(_row(case, world))
            print(" | ".join(rows[-1]), flush=True)
    failed = sum(row[4] != "holds" for row in rows)
    minutes = (time.monotonic() - began) / 60
    summary = f"{len(rows)} cases, {failed} failed, {minutes:.0f} minutes on {os.cpu_count()} cores."
    table = _table([HEADER, *rows])
    print(f"\n{table}\n\n{summary}")
    if asked.write:
        before, _, rest = asked.write.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        asked.write.write_text(f"{before}{BEGIN}\n{table}\n\n{summary}\n{END}{after}")
    return 1 if failed else 0


def _row(case: Case, world: World) -> tuple[str, ...]:
    attempts, checked, result = "", "", "holds"
    if reason := case.not_here():
        result = f"not run: {reason}"
    else:
        try:
            ran = run(case, world)
            attempts, checked = (
                str(ran.attempts or ""),
                ", ".join(f"{number}: {count}" for number, count in ran.promises.items()),
            )
        except Exception as error:  # noqa: BLE001  the other cases are run all the same
            traceback.print_exc()
            result = f"FAILS: {str(error).splitlines()[0] if str(error) else type(error).__name__}"[:200]
            world.restart()
    return case.name, case.injected, attempts, checked, result, "no" if case.is_slow else "yes"


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


if __name__ == "__main__":
    sys.exit(main())
