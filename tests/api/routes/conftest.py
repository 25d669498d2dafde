"""A service with a finished search whose file is real."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch

from nas.data.decode import RESIZE_RULE
from nas.export.metadata import describe
from nas.export.onnx import export_onnx
from nas.job_records import Job
from nas.jobs import Succeeded
from nas.store.front_store import StoredCandidate
from nas.store.stores import Stores
from search_spaces.base import architecture_digest
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import network as layers_of
from search_spaces.sampling import as_architecture, smallest
from tests.api.handmade import FRONT, SPACE, SPEC, claimed, result, submitted, target
from tests.api.served import Caller, served

ARCHITECTURE = as_architecture(smallest(SPACE)[0])


@dataclass(frozen=True)
class Finished:
    """A finished search and its file."""

    api: Caller
    search: str
    file: bytes
    sha256: str


@pytest.fixture
def finished(tmp_path: Path) -> Iterator[Finished]:
    """A search with one real file for all of its networks."""
    content = exported_file()
    with served(tmp_path / "home") as api:
        search = written(api.stores, content)
        yield Finished(api, search, content, hashlib.sha256(content).hexdigest())


@cache
def exported_file(seed: int = 0) -> bytes:
    """A small network as it is exported; of another seed, it has other weights."""
    facts = describe(
        SPACE,
        ARCHITECTURE,
        class_names=tuple("0123456789"),
        dataset_digest="c" * 64,
        resize_rule=RESIZE_RULE,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = StaticNetwork(layers_of(SPACE, ARCHITECTURE)).eval()
    return export_onnx(network, facts)


def written(stores: Stores, content: bytes) -> str:
    """Write a finished search with its rows; return its identifier."""
    return worked_on(stores, submitted(stores, SPEC), content)


def worked_on(stores: Stores, job: Job, content: bytes) -> str:
    """Do what a worker does with a queued search, in no time; return its identifier."""
    facts = {
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "file_bytes": len(content),
        "architecture_digest": architecture_digest(SPACE, ARCHITECTURE),
    }
    found = target(*(one.model_copy(update=facts) for one in FRONT))
    run = claimed(stores, job)
    stores.artifacts.put(content)
    run.save_result(result(run.id, found))
    stores.fronts.save_front(run.lease, 0, found.model_dump_json())
    stores.fronts.add_candidates(
        run.lease,
        [
            StoredCandidate(0, f"{n:064x}", fidelity, {"resolution": 16}, {"accuracy": 0.9, "latency_ms": n})
            for n in range(5)
            for fidelity in ("tuned", "verified")
        ],
    )
    stores.fronts.add_export(run.lease, "net-ccc333", "onnx", facts["file_sha256"], {"why": "the best"})  # type: ignore[arg-type]
    stores.queue.settle(run.lease, Succeeded())
    return run.id
