"""A client sees the same objects, whichever form the bucket has."""

import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from stepsweep.bucket.folder import UNFINISHED, write_whole
from stepsweep.bucket.records import Records
from stepsweep.bucket.s3 import s3_client
from stepsweep.bucket.stores import FolderStore, S3Store, ServedFolderStore, Store
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.note import Note
from tests.support.specs import NOW

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = (
    "sweeps/b/spec.json",
    "sweeps/a/round-0/plan.json",
    "sweeps/a/spec.json",
    "sweeps/ab/spec.json",
    "trials/.x y/1",
)


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "bucket")
    return S3Store(request.getfixturevalue("name"), request.getfixturevalue("client"))


@pytest.fixture
def full(store: Store) -> Store:
    """With some objects; each has its own key as its bytes."""
    for key in KEYS:
        assert store.replace(key, key.encode(), "text/plain", known=None)
    return store


def test_the_objects_below_a_prefix_are_listed_with_the_time_of_their_writing(full: Store) -> None:
    found = full.listed("sweeps/a/")
    assert list(found) == ["sweeps/a/round-0/plan.json", "sweeps/a/spec.json"]
    assert all(abs(datetime.now(UTC) - at) < timedelta(minutes=5) for at in found.values())
    assert list(full.listed("sweeps/a/sp")) == ["sweeps/a/spec.json"]
    assert list(full.listed("")) == sorted(KEYS)
    assert full.listed("sweeps/c/") == {}


def test_folders_are_those_that_have_objects_sorted(full: Store) -> None:
    assert full.folders("sweeps/") == ["a", "ab", "b"]
    assert full.folders("trials/") == [".x y"]
    assert full.folders("") == ["sweeps", "trials"]
    assert full.folders("nothing/") == []


def test_sizes_go_by_the_rest_of_the_key(full: Store) -> None:
    assert list(full.sizes("sweeps/a/").items()) == [("round-0/plan.json", 26), ("spec.json", 18)]
    assert full.sizes("sweeps/a") == {"/round-0/plan.json": 26, "/spec.json": 18, "b/spec.json": 19}
    assert full.sizes("sweeps/c/") == {}


def test_an_object_is_read_whole_or_its_beginning(full: Store) -> None:
    assert full.get("sweeps/b/spec.json") == b"sweeps/b/spec.json"
    assert full.get("sweeps/b/spec.json", at_most=6) == b"sweeps"
    for missing in ("sweeps/b", "sweeps/b/spec.json/more", "sweeps/c/spec.json", f"sweeps/b/{'x' * 300}"):
        assert full.get(missing) is None
        assert full.get_json(missing) is None


def test_a_document_is_read_or_named(full: Store) -> None:
    assert full.replace("a.json", b'{"lr": 0.1}', "application/json", known=None)
    assert full.get_json("a.json") == {"lr": 0.1}
    with pytest.raises(InvalidDocument, match=r"^sweeps/b/spec\.json: is not JSON"):
        full.get_json("sweeps/b/spec.json")


