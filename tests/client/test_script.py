"""`command` in a spec file: what is refused before anything starts, and what trials run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.specs.asked import checked
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_files import Link, contents
from stepsweep.trainer_script import Script

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GRID: dict[str, Any] = {"parameters": {"lr": [0.1, 0.01]}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "train.py").touch()
    return tmp_path


def script(project: Path, **fields: Any) -> Script:
    found = checked({**GRID, **fields}, default_name="x", folder=project)[1]
    assert found is not None
    return found


def faults(project: Path, **fields: Any) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        checked({**GRID, **fields}, default_name="x", folder=project)
    return list(raised.value.faults)


def words(project: Path, **fields: Any) -> list[str]:
    return list(script(project, **fields).entrypoint)


def test_the_trial_s_options_come_at_the_end_and_epochs_and_seeds_go_to_scripts_that_want_them(project: Path) -> None:
    end = ["--", "python", "train.py", "{args}"]
    assert words(project, command="python train.py") == ["stepsweep-trial", "--no-epochs", "--no-seed", *end]
    assert words(project, command="python train.py", epochs=3) == ["stepsweep-trial", "--no-seed", *end]
    arguments = {"epochs": "max_epochs", "seed": "random_state", "style": "name=value", "dashes": True}
    assert words(project, command=["python", "train.py"], epochs=3, arguments=arguments) == [
        "stepsweep-trial",
        "--style=name=value",
        "--dashes",
        "--epochs-as=max_epochs",
        "--seed-as=random_state",
        *end,
    ]


def test_an_execution_s_input_has_nothing_of_the_command(project: Path) -> None:
    spec, _ = checked({**GRID, "command": "python train.py", "data": []}, default_name="x", folder=project)
    assert spec.epochs == 1
    assert not {"command", "data"} & set(spec.to_json())


@pytest.mark.parametrize(("python", "text"), [("", '""'), ([1], "[1]"), (3, "3")])
def test_an_interpreter_that_is_no_name_is_shown(project: Path, python: object, text: str) -> None:
    assert faults(project, command="python train.py", python=python) == [
        f"python: must be an interpreter such as .venv/bin/python, got {text}"
    ]


def test_metrics_are_patterns_or_a_file(project: Path) -> None:
    patterns = {"acc": r"acc (\d+)", "epoch": r"ep (\d+)"}
    assert words(project, command="python train.py", metrics=patterns)[3:5] == [
        r"--metric=acc=acc (\d+)",
        r"--epoch=ep (\d+)",
    ]
    assert "--metrics-file=out.csv" in words(project, command="python train.py", metrics="out.csv")
    assert "--tensorboard=runs" in words(project, command="python train.py", metrics={"tensorboard": "runs"})
    assert "--mlflow=mlruns" in words(project, command="python train.py", metrics={"mlflow": "mlruns"})


def test_placeholders_stand_for_all_parameters_or_for_none(project: Path) -> None:
    assert words(project, command="python train.py --rate {lr}")[-2:] == ["{lr}", "--"]
    assert faults(project, command="python train.py {lr} {width}", fixed={"decay": 1}) == [
        "command: has no place for decay; write {decay} where its value belongs, or {args} at the end",
        "command: {width} is no parameter; give it choices in `parameters`, or a value in `fixed`",
    ]
    places = " ".join(
        f"{{{name}}}" for name in ("lr", "epochs", "seed", "fold", "folds", "checkpoint_dir", "artifacts_dir")
    )
    assert words(project, command=f"python train.py {places}")[-1] == "--"
    assert words(project, command="python train.py {lr} {args}", fixed={"decay": 1})[-1] == "{args}"


def test_every_fault_is_named_at_once_beside_those_of_the_rest(project: Path) -> None:
    assert faults(
        project,
        command="python missing.py",
        python="no/python",
        metrics={"acc": "no group", "loss": "("},
        arguments={"style": "windows", "booleans": 1, "dashes": "yes", "epochs": True, "speed": 1},
        data=["/etc", "..", "there-is-none"],
        objective={"metric": "x"},
    ) == [
        'arguments.style: must be one of --name value, --name=value, name=value, hydra, env, got "windows"',
        "arguments.booleans: must be one of value, flag, no-flag, got 1",
        'arguments.dashes: must be true or false, got "yes"',
        "arguments.epochs: must be the name of the script's option, such as max_epochs, or false, got true",
        "arguments.speed: unknown; known are style, dashes, booleans, lists, nulls, file, epochs, seed",
        'python: must be an interpreter such as .venv/bin/python, got "no/python"',
        r"metrics.acc: must be a regular expression with the number in parentheses, such as 'accuracy (\S+)', got "
        '"no group"',
        'metrics.loss: not a regular expression: missing ), unterminated subpattern at position 0, got "("',
        'data: must be a path in the project\'s folder, such as data, got "/etc"',
        'data: must be a path in the project\'s folder, such as data, got ".."',
        f"data: there is no there-is-none in {project}",
        f"command: there is no missing.py in {project}",
        "objective.direction: missing, and which end of x is better is not known; write "
        '{"metric": "x", "direction": "maximize"}, or "minimize"',
    ]


@pytest.mark.parametrize("command", ["", [], "python 'train.py", 3, {"python": "train.py"}, ["python", 3]])
def test_what_is_no_command(project: Path, command: Any) -> None:
    (fault,) = faults(project, command=command)
    assert fault.startswith("command: must be a command such as python train.py {args}, or a list of its words")


@pytest.mark.parametrize("command", ["python train.py | tee log", "cd src && python train.py", "python train.py > log"])
def test_a_shell_s_words_are_refused_since_no_shell_would_read_them(project: Path, command: str) -> None:
    assert any("is the shell's, and no shell runs this" in fault for fault in faults(project, command=command))


def test_what_goes_with_a_command_goes_with_nothing_else(project: Path) -> None:
    (fault,) = faults(project, metrics="out.csv", epochs=1)
    assert fault == "metrics: goes with `command`; write command: python train.py, or leave it out"
    fault, missing = faults(project, metrics="out.csv")
    assert fault.startswith("metrics: ")
    assert missing.startswith("epochs: missing")


def test_halving_and_repeats_need_a_script_that_is_told(project: Path) -> None:
    asked = {"command": "python train.py", "halving": {}, "repeats": 3}
    assert faults(project, **asked) == [
        "halving: the script is not told for how many epochs it trains; name its option in arguments.epochs",
        "repeats: the script is given no seed; name its option in arguments.seed",
    ]
    assert script(project, **asked, epochs=30, arguments={"seed": "seed"}).entrypoint


def test_the_project_s_own_environment_is_taken_unless_another_is_named(project: Path) -> None:
    for name in ("venv", ".venv", "other"):
        python = project / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
    assert script(project, command="python train.py").python == str(project / ".venv/bin/python")
    assert script(project, command="python train.py", python="other/bin/python").python == str(
        project / "other/bin/python"
    )


def test_notes_specs_and_what_git_ignores_are_no_part_of_a_script_s_trainer(project: Path) -> None:
    (project / ".gitignore").write_text("runs/\n*.pt\n")
    (project / "data").mkdir()
    for name in (
        "README.md",
        "sweep.yaml",
        "sweep-wide.yaml",
        "mine.yaml",
        "best.pt",
        "config.yaml",
        "data/x.csv",
        "run.log",
    ):
        (project / name).write_text("x")
    (project / "runs").mkdir()
    (project / "runs" / "1.txt").write_text("x")
    document = {**GRID, "command": "python train.py", "data": "data"}
    _, found = checked(document, default_name="x", folder=project, file=str(project / "mine.yaml"))
    assert found is not None
    there = contents(found.written(project / ".stepsweep" / "scripts"))
    assert [str(name) for name in there] == ["Dockerfile", "config.yaml", "data", "train.py"]
    assert there[Path("data")] == Link(project / "data")


def test_beside_a_dockerfile_the_command_is_its_entrypoint(project: Path) -> None:
    (project / "Dockerfile").write_text('FROM python:3.11\nENTRYPOINT ["python", "old.py"]\n')
    lines = script(project, command="python train.py").dockerfile().decode().splitlines()
    assert lines[0] == "FROM python:3.11"
    assert lines[-2].startswith('ENTRYPOINT ["stepsweep-trial", ')
    assert lines[-1] == "CMD []"


def test_results_of_runs_by_hand_are_no_part_of_the_project(project: Path) -> None:
    for name in ("logs/metrics.csv", "logs/other.csv", "mlruns/0/meta.yaml", "tb/events.out.tfevents.1", "prompt.md"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    found = script(project, command="python train.py", metrics="logs/metrics.csv")
    there = contents(found.written(project / ".stepsweep" / "scripts"))
    assert [str(name) for name in there] == ["Dockerfile", "logs/other.csv", "prompt.md", "train.py"]


@pytest.mark.parametrize(
    ("metrics", "fault"),
    [
        ("/absolute/m.csv", "metrics: must be a path in the project's folder, such as logs/metrics.csv, got "),
        ({"tensorboard": "../runs"}, "metrics: must be a path in the project's folder, such as logs/metrics.csv, got "),
        ("data/m.csv", "metrics: data/m.csv lies in `data`, which all trials share; write it elsewhere"),
    ],
)
def test_metrics_that_trials_would_share_are_refused(project: Path, metrics: Any, fault: str) -> None:
    (project / "data").mkdir()
    (found,) = faults(project, command="python train.py", metrics=metrics, data="data")
    assert found.startswith(fault)
    assert words(project, command="python train.py", metrics="{checkpoint_dir}/trainer_state.json")


def test_a_file_of_params_takes_all_of_them(project: Path) -> None:
    found = words(
        project, command="python train.py --config {params_yaml}", arguments={"lists": "comma", "nulls": "omit"}
    )
    assert found == [
        "stepsweep-trial", "--lists=comma", "--nulls=omit", "--no-epochs", "--no-seed", "--",
        "python", "train.py", "--config", "{params_yaml}", "--",
    ]  # fmt: skip


def test_a_configuration_file_gets_the_options(project: Path) -> None:
    (project / "conf.yaml").write_text("optim: {lr: 1, wd: 0}\nrounds: 3\n")
    fields = {"command": "python train.py", "parameters": {"optim.lr": [1, 2]}}
    assert words(project, **fields, arguments={"file": "conf.yaml"}) == [
        "stepsweep-trial", "--into=conf.yaml", "--no-epochs", "--no-seed", "--", "python", "train.py", "{args}",
    ]  # fmt: skip
    told = {"file": "conf.yaml", "epochs": "rounds"}
    assert "--epochs-as=rounds" in words(project, **fields, epochs=2, arguments=told)
    assert faults(project, **fields, fixed={"optim.decay": 1}, arguments={"file": "conf.yaml"}) == [
        "arguments.file: conf.yaml has no field optim.decay; add it with its usual value, or name one of optim, "
        "optim.lr, optim.wd, rounds"
    ]
    assert faults(project, **fields, epochs=2, arguments={"file": "./conf.yaml", "style": "env"}) == [
        "arguments.file: not together with style, since the command gets no options",
        "arguments.epochs: conf.yaml has no field epochs; name the one for it, or write false",
    ]
    for file in ("../conf.yaml", "conf.txt", "none.yaml", 3):
        assert faults(project, **fields, arguments={"file": file})[0].startswith("arguments.file: ")


def test_a_virtual_environment_that_is_kept_elsewhere_is_no_part_of_the_project(project: Path) -> None:
    elsewhere = project.parent / f"{project.name}-environment"
    elsewhere.mkdir()
    (elsewhere / "pyvenv.cfg").touch()
    (project / ".venv").symlink_to(elsewhere)
    assert Path(".venv") not in contents(script(project, command="python train.py").written(project / ".stepsweep"))


def test_a_link_that_leaves_the_project_is_refused_unless_it_is_data(project: Path) -> None:
    outside = project.parent / f"{project.name}-outside"
    outside.mkdir()
    (project / "ext").symlink_to(outside)
    (project / "own.py").symlink_to("train.py")
    with pytest.raises(InvalidInput) as raised:
        contents(script(project, command="python train.py").written(project / ".stepsweep"))
    assert raised.value.faults == (
        f"ext: is a link to {outside}, outside the project, which trials would share, or not find; name it in `data`",
    )
    named = contents(script(project, command="python train.py", data="ext").written(project / ".stepsweep"))
    assert named[Path("ext")] == Link(outside)
    assert Path("own.py") in named
