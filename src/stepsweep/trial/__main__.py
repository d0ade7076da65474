"""`stepsweep-trial -- python train.py {args}`: runs a script as a trial. The only reader of the environment."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stepsweep.trial import (
    config_file,
    event_files,
    gpu,
    metrics_file,
    mlflow_runs,
    names,
    old_metrics,
    params_file,
    places,
)
from stepsweep.trial.artifacts import Artifacts, patterns_of
from stepsweep.trial.checkpoint import Checkpoint, NotLoaded
from stepsweep.trial.columns import EPOCH, NoMetrics, columns_of, to_csv
from stepsweep.trial.command import BOOLEANS, LISTS, NULLS, STYLES, Command, Dialect, WrongCommand, read
from stepsweep.trial.interpreter import with_python
from stepsweep.trial.line import valid_name
from stepsweep.trial.median import MedianRule
from stepsweep.trial.metrics import Collector
from stepsweep.trial.process import Ended, run
from stepsweep.trial.sources import Metrics
from stepsweep.trial.workspace import Workspace

FINISHED = 0
NO_METRICS = 1
WRONG_INPUT = 2
INTERRUPTED = 75
LIVE_SECONDS = 5.0
WHAT_TO_PRINT = (
    "print a line such as `epoch 1 val_loss=0.25` in every epoch, or name a pattern: --metric 'val_loss=REGEX'"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one trial and returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    own, rest = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    asked = _parser().parse_args(own)
    metrics_uri, checkpoint_uri = os.environ.get("STEPSWEEP_METRICS_URI"), os.environ.get("STEPSWEEP_CHECKPOINT_URI")
    prefix = checkpoint_uri if checkpoint_uri and checkpoint_uri.startswith("s3://") else None
    python_path = os.environ.get("PYTHONPATH")
    with Workspace(Path.cwd(), job=prefix is not None, python_path=python_path) as workspace:
        try:
            _check_options(asked)
            command = read(rest, _dialect(asked), workspace.placeholders, _texts())
            for path, document in command.files.items():
                params_file.write(Path(path), document)
            if asked.into:
                _fill(Path(asked.into), command.fields, is_job=metrics_uri is not None)
            if asked.python:
                words, environment = with_python(asked.python, command.argv, command.environment)
                command = dataclasses.replace(command, argv=words, environment=environment)
            printed = Collector(_patterns(asked.metric), _pattern("--epoch", asked.epoch) if asked.epoch else None)
        except WrongCommand as wrong:
            for fault in wrong.faults:
                print(f"stepsweep-trial: {fault}", file=sys.stderr)
            return WRONG_INPUT
        if reason := gpu.why_gone(os.environ):
            print(f"stepsweep-trial: {reason}; another machine tries again", file=sys.stderr)
            time.sleep(gpu.GONE_SECONDS)
            return INTERRUPTED
        if metrics_uri is not None and not _forget(asked, workspace):
            return WRONG_INPUT
        try:
            patterns = patterns_of(os.environ.get("STEPSWEEP_ARTIFACTS"))
        except ValueError as error:
            print(f"stepsweep-trial: STEPSWEEP_ARTIFACTS: {error}", file=sys.stderr)
            return WRONG_INPUT
        report = None if asked.metric or asked.epoch else workspace.report
        metrics = Metrics(printed, report, _file(asked, workspace, command.epochs), command.epochs)
        before = signal.getsignal(signal.SIGTERM)
        try:
            return _train(
                command,
                metrics,
                workspace,
                metrics_uri=metrics_uri,
                prefix=prefix,
                artifacts=Artifacts(workspace.artifacts, Path.cwd(), patterns, workspace.root),
                artifacts_uri=os.environ.get("STEPSWEEP_ARTIFACTS_URI"),
                rule=_median_rule(asked),
            )
        finally:
            signal.signal(signal.SIGTERM, before)


def _median_rule(asked: argparse.Namespace) -> MedianRule | None:
    text = os.environ.get("STEPSWEEP_MEDIANS")
    if text and (asked.tensorboard or asked.mlflow):
        print("stepsweep-trial: stop.median: a tracker's steps may be no epochs, so it ends nothing", file=sys.stderr)
        return None
    return MedianRule(text) if text else None


def _check_options(asked: argparse.Namespace) -> None:
    faults = []
    given = list(_files(asked))
    faults += [f"{given[0]}: cannot go with {other}; leave one out" for other in given[1:]]
    if given and (asked.metric or asked.epoch):
        faults.append(f"{given[0]}: cannot go with --metric or --epoch, which read the output; leave one out")
    if asked.tensorboard and not event_files.installed():
        faults.append(f"--tensorboard: needs the package tensorboard: {sys.executable} -m pip install tensorboard")
    if faults:
        raise WrongCommand(faults)


def _fill(file: Path, fields: dict[str, Any], *, is_job: bool) -> None:
    """Puts the trial's options into its copy of the script's configuration file."""
    if not is_job:
        raise WrongCommand([f"{config_file.OPTION} {file}: a sweep's trial has a copy of it; by hand, change the file"])
    if Path.cwd().resolve() not in file.resolve().parents:
        raise WrongCommand([f"{config_file.OPTION} {file}: is no file of the trial's own folder"])
    text = config_file.merged(file, fields)
    file.unlink()  # if it is a link, what it leads to stays
    file.write_text(text, encoding="utf-8")


def _forget(asked: argparse.Namespace, workspace: Workspace) -> bool:
    """Removes old metrics from a job's folder, and returns whether that worked."""
    for option, text in _files(asked).items():
        try:
            removed = old_metrics.remove(option, _place(text, workspace), here=Path.cwd(), keep=workspace.root)
        except OSError as error:
            print(f"stepsweep-trial: {option} {text}: old metrics cannot be removed: {error}", file=sys.stderr)
            return False
        for old in removed:
            print(f"stepsweep-trial: removed {old}, which was there before the command ran", file=sys.stderr)
    return True


