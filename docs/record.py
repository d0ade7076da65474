"""Records the terminal sessions of docs/: `make screens`.

Each command is the real one, in a terminal of its own, read as a terminal shows it. Written are docs/session.md, the
text, and in docs/screens/ pictures of some moments, of the report and of the page in the browser. It takes minutes:
the sweeps are real, on a part of Fashion-MNIST. The pictures of pages need a browser (tests/support/browser.py).
`python -m docs.record ui` makes those of `sweep ui` alone, with the same sweeps, and leaves the rest as it is.
"""

import contextlib
import fcntl
import functools
import math
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

from tests.support.browser import browser
from tests.support.embedded import eventually
from tests.support.recorded import RecordedCloud
from tests.support.ui import served

ROOT = Path(__file__).resolve().parent.parent
SESSION, SCREENS = ROOT / "docs" / "session.md", ROOT / "docs" / "screens"
COLUMNS, LINES = 100, 60

CLONE = "~/stepsweep"
"""Stands for the folder of this repository, and for the one in which commands run."""

NAMED_COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}
"""pyte's names that are not rich's."""


class Terminal:
    """A terminal in which one command runs."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            os.execve(words[0], words, {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"})  # noqa: S606
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    def read(self, *, until: Callable[[str], bool] | None = None, seconds: float = 300) -> int | None:
        """Reads until the command has ended, and returns its exit code; or until what is shown is as asked for."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self._file], [], [], 0.5)[0]:
                data = b""
                with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
                    data = os.read(self._file, 1 << 16)
                if not data:
                    return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
                self._stream.feed(data)
            if until is not None and until(self.text()):
                return None
        raise TimeoutError(f"not within {seconds} s; the terminal shows:\n{self.text()}")

    def interrupt(self) -> None:
        os.kill(self._pid, signal.SIGINT)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def picture(self, title: str, file: Path) -> None:
        """Writes what is shown as an SVG."""
        console = Console(record=True, width=COLUMNS, file=(ROOT / os.devnull).open("w"), force_terminal=True)
        for row in range(len(self.text().splitlines())):
            line = Text()
            for column in range(COLUMNS):
                sign = self._screen.buffer[row][column]
                line.append(sign.data, f"{'bold ' if sign.bold else ''}{_colour(sign.fg)} on {_colour(sign.bg)}")
            console.print(line)
        console.save_svg(str(file), title=title)


def _colour(name: str) -> str:
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    name = NAMED_COLOURS.get(name, name)
    return name.replace("bright", "bright_") if name.startswith("bright") and "_" not in name else name


class Recorder:
    """Runs commands one after the other in one folder, and keeps what they show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.parts: list[str] = []

    def say(self, text: str) -> None:
        self.parts.append(text)

    def run(
        self,
        command: str,
        *,
        moment: Callable[[str], bool] | None = None,
        interrupted: bool = False,
        picture: str = "",
    ) -> None:
        """Runs a command to its end.

        Args:
            moment: what is shown when this holds is kept too.
            interrupted: Ctrl-C at that moment.
            picture: name of the files.
        """
        print(f"$ {command}", file=sys.stderr)
        terminal = Terminal([str(Path(sys.executable).with_name("sweep")), *shlex.split(command)[1:]], self._folder)
        if moment:
            terminal.read(until=moment)
            self.parts.append(_block(f"$ {command}\n{terminal.text()}"))
            if picture:
                terminal.picture(command, SCREENS / f"{picture}-live.svg")
        if interrupted:
            terminal.interrupt()
        code = terminal.read()
        said = "and with Ctrl-C:" if interrupted else "and at the end:"
        end = f"[exit code {code}]" if code else ""
        self.parts.append((f"{said}\n\n" if moment else "") + _block(f"$ {command}\n{terminal.text()}\n{end}".strip()))
        if picture:
            terminal.picture(command, SCREENS / f"{picture}.svg")


def picture_report(html: Path, left: Path, profile: Path) -> None:
    """Writes what the report's first screens look like, on light and on dark, and the page that a sweep left."""
    with browser(profile) as opened:
        opened.open(left, width=1120, height=1500)
        opened.picture(SCREENS / "left.png", whole=False)
        for dark, name in ((False, "report"), (True, "report-dark")):
            opened.open(html, width=1120, height=1500, dark=dark)
            opened.picture(SCREENS / f"{name}.png", whole=False)


def picture_page(folder: Path, sweep: str, profile: Path) -> None:
    """Writes what the page of a running sweep looks like: on light, on dark, and on a narrow window."""
    drawn = (
        "return [...document.querySelectorAll('#panels > div')]"
        ".some((panel) => (panel.data ?? []).some((line) => line.x.length > 2))"
    )
    with served(folder) as page, browser(profile) as opened:
        opened.open(page.address)
        for name, width, dark in (("ui", 1120, False), ("ui-dark", 1120, True), ("ui-narrow", 360, False)):
            opened.open(f"{page.root}sweeps/{sweep}", width=width, height=1500, dark=dark)
            eventually(lambda: opened.run(drawn), 600)
            opened.picture(SCREENS / f"{name}.png", whole=False)


