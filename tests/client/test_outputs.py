"""Each command where its output takes nothing, or not every character: a line at most, the right code, no traceback."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import requests

from stepsweep.client.cli.main import cli
from stepsweep.local.preload import FORK_IS_SAFE
from tests.support import forked
from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED, Cloud, eventually, running_cloud
from tests.support.ports import free_port
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack, make_stack

pytestmark = pytest.mark.skipif(not FORK_IS_SAFE, reason="commands are forked on Linux only")

C_LOCALE = {"LC_ALL": "C"}
ASCII = {**C_LOCALE, "PYTHONUTF8": "0"}
"""In the locale C a Python reads and writes UTF-8, unless it is told not to."""

HERE = ("--dir", "grüße")
UP = ("--dir", "wolke-ü")
LR = ("--set", "lr=0.1,0.2", "--epochs", "1", "--name", "mine", "--trainer", str(SCRIPTED))
AWS = ("--on", "aws")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command, its exit code where all is well, and whether it then writes to standard output."""

    words: tuple[str, ...]
    code: int = 0
    writes: bool = True

    def __str__(self) -> str:
        return " ".join(self.words)


def prints(*words: str, code: int = 0) -> Case:
    return Case(words=words, code=code)


def refuses(*words: str, code: int = 2) -> Case:
    return Case(words=words, code=code, writes=False)


CASES = [
    prints("list", *HERE), prints("list", *HERE, "--json"),
    prints("show", "mine", *HERE), prints("show", "mine", *HERE, "--json"), refuses("show", "müßig", *HERE),
    prints("logs", "mine", "s=ü", *HERE), prints("logs", "mine", "s=ü", *HERE, "--json"),
    prints("compare", "mine", "other", *HERE), prints("compare", "mine", "other", *HERE, "--json"),
    prints("plan", "--set", "s=ä,ö", "--epochs", "1"), prints("plan", "--set", "s=ä,ö", "--epochs", "1", "--json"),
    prints("report", "mine", *HERE, "-o", "bericht-ü.html"), prints("report", "mine", *HERE, "--figures", "bilder-ü"),
    prints("download", "mine", *HERE), prints("download", "mine", *HERE, "-o", "mödell", "--json"),
    prints("export", "mine", *HERE, "--tensorboard", "tafel-ü"), refuses("export", "müßig", *HERE, "--mlflow", "ü"),
    refuses("note", "mine", "schön", *HERE, code=0), prints("note", "mine", *HERE, "--json"),
    prints("priority", "mine", *HERE), prints("priority", "mine", *HERE, "--json"), refuses("note", "müßig", *HERE),
    prints("stop", "mine", *HERE), prints("rm", "other", "--yes", *HERE), refuses("rm", "müßig", *HERE),
    prints("doctor", *HERE, code=1), prints("doctor", *HERE, "--json", code=1),
    prints("completion", "bash"), refuses("init", "straße.py"), refuses("init", "größe.py", code=0),
    prints("run", *LR, *UP), prints("run", *LR, *UP, "--json"),
    refuses("run", "--set", "s=ü", "--epochs", "nie", *HERE),
    prints("start", *LR, *UP), refuses("start", "--set", "ü=1", "--epochs", "1", *HERE),
    prints("resume", "mine", *UP), refuses("resume", "müßig", *HERE),
    prints("watch", "mine", *HERE), prints("watch", "mine", *UP, "--json"),
    prints("teardown", "--check", *AWS), prints("teardown", "--check", *AWS, "--json"),
    refuses("deploy", "-c", "ü=1"), refuses("diff", "-c", "ü=1"), refuses("destroy", "-c", "ü=1"),
    refuses("deploy", "-c", "image=ü"), refuses("selftest", *AWS), refuses("selftest", "straße.yaml", *AWS),
    refuses("ui", "--port", "ü"), refuses("serve", "--job-vcpus", "0", *HERE),
    Case(words=("ui", *HERE)), Case(words=("serve", *UP)),
]  # fmt: skip
WRITING = [case for case in CASES if case.writes]
EACH = [case for case in WRITING if case == next(each for each in WRITING if each.words[0] == case.words[0])]
"""One for each command."""

Ran = Callable[..., "subprocess.CompletedProcess[str]"]


