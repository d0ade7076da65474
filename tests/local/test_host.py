"""Processes on the host: what they are given, how they end, and that nothing of them stays."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from stepsweep.local.machine import HostGone, Machine, Process
from stepsweep.local.preload import BARE, Preload
from tests.support.embedded import REPOSITORY, eventually

ENVIRONMENT = {"PATH": os.environ["PATH"]}
PATIENCE_SECONDS = 60
forks_only_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="modules are forked on Linux only")
orphans_only_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")


@dataclass(frozen=True, slots=True)
class Shell:
    """A machine, and a folder to run things in."""

    machine: Machine
    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output.log"

    def start(self, *argv: str, **options: Any) -> Process:
        """Starts a program; options are those of `Machine.start`."""
        given = {"cwd": self.folder, "env": ENVIRONMENT, "output": self.output, **options}
        given["preload"] = Preload(modules=options.get("preload", ()))
        return self.machine.start(argv, **given)

    def run(self, *argv: str, **options: Any) -> Process:
        process = self.start(*argv, **options)
        assert process.ended.wait(PATIENCE_SECONDS)
        return process

    def python(self, code: str) -> Process:
        """Starts a program that has set itself up when it prints a line."""
        process = self.start(sys.executable, "-c", dedent(code))
        eventually(lambda: self.output.exists() and "\n" in self.output.read_text())
        return process

    def module(self, code: str) -> str:
        (self.folder / "a_module.py").write_text(dedent(code))
        return "a_module"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.close()


@pytest.fixture
def shell(machine: Machine, tmp_path: Path) -> Shell:
    return Shell(machine, tmp_path)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("script", "exit_code"),
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)],
)
def test_a_process_ends_with_its_exit_code_or_128_and_the_signal(shell: Shell, script: str, exit_code: int) -> None:
    process = shell.run("sh", "-c", script)
    assert (process.exit_code, process.error) == (exit_code, "")


def test_standard_output_and_error_are_appended_to_the_file(shell: Shell) -> None:
    shell.output.write_text("before\n")
    shell.run("sh", "-c", "echo out; echo err >&2")
    assert shell.output.read_text() == "before\nout\nerr\n"


def test_a_process_sees_the_environment_it_was_given_and_nothing_else(shell: Shell) -> None:
    given = {"PATH": os.environ["PATH"], "EMPTY": "", "TEXT": "a b=c\n'\"$HOME ü"}
    shell.run("env", "-0", env=given)
    entries = [entry.partition("=") for entry in shell.output.read_text().split("\0") if entry]
    assert {name: value for name, _, value in entries} == given


def test_a_process_runs_in_the_folder_it_was_given(shell: Shell) -> None:
    home = shell.folder / "ein Ordner"
    home.mkdir()
    shell.run("pwd", cwd=home)
    assert shell.output.read_text() == f"{home}\n"


def test_a_process_reads_the_file_it_was_given_and_nothing_without_one(shell: Shell) -> None:
    (shell.folder / "in.txt").write_text("given\n")
    shell.run("cat", stdin=shell.folder / "in.txt")
    shell.run("cat")
    assert shell.output.read_text() == "given\n"


NO_FILE = "[Errno 2] No such file or directory:"
NO_PROGRAM = (
    'unable to start container process: exec: "/nowhere/program": stat /nowhere/program: no such file or directory'
)


@pytest.mark.parametrize("preload", [(), ("json",)])
@pytest.mark.parametrize(
    ("argv", "options", "said"),
    [
        (["/nowhere/program"], {}, NO_PROGRAM),
        ([], {}, "neither the image nor the job says what to run"),
        ([sys.executable, "-m", "this"], {"cwd": Path("/nowhere")}, f"{NO_FILE} '/nowhere'"),
        ([sys.executable, "-m", "this"], {"output": Path("/nowhere/log")}, f"{NO_FILE} '/nowhere/log'"),
        ([sys.executable, "-m", "this"], {"stdin": Path("/nowhere/in")}, f"{NO_FILE} '/nowhere/in'"),
        (["null\0byte"], {}, "embedded null byte"),
    ],
)
def test_what_cannot_be_started_says_why(
    shell: Shell, argv: list[str], options: dict[str, Path], said: str, preload: tuple[str, ...]
) -> None:
    process = shell.run(*argv, preload=preload, **options)
    assert process.exit_code is None
    assert process.error == said
    assert shell.run("true").exit_code == 0, "the host goes on"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("missing", 'exec: "missing": executable file not found in $PATH'),
        ("{0}/missing", 'exec: "{0}/missing": stat {0}/missing: no such file or directory'),
        ("{0}/plain", 'exec: "{0}/plain": permission denied'),
        ("./plain", 'exec: "./plain": permission denied'),
        ("{0}", 'exec: "{0}": is a directory'),
        ("{0}/no-program", "exec {0}/no-program: exec format error"),
        ("{0}/lost", "exec {0}/lost: no such file or directory"),
    ],
)
def test_a_program_that_cannot_be_executed_fails_in_dockers_words(shell: Shell, program: str, said: str) -> None:
    for name, text, mode in (("plain", "", 0o644), ("no-program", "text", 0o755), ("lost", "#!/nowhere/sh\n", 0o755)):
        (shell.folder / name).write_text(text)
        (shell.folder / name).chmod(mode)
    process = shell.run(program.format(shell.folder))
    assert process.exit_code is None
    assert process.error == f"unable to start container process: {said.format(shell.folder)}"


def test_a_process_that_was_told_to_end_can_end_in_its_own_way(shell: Shell) -> None:
    process = shell.python(
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
        print("ready", flush=True)
        time.sleep(600)
        """
    )
    shell.machine.end(process, grace_seconds=600)
    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 75