def _files(asked: argparse.Namespace) -> dict[str, str]:
    """Returns the paths of metrics by their options."""
    named = {
        old_metrics.FILE: asked.metrics_file,
        old_metrics.TENSORBOARD: asked.tensorboard,
        old_metrics.MLFLOW: asked.mlflow,
    }
    return {option: text for option, text in named.items() if text}


def _place(text: str, workspace: Workspace) -> Path:
    for name, place in workspace.placeholders.items():
        text = text.replace(f"{{{name}}}", place)
    return Path(text)


def _file(asked: argparse.Namespace, workspace: Workspace, epochs: int | None) -> Callable[[Collector], None] | None:
    """Returns what reads the metrics of the files that the options name; None where they name none."""
    for option, text in _files(asked).items():
        path = _place(text, workspace)
        if option == old_metrics.FILE:
            return functools.partial(metrics_file.collect, path)
        if option == old_metrics.TENSORBOARD:
            return functools.partial(event_files.collect, path, epochs)
        return functools.partial(mlflow_runs.collect, path, epochs)
    return None


def _train(
    command: Command,
    metrics: Metrics,
    workspace: Workspace,
    *,
    metrics_uri: str | None,
    prefix: str | None,
    artifacts: Artifacts,
    artifacts_uri: str | None,
    rule: MedianRule | None,
) -> int:
    last_lines: deque[str] = deque(maxlen=5)

    def take(line: str, stream: str) -> None:
        if last_lines and last_lines[-1].endswith("\r"):
            del last_lines[-1]
        last_lines.append(line)
        metrics.feed(line, stream)

    checkpoint = None
    if prefix:
        checkpoint = Checkpoint(workspace.checkpoint, prefix, places.s3_client(), metrics.state)
        try:
            metrics.resume(checkpoint.load())
        except NotLoaded as error:
            print(f"stepsweep-trial: {error}", file=sys.stderr)
            return INTERRUPTED
    try:
        ended = _run(command, metrics, workspace, take, checkpoint, prefix, rule)
    except OSError as error:
        print(f"stepsweep-trial: cannot start {command.argv[0]}: {error.strerror}", file=sys.stderr)
        return WRONG_INPUT
    if rule and rule.met.is_set() and (ended.code or len(metrics.rows_so_far(is_over=True)) != command.epochs):
        return _ended_by(rule, metrics.rows_so_far(is_over=True), prefix)
    if ended.code:
        return ended.code
    if ended.terminated and (done := len(metrics.rows_so_far(is_over=True))) < (command.epochs or 0):
        print(f"stepsweep-trial: interrupted after epoch {done} of {command.epochs}", file=sys.stderr)
        return INTERRUPTED
    try:
        found, notices = metrics.rows()
        for line in notices:
            print(f"stepsweep-trial: {line}", file=sys.stderr)
        _check(found, command.epochs)
    except NoMetrics as error:
        print("stepsweep-trial: the last lines of the output were:", *last_lines, sep="\n  ", file=sys.stderr)
        print(f"stepsweep-trial: {error}", file=sys.stderr)
        return NO_METRICS
    if artifacts_uri:
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
    return _write(metrics_uri, found)


