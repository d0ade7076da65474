"""The endpoint of an embedded cloud, which its process publishes to others."""

import os
import secrets
import string
from dataclasses import dataclass, field
from typing import Self

ACCOUNT = "123456789012"
"""moto's default account."""

WITHOUT_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""Variables that keep a process from reading the AWS configuration in a person's home folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """An access key of AWS: an id that requests name, and the secret that signs them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def random(cls) -> Self:
        letters = "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))
        return cls(access_key_id=f"AKIA{letters}", secret_access_key=secrets.token_urlsafe(30))

    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The endpoint of an embedded cloud.

    Attributes:
        access_key_id, secret_access_key: the key of the person whose cloud it is; nobody else can use the cloud.
        pid: id of the cloud's process.
        assembly: the folder of its template and assets.
        trainer: the trainer's folder; empty for stepsweep's own trainer.
        code: a hash of what trains, as it was when the cloud started.
        job_vcpus: vCPUs of a job that does not ask for some itself.
        container: whether jobs run as containers.
        ends_when_idle: whether its process ends when no execution runs any more.
        started_here: whether this process runs it; otherwise another one keeps it up.
    """

    url: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    pid: int
    assembly: str
    trainer: str
    code: str
    job_vcpus: int
    container: bool
    ends_when_idle: bool
    started_here: bool

    @property
    def key(self) -> KeyPair:
        return KeyPair(access_key_id=self.access_key_id, secret_access_key=self.secret_access_key)

    def environment(self) -> dict[str, str]:
        """Returns the variables that make any AWS tool use this cloud, and no other."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            **self.region_environment(),
            **self.key.environment(),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def region_environment(self) -> dict[str, str]:
        """Returns the variables that Lambda gives every function, and that a job has only by its definition."""
        return {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
