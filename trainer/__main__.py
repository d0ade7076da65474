"""Trains one trial: `python -m stepsweep.trainer --lr 0.1 --momentum 0.5 --epochs 10`.

Only this module of the trainer reads the environment.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.jobs import EXIT_INTERRUPTED
from stepsweep.contract.space import as_option, parse_value
from stepsweep.trainer import data, device, options
from stepsweep.trainer.job_store import ByHandStore, Job, JobStore, s3_client, tutorial_key
from stepsweep.trainer.store import FileStore, Store, StoreError

FINISHED = 0
CRASHED = 1
WRONG_INPUT = 2

GPU_GONE_SECONDS = 120
"""Before a trial whose machine has lost its GPU ends: such a machine would take one waiting trial after another."""


class Interruption:
    """Records whether SIGTERM or Ctrl-C asked the process to end. A second Ctrl-C ends it at once."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def __call__(self) -> bool:
        return self._asked


def main(arguments: Sequence[str]) -> int:
    """Runs one trial and returns the exit code."""
    interrupted = Interruption()
    given_gpu = os.environ.get("NVIDIA_VISIBLE_DEVICES", "void") not in ("", "void", "none")
    try:
        threads = os.environ.get("OMP_NUM_THREADS") or str(_available_cpus())
        data_dir = os.environ.get(keys.DATA_DIR) or data.DEFAULT_DATA_DIR
        # A job with a GPU must not train on the CPU at the GPU's price, for example without a matching driver.
        asked = options.parse(
            arguments,
            default_data_dir=data_dir,
            default_threads=threads,
            default_device="cuda" if given_gpu else "auto",
        )
        store = _store(asked)
        if store.finished():
            print(f"nothing to do: {store.results} is there already")
            return FINISHED
        # The data set's preparation, for the image or on this machine, has checked every byte for jobs.
        data.check(asked.dataset, asked.data_dir, by_length=not isinstance(store, FileStore))
        # cuBLAS is deterministic only with a fixed workspace, which must be set before CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

        device.need_torch()
        # Last: it imports torch, which takes 5 s.
        from stepsweep.trainer import trial

        return FINISHED if trial.run(asked, store, interrupted) else EXIT_INTERRUPTED
    except device.NoGpu as error:
        print(error, file=sys.stderr)
        if not given_gpu:
            return WRONG_INPUT
        time.sleep(GPU_GONE_SECONDS)
        return EXIT_INTERRUPTED  # another machine may have one
    except (InvalidInput, data.DataSetError) as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    except StoreError as error:
        print(error, file=sys.stderr)
        return CRASHED


def _store(asked: options.Options) -> Store:
    """Returns the store for the trial's results.

    Raises:
        InvalidInput: the options do not fit a job, or a trial run by hand.
    """
    job = None if asked.upload_s3 is False else Job.from_environment(os.environ, epochs=asked.epochs)
    if job:
        if named := [f"--{name}" for name in ("output", "checkpoint") if getattr(asked, name)]:
            raise InvalidInput([f"{name}: not in a sweep's job, where everything goes to S3" for name in named])
        return JobStore(job, s3_client())
    if asked.upload_s3:
        bucket = os.environ.get(keys.BUCKET)
        if not bucket:
            raise InvalidInput([f"--uploadS3: true needs {keys.BUCKET}, the name of a bucket, which a job has"])
        if named := [f"--{name}" for name in ("output", "checkpoint", "folds") if getattr(asked, name)]:
            raise InvalidInput([f"{name}: not with --uploadS3, which writes one CSV to S3" for name in named])
        return ByHandStore(bucket, tutorial_key(asked.lr, asked.momentum), s3_client())
    lr, momentum = (as_option(parse_value(value)) for value in (asked.lr, asked.momentum))
    fold = f"-fold-{asked.fold}-of-{asked.folds}" if asked.folds else ""
    name = f"metrics-lr-{lr}-momentum-{momentum}{fold}-e{asked.epochs}.csv"  # unique for the params
    return FileStore(output=asked.output or Path(name), checkpoint_file=asked.checkpoint)


def _available_cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))  # this process's cores; `cpu_count` counts the machine's
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
