"""Run as a process of its own on a small file system: fill it, see what is kept, free it, go on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Succeeded
from nas.store.artifact_folder import ArtifactFolder
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.schema import open_database
from search_spaces.errors import ResourceError

TENANT = "acme"


def main(folder: Path) -> None:
    """Fail with an assertion where something is lost or misnamed."""
    engine = open_database(f"sqlite:///{folder}/jobs.db")
    store, queue = DatabaseJobStore(engine), DatabaseJobQueue(engine)
    artifacts = ArtifactFolder(folder / "artifacts")
    kept = artifacts.put(b"kept")
    acknowledged = [store.submit(TENANT, JobRequest(JobKind.SEARCH, {"n": 0})).id]
    fill(folder / "filler")
    with pytest.raises(ResourceError, match="free some space") as full:
        acknowledged.extend(submitted(store))
    assert full.value.code == "disk_full"
    with pytest.raises(ResourceError) as full:
        artifacts.put(b"1" * 500_000)
    assert full.value.code == "disk_full"
    assert list((folder / "artifacts" / ".incoming").iterdir()) == []
    # Everything can still be read.
    assert artifacts.get(kept) == b"kept"
    assert {store.get(TENANT, job_id).state for job_id in acknowledged} == {JobState.QUEUED}
    (folder / "filler").unlink()
    for claim in queue.claim("w1", 1_000):
        queue.settle(claim.lease, Succeeded())
    assert {store.get(TENANT, job_id).state for job_id in acknowledged} == {JobState.SUCCEEDED}
    assert len(store.page(TENANT, limit=500).jobs) == len(acknowledged)


def submitted(store: DatabaseJobStore) -> Iterator[str]:
    """Yield each job that was acknowledged; ends with an error."""
    for number in range(1_000):
        request = JobRequest(JobKind.SEARCH, {"n": number, "filler": "x" * 3_000})
        yield store.submit(TENANT, request).id


def fill(path: Path) -> None:
    """Write zeros until nothing fits any more."""
    zeros = iter(lambda: b"0" * 1024, b"")
    with path.open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        filler.writelines(zeros)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
