"""What `sweep init` writes: the whole sweep.yaml of a script's options and run, and the whole image for AWS."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.proposing import installed
from stepsweep.client.proposing.image import Image, proposed
from stepsweep.client.proposing.script import Option, Tried, configured
from stepsweep.client.proposing.spec import proposal, text_of
from stepsweep.contract.errors import InvalidInput

HEAD = """\
# What `sweep run` does in this folder. `sweep plan` shows it, and starts nothing.
# All of it is a proposal: change what you know better.

"""

NO_OPTIONS = """\
# How the script takes its options, if not as --name value:
# arguments: {style: name=value}
"""

NO_METRICS = """\
# Where the metrics are, unless the script prints name=value, name: value or JSON; the number in parentheses:
# metrics: {accuracy: 'Test accuracy: (\\S+)%'}
# or a file that it writes:
# metrics: metrics.csv
"""

NO_FILES = """\
# Files that it leaves, which `sweep download` gets of the winner:
# artifacts: [best.pt]
"""

NO_PARAMETERS = """\

parameters:
  lr: [0.1, 0.01, 0.001]  # PROPOSED: name the options of your script, and their choices

"""


def option(
    name: str, default: Any = None, *, kind: str = "", choices: Sequence[Any] = (), required: bool = False
) -> Option:
    kind = kind or type(default).__name__
    return Option(name=name, kind=kind, default=default, choices=tuple(choices), required=required)


def tried(**fields: Any) -> Tried:
    nothing: dict[str, Any] = {"metrics": (), "file": None, "epochs": 0, "models": (), "ended": "", "last_lines": ()}
    return Tried(**{**nothing, **fields})


MANY = [
    option("model.Learning_Rate", 0.3),
    option("optimizer", "sgd", choices=["sgd", "adam", None, [1], {"no": "value"}]),
    option("batch_size", 32),
    option("dropout", 0),
    option("gamma", 0.7),
    option("wd", 0.0),
    option("momentum", 0.8),
    option("beta1", 0.9),
    option("C", 1.0),
    option("hidden", 1),
    option("units", 2),
    option("width", 5.0),
    option("depth", 0.5),
    option("heads"),
    option("alpha", True, kind="float"),
    option("workers", 4),
    option("lambda", -1),
    option("path", "x"),
    option("quiet", False, kind="flag"),
    option("num_epochs", 7),
    option("manual-seed", 1),
    option("ep", 1),
    option("bad name", 1),
    option("fold", 1),
]


def test_options_with_usual_names_get_choices_the_likeliest_first() -> None:
    found = tried(
        metrics=("loss", "val_loss", "val_acc", "time"),
        epochs=5,
        models=("best.pt", "ck.1/epoch-12.pt", "ck.2/epoch-13.pt", "a b.pt"),
    )
    assert (
        text_of("python train.py", proposal(MANY), found)
        == HEAD
        + """\
command: python train.py
arguments: {epochs: num_epochs, seed: manual-seed, booleans: flag}
# In its output: loss, val_loss, val_acc, time
# It left these; `sweep download` gets the winner's:
artifacts: [best.pt, "ck.*/epoch-*.pt"]

parameters:
  model.Learning_Rate: [0.03, 0.3, 3]
  C: [0.1, 1, 10]
  # gamma: [0.35, 0.7, 0.9]
  # momentum: [0, 0.8, 0.9]
  # beta1: [0, 0.5, 0.9]
  # batch_size: [16, 32, 64]
  # hidden: [1, 2]
  # width: [2, 5, 10]
  # units: [1, 2, 4]
  # optimizer: ["sgd", "adam", null, [1]]
  # wd: [0, 0.0001, 0.01]
  # dropout: [0, 0.2, 0.5]
  # quiet: [false, true]
# Other options: depth, heads, alpha, workers, lambda, path

epochs: 7
objective: {metric: val_acc, direction: maximize}
"""
    )


def test_options_that_a_script_insists_on_get_usual_values_or_are_named() -> None:
    options = [
        option("lr", kind="float", required=True),
        option("units", kind="int", required=True),
        option("dropout", kind="int", required=True),
        option("data", kind="str", required=True),
        option("steps", 3, required=True),
        option("amp", False, kind="bool"),
        option("cpu", False, kind="flag"),
        option("epochs", "many", required=True),
    ]
    known = proposal(options, ["corpus", "out"])
    assert known.guessed == {"lr": 0.01, "units": 32}
    assert (
        text_of("python train.py: x", known, None)
        == HEAD
        + """\
