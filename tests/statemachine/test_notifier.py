"""The function that sends an e-mail when a sweep ends: what it says, and that its link opens the page."""

import re
from collections.abc import Iterator
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
    assert re.search(r"Its page, until \d{4}-\d\d-\d\d \d\d:\d\d UTC at the latest", text)
    assert "stops working earlier if the temporary credentials expire" in text
    assert f"https://console.aws.amazon.com/s3/object/{cloud.bucket.name}?prefix=sweeps%2Fs%2Freport.html" in text
    assert "sweep show s --on aws --stack Mine" in text


@pytest.mark.parametrize(
    "detail",
    [{"status": "ABORTED", "name": "execution-2"}, {"input": None, "name": "t"}, {"input": '{"name": "../x"}'}],
)
def test_what_left_no_page_is_told_without_a_link(cloud: Cloud, topic: str, detail: dict[str, Any]) -> None:
    """An execution that was stopped left none, and the page that is there is of an earlier one."""
    ended(cloud)
    _, text = told(topic, **detail)
    assert "https://" not in text
    name = {"execution-2": "s", "t": "t"}.get(detail.get("name", ""), "execution-1")
    assert f"It left no page; this makes one: sweep report {name} " in text