def test_a_process_that_is_told_to_end_before_it_has_started_ends(shell: Shell) -> None:
    # Whoever opens a pipe of a name waits for the other side, so the start stands still between the two.
    given, output = shell.folder / "in", shell.folder / "out"
    os.mkfifo(given)
    os.mkfifo(output)
    process = shell.start("sleep", "60", stdin=given, output=output)
    with given.open("w"):
        shell.machine.end(process, grace_seconds=60)
        assert not process.ended.wait(1)
        with output.open():
            assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 128 + signal.SIGTERM


def test_only_the_first_process_is_told_to_end_so_that_it_can_end_its_own(shell: Shell) -> None:
    """A data loader's worker that is ended behind the back of its trainer makes the trainer crash."""
    process = shell.python(
        """
        import signal, subprocess, sys, time
        child = subprocess.Popen(["sleep", "600"])
        def end(*_):
            print("child:", child.poll(), flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        time.sleep(600)
        """
    )
    shell.machine.end(process, grace_seconds=600)
    assert process.ended.wait(PATIENCE_SECONDS)
    assert shell.output.read_text() == "ready\nchild: None\n"


def test_a_process_that_does_not_listen_is_killed_when_its_time_is_over(shell: Shell) -> None:
    process = shell.python(
        """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
        time.sleep(600)
        """
    )
    shell.machine.end(process, grace_seconds=0.2)
    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 137


DESCENDANTS = {
    "a child": "subprocess.Popen(sleep)",
    "a grandchild": "subprocess.Popen([sys.executable, '-c', nested])",
    "a child with a session of its own": "subprocess.Popen(sleep, start_new_session=True)",
    "a child that does not listen": "subprocess.Popen(['sh', '-c', 'trap \"\" TERM; sleep 600'])",
    "a daemon": "subprocess.run(['sh', '-c', 'setsid sleep 600 >/dev/null 2>&1 & '])",
}
FAMILY = """
import os, subprocess, sys, time
sleep = ["sleep", "600"]
nested = "import subprocess; subprocess.run(['sleep', '600'])"
{start}
print("ready", flush=True)
{end}
"""


