"""Which artifacts are copied, of trials that leave more than anybody reads."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from stepsweep.bucket import artifacts
from stepsweep.bucket.artifacts import KeptFiles, keep
from stepsweep.bucket.s3 import Bucket
from stepsweep.contract.trial import Trial

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FIRST = Trial(trial_id="first", params={}, options={}, epochs=1)
SECOND = Trial(trial_id="second", params={}, options={}, epochs=1)


class Endless:
    """S3 with artifacts without end, of which no more than a few pages may be read."""

    def __init__(self) -> None:
        self.copied: list[str] = []

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(b"epoch,loss\n1,0.5\n")}

    def get_paginator(self, _operation: str) -> "Endless":
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803  botocore's name
        if Prefix.startswith("artifacts/kept/"):
            return
        for page in range(4):
            yield {"Contents": [{"Key": f"{Prefix}{page}{number}", "Size": 1} for number in range(2)]}
        raise AssertionError("so many are read")

    def copy_object(self, *, Key: str, **_: Any) -> None:  # noqa: N803
        self.copied.append(Key)


def test_no_more_is_listed_of_a_trial_than_tells_that_it_left_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_FILES", 5)
    kept = keep(Bucket("bucket", cast("S3Client", Endless())), [FIRST, SECOND])
    sizes = dict.fromkeys(["00", "01", "10", "11", "20"], 1)
    assert kept == [KeptFiles(sizes=sizes, is_partial=True)] * 2


def test_of_many_trials_the_first_come_first_and_the_others_are_partial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_FILES", 3)
    monkeypatch.setattr(artifacts, "MAX_COPIES", 4)
    s3 = Endless()
    first, second = keep(Bucket("bucket", cast("S3Client", s3)), [FIRST, SECOND])
    assert first.sizes == dict.fromkeys(["00", "01", "10"], 1)
    assert second == KeptFiles(sizes={"00": 1}, is_partial=True)
    assert sorted(s3.copied) == [
        *(FIRST.kept_artifacts + name for name in ("00", "01", "10")),
        SECOND.kept_artifacts + "00",
    ]
