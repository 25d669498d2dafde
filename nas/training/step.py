"""One optimiser step over the subnets of a recipe's step.

B images, C channels, R pixels a side, K classes.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.training.distillation import soft_label_loss, soft_labels
from nas.training.options import TrainingOptions
from nas.training.recipes import Step
from search_spaces.base import Architecture
from search_spaces.modules.supernet import Supernet


class NotFiniteError(ArithmeticError):
    """A loss or a gradient is infinite or no number; the weights were not touched.

    Attributes:
        what: "loss" or "gradient".
        architecture: The subnet it was seen with.
    """

    def __init__(self, what: str, architecture: Architecture) -> None:
        super().__init__(f"the {what} of {architecture} is not finite")
        self.what = what
        self.architecture = architecture


def make_optimizer(model: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return stochastic gradient descent with Nesterov's momentum; only convolution weights decay."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, options.learning_rate, momentum=options.momentum, nesterov=options.momentum > 0
    )


def take_step(
    supernet: Supernet,
    optimizer: torch.optim.Optimizer,
    images_BCRR: Tensor,
    labels_B: Tensor,
    step: Step,
    options: TrainingOptions,
    learning_rate_share: float,
) -> float:
    """Move the weights along the summed gradients of the step's subnets; return their mean loss.

    Raises:
        NotFiniteError: Before anything is moved.
    """
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for architecture, loss in step_losses(supernet, images_BCRR, labels_B, step, options.label_smoothing):
        total += loss.item()
        if not math.isfinite(total):
            raise NotFiniteError("loss", architecture)
        loss.backward()
    norm = nn.utils.clip_grad_norm_(supernet.parameters(), options.clip_norm)
    if not torch.isfinite(norm):
        raise NotFiniteError("gradient", step.subnets[-1])
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_share * options.learning_rate
    optimizer.step()
    return total / len(step.subnets)


def step_losses(
    supernet: Supernet, images_BCRR: Tensor, labels_B: Tensor, step: Step, label_smoothing: float
) -> Iterator[tuple[Architecture, Tensor]]:
    """Yield each subnet of a step with its loss.

    If each is taken backward before the next is asked for, one graph at a time is in memory.
    """
    targets_BK = None
    for architecture in step.subnets:
        logits_BK = supernet(images_BCRR, architecture)
        if targets_BK is None:
            loss = functional.cross_entropy(logits_BK, labels_B, label_smoothing=label_smoothing)
        else:
            loss = soft_label_loss(logits_BK, targets_BK)
        if step.distils and targets_BK is None:
            targets_BK = soft_labels(logits_BK)
        yield architecture, loss
