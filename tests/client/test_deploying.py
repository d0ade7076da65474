"""What a deploy looks at, its choices, and how the CDK CLI is installed and run, with stand-ins for Node and the app.

`tests/local/test_deploy.py` runs the real CLI.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.deploying import cdk as deploying
from stepsweep.client.deploying.cdk import HERE, VERSION, Cdk, cdk, installed
from stepsweep.client.deploying.choices import chosen, help_table
from stepsweep.client.deploying.target import (
    BOOTSTRAP_VERSION,
    Target,
    check_destroyable,
    check_docker,
    stop_sweeps,
    target,
)
from stepsweep.client.deployment import CloudError
from stepsweep.client.running.control import Control
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec
from tests.support.answers import Answer, Change, answering
from tests.support.clients import client_of
from tests.support.command import Sweep
from tests.support.deployed import ACCOUNT
from tests.support.embedded import eventually
from tests.support.stack import REGION, Stack

# --- the account ------------------------------------------------------------------------------------------------------

Look = Callable[..., Target]


@pytest.fixture
def look(server: str, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """Looks at moto's account as a deploy does, with some answers that are not moto's."""
    answers: dict[str, Answer | Change] = {}
    with answering(server, answers) as url:
        for name, value in {**stack.environment, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)

        def looked(name: str = stack.name, region: str | None = None, **changed: Answer | Change) -> Target:
            answers.clear()
            answers.update(changed)
            return target(stack=name, profile=None, region=region)

        yield looked


def found(name: str = "Mine", *, status: str | None = None, running: tuple[str, ...] = ()) -> Target:
    return Target(
        account=ACCOUNT, region=REGION, stack=name, status=status, is_bootstrapped=False, running=running, zones=(),
    )  # fmt: skip


def test_a_stack_that_is_not_there_yet(look: Look) -> None:
    there = look("Mine")
    assert there == found()
    assert there.lines() == [f"Account {ACCOUNT}, region {REGION}. Stack Mine is not there yet."]


def test_a_stack_that_is_there_has_its_sweeps_and_zones(look: Look, stack: Stack) -> None:
    control = Control(stack.deployment)
    arns = [
        control.start(SweepSpec.from_json({"name": name, "parameters": {"lr": [1]}, "epochs": 1})).arn
        for name in ("one", "two")
    ]
    stack.stop(arns[0])
    there = look(DescribeStacks=lambda body: body.replace("us-east-1b", "us-west-2-lax-1a,us-east-1c"))
    assert there == Target(
        account=ACCOUNT,
        region=REGION,
        stack=stack.name,
        status="CREATE_COMPLETE",
        is_bootstrapped=False,
        running=(arns[1],),
        zones=("us-east-1a", "us-east-1c"),
    )
    assert there.lines() == [f"Account {ACCOUNT}, region {REGION}. Stack {stack.name} is there, CREATE_COMPLETE."]
    stop_sweeps(there, profile=None)
    eventually(lambda: stack.status(arns[1]) == "ABORTED")


def test_a_stack_of_another_kind_has_neither(look: Look, stack: Stack) -> None:
    name = f"{stack.name}-other"
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    stack.cloudformation().create_stack(StackName=name, TemplateBody=template)
    assert look(name) == found(name, status="CREATE_COMPLETE")


def test_cdk_s_bootstrap_stack_is_known_by_its_parameter(look: Look, stack: Stack) -> None:
    ssm = client_of("ssm", stack.environment)
    ssm.put_parameter(Name=BOOTSTRAP_VERSION, Value="21", Type="String")
    assert look("Mine").is_bootstrapped
    ssm.delete_parameter(Name=BOOTSTRAP_VERSION)
    assert not look("Mine").is_bootstrapped
    assert look("Mine", GetParameter=Answer.json_error("AccessDeniedException", "no")).is_bootstrapped
    with pytest.raises(Exception, match="ExpiredToken"):
        look("Mine", GetParameter=Answer.json_error("ExpiredToken", "over"))
    with pytest.raises(Exception, match="AccessDenied"):
        look("Mine", DescribeStacks=Answer.query_error("AccessDenied", "no"))


def test_a_region_in_which_the_stack_would_not_work_is_refused(look: Look) -> None:
    with pytest.raises(InvalidInput, match="region: must be one of the partitions aws and aws-us-gov, got cn-north-1"):
        look("Mine", region="cn-north-1")


def test_only_a_stack_in_which_no_sweep_runs_is_destroyed() -> None:
    with pytest.raises(CloudError) as gone:
        check_destroyable(found(), force=True)
    assert str(gone.value) == f"there is no stack Mine in {REGION}; name another one with --stack or --region"
    busy = found(status="CREATE_COMPLETE", running=tuple(f"arn:aws:states:x:1:execution:m:{name}" for name in "abcd"))
    with pytest.raises(InvalidInput) as refused:
        check_destroyable(busy, force=False)
    assert str(refused.value) == (
        "sweeps run in this stack (a, b, c); stop each with `sweep stop NAME --on aws`, or add --force"
    )
    check_destroyable(busy, force=True)
    check_destroyable(found(status="DELETE_FAILED"), force=False)


def test_docker_is_asked_for_where_it_builds_the_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CDK_DOCKER", raising=False)
    missing = "is missing, which builds the trainer's image; install it, or give -c image=URI"
    with pytest.raises(InvalidInput) as fault:
        check_docker({"max_vcpus": 4})
    assert str(fault.value) == f"docker {missing}"
    check_docker({"image": "mine"})
    monkeypatch.setenv("CDK_DOCKER", "podman")
    with pytest.raises(InvalidInput) as fault:
        check_docker({})
    assert str(fault.value) == f"podman {missing}"
    (tmp_path / "podman").touch(mode=0o755)
    check_docker({})


# --- the choices ------------------------------------------------------------------------------------------------------


def faults(folder: Path, *given: str, stack: str | None = None) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        chosen(folder, given, stack=stack)
    return list(refused.value.faults)


def test_choices_come_from_one_file_and_from_the_command_line_which_takes_precedence(tmp_path: Path) -> None:
    assert chosen(tmp_path, []) == {}
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n[tool.other]\na = 1\n')
    (tmp_path / "stepsweep.toml").write_text(
        '[deploy]\nmax_vcpus = 16\ncapacity = "spot"\nusd_per_hour = 0.5\n'
        'instance_types = ["g4dn.xlarge", "g5.xlarge"]\n'
    )
    assert chosen(tmp_path, ["max_vcpus=32", "notify=a=b@c.de"], stack="Mine") == {
        "max_vcpus": "32",
        "capacity": "spot",
        "instance_types": ["g4dn.xlarge", "g5.xlarge"],
        "usd_per_hour": 0.5,
        "notify": "a=b@c.de",
        "stack_name": "Mine",
    }
    (tmp_path / "stepsweep.toml").unlink()
    (tmp_path / "pyproject.toml").write_text("[tool.stepsweep.deploy]\nmax_vcpus = 8\n")
    assert chosen(tmp_path, []) == {"max_vcpus": 8}


def test_all_faults_are_named_at_once_with_their_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.stepsweep.deploy]\nmax_vcpus = "many"\ncapacty = "spot"\nnotify = true\nimage = [1, [2]]\n'
        "zones = {a = []}\njob_gpus = true\ncapacity = ['spot']\n"
    )
    of_file = "pyproject.toml [tool.stepsweep.deploy]"
    known = [line.partition(" ")[0] for line in help_table().splitlines()]
    assert faults(tmp_path, "job_gpus=9", "spot", "zzz=1", stack="1st") == [
        "-c spot: must be NAME=VALUE, such as max_vcpus=16",
        f'{of_file}: max_vcpus: must be a whole number from 1 to 10000, got "many"',
        f"{of_file}: capacty: there is no such choice; did you mean capacity?",
        f"{of_file}: notify: must be an e-mail address, got true",
        f"{of_file}: image: must be an image such as public.ecr.aws/me/trainer:1, got [1, [2]]",
        f'{of_file}: zones: must be availability zones such as us-east-1a,us-east-1b, got {{"a": []}}',
        f"{of_file}: job_gpus: must be a whole number from 0 to 8, got true",
        f'{of_file}: capacity: must be one of on-demand, spot, spot-first, got ["spot"]',
        '-c: job_gpus: must be a whole number from 0 to 8, got "9"',
        f"-c: zzz: there is no such choice; choices are {', '.join(known)}",
        '--stack: stack_name: must be 1 to 51 letters, digits and -, a letter first, got "1st"',
    ]


OUTSIDE = "stands outside the table [deploy], where it has no effect; move it there"


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("stepsweep.toml", "max_vcpus = 16", f"max_vcpus: {OUTSIDE}"),
        ("stepsweep.toml", "[secrets]\nA = 's3cr3t'", f"secrets: {OUTSIDE}"),
        ("stepsweep.toml", "[Deploy]\nmax_vcpus = 16", "there is no table [Deploy]; did you mean [deploy]?"),
        ("stepsweep.toml", "[other]\nmax_vcpus = 16", "other: is not known here; choices stand in the table [deploy]"),
        ("stepsweep.toml", "deploy = {}\ntext = 1", "text: is not known here; choices stand in the table [deploy]"),
        ("stepsweep.toml", "[deploy.max_vcpus]", "[deploy]: max_vcpus: must be a whole number from 1 to 10000, got {}"),
        (
            "pyproject.toml",
            "[tool.stepsweep]\nmax_vcpus = 16",
            f"tool.stepsweep.max_vcpus: {OUTSIDE.replace('deploy', 'tool.stepsweep.deploy')}",
        ),
        (
            "pyproject.toml",
            "[tool.stepsweep.deply]",
            "there is no table [tool.stepsweep.deply]; did you mean [tool.stepsweep.deploy]?",
        ),
        (
            "pyproject.toml",
            "[tool.Step-Sweep.deploy]",
            "there is no table [tool.Step-Sweep]; did you mean [tool.stepsweep.deploy]?",
        ),
        (
            "pyproject.toml",
            "[stepsweep.deploy]",
            "there is no table [stepsweep]; did you mean [tool.stepsweep.deploy]?",
        ),
        ("pyproject.toml", "tool = 3", "tool must be a table, got 3"),
    ],
)
def test_what_stands_outside_the_table_of_choices_is_a_fault(tmp_path: Path, file: str, text: str, fault: str) -> None:
    (tmp_path / file).write_text(f"{text}\n")
    assert faults(tmp_path) == [f"{file}{' ' if fault.startswith('[') else ': '}{fault}"]


def test_a_file_without_the_table_of_choices_deploys_nothing(sweep: Sweep) -> None:
    (sweep.folder / "stepsweep.toml").write_text("max_vcpus = 16\n")
    refused = sweep("deploy", "--yes")
    assert refused.returncode == ExitCode.WRONG_INPUT
    assert refused.stderr == f"sweep: stepsweep.toml: max_vcpus: {OUTSIDE}\n"


def test_a_secret_in_place_of_its_arn_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "stepsweep.toml").write_text('[deploy.secrets]\nWANDB_API_KEY = "s3cr3t"\n')
    (fault,) = faults(tmp_path)
    assert fault.startswith("stepsweep.toml [deploy]: secrets: WANDB_API_KEY must be the whole ARN of a secret")
    assert "s3cr3t" not in fault
    (tmp_path / "stepsweep.toml").unlink()
    for wrong in (
        "{",
        "[]",
        5_000 * "[",
        '{"AWS_X": "arn"}',
        '{"A": "arn:aws:secretsmanager:us-east-1:123456789012:secret:wandb"}',
    ):
        (fault,) = faults(tmp_path, f"secrets={wrong}")
        assert fault.startswith("-c: secrets: ")


def test_choices_in_both_files_or_that_contradict_are_faults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.stepsweep.deploy]\nmax_vcpus = 2\n")
    (fault,) = faults(tmp_path)
    assert fault.startswith("job_vcpus: must be at most max_vcpus (2)")
    own = tmp_path / "stepsweep.toml"
    own.write_text("[deploy]\nmax_vcpus = 8\n")
    both = "stepsweep.toml [deploy] and in pyproject.toml [tool.stepsweep.deploy]"
    assert faults(tmp_path) == [f"choices are in {both}; keep them in one of the two"]
    own.write_text("deploy = 8\n")
    assert faults(tmp_path)[0] == "stepsweep.toml: deploy must be a table, got 8"
    own.write_text(f"deploy = {5_000 * '['}")
    assert faults(tmp_path)[0].startswith("stepsweep.toml: cannot be read as TOML: maximum recursion depth")


def test_every_choice_has_a_line_in_columns() -> None:
    lines = help_table().splitlines()
    assert lines[0].startswith("stack_name ")
    columns = {re.match(r"(\S+ +)(\S+(?: \S+)* {2,})\S", line) for line in lines}
    assert len({(len(each[1]), len(each[1] + each[2])) for each in columns if each}) == 1
    assert None not in columns


# --- the CDK CLI ------------------------------------------------------------------------------------------------------

CLI = "node_modules/aws-cdk/bin/cdk"
INSTALLS = f"mkdir -p $(dirname {CLI}) && touch {CLI}"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Returns what makes a stand-in for Node: a shell script, which notes how it was called."""
    home = tmp_path / "wheel"
    (home / "bin").mkdir(parents=True)

    def made(does: str) -> Path:
        script, calls = home / "bin" / "node", tmp_path / "calls"
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" > {calls}\ncp package*.json {tmp_path}\n{does}\n')
        script.chmod(0o755)
        monkeypatch.setattr(deploying, "node_environment", lambda: {"JSII_NODE": str(script), "JSII_MORE": "1"})
        return calls

    return made


