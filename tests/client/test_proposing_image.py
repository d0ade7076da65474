"""What `sweep init --aws` writes: the whole image of a script."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.proposing import installed
from stepsweep.client.proposing.image import Image, proposed
from stepsweep.contract.errors import InvalidInput


def package(
    name: str | None, number: str = "1.0", needs: Sequence[str] = (), modules: Sequence[str] = ()
) -> dict[str, Any]:
    return {"name": name, "version": number, "needs": list(needs), "modules": list(modules)}


TORCH_NEEDS = [
    "sympy>=1.13; python_version >= '3.12'", "old; python_version < '3.12'", "arm; platform_machine != 'x86_64'",
    "nvidia-cublas; platform_system == 'Linux'", "cuda-bindings", "triton>=3; sys_platform == 'linux'",
    "pywin32; sys_platform == 'win32'", "optree; extra == 'opt'", "not-here",
]  # fmt: skip
INSTALLED = [
    package("PyYAML", "6.0.2", modules=["yaml", "_yaml"]),
    package("torch", "2.9.1+cu128", TORCH_NEEDS, ["torch"]),
    package("sympy", "1.14", ["mpmath (>=1.1.*)", "torch"]),
    *(package(name) for name in ("mpmath", "optree", "nvidia-cublas", "cuda-bindings", "triton", "old", "arm")),
    *(package("pywin32"), package("stepsweep", modules=["stepsweep"])),
    *(package(name, modules=[name.partition("-")[0]]) for name in ("opencv-python", "lightgbm")),
    *(package("broken", "no version"), package(None), package("-r"), package("empty", "")),
]

ANSWER = {"python": "3.12", "standard": ["json", "ours"], "packages": INSTALLED}


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter that has these packages, as `installed.py` prints them."""
    file = tmp_path / "python"
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(ANSWER)}\nEND\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("import json, ours, torch.nn, strange.sub\nfrom . import x\nfrom helper import y")
    (folder / "helper.py").write_text("import yaml\nimport os, stepsweep, train")
    return folder


KIT = f"pip install --no-cache-dir stepsweep=={version('stepsweep')}"
SLIM, CUDA = "python:3.12-slim", "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"
LIBRARIES = (
    "RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libgomp1 \\\n"
    "    && rm -rf /var/lib/apt/lists/*\n"
)
LOCKED = "COPY requirements.lock .\nRUN pip install --no-cache-dir --requirement requirements.lock && " + KIT


def dockerfile(base: str, install: str, *, libraries: str = "") -> str:
    return f"""\
# The image of the trials on AWS. It has no ENTRYPOINT: that is the `command` of sweep.yaml.
FROM {base}
{libraries}WORKDIR /app
{install}
# Trials are not root. This user may write to the working folder, to its home and to /tmp.
RUN useradd --create-home --uid 10001 trial && chown trial /app
COPY --chown=trial . .
USER trial
"""


def lock(source: str, *lines: str) -> str:
    return (
        "# The versions that were installed here when `sweep init --aws` wrote this file: of what\n"
        f"# {source}, and of what that needs. Add what is loaded in another way.\n"
    ) + "".join(f"{line}\n" for line in lines)


CPU = "--extra-index-url https://download.pytorch.org/whl/cpu"
FOR_CPU = ("mpmath==1.0", "pyyaml==6.0.2", "sympy==1.14", "torch==2.9.1")


@pytest.mark.parametrize("gpu", [False, True])
def test_the_image_has_what_the_script_imports_and_what_that_needs_on_its_machine(
    project: Path, python: str, gpu: bool
) -> None:
    pins = ("cuda-bindings==1.0", "mpmath==1.0", "nvidia-cublas==1.0", *FOR_CPU[1:], "triton==1.0")
    assert proposed(project, "train.py", python, gpu=gpu) == Image(
        files={
            "Dockerfile": dockerfile(SLIM, LOCKED),  # PyTorch of PyPI brings CUDA
            "requirements.lock": lock("train.py imports", *(pins if gpu else (CPU, *FOR_CPU))),
        },
        notes=(
            f"train.py imports strange, which no package of {python} has. If a trial needs it, add its package to "
            "requirements.lock.",
        ),
    )


def test_packages_that_need_libraries_and_a_machine_with_gpus(project: Path, python: str) -> None:
    (project / "train.py").write_text("import opencv, lightgbm")
    packages = lock("train.py imports", "lightgbm==1.0", "opencv-python==1.0")
    assert proposed(project, "train.py", python, gpu=True) == Image(
        files={"Dockerfile": dockerfile(CUDA, LOCKED, libraries=LIBRARIES), "requirements.lock": packages}, notes=()
    )


def test_a_script_that_imports_nothing_that_is_installed(project: Path, python: str) -> None:
    (project / "train.py").write_text("import strange, stranger, json")
    note = f"train.py imports strange, stranger, which no package of {python} has. If a trial needs it, add its package"
    assert proposed(project, "train.py", python, gpu=False) == Image(
        files={"Dockerfile": dockerfile(SLIM, f"RUN {KIT}  # and what the script imports")},
        notes=(f"{note} to the Dockerfile.",),
    )


