"""What a phase is given, and how it ends."""

from dataclasses import dataclass
from typing import Any, Protocol

from nas.data.dataset import Dataset
from nas.jobs import Waiting
from nas.ports import Compute
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.job_run import JobRun
from nas.store.stores import Stores
from nas.tasks import Inputs
from search_spaces.base import Space


class Progress(Protocol):
    """Told how far a search is."""

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Tell that `done` of `total` units of a phase are done."""

    def say(self, message: str) -> None:
        """Tell something worth a line of its own."""

    def figures(self, kind: str, **values: Any) -> None:
        """Tell JSON values that are drawn while the search runs.

        `epoch`: a network's training is so far. `verified`: these networks were measured in a round.
        """


@dataclass(frozen=True)
class Done:
    """The phase has left its result."""


PhaseEnd = Done | Waiting
"""How a phase ends: with its result, or waiting for what others measure or train.

A phase that waits is run again when that is there. It goes on from what it left in the store.
"""


class Reads(Protocol):
    """Whoever looks for what a tenant has in the stores."""

    @property
    def tenant(self) -> str:
        """Whose it is."""

    @property
    def stores(self) -> Stores:
        """The database and the artifact store."""


class RunContext(Protocol):
    """What measuring for a running job takes, whatever the job is."""

    @property
    def stores(self) -> Stores:
        """The database and the artifact store."""

    @property
    def run(self) -> JobRun:
        """What the job keeps."""

    @property
    def space(self) -> Space:
        """The networks that are measured."""

    @property
    def progress(self) -> Progress:
        """Told how far it is."""


@dataclass(frozen=True)
class Surroundings:
    """What a job is run in.

    Attributes:
        settings: Where things are kept.
        stores: The database and the artifact store.
        compute: Runs tasks.
        progress: Told how far it is.
    """

    settings: Settings
    stores: Stores
    compute: Compute
    progress: Progress


@dataclass(frozen=True)
class SearchContext:
    """A search that may not be submitted yet: enough to plan it.

    Attributes:
        tenant: Whose it is.
        spec: What was asked for.
        settings: Where things are kept.
        dataset: The images.
        space: The search space for these images.
        stores: The database and the artifact store.
        compute: Runs tasks.
        progress: Told how far it is.
    """

    tenant: str
    spec: SearchSpec
    settings: Settings
    dataset: Dataset
    space: Space
    stores: Stores
    compute: Compute
    progress: Progress

    @property
    def inputs(self) -> Inputs:
        """What tasks of this search open."""
        return Inputs(self.spec.dataset, self.dataset.digest, self.spec.space)


@dataclass(frozen=True)
class PhaseContext(SearchContext):
    """A search that is run.

    Attributes:
        run: What it keeps, under the lease of its attempt.
    """

    run: JobRun