def test_the_cli_is_installed_once_from_its_lock_file(node: Callable[[str], Path], tmp_path: Path) -> None:
    calls, cache, said = node(INSTALLS), tmp_path / "a" / "cache", list[str]()
    home = cache / f"aws-cdk-{VERSION}"
    assert installed(cache, said.append) == home / CLI
    assert (home / CLI).is_file()
    assert said == [f"Installing the CDK CLI {VERSION} in {home} …"]
    folder, npm, *words = calls.read_text().splitlines()
    assert re.fullmatch(rf"{cache}/npm-[^/]+/cdk", folder)
    assert npm == str(tmp_path / "wheel/lib/node_modules/npm/bin/npm-cli.js")
    assert words == ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    for file in ("package.json", "package-lock.json"):
        assert (tmp_path / file).read_bytes() == (HERE / file).read_bytes() == (home / file).read_bytes()
    assert list(cache.iterdir()) == [home], "nothing else is left"

    calls.unlink()
    assert installed(cache, said.append) == home / CLI
    assert not calls.exists()
    assert len(said) == 1


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo out; echo ' a fault ' >&2; exit 3", "a fault"),
        ("echo ' out '; exit 3", "out"),
        ("printf '\\377' >&2; exit 3", "\ufffd"),
    ],
)
def test_what_npm_says_is_told_where_it_fails(
    node: Callable[[str], Path], tmp_path: Path, does: str, said: str
) -> None:
    node(does)
    with pytest.raises(CloudError) as failed:
        installed(tmp_path / "cache", lambda _: None)
    assert str(failed.value) == f"npm could not install the CDK CLI:\n{said}"
    assert list((tmp_path / "cache").iterdir()) == []


