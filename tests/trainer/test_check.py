"""What the trainer says of command lines before they run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer import check, device
from tests.support.embedded import REPOSITORY
from tests.support.trainer import SMALL, environment


def said(commands: list[list[str]], data_dir: Path, *, python: tuple[str, ...] = ()) -> Any:
    ended = subprocess.run(
        [sys.executable, *python, "-m", "stepsweep.trainer.check"],
        cwd=REPOSITORY,
        env=environment(**{keys.DATA_DIR: str(data_dir)}),
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout), ended.stderr


def test_commands_that_can_run_have_no_fault(data_dir: Path) -> None:
    faults, imported = said([[*SMALL]], data_dir, python=("-X", "importtime"))
    assert faults == []
    assert " torch" not in imported, "it is asked before each sweep, and torch takes seconds"


def test_bf16_is_refused_before_anything_starts_where_the_processor_has_none(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [[*SMALL, "--device", "cpu", "--precision", "bf16", "--lr", lr] for lr in ("0.1", "0.01")]
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": False})
    assert check.faults_of(commands, data_dir=str(data_dir)) == [
        "--precision: bf16 needs a processor with AVX512_BF16, AMX_BF16 or Arm's BF16, which this one lacks; "
        "`--precision fp32` runs everywhere"
    ]
    for feature in ("avx512_bf16", "amx_bf16", "bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda feature=feature: {feature: True})
        assert check.faults_of(commands, data_dir=str(data_dir)) == []


@pytest.mark.parametrize("is_ampere", [False, True])
def test_bf16_of_a_gpu_is_its_own_and_no_emulation(monkeypatch: pytest.MonkeyPatch, is_ampere: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: is_ampere or including_emulation
    )
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": not is_ampere})
    assert device.choose("auto", precision="fp32").type == "cuda"
    assert device.choose("cpu", precision="fp32").type == "cpu"
    if is_ampere:
        assert device.choose("cuda", precision="bf16").type == "cuda"
    else:
        with pytest.raises(InvalidInput) as caught:
            device.choose("auto", precision="bf16")
        assert caught.value.faults == (
            "--precision: bf16 needs a GPU from Ampere on, which this one lacks; `--precision fp32` runs everywhere",
        )


def test_without_torch_it_is_said_what_to_install_beside_wrong_options_and_not_which_data_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    commands = [[*SMALL, "--precision", "bf16"], [*SMALL, "--lr", "0"]]
    assert check.faults_of(commands, data_dir=str(tmp_path)) == [
        "stepsweep's own trainer needs torch: pip install 'stepsweep[tutorial]'; or name the folder of yours with "
        "--trainer",
        '--lr: must be a finite number > 0, got "0"',
    ]


def test_a_trial_by_hand_without_torch_says_what_to_install(data_dir: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; "
        "from stepsweep.trainer.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *SMALL, "--data-dir", str(data_dir)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (
        2, "stepsweep's own trainer needs torch: pip install 'stepsweep[tutorial]'\n",
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_each_fault_is_said_once(data_dir: Path, tmp_path: Path) -> None:
    commands = [["--lr", lr, "--dataset", dataset, "--zzz", "2"] for lr in ("0", "1") for dataset in ("x", "mnist")]
    faults, _ = said(commands, tmp_path)
    assert faults == [
        "--zzz: no such option; --help lists the options",
        '--lr: must be a finite number > 0, got "0"',
        '--dataset: must be mnist or fashion-mnist, got "x"',
    ]
    faults, _ = said([["--dataset", "mnist"], ["--lr", "0.5"]], tmp_path)
    assert faults == [
        f"--dataset: mnist is not ready in {tmp_path}/mnist: there is no train-images-idx3-ubyte; run "
        f"`python -m stepsweep.trainer.fetch --dataset mnist --data-dir {tmp_path}`"
    ]
    commands = [["--dataset", name, "--precision", "bf16", "--device", "cpu", "--threads", ""] for name in "xy"]
    assert check.faults_of(commands, data_dir=str(tmp_path)) == [
        '--dataset: must be mnist or fashion-mnist, got "x"',
        '--threads: must be a whole number from 1 to 1024, got ""',
        '--dataset: must be mnist or fashion-mnist, got "y"',
    ]
