"""Where data sets come from, and what is said where no source has one."""

import gzip
import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from stepsweep.contract import keys
from stepsweep.trainer import data, fetch

NAME = "fashion-mnist"
FILES = tuple(data.DATASETS[NAME].sha256)
WRONG = "train-images-idx3-ubyte is damaged: it has 5 bytes, not 47,040,016"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Debian's package would put the files; nothing else has any, and no program is found."""
    folder = tmp_path / "installed"
    monkeypatch.setattr(fetch, "DEBIAN_FOLDER", folder)
    monkeypatch.setattr(fetch, "find_spec", lambda name: None if name == "torchvision" else ModuleSpec(name, None))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return folder


def zipped(folder: Path, content: bytes = b"wrong") -> None:
    folder.mkdir(parents=True)
    for file in FILES:
        (folder / f"{file}.gz").write_bytes(gzip.compress(content))


def reason(data_dir: Path, name: str = NAME) -> str:
    with pytest.raises(fetch.FetchError) as error:
        fetch.prepare(name, data_dir)
    assert [each for each in data_dir.iterdir() if each.name.startswith(".")] == [], "nothing half done is left"
    return str(error.value)


def test_every_source_says_why_it_has_none(folder: Path, tmp_path: Path) -> None:
    torchvision = "torchvision is missing: pip install 'stepsweep[tutorial]'"
    assert reason(tmp_path / "data") == (
        f"no {folder} on this machine; {torchvision}; no apt-get here, to take Debian's package dataset-fashion-mnist"
    )
    assert reason(tmp_path / "data", "mnist") == torchvision


def test_an_installed_package_is_unzipped_and_checked(folder: Path, tmp_path: Path) -> None:
    zipped(folder)
    assert reason(tmp_path / "data").startswith(f"{folder}: {WRONG}; torchvision is missing")
    (folder / f"{FILES[1]}.gz").write_bytes(b"no zip")
    assert reason(tmp_path / "data").startswith(f"{folder}/{FILES[1]}.gz: Not a gzipped file (b'no'); torchvision")
    (folder / f"{FILES[1]}.gz").write_bytes(gzip.compress(b"wrong")[:-9])
    assert reason(tmp_path / "data").startswith(f"{folder}/{FILES[1]}.gz: Compressed file ended before")
    (folder / f"{FILES[1]}.gz").unlink()
    assert reason(tmp_path / "data").startswith(f"{folder}/{FILES[1]}.gz: [Errno 2] No such file")


def programs(tmp_path: Path, *, apt_get: str) -> Path:
    """Puts an apt-get there, and a dpkg-deb whose packages are folders. Returns what notes their arguments."""
    said = tmp_path / "said"
    for name, code in {
        "apt-get": apt_get,
        "dpkg-deb": "import shutil; shutil.copytree(sys.argv[2], sys.argv[3])",
    }.items():
        program = tmp_path / "bin" / name
        note = f"open({str(said)!r}, 'a').write(' '.join([{name!r}, *sys.argv[1:]]) + '\\n')"
        program.write_text(f"#!{sys.executable} -S\nimport os, sys\n{note}\n{code}\n")
        program.chmod(0o755)
    return said


def test_debians_package_is_taken_without_root_and_without_installing_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "DEBIAN_FOLDER", Path("usr/share"))
    zipped(tmp_path / "package" / "usr" / "share")
    copied = f"import shutil; shutil.copytree({str(tmp_path / 'package')!r}, 'images_1.deb')"
    said = programs(tmp_path, apt_get=f"if 'download' in sys.argv: {copied}")
    assert reason(tmp_path / "data").endswith(f"; Debian's package images_1: {WRONG}")
    asked = said.read_text().splitlines()
    assert [line.split()[0] for line in asked] == ["apt-get", "dpkg-deb"]
    assert asked[1].startswith("dpkg-deb --extract /")
    assert asked[0].endswith(" download dataset-fashion-mnist")
    assert "-oAcquire::http::Timeout=10 -oAcquire::https::Timeout=10 -oAcquire::Retries=1" in asked[0]
    assert not folder.exists()


