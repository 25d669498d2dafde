"""What goes into a bundle: all that a board has to do, as far as its files are there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nas.measurement_tasks import LOST, Batch
from nas.store.agent_store import Agent
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError

PACK: Final = 100
"""Files in one batch: what an ended process costs stays small."""


@dataclass(frozen=True)
class BundleWork:
    """What goes into a bundle.

    Attributes:
        batches: Of `PACK` files at most.
        files: By digest; of more than is in the batches.
        left_out: Files of batches that are not there.
    """

    batches: tuple[Batch, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    left_out: int = 0


def work_there(stores: Stores, agent: Agent) -> BundleWork:
    """Return what a board has to do, as far as the files are there; tell whoever waits for the others.

    Raises:
        UsageError: `device_busy` where a file is lost while the board's agent works.
    """
    asked = stores.bundles.work(agent.device.digest)
    files: dict[str, Path] = {}
    lost: dict[str, ArtifactError] = {}
    for digest in sorted(
        {one for batch in asked for one in (*batch.artifacts.values(), batch.images) if one}
    ):
        try:
            files[digest] = stores.artifacts.local_path(digest)
        except ArtifactError as error:
            if error.code not in LOST:
                raise
            lost[digest] = error
    if not lost:
        return BundleWork(tuple(_packs(asked)), files)
    _tell_lost(stores, agent, asked, lost)
    # What waited behind golden subjects that are lost has failed with them: it is not asked for any more.
    still = stores.bundles.work(agent.device.digest)
    there = [
        replace(batch, artifacts={name: file for name, file in batch.artifacts.items() if file in files})
        for batch in still
        if batch.images in ("", *files)
    ]
    return BundleWork(tuple(_packs(there)), files, num_files(asked) - num_files(there))


def _tell_lost(
    stores: Stores, agent: Agent, batches: Iterable[Batch], lost: Mapping[str, ArtifactError]
) -> None:
    """Tell whoever waits for files that the service has lost, as an agent does that asks for them."""
    lease = stores.measurements.hold(agent.device.digest, f"bundle of {agent.id}")
    try:
        for batch in batches:
            for digest, why in lost.items():
                needs = [name for name, file in batch.artifacts.items() if digest in (file, batch.images)]
                if needs:
                    stores.measurements.fail(lease, batch, needs, why.code, why.message)
    finally:
        stores.measurements.give_back(lease)


def num_files(batches: Iterable[Batch]) -> int:
    """Return how many files batches have."""
    return sum(len(batch.artifacts) for batch in batches)


def _packs(batches: Iterable[Batch]) -> Iterator[Batch]:
    for batch in batches:
        files = list(batch.artifacts.items())
        for begin in range(0, len(files), PACK):
            yield replace(batch, artifacts=dict(files[begin : begin + PACK]))
