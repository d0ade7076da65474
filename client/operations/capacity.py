"""Whether a sweep on AWS could get a machine at all, before it starts; and why it gets none, while its jobs wait."""

import math
import time
from dataclasses import replace

from stepsweep.client.checks.aws import AwsDoctor
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import DEFAULT_STACK, clients_of, explained
from stepsweep.client.running.progress import Progress
from stepsweep.contract.errors import InvalidInput

PATIENCE_SECONDS = 180.0
"""Time that a machine may take to start before anybody asks why none does."""
ASK_SECONDS = 60.0


def check_capacity(cloud: Cloud) -> None:
    """Asks for the quotas of the stack's machines. What these credentials may not ask counts as enough.

    Raises:
        InvalidInput: with these quotas no trial would ever start.
        CloudError: there are no usable credentials.
    """
    with explained(profile=cloud.profile):
        found = _doctor(cloud).why_nothing_would_start()
    if found:
        raise InvalidInput([*(f"{each.found}; {each.remedy}" for each in found), "--no-check starts it nevertheless"])


class Waiting:
    """Says why the first jobs of a sweep wait for a machine, where Batch does not say it and EC2 does."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._asked_at = -math.inf
        self._reason = ""

    def explained(self, progress: Progress) -> Progress:
        """Returns the progress with EC2's reason, if no job has started for some minutes and Batch gives none."""
        runs = progress.running or progress.starting or progress.ended
        if self._cloud.is_local or runs or progress.waits_for or not progress.to_run:
            return progress
        if progress.seconds > PATIENCE_SECONDS and time.monotonic() - self._asked_at > ASK_SECONDS:
            self._asked_at = time.monotonic()
            self._reason = _doctor(self._cloud).why_no_machine_starts()
        return replace(progress, waits_for=self._reason)


def _doctor(cloud: Cloud) -> AwsDoctor:
    return AwsDoctor(
        clients=clients_of(profile=cloud.profile, region=cloud.region),
        stack=cloud.stack or DEFAULT_STACK,
        profile=cloud.profile,
        options=cloud.options("profile", "region"),
    )
