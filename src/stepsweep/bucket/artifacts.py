"""Finds the artifacts that trials left, and copies those that stay to where no rule of the bucket deletes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from stepsweep.bucket.s3 import Bucket, Readable, for_all
from stepsweep.contract import keys
from stepsweep.contract.metrics import MAX_BYTES
from stepsweep.contract.trial import Trial

MAX_FILES = 1_000
"""Files of a trial that are kept: the trial kit leaves no more, but a trial may write as many as it likes."""

MAX_COPIES = 20_000
"""Files that one call copies: about a minute on AWS, and the function has 15."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFiles:
    """What is kept of one trial.

    Attributes:
        sizes: the bytes of each file, by its name.
        is_partial: whether it left more than is kept.
    """

    sizes: dict[str, int]
    is_partial: bool


def own_prefix(bucket: Readable, trial: Trial) -> str:
    """Returns below which prefix the attempt left its artifacts whose metrics count; empty without metrics."""
    metrics = bucket.get(trial.metrics_key, at_most=MAX_BYTES + 1)
    return keys.artifacts_of_metrics(trial.new_artifacts, metrics) if metrics else ""


def left(trial: Trial, own: str, sizes: Callable[[str], dict[str, int]]) -> tuple[str, dict[str, int]]:
    """Returns what a trial left: the prefix, and the bytes of each file by its name.

    A container that is no trial kit may leave its files without a digest.

    Args:
        own: the `own_prefix`.
        sizes: returns the files below a prefix.
    """
    found = sizes(own) if own else {}
    return (own, found) if found else (trial.new_artifacts, sizes(trial.new_artifacts))


def keep(bucket: Bucket, trials: Sequence[Trial]) -> list[KeptFiles]:
    """Copies the artifacts of trials that ended, and returns what is kept of each.

    A second call copies only what is missing. Nothing is deleted, and nothing that was kept is replaced.

    Args:
        trials: the most important first. If there are too many files, those of the last ones are not copied.
    """
    kept = for_all(lambda trial: bucket.sizes(trial.kept_artifacts, at_most=MAX_FILES), trials)
    bounded = partial(bucket.sizes, at_most=MAX_FILES + 1)
    new = for_all(lambda trial: left(trial, own_prefix(bucket, trial), bounded), trials)
    missing = [
        (number, name, size)
        for number, (there, (_, files)) in enumerate(zip(kept, new, strict=True))
        for name, size in list(files.items())[:MAX_FILES]
        if name not in there
    ]
    cut = {number for number, (_, files) in enumerate(new) if len(files) > MAX_FILES}
    cut |= {number for number, _, _ in missing[MAX_COPIES:]}

    def copy(number: int, name: str, size: int) -> bool:
        prefix, _ = new[number]
        return bucket.copy(prefix + name, trials[number].kept_artifacts + name, size=size)

    copied = for_all(lambda each: copy(*each), missing[:MAX_COPIES])
    for (number, name, size), is_there in zip(missing, copied, strict=False):
        if is_there:  # and was not deleted by the bucket's rule just now
            kept[number][name] = size
    return [KeptFiles(sizes=sizes, is_partial=number in cut) for number, sizes in enumerate(kept)]
