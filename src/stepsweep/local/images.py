"""Images without Docker: what `docker run` would start, in a copy of the files that the Dockerfile copies."""

import compileall
import json
import os
import posixpath
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from stepsweep.local import written_paths
from stepsweep.local.image_files import built
from stepsweep.local.preload import Preload
from stepsweep.local.stages import Stage, last_stage
from stepsweep.trainer_script import DATA_LABEL

KIT = "stepsweep-trial"
"""The program that runs a script as a trial."""

KITS_MODULES = ("boto3", "stepsweep.trial.__main__")
"""What the kit imports. The script runs in a process of its own, so no label of its image is needed."""

PRELOAD_LABEL = "stepsweep.preload"
"""Label of an image with the modules to import once for all trials."""

CHECK_LABEL = "stepsweep.check"
"""Label of an image with the command that checks trials before they start; local/checks.py runs it."""

_PYTHON = re.compile(r"python(3(\.\d+)?)?")

_PATHS = re.compile(r"([^/=]*=|)(/.*)", re.DOTALL)

OPTIONS_ARE_DROPPED = (
    "the trainer's Dockerfile: its ENTRYPOINT must be a JSON list, or options of a trial are dropped; write "
    'it as ENTRYPOINT ["python", "train.py"]'
)

_CONDA = ("conda", "mamba", "micromamba")

_CONDA_VALUES = ("-n", "--name", "-p", "--prefix", "--cwd")
"""Options of `conda run` that take the next word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image, as far as running its containers needs it.

    Attributes:
        tag: its asset's hash.
        folder: the image's files, with their paths in the image below it; each attempt has a copy.
        workdir: the working folder, an absolute path in the image.
        command: the default command after the entrypoint, if a job has none.
        preload: the modules to import once for all jobs.
        check: the command that checks trials; empty if there is none.
        not_copied: files that the entrypoint names, and that the build context has, but not the image.
    """

    tag: str
    folder: Path
    workdir: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    preload: Preload
    check: tuple[str, ...] = ()
    not_copied: tuple[str, ...] = ()

    def argv(self, command: Sequence[str], root: Path) -> list[str]:
        """Returns the command line for a job's `command`; empty if neither the image nor the job has a command.

        Args:
            root: the copy of the image's files that the job has.
        """
        return self.argv_of([*self.entrypoint, *(command or self.command)], root)

    def argv_of(self, words: Sequence[str], root: Path) -> list[str]:
        """Converts a command of the image for this machine: it uses this Python, and the files in `root`."""
        program, *options = _without_conda(words) or [""]
        options = [self._placed(word, root) for word in options]
        is_a_file_of_its_own = "/" in program and (not program.startswith("/") or self._has(program))
        name = posixpath.basename(program)
        if not is_a_file_of_its_own and name == KIT:
            return [sys.executable, "-m", "stepsweep.trial", *options]
        if not is_a_file_of_its_own and _PYTHON.fullmatch(name):
            return [sys.executable, *options]
        return [self._placed(program, root), *options] if program else []

    def environment_in(self, root: Path, around: Mapping[str, str]) -> dict[str, str]:
        """Returns the variables of a job whose files are in `root`: the image's, and those around it, which win.

        Args:
            around: variables that this machine gives the job, PATH among them. Before it come the folders of the
                image's own PATH that the image has, and before PYTHONPATH those of its own.
        """
        found = {name: self._placed(value, root) for name, value in self.environment.items()}
        own = [part for part in self.environment.get("PATH", "").split(":") if part.startswith("/") and self._has(part)]
        programs = os.pathsep.join([*(self._placed(part, root) for part in own), around["PATH"]])
        modules = os.pathsep.join(filter(None, (each.get("PYTHONPATH") for each in (found, around))))
        return {**found, **around, "PATH": programs, **({"PYTHONPATH": modules} if modules else {})}

    def folder_in(self, root: Path) -> Path:
        """Returns the working folder of a job whose files are in `root`."""
        return root / self.workdir.lstrip("/")

    @property
    def faults(self) -> list[str]:
        """Returns why no trial can run: its options do not reach the program, or the program is not in the image."""
        is_a_shells = len(self.entrypoint) == 3 and self.entrypoint[0].endswith("sh") and self.entrypoint[1] == "-c"
        if not self.entrypoint or is_a_shells:
            return [OPTIONS_ARE_DROPPED]
        return [
            f"the trainer's Dockerfile: it copies {name} nowhere that the command looks; the working folder is "
            f"{self.workdir}. Add: COPY {name} ."
            for name in self.not_copied
        ]

    @property
    def faults_of_processes(self) -> list[str]:
        """Returns what its entry scripts expect of a container, and find not, or something else, on this machine."""
        here = self.folder_in(self.folder)
        scripts = {self.folder / word[1:] if word.startswith("/") else here / word for word in self.entrypoint if word}
        lines = {
            (script.name, path): number
            for script in sorted(scripts)
            if script.is_file()
            for number, path in written_paths.of_an_image(script)
            if self._has(path)
        }
        return [
            f"the trainer's {name}, line {number}: {path} is a path of the image, and trials on this machine run in "
            f"copies of its files elsewhere; start from the working folder, which is {self.workdir} in the image, "
            'or from "$(dirname "$0")", or run the sweep with --container'
            for (name, path), number in lines.items()
        ]

    def _placed(self, word: str, root: Path) -> str:
        """Returns a word with the paths of the image's files in it replaced by those in `root`.

        A word can be a path, `name=PATH`, or several paths with colons between them.
        """
        split = _PATHS.fullmatch(word)
        if not split:
            return word
        parts = [f"{root}{part}" if self._is_inside(part) else part for part in split[2].split(":")]
        return split[1] + ":".join(parts)

    def _is_inside(self, path: str) -> bool:
        """Whether the image has the file, or the folder in which a job would create it."""
        if not path.startswith("/") or not path.strip("/"):
            return False
        first = path.strip("/").split("/")[0]
        return self._has(path) or (self._has(f"/{first}") and not os.path.lexists(path))

    def _has(self, path: str) -> bool:
        return path.strip("/") != "" and os.path.lexists(self.folder / posixpath.normpath(path).lstrip("/"))


