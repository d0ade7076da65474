"""Which engine runs containers, and how: with programs that stand in for one. `make image` runs containers."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepsweep.contract.errors import InvalidInput
from stepsweep.local import container_engine
from stepsweep.local.attempts import Attempt, Ending
from stepsweep.local.container_engine import BuildFailed, Engine
from stepsweep.local.containers import ContainerAttempts
from stepsweep.local.images import Image
from stepsweep.local.machine import Machine, Process
from stepsweep.local.preload import Preload
from stepsweep.local.share import Share

DOCKER = Engine(program="docker", is_podman=False, environment={"HOME": "/home/me", "PATH": "/bin"})
PODMAN = Engine(program="podman", is_podman=True, environment={})

PROPERTIES = {
    "image": "anything",
    "user": "1000",
    "readonlyRootFilesystem": True,
    "privileged": False,
    "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
    "linuxParameters": {
        "initProcessEnabled": True,
        "sharedMemorySize": 64,
        "tmpfs": [{"containerPath": "/scratch", "size": 32, "mountOptions": ["rw", "exec"]}],
    },
}


def test_a_container_has_what_the_job_definition_says() -> None:
    assert DOCKER.options_of(PROPERTIES, memory_mib=500, vcpus=2) == [
        *("--network", "host", "--cpu-shares", "2048", "--memory", "500m", "--memory-swap", "500m"),
        *("--user", "1000", "--read-only", "--ulimit", "nofile=10:20", "--init", "--shm-size", "64m"),
        *("--tmpfs", "/scratch:rw,exec,size=32m"),
    ]
    assert PODMAN.options_of({"readonlyRootFilesystem": True, "privileged": True}, memory_mib=None, vcpus=1) == [
        *("--network", "host", "--cpu-shares", "1024", "--read-only", "--read-only-tmpfs=false", "--privileged")
    ]
    assert DOCKER.options_of({}, memory_mib=None, vcpus=1) == ["--network", "host", "--cpu-shares", "1024"]


def test_gpus_are_given_by_their_indexes() -> None:
    assert DOCKER.gpu_options(["1", "2"]) == ["--gpus", '"device=1,2"']
    assert PODMAN.gpu_options(["1", "2"]) == ["--device", "nvidia.com/gpu=1", "--device", "nvidia.com/gpu=2"]
    assert DOCKER.gpu_options([]) == PODMAN.gpu_options([]) == []


def test_values_stay_out_of_the_command_line_and_the_engine_keeps_its_own() -> None:
    argv, env = DOCKER.run_command(
        "image", ["--lr", "1"], options=["--rm"], environment={"SECRET": "hidden", "HOME": "/app", "DOCKER_HOST": "x"}
    )
    assert argv == [
        *("docker", "run", "--pull", "never", "--rm", "--env", "SECRET", "--env", "HOME=/app"),
        *("--env", "DOCKER_HOST=x", "image", "--lr", "1"),
    ]
    assert env == {"SECRET": "hidden", "HOME": "/home/me", "PATH": "/bin"}


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_docker_is_taken_where_it_answers_or_else_podman_and_both_say_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = {"PATH": str(tmp_path)}

    def why_not() -> str:
        with pytest.raises(InvalidInput) as refused:
            Engine.found(shell)
        return str(refused.value).removeprefix("--container: needs Docker or Podman; ")

    assert why_not() == "docker is not installed; podman is not installed"
    program(tmp_path, "docker", 'echo "a warning" >&2; echo "Cannot connect to the Docker daemon" >&2; exit 1')
    assert why_not() == "docker: Cannot connect to the Docker daemon; podman is not installed"
    program(tmp_path, "docker", "printf 'no socket \\377' >&2; exit 1")
    assert why_not() == "docker: no socket \ufffd; podman is not installed"
    program(tmp_path, "docker", "exit 1")
    (tmp_path / "podman").write_text("#!/nowhere")
    (tmp_path / "podman").chmod(0o755)
    assert why_not().startswith("docker: it does not answer; podman: [Errno 2] No such file or directory")
    (tmp_path / "podman").unlink()
    with monkeypatch.context() as impatient:
        impatient.setattr(container_engine, "ASK_SECONDS", 0.01)
        program(tmp_path, "docker", "exec /bin/sleep 10")
        assert why_not() == "docker: it has not answered within 0 seconds; podman is not installed"

    asked = tmp_path / "asked"
    program(tmp_path, "docker", "exit 1")
    program(tmp_path, "podman", f'echo "podman $*" >>{asked}')
    assert Engine.found(shell).name == "Podman"
    program(tmp_path, "docker", f'echo "docker $*" >>{asked}; echo Docker version 28')
    assert Engine.found(shell).name == "Docker"
    program(tmp_path, "docker", f'echo "docker $*" >>{asked}; echo Podman version 5')
    assert Engine.found(shell).name == "Podman"
    assert asked.read_text().splitlines() == [
        *("podman info", "docker --version", "docker version --format {{.Server.Version}}"),
        *("docker --version", "docker info"),
    ]


def test_an_engine_has_the_variables_of_the_shell_that_are_its_own_and_no_others(tmp_path: Path) -> None:
    program(tmp_path, "docker", f"/usr/bin/env >{tmp_path}/environment")
    own = [
        *("DOCKER_HOST", "BUILDKIT_PROGRESS", "BUILDX_BUILDER", "CONTAINERS_CONF", "CONTAINER_HOST", "PODMAN_IGNORE"),
        *("STORAGE_DRIVER", "REGISTRY_AUTH_FILE", "NOTIFY_SOCKET", "XDG_RUNTIME_DIR", "LD_LIBRARY_PATH"),
        *("GLIBC_TUNABLES", "GODEBUG", "HOME", "TMPDIR", "LANG", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    ]
    shell = {"PATH": str(tmp_path), **dict.fromkeys(own, "own")}
    others = dict.fromkeys(["WANDB_API_KEY", "AWS_PROFILE", "MY_DOCKER_HOST", "PYTHONPATH", "HOMEBREW"], "another's")
    assert Engine.found({**shell, **others}).environment == environment(tmp_path) == shell


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A program that writes down what it is asked, and answers with the files of its folder that a test writes."""
    text = f"""
echo "$*" >>{tmp_path}/asked
case "$1 $2" in
"image inspect") exit $(/bin/cat {tmp_path}/is-missing) ;;
"ps --all") /bin/cat {tmp_path}/left ;;
"container inspect") /bin/cat {tmp_path}/state ;;
"rm --force") ;;
*) /usr/bin/env >{tmp_path}/environment; /bin/cat {tmp_path}/prints; exit $(/bin/cat {tmp_path}/ends-with) ;;
esac"""
    program(tmp_path, "engine", text)
    for name, content in {"is-missing": "1", "left": "", "state": "", "prints": "", "ends-with": "0"}.items():
        (tmp_path / name).write_text(content)
    return Engine(program=str(tmp_path / "engine"), is_podman=False, environment={"SEEN": "by the engine"})


