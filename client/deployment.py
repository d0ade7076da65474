"""Finds a deployed stack by its outputs, on AWS or in the embedded cloud, and explains errors of AWS."""

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore import exceptions as aws
from botocore.config import Config

from stepsweep.bucket.job_logs import CloudLastLines, FileLastLines, LastLines
from stepsweep.bucket.s3 import THREADS
from stepsweep.bucket.stores import Home, S3Store, S3Uri, ServedFolderStore, Store
from stepsweep.contract.deployed import Output
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.means import StackJob
from stepsweep.local.sessions import ISOLATED, session_of

if TYPE_CHECKING:
    from botocore.config import _RetryDict
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

DEFAULT_STACK = "Stepsweep"

EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
NOT_ACCEPTED = (
    "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AuthFailure",
)  # fmt: skip
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")

RETRIES: "_RetryDict" = {"mode": "standard", "max_attempts": 6}
"""Retries throttling, 5xx errors and lost connections, with jitter."""


class CloudError(SweepError):
    """A cloud failed, or refused a request; the message says what to do."""


MAX_LOG_READS = 20
"""Most failed trials of a sweep without results whose last log line is read in CloudWatch Logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A stack, and the clients of its services.

    Attributes:
        stack: the stack's name.
        job_queue: the name of the queue of sweeps' jobs.
        trainer_version: identifies the code that its trials run.
        usd_per_hour: price of one job's part of a machine.
        job: what a trial gets that asks for nothing.
        instance_types: machines that may start.
        max_concurrency: most trials that a sweep submits at once, unless its input says.
        trainer_command: the entrypoint of the `command` that the stack was deployed for; empty without one.
        patience_seconds: while following a sweep, how long a service may fail to answer before that is an error.
        is_ours: whether it is an embedded cloud that this process keeps up.
        folder: folder of the bucket's objects in an embedded cloud; None on AWS.
    """

    stack: str
    region: str
    bucket: str
    state_machine_arn: str
    job_queue: str
    log_group: str
    trainer_command: tuple[str, ...]
    trainer_version: str
    usd_per_hour: float
    job: StackJob
    instance_types: tuple[str, ...]
    max_concurrency: int
    patience_seconds: float
    session: boto3.Session
    s3: "S3Client"
    step_functions: "SFNClient"
    batch: "BatchClient"
    logs: "CloudWatchLogsClient"
    is_ours: bool = False
    folder: Path | None = None

    @property
    def objects(self) -> Home:
        return self.folder or S3Uri(f"s3://{self.bucket}")

    @property
    def store(self) -> Store:
        served = S3Store(self.bucket, self.s3)
        return served if self.folder is None else ServedFolderStore(self.folder, served)

    @property
    def log_files(self) -> Path | None:
        """The folder of the trials' logs in an embedded cloud; None on AWS."""
        return self.folder.parent.parent / "logs" if self.folder else None

    @property
    def last_lines(self) -> LastLines:
        """Reads the last lines of jobs' logs."""
        if self.log_files:
            return FileLastLines(self.log_files)
        return CloudLastLines(self.logs, self.log_group, at_most=MAX_LOG_READS)

    def give_secrets(self, values: Mapping[str, str]) -> None:
        """Puts secrets into the Secrets Manager of an embedded cloud, under the names of their variables."""
        client = self.session.client("secretsmanager", endpoint_url=self.s3.meta.endpoint_url, config=ISOLATED)
        for name, value in values.items():
            try:
                client.create_secret(Name=name, SecretString=value)
            except client.exceptions.ResourceExistsException:
                client.put_secret_value(SecretId=name, SecretString=value)


def on_aws(*, stack: str = DEFAULT_STACK, profile: str | None = None, region: str | None = None) -> Deployment:
    """Finds the stack that `sweep deploy` deployed, in the account and region of the AWS CLI.

    Raises:
        CloudError: there is no such stack, or AWS does not answer.
        InvalidInput: there is no such profile or region.
    """
    with explained(profile=profile):
        session = _session(profile, region)
        # Following a sweep for hours must survive a laptop that sleeps or changes networks.
        return _found(session, stack, config=Config(retries=RETRIES), endpoint_url=None, patience_seconds=3600)


def clients_of(*, profile: str | None = None, region: str | None = None) -> Callable[[str], Any]:
    """Returns what creates a client of a service, in the account and region of the AWS CLI. The clients give up soon.

    Raises:
        ProfileNotFound, InvalidRegionError: botocore's errors.
    """
    session: Any = _session(profile, region)  # `client` takes one literal name of many
    quick: _RetryDict = {"mode": "standard", "max_attempts": 3}
    config = Config(retries=quick, connect_timeout=10, read_timeout=20)

    @functools.cache
    def client(service: str) -> Any:
        return session.client(service, config=config)

    return client


def _session(profile: str | None, region: str | None) -> boto3.Session:
    """Returns a session for AWS. Like the AWS CLI it heeds AWS_REGION, which boto3 does not read."""
    return boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)


