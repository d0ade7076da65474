"""What `make bench` does around a benchmark: turns, ratios, and tables that reach the docs."""

import importlib
import json
import re
from pathlib import Path

import pytest

from benchmarks import BENCHMARKS, Needed, results, timing
from benchmarks.__main__ import main
from benchmarks.results import Result, Table

FACTS = {
    "date": "2026-01-02", "cores": 2, "processor": "P", "bf16": True, "system": "Linux", "python": "3.14", "torch": "2",
}  # fmt: skip
RESULT = Result(
    tables=[Table(caption="Seconds.", columns=["way", "s"], rows=[["a", "1.0"], ["b", "2.0"]])], values={"a": [1.0]}
)


def test_turns_alternate_and_every_second_is_backwards() -> None:
    called: list[str] = []

    def contender(name: str, value: float) -> float:
        called.append(name)
        return value

    values = timing.alternating({"a": lambda: contender("a", 1.0), "b": lambda: contender("b", 2.0)}, repetitions=3)
    assert called == ["a", "b", "b", "a", "a", "b"]
    assert values == {"a": [1.0] * 3, "b": [2.0] * 3}


def test_a_ratio_is_within_turns() -> None:
    """A machine that is busy in one turn slows both alike: no ratio of medians would be 2 here."""
    assert timing.ratio([2.0, 20.0, 4.0], [1.0, 10.0, 2.0]) == 2.0
    with pytest.raises(ValueError, match="zip"):
        timing.ratio([1.0], [1.0, 2.0])


def test_a_process_that_fails_fails_the_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="exit status 3"):
        timing.run_process(["sh", "-c", "echo why >&2; exit 3"])
    assert "why" in capsys.readouterr().err
    done = timing.run_process(["sh", "-c", "echo hello"])
    assert done.stdout == "hello\n"
    assert 0 <= done.cpu_seconds < done.seconds + 1


def test_tables_reach_their_markers_and_nothing_else_changes(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    page.write_text("above\n<!-- bench:one -->\nold\n<!-- /bench:one -->\nbelow <!-- bench:two -->\n")
    other.write_text("nothing here\n")
    assert results.fill("one", RESULT, FACTS, among=[page, other]) == [page]
    text = page.read_text()
    assert text.startswith("above\n<!-- bench:one -->\nSeconds.\n\n| way | s |\n| --- | ---: |\n| a | 1.0 |\n")
    assert text.endswith("2026-01-02.)\n<!-- /bench:one -->\nbelow <!-- bench:two -->\n")
    assert "old" not in text
    assert results.fill("one", RESULT, FACTS, among=[page]) == [page], "again, from the filled page"
    assert page.read_text() == text


def test_values_are_kept_with_the_machine(tmp_path: Path) -> None:
    results.keep("one", RESULT, FACTS, folder=tmp_path)
    kept = json.loads((tmp_path / "one.json").read_bytes())
    assert kept["machine"] == FACTS
    assert kept["values"] == {"a": [1.0]}
    assert kept["tables"][0]["rows"] == [["a", "1.0"], ["b", "2.0"]]


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nope"])
    assert ended.value.code == 2
    assert "no such benchmark: nope" in capsys.readouterr().err


def test_a_benchmark_whose_package_is_missing_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.__main__.NEEDED", {"start": Needed("no_such_module", "nothing==1.0")})
    assert main(["start"]) == 2
    assert capsys.readouterr().err == "start needs nothing==1.0, which no lock file has: pip install nothing==1.0\n"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_fits_the_frame_and_has_its_place_in_the_docs(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert module.__doc__
    assert module.EXPECTED_SECONDS > 0
    assert callable(module.run)
    marked = [page for page in results.pages() if f"<!-- bench:{name} -->\n" in page.read_text()]
    assert marked, "its tables stand nowhere"


def test_every_marker_in_the_docs_is_a_benchmarks() -> None:
    marks = [mark for page in results.pages() for mark in re.findall(r"<!-- (/?)bench:(\S+) -->\n", page.read_text())]
    assert {name for _, name in marks} == set(BENCHMARKS)
    assert sum(slash == "" for slash, _ in marks) == sum(slash == "/" for slash, _ in marks)
