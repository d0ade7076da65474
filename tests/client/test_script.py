"""`command` in a spec file: what is refused before anything starts, and what trials run."""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stepsweep import Sweeps
from stepsweep.client.cli.main import cli
from stepsweep.client.specs.asked import checked
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_files import Link, contents
from stepsweep.trainer_script import Script

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


@pytest.mark.parametrize(
    ("python", "text"), [("", '""'), ([1], "[1]"), (3, "3"), ("./", '"./"'),
                         ("./train.py", '"./train.py"')]
)  # fmt: skip
def test_an_interpreter_that_is_no_name_of_a_program_is_shown(project: Path, python: object, text: str) -> None:
    assert faults(project, command="python train.py", python=python) == [
        f"python: must be an interpreter such as .venv/bin/python, got {text}"
    ]


@pytest.mark.parametrize(
    ("python", "what"),
    [
        (".venv/bin/python", "there is no .venv/bin/python in {project}"),
        ("/no/such/python", "there is no /no/such/python"),
        ("no-such-program", "there is no program no-such-program in the PATH"),
        ("train.py", "there is no program train.py in the PATH"),
    ],
)
def test_an_interpreter_that_is_not_there_is_said_to_be_missing(project: Path, python: str, what: str) -> None:
    assert faults(project, command="python train.py", python=python) == [
        f"python: {what.format(project=project)}; make its environment, or name an interpreter that is there"
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
    places = "{lr} {epochs} {seed} {fold} {folds} {checkpoint_dir} {artifacts_dir} {params_json} {params_yaml}"
    told = {"epochs": 30, "halving": {}, "repeats": 3, "folds": 2}
    assert words(project, command=f"python train.py {places}", **told) == [
        "stepsweep-trial", "--no-seed", "--", "python", "train.py", *places.split(), "--",
    ]  # fmt: skip
    in_some = {"choices": [1, 2], "when": {"act": "a"}}
    lacking = "command: {m} has no value in the trials that lack the parameter; write {args} in its place"
    no_place = "command: has no place for act; write {act} where its value belongs, or {args} at the end"
    parameters = {"lr": [0.1], "act": ["a", "b"], "m": in_some}
    assert faults(project, command="python train.py {lr} {m}", parameters=parameters) == [lacking, no_place]
    listed = {"method": "list", "trials": [{"lr": 1}, {"lr": 2, "m": 3, "act": "a"}]}
    document = {"search": listed, "epochs": 1, "command": "python train.py {lr} {m}"}
    with pytest.raises(InvalidInput) as raised:
        checked(document, default_name="x", folder=project)
    assert list(raised.value.faults) == [lacking, no_place]
    assert words(project, command="python train.py {lr} {args}", fixed={"decay": 1})[-1] == "{args}"


@pytest.mark.parametrize("rest", ["{args}", "{lr}", "{lr} {params_json}"])
def test_a_placeholder_without_a_value_is_refused_wherever_the_other_options_go(project: Path, rest: str) -> None:
    assert faults(project, command=f"python train.py {{momentum}} {{fold}} {rest}") == [
        "command: {momentum} is no parameter; give it choices in `parameters`, or a value in `fixed`",
        "command: {fold} has a value with `folds` only; write folds: 5, or leave it out",
    ]


def test_a_placeholder_that_some_trials_lack_is_left_to_all_options(project: Path) -> None:
    parameters = {"lr": [0.1], "act": ["a", "b"], "m": {"choices": [1, 2], "when": {"act": "a"}}}
    assert faults(project, command="python train.py {m} {args}", parameters=parameters) == [
        "command: {m} has no value in the trials that lack the parameter; leave it out, or write {args} alone"
    ]


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
        f"python: there is no no/python in {project}; make its environment, or name an interpreter that is there",
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


NO_COMMAND = "must be a command such as python train.py {args}, or a list of its words"
OF_THE_SHELL = "is the shell's, and no shell runs this; write [bash, -c, …], or a script of its own"
NO_FILE = "must be a YAML or JSON file in the project's folder, such as config.yaml"
NO_METRICS = "must be an object of names and regular expressions, or the path of a file that the script writes"
NO_PATTERN = r"must be a regular expression with the number in parentheses, such as 'accuracy (\S+)'"
SHARED = "lies in `data`, which all trials share;"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("", [f'{NO_COMMAND}, got ""']),
        ([], [f"{NO_COMMAND}, got []"]),
        ("python 'train.py", [f"""{NO_COMMAND}: No closing quotation, got "python 'train.py\""""]),
        (3, [f"{NO_COMMAND}, got 3"]),
        ({"python": "train.py"}, [f'{NO_COMMAND}, got {{"python": "train.py"}}']),
        (["python", 3], [f'{NO_COMMAND}, got ["python", 3]']),
        (["python", ""], [f'{NO_COMMAND}, got ["python", ""]']),
        ("{args}", ["no program stands before {args}; write python train.py {args}"]),
        ("python {args} train.py", ['{args} must be its last word, got "python {args} train.py"']),
        ("python train.py | tee log", [f"| {OF_THE_SHELL}"]),
        ("cd src || exit && python x", [f"|| {OF_THE_SHELL}", f"&& {OF_THE_SHELL}"]),
        ("a > b >> c < d ; e &", [f"{sign} {OF_THE_SHELL}" for sign in (">", ">>", "<", ";", "&")]),
        ("./train.sh", ["there is no ./train.sh in {project}"]),
        ("python3 none.py --x", ["there is no none.py in {project}"]),
    ],
)
def test_what_is_no_command(project: Path, command: Any, found: list[str]) -> None:
    assert faults(project, command=command) == [f"command: {each.replace('{project}', str(project))}" for each in found]


