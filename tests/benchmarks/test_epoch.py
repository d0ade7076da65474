"""An epoch's benchmark: it counts the operations that are done, and the tutorial's way sees the trainer's images."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from benchmarks import epoch, tutorial
from stepsweep.trainer import data
from stepsweep.trainer.model import Net


@pytest.mark.slow
def test_the_floor_counts_what_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode  # it imports SymPy: seconds, at each collection

    net, images, labels = Net(), torch.randn(2, 1, 28, 28), torch.tensor([3, 4])
    counter = FlopCounterMode(display=False)
    with counter:
        output = net(images)
    assert counter.get_total_flops() == 2 * epoch.FORWARD
    with counter:
        F.nll_loss(output, labels).backward()  # type: ignore[no-untyped-call]
    assert counter.get_total_flops() == 2 * (epoch.TRAIN - epoch.FORWARD)


@pytest.mark.slow  # it imports torchvision, which takes longer than all other benchmarks' tests together
def test_the_tutorials_way_has_the_trainers_images() -> None:
    data.check("fashion-mnist", epoch.DATA_DIR)  # `make test` has prepared it
    ours = data.load("fashion-mnist", epoch.DATA_DIR, train_images=128, device=torch.device("cpu"))
    train, validation = tutorial.loaders(epoch.DATA_DIR, train_images=128)
    images = torch.stack([train.dataset[number][0] for number in range(128)])
    torch.testing.assert_close(images, ours.train.images)
    images, labels = next(iter(validation))
    torch.testing.assert_close(images, ours.validation.images)
    assert labels.tolist() == ours.validation.labels.tolist()
    shuffled = torch.cat([labels for _, labels in train])
    assert sorted(shuffled.tolist()) == sorted(ours.train.labels.tolist())
