"""Artifacts as one file for a browser."""

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from stepsweep.bucket.disk import told
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.download import NoRoom, download
from stepsweep.contract.errors import InvalidInput


class Copies:
    """Folders of files that are being sent. Those that are left when the server ends go with it."""

    def __init__(self) -> None:
        self._there: set[tempfile.TemporaryDirectory[str]] = set()

    def make(self) -> "tempfile.TemporaryDirectory[str]":
        made = tempfile.TemporaryDirectory(prefix="sweep-files-", ignore_cleanup_errors=True)
        self._there.add(made)
        return made

    def remove(self, made: "tempfile.TemporaryDirectory[str]") -> None:
        made.cleanup()
        self._there.discard(made)

    def remove_all(self) -> None:
        for each in [*self._there]:
            self.remove(each)


def zipped(cloud: Cloud, sweep: str, words: Sequence[str], copies: Copies) -> FileResponse:
    """Returns the answer with the files that `sweep download` would get; it deletes its own copy when it is sent.

    Raises:
        InvalidInput, CloudError: as `download`; or its own copy cannot be made.
    """
    command = " ".join(["sweep download", sweep, *words]) + cloud.where
    remedy = f"`{command}` makes no further copy; or start `sweep ui` with TMPDIR in the shell, a folder with more room"
    try:
        return _zipped(cloud, sweep, words, copies)
    except NoRoom as error:
        raise InvalidInput([f"{error.faults[0]}; {remedy}"]) from None
    except _NotPacked as error:
        raise CloudError(f"the files of {sweep} cannot be packed: {error}; {remedy}") from error


class _NotPacked(Exception):
    """The disk refuses the copy; the message is as the disk was then."""


def _zipped(cloud: Cloud, sweep: str, words: Sequence[str], copies: Copies) -> FileResponse:
    """Returns the files, not compressed: models hardly get smaller."""
    try:
        scratch = copies.make()
    except OSError as error:
        raise _NotPacked(told(error, Path.cwd())) from error
    try:
        archive = Path(scratch.name, "files.zip")
        made = download(cloud, sweep, words, folder=Path(scratch.name, "files"))
        title = f"{sweep}-{made.trials[0]}" if words else sweep
        with zipfile.ZipFile(archive, "w") as target:
            for name in made.files:
                target.write(made.folder / name, Path(title, name))
                (made.folder / name).unlink()  # so that it takes the room once
    except OSError as error:
        why = told(error, Path(scratch.name))
        copies.remove(scratch)
        raise _NotPacked(why) from error
    except BaseException:
        copies.remove(scratch)
        raise
    sent = BackgroundTask(copies.remove, scratch)
    return FileResponse(archive, media_type="application/zip", filename=f"{title}.zip", background=sent)