@pytest.mark.parametrize("command", ["python -m none", "none.py", "none"])
def test_what_may_be_in_the_path_is_not_looked_for(project: Path, command: str) -> None:
    assert words(project, command=command)[3:] == ["--", *command.split(), "{args}"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (
            {"arguments": 3},
            ["arguments: must be an object of style, dashes, booleans, lists, nulls, file, epochs, seed, got 3"],
        ),
        (
            {"arguments": {"style": "hydra", "lists": "y", "nulls": "z", "seed": "1x", "epochs": "", "file": 3}},
            [
                'arguments.lists: must be one of json, comma, space, repeat, got "y"',
                'arguments.nulls: must be one of omit, value, got "z"',
                'arguments.seed: must be the name of the script\'s option, such as max_seed, or false, got "1x"',
                'arguments.epochs: must be the name of the script\'s option, such as max_epochs, or false, got ""',
                "arguments.file: not together with style, lists, nulls, since the command gets no options",
                f"arguments.file: {NO_FILE}, got 3",
            ],
        ),
        ({"arguments": {"file": "../conf.yaml"}}, [f'arguments.file: {NO_FILE}, got "../conf.yaml"']),
        ({"arguments": {"file": "/conf.yaml"}}, [f'arguments.file: {NO_FILE}, got "/conf.yaml"']),
        ({"arguments": {"file": "."}}, [f'arguments.file: {NO_FILE}, got "."']),
        ({"arguments": {"file": "conf.txt"}}, [f'arguments.file: {NO_FILE}, got "conf.txt"']),
        ({"arguments": {"file": "none.yaml"}}, ["arguments.file: there is no none.yaml in {project}"]),
        (
            {"arguments": {"file": "damaged.yaml"}},
            [
                "arguments.file: damaged.yaml cannot be read: while parsing a flow node expected the node content, but "
                "found '<stream end>' in \"{project}/damaged.yaml\", line 1, column 2"
            ],
        ),
        (
            {"arguments": {"file": "tab.yaml"}},
            [
                "arguments.file: tab.yaml cannot be read: while scanning for the next token found character '\\t' that "
                'cannot start any token in "{project}/tab.yaml", line 2, column 1'
            ],
        ),
        ({"arguments": {"file": "list.json"}}, ["arguments.file: list.json must be an object of names and values"]),
        (
            {"arguments": {"file": "conf.yaml"}, "data": ["./conf.yaml"]},
            [f"arguments.file: conf.yaml {SHARED} leave it out there"],
        ),
        (
            {"arguments": {"file": "conf.yaml"}},
            [
                "arguments.file: conf.yaml has no field lr; add it with its usual value, or name one of "
                "a, b, c, d, e, f, g, h, …"
            ],
        ),
        (
            {"arguments": {"file": "conf.yaml"}, "folds": 3, "parameters": {"h": [1]}},
            [
                f"arguments.file: conf.yaml has no field {name}; add it with its usual value, or name one of "
                "a, b, c, d, e, f, g, h, …"
                for name in ("folds", "fold")
            ],
        ),
        (
            {"arguments": {"file": "conf.yaml", "seed": "x"}, "epochs": 3, "parameters": {"h": [1]}},
            [
                "arguments.epochs: conf.yaml has no field epochs; name the one for it, or write false",
                "arguments.seed: conf.yaml has no field x; name the one for it, or write false",
            ],
        ),
        ({"metrics": ""}, [f'metrics: {NO_METRICS}, got ""']),
        ({"metrics": 3}, [f"metrics: {NO_METRICS}, got 3"]),
        ({"metrics": {}}, [f"metrics: {NO_METRICS}, got {{}}"]),
        ({"metrics": {"a": 3}}, [f"metrics.a: {NO_PATTERN}, got 3"]),
        (
            {"metrics": {"a": "(", "mlflow": "no group"}},
            [
                'metrics.a: not a regular expression: missing ), unterminated subpattern at position 0, got "("',
                f'metrics.mlflow: {NO_PATTERN}, got "no group"',
            ],
        ),
        ({"data": 3}, ["data: must be a path in the project's folder, or a list of them, got 3"]),
        ({"data": [""]}, ['data: must be a path in the project\'s folder, or a list of them, got [""]']),
        ({"data": "."}, ['data: must be a path in the project\'s folder, such as data, got "."']),
        ({"data": "x/../none"}, ["data: there is no none in {project}"]),
    ],
)
def test_what_is_wrong_beside_a_command(project: Path, fields: dict[str, Any], found: list[str]) -> None:
    (project / "conf.yaml").write_text("".join(f"{name}: 1\n" for name in "abcdefghi"))
    (project / "list.json").write_text("[1]")
    (project / "damaged.yaml").write_text("[")
    (project / "tab.yaml").write_text("optim:\n\tlr: 1\n")
    expected = [each.replace("{project}", str(project)) for each in found]
    assert faults(project, command="python train.py", **fields) == expected


