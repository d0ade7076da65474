"""The script as a child process: what reaches the wrapper and the terminal, and how it ends."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from stepsweep.trial import process
from stepsweep.trial.process import Ended, run


class Ran:
    """A line of the shell that has run, and what the wrapper heard of it."""

    def __init__(self, script: str, variables: Mapping[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.streams: list[str] = []
        self.told = 0
        self._over = threading.Event()
        self.ended = run(["sh", "-c", script], variables or {}, self._line, self._terminated, self._over)
        self._over.set()  # or a thread waits for ever

    def _line(self, line: str, stream: str) -> None:
        self.lines.append(line)
        self.streams.append(stream)
        if line == "signal me":
            os.kill(os.getpid(), signal.SIGTERM)
        if line == "signal this thread":
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        if line == "interrupt me":
            os.kill(os.getpid(), signal.SIGINT)
        if line.strip() == "end me":
            self._over.set()

    def _terminated(self) -> None:
        self.told += 1


def test_lines_come_whole_whatever_they_hold(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    ran = Ran(r"printf 'one\n\ntw'; sleep 0.05; printf 'o\r3\n\377\n'; printf 'last'")
    assert ran.lines == ["one", "", "two\r", "3", "\N{REPLACEMENT CHARACTER}", "last"]
    assert ran.ended == Ended(code=0, killed=False, terminated=False)
    assert capfdbinary.readouterr().out == b"one\n\ntwo\r3\n\xff\nlast"


def test_a_line_that_cannot_be_taken_is_raised_and_the_script_does_not_wait(capfd: pytest.CaptureFixture[str]) -> None:
    """The thread that read had ended, so that a script waited for ever once its pipe was full."""

    def refuse(line: str, _stream: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="xxxxxxxxx"):
        run(["sh", "-c", "echo xxxxxxxxx; yes loss=1 | head -n 100000"], {}, refuse, lambda: None)
    assert capfd.readouterr().out.count("loss=1") == 100_000


def test_a_progress_bar_is_read_while_it_goes_on(tmp_path: Path) -> None:
    """One over epochs is a single line: nobody saw its metrics before the end, nor did the median rule."""
    ran = Ran(r"printf '\r 1/3 loss=3'; printf '\r 2/3 loss=2'; printf '\rend me\r'; exec sleep 60")
    assert ran.lines == ["\r", " 1/3 loss=3\r", " 2/3 loss=2\r", "end me\r"]


def test_a_line_without_end_takes_no_memory_and_is_not_read(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "MAX_LINE", 100_000)
    ran = Ran("echo loss=1; head -c 1000000 /dev/zero | tr '\\0' x; echo loss=2; echo loss=3")
    assert ran.lines == ["loss=1", "loss=3"]
    assert capfd.readouterr().out == f"loss=1\n{'x' * 1_000_000}loss=2\nloss=3\n"


def test_both_streams_are_read_and_pass_through_apart(capfd: pytest.CaptureFixture[str]) -> None:
    ran = Ran("echo $MINE $PYTHONUNBUFFERED; echo wrong >&2; printf more >&2; exit 3", variables={"MINE": "yes"})
    assert sorted(zip(ran.lines, ran.streams, strict=True)) == [
        ("more", "stderr"),
        ("wrong", "stderr"),
        ("yes 1", "stdout"),
    ]
    assert capfd.readouterr() == ("yes 1\n", "wrong\nmore")
    assert ran.ended == Ended(code=3, killed=False, terminated=False)


def test_what_nobody_reads_ends_the_script_as_it_would_without_the_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `stepsweep-trial … | head -1`: it waited for ever once the pipe was full."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        ended = Ran("while echo loss=1; do :; done").ended
        monkeypatch.undo()
        assert ended == Ended(code=128 + signal.SIGPIPE, killed=True, terminated=False)
        with contextlib.suppress(BrokenPipeError):
            closed.close()


def test_a_signal_before_the_script_has_started_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def slowly(*args: Any, **options: Any) -> "subprocess.Popen[bytes]":
        os.kill(os.getpid(), signal.SIGTERM)
        return start(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", slowly)
    ran = Ran("exec sleep 60")
    assert (ran.ended, ran.told) == (Ended(code=128 + 15, killed=True, terminated=True), 1)


def test_a_second_signal_reaches_the_script_while_the_wrapper_is_busy_with_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is handled on top of the first one, and so must not wait for the metrics that this one is reading."""

    def again(ran: Ran) -> None:
        ran.told += 1
        if ran.told == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)

    monkeypatch.setattr(Ran, "_terminated", again)
    ran = Ran("trap 'exit 3' TERM; echo signal me; while sleep 0.01; do :; done")
    assert (ran.ended.code, ran.told) == (3, 1)


