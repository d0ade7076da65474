"""Objects."""

import contextlib
import resource
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.probes.world import World, outcome, probe

BUSY_SECONDS = 60
"""How late a request may come on a busy machine."""


@probe
def where_an_object_is(world: World) -> Any:
    from moto.s3.models import s3_backends

    world.client("s3").put_object(Bucket=world.bucket(), Key="a/b", Body=b"bytes")
    key = s3_backends["123456789012"]["aws"].buckets[world.bucket()].keys["a/b"]
    key._value_buffer.seek(0)
    return "memory" if key._value_buffer.read() == b"bytes" else "elsewhere"


@probe
def put_on_a_full_disk(world: World) -> Any:
    """The status and the code of a put when no file may have a byte, and whether the object is there afterwards."""
    world.bucket()
    once = world.client("s3", Config(retries={"total_max_attempts": 1}))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        once.put_object(Bucket=world.bucket(), Key="full", Body=b"bytes")
        said: list[Any] = [200, ""]
    except ClientError as error:
        said = [error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    return [*said, once.list_objects_v2(Bucket=world.bucket(), Prefix="full")["KeyCount"]]


@probe
def conditional_puts_at_the_same_moment(world: World) -> list[Any]:
    """The statuses of two puts that both say If-None-Match, the second one coming while the first is at work: once of
    bytes alone, and once of bytes with metadata."""
    put = partial(world.client("s3").put_object, Bucket=world.bucket(), IfNoneMatch="*")
    # In the embedded cloud the second one does not come while the first is at work, which only time can tell.
    seconds = BUSY_SECONDS if world.is_plain else 2
    return [
        _two_at_once(partial(put, Key="once"), {"Body": b"first"}, {"Body": b"second"}, seconds=seconds),
        _two_at_once(
            partial(put, Key="twice", Metadata={"a": "1"}), {"Body": b"first"}, {"Body": b"second"}, seconds=seconds
        ),
    ]


@probe
def puts_of_two_keys_at_the_same_moment(world: World) -> list[Any]:
    """Their statuses, and whether both were at work at once."""
    put = partial(world.client("s3").put_object, Bucket=world.bucket(), Body=b"")
    return [
        _two_at_once(put, {"Key": "one"}, {"Key": "other"}),
        _two_at_once(partial(put, Metadata={"a": "1"}), {"Key": "one"}, {"Key": "other"}),
    ]


@probe
def gets_while_the_object_is_replaced(world: World) -> list[Any]:
    """The length that each answer says and its bytes, of one get by the shortest way and one of a range. Each is asked
    for when the new bytes have their file, where there is one, and the put goes on when it has read that."""
    from stepsweep.local.patches import s3 as module

    patches: Any = module
    # An answer whose length is wrong must not wait for more.
    once = Config(retries={"total_max_attempts": 1}, read_timeout=5, response_checksum_validation="when_required")
    s3, bucket = world.client("s3", once), world.bucket()
    write_whole, opened = patches.write_whole, patches.opened
    told = []
    for key, more in (("replaced-1", {}), ("replaced-2", {"Range": "bytes=0-99"})):
        s3.put_object(Bucket=bucket, Key=key, Body=b"before")
        is_written, is_read = threading.Event(), threading.Event()

        def write(*args: Any, is_written: Any = is_written, is_read: Any = is_read, **kwargs: Any) -> None:
            write_whole(*args, **kwargs)
            is_written.set()
            # In the embedded cloud nobody reads meanwhile, which only time can tell.
            is_read.wait(1)

        def read(*args: Any, is_read: Any = is_read) -> Any:
            stream = opened(*args)
            is_read.set()
            return stream

        def put(key: str = key, is_written: Any = is_written) -> None:
            s3.put_object(Bucket=bucket, Key=key, Body=b"and afterwards")
            is_written.set()

        patches.write_whole, patches.opened = write, read
        try:
            writer = threading.Thread(target=put)
            writer.start()
            is_written.wait()
            answer = s3.get_object(Bucket=bucket, Key=key, **more)
            told.append([answer["ContentLength"], outcome(lambda body=answer["Body"]: body.read().decode())])  # type: ignore[misc]
            writer.join()
        finally:
            patches.write_whole, patches.opened = write_whole, opened
    return told


def _two_at_once(put: Callable[..., Any], *which: dict[str, Any], seconds: float = BUSY_SECONDS) -> dict[str, Any]:
    """Returns the statuses of two puts, each of which waits until both are at work, and whether they were."""
    from moto.s3.models import S3Backend

    both = threading.Barrier(2)
    put_object = S3Backend.put_object

    def put_when_both_are_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(seconds)
        return put_object(self, *args, **kwargs)

    statuses: list[int] = []

    def one(arguments: dict[str, Any]) -> None:
        try:
            statuses.append(put(**arguments)["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            statuses.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    S3Backend.put_object = put_when_both_are_here
    try:
        threads = [threading.Thread(target=one, args=(arguments,)) for arguments in which]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        S3Backend.put_object = put_object
    return {"statuses": sorted(statuses), "at once": not both.broken}
