"""A module holds one idea, and a reader has it in view: at most 300 lines."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = ("client", "stack", "statemachine", "trainer", "src/stepsweep")
MOST_LINES = 300


def test_a_module_has_at_most_300_lines() -> None:
    files = [file for room in ROOMS for file in (REPOSITORY / room).rglob("*.py")]
    assert len(files) > 300
    lines = {str(file.relative_to(REPOSITORY)): file.read_text().count("\n") for file in files}
    found = {name: number for name, number in lines.items() if number > MOST_LINES}
    assert found == {}, "find the second idea, and give it a module of its own"