@pytest.mark.parametrize("name", ["comand", "Command", "cmd"])
def test_a_misspelled_command_is_the_only_fault(project: Path, name: str) -> None:
    meant = f"unknown field `{name}`; did you mean `command`?"
    assert faults(project, **{name: "python train.py"}) == [meant]
    assert faults(project, **{name: "python train.py"}, data="data", metrics="out.csv") == [meant]


def test_a_misspelled_companion_is_named(project: Path) -> None:
    fields = {"metrisc": "out.csv", "argument": {}, "pyhton": "3"}
    assert faults(project, command="python train.py", **fields) == [
        f"unknown field `{name}`; did you mean `{meant}`?"
        for name, meant in zip(fields, ("metrics", "arguments", "python"), strict=True)
    ]
    (fault,) = faults(project, command="python train.py", zzz=1)
    assert fault.startswith("unknown field `zzz`; known are command, python, metrics, arguments, data, parameters, ")


def test_what_goes_with_a_command_goes_with_nothing_else(project: Path) -> None:
    (fault,) = faults(project, metrics="out.csv", epochs=1)
    assert fault == "metrics: goes with `command`; write command: python train.py, or leave it out"
    assert faults(project, metrics="out.csv", data=3) == [
        "metrics, data: goes with `command`; write command: python train.py, or leave it out",
        "epochs: missing; write the most epochs a trial may train, 1 to 100000",
    ]


def test_halving_and_repeats_need_a_script_that_is_told(project: Path) -> None:
    asked = {"command": "python train.py", "halving": {}, "repeats": 3}
    assert faults(project, **asked) == [
        "halving: the script is not told for how many epochs it trains; name its option in arguments.epochs",
        "repeats: the script is given no seed; name its option in arguments.seed",
    ]
    assert script(project, **asked, epochs=30, arguments={"seed": "seed"}).entrypoint
    asked |= {"command": "python train.py {lr}", "epochs": 30}
    untold = [
        "halving: the script is not told for how many epochs it trains; write {epochs} in `command` where its value "
        "belongs",
        "repeats: the script is given no seed; write {seed} in `command` where its value belongs",
    ]
    assert faults(project, **asked) == untold
    assert faults(project, **asked, arguments={"epochs": False, "style": "--name=value"}) == untold
    for told in ("{lr} {epochs} {seed}", "{params_json}", "{lr} {args}"):
        assert script(project, **asked | {"command": f"python {told}"}, arguments={"seed": "s"}).entrypoint
    assert script(project, **asked, arguments={"style": "env", "seed": "s"}).entrypoint