def sleepers(shell: Shell) -> list[psutil.Process]:
    """Returns the descendants that run in the shell's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "sleep" and process.cwd() == str(shell.folder):
                found.append(process)
    return found


@pytest.mark.parametrize("descendant", DESCENDANTS)
@pytest.mark.parametrize("ending", ["it ends by itself", "it is ended", "it is killed"])
@orphans_only_on_linux
def test_no_descendant_outlives_its_process(shell: Shell, descendant: str, ending: str) -> None:
    wait = "sys.stdin.read()" if ending == "it ends by itself" else "time.sleep(600)"
    fifo = shell.folder / "fifo"
    os.mkfifo(fifo)
    script = FAMILY.format(start=DESCENDANTS[descendant], end=wait)
    go_on = fifo.open("r+b", buffering=0)  # so that neither end waits for the other
    process = shell.start(sys.executable, "-c", script, stdin=fifo if ending == "it ends by itself" else None)
    eventually(lambda: shell.output.exists() and "ready" in shell.output.read_text())
    assert eventually(lambda: sleepers(shell))

    go_on.close()
    if ending == "it is ended":
        shell.machine.end(process, grace_seconds=600)
    elif ending == "it is killed":
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)

    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == {"it ends by itself": 0, "it is ended": 143, "it is killed": 137}[ending]
    assert sleepers(shell) == []


def test_closing_the_machine_ends_everything_that_runs(tmp_path: Path) -> None:
    machine = Machine()
    shell = Shell(machine, tmp_path)
    processes = [shell.start("sleep", "600") for _ in range(3)]
    eventually(lambda: len(sleepers(shell)) == 3)
    machine.close()
    assert sleepers(shell) == []
    assert [process.exit_code for process in processes] == [143] * 3


def test_a_machine_that_has_started_nothing_is_not_waited_for() -> None:
    """Whoever made a mistake in a sweep need not wait until the libraries of its jobs are imported."""
    machine = Machine()
    machine.warm(Preload(modules=("torch",)))
    machine.close()
    assert machine._host.returncode == -signal.SIGKILL


def test_a_machine_that_is_closed_starts_nothing(tmp_path: Path) -> None:
    machine = Machine()
    machine.close()
    with pytest.raises(HostGone):
        Shell(machine, tmp_path).start("true")


def parent_with_a_process(folder: Path) -> tuple[subprocess.Popen[bytes], Shell]:
    script = dedent(
        """
        import sys, time
        from pathlib import Path
        from stepsweep.local.machine import Machine
        folder = Path(sys.argv[1])
        Machine().start(["sh", "-c", "setsid sleep 600 & sleep 600"], cwd=folder, env={"PATH": sys.argv[2]},
                        output=folder / "output.log")
        time.sleep(600)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(folder), os.environ["PATH"]], cwd=REPOSITORY)
    return parent, Shell(None, folder)  # type: ignore[arg-type]


@orphans_only_on_linux
@pytest.mark.parametrize("victims", ["the parent", "the host", "both"])
def test_whoever_is_killed_nothing_stays_alive(tmp_path: Path, victims: str) -> None:
    parent, shell = parent_with_a_process(tmp_path)
    try:
        eventually(lambda: len(sleepers(shell)) == 2)
        (host,) = psutil.Process(parent.pid).children()
        family = host.children(recursive=True)
        assert len(family) >= 3
        if victims != "the host":
            parent.kill()
        if victims != "the parent":
            host.kill()
        eventually(lambda: not any(is_alive(process.pid) for process in family))
    finally:
        parent.kill()
        parent.wait()


@orphans_only_on_linux
def test_a_process_ends_with_its_parent_and_leaves_no_folder(shell: Shell) -> None:
    """Whoever kills the parent of a job, by mistake or in a fault, leaves nothing that uses the GPU unseen."""
    (shell.folder / "image").mkdir()
    copy = shell.folder / "copy"
    process = shell.start(
        "sh", "-c", "echo $TMPDIR; setsid sleep 600 & sleep 600", cwd=copy, copy_of=shell.folder / "image", copy=copy
    )
    inside = Shell(shell.machine, copy)
    started = eventually(lambda: sleepers(inside) if len(sleepers(inside)) == 2 else None)
    parent = psutil.Process(process.pid).parent()
    assert parent is not None
    parent.kill()
    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 137
    assert not any(is_alive(each.pid) for each in started)
    folders = [copy, Path(f"{copy}-home"), Path(shell.output.read_text().strip())]
    assert [folder for folder in folders if folder.exists()] == []


@pytest.mark.parametrize("stopped", ["the process", "its parent"])
def test_a_stopped_process_ends_too(shell: Shell, stopped: str) -> None:
    process = shell.start("sleep", "600")
    (sleeper,) = eventually(lambda: sleepers(shell))
    victim = sleeper if stopped == "the process" else sleeper.parent()
    victim.suspend()
    shell.machine.end(process, grace_seconds=600)
    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 143


