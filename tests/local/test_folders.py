"""Each attempt has a working folder and a folder for temporary files of its own, and leaves nothing in either."""

import csv
import shutil
from pathlib import Path

import pytest

from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, Cloud, eventually, running_cloud

SAVING = REPOSITORY / "tests" / "trainers" / "saving"


@pytest.fixture(params=["forked", "started"])
def trainer(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A trainer that saves files, as a fork of the host, and as a new process."""
    folder = tmp_path / "trainer"
    shutil.copytree(SAVING, folder, ignore=shutil.ignore_patterns("__pycache__"))
    if request.param == "started":
        dockerfile = folder / "Dockerfile"
        lines = dockerfile.read_text().splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith("LABEL"))
        dockerfile.write_text(text.replace("IS_FORK=yes", "IS_FORK="))
    return folder


def scores(cloud: Cloud, name: str) -> dict[str, str]:
    """Returns the accuracy of each lr in a sweep's leaderboard."""
    (leaderboard,) = cloud.objects(f"sweeps/{name}/leaderboard.csv").values()
    return {row["params.lr"]: row["val_accuracy"] for row in csv.DictReader(leaderboard.decode().splitlines())}


@pytest.mark.slow
def test_trials_that_save_files_of_one_name_each_load_their_own(
    trainer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running_cloud(tmp_path / "cloud", context={"trainer": str(trainer)}, vcpus=3) as cloud:
        before = set(temporary.iterdir())
        for name in ("first", "second"):  # the second finds nothing of the first
            spec = {
                "name": name,
                "parameters": {"lr": [0.25, 0.5, 0.75]},
                "fixed": {"trials": 3, "meeting": name},
                "epochs": 1,
            }
            winner = cloud.run(spec)
            assert winner.get("status") != "FAILED", winner
            assert scores(cloud, name) == {"0.25": "0.25", "0.5": "0.5", "0.75": "0.75"}
            assert list((cloud.directory / "run" / "attempts").iterdir()) == []
            assert set(temporary.iterdir()) == before
    assert sorted(file.name for file in trainer.iterdir()) == ["Dockerfile", "curve.py", "saving.py", "steps.txt"]


@pytest.mark.slow
def test_what_a_killed_cloud_was_running_leaves_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running_cloud(tmp_path / "cloud", context={"trainer": str(SAVING)}, vcpus=1) as cloud:
        before = set(temporary.iterdir())
        cloud.start(
            {"name": "killed", "parameters": {"lr": [0.5]}, "fixed": {"trials": 2, "meeting": "killed"}, "epochs": 1}
        )
        eventually((cloud.directory / "data" / "killed" / "0.5").exists)
        assert set(temporary.iterdir()) != before
        cloud.process.kill()
        eventually(lambda: list((cloud.directory / "run" / "attempts").iterdir()) == [])
        eventually(lambda: set(temporary.iterdir()) == before)


@pytest.mark.slow
def test_a_trainers_folder_may_hold_the_cloud_and_notes(tmp_path: Path) -> None:
    """And what counts for trial ids is the same whether they are there or not."""
    state = "results"
    project = tmp_path / "project"
    shutil.copytree(SAVING, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / ".dockerignore").write_text("*.md\n*.json\n")
    (project / "sweep.json").write_text(
        '{"parameters": {"lr": [0.5]}, "fixed": {"trials": 1, "meeting": "here"}, "epochs": 1}'
    )
    trials = []
    for notes in ("one", "two"):
        (project / "NOTES.md").write_text(notes)
        shutil.rmtree(project / state / "templates", ignore_errors=True)  # the image is made anew
        ended = Sweep(folder=project)("run", "sweep.json", "--trainer", ".", "--dir", state, "--name", notes)
        assert ended.returncode == 0, ended.stderr
        trials.append(sorted(path.name for path in (project / state / "s3").glob("*/trials/*")))
        (image,) = (project / state / "templates").glob("assembly-*/asset.*/Dockerfile")
        sent = {str(path.relative_to(image.parent)) for path in image.parent.rglob("*") if path.is_file()}
        assert {name for name in sent if "__pycache__" not in name} == {
            "Dockerfile",
            "curve.py",
            "saving.py",
            "steps.txt",
        }
    assert len(trials[0]) == 1
    assert trials[0] == trials[1]


def too_large(folder: Path) -> Path:
    """Returns a project with 300 MB of data."""
    project = folder / "project"
    shutil.copytree(SAVING, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "data").mkdir()
    with (project / "data" / "images.bin").open("wb") as file:
        file.truncate(300 * 1000**2)
    (project / "sweep.json").write_text(
        '{"parameters": {"lr": [0.5]}, "fixed": {"trials": 1, "meeting": "here"}, "epochs": 1}'
    )
    return project


def test_a_folder_that_is_too_large_is_refused_with_its_largest_files(tmp_path: Path) -> None:
    project = too_large(tmp_path)
    ended = Sweep(folder=project)("run", "sweep.json", "--trainer", ".")
    assert ended.returncode == 2, ended.stderr
    assert f"the files of {project} must be at most 200.0 MB together, got 300.0 MB" in ended.stderr
    assert "data/images.bin (300.0 MB)" in ended.stderr
    assert ".dockerignore" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_without_its_data_it_is_taken_and_what_trials_share_on_this_machine_is_named(tmp_path: Path) -> None:
    project = too_large(tmp_path)
    (project / ".dockerignore").write_text("data\n")
    code = (project / "curve.py").read_text()
    (project / "curve.py").write_text(f"BEST = '/tmp/best.pt'\nOUT = '{project}/out'\n{code}")
    ended = Sweep(folder=project)("run", "sweep.json", "--trainer", ".")
    assert ended.returncode == 0, ended.stderr
    shared = f"/tmp/best.pt (curve.py line 1), {project}/out (curve.py line 2)"  # noqa: S108
    assert f"Trials on this machine share {shared}. If a trial writes there, another may read it" in ended.stdout


@pytest.mark.slow
def test_an_entry_script_that_needs_a_container_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM x\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["sh", "entry.sh"]\n')
    (tmp_path / "entry.sh").write_text('set -e\ncd /app\nexec python train.py "$@"\n')
    ended = Sweep(folder=tmp_path)("run", "--trainer", ".", "--set", "lr=1,2", "--epochs", "1")
    assert ended.returncode == 2
    assert "sweep: the trainer's entry.sh, line 2: /app is a path of the image, and trials on this" in ended.stderr
    assert not (tmp_path / ".stepsweep" / "s3").exists()