def test_an_option_that_is_named_needs_a_place_in_the_command(project: Path) -> None:
    named = {"arguments": {"epochs": "max_epochs", "seed": "random_state"}, "epochs": 9}
    assert faults(project, command="python train.py {lr}", **named) == [
        'arguments.epochs: `command` has no place for it, got "max_epochs"; write {epochs} where its value belongs, or '
        "{args} at the end",
        'arguments.seed: `command` has no place for it, got "random_state"; write {seed} where its value belongs, or '
        "{args} at the end",
    ]
    assert faults(project, command="python train.py {lr} {fold}", folds=3) == [
        "command: has no place for folds; write {folds} where its value belongs, or {args} at the end"
    ]


@pytest.mark.parametrize(
    ("command", "fields", "is_told"),
    [
        ("python train.py {lr}", {"epochs": 9}, False),
        ("python train.py {lr}", {"epochs": 9, "arguments": {"epochs": False}}, True),
        ("python train.py {lr}", {}, True),
        ("python train.py {lr} {epochs}", {"epochs": 9}, True),
        ("python train.py {params_yaml}", {"epochs": 9}, True),
        ("python train.py", {"epochs": 9}, True),
    ],
)
def test_it_is_said_that_a_script_is_not_told_its_epochs(
    project: Path, capsys: pytest.CaptureFixture[str], command: str, fields: dict[str, Any], is_told: bool
) -> None:
    caveat = (
        "The script is not told to train 9 epochs, since `command` has no {epochs}. Write {epochs} where the number "
        "belongs, or {args} at the end; if the script takes no number, write arguments: {epochs: false}."
    )
    file = project / "sweep.json"
    document = {"parameters": {"lr": [0.1]}, "command": command, **fields}
    file.write_text(json.dumps(document))
    planned = CliRunner().invoke(cli, ["plan", str(file), "--dir", str(project / "cloud")])
    assert (caveat in " ".join(planned.output.split())) is not is_told
    # The secret ends a run before it starts anything.
    file.write_text(json.dumps(document | {"secrets": ["NO_SUCH"]}))
    for verb in ("run", "start"):
        result = CliRunner().invoke(cli, [verb, str(file), "--dir", str(project / "cloud")])
        assert isinstance(result.exception, InvalidInput)
        assert (caveat in " ".join(result.output.split())) is not is_told
    for begin in (Sweeps(directory=project / "cloud").run, Sweeps(directory=project / "cloud").start):
        with pytest.raises(InvalidInput, match="NO_SUCH"):
            begin(file)
        assert (caveat in " ".join(capsys.readouterr().err.split())) is not is_told


@pytest.mark.parametrize(
    ("text", "command", "is_said"),
    [
        ("parser.add_argument('--lr')", "python train.py", True),
        ("parser.add_argument('--lr')", "python train.py {lr} {args}", True),
        ("parser.add_argument('--fold')", "python train.py", False),
        ("parser.add_argument('--lr')", "python train.py {lr} {folds} {fold}", False),
        ("", "python -m train", False),
    ],
)
def test_it_is_said_that_a_script_does_not_name_the_options_of_its_fold(
    project: Path, text: str, command: str, is_said: bool
) -> None:
    (project / "train.py").write_text(text)
    document = {"parameters": {"lr": [0.1]}, "epochs": 1, "folds": 3, "command": command}
    (project / "sweep.json").write_text(json.dumps(document))
    planned = CliRunner().invoke(cli, ["plan", str(project / "sweep.json"), "--dir", str(project / "cloud")])
    assert planned.exit_code == 0
    said = "Each trial gets the options folds (3) and fold (from 0), and train.py names neither."
    assert (said in " ".join(planned.output.split())) is is_said
    del document["folds"]
    (project / "sweep.json").write_text(json.dumps(document))
    planned = CliRunner().invoke(cli, ["plan", str(project / "sweep.json"), "--dir", str(project / "cloud")])
    assert said not in " ".join(planned.output.split())


