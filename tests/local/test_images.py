"""What `docker run` would start, and in which files, read from Dockerfiles."""

import io
import json
import sys
import tarfile
from pathlib import Path

import pytest

from stepsweep.contract.errors import InvalidInput
from stepsweep.local.images import Image, build_images, images_of
from stepsweep.local.preload import Preload

ROOT = Path("/root-of-the-job")


def made(folder: Path, dockerfile: str, *files: str) -> tuple[Image, list[str]]:
    """Returns the image of a stack whose one image has this Dockerfile and these files, each of which holds its name.

    Also returns what building it has to say.
    """
    for name in files:
        (folder / "asset" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "asset" / name).write_text(name)
    (folder / "asset").mkdir(parents=True, exist_ok=True)
    (folder / "asset" / "Dockerfile").write_text(dockerfile)
    source = {"directory": "asset"}
    (folder / "Stack.assets.json").write_text(json.dumps({"files": {}, "dockerImages": {"tag": {"source": source}}}))
    said = build_images(folder, "Stack")
    return images_of(folder, "Stack")["tag"], said


def image(folder: Path, dockerfile: str, *files: str) -> Image:
    return made(folder, dockerfile, *files)[0]


def files_of(image: Image) -> dict[str, str]:
    """Returns the text of each file in an image, by its path."""
    found = (path for path in image.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"/{path.relative_to(image.folder)}": path.read_text() for path in found}


