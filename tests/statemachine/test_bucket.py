"""The bucket: what is not there is None, everything else that goes wrong is raised."""

import itertools
import threading
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from stepsweep.bucket.s3 import CONFLICT_TRIES, THREADS, Bucket, as_json, for_all, from_json, s3_client
from tests.support.clients import PATIENT
from tests.support.functions import Cloud


class Conflict(AWSResponse):
    """What S3 answers while another conditional write of the key is under way; moto never does."""

    content = b"<Error><Code>ConditionalRequestConflict</Code></Error>"

    def __init__(self) -> None:
        super().__init__("", 409, HTTPHeaders(), None)


class TestObjects:
    def test_what_was_put_is_there_and_the_rest_is_none(self, cloud: Cloud) -> None:
        cloud.bucket.put_json("a/b.json", {"lr": 0.1})
        assert cloud.bucket.has("a/b.json")
        assert cloud.bucket.get_json("a/b.json") == {"lr": 0.1}
        assert not cloud.bucket.has("a/c.json")
        assert cloud.bucket.get("a/c.json") is None
        assert cloud.bucket.get_json("a/c.json") is None

    def test_no_more_of_an_object_is_read_than_was_asked_for(self, cloud: Cloud) -> None:
        cloud.bucket.put("large", b"0123456789", "text/plain")
        assert cloud.bucket.get("large", at_most=4) == b"0123"
        assert cloud.bucket.get("large", at_most=400) == b"0123456789"

    @pytest.mark.usefixtures("cloud")
    def test_a_bucket_that_is_gone_is_not_taken_for_an_empty_one(self) -> None:
        gone = Bucket("no-such-bucket", s3_client())
        with pytest.raises(ClientError, match="NoSuchBucket"):
            gone.get("a")
        with pytest.raises(ClientError, match="NoSuchBucket"):
            gone.put_json_once("a", {})

    def test_a_document_is_written_once_and_the_first_one_stays(self, cloud: Cloud) -> None:
        assert cloud.bucket.put_json_once("spec.json", {"epochs": 3})
        assert not cloud.bucket.put_json_once("spec.json", {"epochs": 5})
        assert cloud.bucket.get_json("spec.json") == {"epochs": 3}

    @pytest.mark.parametrize(("conflicts", "written"), [(1, True), (CONFLICT_TRIES, False)])
    def test_a_write_that_meets_another_one_is_tried_again_but_not_for_ever(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, conflicts: int, written: bool
    ) -> None:
        monkeypatch.setattr("stepsweep.bucket.s3.CONFLICT_WAIT_SECONDS", 0.0)
        answers = itertools.chain([Conflict()] * conflicts, itertools.repeat(None))
        client = s3_client()
        client.meta.events.register("before-send.s3.PutObject", lambda **_: next(answers))  # type: ignore[arg-type]
        bucket = Bucket(cloud.bucket.name, client)
        if written:
            assert bucket.put_json_once("spec.json", {})
        else:
            with pytest.raises(ClientError, match="ConditionalRequestConflict"):
                bucket.put_json_once("spec.json", {})
        assert cloud.bucket.has("spec.json") is written


class TestClient:
    def test_its_requests_are_signed_with_its_own_name_and_dates_of_objects_are_not_parsed(self, cloud: Cloud) -> None:
        cloud.bucket.put("a", b"b", "text/csv")
        client = s3_client()
        names: list[bytes] = []

        def noted(request: Any, **_: Any) -> None:
            names.append(request.headers["User-Agent"])

        client.meta.events.register("before-send.s3.GetObject", noted)
        answer = dict(client.get_object(Bucket=cloud.bucket.name, Key="a"))
        assert [name.partition(b"/")[0] for name in names] == [b"stepsweep Botocore"]
        assert "LastModified" not in answer
        assert answer["ContentType"] == "text/csv"

    @pytest.mark.usefixtures("cloud")
    def test_it_asks_as_often_as_there_are_threads_and_for_about_a_minute_where_s3_throttles(self) -> None:
        config: Any = s3_client().meta.config
        assert (config.retries, config.max_pool_connections) == (PATIENT, THREADS)

    def test_it_sends_an_object_without_asking_whether_it_may(self, cloud: Cloud) -> None:
        sent: list[dict[str, Any]] = []
        client = s3_client()
        client.meta.events.register("before-send.s3.PutObject", lambda request, **_: sent.append(dict(request.headers)))
        Bucket(cloud.bucket.name, client).put("a", b"b", "text/csv")
        assert cloud.bucket.get("a") == b"b"
        assert [headers.get("Expect") for headers in sent] == [None]


