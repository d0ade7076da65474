"""The stores of jobs, in S3: that of a sweep's job, and that of a job which a person submits as in the tutorial."""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from stepsweep.contract import keys, median
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.metrics import parse_csv
from stepsweep.contract.space import shown
from stepsweep.trainer.store import StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONFLICT_TRIES = 5
CONFLICT_WAIT_SECONDS = 1.0


class ByHandStore:
    """The store of a job that a person submits as in the tutorial: one CSV at the top of the bucket, for each lr and
    momentum the latest.

    A job that Batch tries again starts anew.
    """

    checkpoint: str | None = None

    def __init__(self, bucket: str, key: str, s3: "S3Client") -> None:
        self._bucket, self._key, self._s3 = bucket, key, s3
        self.results = keys.uri(bucket, key)

    def finished(self) -> bool:
        return False  # a person who submits it again wants it trained again

    def load_checkpoint(self) -> bytes | None:
        return None

    def save_checkpoint(self, data: bytes) -> None:
        """Does nothing: nobody would find it."""

    def show_live(self, metrics: bytes) -> None:
        """Does nothing: nobody watches."""

    def end_if_worse(self, metrics: bytes) -> str:  # noqa: ARG002  a sweep's only
        return ""

    def write_results(self, metrics: bytes, summary: Mapping[str, Any]) -> str:  # noqa: ARG002  a sweep's only
        with _explained("write", self.results):
            self._s3.put_object(Bucket=self._bucket, Key=self._key, Body=metrics)
        return f"wrote {self.results}"


