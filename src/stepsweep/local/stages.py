"""What the instructions of a Dockerfile say of the image: its files, variables, entry point and labels."""

import copy
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Self

from stepsweep.local.dockerfile import Instruction, fault, parsed

SHELL = ("/bin/sh", "-c")

ROOT = ("", "root", "0")
"""Names of the user that an image has without USER."""

_BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What `$PATH` is in an image whose base does not set it."""

_PLATFORM = {
    f"{place}{part}": value
    for place in ("BUILD", "TARGET")
    for part, value in {"PLATFORM": "linux/amd64", "OS": "linux", "ARCH": "amd64", "VARIANT": ""}.items()
}

_COPY_FLAGS = {"from", "chown", "chmod", "link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A COPY, or an ADD of local files.

    Attributes:
        sources: paths in the build context, or in the other stage.
        texts: files that stand in the Dockerfile, by name.
        target: an absolute path; ends in `/` if it must be a folder.
        user: who owns the copies.
        mode: their permissions; None keeps those of the sources.
        unpacks: whether it unpacks archives, as ADD does.
    """

    instruction: Instruction
    sources: tuple[str, ...]
    texts: Mapping[str, str]
    target: str
    stage: "Stage | None"
    user: str
    mode: int | None
    unpacks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A folder that WORKDIR creates."""

    path: str
    user: str


@dataclass(slots=True, kw_only=True)
class Stage:
    """A build stage after the instructions so far.

    Attributes:
        shell: what runs a command that is not a JSON list.
        steps: what puts files into the image, in order.
        skipped: what is not done here, with its line.
        commands: those of RUN, which are not run here.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    shell: tuple[str, ...] = SHELL
    steps: list[Copied | Made] = field(default_factory=list)
    skipped: list[tuple[str, int]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)
    has_own_command: bool = False

    def started(self) -> Self:
        """Returns a new stage based on this one."""
        stage = copy.deepcopy(self)
        stage.has_own_command = False
        return stage

    @property
    def variables(self) -> dict[str, str]:
        """What instructions can refer to. A variable of ENV hides an argument."""
        return {"PATH": _BASE_PATH, **self.arguments, **self.environment}

    def path(self, text: str) -> str:
        """Returns an absolute path; a relative one starts at the working folder. A `/` at its end stays."""
        whole = posixpath.normpath(posixpath.join("/", self.workdir, text)).replace("//", "/")
        is_folder = text.endswith("/") or PurePosixPath(text).name in ("", ".", "..")
        return f"{whole.rstrip('/')}/" if is_folder else whole


def last_stage(dockerfile: str) -> Stage:
    """Returns the stage that a Dockerfile's image is made from.

    Raises:
        InvalidInput: the Dockerfile breaks a rule; names the line.
    """
    stages: dict[str, Stage] = {}
    arguments = dict(_PLATFORM)  # of ARG before the first FROM
    stage = None
    for instruction in parsed(dockerfile):
        if instruction.name == "FROM":
            words = [instruction.expanded(word, arguments) for word in instruction.words()]
            if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                raise instruction.fault("must be FROM IMAGE, or FROM IMAGE AS NAME")
            stage = stages.get(words[0].lower(), Stage()).started()
            stages[str(sum(name.isdigit() for name in stages))] = stage
            if len(words) == 3:
                stages[words[2].lower()] = stage
        elif stage:
            _apply(instruction, stage, stages, arguments)
        elif instruction.name == "ARG":
            arguments |= _arguments(instruction, arguments, {})
        else:
            raise instruction.fault("must come after FROM")
    if stage is None:
        raise fault(1, "FROM", "is missing: it names the image to start from")
    return stage


