"""What is said where an extra is not installed, and that the extras are what the code says they are."""

import functools
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepsweep.client.extras import MODULES, missing, need
from stepsweep.contract.errors import InvalidInput
from tests.support.embedded import REPOSITORY

EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def requirements(extra: str) -> Iterator[str]:
    """Yields what an extra installs, with what the extras that it includes install."""
    for line in EXTRAS[extra]:
        if own := re.fullmatch(r"stepsweep\[(.+)\]", line):
            for name in own[1].split(","):
                yield from requirements(name)
        else:
            yield line


@functools.cache
def tops(name: str) -> set[str]:
    """Returns the modules that a package installs, not those that they contain."""
    try:
        files = importlib.metadata.distribution(name).files or []
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {file.parts[0].removesuffix(".py") for file in files}


@pytest.mark.parametrize("extra", MODULES)
def test_the_modules_that_are_looked_for_are_those_of_the_extra(extra: str) -> None:
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requirements(extra)}
    packages = {module: name for name in names for module in tops(name)}
    # One that the development environment lacks is named as its module is.
    of_modules = {packages.get(module, module) for module in MODULES[extra]}
    assert of_modules == names


def test_all_is_all_of_them() -> None:
    assert set(requirements("all")) == {line for extra in MODULES for line in requirements(extra)}


@pytest.mark.parametrize(
    ("lock", "extra"), [("trainer/requirements.lock", "tutorial"), ("statemachine/sampler.lock", "local")]
)
def test_the_small_lock_files_have_the_versions_of_the_extras(lock: str, extra: str) -> None:
    pinned = set(re.findall(r"^([^ ]+==[^ ;]+)", (REPOSITORY / lock).read_text(), re.MULTILINE))
    assert pinned & set(requirements(extra)), "at least one version is exact"
    names = {line.partition("==")[0] for line in pinned}
    assert {line for line in requirements(extra) if "==" in line and line.partition("==")[0] in names} <= pinned


# --- what is said -----------------------------------------------------------------------------------------------------

WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from stepsweep.client.cli.main import main; main()"
LOCAL = [
    ["run", "--set", "lr=0.1,0.01", "--epochs", "1"],
    ["start", "--set", "lr=0.1,0.01", "--epochs", "1"],
    *(
        [command, "first"]
        for command in ("watch", "show", "report", "compare", "stop", "rm", "resume")
    ),
    ["list"],
    ["ui"],
    ["logs", "first", "1"],
    ["export", "first", "--mlflow", "sqlite:///mlflow.db"],
    ["serve"],
]  # fmt: skip


def without(module: str, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, module, *command], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", LOCAL, ids=lambda command: command[0])
def test_a_command_on_this_machine_asks_for_the_embedded_cloud_s_packages(command: list[str], tmp_path: Path) -> None:
    ended = without("filelock", command, tmp_path)
    assert ended.returncode == 2
    on_this_machine = "" if command[0] == "serve" else " on this machine"
    assert ended.stderr == (
        f"sweep: `sweep {command[0]}`{on_this_machine} needs filelock: pip install 'stepsweep[local]'\n"
    )
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == [], "nothing was started"


@pytest.mark.parametrize("tool", ["mlflow", "tensorboard"])
def test_the_tool_of_an_export_is_asked_for_before_the_sweep_is_looked_for(tool: str, tmp_path: Path) -> None:
    ended = without(tool, ["export", "first", f"--{tool}", "there", "--on", "aws"], tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == f"sweep: `sweep export --{tool}` needs {tool}: pip install 'stepsweep[{tool}]'\n"


@pytest.mark.parametrize(
    ("module", "state", "extra"), [("filelock", "problem", "local"), ("torch", "warning", "tutorial")]
)
def test_doctor_says_what_to_install(module: str, state: str, extra: str, tmp_path: Path) -> None:
    ended = without(module, ["doctor"], tmp_path)
    assert re.search(rf"{state} +packages \[{extra}\]: {module}: missing", ended.stdout), ended.stdout
    assert ended.stdout.count(f"pip install 'stepsweep[{extra}]'") == 1
    assert ended.stderr == ""


def test_what_is_missing_of_what_is_needed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    need("report", "plot()")
    for module in ("matplotlib", "pandas", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    assert (missing("report"), missing("ui")) == (["matplotlib", "pandas"], [])
    for modules, named in (((), "matplotlib, pandas"), (["pandas", "optuna"], "pandas")):
        with pytest.raises(InvalidInput) as refused:
            need("report", "plot()", modules)
        assert str(refused.value) == f"plot() needs {named}: pip install 'stepsweep[report]'"
    need("report", "plot()", ["optuna"])


@pytest.mark.parametrize("module", ["aws_cdk", "constructs", "pathspec"])
def test_the_cdk_app_says_what_to_install(module: str) -> None:
    app = "runpy.run_module('stepsweep.stack.app', run_name='__main__')"
    program = f"import runpy, sys; sys.modules['{module}'] = None; {app}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == f"stepsweep: the stack needs {module}: pip install 'stepsweep[deploy]'\n"
    assert ended.stdout == ""


def test_deploying_needs_nothing_of_the_embedded_cloud() -> None:
    """It shares the template's module with it."""
    others = sorted({*MODULES["local"]} - {*MODULES["deploy"]})
    program = (
        f"import sys; sys.modules |= dict.fromkeys({others!r})\nfrom stepsweep.client.cli import deploy\n"
        "from stepsweep.client.deploying import cdk, choices, target, zones"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_doctor_has_one_finding_for_an_extra_and_says_by_its_exit_code_whether_it_is_needed(tmp_path: Path) -> None:
    ended = without("psutil", ["doctor", "--json"], tmp_path)
    assert ended.returncode == 1
    findings = json.loads(ended.stdout)
    assert next(one["check"] for one in findings if one["state"] == "problem") == "packages [local]"
    assert not {"node", "memory"} & {one["check"] for one in findings}, "what the extra brings is not asked for again"
    ended = without("torch", ["doctor"], tmp_path)
    assert ended.returncode == 0, "a trainer of one's own needs no torch"


def test_cores_of_jobs_on_this_machine_do_not_matter_to_aws(tmp_path: Path) -> None:
    command = ["run", "--set", "lr=1", "--epochs", "1", "--job-vcpus", "1", "--on", "aws", "--profile", "no-such"]
    assert "no-such" in without("filelock", command, tmp_path).stderr
