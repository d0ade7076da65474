"""Finished trials of a trainer that has changed since: says that they do not count, or counts them on request."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from stepsweep.bucket.artifacts import MAX_FILES
from stepsweep.bucket.records import Records
from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.bucket.stores import Store
from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.running.control import Control
from stepsweep.contract import keys
from stepsweep.contract.described import number_of
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.rounds import first_round
from stepsweep.contract.space import key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial, trial_id_of

MAX_LOOKED_AT = 10
"""Earlier versions of a trainer that are looked at; for a model, sweeps of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """Results of the trainer as it was before it changed.

    Attributes:
        version: identifies that code.
        changed: the files that differ, if known.
        ignore_file: what leaves them out of the trainer; empty if nothing does.
        trials: id of a finished trial → id of the same trial of the trainer as it is now.
        rungs: the epochs of the metrics that the sweep looks for.
    """

    version: str
    changed: tuple[str, ...]
    ignore_file: str = ""
    trials: dict[str, str]
    rungs: tuple[int, ...]

    @property
    def files(self) -> str:
        """Names the changed files, in parentheses behind a space; empty if they are unknown."""
        return f" ({trainers.named(self.changed)})" if self.changed else ""

    def __str__(self) -> str:
        trials = number_of(len(self.trials), "finished trial")
        remedy = f" List files that trials do not need in {self.ignore_file}." if self.ignore_file else ""
        return (
            f"The trainer has changed{self.files}: {trials} {'does' if len(self.trials) == 1 else 'do'} not count. If "
            f"the change cannot matter to their numbers, --keep-results counts them.{remedy}"
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
        looked_at: list[str] = []
        for name, version in _others(records, spec, cloud, deployment.trainer_version):
            # Without a model, all sweeps of one trainer have the same of its trials.
            if version in looked_at and not spec.search.learns:
                continue
            pairs = dict(_pairs(records, spec, name, old=version, new=deployment.trainer_version))
            if trials := _left(deployment.store, pairs, spec.rungs):
                changed = _changed(cloud, name)
                return Former(
                    version=version,
                    changed=changed,
                    ignore_file=trainers.ignore_file(cloud.trainer, changed),
                    trials=trials,
                    rungs=spec.rungs,
                )
            looked_at.append(version)
            if len(looked_at) == MAX_LOOKED_AT:
                break
    return None


@contextmanager
def kept(found: Former, control: Control, sweep: str) -> Iterator[None]:
    """Makes the results of the former trainer those of the present one: metrics and artifacts, with a note beside.

    If the sweep does not start, they are deleted again: one that did not ask for them would count them.

    Raises:
        CloudError: the cloud did not answer, or does not allow it.
    """
    store, bucket = control.deployment.store, Bucket(control.deployment.bucket, control.deployment.s3)
    copies: set[str] = set()

    def copied(pair: tuple[str, str]) -> None:
        old, new = pair
        for epochs in found.rungs:
            data, target = store.get(keys.metrics_key(old, epochs)), keys.metrics_key(new, epochs)
            if data is None or store.get(target, at_most=1) is not None:
                continue
            _keep_artifacts(bucket, data, old, new, epochs)
            note_key = keys.kept_from_key(new, epochs)
            # Where these were kept themselves, it says who trained them.
            note = store.get_json(keys.kept_from_key(old, epochs))
            copies.update((target, note_key))
            if bucket.put_once(target, data, "text/csv"):
                bucket.put_json(note_key, note or {"trial_id": old, "trainer_version": found.version})
            else:  # somebody else's
                copies.difference_update((target, note_key))

    try:
        with explained():
            for_all(copied, list(found.trials.items()))
        yield
    except BaseException:
        if not control.running(sweep):
            with explained():
                store.delete(copies)
        raise


def _keep_artifacts(bucket: Bucket, metrics: bytes, old: str, new: str, epochs: int) -> None:
    """Copies the files of a trial to where the same trial of the present trainer leaves its own."""
    left = keys.new_artifacts_prefix(old, epochs)
    target = keys.artifacts_of_metrics(keys.new_artifacts_prefix(new, epochs), metrics)
    for source in (keys.kept_artifacts_prefix(old, epochs), keys.artifacts_of_metrics(left, metrics), left):
        if sizes := bucket.sizes(source, at_most=MAX_FILES):
            for name, size in sizes.items():
                bucket.copy(source + name, target + name, size=size)
            return


def _others(records: Records, spec: SweepSpec, cloud: Cloud, version: str) -> Iterator[tuple[str, str]]:
    """Yields sweeps whose trainer may be an earlier version of this one, the likeliest first, with their version."""
    at_place = trainers.sweeps_at(cloud.directory, trainers.home_of(cloud.trainer)) if cloud.is_local else []
    for name in (spec.name, *at_place):
        with suppress(InvalidDocument):  # another sweep's, which shall not be in the way of this one
            latest = records.latest(name)
            if latest is not None and latest.trainer_version != version:
                yield name, latest.trainer_version


def _changed(cloud: Cloud, name: str) -> tuple[str, ...]:
    return trainers.changed(cloud.directory, name, cloud.trainer) if cloud.is_local else ()


def _pairs(records: Records, spec: SweepSpec, earlier: str, *, old: str, new: str) -> Iterator[tuple[str, str]]:
    """Yields the ids of the same trials of two versions of the trainer; a model may also propose an earlier sweep's."""
    olds, news = (first_round(spec, trainer_version=version) for version in (old, new))
    yield from ((then.trial_id, now.trial_id) for then, now in zip(olds, news, strict=True))
    if spec.search.learns:
        yield from ((trial.trial_id, _id_of(trial, spec, new)) for trial in _that_fit(records, spec, earlier))


def _that_fit(records: Records, spec: SweepSpec, earlier: str) -> list[Trial]:
    """Returns the trials of an earlier sweep that this one may have too; none if its records are damaged."""
    try:
        its = records.spec(earlier)
        plan = records.plan(its) if its else None
    except InvalidDocument:
        return []
    if its is None or plan is None or key_of(its.fixed) != key_of(spec.fixed) or its.environment != spec.environment:
        return []
    return [trial for trial in plan.trials.values() if not any(spec.space.faults_of(trial.params))]


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


def _left(store: Store, pairs: Mapping[str, str], rungs: Sequence[int]) -> dict[str, str]:
    """Returns those pairs whose trial of the former trainer has metrics that the one of the present trainer lacks."""
    olds = store.present(keys.metrics_key(old, epochs) for old in pairs for epochs in rungs)
    wanted = {
        keys.metrics_key(new, epochs): old
        for old, new in pairs.items()
        for epochs in rungs
        if keys.metrics_key(old, epochs) in olds
    }
    left = {wanted[key] for key in wanted.keys() - store.present(wanted)}
    return {old: new for old, new in pairs.items() if old in left}