def _apply(
    instruction: Instruction, stage: Stage, stages: Mapping[str, Stage], outer_arguments: Mapping[str, str]
) -> None:
    match instruction.name:
        case "ARG":
            stage.arguments |= _arguments(instruction, stage.variables, outer_arguments)
        case "ENV":
            stage.environment |= instruction.pairs(stage.variables)
        case "LABEL":
            stage.labels |= instruction.pairs(stage.variables)
        case "WORKDIR":
            path = stage.path(instruction.expanded(instruction.value, stage.variables))
            stage.workdir = path.rstrip("/") or "/"
            stage.steps.append(Made(path=stage.workdir, user=stage.user))
        case "USER":
            stage.user = instruction.expanded(instruction.value, stage.variables)
        case "SHELL":
            stage.shell = tuple(instruction.json_list() or stage.shell)
        case "ENTRYPOINT":
            stage.entrypoint = _command(instruction, stage)
            stage.command = stage.command if stage.has_own_command else ()
        case "CMD":
            stage.command, stage.has_own_command = _command(instruction, stage), True
        case "COPY" | "ADD":
            _copy(instruction, stage, stages)
        case "RUN":
            stage.commands.append(" ".join([instruction.value, *(heredoc.text for heredoc in instruction.heredocs)]))
            stage.skipped.append(("RUN", instruction.line))
        case "STOPSIGNAL" if instruction.value.upper() in ("SIGTERM", "TERM", "15"):
            pass
        case "HEALTHCHECK" | "ONBUILD" | "STOPSIGNAL" | "VOLUME":
            stage.skipped.append((instruction.name, instruction.line))


def _arguments(instruction: Instruction, known: Mapping[str, str], outer: Mapping[str, str]) -> dict[str, str]:
    """Returns the values of ARG. A name without one takes the value from before the first FROM, if there is one."""
    found: dict[str, str] = {}
    for word in instruction.words():
        name, has_default, default = word.partition("=")
        if has_default:
            found[name] = instruction.expanded(default, {**known, **found})
        elif name in outer:
            found[name] = outer[name]
    return found


def _command(instruction: Instruction, stage: Stage) -> tuple[str, ...]:
    """Returns the words of a command: a JSON list is used unchanged, anything else runs in a shell.

    https://docs.docker.com/reference/dockerfile/#shell-and-exec-form
    """
    words = instruction.json_list()
    return (*stage.shell, instruction.value) if words is None else tuple(words)


def _copy(instruction: Instruction, stage: Stage, stages: Mapping[str, Stage]) -> None:
    words = instruction.json_list() or instruction.value.split()
    if len(words) < 2:
        raise instruction.fault("must have a source and a target")
    given = {heredoc.word: heredoc for heredoc in instruction.heredocs}
    variables = stage.variables
    *sources, target = (word if word in given else instruction.expanded(word, variables) for word in words)
    if "parents" in instruction.flags:
        raise instruction.fault("--parents is not known here; name the target of each file")
    stage.skipped += [
        (f"{instruction.name} --{name}", instruction.line) for name in instruction.flags.keys() - _COPY_FLAGS
    ]
    flags = {name: instruction.expanded(value, variables) for name, value in instruction.flags.items()}
    other = None
    if "from" in flags and (other := stages.get(flags["from"].lower())) is None:
        stage.skipped.append((f"COPY --from={flags['from']}", instruction.line))
        return
    urls = [source for source in sources if instruction.name == "ADD" and _is_remote(source)]
    stage.skipped += [("ADD of a URL", instruction.line) for _ in urls]
    local = tuple(source for source in sources if source not in given and source not in urls)
    mode = flags.get("chmod", "")
    if mode and not all(letter in "01234567" for letter in mode):
        raise instruction.fault("--chmod must be an octal number, such as 755, here")
    target = stage.path(target)
    if len(sources) > 1 and not target.endswith("/"):
        raise instruction.fault("the target of several sources must be a folder and end in /")
    texts = {heredoc.name: instruction.heredoc_text(heredoc, variables) for heredoc in instruction.heredocs}
    if local or texts:
        stage.steps.append(
            Copied(
                instruction=instruction,
                sources=local,
                texts=texts,
                target=target,
                stage=other,
                user=flags.get("chown", "").split(":")[0],
                mode=int(mode, 8) if mode else None,
                unpacks=instruction.name == "ADD",
            )
        )


def _is_remote(source: str) -> bool:
    return source.startswith(("http://", "https://", "git@", "ssh://")) or source.endswith(".git")
