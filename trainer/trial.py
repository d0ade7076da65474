"""Runs one trial, from its start or its checkpoint to its metrics."""

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from stepsweep.contract import metrics
from stepsweep.trainer import checkpoint, data, train
from stepsweep.trainer.device import FP32, choose
from stepsweep.trainer.options import Options
from stepsweep.trainer.store import Store, StoreError
from stepsweep.trainer.train import Row, State

CHECKPOINT_SECONDS = 15.0
"""Shortest time between two checkpoints. A lost Spot machine loses at most this much work, or one epoch if that is
longer. A checkpoint is 14 MB, and on a GPU an epoch may take only 2 s."""


LIVE_SECONDS = 3.0
"""Shortest time between two writes of live.csv; a shorter trial writes none."""


def run(options: Options, store: Store, interrupted: Callable[[], bool]) -> bool:
    """Trains one trial and writes its results. Prints a line per step for people.

    Returns:
        Whether it finished, or a rule of the sweep ended it. If not, it was interrupted, and its checkpoint holds the
        last finished epoch.

    Raises:
        InvalidInput: the device is missing, or does not support the precision.
        StoreError: results or checkpoint cannot be read or written.
    """
    device = choose(options.device, precision=options.precision)
    train.use_device(device, options.threads)
    identity = _identity(options, device)
    images = data.load(
        options.dataset,
        options.data_dir,
        train_images=options.train_images,
        folds=options.folds,
        fold=options.fold,
        device=device,
    )
    _say(_title(options, images, device))

    worse = ""
    state = saved = _resume(store, identity, here=train.describe(device))
    saved_at = -math.inf
    live = Live(store)
    for state in train.epochs(options, images, device=device, start=saved, interrupted=interrupted):
        _say(_line(state.rows[-1], options.epochs))
        live.show(state.rows)
        if len(state.rows) < options.epochs and (worse := store.end_if_worse(_csv(state.rows))):
            break
        if time.monotonic() - saved_at >= CHECKPOINT_SECONDS and _save(store, state, identity):
            saved, saved_at = state, time.monotonic()
    if state and state is not saved:
        _save(store, state, identity)
    if worse:
        _say(worse)
        return True

    # The checkpoint may be from an earlier sweep with more epochs.
    rows = state.rows[: options.epochs] if state else ()
    stopped = train.why_stop(rows, patience=options.patience)
    if not state or not (stopped or len(rows) == options.epochs):
        return _interrupted(store, rows, options.epochs)
    summary = _summary(options, identity, images, state, stopped or "epochs")
    _say(_verdict(summary, rows, options.patience))
    _say(store.write_results(_csv(rows), summary))
    return True


