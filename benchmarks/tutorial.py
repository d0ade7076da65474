"""The tutorial's training code: a DataLoader that transforms every image in every epoch, and the default layout."""

from collections.abc import Sized
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split

from stepsweep.trainer import data


class TutorialNet(nn.Module):
    """The tutorial's network, unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout2d(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = F.relu(x)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.fc1(x)
        x = F.relu(x)
        x = self.dropout2(x)
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


Loader = DataLoader[tuple[Tensor, Tensor]]


def loaders(data_dir: Path, *, train_images: int) -> tuple[Loader, Loader]:
    """Returns Fashion-MNIST's loaders for training and validation, with the same subset as `data.load`."""
    from torchvision import transforms
    from torchvision.datasets import FashionMNIST

    class Prepared(FashionMNIST):  # type: ignore[misc]  # no types are published for it
        """Reads the files that `python -m stepsweep.trainer.fetch` installs."""

        @property
        def raw_folder(self) -> str:
            return str(data_dir / "fashion-mnist")

    dataset = data.DATASETS["fashion-mnist"]
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((dataset.mean,), (dataset.std,))])
    whole = Prepared(str(data_dir), train=True, transform=transform)
    parts: list[Dataset[tuple[Tensor, Tensor]]] = list(
        random_split(whole, [data.TRAIN_IMAGES, data.VALIDATION_IMAGES], torch.Generator().manual_seed(data.SPLIT_SEED))
    )
    validation_images = train_images * data.VALIDATION_IMAGES // data.TRAIN_IMAGES
    return (
        DataLoader(Subset(parts[0], range(train_images)), batch_size=64, shuffle=True),
        DataLoader(Subset(parts[1], range(validation_images)), batch_size=64),
    )


def epoch(net: TutorialNet, optimizer: torch.optim.SGD, train: Loader, validation: Loader) -> tuple[float, float]:
    """Trains and validates once, and returns the loss and the accuracy on the validation images."""
    device = next(net.parameters()).device
    net.train()
    for images, labels in train:
        optimizer.zero_grad()
        loss = F.nll_loss(net(images.to(device)), labels.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    net.eval()
    total, right = 0.0, 0
    with torch.no_grad():
        for images, labels in validation:
            output, there = net(images.to(device)), labels.to(device)
            total += F.nll_loss(output, there, reduction="sum").item()
            right += int((output.argmax(dim=1) == there).sum().item())
    count = len(cast("Sized", validation.dataset))
    return total / count, right / count
