"""The errors of the product. Catch `HwnasError` for all of them.

HwnasError                 every error that a user can act on; has a stable `code`
├── UsageError             what the caller asked for does not exist or makes no sense
├── DataError              the data set is broken, too small or inconsistent
├── InfeasibleError        limits that no architecture of the space can meet
├── TrainingError          training cannot go on (for example a loss that is not a number)
├── ArtifactError          a stored file is damaged or belongs to something else
├── MeasurementError       a device or runtime gave no trustworthy measurement
├── StoreError             the database cannot be used as it is
├── ResourceError          the machine ran out of disk or memory
└── ComputeError           what ran a task failed under it: a process, a node, a cluster; has a `fault`

An error's code is stable, its message names the value, the limit and the next step.
`docs/reference/errors.md` lists every code.
"""

from collections.abc import Mapping
from typing import Final, Literal

Fault = Literal["crash", "out_of_memory", "lost_node", "no_cluster", "disk", "cancelled"]
"""How what ran a task failed."""

_FAULTS: Final[Mapping[str, Fault]] = {
    "task_crashed": "crash",
    "task_out_of_memory": "out_of_memory",
    "node_lost": "lost_node",
    "ray_away": "no_cluster",
    "compute_disk_full": "disk",
    "task_cancelled": "cancelled",
}


class HwnasError(Exception):
    """Root of the tree.

    Attributes:
        code: Stable identifier in snake_case, for programs.
        message: One line for people that tells the fix.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["HwnasError"], tuple[str, str]]:
        """Keep code and message when the error crosses a process."""
        return type(self), (self.code, self.message)


class UsageError(HwnasError):
    """What the caller asked for does not exist or makes no sense."""


class DataError(HwnasError):
    """The data set is broken, too small or inconsistent."""


class InfeasibleError(HwnasError):
    """No architecture of the space meets the limits."""


class TrainingError(HwnasError):
    """Training cannot go on."""


class ArtifactError(HwnasError):
    """A stored file is damaged or belongs to something else."""


class MeasurementError(HwnasError):
    """A device or runtime gave no trustworthy measurement."""


class StoreError(HwnasError):
    """The database cannot be used as it is."""


class ResourceError(HwnasError):
    """The machine ran out of disk or memory."""


class ComputeError(HwnasError):
    """What ran a task failed under it; the task itself may be sound."""

    @property
    def fault(self) -> Fault:
        """How it failed, for those who decide whether and when to run the task again."""
        return _FAULTS[self.code]
