"""A subnet on its own: weights inherited from the supernet, then trained a little longer."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from nas.data.dataset import Dataset
from nas.training.events import TrainEvent
from nas.training.group import ALONE, Group
from nas.training.options import TrainTask
from nas.training.trainer import train
from search_spaces.base import Architecture
from search_spaces.modules.supernet import Supernet
from search_spaces.network import fixed_space, network

LEARNING_RATE_SHARE = 0.5
"""Of the supernet's: inherited weights are near a good place. In ten CPU-seconds a network a fifth of the
rate led to 74.3, half of it to 77.6 % in the mean of six networks of a short training."""


def inherit(supernet: Supernet, architecture: Architecture) -> Supernet:
    """Return a supernet of the one network, with a copy of its part of the weights.

    It computes what the subnet computes, with architecture () and the subnet's own statistics.
    """
    own = Supernet(fixed_space(supernet.space, architecture))
    with torch.no_grad():
        for node in network(supernet.space, architecture):
            source = supernet.block(node.slot, node.spec.kind).narrowed(node.spec)
            # What a block narrows to is a view of its weights: here, of all of them.
            for name, place in own.block(node.slot, node.spec.kind).narrowed(node.spec).items():
                place.copy_(source[name])
    return own


def finetune(
    task: TrainTask, dataset: Dataset, supernet: Supernet, architecture: Architecture, group: Group = ALONE
) -> Iterator[TrainEvent]:
    """Train one subnet on from its inherited weights; the finished weights are those of `inherit`'s space.

    Args:
        task: A folder of its own and the options, its learning rate that of a training from nothing.
        dataset: Images.
        supernet: Where the weights come from; not changed.
        architecture: Which subnet.
        group: The workers that share each batch.
    """
    options = replace(task.options, learning_rate=LEARNING_RATE_SHARE * task.options.learning_rate)
    own = inherit(supernet, architecture)
    return train(replace(task, options=options), dataset, own.space, own, group)
