"""Whether a sweep on AWS could get a machine at all, before it starts."""

from stepsweep.client.checks.aws import AwsDoctor
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import DEFAULT_STACK, clients_of, explained
from stepsweep.contract.errors import InvalidInput


def check_capacity(cloud: Cloud) -> None:
    """Asks for the quotas of the stack's machines. What these credentials may not ask counts as enough.

    Raises:
        InvalidInput: with these quotas no trial would ever start.
        CloudError: there are no usable credentials.
    """
    with explained(profile=cloud.profile):
        doctor = AwsDoctor(
            clients=clients_of(profile=cloud.profile, region=cloud.region),
            stack=cloud.stack or DEFAULT_STACK,
            profile=cloud.profile,
            options=cloud.options("profile", "region"),
        )
        found = doctor.why_nothing_would_start()
    if found:
        raise InvalidInput([*(f"{each.found}; {each.remedy}" for each in found), "--no-check starts it nevertheless"])
