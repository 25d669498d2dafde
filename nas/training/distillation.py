"""Learning from another network's output instead of from labels."""

import torch
from torch import Tensor
from torch.nn import functional


def soft_labels(teacher_logits_BK: Tensor) -> Tensor:
    """Return the teacher's probabilities, detached, (B, classes)."""
    return torch.softmax(teacher_logits_BK.detach(), dim=1)


def soft_label_loss(logits_BK: Tensor, targets_BK: Tensor) -> Tensor:
    """Return the mean cross-entropy against probabilities (Hinton et al. 2015, at temperature 1).

    In-place distillation (Yu and Huang 2019; Yu et al. 2020): the targets are what the largest subnet says of
    the same batch in the same step, so that the teacher costs nothing extra.
    """
    return functional.cross_entropy(logits_BK, targets_BK)
