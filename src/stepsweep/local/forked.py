"""A forked process that becomes a Python program, and ends as one."""

import atexit
import contextlib
import gc
import io
import os
import runpy
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NoReturn

from stepsweep.local.preload import BARE

EMPTY: Mapping[str, ModuleType] = MappingProxyType({})

FLUSH_FAILED = 120
"""Python's exit status when its last output cannot be written."""


def become(request: dict[str, Any], modules: Mapping[str, ModuleType] = EMPTY) -> NoReturn:
    """Runs `python -m module …` or `python -S -P file …` in this forked process, with the environment and search path
    of a new one.

    Args:
        modules: that it has imported already, by name.
    """
    old_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(request["env"])
    is_module = request["argv"][1] == "-m"
    new_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    new_path = [str(Path.cwd()), *new_path] if is_module else new_path
    sys.path[:] = [*new_path, *(entry for entry in sys.path if entry not in old_path)]
    sys.path_importer_cache.clear()
    sys.modules.update(modules)
    tempfile.tempdir = None  # the host's own, if it has looked
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False  # it belongs to the parent: torch has 144 of them
    if os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)
    sys.argv = request["argv"][2 if is_module else 1 + len(BARE) :]
    try:
        if is_module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except KeyboardInterrupt:  # the interpreter ends the process by the signal
        raise
    except SystemExit as leaving:
        leave(_status_of(leaving))
    except BaseException as error:  # noqa: BLE001  as the interpreter does it, without this file's line in the traceback
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        leave(1)
    leave(0)


def _status_of(leaving: SystemExit) -> int:
    """Returns the exit status for `sys.exit(code)`, and prints a code that is a message."""
    if leaving.code is None or isinstance(leaving.code, int):
        return (leaving.code or 0) & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def leave(status: int, *, closes_its_files: bool = False) -> NoReturn:
    """Ends this process as the interpreter does, but without tearing down modules.

    The teardown takes a third of a second with moto. In a forked job with torch it takes 0.7 s of CPU, since it
    copies the parent's memory. https://docs.python.org/3/c-api/init.html#c.Py_FinalizeEx

    Args:
        closes_its_files: whether the program closes its files, so that there are none to flush.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as `multiprocessing` does it
    atexit._run_exitfuncs()
    if not closes_its_files:
        _write_out_open_files()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:
            status = status or FLUSH_FAILED
    os._exit(status)


def _write_out_open_files() -> None:
    """Flushes files that are still open, which the teardown of modules would do."""
    gc.collect()  # only the program's own objects; all others are frozen
    # By type, since `isinstance` would resolve a weak proxy, whose object may be gone.
    held = [thing for thing in gc.get_objects() if issubclass(type(thing), io.TextIOBase | io.BufferedIOBase)]
    for file in sorted(held, key=lambda thing: isinstance(thing, io.BufferedIOBase)):  # texts into their buffers first
        with contextlib.suppress(OSError, ValueError):
            file.flush()
