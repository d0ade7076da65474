"""Runs the nine-trial grid with another tool: `python -m benchmarks.grid_ways WAY TRAIN_IMAGES`.

Each way calls `train`, which trains like `python -m stepsweep.trainer`, for the nine params, two at a time. It prints
`{"trials": N, "best": val_accuracy}` as the last line.
"""

import itertools
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from stepsweep.contract import metrics
from stepsweep.trainer import data, options, trial
from stepsweep.trainer.store import FileStore

LRS = (0.1, 0.01, 0.001)
MOMENTA = (0.5, 0.1, 0.05)
AT_ONCE = 2
DATA_DIR = Path(data.DEFAULT_DATA_DIR).resolve()

Params = dict[str, float]
Train = Callable[[Params], float]


def grid() -> list[Params]:
    return [{"lr": lr, "momentum": momentum} for lr, momentum in itertools.product(LRS, MOMENTA)]


def train(params: Params, *, train_images: int) -> float:
    """Trains one trial for one epoch, on one thread, and returns its val_accuracy."""
    words = ["--dataset", "fashion-mnist", "--train-images", str(train_images), "--epochs", "1"]
    words += [word for name, value in params.items() for word in (f"--{name}", str(value))]
    asked = options.parse(words, default_data_dir=str(DATA_DIR), default_threads="1", default_device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "metrics.csv"
        trial.run(asked, FileStore(output=file, checkpoint_file=None), interrupted=lambda: False)
        (value,) = metrics.parse_csv(file.read_bytes(), max_epochs=1).columns["val_accuracy"]
        return value


def by_multiprocessing(train: Train) -> list[float]:
    with multiprocessing.Pool(AT_ONCE) as pool:
        return pool.map(train, grid(), chunksize=1)


def by_joblib(train: Train) -> list[float]:
    from joblib import Parallel, delayed

    found: list[float] = Parallel(n_jobs=AT_ONCE)(delayed(train)(params) for params in grid())
    return found


def by_optuna(train: Train) -> list[float]:
    """Two processes share a study in a journal."""
    import optuna

    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder) / "journal.log")
        _study(journal)
        workers = [multiprocessing.Process(target=_optimize, args=(journal, train)) for _ in range(AT_ONCE)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        done = _study(journal).get_trials(states=[optuna.trial.TrialState.COMPLETE])
        return [each.value for each in done if each.value is not None]


def _study(journal: str) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    return optuna.create_study(
        study_name="grid",
        storage=JournalStorage(JournalFileBackend(journal)),
        sampler=optuna.samplers.GridSampler({"lr": LRS, "momentum": MOMENTA}),
        direction="maximize",
        load_if_exists=True,
    )


def _optimize(journal: str, train: Train) -> None:
    _study(journal).optimize(
        lambda tried: train({name: tried.suggest_float(name, 0, 1) for name in ("lr", "momentum")})
    )


def by_ray(train: Train) -> list[float]:
    os.environ |= {"RAY_AIR_NEW_OUTPUT": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    import ray
    from ray import tune

    ray.init(num_cpus=AT_ONCE, include_dashboard=False, log_to_driver=False, configure_logging=False)
    with tempfile.TemporaryDirectory() as folder:
        found = tune.Tuner(
            partial(_report, train),
            param_space={"lr": tune.grid_search(list(LRS)), "momentum": tune.grid_search(list(MOMENTA))},
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
        values = [result.metrics["val_accuracy"] for result in found]
    ray.shutdown()
    return values


def _report(train: Train, params: Params) -> None:
    from ray import tune

    tune.report({"val_accuracy": train(params)})


WAYS = {
    "multiprocessing": by_multiprocessing,
    "joblib": by_joblib,
    "optuna": by_optuna,
    "ray": by_ray,
}

if __name__ == "__main__":
    way, train_images = sys.argv[1:]
    values = WAYS[way](partial(train, train_images=int(train_images)))
    print(json.dumps({"trials": len(values), "best": max(values)}))
