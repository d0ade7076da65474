"""The wheel, as somebody has it who never saw this repository."""

import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.clients import client_of
from tests.support.deploying import deploying, image_in
from tests.support.embedded import REPOSITORY, running_cloud
from tests.support.installed import TAKEN, Installed, installed
from tests.support.moto_server import running_moto
from tests.support.trainer import BUCKET, job_environment

SPEC = ["--set", "lr=0.1,0.01", "--epochs", "2"]
ON_THIS_MACHINE = [
    ["run", *SPEC],
    ["start", *SPEC],
    *([command, "first"] for command in ("watch", "show", "report", "compare", "stop", "rm", "resume")),
    ["list"],
    ["logs", "first", "1"],
    ["export", "first", "--mlflow", "sqlite:///mlflow.db"],
    ["serve"],
    ["run", *SPEC, "--job-vcpus", "1"],
]

NETWORK = ("HTTPS_PROXY", "https_proxy", "NODE_EXTRA_CA_CERTS", "NPM_CONFIG_REGISTRY")
"""How this machine reaches npm's registry, from which the CDK CLI comes."""


def says(installed: Installed, *command: str, needs: str) -> None:
    """Checks that a command prints one line, which names what to install."""
    ended = installed("sweep", *command)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("sweep: ")
    assert line.endswith(f": pip install 'stepsweep[{needs}]'")


DEBIAN_12 = "/usr/bin/python3"
"""Python 3.11.2 there: before 3.11.4 its `tarfile` cannot keep an archive's files within a folder."""


