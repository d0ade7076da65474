"""Which files of a trainer's folder count."""

import errno
from pathlib import Path

import pytest

from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_files import MAX_BYTES, trainer_files


def made(folder: Path, *names: str) -> None:
    for name in ("Dockerfile", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def counted(folder: Path) -> set[str]:
    return {str(name) for name in trainer_files(folder)} - {"Dockerfile"}


@pytest.mark.parametrize(
    "name",
    [
        ".stepsweep/s3/x",
        "state/cloud.lock",
        ".git/HEAD",
        "sub/.git",
        "env/pyvenv.cfg",
        "a/__pycache__/a.pyc",
        "node_modules/x/index.js",
        "cdk.out/tree.json",
    ],
)
def test_what_is_never_a_trainers_code_is_left_out(name: str, tmp_path: Path) -> None:
    made(tmp_path, name, "a/train.py")
    assert counted(tmp_path) == {"a/train.py"}


FILES = ("train.py", "NOTES.md", "docs/deep/NOTES.md", "docs/keep.md", "data/train.bin")


@pytest.mark.parametrize(
    ("lines", "left_out"),
    [
        ("# *.py\n\n", ()),
        ("*.md", ("NOTES.md",)),  # at the top only, unlike Git's
        ("**/*.md", ("NOTES.md", "docs/deep/NOTES.md", "docs/keep.md")),
        ("docs", ("docs/deep/NOTES.md", "docs/keep.md")),
        ("deep", ()),
        ("/docs/", ("docs/deep/NOTES.md", "docs/keep.md")),
        ("./docs/../data", ("data/train.bin",)),
        ("docs\n!docs/keep.md", ("docs/deep/NOTES.md",)),  # unlike Git, which has left the folder out as a whole
        ("*\n!train.py", ("NOTES.md", "docs/deep/NOTES.md", "docs/keep.md", "data/train.bin")),
        ("!train.py\n*.py", ("train.py",)),
        ("trai?.py", ("train.py",)),
        ("[a-t]rain.py", ("train.py",)),
        ("Dockerfile", ()),  # Docker needs it
        ("  data  \r\n", ("data/train.bin",)),
        (".", ()),
    ],
)
def test_dockerignore_counts_as_it_does_for_docker(lines: str, left_out: tuple[str, ...], tmp_path: Path) -> None:
    made(tmp_path, *FILES)
    (tmp_path / ".dockerignore").write_text(lines)
    assert counted(tmp_path) == {*FILES} - {*left_out}
    assert Path("Dockerfile") in trainer_files(tmp_path)


def test_the_dockerfiles_own_ignore_file_takes_the_place_of_the_folders(tmp_path: Path) -> None:
    made(tmp_path, *FILES)
    (tmp_path / ".dockerignore").write_text("train.py")
    (tmp_path / "Dockerfile.dockerignore").write_text("data")
    assert counted(tmp_path) == {*FILES} - {"data/train.bin"}


def test_links_are_files_that_nobody_follows(tmp_path: Path) -> None:
    made(tmp_path, "code/train.py")
    (tmp_path / "again").symlink_to("code")
    (tmp_path / "code" / "loop").symlink_to("..")
    assert counted(tmp_path) == {"code/train.py", "again", "code/loop"}


def test_a_link_into_a_folder_that_one_may_not_read_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exists = Path.exists

    def refused(path: Path) -> bool:
        if "theirs" in path.parts:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return exists(path)

    made(tmp_path, "code/train.py")
    (tmp_path / "theirs").symlink_to("code")
    monkeypatch.setattr(Path, "exists", refused)
    assert counted(tmp_path) == {"code/train.py", "theirs"}


def test_a_folder_that_is_too_large_is_refused(tmp_path: Path) -> None:
    made(tmp_path, "train.py", "data/large.bin")
    with (tmp_path / "data" / "large.bin").open("wb") as file:
        file.truncate(MAX_BYTES)
    assert counted(tmp_path) == {"train.py", "data/large.bin"}
    (tmp_path / "train.py").write_text("x")
    with pytest.raises(
        InvalidInput, match=r"at most 200\.0 MB .* data/large\.bin \(200\.0 MB\), train\.py .*\.dockerignore"
    ):
        trainer_files(tmp_path)


def test_nothing_counts_without_a_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    assert trainer_files(tmp_path) == []
