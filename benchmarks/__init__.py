"""Measures the figures of README and docs: `make bench`, or `python -m benchmarks [--quick] [NAME …]`.

A benchmark is a module here, listed in `BENCHMARKS`, with

    EXPECTED_SECONDS: int                          time of a full run on two idle cores
    def run(*, quick: bool) -> benchmarks.results.Result

It compares things with `benchmarks.timing.alternating`: they take turns in one run, so that other load on the machine
affects all alike. The tables show medians, and medians of the ratios within a turn.
"""

BENCHMARKS: tuple[str, ...] = (
    "start",
    "first_winner",
    "orchestration",
    "reducer",
    "page",
    "epoch",
    "precision",
    "grid",
    "search",
    "tables",
)
"""All benchmarks, in the order in which they run."""
