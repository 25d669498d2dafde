"""One optimiser step over the subnets of a recipe's step.

B images, C channels, R pixels a side, K classes.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.training.distillation import soft_label_loss, soft_labels
from nas.training.group import ALONE, Group, sum_gradients, told
from nas.training.optimizer import Sgd
from nas.training.options import TrainingOptions
from nas.training.recipes import Step
from nas.training.shared_batch_norm import SharedMoments
from search_spaces.base import Architecture
from search_spaces.modules.statistics import Normalizer, batch_moments
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


@dataclass(frozen=True)
class Worker:
    """One of the workers that share a batch.

    Attributes:
        group: All of them.
        share: Of the batch's images that this one has.
    """

    group: Group
    share: float


def take_step(
    supernet: Supernet,
    optimizer: Sgd,
    images_BCRR: Tensor,
    labels_B: Tensor,
    step: Step,
    options: TrainingOptions,
    learning_rate_share: float,
    worker: Worker | None = None,
) -> float:
    """Move the weights along the summed gradients of the step's subnets; return their mean loss.

    Args:
        worker: Where several workers share the batch: which one has these images.

    Raises:
        NotFiniteError: Before anything is moved; every worker raises it.
    """
    group, share = (ALONE, 1.0) if worker is None else (worker.group, worker.share)
    normalize = batch_moments if worker is None else SharedMoments(group, share)
    optimizer.forget_gradients()
    total = 0.0
    for architecture, loss in step_losses(
        supernet, images_BCRR, labels_B, step, options.label_smoothing, normalize
    ):
        # The mean over the whole batch is the sum of the workers' means, each by its share.
        own = loss * share
        total += math.fsum(told(group, own.item()))
        if not math.isfinite(total):
            raise NotFiniteError("loss", architecture)
        own.backward()
    sum_gradients(group, supernet.parameters())
    norm = nn.utils.clip_grad_norm_(supernet.parameters(), options.clip_norm)
    if not torch.isfinite(norm):
        again = step_losses(supernet, images_BCRR, labels_B, step, options.label_smoothing, normalize)
        parts = ((architecture, loss * share) for architecture, loss in again)
        raise NotFiniteError("gradient", _without_gradient(supernet, parts, optimizer, group))
    optimizer.step(learning_rate_share * options.learning_rate)
    return total / len(step.subnets)


def _without_gradient(
    supernet: Supernet, losses: Iterable[tuple[Architecture, Tensor]], optimizer: Sgd, group: Group
) -> Architecture:
    """Return the first subnet of a step whose gradient is not finite; the last if only their sum is not."""
    seen: list[Architecture] = []
    for architecture, loss in losses:
        seen.append(architecture)
        optimizer.forget_gradients()
        loss.backward()
        sum_gradients(group, supernet.parameters())
        gradients = [weight.grad for weight in supernet.parameters() if weight.grad is not None]
        if not torch.isfinite(nn.utils.get_total_norm(gradients)):
            break
    return seen[-1]


def step_losses(
    supernet: Supernet,
    images_BCRR: Tensor,
    labels_B: Tensor,
    step: Step,
    label_smoothing: float,
    normalize: Normalizer = batch_moments,
) -> Iterator[tuple[Architecture, Tensor]]:
    """Yield each subnet of a step with its loss.

    If each is taken backward before the next is asked for, one graph at a time is in memory.
    """
    targets_BK = None
    for architecture in step.subnets:
        logits_BK = supernet(images_BCRR, architecture, normalize)
        if targets_BK is None:
            loss = functional.cross_entropy(logits_BK, labels_B, label_smoothing=label_smoothing)
        else:
            loss = soft_label_loss(logits_BK, targets_BK)
        if step.distils and targets_BK is None:
            targets_BK = soft_labels(logits_BK)
        yield architecture, loss
