"""Homes that are worth a backup, small and made at once; and files that are to be too large for a disk."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.leases import Lease
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from nas.store.supernet_store import StoredCheckpoint
from tests.nas.store.queued import REQUEST, TENANT
from tests.nas.store.trained import KEY

ANSWERS = b"answers"
UNNAMED = b"named in no column"


def quiet(phase: str, done: float, total: float) -> None:
    """Hear nothing of how far it is."""


def filled(home: Path) -> tuple[Settings, Lease]:
    """Make a home with a running job, whose training has a checkpoint, and an artifact that nobody names."""
    settings = Settings(home=home)
    with opened_stores(settings) as stores:
        stores.jobs.submit(TENANT, REQUEST)
        (claim,) = stores.queue.claim("w1")
        train(stores, claim.lease, 1)
        stores.results.name_artifact(claim.lease, "arrays/answers", stores.artifacts.put(ANSWERS))
        stores.artifacts.put(UNNAMED)
    return settings, claim.lease


def train(stores: Stores, lease: Lease, epoch: int) -> None:
    """Go on with the training of a job by one epoch, and remove what it does not need any more."""
    supernet = stores.supernets.begin(lease, KEY, 10)
    files = {name: stores.artifacts.put(f"{name} {epoch}".encode()) for name in ("tensors", "manifest")}
    for old in stores.supernets.save_checkpoint(lease, supernet.id, StoredCheckpoint(epoch, files, 1.0)):
        stores.artifacts.remove(old)


def contents(home: Path) -> dict[str, bytes]:
    """The artifacts of a home, by their names."""
    return {path.name: path.read_bytes() for path in (home / "artifacts").glob("??/*")}


@contextmanager
def no_file_above(num_bytes: int) -> Iterator[None]:
    """Have the system refuse files of more bytes, as a disk does that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
