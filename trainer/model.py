"""The tutorial's network."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Net(nn.Module):
    """Two convolutions and two linear layers, 1,199,882 weights.

    Input (N, 1, 28, 28), output (N, 10) log probabilities.

    It computes the same function as PyTorch's MNIST example, but in a faster order: max-pooling before ReLU (they
    commute) leaves ReLU a quarter of the values, and ReLU overwrites its input. Weights and images should be
    channels_last, which vectorizes pooling.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout1 = nn.Dropout2d(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x), inplace=True)
        x = F.relu(F.max_pool2d(self.conv2(x), 2), inplace=True)
        x = torch.flatten(self.dropout1(x), 1)
        x = self.dropout2(F.relu(self.fc1(x), inplace=True))
        return F.log_softmax(self.fc2(x), dim=1, dtype=torch.float32)
