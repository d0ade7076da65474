"""Finished trials of a trainer that has changed since: says that they do not count, or counts them on request."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from stepsweep.bucket.artifacts import MAX_FILES
from stepsweep.bucket.plans import Plan
from stepsweep.bucket.records import Records
from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import Deployment, explained
from stepsweep.contract import keys
from stepsweep.contract.described import number_of
from stepsweep.contract.rounds import first_round
from stepsweep.contract.space import key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial, trial_id_of

MAX_CANDIDATES = 5
"""Earlier sweeps that are looked at."""

KEPT_FROM = "kept-from.json"
"""Beside metrics that another version of the trainer wrote: says which."""

_METRICS_KEY = re.compile(keys.metrics_key("[^/]+", 0).replace("e0.", "e([1-9][0-9]{0,8})[.]"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """Results of the trainer as it was before it changed.

    Attributes:
        version: identifies that code.
        changed: the files that differ, if known.
        ignore_file: what leaves them out of the trainer; empty if nothing does.
        trials: id of a finished trial → id of the same trial of the trainer as it is now.
    """

    version: str
    changed: tuple[str, ...]
    ignore_file: str = ""
    trials: dict[str, str]

    def __str__(self) -> str:
        files = f" ({trainers.named(self.changed)})" if self.changed else ""
        trials = number_of(len(self.trials), "finished trial")
        remedy = f" List files that trials do not need in {self.ignore_file}." if self.ignore_file else ""
        return (
            f"The trainer has changed{files}: {trials} {'does' if len(self.trials) == 1 else 'do'} not count. If the "
            f"change cannot matter to their numbers, --keep-results counts them.{remedy}"
        )


def former(spec: SweepSpec, cloud: Cloud, deployment: Deployment) -> Former | None:
    """Returns the results that the sweep would have if its trainer had not changed; None if there are none.

    Looks at the sweep with this name, or else, on this machine, at the latest ones with a trainer in the same place.
    Trials that the trainer as it is now has finished too are left out.

    Raises:
        CloudError: the cloud did not answer, or does not allow it.
    """
    if spec.fresh:
        return None
    records = Records(deployment.store)
    with explained():
        # A plan is not read where it need not be: with 10,000 trials that takes a second.
        latest = records.latest(spec.name)
        if latest is not None and latest.trainer_version == deployment.trainer_version:
            return None
        for name in islice(_candidates(spec, cloud), MAX_CANDIDATES):
            earlier = records.spec(name)
            plan = records.plan(earlier) if earlier else None
            if plan is None or plan.trainer_version == deployment.trainer_version:
                continue
            pairs = list(dict(_pairs(spec, plan, deployment.trainer_version)).items())
            are_left = for_all(lambda pair: _is_left(deployment, *pair), pairs)
            trials = {old: new for (old, new), is_left in zip(pairs, are_left, strict=True) if is_left}
            if trials:
                changed = _changed(cloud, name)
                return Former(
                    version=plan.trainer_version,
                    changed=changed,
                    ignore_file=trainers.ignore_file(cloud.trainer, changed),
                    trials=trials,
                )
    return None


def keep(found: Former, deployment: Deployment) -> None:
    """Makes the results of the former trainer those of the present one: metrics and artifacts, with a note beside.

    Raises:
        CloudError: the cloud did not answer, or does not allow it.
    """
    bucket = Bucket(deployment.bucket, deployment.s3)

    def copied(pair: tuple[str, str]) -> None:
        old, new = pair
        # Where these were kept themselves, it says who trained them.
        note = bucket.get_json(f"{keys.TRIALS}{old}/{KEPT_FROM}")
        note = note or {"trial_id": old, "trainer_version": found.version}
        for key, epochs in _metrics(deployment, old).items():
            name = key.rpartition("/")[2]
            data = deployment.store.get(key)
            if data is not None and deployment.store.get(f"{keys.TRIALS}{new}/{name}", at_most=1) is None:
                _keep_artifacts(bucket, data, old, new, epochs)
                bucket.put_json(f"{keys.TRIALS}{new}/{KEPT_FROM}", note)
                bucket.put_once(f"{keys.TRIALS}{new}/{name}", data, "text/csv")

    with explained():
        for_all(copied, list(found.trials.items()))


def _keep_artifacts(bucket: Bucket, metrics: bytes, old: str, new: str, epochs: int) -> None:
    """Copies the files of a trial to where the same trial of the present trainer leaves its own."""
    left = keys.new_artifacts_prefix(old, epochs)
    target = keys.artifacts_of_metrics(keys.new_artifacts_prefix(new, epochs), metrics)
    for source in (keys.kept_artifacts_prefix(old, epochs), keys.artifacts_of_metrics(left, metrics), left):
        if sizes := bucket.sizes(source, at_most=MAX_FILES):
            for name, size in sizes.items():
                bucket.copy(source + name, target + name, size=size)
            return


def _candidates(spec: SweepSpec, cloud: Cloud) -> Iterator[str]:
    """Yields the names of sweeps whose trainer may be this one, the likeliest first."""
    yield spec.name
    if cloud.is_local:
        yield from trainers.sweeps_at(cloud.directory, trainers.home_of(cloud.trainer))


def _changed(cloud: Cloud, name: str) -> tuple[str, ...]:
    return trainers.changed(cloud.directory, name, cloud.trainer) if cloud.is_local else ()


def _pairs(spec: SweepSpec, plan: Plan, version: str) -> Iterator[tuple[str, str]]:
    """Yields the ids of the same trials of the former and of the present trainer."""
    olds = first_round(spec, trainer_version=plan.trainer_version)
    news = first_round(spec, trainer_version=version)
    yield from ((old.trial_id, new.trial_id) for old, new in zip(olds, news, strict=True))
    same_options = key_of(plan.spec.fixed) == key_of(spec.fixed)
    if spec.search.learns and same_options and plan.spec.environment == spec.environment:
        # Of any other search these are all. A model may also propose what it did then.
        yield from (
            (trial.trial_id, _id_of(trial, spec, version))
            for trial in plan.trials.values()
            if not any(spec.space.faults_of(trial.params))
        )


def _id_of(trial: Trial, spec: SweepSpec, version: str) -> str:
    whole: dict[str, int] = {
        name: int(str(trial.options[name])) for name in ("folds", "fold", "seed") if name in trial.options
    }
    seed = whole.pop("seed")
    return trial_id_of(
        params=trial.params,
        fixed=spec.fixed,
        seed=seed,
        fold=whole,
        trainer_version=version,
        environment=spec.environment,
    )


def _is_left(deployment: Deployment, old: str, new: str) -> bool:
    """Whether a trial of the former trainer has metrics that the same trial of the present one has not."""
    epochs = set(_metrics(deployment, old).values())
    return bool(epochs) and not epochs <= set(_metrics(deployment, new).values())


def _metrics(deployment: Deployment, trial_id: str) -> dict[str, int]:
    """Returns the epochs of a trial's metrics, by their key."""
    found = map(_METRICS_KEY.fullmatch, deployment.store.listed(f"{keys.TRIALS}{trial_id}/"))
    return {match[0]: int(match[1]) for match in found if match}