def environment(tmp_path: Path) -> dict[str, str]:
    """Returns the variables of the program that built or ran a container, without those of its shell."""
    lines = (tmp_path / "environment").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return {name: value for name, value in found.items() if name not in ("PWD", "OLDPWD", "SHLVL", "_")}


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "asked").read_text().splitlines()


def test_an_image_that_is_missing_is_built_and_why_it_fails_is_said(engine: Engine, tmp_path: Path) -> None:
    source = {"directory": "asset.tag", "dockerFile": "the.Dockerfile", "platform": "linux/amd64"}
    assembly, log, said = tmp_path / "assembly", tmp_path / "cloud" / "image.log", list[str]()
    assembly.mkdir()
    (assembly / "Stack.assets.json").write_text(json.dumps({"dockerImages": {"tag": {"source": source}}}))
    (tmp_path / "prints").write_text("".join(f"line {number}\n\n" for number in range(7)))
    engine.build(assembly, "Stack", log=log, on_status=said.append)
    context = assembly / "asset.tag"
    build = f"build --tag stepsweep:tag --file {context}/the.Dockerfile --platform linux/amd64 {context}"
    assert asked(tmp_path) == ["image inspect stepsweep:tag", build]
    assert said == [f"Building the trainer's image with Docker; {log} has its output …"]
    assert log.read_text() == (tmp_path / "prints").read_text()
    assert environment(tmp_path) == engine.environment

    (tmp_path / "ends-with").write_text("1")
    with pytest.raises(BuildFailed) as failed:
        engine.build(assembly, "Stack", log=log, on_status=said.append)
    assert str(failed.value).splitlines() == [
        f"Docker could not build the trainer's image; {log} has all:",
        *("line 2", "line 3", "line 4", "line 5", "line 6"),
    ]
    (tmp_path / "is-missing").write_text("0")
    said.clear()
    engine.build(assembly, "Stack", log=log, on_status=said.append)
    assert (said, asked(tmp_path)[-1]) == ([], "image inspect stepsweep:tag")


def test_containers_that_a_killed_cloud_left_are_removed(engine: Engine, tmp_path: Path) -> None:
    listed = f"ps --all --quiet --filter label=stepsweep.cloud={tmp_path}"
    engine.remove_what_is_left(tmp_path)
    assert asked(tmp_path) == [listed]
    (tmp_path / "left").write_text("one\ntwo\n")
    engine.remove_what_is_left(tmp_path)
    assert asked(tmp_path)[1:] == [listed, "rm --force --volumes one two"]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.close()


