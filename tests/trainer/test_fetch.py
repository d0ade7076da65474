"""Where data sets come from, and what is said where no source has one."""

import gc
import gzip
import hashlib
import io
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from stepsweep.contract import keys
from stepsweep.trainer import data, fetch
from tests.support.ports import free_port

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
    assert asked[0] == (
        "apt-get --quiet=2 -oAcquire::http::Timeout=10 -oAcquire::https::Timeout=10 -oAcquire::Retries=1 "
        "-oAPT::Sandbox::User= download dataset-fashion-mnist"
    )
    assert re.fullmatch(r"dpkg-deb --extract (/\S+/)images_1\.deb \1package", asked[1])
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
    scratch = words[3][2].removesuffix("/images_1.deb")
    assert re.fullmatch(rf"{tmp_path}/data/\.{NAME}-\w+", scratch), "where a move is atomic"
    own = [
        f"-oDir::State={scratch}/state",
        f"-oDir::Cache={scratch}/cache",
        "-oDir::State::status=/var/lib/dpkg/status",
    ]
    assert [line[6:] for line in words[1:3]] == [[*own, "update"], [*own, "download", "dataset-fashion-mnist"]]
    assert folder.parent == tmp_path


def test_a_program_that_fails_is_named_with_what_it_said(folder: Path, tmp_path: Path) -> None:
    programs(tmp_path, apt_get="sys.exit('E: no\\n network' + '!' * 999)")
    said = reason(tmp_path / "data").partition("; no apt-get")[0].rpartition("; ")[2]
    assert said.startswith("`apt-get update`: E: no network!!!")
    assert len(said) == len("`apt-get update`: ") + 300
    programs(tmp_path, apt_get="sys.stderr.buffer.write(b'E: \\xff'); sys.exit(100)")
    assert reason(tmp_path / "data").endswith("; `apt-get update`: E: \ufffd")
    programs(tmp_path, apt_get="sys.exit(100)")
    assert reason(tmp_path / "data").endswith("; `apt-get update`: it ended with code 100")
    assert folder.parent == tmp_path


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
class TestTorchvision:
    """torchvision itself, with a mirror on this machine."""

    @pytest.fixture
    def mirror(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
        """What the one mirror of each data set has, by path: at first, data sets of one image, in place of theirs."""
        from torchvision.datasets import MNIST, FashionMNIST

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path not in files:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(files[self.path])))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(files[self.path])

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        images = gzip.compress(struct.pack(">4I", 0x803, 1, 28, 28) + bytes(784))
        labels = gzip.compress(struct.pack(">2I", 0x801, 1) + b"\1")
        contents = {f"{file}.gz": images if "images" in file else labels for file in FILES}
        files: dict[str, bytes] = {}
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for dataset in (MNIST, FashionMNIST):
                files |= {f"/{dataset.__name__}/{file}": content for file, content in contents.items()}
                url = f"http://127.0.0.1:{server.server_port}/{dataset.__name__}/"
                monkeypatch.setattr(dataset, "mirrors", [url])
                self.expect(monkeypatch, dataset, contents)
            monkeypatch.setattr(fetch, "find_spec", find_spec)
            yield files
            server.shutdown()
        socket.setdefaulttimeout(None)
        assert not folder.exists()
        gc.collect()  # what torchvision leaves open where a mirror refuses

    def expect(self, monkeypatch: pytest.MonkeyPatch, dataset: type, contents: dict[str, bytes]) -> None:
        """Gives torchvision the MD5s of what the mirror has."""
        sums = [(file, hashlib.md5(content, usedforsecurity=False).hexdigest()) for file, content in contents.items()]
        monkeypatch.setattr(dataset, "resources", sums)

    @pytest.mark.parametrize(("name", "others"), [("mnist", "FashionMNIST"), (NAME, "MNIST")])
    def test_each_data_set_is_downloaded_from_its_mirror_with_a_bar_only_for_a_person(
        self,
        mirror: dict[str, bytes],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        others: str,
    ) -> None:
        for path in [path for path in mirror if path.startswith(f"/{others}/")]:
            del mirror[path]
        wrong = "torchvision's mirrors: train-images-idx3-ubyte is damaged: it has 800 bytes, not 47,040,016"
        assert wrong in reason(tmp_path / "data", name).split("; ")
        assert socket.getdefaulttimeout() == 10
        assert capsys.readouterr() == ("", "")
        terminal = io.StringIO()
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stderr", terminal)
        assert wrong in reason(tmp_path / "data", name).split("; ")
        assert "100%|" in terminal.getvalue()

    def test_each_mirror_that_fails_is_named_with_its_reason(
        self, mirror: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from torchvision.datasets import MNIST

        (url,), port = MNIST.mirrors, free_port()
        monkeypatch.setattr(MNIST, "mirrors", [url, f"http://127.0.0.1:{port}/mnist/"])
        host = url.split("/")[2]
        first = f"/MNIST/{FILES[0]}.gz"
        content = mirror.pop(first)
        refused = f"127.0.0.1:{port}: Connection refused"
        assert reason(tmp_path / "data", "mnist") == f"{host}: HTTP Error 404: Not Found, {refused}"
        mirror[first] = b"no zip"
        assert reason(tmp_path / "data", "mnist") == f"{host}: File not found or corrupted., {refused}"
        # With the right MD5, as if it had been damaged before that was taken.
        for damaged, told in {
            b"no zip": "Not a gzipped file (b'no')",
            content[:-9]: "Compressed file ended before the end-of-stream marker was reached",
            content[:10] + b"\xff" * 20: "Error -3 while decompressing data: invalid block type",
        }.items():
            mirror[first] = damaged
            others = {f"{file}.gz": mirror[f"/MNIST/{file}.gz"] for file in FILES}
            self.expect(monkeypatch, MNIST, others)
            assert reason(tmp_path / "data", "mnist") == told


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
        torchvision = "torchvision is missing: pip install 'stepsweep[tutorial]'"
        assert err == (
            f"no data set: mnist cannot be fetched ({torchvision}); {NAME} cannot be fetched (no {folder} on this "
            f"machine; {torchvision}; no apt-get here, to take Debian's package dataset-fashion-mnist)\n"
        )
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
