"""Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013), by torch's own function.

The first object of `torch.optim.SGD` loads torch's compiler: 70 MiB and more than a second of every process
that trains, for nothing.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from nas.training.options import TrainingOptions


@final
class Sgd:
    """Moves the weights of a model along their gradients; only convolution weights decay.

    Attributes:
        velocities: Of the parameters that were moved, with momentum.
    """

    def __init__(self, model: nn.Module, options: TrainingOptions) -> None:
        parameters = list(model.parameters())
        self._groups: tuple[tuple[list[nn.Parameter], float], ...] = (
            ([p for p in parameters if p.ndim > 1], options.weight_decay),
            ([p for p in parameters if p.ndim <= 1], 0.0),
        )
        self._momentum = options.momentum
        self.velocities: dict[Tensor, Tensor] = {}

    def forget_gradients(self) -> None:
        """Begin a step."""
        for parameters, _ in self._groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move what has a gradient."""
        for parameters, weight_decay in self._groups:
            graded = [(p, p.grad) for p in parameters if p.grad is not None]
            moved = [parameter for parameter, _ in graded]
            velocities = [self.velocities.get(parameter) for parameter in moved]
            sgd(
                list(moved),
                [gradient for _, gradient in graded],
                velocities,
                weight_decay=weight_decay,
                momentum=self._momentum,
                lr=learning_rate,
                dampening=0.0,
                nesterov=self._momentum > 0,
                maximize=False,
            )
            for parameter, velocity in zip(moved, velocities, strict=True):
                if velocity is not None:
                    self.velocities[parameter] = velocity
