"""Exports a finished sweep to Weights & Biases through its own client in offline mode: one run per trial.

Nothing leaves this machine: `wandb sync` uploads the runs, if a person wants that.
"""

import hashlib
import math
import shutil
from pathlib import Path
from typing import Any

from stepsweep.client.export.finished import Finished, read_finished
from stepsweep.client.export.folders import Written, write_runs
from stepsweep.client.running.control import Found
from stepsweep.contract.described import assignments
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Status

DEFAULT_PROJECT = "stepsweep"
OPTION = "--wandb"
ON_FRONT = "stepsweep.on_front"
RUNS = "wandb"
"""The client makes this folder in that of a run."""


def export(found: Found, name: str, *, folder: Path, project: str = DEFAULT_PROJECT) -> Written:
    """Writes a finished sweep as offline runs of W&B, below a folder of the sweep's name.

    Args:
        folder: created if missing.
        project: where `wandb sync` puts the runs.

    Raises:
        InvalidInput: there is no such sweep, it is not finished, its folder holds something else, or a file cannot be
            written.
    """
    import wandb

    finished = read_finished(found, name)
    front = finished.ids_on_front

    def of_sweep(trial_id: str) -> dict[str, Any]:
        """Returns what a trial's run holds of the sweep."""
        return {"project": project, **({ON_FRONT: trial_id in front} if finished.spec.has_front else {})}

    def write(run: Path, result: Result) -> None:
        _write(run, result, finished, of_sweep(result.trial.trial_id))

    try:
        return write_runs(
            finished,
            folder,
            option=OPTION,
            hparams={
                each.trial.trial_id: {**each.trial.options, **of_sweep(each.trial.trial_id)}
                for each in finished.results
            },
            write=write,
            clear=lambda run: shutil.rmtree(run / RUNS, ignore_errors=True),
        )
    finally:
        wandb.teardown()  # ends the client's own process


def _write(folder: Path, result: Result, finished: Finished, of_sweep: dict[str, Any]) -> None:
    import wandb

    trial = result.trial
    run = wandb.init(
        mode="offline",
        dir=str(folder),
        project=of_sweep["project"],
        group=finished.spec.name,
        job_type="trial",
        id=_id(finished, trial.trial_id),
        name=assignments(trial.params) or trial.trial_id,
        config={**trial.options, "stepsweep.trial_id": trial.trial_id},
        reinit="create_new",
        # Of this machine it has nothing to tell: the trial ran elsewhere, and long ago.
        settings=wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
        ),
    )
    run.define_metric("*", step_metric=EPOCH)
    curve = finished.curves.get(trial.trial_id)
    for row in _rows(curve) if curve else ():
        run.log(row, step=row[EPOCH])
    for name, value in finished.named_values(result).items():
        run.summary[name] = value
    if ON_FRONT in of_sweep:
        run.summary[ON_FRONT] = of_sweep[ON_FRONT]
    run.summary["stepsweep.outcome"] = result.outcome.status.value
    if result.outcome.reason:
        run.summary["stepsweep.reason"] = result.outcome.reason
    run.finish(exit_code=0 if result.outcome.status is Status.SUCCEEDED else 1)


def _rows(curve: Metrics) -> list[dict[str, Any]]:
    """Returns the metrics of each epoch; what was not measured is left out."""
    found: list[dict[str, Any]] = [{EPOCH: epoch} for epoch in range(1, curve.epochs + 1)]
    for name in curve.columns:
        for epoch, value in curve.measured(name) if name != EPOCH else ():
            found[epoch - 1][name] = value if math.isfinite(value) else str(value)
    return found


def _id(finished: Finished, trial_id: str) -> str:
    """Returns an id that another export of the same sweep gives again, so that a second upload is the same run."""
    return hashlib.sha256(f"{finished.results_at}\n{finished.spec.name}\n{trial_id}".encode()).hexdigest()[:16]
