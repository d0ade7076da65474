"""One attempt of a trial: runs the script, saves what it writes meanwhile, and leaves its metrics and its artifacts."""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from stepsweep.trial import names, places
from stepsweep.trial.artifacts import Artifacts
from stepsweep.trial.checkpoint import Checkpoint, NotLoaded
from stepsweep.trial.columns import NoMetrics, columns_of, to_csv
from stepsweep.trial.command import Command
from stepsweep.trial.median import MedianRule
from stepsweep.trial.process import Ended, run
from stepsweep.trial.sources import Metrics
from stepsweep.trial.told import Told
from stepsweep.trial.workspace import Workspace

FINISHED = 0
NO_METRICS = 1
WRONG_INPUT = 2
INTERRUPTED = 75
LIVE_SECONDS = 5.0
WHAT_TO_PRINT = (
    "print a line such as `epoch 1 val_loss=0.25` in every epoch, or name a pattern: `metrics: {val_loss: 'REGEX'}` in "
    "the spec, or --metric 'val_loss=REGEX' of stepsweep-trial"
)

WHAT_TO_WRITE = (
    "have the script write a number with a name there in every epoch, or name another place in `metrics` of the spec"
)


def train(
    command: Command,
    metrics: Metrics,
    workspace: Workspace,
    *,
    metrics_uri: str | None,
    prefix: str | None,
    artifacts: Artifacts,
    artifacts_uri: str | None,
    rule: MedianRule | None,
    below: Sequence[int],
) -> int:
    """Runs the script, leaves its metrics and artifacts, and returns the exit code.

    Args:
        metrics_uri: where the metrics go; None prints them as a table.
        prefix: of the checkpoint in S3; None by hand.
        rule: the median rule, which may end the script early; None without it.
        below: the epochs of the rungs below the trial's, from whose checkpoints it may go on.
    """
    last_lines: deque[str] = deque(maxlen=5)
    told = Told()

    def take(line: str, stream: str) -> None:
        if last_lines and last_lines[-1].endswith("\r"):
            del last_lines[-1]
        last_lines.append(line)
        told.printed(line)
        metrics.feed(line, stream)

    checkpoint = None
    if prefix:
        checkpoint = Checkpoint(
            workspace.checkpoint,
            prefix,
            places.s3_client(),
            metrics.state,
            told.tell,
            epochs=command.epochs,
            below=below,
        )
        try:
            metrics.resume(checkpoint.load())
        except NotLoaded as error:
            print(f"stepsweep-trial: {error}", file=sys.stderr)
            return INTERRUPTED
    try:
        ended = _run(command, metrics, workspace, take, told, checkpoint, prefix, rule)
    except OSError as error:
        print(f"stepsweep-trial: cannot start {command.argv[0]}: {error.strerror}", file=sys.stderr)
        return WRONG_INPUT
    is_worse = rule is not None and rule.met.is_set()
    if (ended.terminated or is_worse) and (ended.code or not metrics.is_whole):
        rows = metrics.rows_so_far(is_over=True)
        if rule and is_worse:
            return _ended_by(rule, rows, prefix)
        of = f" of {command.epochs}" if command.epochs else ""
        with_what = f"with metrics of epoch {len(rows)}{of}" if rows else "without metrics"
        print(f"stepsweep-trial: interrupted {with_what}", file=sys.stderr)
        return INTERRUPTED
    if ended.code:
        told.why_failed()
        return ended.code
    try:
        found, notices = metrics.rows()
        for line in notices:
            print(f"stepsweep-trial: {line}", file=sys.stderr)
        _check(found, command.epochs, metrics)
    except NoMetrics as error:
        what = "the last lines of the output were:" if last_lines else "the script printed nothing"
        print(f"stepsweep-trial: {what}", *last_lines, sep="\n  ", file=sys.stderr)
        print(f"stepsweep-trial: {error}", file=sys.stderr)
        return NO_METRICS
    csv = to_csv(found)
    if artifacts_uri:
        artifacts_uri = places.artifacts_of(artifacts_uri, csv)
        files, left_out = artifacts.found()
        for line in left_out:
            print(f"stepsweep-trial: artifacts: {line}", file=sys.stderr)
        try:
            # Before the metrics: a trial that has them is finished.
            places.upload(files, artifacts_uri)
        except Exception as error:  # noqa: BLE001  botocore's errors have no common root
            print(f"stepsweep-trial: cannot write {artifacts_uri}: {error}", file=sys.stderr)
            return INTERRUPTED
    if metrics_uri is None:
        _show_table(found)
        return FINISHED
    return _write(metrics_uri, csv)