def test_the_image_has_what_requirements_txt_names(project: Path, python: str) -> None:
    (project / "more").mkdir()
    (project / "more" / "base.txt").write_text("--requirement=../requirements.txt\nPyYAML>=5 # mine\n")
    (project / "requirements.txt").write_text(
        "# mine\n-i https://a\n--trusted-host b\n-f c\n--find-links d\n--index-url e\n--extra-index-url f\n"
        "torch[opt] \\\n >=2 --hash=sha256:1\nmissing>=1\nabsent\nwinonly; sys_platform=='win32'\n-r more/base.txt\n"
    )
    options = ("-i https://a", "--trusted-host b", "-f c", "--find-links d", "--index-url e", "--extra-index-url f")
    pins = (CPU, *options, "missing>=1", "absent", "mpmath==1.0", "optree==1.0", *FOR_CPU[1:])
    assert proposed(project, "train.py", python, gpu=False) == Image(
        files={
            "Dockerfile": dockerfile(SLIM, LOCKED),
            "requirements.lock": lock("requirements.txt names", *pins),
        },
        notes=(
            f"Not installed in {python}: missing>=1, absent. requirements.lock has this as requirements.txt has it, "
            "without what it needs: install it, and write the files again.",
        ),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("torch\n-e .\nmine @ https://a\n./c\n", "-e ., mine @ https://a, ./c"),
        ("-r ../outside.txt\nd e\n\x1b[31m ]\n" + "f " * 80, "-r ../outside.txt, d e, \x1b[31m ] and 1 more line"),
        ("] " * 80 + "\n" + 4 * "]\n", f"{'] ' * 50}, ], ] and 2 more lines"),
    ],
)
def test_requirements_that_only_pip_understands_are_left_to_it(
    project: Path, python: str, text: str, named: str
) -> None:
    (project / "requirements.txt").write_text(text)
    (project.parent / "outside.txt").write_text("torch")
    install = f"COPY . .\nRUN pip install --no-cache-dir --requirement requirements.txt && {KIT}"
    note = f"No lock file: requirements.txt has {named}. The image installs it as it is, behind a copy of all files."
    assert proposed(project, "train.py", python, gpu=False) == Image(
        files={"Dockerfile": dockerfile(SLIM, install)}, notes=(note,)
    )


UV = (
    "COPY pyproject.toml uv.lock ./\nRUN pip install --no-cache-dir uv && uv export --frozen --no-dev "
    "--no-emit-project --output-file requirements.lock && "
    f"pip install --no-cache-dir --requirement requirements.lock && {KIT}"
)


@pytest.mark.parametrize(
    ("files", "install", "base", "libraries"),
    [
        ({"uv.lock": '[[package]]\nname = "Torch"\n', "requirements.txt": "x"}, UV, SLIM, ""),
        ({"uv.lock": "".join(f'[[package]]\nname = "{name}"\n' for name in ("lightgbm", "OpenCV_Python"))}, UV, CUDA,
         LIBRARIES),
        ({"uv.lock": ""}, UV, CUDA, ""),
        ({"requirements.lock": "LightGBM==4.7.0 --hash=sha256:12\nopencv-contrib-python\n", "uv.lock": "[["}, LOCKED,
         CUDA, LIBRARIES),
        ({"requirements.lock": "torch\n-e .\n"}, LOCKED, SLIM, ""),
    ],
)  # fmt: skip
def test_the_project_s_own_lock_file_is_taken(
    project: Path, python: str, files: dict[str, str], install: str, base: str, libraries: str
) -> None:
    for name, text in {"pyproject.toml": "", **files}.items():
        (project / name).write_text(text)
    needs_all = "-e ." in files.get("requirements.lock", "")
    if needs_all:
        install = install.replace("COPY requirements.lock", "COPY .")
    assert proposed(project, "train.py", python, gpu=True) == Image(
        files={"Dockerfile": dockerfile(base, install, libraries=libraries)}, notes=()
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[package", "is no lock file of uv: "),
        ("package = 1", "is no lock file of uv: 'int' object is not iterable"),
        ('[[package]]\nversion = "1"', "is no lock file of uv: 'name'"),
        (None, "there is no pyproject.toml beside it, which `uv export` reads"),
    ],
)
def test_a_damaged_lock_file_is_named(project: Path, python: str, text: str | None, fault: str) -> None:
    (project / "uv.lock").write_text(text or "")
    if text is not None:
        (project / "pyproject.toml").touch()
    with pytest.raises(InvalidInput) as raised:
        proposed(project, "train.py", python, gpu=False)
    (said,) = raised.value.faults
    assert said.startswith(f"uv.lock: {fault}") if fault.endswith(" ") else said == f"uv.lock: {fault}"


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("exit 3", "Command '['{python}', '{installed}']' returned non-zero exit status 3."),
        ("echo }", "Extra data: line 2 column 1 (char {size})"),
        (None, "[Errno 2] No such file or directory: '{python}'"),
    ],
)
def test_an_interpreter_that_does_not_answer_is_named(
    project: Path, python: str, last: str | None, reason: str
) -> None:
    file = Path(python)
    if last is None:
        file.unlink()
    else:
        file.write_text(f"{file.read_text()}{last}\n")
    size = len(json.dumps(ANSWER)) + 1
    with pytest.raises(InvalidInput) as raised:
        proposed(project, "train.py", python, gpu=False)
    reason = reason.format(python=python, installed=installed.__file__, size=size)
    assert raised.value.faults == (f"--aws: {python} does not say what it has installed: {reason}",)