class TestPresent:
    """Which of some keys are there, in a bucket of ten; a request lists two."""

    THERE = tuple(f"trials/{letter}/metrics.csv" for letter in "abcdefghij")

    @pytest.fixture
    def asked(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is asked of S3 from here on: `LIST`, and the keys of HEADs."""
        for key in (*self.THERE, "sweeps/s/spec.json", "trials/e/summary.json"):
            cloud.bucket.put(key, b"", "text/csv")
        monkeypatch.setattr("stepsweep.bucket.s3.KEYS_LISTED", 2)
        monkeypatch.setattr("stepsweep.bucket.s3.HEADS_FOR_A_LIST", 2)
        asked: list[str] = []

        def noted(params: dict[str, Any], **_: Any) -> None:
            asked.append(unquote(params["url_path"].removeprefix("/")) if params["method"] == "HEAD" else "LIST")

        client = s3_client()
        monkeypatch.setattr(cloud.bucket, "_s3", client)
        for operation in ("ListObjectsV2", "HeadObject"):
            client.meta.events.register(f"before-call.s3.{operation}", noted)
        return asked

    def test_one_request_tells_of_all_where_little_is_there(self, cloud: Cloud, asked: list[str]) -> None:
        wanted = ["trials/g/metrics.csv", "trials/h/metrics.csv", "trials/gg/metrics.csv"]
        assert cloud.bucket.present(wanted) == {wanted[0], wanted[1]}
        assert asked == ["LIST"]

    def test_what_lies_before_the_first_and_behind_the_last_is_not_listed(self, cloud: Cloud, asked: list[str]) -> None:
        wanted = [*(f"trials/e/n{number}" for number in range(50)), "trials/e/metrics.csv"]
        assert cloud.bucket.present(wanted) == {"trials/e/metrics.csv"}
        assert asked == ["LIST"]

    def test_where_the_bucket_ends_nothing_more_is_asked(self, cloud: Cloud, asked: list[str]) -> None:
        wanted = ["trials/j/metrics.csv", "trials/k/metrics.csv", "trials/l/metrics.csv"]
        assert cloud.bucket.present(wanted) == {wanted[0]}
        assert asked == ["LIST"]

    def test_of_a_full_bucket_no_more_is_listed_than_it_would_cost_to_ask(self, cloud: Cloud, asked: list[str]) -> None:
        wanted = [*self.THERE[::3], "trials/aa/metrics.csv", "trials/i/other.csv"]
        assert cloud.bucket.present(wanted) == {*self.THERE[::3]}
        assert asked[0] == "LIST"
        assert sorted(asked[1:]) == [
            "trials/d/metrics.csv",
            "trials/g/metrics.csv",
            "trials/i/other.csv",
            "trials/j/metrics.csv",
        ]

    def test_the_more_is_asked_for_the_more_may_be_listed(self, cloud: Cloud, asked: list[str]) -> None:
        wanted = [*self.THERE, *(f"trials/c/{number}" for number in range(190))]
        assert cloud.bucket.present(wanted) == {*self.THERE}
        assert asked[:3] == ["LIST", "LIST", "LIST"]
        assert sorted(asked[3:]) == ["trials/f/metrics.csv", *(f"trials/{letter}/metrics.csv" for letter in "ghij")]

    def test_another_page_is_listed_while_one_key_lies_behind_the_last(self, cloud: Cloud, asked: list[str]) -> None:
        there = ["trials/a/metrics.csv", "trials/c/metrics.csv"]
        assert cloud.bucket.present([*there, *(f"trials/a/{number}" for number in range(100))]) == {*there}
        assert asked == ["LIST", "LIST"]

    def test_each_of_a_few_is_asked_for(self, cloud: Cloud, asked: list[str]) -> None:
        wanted = ["trials/a/metrics.csv", "trials/aa/metrics.csv"]
        assert cloud.bucket.present(wanted) == {wanted[0]}
        assert sorted(asked) == wanted

    def test_nothing_is_asked_about_nothing(self, cloud: Cloud, asked: list[str]) -> None:
        assert cloud.bucket.present([]) == set()
        assert asked == []


class TestJson:
    def test_nan_is_not_written_since_nobody_else_could_read_it(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            as_json({"value": float("nan")})

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5_000])
    def test_all_that_is_not_json_is_one_kind_of_error(self, text: bytes) -> None:
        with pytest.raises(ValueError):  # noqa: PT011  its message is Python's own
            from_json(text)


class TestForAll:
    def test_results_stand_in_the_order_of_the_items_whoever_is_done_first(self) -> None:
        second_is_done = threading.Event()

        def work(item: int) -> int:
            if item == 2:
                second_is_done.set()
            elif item == 1:
                assert second_is_done.wait(60)
            return item * 10

        assert for_all(work, [1, 2, 3], threads=2) == [10, 20, 30]

    def test_as_many_items_are_under_way_at_once_as_there_are_threads(self) -> None:
        all_here = threading.Barrier(8, timeout=60)
        assert sorted(for_all(lambda _: all_here.wait(), range(8), threads=8)) == list(range(8))

    def test_the_error_of_the_first_item_that_failed_is_raised(self) -> None:
        def work(item: int) -> None:
            if item:
                raise ValueError(f"item {item}")

        with pytest.raises(ValueError, match="item 1"):
            for_all(work, [0, 1, 2], threads=3)

    def test_nothing_to_do_is_done(self) -> None:
        assert for_all(str, []) == []