@orphans_only_on_linux
def test_when_the_host_is_gone_its_processes_are_lost_and_the_next_one_starts_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shell = Shell(Machine(), tmp_path)
    process = shell.start("sleep", "600")
    (sleeper,) = eventually(lambda: sleepers(shell))
    host = sleeper.parents()[1]
    assert any(argument.endswith("host.py") for argument in host.cmdline())
    assert os.getsid(host.pid) == host.pid, "Ctrl-C reaches the cloud, which ends it"
    host.kill()
    assert process.ended.wait(PATIENCE_SECONDS)
    assert (process.exit_code, process.is_lost) == (None, True)
    assert process.error == "the process that runs jobs has ended"
    eventually(lambda: caplog.records)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "a process that runs jobs has ended with -9")
    ]
    assert not is_alive(sleeper.pid)
    assert shell.machine.answers(timeout_seconds=PATIENCE_SECONDS)
    assert shell.run("sh", "-c", "exit 3").exit_code == 3
    shell.machine.close()
    assert not shell.machine.answers(timeout_seconds=PATIENCE_SECONDS)


def test_a_machine_whose_hosts_do_not_stay_up_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = psutil.Process().children()
    machine, gone = Machine(), threading.Event()
    (host,) = set(psutil.Process().children()) - set(before)
    machine.on_gone = gone.set
    monkeypatch.setattr(sys, "executable", "/bin/false")
    host.kill()
    assert gone.wait(PATIENCE_SECONDS)
    with pytest.raises(HostGone, match=r"^the process that runs jobs has ended$"):
        Shell(machine, tmp_path).start("true")
    machine.close()


TOLD_TWICE = """#!/bin/sh
read _
echo '{"id": "0", "ended": 3}'
echo '{"id": "0", "ended": 137}'
read _
echo '{"id": "1", "ended": 0}'
cat
"""
"""A host whose first container is killed between its answer and its exit."""


def test_a_process_whose_end_is_told_twice_ends_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = tmp_path / "host"
    host.write_text(TOLD_TWICE)
    host.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(host))
    shell = Shell(Machine(), tmp_path)
    assert shell.run("true").exit_code == 3
    assert shell.machine.answers(timeout_seconds=PATIENCE_SECONDS)
    shell.machine.close()


def test_hundreds_of_short_processes_are_all_reported(shell: Shell) -> None:
    processes = [shell.start("sh", "-c", f"exit {number % 7}") for number in range(300)]
    assert all(process.ended.wait(PATIENCE_SECONDS) for process in processes)
    assert [process.exit_code for process in processes] == [number % 7 for number in range(300)]


def test_what_lies_in_the_folder_of_the_cloud_is_not_imported_by_the_host(tmp_path: Path) -> None:
    """A person's own `json.py`, or a package named `local`, beside which they run a sweep."""
    for name in ("json.py", "psutil.py", "local.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    script = dedent(
        f"""
        import os, sys
        sys.path[:] = [{str(REPOSITORY)!r}, *sys.path]
        from pathlib import Path
        from stepsweep.local.machine import Machine
        machine = Machine()
        process = machine.start(["true"], cwd=Path("."), env=dict(os.environ), output=Path("output.log"))
        process.ended.wait({PATIENCE_SECONDS})
        machine.close()
        sys.exit(process.exit_code)
        """
    )
    assert subprocess.run([sys.executable, "-P", "-c", script], cwd=tmp_path, check=False).returncode == 0


# --- a module that is started by a fork -------------------------------------------------------------------------------


LOOKS_AROUND = """
import json, os, sys
print(json.dumps({
    "name": __name__,
    "spec": __spec__ and __spec__.name,
    "file": __file__,
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "environment": {key: value for key, value in sorted(os.environ.items()) if key != "LC_CTYPE"},
    "path": sys.path,
    "main is this": sys.modules["__main__"].__dict__ is globals(),
    "stdin": sys.stdin.read(),
    "session": os.getsid(0) == os.getpid() == os.getpgrp(),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2)[:-1],
    "rooms": sorted(name for name in sys.modules if name.split(".")[0] in ("local", "sweep")),
}, indent=1))
"""


