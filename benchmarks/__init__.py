"""Where the figures of README and docs come from: `make bench`, or `python -m benchmarks [--quick] [NAME …]`.

A benchmark is a module here, named in `BENCHMARKS`, with

    EXPECTED_SECONDS: int                          what a whole run takes on two idle cores
    def run(*, quick: bool) -> benchmarks.results.Result

It compares things by `benchmarks.timing.alternating`: all of them in one run, turn by turn, so that what else the
machine does falls on all alike; the tables give medians, and medians of the ratios within a turn.
"""

BENCHMARKS: tuple[str, ...] = (
    "start",
    "orchestration",
    "reducer",
    "epoch",
    "precision",
    "grid",
    "search",
)
"""In the order in which they run."""
