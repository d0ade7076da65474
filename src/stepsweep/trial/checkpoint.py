"""The checkpoint folder: filled from S3 before the script starts, and saved there while it trains.

A version is one object, a tar that one request replaces. A reader finds the files of one moment, with the metrics of
that moment, or the version before. A version is made only of a folder in which nothing changes any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlparse

from stepsweep.trial.packing import Damaged, pack, unpack
from stepsweep.trial.sources import InDoubt

POLL_SECONDS = 2.0
"""Files that are the same for this long, and that nobody has open for writing, are whole."""
OPEN_SECONDS = 30.0
"""After this long without a change, a file that is open counts as whole too: loggers keep theirs open."""
PAUSE_SECONDS = 5.0
TRIES = 3

Scan = dict[str, tuple[int, int, int]]


_NONE = object()
"""There is no version. The state of one may be anything."""


def version(epochs: int | None) -> str:
    """Returns the name of the version of a training for so many epochs.

    Each has its own: a script may do other things in epoch 2 of 3 than in epoch 2 of 90, as a schedule of the learning
    rate does, and its files after 90 epochs are no result of 3.
    """
    return "checkpoint.tar" if epochs is None else f"checkpoint-e{epochs}.tar"


class NotLoaded(Exception):
    """S3 does not give the checkpoint, so this attempt must not start: it would train from scratch and replace it."""


class _Changed(Exception):
    """A file changed while the version was made."""


class Checkpoint:
    """Keeps a folder in S3.

    Args:
        folder: where the script writes; it exists and is empty.
        prefix: `s3://bucket/prefix/`; the version is there.
        epochs: how many the trial trains; None by hand.
        below: the epochs of the rungs below, whose versions it may begin with.
        client: boto3's client for S3.
        state: returns what belongs to the files, as JSON can hold it.
        tell: prints a line of the kit.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        client: Any,
        state: Callable[[], Any],
        tell: Callable[[str], None],
        *,
        epochs: int | None = None,
        below: Sequence[int] = (),
    ) -> None:
        self._folder, self._client, self._state, self._print = folder, client, state, tell
        self._uri, *self._uris_below = [prefix + version(each) for each in (epochs, *sorted(below, reverse=True))]
        self._saved: Scan = {}
        self._whole: Scan = {}
        self._wake, self._ended, self._hurry = threading.Event(), threading.Event(), False
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._faults: set[str] = set()

    def load(self) -> Any:
        """Fills the folder, and returns the state that was saved with its files; None where there is no checkpoint.

        One that is damaged is passed over: no attempt could ever read it.

        Raises:
            NotLoaded: S3 does not answer, or does not allow it, or the disk fails.
        """
        for uri in (self._uri, *self._uris_below):
            if (state := self._loaded(uri)) is not _NONE:
                return state
        if self._faults:
            self._print("starts from the first epoch")
        return None

    def _loaded(self, uri: str) -> Any:
        bucket, key = _place(uri)
        for attempt in range(1, TRIES + 1):
            try:
                body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
                state = unpack(body, self._folder)
            except self._client.exceptions.NoSuchKey:
                return _NONE
            except Exception as error:  # noqa: BLE001  botocore's errors have no common root
                is_last = attempt == TRIES
                if is_last and not isinstance(error, Damaged):
                    raise NotLoaded(f"cannot read {uri}: {error}") from None
                shutil.rmtree(self._folder)
                self._folder.mkdir()
                if is_last:
                    self._tell(f"{uri} is damaged, and not used: {error}")
            else:
                self._saved = _scan(self._folder)
                print(f"stepsweep-trial: goes on from {uri}: {_files(self._saved)}", flush=True)
                return state
        return _NONE

    def start(self) -> None:
        """Saves from now on, in a thread."""
        self._watcher.start()

    def hurry(self) -> None:
        """Saves what is whole at once: SIGTERM came."""
        self._hurry = True
        self._wake.set()

    def finish(self, *, completed: bool) -> None:
        """Saves the last version.

        Args:
            completed: the script ended as it should, so that its files are whole. What it wrote when it failed, or a
                signal ended it, is saved only where it was whole before.
        """
        self._ended.set()
        self._wake.set()
        self._watcher.join()
        now = _scan(self._folder)
        if not now or now == self._saved:
            return
        if completed or now == self._whole:
            self._save(now)
        else:
            before = "the version before stays" if self._saved else "there is no version before"
            self._tell(
                "the script failed, or was killed, soon after it wrote to its checkpoint folder; these files may be "
                f"incomplete and are not kept; {before}"
            )

    def _watch(self) -> None:
        before: Scan = {}
        changed_at = next_at = time.monotonic()
        while True:
            self._wake.wait(POLL_SECONDS / 4 if self._hurry else POLL_SECONDS)
            if self._ended.is_set():
                return
            self._wake.clear()
            now, at = _scan(self._folder), time.monotonic()
            if now != before:
                before, changed_at = now, at
                continue
            if not now or now == self._saved or at - changed_at < POLL_SECONDS / 4:
                continue
            if at - changed_at < OPEN_SECONDS and _open_for_writing(self._folder):
                continue
            self._whole = now
            if at >= next_at or self._hurry:
                self._save(now)
                # At most half of the time goes into saving.
                next_at = time.monotonic() + max(PAUSE_SECONDS, time.monotonic() - at)

    def _save(self, now: Scan) -> None:
        try:
            self._send(now)
        except _Changed:
            return
        except InDoubt:
            self._tell("an epoch ended after the script was told to: it may be a part of one; the version before stays")
            return
        except Exception as error:  # noqa: BLE001  a fault of the network must not cost the training
            self._tell(f"cannot write {self._uri}: {error}")
            return
        self._saved = now

    def _send(self, now: Scan) -> None:
        from boto3.s3.transfer import TransferConfig

        state = json.dumps(self._state()).encode()
        read_end, write_end = os.pipe()
        faults: list[Exception] = []
        packer = threading.Thread(target=pack, args=(self._folder, state, write_end, faults), daemon=True)
        with os.fdopen(read_end, "rb") as source:
            packer.start()

            def check() -> None:
                packer.join()
                if _scan(self._folder) != now:
                    raise _Changed
                if faults:
                    raise faults[0]

            try:
                bucket, key = _place(self._uri)
                self._client.upload_fileobj(
                    _Source(source, check), bucket, key, Config=TransferConfig(max_concurrency=2)
                )
            finally:
                source.close()
                packer.join()

    def _tell(self, text: str) -> None:
        if text not in self._faults:
            self._faults.add(text)
            self._print(text)