class Live:
    """Publishes the rows of a training for live progress. It never blocks, and a failure only prints a line.

    Each upload has its own thread, so that a slow S3 does not delay the training.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = time.monotonic() + LIVE_SECONDS
        self._upload: threading.Thread | None = None
        self._failed = False

    def show(self, rows: Sequence[Row]) -> None:
        if self._failed or time.monotonic() < self._next or (self._upload and self._upload.is_alive()):
            return
        self._next = time.monotonic() + LIVE_SECONDS
        # A daemon thread, so that it cannot keep the process from ending.
        self._upload = threading.Thread(target=self._put, args=(_csv(rows),), name="live", daemon=True)
        self._upload.start()

    def _put(self, data: bytes) -> None:
        try:
            self._store.show_live(data)
        except Exception as error:  # noqa: BLE001  whatever it is, the training goes on
            self._failed = True
            _say(f"not shown to those who watch: {error}")


def _csv(rows: Sequence[Row]) -> bytes:
    return metrics.to_csv([dataclasses.asdict(row) for row in rows])


def _identity(options: Options, device: torch.device) -> dict[str, Any]:
    """Returns everything that decides a trial's numbers and its early stopping, as plain values.

    Of a GPU not its model, nor the processor's threads beside it (docs/decisions/021-gpu-models-in-one-trial.md).
    """
    return {
        "lr": options.lr,
        "momentum": options.momentum,
        "weight_decay": options.weight_decay,
        "batch_size": options.batch_size,
        "patience": options.patience,
        "seed": options.seed,
        "dataset": options.dataset,
        "train_images": options.train_images,
        **({"folds": options.folds, "fold": options.fold} if options.folds else {}),
        **({"threads": options.threads} if device.type == "cpu" else {}),
        "device": train.describe(device) if device.type == "cpu" else device.type,
        "precision": options.precision,
        "torch": str(torch.__version__),
    }


def _resume(store: Store, identity: dict[str, Any], *, here: str) -> State | None:
    found = store.load_checkpoint()
    if found is None:
        return None
    try:
        state = checkpoint.from_bytes(found, identity)
    except checkpoint.CheckpointError as error:
        _say(f"not continuing from {store.checkpoint}: {error}; training starts anew")
        return None
    _say(f"continuing after epoch {len(state.rows)} from {store.checkpoint}")
    if here not in state.devices[-1:]:
        _say(f"trained so far on {', '.join(state.devices)}, now on {here}: the last digits will be those of neither")
    return state


def _save(store: Store, state: State, identity: dict[str, Any]) -> bool:
    """Saves a checkpoint and returns whether it could. If not, training continues: only a retry needs one."""
    if store.checkpoint is None:
        return False
    try:
        store.save_checkpoint(checkpoint.to_bytes(state, identity))
    except StoreError as error:
        _say(f"no checkpoint of epoch {len(state.rows)}: {error}")
        return False
    return True


def _interrupted(store: Store, rows: Sequence[Row], epochs: int) -> bool:
    if not rows:
        kept = "nothing was finished yet"
    elif store.checkpoint:
        kept = f"the same command continues from {store.checkpoint}"
    else:
        kept = "nothing was kept, since no --checkpoint was given"
    _say(f"interrupted after epoch {len(rows)}/{epochs}: {kept}")
    return False


def _summary(
    options: Options, identity: dict[str, Any], images: data.Data, state: State, stopped: str
) -> dict[str, Any]:
    """Returns how the trial was trained, and its results, as values for JSON."""
    rows = state.rows[: options.epochs]
    best = train.best_row(rows)
    test_accuracy = None
    # Its weights exist, unless a longer training reached a better epoch and kept the weights of that one.
    if best and state.best and best == train.best_row(state.rows):
        _, test_accuracy = train.evaluate_weights(state.best, images.test, options.precision)
    dataset = data.DATASETS[options.dataset]
    return {
        "options": {**identity, "threads": options.threads, "epochs": options.epochs},
        "devices": list(state.devices),
        "data": {
            "dataset": options.dataset,
            "mean": dataset.mean,
            "std": dataset.std,
            "split_seed": data.SPLIT_SEED,
            "train_images": len(images.train),
            "validation_images": len(images.validation),
            "test_images": len(images.test),
        },
        "epochs_trained": len(rows),
        "stopped": stopped,
        "best_epoch": best.epoch if best else None,
        "best_val_loss": best.val_loss if best else None,
        "best_val_accuracy": best.val_accuracy if best else None,
        "test_accuracy": test_accuracy,
    }


def _title(options: Options, images: data.Data, device: torch.device) -> str:
    subset = "" if options.train_images == data.TRAIN_IMAGES else ", a subset"
    fold = f", fold {options.fold} of {options.folds}" if options.folds else ""
    counts = f"{len(images.train):,} images, {len(images.validation):,} for validation{subset}{fold}"
    threads = f"{options.threads} thread{'' if options.threads == 1 else 's'}"
    decay = f", weight decay {options.weight_decay:g}" if options.weight_decay else ""
    precision = f", {options.precision}" if options.precision != FP32 else ""
    epochs = f"{options.epochs} epoch{'' if options.epochs == 1 else 's'} at most"
    return (
        f"training on {options.dataset} ({counts}), {train.describe(device)}{precision}, {threads}: lr {options.lr:g}, "
        f"momentum {options.momentum:g}{decay}, batch size {options.batch_size}, seed {options.seed}, {epochs}"
    )


def _line(row: Row, epochs: int) -> str:
    number = f"{row.epoch:>{len(str(epochs))}}/{epochs}"
    losses = f"train_loss {row.train_loss:.4f}  val_loss {row.val_loss:.4f}"
    return f"epoch {number}  {losses}  val_accuracy {row.val_accuracy:.4f}  {row.seconds:.1f} s"


def _verdict(summary: dict[str, Any], rows: Sequence[Row], patience: int) -> str:
    lines = []
    if summary["stopped"] == "early":
        lines.append(f"stopped early: {patience} epoch{'' if patience == 1 else 's'} without a lower val_loss")
    if summary["best_epoch"]:
        test = "the test accuracy of its weights is not known: they were not kept"
        if summary["test_accuracy"] is not None:
            test = f"test_accuracy {summary['test_accuracy']:.4f} on {summary['data']['test_images']:,} images"
        lines.append(
            f"best epoch {summary['best_epoch']}, with the lowest val_loss {summary['best_val_loss']:.4f}: "
            f"val_accuracy {summary['best_val_accuracy']:.4f}, {test}"
        )
    if summary["stopped"] == "diverged":
        losses = f"train_loss {rows[-1].train_loss}, val_loss {rows[-1].val_loss}"
        lines.append(f"diverged at epoch {rows[-1].epoch} ({losses}): training ends here, and the trial cannot win")
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, flush=True)
