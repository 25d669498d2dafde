import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.training.optimizer import Sgd
from nas.training.recipes import Step
from nas.training.step import step_losses
from search_spaces.base import Space
from search_spaces.modules.supernet import Supernet
from tests.nas.training.small_run import small_task

OPTIONS = small_task(Path()).options


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_weights_move_as_those_of_torchs_own_optimiser_do(space: Space, momentum: float) -> None:
    options = replace(OPTIONS, momentum=momentum, weight_decay=0.1)
    ours, theirs = Supernet(space, seed=1), Supernet(space, seed=1)
    own = Sgd(ours, options)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in theirs.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in theirs.parameters() if p.ndim <= 1]},
    ]
    reference = torch.optim.SGD(groups, 0.2, momentum=momentum, nesterov=momentum > 0)
    images, labels = torch.rand(6, 1, 8, 8), torch.arange(6) % 3
    # Not every step has a gradient for every weight.
    for subnet in ((0, 1, 1), (0, 0, 0), (0, 1, 1)):
        own.forget_gradients()
        reference.zero_grad()
        for supernet in (ours, theirs):
            for _, loss in step_losses(supernet, images, labels, Step((subnet,), distils=False), 0.0):
                loss.backward()
        own.step(0.2)
        reference.step()
        for found, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(found, expected)
    assert bool(own.velocities) == (momentum > 0)


def test_nothing_of_torchs_compiler_is_loaded(repository: Path) -> None:
    program = """if True:
        import sys, torch
        from nas.training.optimizer import Sgd
        from nas.training.options import TrainingOptions
        model = torch.nn.Linear(2, 1)
        model(torch.rand(3, 2)).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        Sgd(model, TrainingOptions(epochs=1)).step(0.1)
        assert "torch._dynamo" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True, cwd=repository)