def tutorial_key(lr: float, momentum: float) -> str:
    """Returns the key that the tutorial's notebooks read, such as `metrics_lr0.0100_m0.1000.csv`.

    A number that four decimals cannot hold has all its own. In the tutorial 0.00001 and 0.00002 had one name.
    """

    def decimals(value: float) -> str:
        rounded = f"{value:.4f}"
        return rounded if float(rounded) == value else f"{Decimal(repr(value)):f}"

    return f"{keys.BY_HAND}lr{decimals(lr)}_m{decimals(momentum)}.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The trial of a sweep's job, from the job's environment.

    Attributes:
        medians: what the median rule tells it (`contract.median.variable`); empty without the rule.
    """

    bucket: str
    trial_id: str
    epochs: int
    medians: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, epochs: int) -> Self | None:
        """Reads the two variables of a job. Returns None if neither is set.

        Raises:
            InvalidInput: only one is set, or they are not the URIs that `contract.keys` defines for these epochs.
        """
        checkpoint_uri, metrics_uri = environment.get(keys.CHECKPOINT_URI), environment.get(keys.METRICS_URI)
        if not checkpoint_uri and not metrics_uri:
            return None
        if not checkpoint_uri or not metrics_uri:
            missing = keys.METRICS_URI if checkpoint_uri else keys.CHECKPOINT_URI
            raise InvalidInput([f"{missing}: must be set too; a sweep's job sets both, and by hand neither is needed"])
        bucket, _, prefix = checkpoint_uri.removeprefix("s3://").partition("/")
        trial_id = prefix.removeprefix(keys.CHECKPOINTS).removesuffix("/")
        if (
            not bucket
            or not trial_id
            or "/" in trial_id
            or checkpoint_uri != keys.uri(bucket, keys.checkpoint_prefix(trial_id))
        ):
            example = keys.uri("BUCKET", keys.checkpoint_prefix("TRIAL_ID"))
            raise InvalidInput([f"{keys.CHECKPOINT_URI}: must be {example}, got {shown(checkpoint_uri, limit=200)}"])
        job = cls(bucket=bucket, trial_id=trial_id, epochs=epochs, medians=environment.get(keys.MEDIANS, ""))
        if metrics_uri != (expected := keys.uri(bucket, job.metrics_key)):
            rule = f"must be {expected} for --epochs {epochs} and this {keys.CHECKPOINT_URI}"
            raise InvalidInput([f"{keys.METRICS_URI}: {rule}, got {shown(metrics_uri, limit=200)}"])
        return job

    @property
    def metrics_key(self) -> str:
        return keys.metrics_key(self.trial_id, self.epochs)


class JobStore:
    """The store of a sweep's job: writes to S3, one atomic PutObject per object."""

    def __init__(self, job: Job, s3: "S3Client") -> None:
        self._job = job
        self._s3 = s3
        self.results = keys.uri(job.bucket, job.metrics_key)
        self.checkpoint = keys.uri(job.bucket, keys.checkpoint_key(job.trial_id))

    def finished(self) -> bool:
        with _explained("look for", self.results):
            try:
                self._s3.head_object(Bucket=self._job.bucket, Key=self._job.metrics_key)
            except self._s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] == "404":
                    return False
                raise
        return True

    def load_checkpoint(self) -> bytes | None:
        with _explained("read", self.checkpoint):
            try:
                found = self._s3.get_object(Bucket=self._job.bucket, Key=keys.checkpoint_key(self._job.trial_id))
            except self._s3.exceptions.NoSuchKey:
                return None
            return found["Body"].read()

    def save_checkpoint(self, data: bytes) -> None:
        self._put(keys.checkpoint_key(self._job.trial_id), data)

    def show_live(self, metrics: bytes) -> None:
        self._put(keys.live_key(self._job.trial_id), metrics)

    def end_if_worse(self, metrics: bytes) -> str:
        if not self._job.medians:
            return ""
        objective, medians = median.read_variable(self._job.medians)
        curve = parse_csv(metrics, max_epochs=self._job.epochs)
        if (ended := median.verdict(curve, objective, medians)) is None:
            return ""
        key = keys.ended_key(self._job.trial_id, self._job.epochs)
        self.show_live(metrics)
        self._put(key, median.record(ended, epochs_trained=curve.epochs))
        return (
            f"ended by stop.median: up to epoch {ended.epoch} the best {objective.metric} is {ended.value:.6g}; the "
            f"median of the completed trials' means is {medians[ended.epoch]:.6g}"
        )

    def write_results(self, metrics: bytes, summary: Mapping[str, Any]) -> str:
        """Writes the CSV, whose existence marks the trial as finished, then the summary, if it is of this CSV."""
        text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
        if not self._put_metrics(metrics):
            return f"{self.results} was there already: another job of this trial finished first"
        self._put(keys.summary_key(self._job.trial_id, self._job.epochs), text.encode())
        return f"wrote {self.results}"

    def _put(self, key: str, data: bytes) -> None:
        with _explained("write", keys.uri(self._job.bucket, key)):
            self._s3.put_object(Bucket=self._job.bucket, Key=key, Body=data)

    def _put_metrics(self, data: bytes) -> bool:
        """Writes the CSV unless it exists. Returns whether it is there: a repeated request may have written it."""
        with _explained("write", self.results):
            for attempt in itertools.count(1):
                try:
                    self._s3.put_object(Bucket=self._job.bucket, Key=self._job.metrics_key, Body=data, IfNoneMatch="*")
                except self._s3.exceptions.ClientError as error:
                    code = error.response["Error"]["Code"]
                    if code == "PreconditionFailed":
                        there = self._s3.get_object(Bucket=self._job.bucket, Key=self._job.metrics_key)
                        return there["Body"].read() == data
                    # During another conditional write of the key, S3 asks for a retry with a code that botocore does
                    # not retry.
                    if code != "ConditionalRequestConflict" or attempt == CONFLICT_TRIES:
                        raise
                    time.sleep(CONFLICT_WAIT_SECONDS)
                else:
                    break
        return True


@contextlib.contextmanager
def _explained(doing: str, uri: str) -> Iterator[None]:
    """Turns botocore's errors into a StoreError that says what failed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"cannot {doing} {uri}: {error}") from None


def s3_client() -> "S3Client":
    """Returns a client for a job; boto3's settings decide endpoint and region."""
    import boto3
    from botocore.config import Config

    # Retries for about a minute, since a throttled or broken S3 must not lose a trained trial.
    retries: Any = {"mode": "standard", "max_attempts": 8}
    return boto3.client("s3", config=Config(retries=retries, connect_timeout=10, read_timeout=60))