def commands(group: click.Group) -> Iterator[str]:
    """Yields the names of all commands that there are, such as "show", or "group show" of a group in the group."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in commands(command))
        else:
            yield name


ALL = sorted(commands(cli))


def test_every_command_has_a_case() -> None:
    assert {case.words[0] for case in CASES} == set(ALL)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud in which the sweep of `LR` has ended."""
    folder = tmp_path_factory.mktemp("up")
    with running_cloud(folder / "wolke-ü") as cloud:
        ended = Sweep(folder=folder)("run", *LR, *UP)
        assert ended.returncode == 0, ended.stderr
        yield cloud


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, up: Cloud) -> Path:
    """Two sweeps whose names and values no ASCII has, a cloud that is up, and a script."""
    folder = tmp_path_factory.mktemp("made")
    recorded = RecordedCloud(directory=folder / "grüße")
    for name in ("mine", "other"):
        good, bad = recorded.planned(name, {"s": ["ü", "😀"]}, fixed={"note": "größer"})
        recorded.succeeded(name, good, {"val_accuracy": [0.1, 0.2, 0.3]})
        recorded.left(good, {"modell-ü.txt": "1"})
        for trial in (good, bad):
            recorded.failed("logs", trial, "ValueError: zu groß\n")
        recorded.failed(name, bad, "ValueError: zu groß\n", reason="größer als möglich")
        recorded.reduced(name)
    (folder / "größe.py").write_text("print('Épochs ü 1: précision=0.5')\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def moto_server(moto_server: str) -> str:
    """An account with nothing in it: `sweep teardown --check` would find what other files' stacks left there."""
    requests.post(f"{moto_server}/moto-api/reset", timeout=60).raise_for_status()
    return moto_server


@pytest.fixture(scope="module")
def stack(server: str) -> Stack:
    return make_stack(server, name="Outputs")


@pytest.fixture
def ran(tmp_path: Path, made: Path, up: Cloud, stack: Stack) -> Ran:
    """Runs a case in a copy of the folder."""
    folder = shutil.copytree(made, tmp_path / "here")

    def run(
        case: Case, *, output: int | None = None, locale: Mapping[str, str] = {}
    ) -> "subprocess.CompletedProcess[str]":
        if UP[1] in case.words:
            (folder / UP[1]).symlink_to(up.directory)
        words, account = case.words, dict[str, str]()
        if AWS[0] in words:
            words, account = (*words, "--stack", stack.name), dict(stack.environment)
        environment = Sweep(folder=folder).environment({"COLUMNS": "200", **account, **locale})
        ended = forked.run(words, folder=folder, environment=environment, text="", timeout_seconds=120, output=output)
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    return run


def complaints(ended: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in ended.stderr.splitlines() if line.startswith("sweep: ")]


ENDING = [case for case in CASES if case.words[0] != "ui" or not case.writes]
"""Those that end by themselves where their output takes what they write."""


@pytest.mark.parametrize("case", ENDING, ids=str)
def test_in_the_locale_c_all_is_as_elsewhere(ran: Ran, case: Case) -> None:
    ended = ran(case, locale=C_LOCALE)
    assert ended.returncode == case.code, ended.stderr
    assert bool(ended.stdout) == case.writes
    assert bool(complaints(ended)) == (case.code == 2), ended.stderr


def test_words_that_are_no_text_are_named(ran: Ran) -> None:
    for words, name in (
        (("plan", "--set", "s=ü"), "s=\\udcc3\\udcbc"),
        (("list", *HERE), "gr\\udcc3\\udcbc\\udcc3\\udc9fe"),
    ):
        ended = ran(Case(words=words), locale=ASCII)
        fault = f"sweep: {name}: is not ascii; write UTF-8, in a locale of UTF-8 such as LC_ALL=C.UTF-8"
        assert (ended.returncode, ended.stderr.splitlines()) == (2, [fault])


@pytest.mark.parametrize("case", [case for case in EACH if case in ENDING], ids=str)
def test_a_closed_output_changes_nothing(ran: Ran, case: Case) -> None:
    ended = ran(case, output=forked.CLOSED)
    assert (ended.returncode, complaints(ended)) == (case.code, []), ended.stderr


@pytest.mark.parametrize("case", WRITING, ids=str)
def test_a_full_output_is_one_line(ran: Ran, case: Case) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = ran(case, output=full.fileno())
    assert (ended.returncode, complaints(ended)) == (1, ["sweep: No space left on device"]), ended.stderr


@pytest.mark.parametrize("case", EACH, ids=str)
def test_a_pipe_that_closes_is_no_error_to_tell(ran: Ran, case: Case) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ended = ran(case, output=write)
    finally:
        os.close(write)
    assert (ended.returncode, complaints(ended)) == (1, []), ended.stderr


@pytest.mark.parametrize("name", ALL)
def test_a_help_goes_where_it_can(ran: Ran, name: str) -> None:
    case = Case(words=(*name.split(), "--help"))
    with Path("/dev/full").open("wb") as full:
        ended = ran(case, output=full.fileno(), locale=C_LOCALE)
    assert (ended.returncode, complaints(ended)) == (1, ["sweep: No space left on device"])


def test_the_page_is_served_without_an_output(made: Path) -> None:
    port = free_port()
    by = ("sh", "-c", 'exec "$@" >&-', "sh")
    with Sweep(folder=made, by=by).popen("ui", *HERE, "--port", str(port), environment=C_LOCALE) as process:

        def is_up() -> bool:
            assert process.poll() is None
            with socket.socket() as tried:
                return tried.connect_ex(("127.0.0.1", port)) == 0

        eventually(is_up)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