def _run(
    command: Command,
    metrics: Metrics,
    workspace: Workspace,
    take: Callable[[str, str], None],
    told: Told,
    checkpoint: Checkpoint | None,
    prefix: str | None,
    rule: MedianRule | None,
) -> Ended:
    """Runs the script; meanwhile and at its end, saves what it writes."""
    over = threading.Event()
    if rule:
        threading.Thread(target=rule.watch, args=(metrics.rows_for_good, over), daemon=True).start()
    live = None
    if prefix:
        live = threading.Thread(target=_show_live, args=(prefix, metrics.rows_so_far, over, told), daemon=True)
        live.start()
    if checkpoint:
        checkpoint.start()

    def terminated() -> None:
        metrics.cut()
        if checkpoint:
            checkpoint.hurry()

    ended = None
    try:
        ended = run(
            command.argv,
            {**workspace.environment, **_params(command.options), **command.environment},
            take,
            terminated,
            rule.met if rule else None,
            is_last=False,
        )
    finally:
        over.set()
        if live:
            live.join()
        if checkpoint:
            is_told_to = ended is not None and (ended.terminated or (rule is not None and rule.met.is_set()))
            whole = ended is not None and not ended.killed and (is_told_to or ended.code in (0, INTERRUPTED))
            checkpoint.finish(completed=whole)
    return ended


def _ended_by(rule: MedianRule, rows: list[dict[str, float]], prefix: str | None) -> int:
    """Leaves what the trial reached for those who look at it, and the record that it was ended."""
    try:
        if prefix:
            places.show_live(prefix, to_csv(rows))
        rule.record(len(rows))
    except Exception as error:  # noqa: BLE001  botocore's errors have no common root
        print(f"stepsweep-trial: cannot write that it was ended: {error}", file=sys.stderr)
        return INTERRUPTED
    return FINISHED


def _params(options: dict[str, Any]) -> dict[str, str]:
    return {names.PARAMS: json.dumps(options)}


def _write(uri: str, csv: bytes) -> int:
    try:
        print(f"stepsweep-trial: {places.write_once(uri, csv)}")
    except Exception as error:  # noqa: BLE001  botocore's errors have no common root that is importable without it
        print(f"stepsweep-trial: cannot write {uri}: {error}", file=sys.stderr)
        return NO_METRICS
    return FINISHED


def _check(rows: list[dict[str, float]], epochs: int | None, metrics: Metrics) -> None:
    if not rows:
        what = WHAT_TO_WRITE if metrics.is_in_file else WHAT_TO_PRINT
        raise NoMetrics(f"found no metrics; looked {metrics.looked}. To fix it, {what}")
    if epochs is not None and len(rows) > epochs:
        pattern = "; if it has fewer, say what in its lines is the epoch, as in metrics: {epoch: 'Epoch (\\d+)'}"
        raise NoMetrics(
            f"found {len(rows)} epochs, and only {epochs} {'was' if epochs == 1 else 'were'} asked for. To fix it, "
            f"give the sweep at least `epochs: {len(rows)}` if the script has as many, and "
            f"`arguments: {{epochs: false}}` if it has no option for it{'' if metrics.is_in_file else pattern}"
        )


def _show_live(prefix: str, rows: Callable[[], list[dict[str, float]]], ended: threading.Event, told: Told) -> None:
    shown: list[dict[str, float]] = []
    while not ended.wait(LIVE_SECONDS):
        now = rows()
        if now and now != shown:
            try:
                places.show_live(prefix, to_csv(now))
            except Exception as error:  # noqa: BLE001  a picture for those who watch must not cost the trial
                told.tell(f"cannot write {prefix}live.csv: {error}")
                return
            shown = now


def _show_table(rows: list[dict[str, float]]) -> None:
    names = columns_of(rows)
    cells = [names] + [[f"{row[name]:g}" if name in row else "" for name in names] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))  # noqa: B905  Python 3.9 has no `strict`
