"""The function that sends an e-mail when a sweep ends: what it says, and that its link opens the page."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import requests
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends

from stepsweep.contract import keys
from stepsweep.statemachine.notifier import handler
from tests.support.clients import PATIENT, retries_of_new
from tests.support.functions import Cloud


@pytest.fixture
def topic(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    sns = boto3.client("sns")
    arn = sns.create_topic(Name="ends")["TopicArn"]
    monkeypatch.setenv(keys.TOPIC, arn)
    monkeypatch.setenv(keys.STACK, "Mine")
    yield arn
    sns.delete_topic(TopicArn=arn)


def told(topic: str, **detail: Any) -> tuple[str, str]:
    """Returns the subject and the text of the message about an execution's end."""
    handler({"detail": {"name": "execution-1", "status": "SUCCEEDED", "input": '{"name": "s"}', **detail}})
    (_, text, subject, *_), *_ = reversed(
        sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[topic].sent_notifications
    )
    return str(subject), str(text)


def ended(cloud: Cloud) -> None:
    for trial in cloud.planned():
        cloud.trained(trial, 0.5)
    cloud.reduce()
    cloud.bucket.put(keys.report_key("s"), b"<h1>s</h1>", "text/html")


def test_the_link_opens_the_page_and_the_text_says_for_how_long(cloud: Cloud, topic: str) -> None:
    ended(cloud)
    with retries_of_new() as retries:
        subject, text = told(topic)
    assert retries["s3"] == PATIENT
    assert subject == "s: SUCCEEDED"
    (link,) = re.findall(r"^http://127.*", text, re.MULTILINE)
    answer = requests.get(link, timeout=30)
    assert (answer.text, answer.headers["Content-Type"]) == ("<h1>s</h1>", "text/html")
    assert "X-Amz-Expires=21600" in link
    (until,) = re.findall(r"until (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", text)
    hours = (datetime.fromisoformat(f"{until}+00:00") - datetime.now(UTC)).total_seconds() / 3600
    assert 5 < hours <= 6
    assert text.splitlines() == [
        "The sweep s ended: SUCCEEDED",
        "",
        "sweep show s --on aws --stack Mine",
        "",
        f"Its page, until {until} UTC at the latest:",
        link,
        "Whoever has this link can open the page. It stops working earlier if the temporary credentials expire that it "
        "was signed with. After that, if you may read the bucket, the page is here:",
        f"https://console.aws.amazon.com/s3/object/{cloud.bucket.name}?prefix=sweeps%2Fs%2Freport.html",
    ]


@pytest.mark.parametrize(
    "detail",
    [{"status": "ABORTED", "name": "execution-2"}, {"input": None, "name": "t"}, {"input": '{"name": "../x"}'}],
)
def test_what_left_no_page_is_told_without_a_link(cloud: Cloud, topic: str, detail: dict[str, Any]) -> None:
    """An execution that was stopped left none, and the page that is there is of an earlier one."""
    ended(cloud)
    _, text = told(topic, **detail)
    name = {"execution-2": "s", "t": "t"}.get(detail.get("name", ""), "execution-1")
    assert text.splitlines() == [
        f"The sweep {name} ended: {detail.get('status', 'SUCCEEDED')}",
        "",
        f"sweep show {name} --on aws --stack Mine",
        "",
        f"It left no page; this makes one: sweep report {name} --on aws --stack Mine",
    ]


@pytest.mark.parametrize("missing", [keys.report_key("s"), keys.latest_key("s")])
@pytest.mark.parametrize("damaged", [True, False])
def test_a_page_or_a_record_that_is_gone_or_damaged_keeps_no_message_back(
    cloud: Cloud, topic: str, missing: str, damaged: bool
) -> None:
    ended(cloud)
    cloud.s3.delete_object(Bucket=cloud.bucket.name, Key=missing)
    if damaged:
        cloud.bucket.put(keys.latest_key("s"), b"{", "application/json")
    assert "It left no page" in told(topic)[1]


def test_a_subject_is_as_long_as_an_e_mail_s_may_be(cloud: Cloud, topic: str) -> None:
    """SNS takes 100 characters."""
    name = "s" * 80
    assert told(topic, input=json.dumps({"name": name}), status="x" * 30)[0] == f"{name}: {'x' * 18}"