command: "python train.py: x"
# The script insists on CORPUS, OUT; write it at the command's end
arguments: {booleans: no-flag}
"""
        + NO_METRICS
        + NO_FILES
        + """
parameters:
  lr: [0.001, 0.01, 0.1]
  dropout: [0, 0.2, 0.5]
  # units: [16, 32, 64]
  # amp: [false, true]
# The script insists on these; give each a value:
# fixed:
#   dropout: VALUE
#   data: VALUE
# Other options: data, steps, cpu

epochs: 10
objective: {metric: accuracy, direction: maximize}  # PROPOSED: the metric that decides
"""
    )


def test_fields_of_a_file_and_metrics_in_another() -> None:
    known = proposal([option("lr", 0.1), option("max-epochs", 0), option("amp", True)], file="c, d.yaml")
    found = tried(metrics=("x",), file="out/a.csv", epochs=3, models=("a.pt", "b.pt", "c.pt", "d.pt"))
    assert (
        text_of("python train.py", known, found)
        == HEAD
        + """\
command: python train.py
arguments: {file: "c, d.yaml", epochs: max-epochs}
metrics: "out/a.csv"  # has x
# It left these; `sweep download` gets the winner's:
# artifacts: [a.pt, b.pt, c.pt]

parameters:
  lr: [0.01, 0.1, 1]
  # amp: [false, true]

epochs: 10
objective: {metric: x, direction: maximize}  # PROPOSED: or minimize
"""
    )


def test_what_only_a_run_tells() -> None:
    found = tried(metrics=("seconds", "train_loss", "accuracy"), epochs=4)
    ending = "epochs: 4  # as many as it printed by itself\nobjective: {metric: accuracy, direction: maximize}\n"
    printed = "# In its output: seconds, train_loss, accuracy\n"
    head = HEAD + "command: sh train.sh\n"
    assert text_of("sh train.sh", None, found) == head + NO_OPTIONS + printed + NO_FILES + NO_PARAMETERS + ending
    told = "arguments: {epochs: false, seed: seed}\n"
    known = proposal([option("seed", 1)])
    assert text_of("sh train.sh", known, found) == head + told + printed + NO_FILES + NO_PARAMETERS + ending


def test_one_row_is_no_number_of_epochs() -> None:
    found = tried(metrics=("auc",), epochs=1, models=("a.pt", "b.bin", "c"))
    assert text_of("sh train.sh", proposal([]), found) == (
        f"""{HEAD}command: sh train.sh
# In its output: auc
# It left these; `sweep download` gets the winner's:
artifacts: [a.pt, b.bin, c]
{NO_PARAMETERS}# epochs: 10  # if the script has an option for it
objective: {{metric: auc, direction: maximize}}
"""
    )


def test_what_nothing_tells() -> None:
    assert text_of("sh train.sh", None, None) == (
        HEAD + "command: sh train.sh\n" + NO_OPTIONS + NO_METRICS + NO_FILES + NO_PARAMETERS
        + "# epochs: 10  # if the script has an option for it\n"
        "objective: {metric: accuracy, direction: maximize}  # PROPOSED: the metric that decides\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "objective"),
    [
        (("loss", "acc"), "acc, direction: maximize"),
        (("loss", "test_loss", "acc"), "test_loss, direction: minimize"),
        (("train_auc", "Eval_loss", "dev_f1"), "dev_f1, direction: maximize"),
        (("n", "loss"), "loss, direction: minimize"),
    ],
)
def test_the_metric_that_decides(metrics: tuple[str, ...], objective: str) -> None:
    last = text_of("x", None, tried(metrics=metrics)).splitlines()[-1]
    assert last == f"objective: {{metric: {objective}}}"


def test_a_configuration_file_that_the_script_names_has_the_options(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "params.json").write_text('{"lr": 0.1, "on": true, "name": "x", "none": null, "list": [1]}')
    for other in ("conf.yaml", "results.json", "my-params.json"):
        (tmp_path / other).write_text("a: 1")
    (tmp_path / "settings.yaml").write_text("[")
    (tmp_path / "train.py").write_text(
        "open('settings.yaml'), open('results.json'), open('conf/params.json'), open('xconf.yaml'), 'my-params.jsonx'"
    )
    assert configured("train.py", tmp_path) == (
        "conf/params.json", [option("lr", 0.1), option("on", True), option("name", "x")]
    )  # fmt: skip
    (tmp_path / "train.py").write_text("no file")
    assert configured("train.py", tmp_path) is None


# --- the image


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
