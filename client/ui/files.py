"""Artifacts as one file for a browser."""

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.operations.download import download


def zipped(cloud: Cloud, sweep: str, words: Sequence[str] = ()) -> FileResponse:
    """Returns the answer with the files that `sweep download` would get; it deletes its own copy when it is sent.

    The files are not compressed: models hardly get smaller.

    Raises:
        InvalidInput, CloudError: as `download`.
    """
    scratch = tempfile.TemporaryDirectory(prefix="sweep-files-", ignore_cleanup_errors=True)
    try:
        archive = Path(scratch.name, "files.zip")
        made = download(cloud, sweep, words, folder=Path(scratch.name, "files"))
        title = f"{sweep}-{made.trials[0]}" if words else sweep
        with zipfile.ZipFile(archive, "w") as target:
            for name in made.files:
                target.write(made.folder / name, Path(title, name))
                (made.folder / name).unlink()  # so that it takes the room once
    except BaseException:
        scratch.cleanup()
        raise
    return FileResponse(
        archive, media_type="application/zip", filename=f"{title}.zip", background=BackgroundTask(scratch.cleanup)
    )
