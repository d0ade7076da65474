"""From the sources of a stack to its template in the embedded cloud."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from stepsweep.contract.errors import InvalidInput
from stepsweep.local import template
from stepsweep.local.joining import LOCK
from stepsweep.local.preparing import assembly_of
from stepsweep.local.template import SynthFailed, found, node_environment, synthesized
from tests.support.tiny import tiny_app

Change = Callable[[Path], object]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tiny_app(tmp_path / "app")


def test_the_template_is_what_the_app_writes(app: Path, tmp_path: Path) -> None:
    assembly = synthesized(tmp_path / "templates", app=app)
    assert {file.name for file in assembly.iterdir()} == {
        "Stepsweep.template.json",
        "Stepsweep.assets.json",
        "shell",
        "empty",
        "image.shell",
        "image.empty",
    }
    assert '"Description": "tiny"' in (assembly / "Stepsweep.template.json").read_text()


def test_a_synthesis_leaves_no_temporary_files(app: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with app.open("a") as source:
        source.write(f"import tempfile\nPath({str(kept)!r}).write_text(tempfile.mkdtemp())\n")
    synthesized(tmp_path / "templates", app=app)
    assert not Path(kept.read_text()).exists()


def test_a_trainers_modules_are_compiled_once_for_all_trials(app: Path, tmp_path: Path) -> None:
    """And what a function's package holds stays as the app wrote it."""
    files = {"shell/train.py": "EPOCHS = 1", "shell/broken.py": "EPOCHS =", "function/handler.py": "LAYERS = 2"}
    with app.open("a") as source:
        source.write('(out / "function").mkdir()\n')
        source.write('(out / "shell" / "Dockerfile").write_text("FROM x\\nCOPY . /app/")\n')
        source.writelines(f"(out / {file!r}).write_text({text!r})\n" for file, text in files.items())
    assembly = synthesized(tmp_path / "templates", app=app)
    (compiled,) = assembly.rglob("*.pyc")
    assert compiled.parent == assembly / "image.shell" / "app" / "__pycache__"
    assert compiled.name.startswith("train.")


def test_what_a_trainers_dockerfile_does_that_has_no_effect_here_is_said_once(app: Path, tmp_path: Path) -> None:
    with app.open("a") as source:
        source.write('(out / "shell" / "Dockerfile").write_text("FROM x\\nRUN pip install torch")\n')
    (tmp_path / "trainer").mkdir()
    context = {"trainer": str(tmp_path / "trainer")}
    said: list[str] = []
    for _ in range(2):
        synthesized(tmp_path / "templates", app=app, context=context, on_status=said.append)
    assert said[1:] == [
        "Not done here of the trainer's Dockerfile: RUN (line 2); trials use the packages and programs of this machine"
    ]
    said.clear()
    synthesized(tmp_path / "others", app=app, context=context, container=True, on_status=said.append)
    assert said == [], "in a container all of it is done"


def test_a_dockerfile_that_docker_could_not_build_is_refused_and_leaves_nothing(app: Path, tmp_path: Path) -> None:
    with app.open("a") as source:
        source.write('(out / "shell" / "Dockerfile").write_text("FROM x\\nCOPY gone.py /app/")\n')
    with pytest.raises(InvalidInput, match=r"line 2: COPY gone.py /app/: gone.py is not in the build context"):
        synthesized(tmp_path / "templates", app=app)
    assert [*(tmp_path / "templates").iterdir()] == []


def test_context_of_the_caller_comes_before_that_of_cdk_json(app: Path, tmp_path: Path) -> None:
    assembly = synthesized(tmp_path / "templates", app=app, context={"description": "mine"})
    assert '"Description": "mine"' in (assembly / "Stepsweep.template.json").read_text()


def test_what_has_not_changed_is_not_made_again(app: Path, tmp_path: Path) -> None:
    first = synthesized(tmp_path / "templates", app=app)
    (first / "mark").touch()
    app.touch()
    (app.parent / "__pycache__").mkdir(exist_ok=True)
    (app.parent / "__pycache__" / "app.py").write_text("not a source")
    assert synthesized(tmp_path / "templates", app=app) == first
    assert (first / "mark").exists()


