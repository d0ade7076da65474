"""Where a trial's checkpoint and results go: what the training asks of a store, and files for a run by hand."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stepsweep.contract.errors import SweepError


class StoreError(SweepError):
    """A read or write failed; the message says which and why."""


class Store(Protocol):
    """The storage of one trial."""

    @property
    def results(self) -> str:
        """The place of the CSV, for people."""

    @property
    def checkpoint(self) -> str | None:
        """The place of the checkpoint, for people; None if this trial keeps none."""

    def finished(self) -> bool:
        """Whether the results exist, so that nothing is left to do."""

    def load_checkpoint(self) -> bytes | None:
        """Returns the latest checkpoint; None if there is none."""

    def save_checkpoint(self, data: bytes) -> None:
        """Replaces the checkpoint atomically: a reader gets the complete old or new one."""

    def show_live(self, metrics: bytes) -> None:
        """Replaces the rows for live progress. The training never reads them."""

    def end_if_worse(self, metrics: bytes) -> str:
        """Records that the sweep's median rule ends the trial here, and returns a sentence about it; empty if not."""

    def write_results(self, metrics: bytes, summary: Mapping[str, Any]) -> str:
        """Writes the CSV atomically, and returns a sentence about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStore:
    """The store of a trial run by hand: a CSV, and a checkpoint if the person named a file for it."""

    output: Path
    checkpoint_file: Path | None

    @property
    def results(self) -> str:
        return str(self.output)

    @property
    def checkpoint(self) -> str | None:
        return str(self.checkpoint_file) if self.checkpoint_file else None

    def finished(self) -> bool:
        return False  # repeating a command by hand trains again

    def load_checkpoint(self) -> bytes | None:
        try:
            return self.checkpoint_file.read_bytes() if self.checkpoint_file else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {self.checkpoint_file}: {error.strerror}") from None

    def save_checkpoint(self, data: bytes) -> None:
        if self.checkpoint_file:
            _write(self.checkpoint_file, data)

    def show_live(self, metrics: bytes) -> None:
        """Does nothing: a person who runs it by hand reads its output."""

    def end_if_worse(self, metrics: bytes) -> str:  # noqa: ARG002  a sweep's only
        return ""

    def write_results(self, metrics: bytes, summary: Mapping[str, Any]) -> str:  # noqa: ARG002  a job's only
        replaced = self.output.exists()
        _write(self.output, metrics)
        return f"wrote {self.output}" + (", in place of the file that was there" if replaced else "")


def _write(path: Path, data: bytes) -> None:
    """Replaces a file atomically, even if the machine crashes. Writes into what is no file, such as /dev/stdout."""
    target = path.resolve()  # a link stays one
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    finally:
        scratch.unlink(missing_ok=True)