@pytest.fixture
def signals() -> Iterator[None]:
    """A shell that starts something in the background has it ignore Ctrl-C, and so would its own shells."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ("kill -9 $$", Ended(code=128 + 9, killed=True, terminated=False)),
        (
            "trap 'exit 75' TERM; echo signal me; while sleep 0.01; do :; done",
            Ended(code=75, killed=False, terminated=True),
        ),
        (
            "trap 'exit 0' INT; echo interrupt me; while sleep 0.01; do :; done",
            Ended(code=0, killed=False, terminated=True),
        ),
        ("echo signal me; exec sleep 60", Ended(code=128 + 15, killed=True, terminated=True)),
        # Of the signals to a process, too, the system may give any thread one.
        ("echo signal this thread; exec sleep 20", Ended(code=128 + 15, killed=True, terminated=True)),
    ],
)
def test_how_it_ended_and_whether_it_was_told_to(script: str, ended: Ended, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    ran = Ran(script)
    assert (ran.ended, ran.told) == (ended, int(ended.terminated))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert capfd.readouterr().err == ""


def test_a_script_that_is_to_end_and_does_not_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    ended = Ran("trap '' TERM; echo end me; while true; do sleep 0.05; done").ended
    assert ended == Ended(code=128 + 9, killed=True, terminated=False)
    ended = Ran("echo end me; exec sleep 60").ended
    assert ended == Ended(code=128 + 15, killed=True, terminated=False)


@pytest.mark.parametrize("left", ["", "sleep 60 & "], ids=["alone", "with what it leaves running"])
def test_all_that_a_script_has_printed_is_read_however_late(monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    """As where CloudWatch takes no lines for a while, so that the wrapper cannot pass on what it has read."""
    monkeypatch.setattr(process, "OUTPUT_SECONDS", 0)
    has_ended, lines = threading.Event(), list[str]()
    wait = subprocess.Popen.wait

    def waited(child: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        code = wait(child, timeout)
        has_ended.set()
        return code

    def take(line: str, _stream: str) -> None:
        if not lines:
            has_ended.wait()
            time.sleep(0.1)  # and whoever waited for the end goes on
        lines.append(line)

    monkeypatch.setattr(subprocess.Popen, "wait", waited)
    run(["sh", "-c", f"{left}yes loss=1 | head -n 9000; echo $!"], {}, take, lambda: None)
    assert lines[:-1] == ["loss=1"] * 9_000  # which a pipe holds
    if left:
        os.kill(int(lines[-1]), signal.SIGTERM)


def test_what_is_left_running_and_prints_without_end_does_not_keep_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_SECONDS", 0)
    ran = Ran("(trap '' PIPE; while echo more; do :; done 2>&-) & echo $! >&2; echo loss=1")
    assert "loss=1" in ran.lines
    os.kill(int(ran.lines[ran.streams.index("stderr")]), signal.SIGKILL)


def test_what_a_script_leaves_running_does_not_keep_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_SECONDS", 0.1)
    door = tmp_path / "door"
    os.mkfifo(door)
    assert Ran(f"cat {door} & echo loss=1").lines == ["loss=1"]
    door.write_text("the end")  # or this waits for a reader


def test_a_program_that_is_none_is_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(OSError, match="No such file"):
        run(["no-such-program"], {}, print, print)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
