"""Exports a finished sweep to TensorBoard through TensorBoard's own writer: event files, in one folder per trial.

TensorBoard calls such a folder a run. The folder of the sweep, above its runs, says which parameters and which metric
its HPARAMS tab has. A repeated export keeps the runs that are up to date, and rewrites the others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.client.export.finished import VALUE, Finished, read_finished
from stepsweep.client.export.folders import Written, write_runs
from stepsweep.client.running.control import Found
from stepsweep.contract.metrics import EPOCH
from stepsweep.contract.results import Result
from stepsweep.contract.space import is_number
from stepsweep.contract.trial import Status, Trial
from stepsweep.contract.words import as_word

EVENTS = "events.out.tfevents.*"
OUTCOME, WINNER, FRONT, NOTE = "stepsweep.outcome", "stepsweep.winner", "stepsweep.front", "stepsweep.note"

Hparams = dict[str, bool | float | str]


def export(found: Found, name: str, *, folder: Path) -> Written:
    """Writes a finished sweep as event files, below a folder of the sweep's name.

    Args:
        folder: created if missing; TensorBoard's `--logdir`.

    Raises:
        InvalidInput: there is no such sweep, it is not finished, its folder holds something else, or a file cannot be
            written.
    """
    finished = read_finished(found, name)
    hparams = _hparams([result.trial for result in finished.results])
    return write_runs(
        finished,
        folder,
        option="--tensorboard",
        hparams=hparams,
        write=lambda run, result: _rewrite(run, _of_trial(result, finished, hparams[result.trial.trial_id])),
        clear=_remove_events,
        write_sweep=lambda home: _rewrite(home, _of_sweep(finished, hparams)),
    )


def _remove_events(run: Path) -> None:
    for file in run.glob(EVENTS):
        file.unlink()


# --- what is in the event files ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """A `Summary` of TensorBoard's, and when it was written."""

    summary: Any
    at_ms: int
    step: int = 0


def _rewrite(run: Path, events: Iterable[_Event]) -> None:
    """Replaces the event files of a run by one."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    _remove_events(run)
    writer = EventFileWriter(str(run))
    try:
        for each in events:
            writer.add_event(Event(summary=each.summary, step=each.step, wall_time=each.at_ms / 1000))
    finally:
        writer.close()


def _of_sweep(finished: Finished, hparams: dict[str, Hparams]) -> Iterator[_Event]:
    """Yields the columns of the HPARAMS tab, the winner or the front as a text, and what a person has noted."""
    from tensorboard.plugins.hparams import summary_v2
    from tensorboard.plugins.text.summary_v2 import text_pb

    spec, started_ms = finished.spec, finished.started_ms
    metrics = [summary_v2.Metric(VALUE, display_name=f"best {spec.objective.metric}")]
    if spec.has_front:
        metrics = [summary_v2.Metric(f"{VALUE}.{each.metric}", display_name=each.metric) for each in spec.objectives]
    names = dict.fromkeys(name for each in hparams.values() for name in each)
    yield _Event(
        summary=summary_v2.hparams_config_pb(
            hparams=[
                summary_v2.HParam(name, _domain([each[name] for each in hparams.values() if name in each]))
                for name in names
            ],
            metrics=metrics,
            time_created_secs=started_ms / 1000,
        ),
        at_ms=started_ms,
    )
    text = f"No trial of the sweep {finished.spec.name} succeeded."
    if finished.winner_said:
        text = finished.winner_said
    elif finished.front:
        text = "\n\n".join(finished.front_lines)
    yield _Event(summary=text_pb(FRONT if spec.has_front else WINNER, text), at_ms=finished.ended_ms)
    if finished.note:
        # TensorBoard renders Markdown, in which an indented line is as it was written.
        as_is = "\n".join(f"    {line}" for line in finished.note.split("\n"))
        yield _Event(summary=text_pb(NOTE, as_is), at_ms=finished.ended_ms)


def _of_trial(result: Result, finished: Finished, hparams: Hparams) -> Iterator[_Event]:
    """Yields a trial's hparams, its metrics by epoch, its best value at the epoch of it, and its outcome."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
    from tensorboard.plugins.text.summary_v2 import text_pb

    trial, times = result.trial, finished.times(result.trial.trial_id)
    yield _Event(
        summary=summary_v2.hparams_pb(hparams, trial_id=trial.trial_id, start_time_secs=times.started_ms / 1000),
        at_ms=times.started_ms,
    )
    curve = finished.curves.get(trial.trial_id)
    if curve:
        for name in curve.columns:
            for epoch, value in curve.measured(name) if name != EPOCH else ():
                yield _Event(summary=_scalar(name, value), at_ms=times.epochs_ms[epoch - 1], step=epoch)
    if result.value is not None and result.epoch is not None:
        for name, value in finished.named_values(result).items():
            yield _Event(summary=_scalar(name, value), at_ms=times.ended_ms, step=result.epoch)
    outcome = ": ".join(filter(None, (result.outcome.status.value, result.outcome.reason)))
    yield _Event(summary=text_pb(OUTCOME, outcome), at_ms=times.ended_ms)
    succeeded = result.outcome.status is Status.SUCCEEDED
    ended = plugin_data_pb2.HParamsPluginData(
        session_end_info=plugin_data_pb2.SessionEndInfo(
            status=api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE, end_time_secs=times.ended_ms / 1000
        )
    )
    summary = Summary()  # TensorBoard's own function for this one needs TensorFlow
    summary.value.add(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(ended),
        tensor=metadata.NULL_TENSOR,
    )
    yield _Event(summary=summary, at_ms=times.ended_ms)


def _scalar(name: str, value: float) -> Any:
    """Returns a scalar. TensorBoard's have 32 bits: a value that is too large for them is infinite."""
    import numpy as np
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    with np.errstate(over="ignore"):
        return scalar_pb(name, value)


def _hparams(trials: list[Trial]) -> dict[str, Hparams]:
    """Returns, by trial id, the params and the other options that differ, such as the epochs, the fold and the seed.

    A column of the HPARAMS tab has one type, so mixed values and lists become texts.
    """
    values: dict[str, list[Any]] = {}
    for trial in trials:
        for name, value in trial.options.items():
            values.setdefault(name, []).append(value)
    searched = {name for trial in trials for name in trial.params}
    shown = [name for name, every in values.items() if name in searched or len({*map(as_word, every)}) > 1]
    as_is = {name for name in shown if _is_one_type(values[name])}

    def of(trial: Trial) -> Hparams:
        found = {name: trial.options[name] for name in shown if name in trial.options}
        return {
            name: value if name in as_is and isinstance(value, bool | int | float | str) else as_word(value)
            for name, value in found.items()
        }

    return {trial.trial_id: of(trial) for trial in trials}


def _is_one_type(values: list[Any]) -> bool:
    return all(map(is_number, values)) or any(all(isinstance(each, kind) for each in values) for kind in (bool, str))


def _domain(values: list[bool | float | str]) -> Any:
    """Returns which values a column has: numbers between two bounds, or some choices."""
    from tensorboard.plugins.hparams.summary_v2 import Discrete, RealInterval

    numbers = [float(value) for value in values if is_number(value)]
    return RealInterval(min(numbers), max(numbers)) if numbers else Discrete(list(dict.fromkeys(values)))