def test_where_another_process_is_quicker_its_cli_is_taken(node: Callable[[str], Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    home = cache / f"aws-cdk-{VERSION}"
    node(f"{INSTALLS}; mkdir -p {(home / CLI).parent}; echo theirs > {home / CLI}")
    assert installed(cache, lambda _: None).read_text() == "theirs\n"
    (home / CLI).unlink()
    node(f"mkdir -p {home}/other")
    with pytest.raises(OSError, match="not empty"):
        installed(cache, lambda _: None)


APP = """
import json, os, sys
from pathlib import Path

said = {name: os.environ.get(name) for name in json.loads(os.environ["NAMES"])}
Path(os.environ["CDK_OUTDIR"], "app.json").write_text(json.dumps({**said, "flags": sys.flags.safe_path}))
if os.environ["CDK_CONTEXT_JSON"] == '{"wrong": 1}':
    print("a line")
    sys.exit(2)
if os.environ["CDK_CONTEXT_JSON"] == '{"wrong": 2}':
    sys.exit("\\n first\\nsecond\\n")
"""
VARIABLES = {
    "CDK_CONTEXT_JSON": '{"stack_name": "Mine"}',
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "CDK_DISABLE_VERSION_CHECK": "1",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "JSII_MORE": "1",
}


@pytest.fixture
def synthesized(node: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns what synthesizes and runs the CLI: its calls, and what the app was given."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    names = [*VARIABLES, "PATH", "CDK_VALIDATION", "STEPSWEEP_LAYERS"]
    monkeypatch.setenv("NAMES", json.dumps(names))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("CDK_VALIDATION", "STEPSWEEP_LAYERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(deploying, "APP", app)
    calls = node(INSTALLS)

    def run(
        choices: dict[str, Any], *, validates: bool = True, profile: str | None = None
    ) -> tuple[list[str], dict[str, Any], list[str]]:
        said: list[str] = []
        place: dict[str, Any] = {"region": "eu-west-1", "cache": tmp_path / "cache", "validates": validates}
        with cdk(choices, profile=profile, on_status=said.append, **place) as cli:
            assert isinstance(cli, Cdk)
            cli.run("deploy", "--require-approval", "never")
            told = json.loads((cli.assembly / "app.json").read_text())
        assert not cli.assembly.exists()
        called = [word.replace(str(cli.assembly), "ASSEMBLY") for word in calls.read_text().splitlines()]
        return called, told, said

    return run


def test_the_stack_is_synthesized_and_the_cli_runs_over_it(synthesized: Any, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    home = cache / f"aws-cdk-{VERSION}"
    called, told, said = synthesized({"stack_name": "Mine"}, profile="work")
    words = ["deploy", "--require-approval", "never", "--app", "ASSEMBLY", "--ci", "--no-notices", "--profile", "work"]
    assert called == ["ASSEMBLY", str(home / CLI), *words]
    mine = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin"
    layers = str(cache / "layers")
    assert told == {**VARIABLES, "PATH": mine, "CDK_VALIDATION": None, "STEPSWEEP_LAYERS": layers, "flags": True}
    assert said == [f"Installing the CDK CLI {VERSION} in {home} …", "Preparing the stack's template …"]


def test_a_stack_that_is_destroyed_is_not_judged_and_layers_may_be_elsewhere(
    synthesized: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPSWEEP_LAYERS", "/elsewhere")
    called, told, _ = synthesized({}, validates=False)
    assert called[-1] == "--no-notices"
    assert (told["CDK_VALIDATION"], told["STEPSWEEP_LAYERS"], told["CDK_CONTEXT_JSON"]) == ("false", "/elsewhere", "{}")


def test_faults_of_the_app_are_a_line_each_and_the_cli_s_are_above(
    synthesized: Any, node: Callable[[str], Path], tmp_path: Path
) -> None:
    for choice, lines in ((1, ["a line"]), (2, ["first", "second"])):
        with pytest.raises(InvalidInput) as refused:
            synthesized({"wrong": choice})
        assert list(refused.value.faults) == lines
    node("exit 7")
    with pytest.raises(CloudError) as failed:
        synthesized({"stack_name": "Mine"})
    assert str(failed.value) == "`cdk deploy` ended with 7; its reason is above"
