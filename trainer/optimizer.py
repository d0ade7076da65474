"""SGD with momentum."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.sgd import sgd


class SGD:
    """What `torch.optim.SGD` computes, by the function that the class itself calls.

    Making the class imports torch._dynamo, which takes 7 s of CPU (torch 2.14.1): for a short trial longer than the
    training.

    Attributes:
        buffers: the momentum of each parameter; with the weights, all the state there is.
    """

    def __init__(self, parameters: Iterable[Parameter], *, lr: float, momentum: float, weight_decay: float) -> None:
        self._parameters: list[Tensor] = list(parameters)
        self._lr = lr
        self._momentum = momentum
        self._weight_decay = weight_decay
        self.buffers = [torch.zeros_like(parameter) for parameter in self._parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Takes a step along the gradients, and clears them."""
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
        """Copies momentum into place, so that it has its parameter's memory format, as the fused step needs."""
        for mine, saved in zip(self.buffers, buffers, strict=True):
            mine.copy_(saved)