def _run(
    command: Command,
    metrics: Metrics,
    workspace: Workspace,
    take: Callable[[str, str], None],
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
        live = threading.Thread(target=_show_live, args=(prefix, metrics.rows_so_far, over), daemon=True)
        live.start()
    if checkpoint:
        checkpoint.start()
    ended = None
    try:
        ended = run(
            command.argv,
            {**workspace.environment, **_params(command.options), **command.environment},
            take,
            checkpoint.hurry if checkpoint else lambda: None,
            rule.met if rule else None,
            is_last=False,
        )
    finally:
        over.set()
        if live:
            live.join()
        if checkpoint:
            told = ended is not None and (ended.terminated or (rule is not None and rule.met.is_set()))
            whole = ended is not None and not ended.killed and (told or ended.code in (0, INTERRUPTED))
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


def _texts() -> list[str]:
    """Returns the names of options that are texts, though they look like other values."""
    found: list[str] = json.loads(os.environ.get("STEPSWEEP_TEXTS", "[]"))
    return found


def _write(uri: str, rows: list[dict[str, float]]) -> int:
    try:
        print(f"stepsweep-trial: {places.write_once(uri, to_csv(rows))}")
    except Exception as error:  # noqa: BLE001  botocore's errors have no common root that is importable without it
        print(f"stepsweep-trial: cannot write {uri}: {error}", file=sys.stderr)
        return NO_METRICS
    return FINISHED


def _check(rows: list[dict[str, float]], epochs: int | None) -> None:
    if not rows:
        looked = "`name=value`, `name: value`, `val acc 78.1%` and JSON lines"
        raise NoMetrics(f"found no metrics; looked for {looked}. To fix it, {WHAT_TO_PRINT}")
    if epochs is not None and len(rows) > epochs:
        raise NoMetrics(
            f"found {len(rows)} epochs, and only {epochs} were asked for. To fix it, give the sweep at least "
            f"`epochs: {len(rows)}`, and `arguments: {{epochs: false}}` if the script has no option for it"
        )


def _show_live(prefix: str, rows: Callable[[], list[dict[str, float]]], ended: threading.Event) -> None:
    shown: list[dict[str, float]] = []
    while not ended.wait(LIVE_SECONDS):
        now = rows()
        if now and now != shown:
            try:
                places.show_live(prefix, to_csv(now))
            except Exception as error:  # noqa: BLE001  a picture for those who watch must not cost the trial
                print(f"stepsweep-trial: cannot write {prefix}live.csv: {error}", file=sys.stderr)
                return
            shown = now


def _show_table(rows: list[dict[str, float]]) -> None:
    names = columns_of(rows)
    cells = [names] + [[f"{row[name]:g}" if name in row else "" for name in names] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))  # noqa: B905  Python 3.9 has no `strict`


def _patterns(texts: Sequence[str]) -> dict[str, re.Pattern[str]]:
    patterns, faults = {}, []
    for text in texts:
        name, equals, pattern = text.partition("=")
        if not equals or not name or valid_name(name) != name or name == EPOCH:
            faults.append(f"--metric {text!r}: must be NAME=REGEX, as in val_loss=loss ([0-9.]+)")
            continue
        try:
            patterns[name] = _pattern(f"--metric {name}", pattern)
        except WrongCommand as wrong:
            faults += wrong.faults
    if faults:
        raise WrongCommand(faults)
    return patterns


def _pattern(option: str, text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise WrongCommand([f"{option}: not a regular expression: {error}"]) from None
    if not pattern.groups:
        raise WrongCommand([f"{option}: {text!r} has no group; put the number into parentheses"])
    return pattern


def _dialect(asked: argparse.Namespace) -> Dialect:
    return Dialect(
        style=asked.style,
        dashes=asked.dashes,
        booleans=asked.booleans,
        lists=asked.lists,
        nulls=asked.nulls,
        epochs_as=None if asked.no_epochs else asked.epochs_as,
        seed_as=None if asked.no_seed else asked.seed_as,
        has_file=asked.into is not None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepsweep-trial",
        allow_abbrev=False,
        usage="stepsweep-trial [options] -- COMMAND ... {args}",
        description="Runs a command as a trial: translates its options, and reads metrics from its output.",
    )
    parser.add_argument("--python", metavar="PATH", help="the interpreter that runs the command's python")
    parser.add_argument("--style", choices=STYLES, default=STYLES[0], help="how options reach the command")
    parser.add_argument("--dashes", action="store_true", help="batch_size becomes batch-size")
    parser.add_argument("--booleans", choices=BOOLEANS, default=BOOLEANS[0], help="true and false")
    parser.add_argument("--lists", choices=LISTS, default=LISTS[0], help="[64,64] as one value")
    parser.add_argument("--nulls", choices=NULLS, help="leave null out, or pass it; the style says which by default")
    parser.add_argument(config_file.OPTION, metavar="PATH", help="the command's configuration file gets its options")
    parser.add_argument("--epochs-as", metavar="NAME", default="epochs", help="the command's name for epochs")
    parser.add_argument("--no-epochs", action="store_true", help="the command has no option for epochs")
    parser.add_argument("--seed-as", metavar="NAME", default="seed", help="the command's name for the seed")
    parser.add_argument("--no-seed", action="store_true", help="the command has no option for the seed")
    parser.add_argument("--metric", metavar="NAME=REGEX", action="append", default=[], help="where a metric is printed")
    parser.add_argument("--metrics-file", metavar="PATH", help="CSV, JSON lines or trainer_state.json, read at the end")
    parser.add_argument("--tensorboard", metavar="DIR", help="the folder of TensorBoard's event files")
    parser.add_argument("--mlflow", metavar="PATH", help="mlflow.db, mlruns, or the folder that has one of them")
    parser.add_argument("--epoch", metavar="REGEX", help="where the epoch is printed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
