"""Where an embedded cloud answers, as its process says it to all others."""

from dataclasses import dataclass

ACCOUNT = "123456789012"
"""moto's account, which every request without other credentials belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an embedded cloud answers.

    Attributes:
        pid: of the process that runs it.
        assembly: the folder of its template and assets.
        trainer: the folder of the trainer that they were made with; empty for stepsweep's own.
        job_vcpus: of a job that does not ask for some itself.
        ends_when_idle: that process ends when no execution runs any more.
        started_here: this process runs it; False: another one does, and keeps it up.
    """

    url: str
    region: str
    pid: int
    assembly: str
    trainer: str
    job_vcpus: int
    ends_when_idle: bool
    started_here: bool

    def environment(self) -> dict[str, str]:
        """Returns what makes any AWS tool talk to this cloud, and to no other."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
