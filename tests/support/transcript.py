"""What a script has printed, read as a trial reads it."""

from stepsweep.trial.metrics import Collector


def collected(text: str, epochs: int | None = 3) -> tuple[dict[str, list[float | None]], list[str]]:
    """Returns the columns of a transcript, and what is said about it."""
    collector = Collector()
    for line in text.split("\n"):
        collector.feed(line)
    rows, notices = collector.rows(epochs)
    names = dict.fromkeys(name for row in rows for name in row if name != "epoch")
    return {name: [row.get(name) for row in rows] for name in names}, notices