def test_it_is_asked_whether_python_s_names_are_meant_as_values(project: Path) -> None:
    words = ("--set", "nesterov=True,False", "--fixed", "a=None", "--fixed", "b=Nonesuch")
    asked = "a has the texts None; did you mean null? nesterov has the texts True, False; did you mean true, false?"
    for verb in (["plan"], ["run", "--secret", "NO_SUCH"]):
        result = CliRunner().invoke(cli, [*verb, *words, "--epochs", "1", "--dir", str(project / "cloud")])
        assert asked in " ".join(result.output.split())


def test_the_project_s_own_environment_is_taken_unless_another_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def python(folder: Path) -> str:
        file = folder / "bin" / "python"
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
        return str(file)

    home = project / "home"
    activated, others = python(home / "activated"), python(home / "others")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert script(project, command="python train.py").python is None
    monkeypatch.setenv("VIRTUAL_ENV", str(home / "activated"))
    assert script(project, command="python train.py").python == activated
    for name in ("venv", ".venv"):
        found = python(project / name)
        assert script(project, command="python train.py").python == found
    assert script(project, command="python train.py", python="home/others/bin/python").python == others
    assert script(project, command="python train.py", python="~/others/bin/python").python == others
    monkeypatch.setenv("PATH", str(home / "others" / "bin"))
    assert script(project, command="python train.py", python="python").python == others
    ours = str(Path(sys.executable).with_name("python3"))
    assert script(project, command="python train.py", python=ours).python is None, "the one that runs the client"


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
    document = {**GRID, "command": "python train.py", "data": "./data", "metrics": "logs/../run.csv"}
    _, found = checked(document, default_name="x", folder=project, file=str(project / "mine.yaml"))
    assert found == Script(
        folder=project,
        entrypoint=(
            "stepsweep-trial", "--no-epochs", "--no-seed", "--metrics-file=logs/../run.csv", "--",
            "python", "train.py", "{args}",
        ),
        data=("data",),
        left_out=("/mine.yaml", "/run.csv"),
    )  # fmt: skip
    there = contents(found.written(project / ".stepsweep" / "scripts"))
    assert [str(name) for name in there] == ["Dockerfile", "config.yaml", "data", "train.py"]
    assert there[Path("data")] == Link(project / "data")


def test_notebooks_and_other_specs_are_no_part_of_a_trainer(project: Path) -> None:
    spec = {**GRID, "command": "python train.py", "metrics": "run.csv"}
    for name in ("a.json", "b.yaml", "c [1].yml"):
        (project / name).write_text(json.dumps({**spec, "epochs": 2}, indent=2))
    (project / "d.yaml").write_text("command: train.py\nparameters: {lr: [1]}\nmethod: bayes\n")
    (project / "e.json").write_text('{"parameters": {"lr": 1}, "epochs": 3}')
    (project / "f.yaml").write_text("command: [\n")
    (project / "fit.yaml").write_text("command: fit\nseed: 5\n")
    (project / "fit.json").write_text('{"command": "fit", "parameters": {"lr": 1}, "search": {"trials": 9}}')
    (project / "sweep-old.yml").write_text("command: [\n")
    (project / "listed.yaml").write_text("command: train.py\nsearch: {method: list, trials: [{lr: 1}]}\n")
    (project / "look.ipynb").touch()
    (project / "sub").mkdir()
    (project / "sub" / "look.ipynb").touch()

    def there(**fields: Any) -> list[str]:
        return [str(name) for name in contents(script(project, **{"command": "python train.py", **fields}))]

    own = ["Dockerfile", "d.yaml", "e.json", "f.yaml", "fit.json", "fit.yaml", "train.py"]
    assert there() == own
    by_file = [
        checked({**spec, "epochs": 2}, default_name="x", folder=project, file=str(project / name))[1]
        for name in ("a.json", "b.yaml", "c [1].yml")
    ]
    assert all(each and [str(name) for name in contents(each)] == own for each in by_file)
    assert len(set(by_file)) == 1, "they share a cloud"
    (project / "g.yaml").write_text("command: python train.py\nparameters: {lr: [1]}\n")
    assert by_file[0] is not None
    assert [str(name) for name in contents(by_file[0])] == own, "of a sweep that is resumed"
    assert there(command="python train.py --config b.yaml") == sorted([*own, "b.yaml"])
    assert there(command="python train.py --config sweep-old.yml") == sorted([*own, "sweep-old.yml"])
    reads_itself = {**GRID, "command": "python train.py --config d.yaml"}
    _, found = checked(reads_itself, default_name="x", folder=project, file=str(project / "d.yaml"))
    assert found is not None
    assert [str(name) for name in contents(found)] == own
    assert there(data=["a.json"]) == sorted([*own, "a.json"])
    assert there(command="papermill look.ipynb {args}") == sorted([*own, "look.ipynb", "sub/look.ipynb"])
    (project / ".gitignore").write_text("!/look.ipynb\n")
    assert there() == sorted([*own, "look.ipynb"])