def images_of(assembly: Path, stack: str) -> dict[str, Image]:
    """Returns the images of a synthesized stack by their asset's hash, which is the image's tag.

    Raises:
        InvalidInput: a Dockerfile breaks a rule.
    """
    return {
        tag: _image(tag, stage, context, _folder(assembly, tag)) for tag, stage, context in _stages(assembly, stack)
    }


def build_images(assembly: Path, stack: str) -> list[str]:
    """Makes the folders of the files of a stack's images, and returns what people should know about them.

    Raises:
        InvalidInput: a Dockerfile breaks a rule, or copies a file that is missing.
    """
    notes = []
    for tag, stage, context in _stages(assembly, stack):
        folder = _folder(assembly, tag)
        notes += built(stage, context, folder)
        for name in map(unquote, stage.labels.get(DATA_LABEL, "").split()):
            place = folder / stage.workdir.lstrip("/") / name
            if not os.path.lexists(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to((context / name).readlink())
        # Images tell Python to write no bytecode, so each trial would compile the modules.
        compileall.compile_dir(folder, quiet=2)
    return notes


def _folder(assembly: Path, tag: str) -> Path:
    return assembly / f"image.{tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an image is built from.

    Attributes:
        tag: its asset's hash.
        context: the folder of its files.
        platform: such as `linux/amd64`; empty for this machine's.
    """

    tag: str
    context: Path
    dockerfile: Path
    platform: str


def sources_of(assembly: Path, stack: str) -> Iterator[Source]:
    """Yields what each image of a synthesized stack is built from."""
    manifest = json.loads((assembly / f"{stack}.assets.json").read_bytes())
    for tag, asset in manifest.get("dockerImages", {}).items():
        source = asset["source"]
        context = (assembly / source["directory"]).resolve()
        yield Source(
            tag=tag,
            context=context,
            dockerfile=context / source.get("dockerFile", "Dockerfile"),
            platform=source.get("platform", ""),
        )


def _stages(assembly: Path, stack: str) -> Iterator[tuple[str, Stage, Path]]:
    """Yields tag, last stage and build context of each image."""
    for source in sources_of(assembly, stack):
        text = source.dockerfile.read_text(encoding="utf-8", errors="replace")
        yield source.tag, last_stage(text), source.context


def _image(tag: str, stage: Stage, context: Path, folder: Path) -> Image:
    folder = folder.resolve()
    places = [stage.workdir, *stage.environment.get("PYTHONPATH", "").split(":")]
    image = Image(
        tag=tag,
        folder=folder,
        workdir=stage.workdir,
        entrypoint=stage.entrypoint,
        command=stage.command,
        environment=stage.environment,
        preload=Preload(
            modules=_modules_of(stage),
            root=str(folder),
            path=tuple(str(folder / place.lstrip("/")) for place in places if place.startswith("/")),
        ),
        check=_words_of(stage, CHECK_LABEL),
    )
    return replace(image, not_copied=tuple(_not_copied(image, context)))


def _modules_of(stage: Stage) -> tuple[str, ...]:
    """Returns the modules to import once for all jobs: those of the kit, or those that the image's label names."""
    program, *_ = _without_conda(stage.entrypoint) or [""]
    return KITS_MODULES if posixpath.basename(program) == KIT else _words_of(stage, PRELOAD_LABEL)


def _words_of(stage: Stage, label: str) -> tuple[str, ...]:
    return tuple(shlex.split(stage.labels.get(label, "")))


def _not_copied(image: Image, context: Path) -> Iterator[str]:
    words = image.entrypoint
    here = image.folder_in(image.folder)
    for before, word in zip(("", *words), words, strict=False):
        if before == "-m":
            module = word.split(".")[0]
            names = (f"{module}.py", module)
            if not any(Path(place, name).exists() for place in image.preload.path for name in names):
                yield from (name for name in names if (context / name).exists())
        elif word and not word.startswith(("/", "-")) and (context / word).is_file() and not (here / word).exists():
            yield word


def _without_conda(words: Sequence[str]) -> list[str]:
    """Returns a command without `conda run` and its options: on this machine, this environment takes its place."""
    if list(words[1:2]) != ["run"] or posixpath.basename(words[0]) not in _CONDA:
        return list(words)
    rest = list(words[2:])
    while rest and rest[0].startswith("-"):
        del rest[: 2 if rest[0] in _CONDA_VALUES else 1]
    return rest