def record_many(folder: Path) -> str:
    """Records a finished sweep of 1,000 trials over three parameters, of which some failed; returns its name."""
    cloud, name = RecordedCloud(directory=folder), "thousand"
    parameters = {
        "lr": {"low": 0.0001, "high": 1, "log": True},
        "dropout": {"low": 0, "high": 0.6},
        "optimizer": ["sgd", "adam", "rmsprop"],
    }
    search = {"method": "random", "trials": 1_000}
    for number, trial in enumerate(cloud.planned(name, parameters, epochs=8, search=search)):
        lr, dropout, optimizer = (trial.params[each] for each in parameters)
        if float(lr) > 0.5:
            cloud.failed(name, trial, "RuntimeError: the loss is NaN\n", began=number // 16)
            continue
        lost = 0.06 * abs(math.log10(float(lr)) + 2 + (optimizer == "sgd")) + 0.2 * (float(dropout) - 0.25) ** 2
        top = 0.93 - lost - 0.01 * math.sin(12.9898 * number) ** 2
        curve = [top - 0.3 * math.exp(-epoch / 2) for epoch in range(1, 9)]
        cloud.succeeded(
            name, trial, {"val_loss": [1 - each for each in curve], "val_accuracy": curve}, began=number // 16
        )
    cloud.reduced(name)
    return name


def picture_ended(folder: Path, pictures: Mapping[str, tuple[str, str]], profile: Path) -> None:
    """Writes what pages look like whose sweeps have ended.

    Args:
        folder: where the records are.
        pictures: by their names the path of a page, and the selector of what comes last on it.
    """
    with served(folder.parent, "--dir", folder.name) as page, browser(profile) as opened:
        opened.open(page.address)
        for name, (path, last) in pictures.items():
            opened.open(f"{page.root}{path}", width=1120, height=1500 if path else 600)
            eventually(functools.partial(opened.run, "return document.querySelector(arguments[0]) !== null", last), 120)
            opened.run(
                "for (const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); texts.nextNode();)"
                "texts.currentNode.data = texts.currentNode.data.replaceAll(arguments[0], arguments[1])",
                str(ROOT),
                CLONE,
            )
            opened.picture(SCREENS / f"{name}.png", whole=False)


def _block(text: str) -> str:
    return f"```\n{text}\n```"


@contextlib.contextmanager
def new_folder() -> Iterator[Path]:
    """Yields a folder with the data set and the examples, as a person has it who has cloned this."""
    SCREENS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / ".stepsweep").mkdir()
        (folder / ".stepsweep" / "data").symlink_to(ROOT / ".stepsweep" / "data")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("*.ipynb", "*.png"))
        (folder / "mine").mkdir()
        (folder / "mine" / "train.py").write_text(BROKEN_SCRIPT)
        yield folder


FIRST = "sweep run examples/quick.json --name first"
SECOND = "sweep start examples/quick.json --name second --epochs 8 --fixed train_images=12800"
NOTED = 'sweep note first "lr 0.1 wins with either momentum; try 0.3 with warmup"'
BROKEN = (
    "sweep run --command 'python mine/train.py' --objective accuracy:maximize --set lr=0.1,0.01,0.001 "
    "--set width=32,64,128 --name broken"
)


BROKEN_SCRIPT = """import sys
import time

time.sleep(3)  # else all trials have failed before the sweep is given up
import tabnet

tabnet.fit(sys.argv)
"""


def picture_the_ended(folder: Path) -> None:
    """Writes the pictures of pages whose sweeps have ended: the list, one that failed, one with 1,000 trials."""
    ended = {"ui-list": ("", "tbody tr"), "ui-failed": ("sweeps/broken", "#jobs .main-svg")}
    picture_ended(folder / ".stepsweep", ended, folder / "ended-profile")
    many = {"ui-many": (f"sweeps/{record_many(folder / 'many')}", "#importance .main-svg")}
    picture_ended(folder / "many", many, folder / "many-profile")


def record_pages() -> None:
    """Makes the pictures of `sweep ui` alone."""
    with new_folder() as folder:
        record = Recorder(folder)
        for command in (FIRST, NOTED, SECOND):
            record.run(command)
        picture_page(folder, "second", folder / "page-profile")
        for command in ("sweep stop second", "sweep rm second --yes", BROKEN):
            record.run(command)
        picture_the_ended(folder)


def record_all() -> None:
    """Records all sessions."""
    with new_folder() as folder:
        record = Recorder(folder)
        record.say("# A session\n\n`make screens` records this page with docs/record.py: 100 columns, no AWS account.")
        record.say("## Watching a sweep")
        record.run(
            FIRST,
            moment=lambda shown: "2/3" in shown and "1/6" in shown,
            picture="run",
        )
        record.say("## In the background")
        record.run(SECOND)
        record.run("sweep watch second", moment=lambda shown: bool(re.search(r" 1/8 ", shown)), interrupted=True)
        picture_page(folder, "second", folder / "page-profile")
        record.run("sweep stop second")
        record.run("sweep list")
        record.run("sweep logs first 1")
        record.run(NOTED)
        record.run("sweep rm second --yes")
        record.say("## When trials fail for one reason")
        record.run(BROKEN)
        picture_the_ended(folder)
        record.say("## A report\n\n![The report](screens/report.png)")
        record.run("sweep report first --figures pictures")
        (left,) = (folder / ".stepsweep" / "s3").glob("*/sweeps/first/report.html")
        picture_report(folder / "first.html", left, folder / "profile")
        record.say("## Errors before anything starts")
        record.run("sweep run --set lr=0.1,0.1 --set momentum=0.5,high --epochs 0 --name wrong")
        record.run("sweep run examples/tutorial.yaml")
        text = "\n\n".join(record.parts) + "\n"
        SESSION.write_text(text.replace(str(folder), CLONE).replace(str(ROOT), CLONE))


if __name__ == "__main__":
    record_pages() if sys.argv[1:] == ["ui"] else record_all()