def attempt(folder: Path) -> Attempt:
    """Returns the second attempt of a job that a person submitted."""
    job = SimpleNamespace(
        job_id="job",
        job_definition=SimpleNamespace(container_properties={"user": "1000", "jobRoleArn": "role"}),
        job_queue=SimpleNamespace(name="queue"),
        command=["--lr", "1"],
        memory_mib=500,
        defined_environment={"OF": "definition", "OMP_NUM_THREADS": "8"},
        submitted_environment={"OF": "submission"},
    )
    image = Image(tag="tag", folder=folder, workdir="/", entrypoint=(), command=(), environment={}, preload=Preload())
    share = Share(vcpus=2, gpus=("1",), is_alone=True)
    named: Any = job
    return Attempt(job=named, number=2, image=image, share=share, secrets={"KEY": "hidden"}, log=folder / "log")


def ran(engine: Engine, machine: Machine, folder: Path) -> Ending:
    """Returns how an attempt ended."""
    attempts = ContainerAttempts(
        machine,
        engine,
        environment=lambda role: {"AWS_ROLE": role, "SEEN": "by the job"},
        directory=folder,
        folders=folder / "said",
    )
    process = attempts.start(attempt(folder))
    assert process.ended.wait(60)
    return attempts.ending(attempt(folder), process)


STARTED = {"StartedAt": "2026-01-01T00:00:00Z", "Running": False, "OOMKilled": False, "ExitCode": 0, "Error": ""}
NEVER = {**STARTED, "StartedAt": "0001-01-01T00:00:00Z", "ExitCode": 127}
EXITED, FAILED = "Essential container in task exited", "Task failed to start"
KILLED = {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}


@pytest.mark.parametrize(
    ("state", "prints", "status", "container"),
    [
        ({**STARTED, "ExitCode": 3}, "said", EXITED, {"exitCode": 3}),
        ({**STARTED, "ExitCode": 137, "OOMKilled": True}, "", EXITED, KILLED),
        # A process of a trial was killed, and the trial got over it.
        ({**STARTED, "OOMKilled": True}, "", EXITED, {"exitCode": 0}),
        ({**STARTED, "Running": True}, "", EXITED, {"exitCode": 137}),
        ({**NEVER, "Error": "no train.py"}, "said", FAILED, {"reason": "CannotStartContainerError: no train.py"}),
        (NEVER, "first\nlast", FAILED, {"reason": "CannotStartContainerError: last"}),
        (None, "first\nno such image", FAILED, {"reason": "CannotCreateContainerError: no such image"}),
        (None, "", FAILED, {"reason": "CannotCreateContainerError: the engine does not say why"}),
        ([], "", FAILED, {"reason": "CannotCreateContainerError: the engine does not say why"}),
    ],
)
def test_a_container_ends_in_the_words_of_batch(
    engine: Engine, machine: Machine, tmp_path: Path, state: object, prints: str, status: str, container: dict[str, Any]
) -> None:
    (tmp_path / "state").write_text("" if state is None else json.dumps(state))
    (tmp_path / "prints").write_text(prints)
    assert ran(engine, machine, tmp_path) == Ending(status_reason=status, container=container)


def test_a_container_has_the_name_the_label_and_the_variables_of_its_attempt_and_is_removed(
    engine: Engine, machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text(json.dumps(STARTED))
    assert ran(engine, machine, tmp_path) == Ending(status_reason=EXITED, container={"exitCode": 0})
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    variables = {
        "AWS_ROLE": "role",
        "SEEN": "by the job",
        "OF": "submission",
        **dict.fromkeys(threads, "2"),
        "KEY": "hidden",
        "AWS_BATCH_JOB_ID": "job",
        "AWS_BATCH_JOB_ATTEMPT": "2",
        "AWS_BATCH_JQ_NAME": "queue",
    }
    words = [
        *("run --pull never --name stepsweep-job-2", f"--label stepsweep.cloud={tmp_path} --log-driver none"),
        *("--network host --cpu-shares 2048 --memory 500m --memory-swap 500m --user 1000", '--gpus "device=1"'),
        *(f"--env {name}" for name in variables),
        "stepsweep:tag --lr 1",
    ]
    assert asked(tmp_path)[1:] == [
        " ".join(words),
        "container inspect --format {{json .State}} stepsweep-job-2",
        "rm --force --volumes stepsweep-job-2",
    ]
    assert environment(tmp_path) == {**variables, "SEEN": "by the engine"}


def test_a_container_whose_engine_or_host_is_gone_says_so(engine: Engine, machine: Machine, tmp_path: Path) -> None:
    there = tmp_path / "gone"
    gone = Engine(program=str(there), is_podman=False, environment={})
    said = f'unable to start container process: exec: "{there}": stat {there}: no such file or directory'
    reason = f"CannotCreateContainerError: {said}"
    for _ in range(2):
        assert ran(gone, machine, tmp_path) == Ending(status_reason=FAILED, container={"reason": reason})
    attempts = ContainerAttempts(machine, engine, environment=lambda _: {}, directory=tmp_path, folders=tmp_path)
    lost = attempts.ending(attempt(tmp_path), Process("1", is_lost=True))
    assert lost == Ending(status_reason="Host EC2 (of the embedded cloud) terminated.", container={})
