"""Modules that a host imports once for many processes."""

import contextlib
import functools
import gc
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from stepsweep.local.host_answers import said

BARE = ("-S", "-P")
"""Options of a Python that can import only the standard library."""

FORK_IS_SAFE = sys.platform == "linux"
"""On macOS a forked process may not use the system libraries, so there every job is a new process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preload:
    """The modules that a host imports once for several processes.

    Attributes:
        root: the folder of an image's files; empty for none.
        path: folders in `root` that may hold some of the modules. They are imported from a copy, and each process
            imports these again from its own files: what they import stays.
        handler: a module that the host imports from a package without its process's environment, with all that this
            imports there, for the processes with this package alone; empty for none.
        package: the folder of the package. Nothing may write to it.
    """

    modules: tuple[str, ...] = ()
    root: str = ""
    path: tuple[str, ...] = ()
    handler: str = ""
    package: str = ""


def preload(asked: dict[str, Any]) -> None:
    """Imports modules, and keeps the garbage collector off all objects. A collection writes to every object it
    visits, and a fork must copy each page that it writes to. Without the collector, importing also takes a seventh
    less time."""
    handler, package = asked["handler"], _packages.get(asked["package"], {})
    if not _preloaded >= set(asked["modules"]) or (handler and handler not in package):
        gc.disable()
        try:
            with _a_copy_to_import_from(asked):
                for module in asked["modules"]:
                    try:
                        importlib.import_module(module)
                    except (Exception, SystemExit) as error:  # noqa: BLE001  a module may raise anything
                        why = f"cannot import {module}, which the image's label stepsweep.preload names"
                        raise RuntimeError(f"{why}: {said(error)}") from None
                if module.endswith(".__main__"):
                    del sys.modules[module]  # each process runs it itself, and runpy warns of one that is imported
            if "boto3" in asked["modules"] and "boto3" not in _preloaded:
                share_what_botocore_reads()
            if handler:
                _packages[asked["package"]] = package | _of_package(asked["package"], handler, package)
        finally:
            gc.enable()
        gc.collect()
        gc.freeze()
        _preloaded.update(asked["modules"])


_preloaded: set[str] = set()

_packages: dict[str, dict[str, ModuleType]] = {}
"""The modules of each package that processes here have in common: its folder → its modules by name."""


def in_common(package: str) -> Mapping[str, ModuleType]:
    """Returns the modules of a package's folder that are imported already, by name."""
    return _packages.get(package, {})


def _of_package(folder: str, handler: str, known: dict[str, ModuleType]) -> dict[str, ModuleType]:
    """Imports a module from a package, and returns it with all that it imported from there.

    This process forgets them again: another package may have modules of the same names. If the import fails, the
    process that needs the module fails in the same way, and says so.
    """
    before = [*sys.path]
    sys.modules.update(known)
    sys.path.insert(0, folder)
    try:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(handler)
        files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
        own = {name: sys.modules[name] for name, file in files.items() if file.startswith(f"{folder}/")}
        for name in own:
            del sys.modules[name]
        return own if handler in own else {}
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def _a_copy_to_import_from(asked: dict[str, Any]) -> Iterator[None]:
    """Puts a trainer's own modules on the search path, and forgets them afterwards.

    They could keep the path of their file to write beside it, so each job must import its own copy. What remains are
    the libraries that they have imported.
    """
    places = [Path(place) for place in asked["path"]]
    tops = {module.partition(".")[0] for module in asked["modules"]}
    if not any((place / name).exists() for place in places for top in tops for name in (top, f"{top}.py")):
        yield
        return
    before, folder = [*sys.path], Path.cwd()
    scratch = Path(tempfile.mkdtemp(prefix="sweep-"))
    try:
        root = shutil.copytree(asked["root"], scratch / "root", symlinks=True)
        own = [root / place.relative_to(asked["root"]) for place in places]
        sys.path[:0] = [str(place) for place in own]
        os.chdir(own[0])
        yield
    finally:
        os.chdir(folder)
        sys.path[:] = before
        for name, module in list(sys.modules.items()):
            if any(str(scratch) in str(place) for place in (getattr(module, "__file__", None), *_paths_of(module))):
                del sys.modules[name]
        shutil.rmtree(scratch, ignore_errors=True)


def _paths_of(module: object) -> list[str]:
    return [*getattr(module, "__path__", ())]


def share_what_botocore_reads(of: Any = None) -> None:
    """Makes all botocore sessions of this process and its forks share parsed API models and event handlers. That
    saves almost every process an eighth of a second, for a client of S3.

    Args:
        of: the botocore session that reads them; by default a new one.
    """
    from botocore import hooks, session

    session.create_loader = functools.cache(session.create_loader)
    hooks.accepts_kwargs = functools.lru_cache(maxsize=1_000)(hooks.accepts_kwargs)
    # All sessions have the same aliases: botocore's own.
    alias = hooks.EventAliaser._alias_event_name  # type: ignore[attr-defined]
    known: dict[str, str] = {}

    def alias_once(aliaser: Any, name: str) -> str:
        if name not in known:
            known[name] = alias(aliaser, name)
        return known[name]

    hooks.EventAliaser._alias_event_name = alias_once  # type: ignore[attr-defined]
    (of or session.Session()).create_client(
        "s3",
        "us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nobody",  # noqa: S106
    )


def is_fork(request: dict[str, Any]) -> bool:
    if not request["preload"]["modules"] or not FORK_IS_SAFE:
        return False
    argv: list[str] = request["argv"]
    return argv[:2] == [sys.executable, "-m"] or argv[:3] == [sys.executable, *BARE]
