"""A machine that has lost its GPU does not take one trial after another."""

import os
from pathlib import Path

import pytest

from stepsweep.trial import __main__ as kit
from stepsweep.trial import gpu

ECHO = ["--", "echo", "epoch 1 val_loss=0.5", "{args}", "--lr", "0.1", "--epochs", "1"]


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the program that stands for nvidia-smi, first in PATH."""
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(gpu, "GONE_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    return program


def says(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_trial_whose_gpu_is_gone_is_left_to_another_machine(
    driver: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says(driver, "echo 'Unable to determine the device handle for GPU0: Unknown Error'; exit 15")
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "GPU-1234")
    assert kit.main(ECHO) == 75
    captured = capfd.readouterr()
    assert "val_loss" not in captured.out, "it must not train on the processor at the GPU's price"
    assert "GPU-1234 cannot be used: Unable to determine the device handle" in captured.err


@pytest.mark.parametrize(
    ("given", "script"),
    [("GPU-1234", "echo 'GPU 0: Tesla T4 (UUID: GPU-1234)'"), ("all", "exit 9"), ("void", "exit 9"), (None, "exit 9")],
)
def test_a_trial_starts_with_its_gpu_and_where_none_was_given(driver: Path, given: str | None, script: str) -> None:
    says(driver, script)
    variables = {"PATH": os.environ["PATH"], **({"NVIDIA_VISIBLE_DEVICES": given} if given is not None else {})}
    assert gpu.why_gone(variables) is None


def test_the_driver_is_that_of_the_trial_s_own_environment(driver: Path, tmp_path: Path) -> None:
    says(driver, "exit 9")
    variables = {"NVIDIA_VISIBLE_DEVICES": "MIG-1"}
    assert gpu.why_gone({**variables, "PATH": str(tmp_path / "other")}) is None
    assert gpu.why_gone({**variables, "PATH": str(tmp_path)}) == "MIG-1 cannot be used: exit code 9"
    says(driver, "echo no device; echo why >&2")
    assert gpu.why_gone({**variables, "PATH": str(tmp_path)}) == "MIG-1 cannot be used: no device\nwhy"


def test_a_driver_that_cannot_be_started_is_told_too(driver: Path, tmp_path: Path) -> None:
    driver.write_bytes(b"\x7fELF, and no more of it")
    driver.chmod(0o755)
    variables = {"NVIDIA_VISIBLE_DEVICES": "GPU-1", "PATH": str(tmp_path)}
    assert gpu.why_gone(variables) == f"GPU-1 cannot be used: [Errno 8] Exec format error: '{driver}'"


def test_a_driver_that_does_not_answer_is_waited_for_and_told(
    driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(driver, "exec /bin/sleep 60")
    monkeypatch.setattr(gpu, "ASK_SECONDS", 0.1)
    variables = {"NVIDIA_VISIBLE_DEVICES": "GPU-1", "PATH": str(tmp_path)}
    why = gpu.why_gone(variables)
    assert why is not None
    assert why.startswith("GPU-1 cannot be used: ")
    assert why.endswith("timed out after 0.1 seconds")
