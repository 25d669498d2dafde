import math

import pytest
import torch

from nas.training.distillation import soft_label_loss, soft_labels


def test_soft_labels_are_the_teachers_probabilities() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]], requires_grad=True)
    labels = soft_labels(logits)
    assert labels.tolist() == [pytest.approx([0.75, 0.25])]
    assert not labels.requires_grad


def test_the_loss_is_the_cross_entropy_against_them() -> None:
    # -(0.75 ln 0.5 + 0.25 ln 0.5) = ln 2
    loss = soft_label_loss(torch.zeros(1, 2), torch.tensor([[0.75, 0.25]]))
    assert loss.item() == pytest.approx(math.log(2.0))


def test_the_gradient_vanishes_where_the_student_agrees() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True)
    soft_label_loss(logits, soft_labels(logits)).backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-7
