"""SGD with momentum."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.sgd import sgd


class SGD:
    """Computes the same as `torch.optim.SGD`, with the function that it calls.

    Creating a `torch.optim.SGD` imports torch._dynamo, which takes 7 s of CPU (torch 2.14.1): longer than a short
    training.

    Attributes:
        buffers: the momentum of each parameter; the only state besides the weights.
    """

    def __init__(self, parameters: Iterable[Parameter], *, lr: float, momentum: float, weight_decay: float) -> None:
        self._parameters: list[Tensor] = list(parameters)
        self._lr = lr
        self._momentum = momentum
        self._weight_decay = weight_decay
        self.buffers = [torch.zeros_like(parameter) for parameter in self._parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Takes one step along the gradients, and clears them."""
        sgd(
            self._parameters,
            [parameter.grad for parameter in self._parameters if parameter.grad is not None],
            list(self.buffers),
            fused=True,
            lr=self._lr,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            dampening=0,
            nesterov=False,
            maximize=False,
        )
        for parameter in self._parameters:
            parameter.grad = None

    def load(self, buffers: Sequence[Tensor]) -> None:
        """Copies saved momentum into the buffers, which keep their parameter's memory format for the fused step."""
        for mine, saved in zip(self.buffers, buffers, strict=True):
            mine.copy_(saved)
