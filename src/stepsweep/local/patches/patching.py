"""How a patch is applied: a target that moto no longer has is an error, and so is a second patch of the same target."""

import functools
import importlib.metadata
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from stepsweep.contract.errors import SweepError

WRITTEN_FOR = "5.2.5"
"""The version of moto that the patches were written for; pyproject.toml pins the same one."""

_MISSING = object()

_patched: dict[tuple[Any, str], Any] = {}
"""The latest replacement of each target."""


class PatchError(SweepError):
    """A patch does not fit the installed moto, or does not fit the other patches."""


def patch(
    owner: Any, name: str, replacement: Any, *, with_original: bool = False, on_top_of: Callable[..., Any] | None = None
) -> None:
    """Replaces `owner.name`, and keeps it a static method or a class method where it was one.

    Args:
        owner: a module or a class of moto.
        with_original: calls the replacement with what it replaces as its first argument.
        on_top_of: the replacement that an earlier patch put there; the order of the two is the order they need.

    Raises:
        PatchError: the target does not exist, or it is patched already and `on_top_of` is not that patch.
    """
    raw = inspect.getattr_static(owner, name, _MISSING)
    if raw is _MISSING:
        raise PatchError(
            f"{_path(owner, name)} does not exist in moto {importlib.metadata.version('moto')}; "
            f"the embedded cloud was written for moto {WRITTEN_FOR}, so install that version"
        )
    if _patched.get((owner, name)) is not on_top_of:
        state = (
            f"is patched already, with {_patched[owner, name]}" if (owner, name) in _patched else "is not patched yet"
        )
        raise PatchError(f"{_path(owner, name)} {state}; on_top_of has to name the patch that comes first")
    _patched[owner, name] = replacement
    kind = type(raw) if isinstance(raw, staticmethod | classmethod) else None
    original = raw.__func__ if kind else raw
    patched = _given(original, replacement) if with_original else replacement
    setattr(owner, name, kind(patched) if kind else patched)


def add(owner: Any, name: str, value: Any) -> None:
    """Adds `owner.name`, which moto lacks.

    Raises:
        PatchError: moto has it now, so the patch may be out of date.
    """
    if inspect.getattr_static(owner, name, _MISSING) is not _MISSING:
        raise PatchError(f"{_path(owner, name)} exists already, so the embedded cloud must not add it")
    _patched[owner, name] = value
    setattr(owner, name, value)


def add_path(urls: ModuleType, path: str, handler: Callable[..., Any]) -> None:
    """Adds a path of an API, which moto lacks.

    Raises:
        PatchError: moto has it now, so the patch may be out of date.
    """
    if path in urls.url_paths:
        raise PatchError(f"{urls.__name__} has {path} already, so the embedded cloud must not add it")
    urls.url_paths[path] = handler


def _given(original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    return patched


def _path(owner: Any, name: str) -> str:
    return f"{owner.__name__ if isinstance(owner, ModuleType) else f'{owner.__module__}.{owner.__qualname__}'}.{name}"
