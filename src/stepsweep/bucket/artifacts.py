"""Keeps artifacts: copies them to where no rule of the bucket deletes them."""

from collections.abc import Sequence

from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.contract.trial import Trial


def keep(bucket: Bucket, trials: Sequence[Trial]) -> list[dict[str, int]]:
    """Copies the artifacts of trials that ended. Returns each trial's kept files with their bytes, by their names.

    A second call copies only what is missing. Nothing is deleted, and nothing that was kept is replaced.
    """
    kept = for_all(lambda trial: bucket.sizes(trial.kept_artifacts), trials)
    new = for_all(lambda trial: bucket.sizes(trial.new_artifacts), trials)
    missing = [
        (number, name, size)
        for number, (there, left) in enumerate(zip(kept, new, strict=True))
        for name, size in left.items()
        if name not in there
    ]

    def copy(number: int, name: str, size: int) -> bool:
        trial = trials[number]
        return bucket.copy(trial.new_artifacts + name, trial.kept_artifacts + name, size=size)

    copied = for_all(lambda each: copy(*each), missing)
    for (number, name, size), is_there in zip(missing, copied, strict=True):
        if is_there:  # and was not deleted by the bucket's rule just now
            kept[number][name] = size
    return kept
