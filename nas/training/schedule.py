"""How the learning rate moves over a run."""

import math


def learning_rate_share(step: int, num_steps: int, warmup_share: float) -> float:
    """Return the share of the highest learning rate at a step (from 0): a linear rise, then a cosine to 0.

    Loshchilov and Hutter 2017, without restarts.
    """
    warmup = math.ceil(warmup_share * num_steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(num_steps - warmup, 1)))