def test_where_nobody_has_updated_apt_it_is_done_in_a_folder_of_its_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "DEBIAN_FOLDER", Path("usr/share"))
    zipped(tmp_path / "package" / "usr" / "share")
    said = programs(
        tmp_path,
        apt_get=f"""
state = [word.partition("=")[2] for word in sys.argv if word.startswith("-oDir::State=")]
if not state: sys.exit("E: Unable to locate package")
assert os.path.isdir(state[0] + "/lists/partial") and os.path.isdir(state[0][:-5] + "cache/archives/partial")
if "update" in sys.argv: open(state[0] + "/updated", "w")
assert os.path.exists(state[0] + "/updated")
if "download" in sys.argv: import shutil; shutil.copytree({str(tmp_path / "package")!r}, "images_1.deb")
""",
    )
    assert reason(tmp_path / "data").endswith(f"; Debian's package images_1: {WRONG}")
    words = [line.split() for line in said.read_text().splitlines()]
    assert [line[-1] if line[0] == "apt-get" else line[0] for line in words] == [
        "dataset-fashion-mnist", "update", "dataset-fashion-mnist", "dpkg-deb",
    ]  # fmt: skip
    assert "-oDir::State::status=/var/lib/dpkg/status" in words[1]
    assert folder.parent == tmp_path


def test_a_program_that_fails_is_named_with_what_it_said(folder: Path, tmp_path: Path) -> None:
    programs(tmp_path, apt_get="sys.exit('E: no\\n network' + '!' * 999)")
    said = reason(tmp_path / "data").partition("; no apt-get")[0].rpartition("; ")[2]
    assert said.startswith("`apt-get update`: E: no network!!!")
    assert len(said) == len("`apt-get update`: ") + 300
    assert folder.parent == tmp_path


class TestCommandLine:
    def test_the_help_has_every_option_with_what_it_takes(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            fetch.main(["--help"])
        assert ended.value.code == 0
        usage, about, text = capsys.readouterr().out.split("\n\n")
        assert " ".join(usage.split()).startswith(
            "usage: python -m stepsweep.trainer.fetch [-h] (--dataset {mnist,fashion-mnist} | --first-of NAME,NAME)"
        )
        assert " ".join(about.split()) == (
            "Put data sets in place: from disk, by torchvision, or fashion-mnist from Debian's package."
        )
        assert [" ".join(option.split()) for option in re.split(r"\n  (?=-)", text)[1:]] == [
            "-h, --help show this help message and exit",
            "--dataset {mnist,fashion-mnist} prepare this one; may be repeated",
            "--first-of NAME,NAME prepare the first that can be had and print its name; stderr says why it is not the "
            "first named",
            "--data-dir DATA_DIR default $STEPSWEEP_DATA_DIR, else .stepsweep/data",
        ]

    def test_each_data_set_is_ready_or_named(
        self, data_dir: Path, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert fetch.main(["--dataset", NAME, "--data-dir", str(data_dir)]) == 0
        ready = f"{NAME}: ready in {data_dir / NAME} (there already)\n"
        assert capsys.readouterr() == (ready, "")
        empty = folder.parent / "empty"
        (empty / NAME).parent.mkdir()
        (empty / NAME).symlink_to(data_dir / NAME)
        assert fetch.main(["--dataset", "mnist", "--dataset", NAME, "--data-dir", str(empty)]) == 1
        out, err = capsys.readouterr()
        assert out == ready.replace(str(data_dir), str(empty))
        assert err == "mnist: not fetched: torchvision is missing: pip install 'stepsweep[tutorial]'\n"

    def test_the_folder_is_that_of_the_environment_or_the_usual_one(
        self, data_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv(keys.DATA_DIR, str(data_dir))
        assert fetch.main(["--dataset", NAME]) == 0
        assert f"ready in {data_dir}/{NAME} " in capsys.readouterr().out
        monkeypatch.setenv(keys.DATA_DIR, "")
        monkeypatch.chdir(folder.parent)
        assert fetch.main(["--first-of", f"mnist,{NAME}"]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("no data set: mnist cannot be fetched (torchvision is missing: pip install ")
        assert (folder.parent / ".stepsweep" / "data").is_dir()

    @pytest.mark.parametrize(
        ("words", "fault"),
        [
            (["--first-of", "mnist,cifar"], "argument --first-of: 'cifar' is none of mnist, fashion-mnist"),
            (["--dataset", "cifar"], "argument --dataset: invalid choice: 'cifar'"),
            ([], "one of the arguments --dataset --first-of is required"),
            (["--dataset", "mnist", "--first", "mnist"], "unrecognized arguments: --first mnist"),
        ],
    )
    def test_what_is_asked_wrongly_is_named(
        self, capsys: pytest.CaptureFixture[str], words: list[str], fault: str
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            fetch.main(words)
        assert ended.value.code == 2
        assert f"python -m stepsweep.trainer.fetch: error: {fault}" in capsys.readouterr().err
