"""`sweep init` proposes a sweep.yaml that runs."""

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import psutil
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from stepsweep.client.proposing.image import proposed
from tests.support.command import Sweep
from tests.support.embedded import eventually

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def prepared(sweep: Sweep, script: str) -> Path:
    """Copies a script, without the sweep.yaml beside it."""
    shutil.copytree(SCRIPTS / script, sweep.folder, dirs_exist_ok=True)
    (sweep.folder / "sweep.yaml").unlink()
    return sweep.folder / "sweep.yaml"


LIGHT = """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--no-momentum", action="store_true")
args = parser.parse_args()
for epoch in range(1, args.epochs + 1):
    print(f"Train Epoch: {epoch} [0/192]\\tLoss: {args.lr / epoch:.6f}")
    print(f"\\nTest set: Accuracy: {epoch + args.batch_size}/64 ({epoch}%)\\n")
    open("best.pt", "w").close()
print("Final correct: 3")
"""


@pytest.mark.parametrize("script", ["light", pytest.param("pytorch", marks=pytest.mark.slow)])
def test_the_options_of_argparse_and_the_metrics_of_a_short_run(sweep: Sweep, script: str) -> None:
    spec = sweep.folder / "sweep.yaml"
    if script == "light":
        (sweep.folder / "main.py").write_text(LIGHT)
    else:
        prepared(sweep, script)
    ended = sweep("init")
    assert ended.returncode == 0, ended.stderr
    assert spec.read_text().splitlines()[3:] == [
        "command: python main.py",
        "arguments: {booleans: flag}",
        "# In its output: Loss, Accuracy, correct",
        "# It left these; `sweep download` gets the winner's:",
        "artifacts: [best.pt]",
        "",
        "parameters:",
        "  lr: [0.01, 0.1, 1]",
        "  batch-size: [16, 32, 64]",
        "  # no-momentum: [false, true]",
        "",
        "epochs: 2",
        "objective: {metric: Accuracy, direction: maximize}",
    ]
    assert not list(sweep.folder.rglob("*.pt")), "the short run has a folder of its own"

    # It runs as it is.
    ran = sweep("run", "--set", "lr=0.1", "--set", "batch-size=16,32", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outcomes"]["SUCCEEDED"] == 2


@pytest.mark.slow
def test_the_options_of_click_and_one_score(sweep: Sweep) -> None:
    spec = prepared(sweep, "sklearn")
    assert sweep("init", "fit.py").returncode == 0
    lines = spec.read_text().splitlines()
    assert "arguments: {booleans: no-flag}" in lines
    assert "  C: [0.1, 1, 10]" in lines
    assert "  # intercept: [false, true]" in lines
    assert "objective: {metric: accuracy, direction: maximize}" in lines
    plan = json.loads(sweep("plan", "--json").stdout)
    assert plan["spec"]["epochs"] == 1


def test_a_script_whose_options_nobody_knows(sweep: Sweep) -> None:
    spec = prepared(sweep, "shell")
    ended = sweep("init", "train.sh", "--no-run")
    assert ended.returncode == 0, ended.stderr
    assert "  lr: [0.1, 0.01, 0.001]  # PROPOSED" in spec.read_text()
    assert sweep("plan").returncode == 0


def test_options_that_the_script_insists_on_are_named_and_it_is_not_run(sweep: Sweep) -> None:
    (sweep.folder / "only.py").write_text(
        "import argparse\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--data\\nfoo: 1', required=True)\n"
        "parser.add_argument('--max_epochs', type=int, default=7)\n"
        "parser.add_argument('--random-state', type=int, default=1)\n"
        "parser.add_argument('--optimizer', choices=['sgd', 'adam'], default='sgd')\n"
        "parser.add_argument('--dropout', type=float, default=0.1)\n"
        "parser.add_argument('--weight_decay', type=float, default=0)\n"
        "parser.add_argument('--workers', type=int, default=0)\n"
        "parser.add_argument('--port', type=int, metavar='N', choices=range(10**12))\n"
        "parser.add_argument('corpus', metavar='corpus\\nfoo: 2')\n"
        "parser.add_argument('files', nargs='*')\n"
        "parser.parse_args()\n"
        "open('has-run', 'w')\n"
    )
    ended = sweep("init")
    assert ended.returncode == 0, ended.stderr
    needed = "CORPUS_FOO_2, --data_foo_1"
    assert ended.stderr.splitlines()[1:3] == [
        f"Not run: the script insists on {needed}. To find its metrics, remove sweep.yaml, and give it:",
        "  sweep init only.py -- CORPUS_FOO_2 --data_foo_1 VALUE",
    ]
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    note = "# The script insists on CORPUS_FOO_2; write it at the command's end"
    assert lines[3:5] == ["command: python only.py", note], "a name has no line end there"
    assert "arguments: {epochs: max_epochs, seed: random-state}" in lines
    assert "  dropout: [0, 0.1, 0.5]" in lines
    assert "  # weight_decay: [0, 0.0001, 0.01]" in lines
    assert "#   workers" not in lines
    assert '  optimizer: ["sgd", "adam"]' in lines
    assert "#   data_foo_1: VALUE" in lines
    assert "epochs: 7" in lines
    assert not (sweep.folder / "has-run").exists()


@pytest.mark.parametrize(
    "code",
    [
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--layers", type=int, nargs="+", default=[64, 32])
        parser.add_argument("--size", type=int, nargs=2)
        parser.add_argument("--tag", action="append")
        parser.add_argument("--seed", type=int, nargs="*")
        parser.add_argument("--lr", type=float, nargs="?", default=0.1)
        parser.add_argument("--resume", default=None)
        parser.parse_args()
        """,
        """
        import click
        @click.command()
        @click.option("--layers", multiple=True, type=int, default=[64, 32])
        @click.option("--size", nargs=2, type=int)
        @click.option("--tag", multiple=True)
        @click.option("--seed", multiple=True, type=int)
        @click.option("--lr", default=0.1)
        @click.option("--resume", type=click.Path())
        def main(**_):
            pass
        main()
        """,
    ],
    ids=["argparse", "click"],
)
def test_options_with_several_values_and_one_for_checkpoints_are_explained(sweep: Sweep, code: str) -> None:
    (sweep.folder / "train.py").write_text(dedent(code))
    assert sweep("init", "--no-run").returncode == 0
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    how = {"layers": "repeat" if "click" in code else "space", "size": "space", "tag": "repeat"}
    for name, lists in how.items():
        values = "[64, 32]" if name == "layers" else "[VALUE, VALUE]"
        assert f"  # {name}: [{values}]  # takes several values: write lists: {lists} in `arguments`" in lines
    assert "  lr: [0.01, 0.1, 1]" in lines
    at = lines.index("command: python train.py")
    assert lines[at + 1 : at + 3] == [
        "# If --resume names a folder of checkpoints, an interrupted trial goes on from them with:",
        '# command: "python train.py --resume {checkpoint_dir} {args}"',
    ]
    assert not [line for line in lines if line.startswith("arguments")], "a seed is one number"


CLICK = """
import click

@click.group()
def cli():
    pass

@cli.command()
@click.version_option("1.0")
@click.argument("where", required=False)
@click.option("--learning-rate", type=float, required=True)
@click.option("--gamma", default=0.7)
@click.option("--data", required=True)
@click.option("--epochs", default=3)
def fit(where, learning_rate, gamma, data, epochs):
    for epoch in range(epochs):
        print(f"epoch {epoch} loss={learning_rate + gamma} data={data}")

@cli.command()
def evaluate():
    pass

cli()
"""

ARGPARSE = """
import argparse
parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command")
commands.add_parser("evaluate")
fit = commands.add_parser("fit")
fit.add_argument("--learning-rate", type=float, required=True)
fit.add_argument("--gamma", type=float, default=0.7)
fit.add_argument("--data", required=True)
fit.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()
for epoch in range(options.epochs):
    print(f"epoch {epoch} loss={options.learning_rate + options.gamma}")
"""


@pytest.mark.parametrize("code", [CLICK, ARGPARSE])
def test_a_sub_command_has_its_own_options(sweep: Sweep, code: str) -> None:
    (sweep.folder / "cli.py").write_text(code)
    ended = sweep("init", "cli.py")
    assert ended.returncode == 2
    assert "has the sub-commands" in ended.stderr
    assert "name one, such as: sweep init cli.py " in ended.stderr
    spec = sweep.folder / "sweep.yaml"
    assert not spec.exists()
    ended = sweep("init", "cli.py", "fitt")
    assert ended.returncode == 2
    assert "; fitt is none of them; name one, such as: sweep init cli.py fit\n" in ended.stderr
    ended = sweep("init", "cli.py", "fit")
    assert ended.returncode == 0, ended.stderr
    assert "Not run: the script insists on --data." in ended.stderr
    assert "sweep init cli.py fit -- --data VALUE" in ended.stderr
    spec.unlink()
    ended = sweep("init", "cli.py", "fit", "--", "--data", "here")
    assert ended.returncode == 0, ended.stderr
    lines = spec.read_text().splitlines()
    assert "command: python cli.py fit --data here" in lines
    assert "  learning-rate: [0.001, 0.01, 0.1]" in lines
    assert "  gamma: [0.35, 0.7, 0.9]" in lines
    assert "objective: {metric: loss, direction: minimize}" in lines
    assert not any("data: VALUE" in line or "version" in line for line in lines)


def test_a_file_of_metrics_is_found(sweep: Sweep) -> None:
    (sweep.folder / "old.json").write_text('{"accuracy":\n1}')
    (sweep.folder / "train.py").write_text(
        "import json, os\n"
        "os.mkdir('out')\n"
        "open('out/a.csv', 'w').write('id,label\\n1,2\\n')\n"
        "json.dump({'test': {'accuracy': 0.5, 'n': 3}, 'seconds': 2}, open('out/result.json', 'w'), indent=1)\n"
        "for name in ('out/model.json', 'model.txt', 'log.txt', 'old.json'): open(name, 'w').write('{}')\n"
        "print('rows: 3')\n"
    )
    ended = sweep("init")
    assert "Running" not in ended.stderr, "it has run while it was asked for options"
    assert not (sweep.folder / "out").exists()
    assert "Found no options and the metrics test/accuracy, test/n, seconds." in ended.stderr
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    assert 'metrics: "out/result.json"  # has test/accuracy, test/n, seconds' in lines
    assert "artifacts: [model.txt, out/model.json]" in lines
    assert "objective: {metric: test/accuracy, direction: maximize}" in lines


def test_what_a_script_leaves_for_tensorboard_is_found(sweep: Sweep, tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path))
    summary = Summary(value=[Summary.Value(tag="val/loss", simple_value=0.5)])
    writer.add_event(Event(wall_time=1, step=1, summary=summary))
    writer.close()
    (events,) = tmp_path.glob("events.*")
    (sweep.folder / "train.py").write_text(
        "from pathlib import Path\n"
        "folder = Path('runs', 'Dec01_12-00')\n"
        "folder.mkdir(parents=True)\n"
        f"(folder / '{events.name}').write_bytes({events.read_bytes()!r})\n"
        "print('rows: 3')\n"
    )
    ended = sweep("init")
    assert "and the metric val/loss." in ended.stderr
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    assert 'metrics: {"tensorboard": "runs"}  # has val/loss' in lines
    assert "objective: {metric: val/loss, direction: minimize}" in lines


def test_the_fields_of_a_configuration_file(sweep: Sweep) -> None:
    file = sweep.folder / "config, #1.yaml"
    file.write_text("optim: {lr: 0.1, name: sgd}\nmodel: {dropout: 0.2}\nmax_epochs: 2\n")
    (sweep.folder / "train #1.py").write_text(
        "import yaml\n"
        "c = yaml.safe_load(open('config, #1.yaml'))\n"
        "for epoch in range(c['max_epochs']):\n"
        "    print('epoch', epoch, 'val_loss =', c['optim']['lr'] + c['model']['dropout'])\n"
    )
    assert sweep("init").returncode == 0
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    assert 'arguments: {file: "config, #1.yaml", epochs: max_epochs}' in lines
    assert "  optim.lr: [0.01, 0.1, 1]" in lines
    assert "  model.dropout: [0, 0.2, 0.5]" in lines
    assert "# Other options: optim.name" in lines
    assert "epochs: 2" in lines
    ran = sweep("run", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["winner"]["params"] == {"optim.lr": 0.01, "model.dropout": 0}


def test_a_script_that_breaks_is_shown_and_no_spec_is_written_that_would_fail(sweep: Sweep) -> None:
    (sweep.folder / "train.py").write_text("import no_such_module\n")
    ended = sweep("init")
    assert ended.returncode == 2
    assert (
        "train.py ended with exit code 1. It printed no metrics that stepsweep knows, and wrote no file of "
        in ended.stderr
    )
    assert (
        "\n  ModuleNotFoundError: No module named 'no_such_module'\nsweep: train.py: failed, as every" in ended.stderr
    )
    assert f"sweep: {sys.executable} ran the script; if no_such_module is installed for another " in ended.stderr
    assert "Wrote" not in ended.stderr
    assert not (sweep.folder / "sweep.yaml").exists()
    assert "write a spec without running it: sweep init train.py --no-run" in ended.stderr
    assert sweep("init", "train.py", "--no-run").returncode == 0


def test_of_a_script_that_breaks_later_the_options_are_written(sweep: Sweep) -> None:
    (sweep.folder / "train.py").write_text(
        LIGHT.replace('print("Final correct: 3")', "").replace("for epoch", "1 / 0\nfor epoch")
    )
    ended = sweep("init")
    assert ended.returncode == 0
    assert "ZeroDivisionError" in ended.stderr
    assert ended.stderr.endswith("Wrote sweep.yaml. Look at it, and mend the script, then: sweep run\n")


@pytest.mark.parametrize("words", [("extra",), ("--", "--frob", "3")])
def test_words_that_the_parser_of_the_script_does_not_take_are_no_command(sweep: Sweep, words: tuple[str, ...]) -> None:
    (sweep.folder / "main.py").write_text(LIGHT)
    ended = sweep("init", "main.py", *words)
    given = " ".join(word for word in words if word != "--")
    assert (ended.returncode, ended.stderr.splitlines()[-2:]) == (2, [
        f"  main.py: error: unrecognized arguments: {given}",
        "sweep: main.py: failed, as every trial would; its parser takes other words than "
        f"{given}; sweep init main.py finds its options without any",
    ])  # fmt: skip
    assert not (sweep.folder / "sweep.yaml").exists()


LOSSES = "for epoch in range(3): print(f'epoch {epoch} loss={epoch / 10}')\n"


@pytest.mark.parametrize("code", ["", "print('hi')\n", LOSSES, f"import sys\n{LOSSES}sys.exit(0 * len(sys.argv[0]))\n"])
def test_no_parameters_are_proposed_that_a_script_cannot_take(sweep: Sweep, code: str) -> None:
    (sweep.folder / "one.py").write_text(code)
    ended = sweep("init")
    found = "the metric loss" if LOSSES in code else "no metrics"
    also = "" if LOSSES in code else ", and say where its metrics are"
    nothing = "one.py ended with exit code 0. It printed no metrics that stepsweep knows, and wrote no file of them."
    assert ended.stderr.splitlines() == [
        "Reading the options of one.py …",
        *([] if LOSSES in code else [nothing + " Its last lines:", "  hi"] if code else [nothing]),
        f"Found no options and {found}.",
        "one.py takes no options, so all its trials would be the same. Let it take some, as with argparse.",
        f"Wrote sweep.yaml. Look at it, and name options that it takes in `parameters`{also}, then: sweep run",
    ]
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    assert lines[lines.index("parameters:") + 1].startswith("  # PROPOSED: none")
    assert ("arguments: {epochs: false}" in lines) == (LOSSES in code)
    assert "parameters: must be an object of at least one name and its choices" in sweep("plan").stderr


@pytest.mark.parametrize(
    "how", ["sys.argv[1:]", "'--fast' in sys.argv", "[*sys.argv]", "sys.argv.copy()", "os.environ"]
)
def test_a_script_that_reads_its_options_by_itself_may_take_any(sweep: Sweep, how: str) -> None:
    (sweep.folder / "one.py").write_text(f"import os, sys\n{how}\n{LOSSES}")
    ended = sweep("init")
    assert "Found no options of its own parser and the metric loss." in ended.stderr
    assert "`parameters`, and in `arguments` how, if not as --lr 0.1, then: sweep run\n" in ended.stderr
    assert "  lr: [0.1, 0.01, 0.001]  # PROPOSED" in (sweep.folder / "sweep.yaml").read_text()


@pytest.mark.parametrize("own", ["vars(parser.parse_args())", "parser.parse_args()", "dict(lr=0.1, width=32, epoch=1)"])
def test_options_that_a_script_prints_are_no_metrics(sweep: Sweep, own: str) -> None:
    (sweep.folder / "train.py").write_text(
        "import argparse, sys\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=0.1)\n"
        "parser.add_argument('--patience', type=int, default=3)\n"
        f"print('config', {own}, sys.argv[1:])\n"
        "print('size: 3')\n"
    )
    ended = sweep("init")
    assert "and the metric size." in ended.stderr
    lines = (sweep.folder / "sweep.yaml").read_text().splitlines()
    assert "# In its output: size" in lines
    assert "objective: {metric: size, direction: maximize}  # PROPOSED: or minimize" in lines


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        ("f'[{epoch}/9][{batch}/4] Loss: 0.{batch}'", "found 2 epochs, and 1 was asked for; name what in a line is "),
        ("f'{how} loss: 0.5'", "loss was printed 2 times for 1 epoch, in lines of several kinds, "),
        ("('epoch loss acc\\n1 0.5 0.6\\n2 0.5', '3 0.5 0.6')[batch]", "of a table that was printed: '2 0.5' has "),
    ],
)
def test_what_a_trial_would_fail_for_is_said(sweep: Sweep, batch: str, why: str) -> None:
    (sweep.folder / "train.py").write_text(
        "import argparse\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float, default=0.1)\n"
        "parser.add_argument('--epochs', type=int, default=3)\n"
        "for epoch in range(parser.parse_args().epochs):\n"
        f"    for batch, how in enumerate(('first', 'second')): print({batch})\n"
    )
    ended = sweep("init")
    assert f"\nA trial of one epoch would fail: {why}" in ended.stderr
    assert ended.stderr.endswith("Look at it, and at what a trial of one epoch would fail for, then: sweep run\n")


def test_a_notebook_is_run_by_nothing(sweep: Sweep) -> None:
    (sweep.folder / "train.ipynb").write_text("{}")
    ended = sweep("init", "train.ipynb")
    made = "make a script of it with `jupyter nbconvert --to script train.ipynb`, then: sweep init train.py"
    rule = "what runs it is not known: its ending is none of .py, .sh, .bash, .R, .jl"
    assert (ended.returncode, ended.stderr) == (2, f'sweep: "train.ipynb": {rule}; {made}\n')
    assert not (sweep.folder / "sweep.yaml").exists()


HOSTILE = {
    "leaves a process": """
        print("epoch 1 val_loss=0.5", flush=True)
        if os.fork() == 0:
            os.setsid()
            Path("pid").write_text(str(os.getpid()))
            time.sleep(600)
    """,
    "prints without end": """
        Path("pid").write_text(str(os.getpid()))
        while True:
            print("x" * 100_000)
    """,
}


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_script_takes_neither_time_nor_memory_and_leaves_nothing(sweep: Sweep, what: str) -> None:
    pid = sweep.folder / "pid"
    code = dedent(HOSTILE[what]).replace('"pid"', repr(str(pid)))
    (sweep.folder / "train.py").write_text(f"import os, time\nfrom pathlib import Path\n{code}")
    ended = sweep("init")
    assert ended.returncode == 0, ended.stderr
    assert ("was ended after it had printed 8,388,608 bytes" in ended.stderr) == (what == "prints without end")
    assert ("\n  xxxxx" in ended.stderr) == (what == "prints without end")
    assert len(ended.stderr) < 10_000
    if pid.exists():  # it was killed before it could say so, otherwise
        eventually(lambda: is_gone(int(pid.read_text())), 10)


@pytest.mark.parametrize(("existing", "words"), [("sweep.yaml", ()), ("Dockerfile", ("--aws",))])
def test_nothing_is_overwritten(sweep: Sweep, existing: str, words: tuple[str, ...]) -> None:
    (sweep.folder / "train.py").touch()
    (sweep.folder / existing).write_text("mine")
    ended = sweep("init", "--no-run", *words)
    assert (ended.returncode, ended.stderr) == (
        2, f"sweep: {existing} is there already, and nothing is overwritten; rename it first\n",
    )  # fmt: skip
    assert {path.name for path in sweep.folder.iterdir()} == {"train.py", existing}
    both = sweep("init", "trian.py", *words).stderr.splitlines()
    assert both == [ended.stderr.rstrip(), f'sweep: there is no file "trian.py" in {sweep.folder}'], (
        "all faults at once"
    )


def test_the_image_of_a_spec_that_is_there_is_that_of_its_script(sweep: Sweep) -> None:
    for name in ("other.py", "mine.py"):
        (sweep.folder / name).write_text("import yaml" if name == "mine.py" else "import numpy")
    spec = sweep.folder / "sweep.yaml"
    spec.write_text("command: python mine.py --data {args}\nparameters: {lr: [1]}\nobjective: loss\n")
    before = spec.read_text()
    ended = sweep("init", "--aws")
    assert ended.returncode == 0, ended.stderr
    assert "sweep.yaml stays as it is.\nWrote Dockerfile, requirements.lock. Look at them" in ended.stderr
    assert spec.read_text() == before
    assert (sweep.folder / "requirements.lock").read_text().splitlines()[2:] == installed("pyyaml")
    (sweep.folder / "Dockerfile").unlink()
    spec.write_text("parameters: {lr: [1]}\n")
    without = sweep("init", "--aws")
    assert (without.returncode, "names no `command`, whose image --aws proposes" in without.stderr) == (2, True)


def image(sweep: Sweep, *options: str) -> tuple[str, list[str], str]:
    """Proposes one; returns its Dockerfile, the lines of its lock file without comments, and what was said."""
    ended = sweep("init", "train.py", "--aws", "--no-run", *options)
    assert ended.returncode == 0, ended.stderr
    lock = sweep.folder / "requirements.lock"
    lines = lock.read_text().splitlines() if lock.exists() else []
    return (sweep.folder / "Dockerfile").read_text(), [line for line in lines if line[:1] != "#"], ended.stderr


def installed(*names: str) -> list[str]:
    return [f"{name}=={version(name)}" for name in names]


def test_for_aws_an_image_with_what_the_script_imports_in_the_versions_that_are_here(sweep: Sweep) -> None:
    (sweep.folder / "train.py").write_text("import json, mine\nfrom sklearn import svm\nfrom stepsweep import trial\n")
    (sweep.folder / "mine").mkdir()
    (sweep.folder / "mine" / "data.py").write_text("import yaml.nodes")
    dockerfile, lock, said = image(sweep)
    assert {*installed("numpy", "pyyaml", "scikit-learn", "scipy")} <= {*lock}, "also what scikit-learn needs"
    assert [line for line in lock if line.startswith(("mine", "moto", "stepsweep"))] == []
    lines = dockerfile.splitlines()
    assert f"FROM python:{sys.version_info.major}.{sys.version_info.minor}-slim" in lines
    kit = f"stepsweep=={version('stepsweep')}"
    pip = "pip install --no-cache-dir"
    assert f"RUN {pip} --requirement requirements.lock && {pip} {kit}" in lines
    assert lines[-1] == "USER trial"
    assert "\nWrote sweep.yaml, Dockerfile, requirements.lock. Look at them, and name " in said
    assert said.endswith(", then: sweep deploy sweep.yaml\n")


def test_the_image_has_what_requirements_txt_names_and_pytorch_in_its_build_for_cpus(sweep: Sweep) -> None:
    (sweep.folder / "train.py").touch()
    (sweep.folder / "requirements.txt").write_text(
        "# mine\n--index-url https://packages.example.com\ntorch>=2  # the newest\nrich[jupyter] \\\n  >=10\n"
        "nowhere-to-be-found>=1\npywin32; sys_platform == 'win32'\n"
    )
    _, lock, said = image(sweep)
    options = ["--extra-index-url https://download.pytorch.org/whl/cpu", "--index-url https://packages.example.com"]
    assert lock[:3] == [*options, "nowhere-to-be-found>=1"]
    assert f"torch=={version('torch').partition('+')[0]}" in lock
    assert {*installed("rich", "pygments", "sympy")} <= {*lock}
    assert [line for line in lock if line.startswith(("nvidia", "triton", "pywin32"))] == []
    assert ": nowhere-to-be-found>=1. requirements.lock has this as requirements.txt has it, without what" in said


def test_what_a_script_imports_and_no_package_has_is_named(sweep: Sweep) -> None:
    (sweep.folder / "train.py").write_text("import json, yaml, foo_bar.baz\nfrom stepsweep import trial\n")
    _, lock, said = image(sweep)
    assert lock == installed("pyyaml")
    assert "train.py imports foo_bar, which no package of " in said
    assert "If a trial needs it, add its package to requirements.lock." in said


def test_metadata_of_packages_and_modules_may_be_broken(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import old, deep")
    (tmp_path / "deep.py").write_text(f"x = {'-' * 200_000}1")  # more than Python's parser takes
    for name, about in (
        ("old", "Version: 1.0\nRequires-Dist: PyYAML (>=5.*)\nRequires-Dist: ?\n"),
        ("broken", ""),
        ("evil", "Version: 1.0\n --index-url http://example.com\n"),
    ):
        package = tmp_path / "site" / f"{name}-1.0.dist-info"
        package.mkdir(parents=True)
        (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n{about}")
        (package / "top_level.txt").write_text("old")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "site"} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    lock = proposed(tmp_path, "train.py", str(python), gpu=False).files["requirements.lock"]
    assert [line for line in lock.splitlines() if line[0] != "#"] == ["old==1.0", *installed("pyyaml")]


def test_for_gpus_other_packages_get_an_image_that_has_it(sweep: Sweep) -> None:
    (sweep.folder / "train.py").write_text("import yaml")
    assert "\nFROM pytorch/pytorch:" in image(sweep, "--gpu")[0]


def test_a_file_of_requirements_that_is_none_is_told_in_short_and_without_control_characters(sweep: Sweep) -> None:
    (sweep.folder / "train.py").touch()
    (sweep.folder / "requirements.txt").write_bytes(b"\x1b[31m ]\n" * 5 + b"\xff" * 500)
    said = image(sweep)[2]
    assert "No lock file: requirements.txt has" in said
    assert "and 3 more lines. The image installs" in said
    assert "\x1b" not in said


def test_a_script_may_be_named_by_its_whole_path(sweep: Sweep) -> None:
    (sweep.folder / "train.py").write_text("print('loss: 0.5')")
    assert sweep("init", str(sweep.folder / "train.py"), "--no-run").returncode == 0
    assert "command: python train.py\n" in (sweep.folder / "sweep.yaml").read_text()


def test_a_lock_file_of_uv_without_its_project_is_refused(sweep: Sweep) -> None:
    for name in ("train.py", "uv.lock"):
        (sweep.folder / name).touch()
    ended = sweep("init", "--aws", "--no-run")
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        2, "sweep: uv.lock: there is no pyproject.toml beside it, which `uv export` reads",
    )  # fmt: skip
    assert not (sweep.folder / "sweep.yaml").exists()


@pytest.mark.parametrize(
    ("files", "words", "fault"),
    [
        ((), (), "there is no Python script in "),
        (("a.py", "b.py"), (), "there are a.py, b.py in "),
        (("a.py",), ("c.py",), 'there is no file "c.py" in '),
        (("a.py",), ("../a.py",), 'there is no file "../a.py" in '),
        (("a.py",), (__file__,), f'"{__file__}" is outside of '),
        (("-a.py",), ("--", "-a.py"), '"-a.py": no command can have this name; rename the script'),
        (("a\nb.py",), ("a\nb.py",), '"a\\nb.py": no command can have this name; rename the script'),
        (("a.py",), ("--gpu",), "--gpu goes with --aws"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    sweep: Sweep, files: tuple[str, ...], words: tuple[str, ...], fault: str
) -> None:
    for name in files:
        (sweep.folder / name).touch()
    ended = sweep("init", *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sweep: {fault}")
    assert not (sweep.folder / "sweep.yaml").exists()