class _Source:
    """The tar as boto3 reads it; its last read raises when a file has changed, so that nothing is written."""

    def __init__(self, source: IO[bytes], check: Callable[[], None]) -> None:
        self._source, self._check = source, check

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        if size < 0 or len(data) < size:
            self._check()
        return data


def _place(uri: str) -> tuple[str, str]:
    """Returns the bucket and the key."""
    place = urlparse(uri)
    return place.netloc, place.path[1:]


def _scan(folder: Path) -> Scan:
    found: Scan = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)  # noqa: PTH118  thousands of files, every two seconds
            try:
                stat = os.lstat(path)
            except OSError:  # gone, or a disk's fault, which packing it tells
                continue
            found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def _open_for_writing(folder: Path) -> bool:
    """Returns whether any process has a file of the folder open for writing; False where there is no `/proc`."""
    inside = os.path.realpath(folder) + os.sep
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or one that has ended
            if any(_is_for_writing(process, descriptor, inside) for descriptor in os.listdir(process / "fd")):  # noqa: PTH208
                return True
    return False


def _is_for_writing(process: Path, descriptor: str, inside: str) -> bool:
    try:
        if not os.readlink(process / "fd" / descriptor).startswith(inside):  # noqa: PTH115  its text, not a path
            return False
        flags = re.search(r"^flags:\s*(\d+)", (process / "fdinfo" / descriptor).read_text(), re.MULTILINE)
    except OSError:  # closed meanwhile, as a training does all the time; its other files may be open
        return False
    return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _files(scan: Scan) -> str:
    return f"{len(scan)} file{'' if len(scan) == 1 else 's'}"
