"""Prices of a stack's machines: from AWS where the credentials allow it, else from a table here, else as deployed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore import exceptions as aws
from botocore.config import Config

from stepsweep.client.deployment import Deployment
from stepsweep.contract.means import Capacity, StackJob

TABLE_FROM = "SkyPilot's catalog of AWS's price list (commit 00148f2, 2026)"
TABLE: Mapping[str, Mapping[str, float]] = {
    "g4dn.xlarge": {
        "af-south-1": 0.698, "ap-east-1": 0.81, "ap-northeast-1": 0.71, "ap-northeast-2": 0.647,
        "ap-northeast-3": 0.71, "ap-south-1": 0.579, "ap-southeast-1": 0.736, "ap-southeast-2": 0.684,
        "ca-central-1": 0.584, "eu-central-1": 0.658, "eu-north-1": 0.558, "eu-south-1": 0.616, "eu-west-1": 0.587,
        "eu-west-2": 0.615, "eu-west-3": 0.615, "me-south-1": 0.645, "us-east-1": 0.526,
    },
}  # fmt: skip
"""Type → region → USD per hour on demand, with Linux. Of the stack's default machine only; each holds one job."""

PRICE_LIST_REGION = "us-east-1"
"""One of the few that answer: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one job's part of a machine costs.

    Attributes:
        told: where the price is from, and its date, in words.
    """

    usd_per_hour: float
    told: str


def price_of(deployment: Deployment, *, now: datetime | None = None) -> Price:
    """Returns the price of a job of the stack, on its dearest machine.

    On Spot it is the highest price of a zone now. A stack that also takes machines on demand pays their price at most.
    """
    today = f"{now or datetime.now(UTC):%Y-%m-%d}"
    job, types, region = deployment.job, deployment.instance_types, deployment.region
    listed = _listed(deployment, types, region)
    on_demand = {name: _per_job(product, job) for name, product in listed.items()}
    if job.capacity is Capacity.SPOT and (zones := _spot(deployment, types)):
        # What a machine holds is known by the price list only.
        parts = {name: on_demand[name] / _usd(listed[name]) for name in on_demand}
        if set(zones) == set(types) and (set(parts) == set(types) or job.per_machine == 1):
            usd = max(price * parts.get(name, 1 / job.per_machine) for name, price in zones.items())
            return Price(usd_per_hour=usd, told=f"the Spot price history of {today}")
    if on_demand.keys() >= set(types):
        return Price(usd_per_hour=max(on_demand.values()), told=f"AWS's price list of {_date(listed) or today}")
    if all(region in TABLE.get(name, {}) for name in types):
        usd = max(TABLE[name][region] for name in types) / job.per_machine
        return Price(usd_per_hour=usd, told=f"{TABLE_FROM}; AWS's price list could not be asked")
    return Price(usd_per_hour=deployment.usd_per_hour, told="the stack's own choice usd_per_hour")


def _listed(deployment: Deployment, types: Sequence[str], region: str) -> dict[str, Mapping[str, Any]]:
    """Returns the products of the price list by instance type; those that it does not answer are missing."""
    found = {}
    for name in types:
        wanted = {
            "instanceType": name, "regionCode": region, "operatingSystem": "Linux", "tenancy": "Shared",
            "preInstalledSw": "NA", "capacitystatus": "Used",
        }  # fmt: skip
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
        try:
            client = deployment.session.client("pricing", region_name=PRICE_LIST_REGION, config=_QUICK)
            answer = client.get_products(ServiceCode="AmazonEC2", Filters=filters)
            (product,) = map(json.loads, answer["PriceList"])
            if _usd(product) > 0:
                found[name] = product
        except (aws.BotoCoreError, aws.ClientError, ValueError, KeyError):
            continue
    return found


def _spot(deployment: Deployment, types: Sequence[str]) -> dict[str, float]:
    """Returns the highest price of a zone now, by instance type; nothing if EC2 does not tell."""
    highest: dict[str, float] = {}
    try:
        client = deployment.session.client("ec2", region_name=deployment.region, config=_QUICK)
        history = client.describe_spot_price_history(
            InstanceTypes=list(types),
            ProductDescriptions=["Linux/UNIX"],
            StartTime=datetime.now(UTC),
        )
        for each in history["SpotPriceHistory"]:
            highest[each["InstanceType"]] = max(float(each["SpotPrice"]), highest.get(each["InstanceType"], 0.0))
    except (aws.BotoCoreError, aws.ClientError, ValueError, KeyError):
        return {}
    return highest


def _usd(product: Mapping[str, Any]) -> float:
    (usd,) = set(_prices(product))
    return usd


def _prices(product: Mapping[str, Any]) -> Iterator[float]:
    for term in product["terms"]["OnDemand"].values():
        for dimension in term["priceDimensions"].values():
            yield float(dimension["pricePerUnit"]["USD"])


def _per_job(product: Mapping[str, Any], job: StackJob) -> float:
    """Returns the price of one job's part of a machine, from what the price list says of the machine."""
    told = product["product"]["attributes"]
    held = [
        int(told["vcpu"]) // job.vcpus,
        # ECS's agent and the system keep some.
        int(float(str(told["memory"]).split()[0].replace(",", "")) * 1024 * 0.94) // job.memory_mib,
    ]
    if job.gpus:
        held.append(int(told.get("gpu", 1)) // job.gpus)
    return _usd(product) / max(1, min(held))


def _date(listed: Mapping[str, Mapping[str, Any]]) -> str:
    return min((str(product.get("publicationDate", ""))[:10] for product in listed.values()), default="")


_QUICK = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=5, read_timeout=10)