def is_old(python: str) -> bool:
    """Whether a Python is one that stepsweep promises to run on, and is older than 3.11.4."""
    tells = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 11, 4))"
    return Path(python).exists() and subprocess.run([python, "-c", tells], check=False).returncode == 0


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_twine_finds_no_fault(tools: Path, distributions: Path) -> None:
    files = sorted(distributions.iterdir())
    assert len(files) == 2
    ended = subprocess.run(
        [tools, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout


def beside_the_code(source: Path) -> Iterator[str]:
    """Yields the files of the rooms that are not Python; some rooms are links."""
    for folder, folders, files in os.walk(source / "stepsweep", followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (str(Path(folder, name).relative_to(source)) for name in files if not name.endswith(".py"))


def test_the_wheel_adds_one_name_to_site_packages_and_has_what_is_read_beside_the_code(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"stepsweep"}
    beside = {name for name in names if name.startswith("stepsweep/") and not name.endswith(".py")}
    assert beside == {*beside_the_code(REPOSITORY / "src")}
    assert "stepsweep/page/page.css" in beside
    assert not [name for name in names if "/tests/" in name or "/test_" in name or name.endswith("conftest.py")]


def test_the_source_distribution_has_no_tests(distributions: Path) -> None:
    (file,) = distributions.glob("*.tar.gz")
    with tarfile.open(file) as sdist:
        assert not [name for name in sdist.getnames() if name.split("/")[1:2] == ["tests"]]


# --- the client alone -------------------------------------------------------------------------------------------------


def test_the_client_alone_brings_none_of_the_extras(client: Installed) -> None:
    program = "from importlib.metadata import distributions; print(*(found.name for found in distributions()))"
    names = set(client("python", "-c", program).stdout.lower().split())
    assert {"stepsweep", "boto3", "click", "pyyaml", "rich"} <= names
    assert not names & {"moto", "aws-cdk-lib", "filelock", "psutil", "optuna", "torch", "pandas", "numpy", "jinja2"}


def test_the_client_alone_has_its_help_and_plans(client: Installed) -> None:
    ended = client("sweep", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = client("sweep", "plan", *SPEC)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "0.01" in ended.stdout
    assert client("python", "-m", "stepsweep", "--version").stdout.startswith("stepsweep ")


@pytest.mark.skipif(not is_old(DEBIAN_12), reason=f"{DEBIAN_12} is not 3.11.0 to 3.11.3")
def test_on_debian_12_s_python_an_attempt_goes_on_with_the_files_of_the_one_before(wheel: Path, tmp_path: Path) -> None:
    old = installed(str(wheel), tmp_path, base=DEBIAN_12)
    with running_moto() as endpoint:
        job = job_environment(endpoint, trial_id="old", epochs=2)
        client_of("s3", {**job, "AWS_REGION": "us-east-1"}).create_bucket(Bucket=BUCKET)
        saves = "echo epoch 1 loss=0.5; echo one > $STEPSWEEP_CHECKPOINT_DIR/file; exit 75"
        for script, code in ((saves, 75), ("cat $STEPSWEEP_CHECKPOINT_DIR/file; echo epoch 2 loss=0.25", 0)):
            ended = old("stepsweep-trial", "--", "sh", "-c", script, "{args}", "--lr", "0.1", "--epochs", "2", **job)
            assert ended.returncode == code, ended.stderr
    assert "one\n" in ended.stdout


def test_the_package_alone_imports_nothing_that_a_function_lacks(client: Installed) -> None:
    program = (
        "import sys, stepsweep; print([name for name in ('boto3', 'click', 'rich', 'yaml') if name in sys.modules])"
    )
    assert client("python", "-c", program).stdout == "[]\n"


def test_python_finds_the_api_beside_modules_of_the_same_names_as_its_rooms(client: Installed) -> None:
    ended = client("python", "-c", "from stepsweep import Sweeps; print(Sweeps(on='aws').cloud.on)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "aws\n", "")


@pytest.mark.parametrize("command", ON_THIS_MACHINE, ids=" ".join)
def test_what_needs_the_embedded_cloud_says_what_to_install(client: Installed, command: list[str]) -> None:
    says(client, *command, needs="local")
    assert not (client.folder / ".stepsweep").exists(), "nothing was started"


def test_on_aws_it_needs_no_extra(client: Installed) -> None:
    ended = client("sweep", "run", *SPEC, "--on", "aws")
    assert ended.returncode == 1
    assert "sweep: no AWS region is set; give --region us-east-1, or set AWS_REGION\n" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_on_aws_reports_and_mlflow_say_what_to_install(client: Installed) -> None:
    says(client, "report", "first", "--on", "aws", needs="report")
    says(client, "export", "first", "--mlflow", "sqlite:///mlflow.db", "--on", "aws", needs="mlflow")


def test_doctor_says_what_to_install(client: Installed) -> None:
    ended = client("sweep", "doctor")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "pip install 'stepsweep[local]'" in ended.stdout
    assert "pip install 'stepsweep[tutorial]'" in ended.stdout


def test_the_python_api_says_what_to_install(client: Installed) -> None:
    program = """
import stepsweep
try:
    stepsweep.Sweeps()
except stepsweep.InvalidInput as error:
    print(error)
"""
    ended = client("python", "-c", program)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith(": pip install 'stepsweep[local]'\n")


# --- with the embedded cloud ------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_a_trainer_of_one_s_own_is_swept_on_this_machine_from_any_folder(local: Installed) -> None:
    ended = local("sweep", "run", *SPEC, "--name", "first", "--trainer", "mine", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["winner"]["params"] == {"lr": 0.1}
    assert "Traceback" not in ended.stderr

    ended = local("sweep", "show", "first", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"] == "FINISHED"

    made = {file.name for file in local.folder.iterdir()} - {f"{name}.py" for name in TAKEN}
    assert made == {"mine", ".stepsweep"}, "everything of the cloud is in its folder"

    says(local, "report", "first", needs="report")
    says(local, "export", "first", "--mlflow", "sqlite:///mlflow.db", needs="mlflow")


@pytest.mark.timeout(600)
def test_without_the_embedded_cloud_everything_works_on_a_stack_that_is_deployed(
    client: Installed, report: Installed, local: Installed
) -> None:
    served = [str(local.environment / "bin" / "sweep"), "serve", "--dir", "served", "--trainer", "mine", "--json"]
    with subprocess.Popen(
        served, cwd=local.folder, env=local.variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as serving:
        try:
            assert serving.stdout is not None
            document = ""
            for line in serving.stdout:
                document += line
                if line == "}\n":
                    break
            variables = json.loads(document)["environment"]
            for command in (
                ["doctor"],
                ["run", *SPEC, "--name", "far"],
                ["start", *SPEC, "--name", "further"],
                ["watch", "further"],
                ["show", "far"],
                ["list"],
                ["logs", "far", "1"],
                ["logs", "further", "1", "--follow"],
                ["compare", "far", "further"],
                ["resume", "far"],
                ["stop", "far"],
                ["rm", "far", "--yes"],
                ["teardown", "--check"],
            ):
                ended = client("sweep", *command, "--on", "aws", **variables)
                assert "Traceback" not in ended.stderr, command
                if command[0] not in ("doctor", "teardown"):  # these ask services that nobody serves here
                    assert ended.returncode == 0, (command, ended.stderr)
            api = "from stepsweep import Sweeps; print(Sweeps('aws').get('further').winner.params['lr'])"
            ended = client("python", "-c", api, **variables)
            assert (ended.stdout, ended.stderr) == ("0.1\n", "")

            ended = report("sweep", "report", "further", "--on", "aws", "--figures", "figures", **variables)
            assert ended.returncode == 0, ended.stderr
            assert "further" in (report.folder / "further.html").read_text()
            assert {file.suffix for file in (report.folder / "figures").iterdir()} == {".png", ".svg"}
            api = "from stepsweep import Sweeps; print(*Sweeps('aws').get('further').leaderboard['params.lr'])"
            ended = report("python", "-c", api, **variables)
            assert (ended.stdout, ended.stderr) == ("0.1 0.01\n", "")
        finally:
            serving.terminate()


@pytest.mark.timeout(600)
def test_the_stack_is_deployed_compared_swept_on_and_destroyed_from_an_empty_folder(
    local: Installed, tmp_path: Path
) -> None:
    user = replace(local, folder=tmp_path / "empty")
    user.folder.mkdir()
    with running_cloud(tmp_path / "cloud", is_empty=True) as cloud:
        network = {name: os.environ[name] for name in NETWORK if name in os.environ}
        variables = deploying(cloud, tmp_path / "layers") | network
        chosen = ("-c", f"image={image_in(cloud)}")
        ended = user("sweep", "deploy", "--yes", *chosen, "-c", "max_vcpus=12", **variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr

        ended = user("sweep", "diff", *chosen, "-c", "max_vcpus=8", **variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert '"Value":"12"} to {"Description":"Of all trials at once","Value":"8"}' in ended.stdout

        ended = user("sweep", "run", *SPEC, "--on", "aws", "--json", **variables)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["winner"]["params"] == {"lr": 0.1}

        ended = user("sweep", "destroy", "--yes", **variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "Stepsweep is not there" in ended.stdout
    assert list(user.folder.iterdir()) == [], "nothing is left in the folder"


@pytest.mark.timeout(600)
def test_a_sweep_goes_on_in_the_background_and_is_watched(local: Installed) -> None:
    ended = local("sweep", "start", *SPEC, "--name", "background", "--trainer", "mine")
    assert ended.returncode == 0, ended.stderr
    ended = local("sweep", "watch", "background", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["winner"]["params"] == {"lr": 0.1}


@pytest.mark.timeout(600)
def test_python_runs_a_model_based_sweep_with_the_function_s_packages(local: Installed) -> None:
    program = """
from stepsweep import InvalidInput, Sweeps

search = {"method": "tpe", "trials": 3, "batch": 2}
asked = {"parameters": {"lr": {"low": 0.01, "high": 0.1}}, "search": search, "epochs": 2}
sweep = Sweeps(directory="elsewhere", trainer="mine").run(asked, quiet=True)
assert 0.01 <= sweep.winner.params["lr"] <= 0.1
try:
    sweep.leaderboard
except InvalidInput as error:
    print(error)
"""
    ended = local("python", "-c", program)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "Sweep.leaderboard needs pandas: pip install 'stepsweep[report]'\n"


def test_stepsweep_s_own_trainer_says_what_to_install(local: Installed) -> None:
    ended = local("sweep", "run", *SPEC)
    assert ended.returncode == 2
    assert ended.stderr == (
        "sweep: stepsweep's own trainer needs torch: pip install 'stepsweep[tutorial]'; or name the folder of yours "
        "with --trainer\n"
    )
    assert local("sweep", "doctor").returncode == 0, "torch and its data are for that trainer alone"