CHANGES: dict[str, Change] = {
    "a source of the stack": lambda root: (root / "stack" / "more.py").touch(),
    "a source that is gone": lambda root: (root / "statemachine" / "planner.py").unlink(),
    "a source that has another name": lambda root: (root / "statemachine" / "planner.py").rename(
        root / "stack" / "p.py"
    ),
    "any file of the trainer": lambda root: (root / "trainer" / "Dockerfile").write_text("FROM y"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_made_again_and_the_old_one_goes(app: Path, tmp_path: Path, change: str) -> None:
    root = app.parents[1]
    for file in ("statemachine/planner.py", "trainer/Dockerfile"):
        (root / file).parent.mkdir()
        (root / file).write_text("FROM x")
    first = synthesized(tmp_path / "templates", app=app)
    CHANGES[change](root)
    second = synthesized(tmp_path / "templates", app=app)
    assert second != first
    assert list((tmp_path / "templates").iterdir()) == [second]


def test_what_a_killed_process_left_goes_and_what_another_one_writes_now_stays(app: Path, tmp_path: Path) -> None:
    left, written = (tmp_path / "templates" / f"synth-{name}" for name in ("left", "written"))
    for scratch in (left, written):
        (scratch / "image.x").mkdir(parents=True)
    day_before_yesterday = time.time() - 2 * 86_400
    os.utime(left, (day_before_yesterday, day_before_yesterday))
    made = synthesized(tmp_path / "templates", app=app)
    assert set((tmp_path / "templates").iterdir()) == {written, made}


def test_a_check_of_another_trainer_leaves_what_a_running_cloud_trains_with(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two commands at once that name different trainers, one finds no cloud, and the other starts it meanwhile."""
    monkeypatch.setattr(template, "synthesized", partial(synthesized, app=app))
    directory, trainers = tmp_path / "cloud", [tmp_path / name for name in ("one", "two", "three")]
    for trainer in trainers:
        trainer.mkdir()
        (trainer / "Dockerfile").touch()

    def checked(trainer: Path) -> Path:
        return assembly_of(directory, trainer=trainer, container=False, on_status=print)

    directory.mkdir()
    with FileLock(directory / LOCK):
        used = checked(trainers[0])
        assert checked(trainers[1]) != used
        assert used.is_dir()
    last = checked(trainers[2])
    assert list((directory / "templates").glob("assembly-*")) == [last]


def test_what_another_command_has_made_meanwhile_stays(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "templates"

    def made_meanwhile() -> "AbstractContextManager[bool]":
        (synthesized(folder, app=app) / "mark").touch()
        return nullcontext(True)

    assembly = synthesized(folder, app=app, if_down=made_meanwhile)
    assert (assembly / "mark").exists()
    assert list(folder.iterdir()) == [assembly]


def test_other_context_makes_another_template(app: Path, tmp_path: Path) -> None:
    first = synthesized(tmp_path / "templates", app=app, context={"max_vcpus": 16})
    assert synthesized(tmp_path / "templates", app=app, context={"max_vcpus": 32}) != first


def test_what_is_kept_is_found_by_its_context_without_a_synthesis(app: Path, tmp_path: Path) -> None:
    context, folder = {"description": "mine"}, tmp_path / "templates"
    assert found(folder, app=app, context=context) is None
    made = synthesized(folder, app=app, context=context)
    assert found(folder, app=app, context=context) == made
    assert found(folder, app=app) is None


def test_a_trainer_of_ones_own_is_a_source_too(app: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    (own / "deep").mkdir(parents=True)
    (own / "Dockerfile").touch()
    (own / "deep" / "train.py").write_text("lr = 0.1")
    first = synthesized(tmp_path / "templates", app=app, context={"trainer": str(own)})
    assert synthesized(tmp_path / "templates", app=app, context={"trainer": str(own)}) == first
    (own / "deep" / "train.py").write_text("lr = 0.2")
    assert synthesized(tmp_path / "templates", app=app, context={"trainer": str(own)}) != first


def test_a_changed_trainer_needs_no_other_synthesis_in_any_project(app: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with app.open("a") as source:
        source.write(f"with open({str(runs)!r}, 'a') as runs:\n    runs.write('.')\n")
    for project in ("a", "b"):
        own = tmp_path / project
        own.mkdir()
        for line in ("FROM x", "FROM y"):
            (own / "Dockerfile").write_text(line)
            synthesized(own / "templates", app=app, context={"trainer": str(own)})
    assert runs.read_text() == "."
    synthesized(tmp_path / "c", app=app, context={"trainer": str(own), "description": "mine"})
    assert runs.read_text() == ".."


def test_where_nothing_can_be_kept_for_all_projects_each_keeps_its_own(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    own = tmp_path / "mine"
    own.mkdir()
    (own / "Dockerfile").touch()
    assembly = synthesized(tmp_path / "templates", app=app, context={"trainer": str(own)})
    kinds = {each.name.partition("-")[0] for each in (tmp_path / "templates").iterdir()}
    assert kinds == {"assembly", "stack", "lock"}
    assert synthesized(tmp_path / "templates", app=app, context={"trainer": str(own)}) == assembly


@pytest.mark.parametrize("gone", ["Stepsweep.template.json", "Stepsweep.assets.json", "shell"])
def test_a_kept_stack_that_somebody_cleaned_up_is_made_again(app: Path, tmp_path: Path, gone: str) -> None:
    first = synthesized(tmp_path / "a", app=app)
    (kept,) = (tmp_path / "cache" / "stepsweep" / "stacks").glob("stack-*")
    if (kept / gone).is_dir():
        shutil.rmtree(kept / gone)
    else:
        (kept / gone).unlink()
    (kept.parent / "making-killed").mkdir()
    again = synthesized(tmp_path / "b", app=app)
    assert sorted(path.relative_to(again) for path in again.rglob("*")) == sorted(
        path.relative_to(first) for path in first.rglob("*")
    )
    assert {each.name for each in kept.parent.iterdir()} == {kept.name, "lock"}


def test_only_the_stacks_that_were_used_last_are_kept(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template, "MAX_KEPT", 2)
    own = tmp_path / "mine"
    own.mkdir()
    (own / "Dockerfile").touch()
    stacks: list[Path] = []
    for number in range(3):
        context = {"trainer": str(own), "description": f"number {number}"}
        synthesized(tmp_path / "templates", app=app, context=context)
        (new,) = {*(tmp_path / "cache" / "stepsweep" / "stacks").glob("stack-*")} - {*stacks}
        os.utime(new, (number, number))
        stacks.append(new)
    assert [each.exists() for each in stacks] == [False, True, True]


def test_an_app_that_fails_says_so_in_its_own_words_and_leaves_nothing(app: Path, tmp_path: Path) -> None:
    source = app.read_text()
    app.write_text("import sys\nsys.exit('max_vcpus: must be a whole number from 1, got ten')")
    with pytest.raises(
        SynthFailed, match=r"could not be synthesized:\nmax_vcpus: must be a whole number from 1, got ten$"
    ):
        synthesized(tmp_path / "templates", app=app)
    assert list((tmp_path / "templates").iterdir()) == []
    app.write_text(source)
    assert synthesized(tmp_path / "templates", app=app).is_dir()


def test_an_app_that_fails_leaves_the_template_that_there_is(app: Path, tmp_path: Path) -> None:
    first = synthesized(tmp_path / "templates", app=app)
    source = app.read_text()
    app.write_text("raise ValueError")
    with pytest.raises(SynthFailed, match="ValueError"):
        synthesized(tmp_path / "templates", app=app)
    app.write_text(source)
    assert synthesized(tmp_path / "templates", app=app) == first


def test_cdk_runs_on_the_node_that_is_installed_with_python() -> None:
    node = node_environment()["JSII_NODE"]
    assert Path(node).is_relative_to(sys.prefix)
    ended = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("v")
