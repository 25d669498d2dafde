"""What can be optimised or limited, and which way is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from search_spaces.base import FloatArray
from search_spaces.errors import UsageError


@dataclass(frozen=True, slots=True)
class Objective:
    """What is optimised.

    Attributes:
        name: Carries the unit, for example `latency_ms`.
        maximise: True where more is better.
    """

    name: str
    maximise: bool


OBJECTIVES: Final[dict[str, Objective]] = {
    objective.name: objective
    for objective in (
        Objective("accuracy", maximise=True),
        Objective("latency_ms", maximise=False),
        Objective("energy_mj", maximise=False),
        Objective("peak_memory_bytes", maximise=False),
        Objective("arena_bytes", maximise=False),
        Objective("file_bytes", maximise=False),
        Objective("num_params", maximise=False),
        Objective("num_macs", maximise=False),
    )
}


UNSUPPORTED: Final = Objective("unsupported_layers", maximise=False)
"""Layers that the runtime of a target cannot run: never optimised, and limited to none where any are."""


def get_objective(name: str) -> Objective:
    """Return the objective of that name.

    Raises:
        UsageError: `unknown_objective`, naming those that exist.
    """
    if name == UNSUPPORTED.name:
        return UNSUPPORTED
    if name not in OBJECTIVES:
        raise UsageError(
            "unknown_objective", f"no objective '{name}'; objectives are {', '.join(OBJECTIVES)}"
        )
    return OBJECTIVES[name]


def minimised(values: ArrayLike, objectives: Sequence[Objective]) -> FloatArray:
    """Return the values with the sign of the maximised objectives turned; applied twice it gives them back.

    Args:
        values: Shape (num_points, num_objectives), in the objectives' own units.
        objectives: One for each column.
    """
    signs = np.array([-1.0 if objective.maximise else 1.0 for objective in objectives])
    turned: FloatArray = np.asarray(values, dtype=np.float64) * signs
    return turned


def violations(bounds: ArrayLike, limits: Sequence[float], objectives: Sequence[Objective]) -> FloatArray:
    """Return the total normalised violation of limits, 0 where all hold (Deb et al. 2002, section VI).

    Args:
        bounds: Shape (num_points, num_limits): the pessimistic bound of what is limited, in its own unit.
        limits: At most this for what is minimised, at least this for what is maximised.
        objectives: One for each limit: says which way it goes.

    Returns:
        Shape (num_points,): the sum over the limits of the excess, each as a share of its limit.
    """
    signs = np.array([-1.0 if objective.maximise else 1.0 for objective in objectives])
    held = np.asarray(limits, dtype=np.float64)
    scale = np.where(held == 0.0, 1.0, np.abs(held))
    excess = (np.asarray(bounds, dtype=np.float64) - held) * signs / scale
    total: FloatArray = np.maximum(excess, 0.0).sum(axis=-1)
    return total