def test_one_of_more_bytes_than_a_machine_has_room_for_is_named(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepsweep.bucket.s3.MAX_DOCUMENT_BYTES", 18)
    assert full.get("sweeps/b/spec.json") == b"sweeps/b/spec.json"
    monkeypatch.setattr("stepsweep.bucket.s3.MAX_DOCUMENT_BYTES", 17)
    with pytest.raises(InvalidDocument, match=r"^sweeps/b/spec\.json: is larger than 0 MiB"):
        full.get("sweeps/b/spec.json")
    assert full.get("sweeps/b/spec.json", at_most=18) == b"sweeps/b/spec.json", "whoever sets a limit has room"
    assert not full.replace("sweeps/b/spec.json", b"", "text/plain", known=b"x"), "no more of it is read than is known"


def test_a_file_of_a_trial_is_saved_and_one_that_is_gone_is_named(full: Store, tmp_path: Path) -> None:
    full.save("trials/.x y/1", tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == b"trials/.x y/1"
    with pytest.raises(FileNotFoundError, match=r"^trials/gone$"):
        full.save("trials/gone", tmp_path / "other")


def test_what_is_deleted_is_gone_with_its_folders_and_the_rest_stays(full: Store) -> None:
    full.delete(["sweeps/a/round-0/plan.json", "sweeps/a/spec.json", "sweeps/never/there"])
    assert list(full.listed("")) == ["sweeps/ab/spec.json", "sweeps/b/spec.json", "trials/.x y/1"]
    assert full.folders("sweeps/") == ["ab", "b"]


def test_an_object_is_replaced_only_if_it_is_the_one_that_was_seen(store: Store) -> None:
    def put(data: bytes, known: bytes | None) -> bool:
        return store.replace("sweeps/a/note.json", data, "application/json", known=known)

    assert not put(b"1", b"0"), "it is missing"
    assert put(b"1", None)
    assert not put(b"2", None), "it is there"
    assert not put(b"2", b"")
    assert not put(b"2", b"10")
    assert put(b"2", b"1")
    assert not put(b"3", b"1")
    assert put(b"", b"2")
    assert put(b"3", b"")
    assert store.get("sweeps/a/note.json") == b"3"


class NotDeleted(AWSResponse):
    """What S3 answers to whoever may delete some objects only; moto denies a request as a whole."""

    content = (
        b"<DeleteResult><Error><Key>a/0</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        b"</DeleteResult>"
    )

    def __init__(self) -> None:
        super().__init__("", 200, HTTPHeaders(), None)


class TestS3:
    @pytest.fixture
    def bucket(self, client: "S3Client", name: str) -> S3Store:
        return S3Store(name, client)

    def test_a_bucket_that_is_gone_is_not_taken_for_an_empty_one(self, client: "S3Client") -> None:
        gone = S3Store("no-such-bucket", client)
        asked: list[Callable[[], Any]] = [
            lambda: gone.get("a"),
            lambda: gone.listed("a"),
            lambda: gone.folders("a"),
            lambda: gone.sizes("a"),
            lambda: gone.delete(["a"]),
            lambda: gone.copy("a", "b", size=1),
            lambda: gone.replace("a", b"", "text/plain", known=None),
            lambda: gone.put_json_if_free("a", {}),
        ]
        for ask in asked:
            with pytest.raises(ClientError, match="NoSuchBucket"):
                ask()

    def test_more_objects_than_a_request_takes_are_deleted_by_several(
        self, bucket: S3Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stepsweep.bucket.stores.DELETED_AT_ONCE", 2)
        for number in range(6):
            bucket.put(f"a/{number}", b"", "text/plain")
        bucket.delete(f"a/{number}" for number in range(5))
        assert list(bucket.listed("")) == ["a/5"]

    @pytest.mark.usefixtures("client")
    def test_an_object_that_may_not_be_deleted_is_named(self, bucket: S3Store) -> None:
        client = s3_client()
        client.meta.events.register("before-send.s3.DeleteObjects", lambda **_: NotDeleted())  # type: ignore[arg-type]
        with pytest.raises(PermissionError, match=r"^a/0 could not be deleted: Access Denied$"):
            S3Store(bucket.name, client).delete(["a/0"])

    def test_a_key_is_taken_once_and_whoever_is_late_is_told(self, bucket: S3Store) -> None:
        assert bucket.put_json_if_free("log/1.json", {"worker": 0})
        assert not bucket.put_json_if_free("log/1.json", {"worker": 1})
        assert bucket.get_json("log/1.json") == {"worker": 0}

    def test_a_copy_is_made_of_what_is_there(
        self, bucket: S3Store, client: "S3Client", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket.put("new/a.pt", b"bytes", "application/x-pt")
        for name, limit in (("small", 6), ("large", 5)):
            monkeypatch.setattr("stepsweep.bucket.s3.COPIED_AT_ONCE", limit)
            assert bucket.copy("new/a.pt", f"kept/{name}", size=5)
            assert not bucket.copy("new/gone.pt", "kept/gone.pt", size=5)
            there = client.get_object(Bucket=bucket.name, Key=f"kept/{name}")
            assert (there["Body"].read(), there["ContentType"]) == (b"bytes", "application/x-pt")
        assert list(bucket.listed("kept/")) == ["kept/large", "kept/small"]

    def test_of_very_many_objects_the_first_are_named(self, bucket: S3Store) -> None:
        for name in ("a", "b", "c"):
            bucket.put(f"new/{name}", b"12", "text/plain")
        assert bucket.sizes("new/", at_most=2) == {"a": 2, "b": 2}

    def test_an_object_keeps_the_type_that_its_writer_named(self, bucket: S3Store, client: "S3Client") -> None:
        bucket.put("a", b"", "text/csv")
        bucket.put_once("b", b"", "text/csv")
        bucket.replace("c", b"", "text/csv", known=None)
        bucket.replace("c", b"1", "text/html", known=b"")
        bucket.put_json("d", {})
        bucket.put_json_once("e", {})
        bucket.put_json_if_free("f", {})
        types = [client.head_object(Bucket=bucket.name, Key=key)["ContentType"] for key in "abcdef"]
        assert types == ["text/csv", "text/csv", "text/html", *["application/json"] * 3]

    def test_a_note_is_kept_as_json(self, bucket: S3Store, client: "S3Client") -> None:
        assert Records(bucket).replace_note("mine", Note(text="best so far", written_at=NOW), mark=Note().mark)
        there = client.head_object(Bucket=bucket.name, Key=keys.note_key("mine"))
        assert there["ContentType"] == "application/json"

    def test_a_document_of_an_earlier_step_that_is_gone_is_named(self, bucket: S3Store) -> None:
        bucket.put_json("a.json", [1])
        assert bucket.written_json("a.json") == [1]
        with pytest.raises(FileNotFoundError, match=r"^b\.json is not in the bucket: it was deleted while"):
            bucket.written_json("b.json")

    def test_a_link_opens_the_object_for_as_long_as_it_was_asked_for(self, bucket: S3Store) -> None:
        bucket.put("sweeps/a/report.html", b"<p>", "text/html")
        link = bucket.signed_link("sweeps/a/report.html", seconds=1234)
        with urllib.request.urlopen(link) as answer:
            assert answer.read() == b"<p>"
        (until,) = parse_qs(urlsplit(link).query)["Expires"]
        assert 1200 < int(until) - time.time() <= 1234


class TestFolder:
    def test_what_is_still_being_written_is_no_object(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "bucket" / "a" / "there", b"1", lasting=False)
        (tmp_path / "bucket" / "a" / f"{UNFINISHED}1").touch()
        store = FolderStore(tmp_path / "bucket")
        assert (list(store.listed("a/")), store.sizes("a/")) == (["a/there"], {"there": 1})

    def test_what_lies_in_a_folder_that_is_a_link_is_not_written_or_read(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "bucket").mkdir()
        (tmp_path / "bucket" / "a").symlink_to(tmp_path / "elsewhere")
        store = FolderStore(tmp_path / "bucket")
        with pytest.raises(InvalidDocument, match=r"^a/note\.json: its folder is a link"):
            store.replace("a/note.json", b"", "text/plain", known=None)
        (tmp_path / "elsewhere" / "note.json").write_text("not for others")
        with pytest.raises(InvalidDocument, match=r"^a/note\.json: its folder is a link"):
            store.save("a/note.json", tmp_path / "saved")
        assert not (tmp_path / "saved").exists()

    def test_a_bucket_whose_own_folder_is_behind_a_link_is_read(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "real" / "bucket" / "a", b"1", lasting=False)
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert FolderStore(tmp_path / "link" / "bucket").get("a") == b"1"

    def test_what_cannot_be_written_is_named_with_the_reason(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("no folder")
        with pytest.raises(OSError, match=r"Not a directory|File exists") as error:
            write_whole(tmp_path / "a" / "b", b"1", lasting=False)
        assert error.value.filename == str(tmp_path / "a" / "b")

    def test_where_a_person_saves_to_is_named_by_its_own_error(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "bucket" / "a", b"1", lasting=False)
        with pytest.raises(FileNotFoundError) as error:
            FolderStore(tmp_path / "bucket").save("a", tmp_path / "missing" / "file")
        assert error.value.filename == str(tmp_path / "missing" / "file")

    def test_a_running_cloud_makes_the_changes_and_files_are_read(
        self, tmp_path: Path, client: "S3Client", name: str
    ) -> None:
        """moto has to know of a change; what it has is not what lies in the folder here."""
        served = S3Store(name, client)
        store = ServedFolderStore(tmp_path / "bucket", served)
        assert store.replace("a", b"1", "text/csv", known=None)
        assert not store.replace("a", b"2", "text/csv", known=b"0")
        assert store.replace("a", b"2", "text/csv", known=b"1")
        assert (served.get("a"), store.get("a")) == (b"2", None)
        assert client.head_object(Bucket=name, Key="a")["ContentType"] == "text/csv"
        store.delete(["a"])
        assert served.get("a") is None
