"""What a phase is given."""

from dataclasses import dataclass
from typing import Protocol

from nas.data.dataset import Dataset
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.run_folder import RunFolder
from search_spaces.base import SearchSpace


class Progress(Protocol):
    """Told how far a search is."""

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Tell that `done` of `total` units of a phase are done."""

    def say(self, message: str) -> None:
        """Tell something worth a line of its own."""


@dataclass(frozen=True)
class PhaseContext:
    """What a phase is given.

    Attributes:
        spec: What was asked for.
        settings: Where things are kept.
        dataset: The images.
        space: The search space for these images.
        run: The folder of the search.
        progress: Told how far it is.
    """

    spec: SearchSpec
    settings: Settings
    dataset: Dataset
    space: SearchSpace
    run: RunFolder
    progress: Progress
