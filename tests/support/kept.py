"""What a person sees as a text that is kept, so that one comparison judges all of it.

After a change that is meant, delete the file and run the test twice: the first run writes it.
"""

from collections.abc import Sequence
from pathlib import Path


def compare(lines: Sequence[str], kept: Path) -> None:
    """Asserts that the lines are those of a file."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        raise AssertionError(f"{kept} is new: look whether it is right")
    assert lines == kept.read_text(encoding="utf-8").split("\n")[:-1]
