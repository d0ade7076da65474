"""Which engine runs containers, and with which options: rules, without one. `make image` runs containers."""

from pathlib import Path

import pytest

from stepsweep.contract.errors import InvalidInput
from stepsweep.local.container_engine import Engine

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
    assert "--read-only-tmpfs=false" in PODMAN.options_of(PROPERTIES, memory_mib=None, vcpus=1)
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


def test_docker_is_taken_where_it_answers_or_else_podman_and_both_say_why_not(tmp_path: Path) -> None:
    shell = {"PATH": str(tmp_path), "HOME": "/home/me", "WANDB_API_KEY": "hidden", "DOCKER_HOST": "unix:///here"}
    with pytest.raises(InvalidInput) as refused:
        Engine.found(shell)
    assert str(refused.value) == "--container: needs Docker or Podman; docker is not installed; podman is not installed"

    program(tmp_path, "docker", 'echo "Cannot connect to the Docker daemon" >&2; exit 1')
    with pytest.raises(InvalidInput) as refused:
        Engine.found(shell)
    assert "docker: Cannot connect to the Docker daemon; podman is not installed" in str(refused.value)

    program(tmp_path, "podman", "exit 0")
    found = Engine.found(shell)
    assert (found.name, found.environment) == (
        "Podman",
        {"PATH": str(tmp_path), "HOME": "/home/me", "DOCKER_HOST": "unix:///here"},
    )
    program(tmp_path, "docker", "echo Docker version 28")
    assert Engine.found(shell).name == "Docker"
    program(tmp_path, "docker", "echo podman version 5")
    assert Engine.found(shell).name == "Podman"
