"""`stepsweep-trial -- python train.py {args}`: runs a script as a trial. The only reader of the environment."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stepsweep.trial import (
    config_file,
    event_files,
    gpu,
    metrics_file,
    mlflow_runs,
    old_metrics,
    options,
    params_file,
)
from stepsweep.trial.artifacts import Artifacts, patterns_of
from stepsweep.trial.attempt import INTERRUPTED, WRONG_INPUT, train
from stepsweep.trial.command import WrongCommand, read
from stepsweep.trial.interpreter import with_python
from stepsweep.trial.median import MedianRule
from stepsweep.trial.metrics import Collector
from stepsweep.trial.sources import Metrics
from stepsweep.trial.workspace import Workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one trial and returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    own, rest = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    asked = options.parse(own)
    metrics_uri, checkpoint_uri = os.environ.get("STEPSWEEP_METRICS_URI"), os.environ.get("STEPSWEEP_CHECKPOINT_URI")
    prefix = checkpoint_uri if checkpoint_uri and checkpoint_uri.startswith("s3://") else None
    python_path = os.environ.get("PYTHONPATH")
    with Workspace(Path.cwd(), job=prefix is not None, python_path=python_path) as workspace:
        try:
            options.check(asked)
            command = read(rest, options.dialect(asked), workspace.placeholders, _list("STEPSWEEP_TEXTS"))
            for path, document in command.files.items():
                params_file.write(Path(path), document)
            if asked.into:
                config_file.fill(Path(asked.into), command.fields, is_job=metrics_uri is not None)
            if asked.python:
                words, environment = with_python(asked.python, command.argv, command.environment)
                command = dataclasses.replace(command, argv=words, environment=environment)
            printed = options.collector(asked)
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
        file = _file(asked, workspace, command.epochs)
        metrics = Metrics(printed, report, file, command.epochs, options.looked(asked))
        before = signal.getsignal(signal.SIGTERM)
        try:
            return train(
                command,
                metrics,
                workspace,
                metrics_uri=metrics_uri,
                prefix=prefix,
                artifacts=Artifacts(workspace.artifacts, Path.cwd(), patterns, workspace.root),
                artifacts_uri=os.environ.get("STEPSWEEP_ARTIFACTS_URI"),
                rule=_median_rule(asked),
                below=_list("STEPSWEEP_RUNGS"),
            )
        finally:
            signal.signal(signal.SIGTERM, before)


def _median_rule(asked: argparse.Namespace) -> MedianRule | None:
    text = os.environ.get("STEPSWEEP_MEDIANS")
    if text and (asked.tensorboard or asked.mlflow):
        print("stepsweep-trial: stop.median: a tracker's steps may be no epochs, so it ends nothing", file=sys.stderr)
        return None
    return MedianRule(text) if text else None


def _forget(asked: argparse.Namespace, workspace: Workspace) -> bool:
    """Removes old metrics from a job's folder, and returns whether that worked."""
    for option, text in options.files(asked).items():
        try:
            removed = old_metrics.remove(option, _place(text, workspace), here=Path.cwd(), keep=workspace.root)
        except OSError as error:
            print(f"stepsweep-trial: {option} {text}: old metrics cannot be removed: {error}", file=sys.stderr)
            return False
        for old in removed:
            print(f"stepsweep-trial: removed {old}, which was there before the command ran", file=sys.stderr)
    return True


def _place(text: str, workspace: Workspace) -> Path:
    for name, place in workspace.placeholders.items():
        text = text.replace(f"{{{name}}}", place)
    return Path(text)


def _file(
    asked: argparse.Namespace, workspace: Workspace, epochs: int | None
) -> Callable[[Collector, bool], None] | None:
    """Returns what reads the metrics of the files that the options name; None where they name none."""
    named = options.files(asked)
    if not named:
        return None
    option, text = next(iter(named.items()))
    path = _place(text, workspace)
    if option == old_metrics.FILE:
        return lambda collector, is_over: metrics_file.collect(path, collector, is_over=is_over)
    collect = event_files.collect if option == old_metrics.TENSORBOARD else mlflow_runs.collect
    return lambda collector, _: collect(path, epochs, collector)


def _list(name: str) -> list[Any]:
    """Returns the JSON list of a variable; an empty one without it."""
    found: list[Any] = json.loads(os.environ.get(name, "[]"))
    return found


if __name__ == "__main__":
    sys.exit(main())