@forks_only_on_linux
@pytest.mark.parametrize("package", [False, True])
def test_a_forked_module_sees_what_a_new_process_sees(shell: Shell, package: bool) -> None:
    (shell.folder / "in.txt").write_text("given")
    if package:
        (shell.folder / "a_module").mkdir()
        (shell.folder / "a_module" / "__init__.py").touch()
        (shell.folder / "a_module" / "__main__.py").write_text(LOOKS_AROUND)
    else:
        shell.module(LOOKS_AROUND)
    argv = [sys.executable, "-m", "a_module", "--lr", "0.1", "ü"]
    env = {**ENVIRONMENT, "PYTHONPATH": "/elsewhere", "OWN": "1"}
    outputs = []
    for preload in ((), ("colorsys",)):
        output = shell.folder / f"{len(preload)}.log"
        process = shell.run(*argv, preload=preload, env=env, stdin=shell.folder / "in.txt", output=output)
        assert process.exit_code == 0
        outputs.append(output.read_text())
    assert outputs[1] == outputs[0]
    assert f'"file": "{shell.folder}' in outputs[0]


@forks_only_on_linux
def test_a_forked_file_sees_what_a_new_process_sees_and_nothing_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("given")
    (tmp_path / "a_file.py").write_text(LOOKS_AROUND)
    outputs = []
    with contextlib.closing(Machine(is_bare=True)) as machine:
        shell = Shell(machine, tmp_path)
        for preload in ((), ("boto3",)):
            output = tmp_path / f"{len(preload)}.log"
            argv = [sys.executable, *BARE, str(tmp_path / "a_file.py"), "--lr", "ü"]
            process = shell.run(*argv, preload=preload, stdin=tmp_path / "in.txt", output=output)
            assert process.exit_code == 0
            outputs.append(output.read_text())
    assert outputs[1] == outputs[0]
    assert "site-packages" not in outputs[0]


@forks_only_on_linux
def test_a_module_to_preload_is_imported_once_for_all(shell: Shell) -> None:
    """Otherwise the tests of forked modules would test new processes."""
    shell.module("import os, sys; print('colorsys' in sys.modules, os.getppid())")
    for preload in ((), ("colorsys",)):
        shell.run(sys.executable, "-m", "a_module", preload=preload)
    assert [line.split()[0] for line in shell.output.read_text().splitlines()] == ["False", "True"]


@forks_only_on_linux
def test_a_package_is_imported_once_and_known_to_the_processes_that_have_it_alone(shell: Shell) -> None:
    for name in ("one", "two"):
        package = shell.folder / name / "ours"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "beside.py").write_text(f"VALUE = {name!r}")
        (package / "first.py").write_text("import os; from ours.beside import VALUE; imported_by = os.getpid()")
        (package / "second.py").write_text("import nowhere")
    script = shell.folder / "script.py"
    script.write_text(
        """
import importlib, os, sys
sys.path.insert(0, sys.argv[1])
try:
    module = importlib.import_module(sys.argv[2])
    print(module.VALUE, module.imported_by == os.getpid())
except ModuleNotFoundError as error:
    print(error)
"""
    )
    for name, module, handler in (
        ("one", "ours.first", "ours.first"),
        ("two", "ours.first", "ours.first"),
        ("one", "ours.second", "ours.second"),
        ("one", "ours.first", "ours.first"),
        ("two", "ours.first", ""),
    ):
        folder = str(shell.folder / name)
        process = shell.machine.start(
            [sys.executable, *BARE, str(script), folder, module],
            cwd=shell.folder, env=ENVIRONMENT, output=shell.output,
            preload=Preload(modules=("colorsys",), handler=handler, package=folder if handler else ""),
        )  # fmt: skip
        assert process.ended.wait(PATIENCE_SECONDS)
    said = shell.output.read_text().splitlines()
    assert said == ["one False", "two False", "No module named 'nowhere'", "one False", "two True"]


@forks_only_on_linux
def test_a_forked_module_ends_without_what_modules_of_its_parent_do_at_the_end(tmp_path: Path) -> None:
    with contextlib.closing(Machine()) as machine:
        shell = Shell(machine, tmp_path)
        module = shell.module(
            """
            import colorsys, weakref
            weakref.finalize(colorsys, print, "its own")
            print([each.atexit for each in weakref.finalize._registry])
            """
        )
        shell.run(sys.executable, "-m", module, preload=("torch",))
    *_, first, last = shell.output.read_text().splitlines()
    assert (first.count("True"), last) == (1, "its own")
    assert first.count("False") > 0, "torch has some"