def test_a_spec_that_gets_a_script_s_options_is_the_script_s(project: Path) -> None:
    (project / "b.yaml").write_text("command: python train.py\nbudget_usd: 1\nparameters: {lr: [1]}\n")
    assert Path("b.yaml") not in contents(script(project, command="python train.py"))
    found = script(project, command="python train.py", arguments={"file": "b.yaml"}, parameters={"budget_usd": [1]})
    assert Path("b.yaml") in contents(found)


def test_a_script_s_file_is_whole_while_it_is_written_again(project: Path) -> None:
    found, folder = script(project, command="python train.py"), project / "scripts"
    file = found.written(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            found.written(folder)
        assert raised.value.filename == str(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert Script.read(file) == found
    assert found.written(folder) == file
    assert list(folder.iterdir()) == [file]


def test_beside_a_dockerfile_the_command_is_its_entrypoint(project: Path) -> None:
    (project / "Dockerfile").write_text('FROM python:3.11\nENTRYPOINT ["python", "old.py"]\n')
    lines = script(project, command="python train.py").dockerfile().decode().splitlines()
    assert lines[0] == "FROM python:3.11"
    assert lines[-2].startswith('ENTRYPOINT ["stepsweep-trial", ')
    assert lines[-1] == "CMD []"


def test_results_of_runs_by_hand_are_no_part_of_the_project(project: Path) -> None:
    for name in (
        "logs/metrics.csv",
        "logs/other.csv",
        "mlruns/0/meta.yaml",
        "tb/events.out.tfevents.1",
        "prompt.md",
        "tfevents.py",
        "wandb/settings",
        "sub/wandb/run-1/config.yaml",
        "sub/wandb/__init__.py",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    found = script(project, command="python train.py", metrics="logs/metrics.csv")
    there = contents(found.written(project / ".stepsweep" / "scripts"))
    own = ["logs/other.csv", "prompt.md", "sub/wandb/__init__.py", "tfevents.py", "train.py"]
    assert [str(name) for name in there] == ["Dockerfile", *own]


@pytest.mark.parametrize(
    ("metrics", "fault"),
    [
        ("/m.csv", 'metrics: must be a path in the project\'s folder, such as logs/metrics.csv, got "/m.csv"'),
        (
            {"tensorboard": "runs", "mlflow": "mlruns"},
            'metrics: must have tensorboard or mlflow, not both, got {"tensorboard": "runs", "mlflow": "mlruns"}; '
            "leave one out",
        ),
        (
            {"tensorboard": "../runs"},
            'metrics: must be a path in the project\'s folder, such as logs/metrics.csv, got "../runs"',
        ),
        ({"mlflow": "data"}, f"metrics: data {SHARED} write it elsewhere"),
        ("data/m.csv", f"metrics: data/m.csv {SHARED} write it elsewhere"),
    ],
)
def test_metrics_that_trials_would_share_are_refused(project: Path, metrics: Any, fault: str) -> None:
    (project / "data").mkdir()
    assert faults(project, command="python train.py", metrics=metrics, data="data") == [fault]
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
    (project / "here").symlink_to(".")
    (project / "loop").symlink_to("loop")
    with pytest.raises(InvalidInput) as raised:
        contents(script(project, command="python train.py").written(project / ".stepsweep"))
    assert raised.value.faults == (
        f"ext: is a link to {outside}, outside the project, which trials would share, or not find; name it in `data`",
        "loop: is a link to loop, which leads back to itself; remove it",
    )
    (project / "loop").unlink()
    named = contents(script(project, command="python train.py", data="ext").written(project / ".stepsweep"))
    assert named[Path("ext")] == Link(outside)
    assert {Path("own.py"), Path("here")} <= named.keys()
