"""Keeps artifacts: copies them to where no rule of the bucket deletes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepsweep.bucket.s3 import Bucket, for_all
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


def keep(bucket: Bucket, trials: Sequence[Trial]) -> list[KeptFiles]:
    """Copies the artifacts of trials that ended, and returns what is kept of each.

    A second call copies only what is missing. Nothing is deleted, and nothing that was kept is replaced.

    Args:
        trials: the most important first. If there are too many files, those of the last ones are not copied.
    """
    kept = for_all(lambda trial: bucket.sizes(trial.kept_artifacts, at_most=MAX_FILES), trials)
    new = for_all(lambda trial: bucket.sizes(trial.new_artifacts, at_most=MAX_FILES + 1), trials)
    missing = [
        (number, name, size)
        for number, (there, left) in enumerate(zip(kept, new, strict=True))
        for name, size in list(left.items())[:MAX_FILES]
        if name not in there
    ]
    partial = {number for number, left in enumerate(new) if len(left) > MAX_FILES}
    partial |= {number for number, _, _ in missing[MAX_COPIES:]}

    def copy(number: int, name: str, size: int) -> bool:
        trial = trials[number]
        return bucket.copy(trial.new_artifacts + name, trial.kept_artifacts + name, size=size)

    copied = for_all(lambda each: copy(*each), missing[:MAX_COPIES])
    for (number, name, size), is_there in zip(missing, copied, strict=False):
        if is_there:  # and was not deleted by the bucket's rule just now
            kept[number][name] = size
    return [KeptFiles(sizes=sizes, is_partial=number in partial) for number, sizes in enumerate(kept)]
