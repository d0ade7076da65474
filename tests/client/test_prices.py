"""Prices of a stack's machines, as the services tell them, or as the table here does where they do not answer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from stepsweep.client.deployment import Deployment, on_aws
from stepsweep.client.operations.prices import TABLE_FROM, Price, price_of
from stepsweep.contract.means import Capacity, StackJob
from tests.support.answers import Answer, answering
from tests.support.stack import Stack

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def product(usd: str, *, vcpu: int = 4, gpu: int = 1, memory: str = "16 GiB") -> Mapping[str, Any]:
    """A product as the price list writes it, without what nobody reads."""
    return {
        "product": {"attributes": {"vcpu": str(vcpu), "gpu": str(gpu), "memory": memory}},
        "publicationDate": "2026-11-20T18:00:00Z",
        "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}}}},
    }


def listed(*products: Mapping[str, Any]) -> Answer:
    return Answer(
        status=200, body=json.dumps({"FormatVersion": "aws_v1", "PriceList": list(map(json.dumps, products))})
    )


def spot(**prices: str) -> Answer:
    items = "".join(
        f"<item><instanceType>g4dn.xlarge</instanceType><availabilityZone>{zone}</availabilityZone>"
        f"<spotPrice>{price}</spotPrice></item>"
        for zone, price in prices.items()
    )
    space = "http://ec2.amazonaws.com/doc/2016-11-15/"
    body = f'<DescribeSpotPriceHistoryResponse xmlns="{space}"><spotPriceHistorySet>{items}</spotPriceHistorySet>'
    return Answer(status=200, type="text/xml", body=f"{body}</DescribeSpotPriceHistoryResponse>")


NOT_ALLOWED = {
    "GetProducts": Answer.json_error("AccessDeniedException", "no pricing:GetProducts"),
    "DescribeSpotPriceHistory": Answer.query_error("UnauthorizedOperation", "no"),
}


@pytest.fixture
def asked(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)

    def price(answers: Mapping[str, Answer], **changed: Any) -> Price:
        with answering(stack.environment["AWS_ENDPOINT_URL"], {**NOT_ALLOWED, **answers}) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            deployment: Deployment = replace(on_aws(stack=stack.name), **changed)
            return price_of(deployment, now=NOW)

    return price


def test_the_price_list_says_what_a_job_s_part_of_a_machine_costs(asked: Any) -> None:
    assert asked({"GetProducts": listed(product("0.5870000000"))}) == Price(
        usd_per_hour=0.587, told="AWS's price list of 2026-11-20"
    )
    large = {"GetProducts": listed(product("4.4", vcpu=48, gpu=4, memory="192 GiB"))}
    assert asked(large).usd_per_hour == pytest.approx(1.1), "four GPUs run four jobs"
    shared = StackJob(vcpus=1, memory_mib=3000, gpus=0, per_machine=4)
    assert asked({"GetProducts": listed(product("0.6"))}, job=shared).usd_per_hour == pytest.approx(0.15)
    for memory, held in (("1,024 GiB", 4), ("16 GiB", 4), ("12 GiB", 3), ("1 GiB", 1)):
        answer = {"GetProducts": listed(product("1.2", memory=memory))}
        assert asked(answer, job=shared).usd_per_hour == pytest.approx(1.2 / held), memory
    for gpus, held in ((8, 2), (4, 1), (2, 1)):
        job = StackJob(vcpus=4, memory_mib=1000, gpus=4)
        answer = {"GetProducts": listed(product("1.2", vcpu=64, gpu=gpus))}
        assert asked(answer, job=job).usd_per_hour == pytest.approx(1.2 / held), gpus


def test_the_dearest_of_several_machines_counts_with_the_oldest_list(asked: Any) -> None:
    types = ("g4dn.xlarge", "g5.xlarge")
    one = {"GetProducts": listed(product("0.9"))}
    assert asked(one, instance_types=types) == Price(usd_per_hour=0.9, told="AWS's price list of 2026-11-20")
    undated = {**product("0.9"), "publicationDate": ""}
    assert asked({"GetProducts": listed(undated)}).told == "AWS's price list of 2026-11-28"
    for none in (listed(), listed(product("0.9"), product("0.8")), listed(product("0"))):
        found = asked({"GetProducts": none}, job=StackJob(per_machine=2))
        assert found == Price(usd_per_hour=0.2935, told=f"{TABLE_FROM}; AWS's price list could not be asked")


def test_only_linux_on_shared_machines_of_the_region_is_asked_about(stack: Stack) -> None:
    asked: dict[str, Any] = {}

    def noted(params: dict[str, Any], model: Any, **_: Any) -> Any:
        asked[model.name] = params
        raise EndpointConnectionError(endpoint_url="")

    session = boto3.Session(region_name=stack.deployment.region)
    for operation in ("pricing.GetProducts", "ec2.DescribeSpotPriceHistory"):
        session.events.register(f"provide-client-params.{operation}", noted)
    job = StackJob(capacity=Capacity.SPOT)
    deployment = replace(stack.deployment, session=session, job=job)
    price_of(deployment, now=NOW)
    began = asked["DescribeSpotPriceHistory"].pop("StartTime")
    assert abs((began - datetime.now(UTC)).total_seconds()) < 3600
    filters = {
        "instanceType": "g4dn.xlarge", "regionCode": stack.deployment.region, "operatingSystem": "Linux",
        "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used",
    }  # fmt: skip
    assert asked == {
        "GetProducts": {
            "ServiceCode": "AmazonEC2",
            "Filters": [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()],
        },
        "DescribeSpotPriceHistory": {"InstanceTypes": ["g4dn.xlarge"], "ProductDescriptions": ["Linux/UNIX"]},
    }


def test_spot_is_the_dearest_zone_of_now(asked: Any) -> None:
    job = StackJob(capacity=Capacity.SPOT)
    told = {"DescribeSpotPriceHistory": spot(a="0.210000", b="0.317000")}
    assert asked(told, job=job) == Price(usd_per_hour=0.317, told="the Spot price history of 2026-11-28")
    both = {**told, "GetProducts": listed(product("0.587", vcpu=8, gpu=2, memory="32 GiB"))}
    assert asked(both, job=job).usd_per_hour == pytest.approx(0.1585), "two GPUs run two jobs"
    shared = replace(job, per_machine=2)
    assert asked(told, job=shared).told != "the Spot price history of 2026-11-28", "what a machine holds is not known"
    first = StackJob(capacity=Capacity.SPOT_FIRST)
    both = {**told, "GetProducts": listed(product("0.587"))}
    assert asked(both, job=first).usd_per_hour == 0.587, "it may get machines on demand, too"


def test_without_permission_a_table_tells_or_else_the_stack(asked: Any) -> None:
    found = asked({})
    assert found == Price(usd_per_hour=0.587, told=f"{TABLE_FROM}; AWS's price list could not be asked")
    unknown = asked({}, instance_types=("g4dn.xlarge", "g6.xlarge"))
    assert unknown == Price(usd_per_hour=0.526, told="the stack's own choice usd_per_hour")
    odd = {"GetProducts": listed({"product": {}})}
    assert asked(odd).told == found.told
