"""Which files of a trial's folders are its artifacts."""

import os
from pathlib import Path

import pytest

from stepsweep.trial import artifacts
from stepsweep.trial.artifacts import Artifacts, patterns_of


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "stepsweep-trial" / "artifacts").mkdir(parents=True)
    return folder


def watched(here: Path, *patterns: str) -> Artifacts:
    own = here / "stepsweep-trial"
    return Artifacts(own / "artifacts", here, patterns, own)


def write(file: Path, text: str = "text") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_what_the_script_wrote_counts_where_a_pattern_names_it_or_its_folder(here: Path) -> None:
    mine = watched(here, "best.pt", "out/**/*.json", "model/")
    for name in ("best.pt", "last.pt", "out/a.json", "out/deep/b.json", "out/c.txt", "model/config", "model/w/1"):
        write(here / name)
    write(here / "stepsweep-trial" / "artifacts" / "plots" / "loss.png")
    write(here / "stepsweep-trial" / "checkpoint" / "best.pt")
    files, left_out = mine.found()
    assert sorted(files) == [
        "best.pt", "model/config", "model/w/1", "out/a.json", "out/deep/b.json", "plots/loss.png"
    ]  # fmt: skip
    assert left_out == []


def test_a_file_that_came_with_the_image_is_no_artifact_until_the_script_writes_it(here: Path) -> None:
    write(here / "best.pt", "of a run by hand")
    write(here / "new.pt", "old")
    mine = watched(here, "best.pt", "*.pt")
    write(here / "new.pt", "from the script")
    files, left_out = mine.found()
    assert sorted(files) == ["new.pt"]
    assert left_out == ["best.pt: was there before the script ran, and is the same: not an artifact"]


def test_a_pattern_without_a_file_is_told(here: Path) -> None:
    assert watched(here, "bets.pt").found() == (
        {},
        ["bets.pt: the script left no such file in its working folder"],
    )


def test_links_count_within_the_folders_only(here: Path, tmp_path: Path) -> None:
    write(tmp_path / "data" / "secret.pt")
    (here / "data").symlink_to(tmp_path / "data")
    mine = watched(here, "*")
    write(here / "epoch-3.pt")
    (here / "best.pt").symlink_to("epoch-3.pt")
    (here / "other.pt").symlink_to(tmp_path / "data" / "secret.pt")
    files, left_out = mine.found()
    assert sorted(files) == ["best.pt", "epoch-3.pt"]
    assert left_out == ["'other.pt': is a link to a file outside of the working folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_cannot_be_read_is_left_out_and_does_not_fail_the_trial(here: Path) -> None:
    mine = watched(here, "*.pt")
    write(here / "best.pt")
    write(here / "locked.pt")
    (here / "locked.pt").chmod(0)
    files, left_out = mine.found()
    assert (sorted(files), left_out) == (["best.pt"], ["'locked.pt': cannot be read"])


def test_names_that_could_be_no_path_elsewhere_are_left_out(here: Path) -> None:
    mine = watched(here, "*.pt")
    for name in ("a\nb.pt", "a\\b.pt", os.fsdecode(b"\xff.pt"), "good.pt"):
        write(here / name)
    files, left_out = mine.found()
    assert sorted(files) == ["good.pt"]
    assert len(left_out) == 3


def test_names_that_s3_would_not_take_are_left_out(here: Path) -> None:
    mine = watched(here, "deep")
    longest = "/".join(["deep", *["x" * 199] * 3, "y" * 199])  # 800 bytes without the slashes
    write(here / f"{longest}")
    write(here / f"{longest}y")
    files, left_out = mine.found()
    assert sorted(files) == [longest]
    assert left_out == [f"{longest + 'y'!r}: has a name of more than 255 bytes, or a path of more than 800"]


def test_names_that_some_disks_take_for_one_are_left_out_but_one(here: Path) -> None:
    mine = watched(here, "*.pt")
    for name in ("Best.pt", "best.pt", "BEST.pt", "caf\u00e9.pt", "cafe\u0301.pt", "last.pt"):
        write(here / name)
    if len(list(here.glob("*.pt"))) < 6:
        pytest.skip("this disk takes them for one")
    files, left_out = mine.found()
    assert sorted(files) == ["BEST.pt", "cafe\u0301.pt", "last.pt"]
    assert left_out == [
        f"{name!r}: differs from {other!r} in upper and lower case only, which some disks take for one file"
        for name, other in (("Best.pt", "BEST.pt"), ("best.pt", "BEST.pt"), ("caf\u00e9.pt", "cafe\u0301.pt"))
    ]


def test_too_many_are_none_and_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MAX_FILES", 2)
    mine = watched(here, "*.pt")
    for name in "abc":
        write(here / f"{name}.pt")
    files, left_out = mine.found()
    assert files == {}
    assert left_out == [
        "all of them: 3 files of 0.0 GiB, and a trial may have 2 of 100 GiB; name fewer, or put them into one archive"
    ]


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", "best.pt"])
def test_patterns_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|Expecting"):
        patterns_of(text)
    assert patterns_of(None) == []
