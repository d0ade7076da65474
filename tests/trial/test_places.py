"""Where a trial's metrics go: once, to S3 or to a file, whatever S3 answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from stepsweep.trial import places
from tests.support.clients import PATIENT

PUT = {"Bucket": "b", "Key": "trials/t/m.csv", "Body": b"data", "IfNoneMatch": "*"}


@pytest.fixture
def s3_says(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """S3 with the answers that a test gives it."""
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setattr(places, "CONFLICT_WAIT_SECONDS", 0.0)
    places.s3_client.cache_clear()
    with Stubber(places.s3_client()) as stub:
        yield stub
        stub.assert_no_pending_responses()
    places.s3_client.cache_clear()


def test_a_conflict_is_tried_again_and_a_file_that_is_there_stays(s3_says: Stubber) -> None:
    for _ in range(3):
        s3_says.add_client_error("put_object", "ConditionalRequestConflict", expected_params=PUT)
    s3_says.add_response("put_object", {}, PUT)
    assert places.write_once("s3://b/trials/t/m.csv", b"data") == "wrote s3://b/trials/t/m.csv"
    s3_says.add_client_error("put_object", "PreconditionFailed", expected_params=PUT)
    assert places.write_once("s3://b/trials/t/m.csv", b"data") == (
        "s3://b/trials/t/m.csv exists already: another attempt of this trial finished first"
    )


@pytest.mark.parametrize(("code", "tries"), [("AccessDenied", 1), ("ConditionalRequestConflict", 60)])
def test_what_s3_refuses_for_good_is_an_error(s3_says: Stubber, code: str, tries: int) -> None:
    for _ in range(tries):
        s3_says.add_client_error("put_object", code, expected_params=PUT)
    with pytest.raises(places.s3_client().exceptions.ClientError, match=code):
        places.write_once("s3://b/trials/t/m.csv", b"data")


def test_live_metrics_and_records_replace_what_was_there(s3_says: Stubber) -> None:
    s3_says.add_response("put_object", {}, {"Bucket": "b", "Key": "checkpoints/t/live.csv", "Body": b"rows"})
    s3_says.add_response("put_object", {}, {"Bucket": "b", "Key": "trials/t/ended.json", "Body": b"{}"})
    places.show_live("s3://b/checkpoints/t/", b"rows")
    places.put("s3://b/trials/t/ended.json", b"{}")


@pytest.mark.usefixtures("s3_says")
def test_a_throttled_s3_is_asked_for_about_a_minute() -> None:
    config: Any = places.s3_client().meta.config
    assert config.retries == PATIENT
    assert (config.connect_timeout, config.read_timeout) == (10, 60)


@pytest.mark.usefixtures("s3_says")
def test_without_artifacts_nothing_is_asked_of_s3_or_said(capsys: pytest.CaptureFixture[str]) -> None:
    places.upload({}, "s3://b/a/")
    assert capsys.readouterr().out == ""