def on_endpoint(
    environment: Mapping[str, str], *, stack: str = DEFAULT_STACK, folder: Path | None = None, is_ours: bool = False
) -> Deployment:
    """Finds the stack in an embedded cloud.

    Args:
        folder: the cloud's folder of buckets, for reading objects as files.
        is_ours: whether this process keeps the cloud up.
        environment: the result of `local.endpoint.Endpoint.environment()`. The clients read neither a person's
            environment nor their ~/.aws, so no setting there can send a request to the real AWS.

    Raises:
        CloudError: there is no such stack, or nothing answers.
    """
    config = ISOLATED.merge(Config(retries=RETRIES, connect_timeout=10))
    session = session_of(
        region=environment["AWS_REGION"],
        key=environment["AWS_ACCESS_KEY_ID"],
        secret=environment["AWS_SECRET_ACCESS_KEY"],
    )
    with explained():
        found = _found(session, stack, config=config, endpoint_url=environment["AWS_ENDPOINT_URL"], patience_seconds=20)
    if folder is None:
        return replace(found, is_ours=is_ours)
    return replace(found, folder=folder / found.bucket, is_ours=is_ours)


def _found(
    session: boto3.Session, stack: str, *, config: Config, endpoint_url: str | None, patience_seconds: float
) -> Deployment:
    cloudformation = session.client("cloudformation", config=config, endpoint_url=endpoint_url)
    region = cloudformation.meta.region_name
    try:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except aws.ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise CloudError(
            f"there is no stack {stack} in {region}; deploy it with `sweep deploy`, or say where it is with "
            "--stack, --region and --profile"
        ) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if missing := [name for name in Output if name not in outputs]:
        raise CloudError(
            f"the stack {stack} in {region} ({described['StackStatus']}) has no output {', '.join(missing)}; "
            "wait until it is deployed, or name another one with --stack"
        )
    return Deployment(
        stack=stack,
        region=region,
        bucket=outputs[Output.BUCKET],
        state_machine_arn=outputs[Output.STATE_MACHINE_ARN],
        job_queue=outputs[Output.SWEEP_QUEUE],
        log_group=outputs[Output.JOB_LOG_GROUP],
        trainer_command=tuple(json.loads(outputs[Output.TRAINER_COMMAND])),
        trainer_version=outputs[Output.TRAINER_VERSION],
        usd_per_hour=float(outputs[Output.USD_PER_HOUR]),
        job=StackJob.from_json(json.loads(outputs[Output.JOB]), where=Output.JOB),
        instance_types=tuple(outputs[Output.INSTANCE_TYPES].split(",")),
        max_concurrency=int(outputs[Output.MAX_CONCURRENCY]),
        patience_seconds=patience_seconds,
        session=session,
        s3=session.client("s3", config=config.merge(Config(max_pool_connections=THREADS)), endpoint_url=endpoint_url),
        step_functions=session.client("stepfunctions", config=config, endpoint_url=endpoint_url),
        batch=session.client("batch", config=config, endpoint_url=endpoint_url),
        logs=session.client("logs", config=config, endpoint_url=endpoint_url),
    )


@contextmanager
def explained(*, profile: str | None = None) -> Iterator[None]:
    """Turns botocore's errors into ours, which say in one line what to do."""
    try:
        yield
    except aws.ProfileNotFound as error:
        there = ", ".join(botocore.session.Session().available_profiles) or "none"
        raise InvalidInput([f"{_sentence(error)}; profiles in ~/.aws are: {there}"]) from error
    except aws.InvalidRegionError as error:
        raise InvalidInput([f"{_sentence(error)}; write one such as us-east-1"]) from error
    except (aws.BotoCoreError, aws.ClientError) as error:
        raise CloudError(str(explanation(error, profile=profile))) from error


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong, and what to do about it; `remedy` is empty if nothing is known. As text it is one line."""

    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


def explanation(error: Exception, *, profile: str | None = None) -> Explanation:
    """Returns the meaning of a botocore error for people."""
    login = "aws sso login" + (f" --profile {profile}" if profile else "")
    said = _sentence(error)
    match error:
        case aws.NoCredentialsError() | aws.PartialCredentialsError() | aws.CredentialRetrievalError():
            return Explanation(
                f"no usable AWS credentials ({said})", f"run `aws configure` or `{login}`, or give --profile"
            )
        case aws.NoRegionError():
            return Explanation("no AWS region is set", "give --region us-east-1, or set AWS_REGION")
        case aws.SSOError() | aws.TokenRetrievalError() | aws.LoginError():
            return Explanation(f"the AWS login is over ({said})", f"run `{login}`")
        case aws.HTTPClientError() | aws.ConnectionError():
            return Explanation(f"the cloud cannot be reached ({said})", "check the network and the region")
        case aws.ClientError():
            return _answer(error.response["Error"].get("Code", "?"), said, login)
        case _:
            return Explanation(said)


def _answer(code: str, said: str, login: str) -> Explanation:
    """Returns the meaning of an error response."""
    if code in EXPIRED:
        return Explanation(
            f"the AWS credentials have expired ({code})", f"run `{login}`, or renew them where they come from"
        )
    if code in NOT_ACCEPTED:
        return Explanation(
            f"AWS does not accept the credentials ({code})", "`aws sts get-caller-identity` says whose they are"
        )
    if code in DENIED:
        return Explanation(f"AWS does not allow this: {said}")
    return Explanation(f"AWS answered: {said}")


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later: the network is down, or the service is busy."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttl" in error.response["Error"].get("Code", "") or status == 429
    return isinstance(error, aws.HTTPClientError | aws.ConnectionError)


def is_denied(error: aws.ClientError) -> bool:
    return error.response["Error"].get("Code") in DENIED


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
