"""The network and its training are the tutorial's: only faster."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from benchmarks.tutorial import TutorialNet
from stepsweep.trainer.device import BF16, computing_in
from stepsweep.trainer.model import Net
from stepsweep.trainer.optimizer import SGD


def both() -> tuple[TutorialNet, Net]:
    """The tutorial's network, and ours with the same weights."""
    torch.manual_seed(0)
    theirs, ours = TutorialNet(), Net()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours.to(memory_format=torch.channels_last)


def batch(number: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number)
    images = torch.randn(64, 1, 28, 28, generator=generator)
    return images, torch.randint(10, (64,), generator=generator)


def test_it_is_the_tutorials_function() -> None:
    theirs, ours = both()
    images, _ = batch(0)
    expected = theirs.eval()(images)
    torch.testing.assert_close(ours.eval()(images.to(memory_format=torch.channels_last)), expected)
    assert expected.std() > 0.01  # not one constant in both
    with computing_in(BF16, images.device):
        rounded = ours(images)
    assert rounded.dtype == torch.float32, "a loss is never rounded"
    torch.testing.assert_close(rounded, expected, atol=0.02, rtol=0.02)
    assert not torch.equal(rounded, ours(images))


def test_weights_begin_as_in_the_tutorial() -> None:
    torch.manual_seed(7)
    theirs = TutorialNet()
    torch.manual_seed(7)
    for name, value in Net().state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name])


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.5, 0.0), (0.9, 0.01), (0.0, 0.0)])
def test_training_steps_are_the_tutorials(momentum: float, weight_decay: float) -> None:
    """Five steps with dropout: more, and the rounding of the two formulations grows visible."""
    theirs, ours = both()
    reference = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=momentum, weight_decay=weight_decay)
    optimizer = SGD(ours.parameters(), lr=0.05, momentum=momentum, weight_decay=weight_decay)
    before = ours.conv2.weight.detach().clone()
    for number in range(5):
        images, labels = batch(number)
        torch.manual_seed(number)
        reference.zero_grad()
        expected = F.nll_loss(theirs.train()(images), labels)
        expected.backward()  # type: ignore[no-untyped-call]
        reference.step()
        torch.manual_seed(number)
        loss = F.nll_loss(ours.train()(images.to(memory_format=torch.channels_last)), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
        optimizer.step()
    assert not torch.allclose(before, ours.conv2.weight, atol=1e-3)
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, theirs.state_dict()[name], atol=2e-5, rtol=1e-4, msg=name)