def fault_of(folder: Path, dockerfile: str, *files: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        made(folder, dockerfile, *files)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize(
    ("dockerfile", "argv"),
    [
        ('FROM x\nENTRYPOINT ["run"]', ["run", "--lr", "0.1"]),
        (
            'FROM x\nENTRYPOINT ["stepsweep-trial", "--", "python", "{args}"]',
            [sys.executable, "-m", "stepsweep.trial", "--", "python", "{args}", "--lr", "0.1"],
        ),
        ('FROM x\nENTRYPOINT [ "run", "a b" ]', ["run", "a b", "--lr", "0.1"]),
        ('from x\nentrypoint ["run"]', ["run", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["first"]\nENTRYPOINT ["last"]', ["last", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["run", \\\n# why\n\n  "on"]', ["run", "on", "--lr", "0.1"]),
        ('# escape=`\nFROM x\nENTRYPOINT ["run", `\n  "on"]', ["run", "on", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["run"]\nCMD ["--help"]', ["run", "--lr", "0.1"]),
        ('FROM x AS build\nENTRYPOINT ["build"]\nFROM y\nENTRYPOINT ["run"]', ["run", "--lr", "0.1"]),
        ('FROM x AS build\nENTRYPOINT ["build"]\nFROM y', ["--lr", "0.1"]),
        ("FROM x\nENTRYPOINT run on", ["/bin/sh", "-c", "run on", "--lr", "0.1"]),
        ("FROM x\nENTRYPOINT ['run']", ["/bin/sh", "-c", "['run']", "--lr", "0.1"]),
        ("FROM x", ["--lr", "0.1"]),
        ('FROM x\nRUN <<END\nENTRYPOINT ["no"]\nEND\nENTRYPOINT ["run"]', ["run", "--lr", "0.1"]),
        ('FROM x\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT run on', ["/bin/bash", "-c", "run on", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["conda", "run", "-n", "env", "--no-capture-output", "prog"]', ["prog", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["/opt/conda/bin/mamba", "run", "prog", "-n"]', ["prog", "-n", "--lr", "0.1"]),
    ],
)
def test_a_job_runs_the_entrypoint_with_its_command(tmp_path: Path, dockerfile: str, argv: list[str]) -> None:
    assert image(tmp_path, dockerfile).argv(["--lr", "0.1"], ROOT) == argv


@pytest.mark.parametrize(
    ("dockerfile", "argv"),
    [
        ('FROM x\nENTRYPOINT ["run"]\nCMD ["--help"]', ["run", "--help"]),
        ('FROM x\nCMD ["run", "on"]', ["run", "on"]),
        ("FROM x\nCMD run on", ["/bin/sh", "-c", "run on"]),
        ('FROM x\nCMD ["run"]\nFROM y', []),
        ('FROM x\nCMD ["--help"]\nENTRYPOINT ["run"]', ["run", "--help"]),
        ("FROM x", []),
    ],
)
def test_a_job_without_a_command_runs_the_images(tmp_path: Path, dockerfile: str, argv: list[str]) -> None:
    assert image(tmp_path, dockerfile).argv([], ROOT) == argv


@pytest.mark.parametrize(
    ("dockerfile", "drops"),
    [
        ('FROM x\nENTRYPOINT ["run"]', False),
        ('FROM x\nENTRYPOINT ["/bin/sh", "-c", "run \\"$@\\"", "--"]', False),
        ("FROM x\nENTRYPOINT run on", True),
        ('FROM x\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT run on', True),
        ('FROM x\nCMD ["run"]', True),
        ("FROM x", True),
    ],
)
def test_an_entrypoint_in_the_shells_form_drops_a_jobs_options(tmp_path: Path, dockerfile: str, drops: bool) -> None:
    why = (
        "the trainer's Dockerfile: its ENTRYPOINT must be a JSON list, or options of a trial are dropped; write it as "
        'ENTRYPOINT ["python", "train.py"]'
    )
    assert image(tmp_path, dockerfile).faults == [why] * drops


@pytest.mark.parametrize(
    "program", ["python", "python3", "python3.12", "/usr/local/bin/python", "/opt/venv/bin/python3"]
)
def test_python_is_the_one_that_runs_the_embedded_cloud(tmp_path: Path, program: str) -> None:
    found = image(tmp_path, f'FROM x\nENTRYPOINT ["{program}", "-m", "trainer"]')
    assert found.argv(["--lr", "0.1"], ROOT) == [sys.executable, "-m", "trainer", "--lr", "0.1"]


@pytest.mark.parametrize("program", ["python2", "pythonic", "/bin/sh", "bin/python"])
def test_another_program_is_taken_as_it_is(tmp_path: Path, program: str) -> None:
    assert image(tmp_path, f'FROM x\nENTRYPOINT ["{program}"]').argv([], ROOT) == [program]


def test_paths_of_the_images_files_are_those_of_the_job(tmp_path: Path) -> None:
    dockerfile = """
        FROM x
        ENV PYTHONPATH=/app/src:/usr/lib PATH="/app/bin:/usr/bin" HOME=/ URL=http://a/app
        COPY . /app/
        COPY run.sh /usr/local/bin/run
        ENTRYPOINT ["/app/bin/python", "/app/run.sh", "--config=/app/src/a.py", "out=/app/new", "/app-2", "/etc/x"]
    """
    found = image(tmp_path, dockerfile, "run.sh", "src/a.py", "bin/python")
    root = f"{ROOT}/app"
    assert found.argv(["/usr/bin/env", "/app/../app/run.sh", "--=/"], ROOT) == [
        *(f"{root}/bin/python", f"{root}/run.sh", f"--config={root}/src/a.py", f"out={root}/new", "/app-2", "/etc/x"),
        *("/usr/bin/env", f"{root}/../app/run.sh", "--=/"),
    ]
    assert found.environment_in(ROOT, {"PATH": "/of/this/machine", "HOME": "/home"}) == {
        "PYTHONPATH": f"{root}/src:/usr/lib",
        "PATH": f"{root}/bin:/of/this/machine",
        "HOME": "/home",
        "URL": "http://a/app",
    }
    ours = found.environment_in(ROOT, {"PATH": "/of/this/machine", "PYTHONPATH": "/of/a/shell"})
    assert ours["PYTHONPATH"] == f"{root}/src:/usr/lib:/of/a/shell"


def test_the_environment_is_the_last_stages(tmp_path: Path) -> None:
    found = image(tmp_path, 'FROM x AS build\nENV A=build\nFROM y\nENV B=1 C="a b"\nENV D $B-$C')
    assert found.environment == {"B": "1", "C": "a b", "D": "1-a b"}


def test_a_stage_made_from_another_starts_with_what_that_one_says(tmp_path: Path) -> None:
    base = (
        'FROM x AS base\nARG V=arg\nWORKDIR /app\nCOPY a .\nENTRYPOINT ["run"]\nCMD ["--help"]\nENV A=base B=base\n'
        "LABEL stepsweep.preload=json\n"
    )
    last = "FROM y AS other\nENV C=other\nFROM --platform=linux/amd64 base AS last\nENV B=$V\nCOPY b sub/"
    found = image(tmp_path, base + last, "a", "b")
    assert found.argv([], ROOT) == ["run", "--help"]
    assert found.environment == {"A": "base", "B": "arg"}
    assert found.preload.modules == ("json",)
    assert found.workdir == "/app"
    assert files_of(found) == {"/app/a": "a", "/app/sub/b": "b"}


def test_a_new_entrypoint_takes_the_command_of_the_stage_before_away(tmp_path: Path) -> None:
    assert image(tmp_path, 'FROM x AS base\nCMD ["--help"]\nFROM base\nENTRYPOINT ["run"]').argv([], ROOT) == ["run"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${X:-y}", "y"),
        ("${EMPTY:-y}", "y"),
        ("${EMPTY-y}", ""),
        ("${ONE:+y}${X:+n}", "y"),
        ("a${ONE}b$ONE-$X", "a1b1-"),
        ("'$ONE'", "$ONE"),
        ('"$ONE b \\"c\\""', '1 b "c"'),
        ("\\$ONE\\ 2", "$ONE 2"),
        ("${X:-${ONE:-z}}", "1"),
        ("${P#*/}+${P##*/}+${P%/*}+${P%%/*}", "b/c+c+a/b+a"),
        ("${P#\\*/}+${P%/\\*}+${STAR#\\*/}", "a/b/c+a/b/c+a"),
        ("${P/b/Q}${P//[a-z]/Q}", "a/Q/ca/b/c"),
        ("$", "$"),
        ("$ONE:$TWO", "1:"),  # a variable of the same line is not known yet
        ("$TARGETARCH", ""),  # not declared
        ("$GLOBAL$DECLARED", "declared"),
    ],
)
def test_variables_are_replaced_as_docker_does(tmp_path: Path, value: str, expected: str) -> None:
    before = "ARG GLOBAL=global DECLARED=declared\nFROM x\nARG DECLARED ONE=hidden\nENV EMPTY= ONE=1 P=a/b/c STAR=*/a\n"
    assert image(tmp_path, f"{before}ENV TWO=2 V={value}").environment["V"] == expected


def test_the_preloaded_modules_are_named_by_a_label(tmp_path: Path) -> None:
    dockerfile = 'FROM x\nWORKDIR /app\nENV PYTHONPATH=/src\nLABEL stepsweep.preload="torch torchvision"'
    found = image(tmp_path, dockerfile)
    places = (str(found.folder / "app"), str(found.folder / "src"))
    assert found.preload == Preload(modules=("torch", "torchvision"), root=str(found.folder), path=places)


def test_without_the_label_nothing_is_preloaded(tmp_path: Path) -> None:
    assert image(tmp_path, "FROM x\nLABEL other=1").preload.modules == ()


CONTEXT = ("train.py", "model.py", "data/a.csv", "data/sub/b.csv", "README.md", "pkg/__init__.py")


@pytest.mark.parametrize(
    ("instructions", "files"),
    [
        ("COPY train.py .", {"/app/train.py": "train.py"}),
        ("COPY train.py /app", {"/app/train.py": "train.py"}),
        ("COPY train.py main.py", {"/app/main.py": "train.py"}),
        ("COPY train.py /opt/x/", {"/opt/x/train.py": "train.py"}),
        ("COPY *.py src/", {"/app/src/train.py": "train.py", "/app/src/model.py": "model.py"}),
        ("COPY [^m]*.py .", {"/app/train.py": "train.py"}),
        ("COPY d?ta/*/*.csv .", {"/app/b.csv": "data/sub/b.csv"}),
        ("COPY train.py missing* ./", {"/app/train.py": "train.py"}),
        ("COPY data .", {"/app/a.csv": "data/a.csv", "/app/sub/b.csv": "data/sub/b.csv"}),
        ("COPY data/sub ../in", {"/in/b.csv": "data/sub/b.csv"}),
        ("COPY data pkg x/", {"/app/x/a.csv": "data/a.csv", "/app/x/sub/b.csv": "data/sub/b.csv",
                              "/app/x/__init__.py": "pkg/__init__.py"}),
        ('COPY ["train.py", "a b.py"]', {"/app/a b.py": "train.py"}),
        ("COPY --chown=app:app --link --chmod=755 ../train.py .", {"/app/train.py": "train.py"}),
        ("ADD train.py ${X:-there}/", {"/app/there/train.py": "train.py"}),
        ("COPY train.py .\nCOPY model.py train.py", {"/app/train.py": "model.py"}),
        ("COPY <<END <<-\"RAW\" ./\na $X b ${X:-y} 'c'\nEND\n\t$X\n\tRAW",
            {"/app/END": "a  b y 'c'\n", "/app/RAW": "$X\n"}),
        ("COPY <<END x.txt\n# no comment\nEND", {"/app/x.txt": "# no comment\n"}),
        ("WORKDIR sub\nCOPY train.py .", {"/app/sub/train.py": "train.py"}),
    ],
)  # fmt: skip
def test_what_is_copied_is_there_and_nothing_else(tmp_path: Path, instructions: str, files: dict[str, str]) -> None:
    found = image(tmp_path, f"FROM x\nWORKDIR /app\n{instructions}", *CONTEXT)
    assert files_of(found) == files


def test_what_another_stage_copied_can_be_copied_from_it(tmp_path: Path) -> None:
    dockerfile = """
        FROM x AS built
        COPY . /src
        FROM y
        COPY --from=built /src/pkg /app/pkg
        COPY --from=0 /src/train.py /app/
        COPY --from=built /src/dist/*.whl /app/
        COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/
    """
    found, said = made(tmp_path, dockerfile, *CONTEXT)
    assert files_of(found) == {"/app/pkg/__init__.py": "pkg/__init__.py", "/app/train.py": "train.py"}
    assert said == [
        "Not done here of the trainer's Dockerfile: COPY --from=ghcr.io/astral-sh/uv:0.5 (line 8), COPY of "
        "/src/dist/*.whl from another stage (line 7)"
    ]


def test_add_unpacks_archives_and_modes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "asset").mkdir()
    with tarfile.open(tmp_path / "asset" / "data.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("deep/a.csv")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"in"))
    found = image(tmp_path, "FROM x\nADD data.tar.gz /data\nCOPY --chmod=755 run.sh /run.sh", "run.sh")
    assert (found.folder / "data" / "deep" / "a.csv").read_text() == "in"
    assert (found.folder / "run.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("dockerfile", "fault"),
    [
        (
            "FROM x\nCOPY gone.py /app/",
            "line 2: COPY gone.py /app/: gone.py is not in the build context; is it in the trainer's folder, and not "
            "in .dockerignore?",
        ),
        (
            "FROM x\n\nCOPY train.py model.py /app",
            "line 3: COPY train.py model.py /app: the target of several sources must be a folder and end in /",
        ),
        ("FROM x\nCOPY train.py", "line 2: COPY train.py: must have a source and a target"),
        (
            "FROM x\nCOPY --chmod=u+x train.py /",
            "line 2: COPY train.py /: --chmod must be an octal number, such as 755, here",
        ),
        ("FROM x\nRUM pip install torch", "line 2: RUM: is no instruction"),
        ("COPY train.py .", "line 1: COPY train.py .: must come after FROM"),
        ("# nothing", "line 1: FROM: is missing: it names the image to start from"),
        ("# escape=x\nFROM x", "line 1: # escape=x: the escape character must be \\ or `"),
        *(
            (words, f"line 1: {words}: must be FROM IMAGE, or FROM IMAGE AS NAME")
            for words in ("FROM", "FROM x y", "FROM x IS y", "FROM x AS y z")
        ),
        ("FROM x\nENV A='b", "line 2: ENV A='b: a quote has no end in 'b"),
        ('FROM x\nENV A="b', 'line 2: ENV A="b: a quote has no end in "b'),
        ("FROM x\nENV A=${B", "line 2: ENV A=${B: } is missing in ${B"),
        ("FROM x\nENV A", "line 2: ENV A: must have a name and a value"),
        ("FROM x\nENV A=b C", "line 2: ENV A=b C: C must be of the form name=value"),
        ('FROM x\nENV A="${B:?must be given}"', 'line 2: ENV A="${B:?must be given}": B: must be given'),
        ("FROM x\nENV A=${B:?}", "line 2: ENV A=${B:?}: B: must be set"),
        ("FROM x\nCOPY <<END /x\ntext", "line 2: <<END: the text has no end; a line must be END"),
        (
            "FROM x\nCOPY --parents data/a.csv /x/",
            "line 2: COPY data/a.csv /x/: --parents is not known here; name the target of each file",
        ),
        ("FROM x\nENTRYPOINT [1]", "line 2: ENTRYPOINT [1]: a JSON list must have texts only"),
    ],
)
def test_what_breaks_the_build_is_named_with_its_line(tmp_path: Path, dockerfile: str, fault: str) -> None:
    assert fault_of(tmp_path, dockerfile, *CONTEXT) == f"the trainer's Dockerfile, {fault}"


def test_a_link_out_of_the_build_context_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "asset").mkdir()
    (tmp_path / "asset" / "link").symlink_to("/etc/hostname")
    assert fault_of(tmp_path, "FROM x\nCOPY link /app/") == (
        "the trainer's Dockerfile, line 2: COPY link /app/: link is a link that leads out of the build context"
    )


def test_what_is_not_done_here_is_said_in_one_line(tmp_path: Path) -> None:
    dockerfile = """FROM x
        RUN pip install torch
        ADD https://example.com/data.bin /data/
        RUN apt-get update
        HEALTHCHECK CMD true
        STOPSIGNAL SIGINT
        COPY --exclude=*.md . /app/
    """
    (said,) = made(tmp_path, dockerfile, "a")[1]
    assert said == (
        "Not done here of the trainer's Dockerfile: RUN (lines 2, 4), ADD of a URL (line 3), HEALTHCHECK (line 5), "
        "STOPSIGNAL (line 6), COPY --exclude (line 7); trials use the packages and programs of this machine"
    )
    assert made(tmp_path / "all", "FROM x\nEXPOSE 80\nSTOPSIGNAL SIGTERM\nLABEL a=b", "a")[1] == []


@pytest.mark.parametrize(
    ("instructions", "says"),
    [
        ("WORKDIR /app\nCOPY . .\nUSER app", True),
        ("COPY . /app\nWORKDIR /app\nUSER app", True),
        ("WORKDIR /app\nCOPY --chown=app . .\nUSER app:app", True),  # the folder itself stays root's
        ("COPY --chown=app . /app\nWORKDIR /app\nUSER app", False),
        ("COPY a /app/\nWORKDIR /app\nUSER app", True),
        ("COPY --chown=app a /app/\nWORKDIR /app\nUSER app", False),
        ("ADD files.tar /app\nWORKDIR /app\nUSER app", True),
        ("ADD --chown=app files.tar /app\nWORKDIR /app\nUSER app", False),
        ("USER app\nWORKDIR /app\nCOPY . .", False),
        ("WORKDIR /app\nRUN chown app /app\nUSER app", False),
        ("WORKDIR /app\nUSER root", False),
        ("WORKDIR /app", False),
    ],
)
def test_a_working_folder_that_the_user_cannot_write_to_is_named(tmp_path: Path, instructions: str, says: bool) -> None:
    (tmp_path / "asset").mkdir()
    with tarfile.open(tmp_path / "asset" / "files.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("of-archive"))
    said = made(tmp_path, f"FROM x\n{instructions}", "a")[1]
    why = (
        "On AWS a trial cannot write to its working folder: the Dockerfile's USER is app, and /app belongs to root; "
        "add RUN chown app /app before USER"
    )
    assert [line for line in said if not line.startswith("Not done here")] == [why] * says


@pytest.mark.parametrize(
    ("instructions", "missing"),
    [
        ('COPY model.py .\nENTRYPOINT ["python", "train.py", "--lr", "1"]', ["train.py"]),
        ('COPY model.py .\nENTRYPOINT ["python", "-m", "pkg.train"]', ["pkg"]),
        ('COPY train.py .\nENTRYPOINT ["python", "train.py"]', []),
        ('COPY pkg /lib/pkg\nENV PYTHONPATH=/lib\nENTRYPOINT ["python", "-m", "pkg.train"]', []),
        ('ENTRYPOINT ["python", "-m", "installed"]', []),
    ],
)
def test_a_program_that_is_not_copied_is_a_fault(tmp_path: Path, instructions: str, missing: list[str]) -> None:
    faults = image(tmp_path, f"FROM x\nWORKDIR /app\n{instructions}", *CONTEXT).faults
    assert faults == [
        f"the trainer's Dockerfile: it copies {name} nowhere that the command looks; the working folder is /app. "
        f"Add: COPY {name} ."
        for name in missing
    ]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "entry.sh",
            'set -e\n# cd /app\ncd /app\nexec python /app/train.py "$@"\n',
            [(3, "/app"), (4, "/app/train.py")],
        ),
        ("entry", "#!/usr/bin/env bash\nexport PYTHONPATH=/app/\n", [(2, "/app")]),
        ("entry.sh", 'cd "$(dirname "$0")"; cat /etc/hosts /data/x ./app/x $HOME/app ~/app > /dev/null\n', []),
        ("entry.py", "open('/app/train.py')\n", []),  # it may try one place after another
    ],
)
def test_an_entry_script_that_names_paths_of_the_image_cannot_run_as_a_process(
    tmp_path: Path, name: str, text: str, found: list[tuple[int, str]]
) -> None:
    (tmp_path / "asset").mkdir()
    (tmp_path / "asset" / name).write_text(text)
    faults = image(
        tmp_path, f'FROM x\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["sh", "{name}"]', "train.py"
    ).faults_of_processes
    assert faults == [
        f"the trainer's {name}, line {line}: {path} is a path of the image, and trials on this machine run in copies "
        "of its files elsewhere; start from the working folder, which is /app in the image, or from "
        '"$(dirname "$0")", or run the sweep with --container'
        for line, path in found
    ]


def test_folders_of_data_are_links_beside_what_is_copied(tmp_path: Path) -> None:
    """A script's own data, which no image of this machine holds."""
    names = ("in/one", "in/two words", "three")
    for name in names:
        (tmp_path / "asset" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "asset" / name).symlink_to(tmp_path / name)
    label = 'LABEL stepsweep.data="in/one in/two%20words three"'
    found = image(tmp_path, f"FROM x\nWORKDIR /app\n{label}\nCOPY train.py three/", "train.py")
    assert files_of(found) == {"/app/three/train.py": "train.py"}
    links = [path for path in found.folder.rglob("*") if path.is_symlink()]
    assert {str(path.relative_to(found.folder)): path.readlink() for path in links} == {
        f"app/{name}": tmp_path / name for name in names[:2]
    }


def test_a_dockerfile_can_have_another_name_and_another_encoding_and_lie_deeper(tmp_path: Path) -> None:
    (tmp_path / "asset" / "trainer").mkdir(parents=True)
    text = '# Größe\nFROM x\nENTRYPOINT ["run"]'
    (tmp_path / "asset" / "trainer" / "Other.dockerfile").write_bytes(text.encode("latin-1"))
    source = {"directory": "asset", "dockerFile": "trainer/Other.dockerfile"}
    (tmp_path / "Stack.assets.json").write_text(json.dumps({"dockerImages": {"tag": {"source": source}}}))
    assert images_of(tmp_path, "Stack")["tag"].argv([], ROOT) == ["run"]


def test_a_stack_without_images_has_none(tmp_path: Path) -> None:
    """Where the image is built already, and named by its URI."""
    (tmp_path / "Stack.assets.json").write_text(json.dumps({"version": "1", "files": {}}))
    assert images_of(tmp_path, "Stack") == {}


def test_an_image_may_name_its_check(tmp_path: Path) -> None:
    named = image(tmp_path / "named", 'FROM x\nLABEL stepsweep.check="python -m my.check --all"')
    assert named.check == ("python", "-m", "my.check", "--all")
    assert named.argv_of(named.check, ROOT) == [sys.executable, "-m", "my.check", "--all"]
    assert image(tmp_path / "unnamed", "FROM x").check == ()