@forks_only_on_linux
def test_what_is_warmed_is_there_and_what_cannot_be_imported_disturbs_nobody(shell: Shell) -> None:
    shell.machine.warm(Preload(modules=("nowhere",)))
    shell.machine.warm(Preload(modules=("wave",)))
    module = shell.module("import sys; print('wave' in sys.modules)")
    shell.run(sys.executable, "-m", module, preload=("colorsys",))
    assert shell.output.read_text() == "True\n"


@forks_only_on_linux
@pytest.mark.parametrize(
    ("code", "exit_code", "last_line"),
    [
        ("print('done')", 0, "done"),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit(256 + 7)", 7, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason"),
        ("raise ValueError('wrong')", 1, "ValueError: wrong"),
        ("import os; print('kept', flush=True); os._exit(5)", 5, "kept"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, ""),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("import atexit; atexit.register(print, 'at exit'); print('main')", 0, "at exit"),
        ("import threading, time; threading.Timer(0.1, print, ['a thread']).start()", 0, "a thread"),
        ("raise SystemExit from ValueError('cause')", 0, ""),
        ("import sys; print('last', end='\\n'); sys.exit(-1)", 255, "last"),
        ("raise BaseException('base')", 1, "BaseException: base"),
        ("class Last:\n def __del__(self): print('gone')\nkept = Last()", 0, "gone"),
        ("import weakref\nclass Gone: pass\nkept = weakref.proxy(Gone())", 0, ""),
        ("def f(): f()\nf()", 1, "RecursionError: maximum recursion depth exceeded"),
        ("import nowhere", 1, "ModuleNotFoundError: No module named 'nowhere'"),
        ("print(1", 1, "SyntaxError: '(' was never closed"),
    ],
)
def test_a_forked_module_ends_as_a_new_process_does(shell: Shell, code: str, exit_code: int, last_line: str) -> None:
    module = shell.module(code)
    for preload in ((), ("colorsys",)):
        shell.output.write_text("")
        assert shell.run(sys.executable, "-m", module, preload=preload).exit_code == exit_code
        assert shell.output.read_text().rpartition("\n")[0].rpartition("\n")[2] == last_line


@forks_only_on_linux
def test_what_a_forked_module_writes_is_written_though_it_closes_nothing(shell: Shell) -> None:
    (shell.folder / "holder.py").write_text("text = open('text', 'w')\nbinary = open('binary', 'wb')\n")
    module = shell.module("import holder\nholder.text.write('all')\nholder.binary.write(b'of it')")
    assert shell.run(sys.executable, "-m", module, preload=("colorsys",)).exit_code == 0
    assert [(shell.folder / name).read_text() for name in ("text", "binary")] == ["all", "of it"]


@forks_only_on_linux
def test_the_traceback_of_a_forked_module_is_its_own(shell: Shell) -> None:
    shell.run(sys.executable, "-m", shell.module("raise ValueError('wrong')"), preload=("colorsys",))
    assert f'File "{shell.folder}/a_module.py", line 1, in <module>' in shell.output.read_text()
    assert "host.py" not in shell.output.read_text()


@forks_only_on_linux
def test_a_module_that_is_not_there_ends_as_in_a_new_process(shell: Shell) -> None:
    process = shell.run(sys.executable, "-m", "not_there", preload=("colorsys",))
    assert process.exit_code == 1
    assert "not_there" in shell.output.read_text()


@forks_only_on_linux
def test_what_an_unbuffered_module_prints_is_there_at_once(shell: Shell) -> None:
    module = shell.module("import time; print('a line'); time.sleep(600)")
    env = {**ENVIRONMENT, "PYTHONUNBUFFERED": "1"}
    process = shell.start(sys.executable, "-m", module, preload=("colorsys",), env=env)
    eventually(lambda: shell.output.exists() and shell.output.read_text() == "a line\n")
    shell.machine.end(process, grace_seconds=0)
    assert process.ended.wait(PATIENCE_SECONDS)


@forks_only_on_linux
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_forked_module_can_start_workers(shell: Shell, method: str) -> None:
    module = shell.module(
        f"""
        import multiprocessing
        def square(number):
            return number * number
        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(pool.map(square, [1, 2, 3]))
        """
    )
    assert shell.run(sys.executable, "-m", module, preload=("colorsys",)).exit_code == 0
    assert shell.output.read_text() == "[1, 4, 9]\n"


