import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nas.training.group import ALONE, Group, share_of
from nas.training.optimizer import Sgd
from nas.training.recipes import Step
from nas.training.step import NotFiniteError, Worker, step_losses, take_step
from nas.training.weights import weight_hash
from search_spaces.base import Architecture, Space
from search_spaces.modules.supernet import Supernet
from tests.nas.training.small_run import small_task
from tests.nas.training.together import together

OPTIONS = small_task(Path()).options


def losses_of(supernet: Supernet, images: Tensor, labels: Tensor, step: Step) -> dict[Architecture, float]:
    return {subnet: loss.item() for subnet, loss in step_losses(supernet, images, labels, step, 0.0)}


def test_the_largest_teaches_the_others_and_learns_from_labels(space: Space) -> None:
    supernet = Supernet(space, seed=1)
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    top, bottom = (0, 1, 1), (0, 0, 0)
    losses = losses_of(supernet, images, labels, Step((top, bottom), distils=True))
    logits = supernet(images, top)
    assert losses[top] == pytest.approx(functional.cross_entropy(logits, labels).item())
    student = torch.log_softmax(supernet(images, bottom), 1)
    expected = -(torch.softmax(logits, 1) * student).sum(1).mean()
    assert losses[bottom] == pytest.approx(expected.item(), rel=1e-5)
    free = losses_of(supernet, images, labels, Step((top, bottom), distils=False))
    assert free[bottom] == pytest.approx(
        functional.cross_entropy(supernet(images, bottom), labels).item(), rel=1e-6
    )


def test_gradients_of_a_step_are_summed_over_its_subnets(space: Space) -> None:
    images, labels = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    step = Step(((0, 1, 1), (0, 0, 0)), distils=False)

    def gradient(*parts: Step) -> Tensor:
        supernet = Supernet(space, seed=1)
        for part in parts:
            for _, loss in step_losses(supernet, images, labels, part, 0.0):
                loss.backward()
        return torch.cat([value.grad.flatten() for value in supernet.parameters() if value.grad is not None])

    apart = [Step((subnet,), distils=False) for subnet in step.subnets]
    torch.testing.assert_close(gradient(step), gradient(*apart))


@pytest.mark.parametrize(("what", "number"), [("loss", 0), ("gradient", 0), ("gradient", 1), ("gradient", 2)])
def test_weights_stay_where_something_is_not_finite(what: str, number: int, space: Space) -> None:
    supernet = Supernet(space)
    images = torch.rand(6, 1, 8, 8)
    step = Step(((0, 1, 1), (0, 0, 0), (0, 1, 0)), distils=True)
    if what == "loss":
        images[0] = torch.nan
    else:
        # Forward is fine, backward of one subnet is not.
        backwards = itertools.count()
        weight = supernet.block("head", "pooled_head").conv("classifier").weight
        weight.register_hook(
            lambda gradient: gradient / 0 if next(backwards) % len(step.subnets) == number else gradient
        )
    before = weight_hash(supernet.state_dict())
    with pytest.raises(NotFiniteError) as caught:
        take_step(supernet, Sgd(supernet, OPTIONS), images, torch.arange(6) % 3, step, OPTIONS, 1.0)
    assert caught.value.what == what
    assert caught.value.architecture == step.subnets[number]
    assert weight_hash(supernet.state_dict()) == before


def test_the_learning_rate_is_that_of_the_schedule(space: Space) -> None:
    images, labels, step = torch.rand(6, 1, 8, 8), torch.arange(6) % 3, Step(((0, 1, 1),), distils=False)

    def moved(share: float) -> Tensor:
        supernet = Supernet(space, seed=1)
        before = torch.cat([value.detach().flatten().clone() for value in supernet.parameters()])
        assert take_step(supernet, Sgd(supernet, OPTIONS), images, labels, step, OPTIONS, share) > 0
        return torch.cat([value.detach().flatten() for value in supernet.parameters()]) - before

    torch.testing.assert_close(moved(0.25), 0.25 * moved(1.0), rtol=1e-3, atol=1e-6)


def test_workers_that_share_a_batch_take_the_step_that_one_takes(space: Space) -> None:
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(7, 1, 16, 16, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    step = Step(((1, 1, 1), (1, 0, 0)), distils=True)

    def work(group: Group) -> tuple[float, dict[str, Tensor]]:
        supernet = Supernet(space, seed=1).double()
        optimizer = Sgd(supernet, OPTIONS)
        mine = share_of(group, len(labels))
        worker = None if group.size == 1 else Worker(group, len(labels[mine]) / len(labels))
        arguments = (images[mine], labels[mine], step, OPTIONS, 1.0, worker)
        losses = [take_step(supernet, optimizer, *arguments) for _ in range(3)]
        return losses[-1], supernet.state_dict()

    expected_loss, expected = work(ALONE)
    for loss, state in together(3, work):
        assert loss == pytest.approx(expected_loss, rel=1e-10)
        for name, value in state.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("number", [0, 1])
def test_workers_agree_on_the_subnet_whose_gradient_is_not_finite(number: int, space: Space) -> None:
    images, labels = torch.rand(6, 1, 16, 16), torch.tensor([0, 1, 2, 0, 1, 2])
    step = Step(((1, 1, 1), (1, 0, 0)), distils=True)

    def work(group: Group) -> Architecture:
        supernet, backwards = Supernet(space, seed=1), itertools.count()
        if group.rank == 1:  # of the images of one worker alone
            weight = supernet.block("head", "pooled_head").conv("classifier").weight
            weight.register_hook(
                lambda gradient: gradient / 0 if next(backwards) % len(step.subnets) == number else gradient
            )
        mine = share_of(group, 6)
        arguments = (images[mine], labels[mine], step, OPTIONS, 1.0)
        with pytest.raises(NotFiniteError) as caught:
            take_step(supernet, Sgd(supernet, OPTIONS), *arguments, Worker(group, 0.5))
        return caught.value.architecture

    assert together(2, work) == [step.subnets[number]] * 2


def test_every_worker_refuses_what_is_not_finite_for_one(space: Space) -> None:
    images, labels = torch.rand(6, 1, 16, 16), torch.tensor([0, 1, 2, 0, 1, 2])
    images[5] = float("nan")

    def work(group: Group) -> str:
        supernet = Supernet(space, seed=1)
        mine = share_of(group, 6)
        arguments = (images[mine], labels[mine], Step(((1, 1, 1),), distils=False), OPTIONS, 1.0)
        with pytest.raises(NotFiniteError) as caught:
            take_step(supernet, Sgd(supernet, OPTIONS), *arguments, Worker(group, 0.5))
        return caught.value.what

    assert together(2, work) == ["loss", "loss"]
