"""How the machine's cores and GPUs are shared by jobs. `test_means.py` has what a trial sees of it."""

from pathlib import Path

import pytest

from stepsweep.local.share import Share, Shares, visible_gpus


def shares(*gpus: str, vcpus: int = 4) -> Shares:
    return Shares(vcpus=vcpus, visible_gpus=lambda: gpus or None)


def share(vcpus: int, *gpus: str) -> Share:
    """Returns a share with GPUs that no other job gets."""
    return Share(vcpus=vcpus, gpus=gpus, is_alone=True)


def test_jobs_get_cores_until_none_is_free_and_one_that_asks_for_more_gets_all() -> None:
    machine = shares()
    first = machine.take(vcpus=3, gpus=1)
    assert first == Share(vcpus=3, gpus=None, is_alone=False)
    assert machine.take(vcpus=2, gpus=0) is None
    last = machine.take(vcpus=1, gpus=0)
    assert last == Share(vcpus=1, gpus=None, is_alone=False)
    assert machine.take(vcpus=9, gpus=0) is None
    machine.give_back(first)
    assert machine.take(vcpus=9, gpus=0) is None
    machine.give_back(last)
    assert machine.take(vcpus=9, gpus=0) == Share(vcpus=4, gpus=None, is_alone=False)


def test_of_several_gpus_each_job_has_its_own_until_it_ends() -> None:
    machine = shares("0", "2", "5")
    first, second = machine.take(vcpus=1, gpus=2), machine.take(vcpus=1, gpus=1)
    assert (first, second) == (share(1, "0", "2"), share(1, "5"))
    assert first is not None
    assert machine.take(vcpus=1, gpus=1) is None
    # One that asks for none sees all.
    every = machine.take(vcpus=1, gpus=0)
    assert every == Share(vcpus=1, gpus=("0", "2", "5"), is_alone=False)
    machine.give_back(every)
    assert machine.take(vcpus=1, gpus=1) is None
    machine.give_back(first)
    assert machine.take(vcpus=1, gpus=3) is None
    assert machine.take(vcpus=1, gpus=1) == share(1, "0")
    assert shares("0", "2").take(vcpus=1, gpus=8) == share(1, "0", "2")


def test_jobs_share_a_single_gpu() -> None:
    machine = shares("1")
    assert [machine.take(vcpus=1, gpus=1) for _ in range(2)] == [Share(vcpus=1, gpus=("1",), is_alone=False)] * 2


def test_gpus_are_looked_for_once() -> None:
    looked: list[None] = []
    machine = Shares(vcpus=2, visible_gpus=lambda: looked.append(None))
    machine.look()
    machine.take(vcpus=1, gpus=1)
    assert looked == [None]


def test_a_program_sees_the_gpus_of_its_share_in_the_order_of_their_indexes() -> None:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    threads = dict.fromkeys(names, "2")
    assert Share(vcpus=2, gpus=None, is_alone=False).environment() == threads
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert share(2, "0", "3").environment() == {**threads, "CUDA_VISIBLE_DEVICES": "0,3", **order}
    assert share(2).environment() == {**threads, "CUDA_VISIBLE_DEVICES": "", **order}


@pytest.mark.parametrize(
    ("program", "gpus"),
    [
        ("printf '0\\n3\\n'", ("0", "3")),
        ("exit 0", None),
        ("echo 'NVIDIA-SMI has failed'; exit 9", None),
        ('[ "$*" = "--query-gpu=index --format=csv,noheader" ] && echo 7', ("7",)),
    ],
)
def test_without_a_word_of_the_shell_those_of_nvidia_smi_are_there(
    tmp_path: Path, program: str, gpus: tuple[str, ...] | None
) -> None:
    shell = {"PATH": str(tmp_path)}
    assert visible_gpus(shell) is None
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert visible_gpus(shell) == gpus
    assert visible_gpus({**shell, "CUDA_VISIBLE_DEVICES": " GPU-1, ,GPU-2"}) == ("GPU-1", "GPU-2")
    assert visible_gpus({**shell, "CUDA_VISIBLE_DEVICES": ""}) == ()