@forks_only_on_linux
def test_forked_modules_share_no_state(shell: Shell) -> None:
    module = shell.module("import colorsys; print(getattr(colorsys, 'mark', 'clean')); colorsys.mark = 'dirty'")
    for _ in range(2):
        shell.run(sys.executable, "-m", module, preload=("colorsys",))
    assert shell.output.read_text() == "clean\nclean\n"


@forks_only_on_linux
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "No module named 'to_preload'"),
        ("raise RuntimeError('no driver')", "no driver"),
        ("import sys; sys.exit('not on this machine')", "not on this machine"),
        ("print(1", "'(' was never closed (to_preload.py, line 1)"),
    ],
)
def test_a_module_that_cannot_be_preloaded_says_why_and_the_host_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str | None, said: str
) -> None:
    if code is not None:
        (tmp_path / "to_preload.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    machine = Machine()
    try:
        shell = Shell(machine, tmp_path)
        process = shell.run(sys.executable, "-m", shell.module("print('ran')"), preload=("to_preload",))
        assert process.exit_code is None
        why = "cannot import to_preload, which the image's label stepsweep.preload names"
        assert process.error == f"{why}: {said}"
        assert shell.run("true").exit_code == 0
    finally:
        machine.close()


@forks_only_on_linux
def test_a_preloaded_module_that_prints_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "to_preload.py").write_text("print('imported')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    machine = Machine()
    try:
        shell = Shell(machine, tmp_path)
        module = shell.module("import sys; print('ran', 'to_preload' in sys.modules)")
        assert shell.run(sys.executable, "-m", module, preload=("to_preload",)).exit_code == 0
        assert shell.output.read_text() == "ran True\n"
    finally:
        machine.close()
    assert capfd.readouterr().err == "imported\n"


@forks_only_on_linux
@pytest.mark.parametrize("is_bare", [False, True])
def test_a_fork_imports_stepsweep_from_its_own_search_path(tmp_path: Path, is_bare: bool) -> None:
    """A function's package has a copy of its own, and so may an image have."""
    own = tmp_path / "stepsweep" / "__init__.py"
    own.parent.mkdir()
    own.write_text("")
    (tmp_path / "a_file.py").write_text("import stepsweep; print(stepsweep.__file__)")
    machine = Machine(is_bare=is_bare)
    try:
        shell = Shell(machine, tmp_path)
        argv = [*BARE, "a_file.py"] if is_bare else ["-m", "a_file"]
        given = {**ENVIRONMENT, "PYTHONPATH": str(tmp_path)}
        shell.run(sys.executable, *argv, env=given, preload=("colorsys",))
        assert shell.output.read_text() == f"{own}\n"
    finally:
        machine.close()


@forks_only_on_linux
def test_a_forked_module_that_does_not_listen_is_killed_with_all_it_started(shell: Shell) -> None:
    module = shell.module(
        """
        import signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["setsid", "sleep", "600"])
        time.sleep(600)
        """
    )
    process = shell.start(sys.executable, "-m", module, preload=("colorsys",))
    eventually(lambda: sleepers(shell))
    shell.machine.end(process, grace_seconds=0.1)
    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 137
    assert sleepers(shell) == []


@forks_only_on_linux
def test_a_forked_module_can_be_interrupted(shell: Shell) -> None:
    module = shell.module("import time; print('ready', flush=True); time.sleep(600)")
    process = shell.start(sys.executable, "-m", module, preload=("colorsys",))
    eventually(lambda: shell.output.exists() and "ready" in shell.output.read_text())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert process.ended.wait(PATIENCE_SECONDS)
    assert process.exit_code == 130
    assert shell.output.read_text().endswith("KeyboardInterrupt\n")


def test_what_follows_a_process_runs_also_where_nothing_can_be_noted(shell: Shell) -> None:
    """As on a full disk: a container is removed, whatever becomes of what the engine says of it."""
    removed = shell.folder / "removed"
    process = shell.run("true", after=[["touch", str(removed)]], said=shell.folder / "missing" / "said.json")
    assert process.exit_code == 0
    assert removed.exists()
