"""Searches in every state, written by hand through the queue and the stores that a worker writes to."""

from typing import Any

from nas.job_records import Job
from nas.jobs import Cancelled, Fault, Faulted, Infeasible, Waiting
from nas.results import PhaseCost
from nas.specs import SearchSpec
from nas.store.job_run import JobRun
from nas.store.stores import Stores
from nas.store.supernet_store import SupernetKey
from search_spaces.base import space_digest
from tests.api.handmade import SPACE, SPEC, claimed, submitted

NETWORKS: list[dict[str, Any]] = [
    {"name": "net-a", "within_limits": True, "accuracy": 0.90, "latency_ms": 0.20},
    {"name": "net-b", "within_limits": False, "accuracy": 0.99, "latency_ms": 1.40},
    {"name": "net-c", "within_limits": True, "accuracy": 0.95, "latency_ms": 0.30},
    {"name": "net-d", "within_limits": True, "accuracy": 0.93, "latency_ms": 0.10},
]


def step(stores: Stores, run: JobRun, phase: str, done: float, total: float, note: str = "") -> None:
    """Tell how far a phase is, as a worker does."""
    stores.results.report(run.lease, "progress", {"phase": phase, "done": done, "total": total, "note": note})


def running_search(stores: Stores, spec: SearchSpec = SPEC, *, epochs: int = 12) -> JobRun:
    """A search that is in the middle of verification."""
    run = claimed(stores, submitted(stores, spec))
    step(stores, run, "profile", 0, 1)
    step(stores, run, "profile", 1, 1)
    step(stores, run, "train", 0, 1)
    for epoch in range(1, epochs + 1):
        loss = 0.25 + 2.0 / (epoch + 1)
        step(stores, run, "train", epoch / epochs, 1, f"loss {loss:.3f}")
        facts = {"phase": "train", "network": 1, "epoch": epoch, "epochs": epochs, "loss": loss}
        stores.results.report(run.lease, "epoch", facts)
    step(stores, run, "train", 1, 1)
    step(stores, run, "verify", 4, 40, "round 2: searching")
    stores.results.report(run.lease, "verified", {"target": 1, "round": 1, "networks": NETWORKS})
    stores.results.report(run.lease, "message", {"text": "phase verify"})
    run.save("train.cost", PhaseCost(name="train", cpu_s=100.0, device_s=0.0, assumed_wh=0.25))
    return run


def failed_search(stores: Stores, message: str = "the loss is not finite in epoch 3: lower the rate") -> Job:
    """A search that cannot be done."""
    run = claimed(stores, submitted(stores, SPEC))
    step(stores, run, "train", 0.2, 1, "loss nan")
    stores.queue.settle(run.lease, Faulted(Fault.BAD_DATA, "loss_not_finite", message))
    return stores.jobs.get("local", run.id)


def infeasible_search(stores: Stores) -> Job:
    """A search whose limits nobody can keep."""
    run = claimed(stores, submitted(stores, SPEC))
    told = "no architecture keeps latency_ms <= 1: the nearest reachable value is 1.7; raise the limit"
    stores.queue.settle(run.lease, Infeasible("infeasible_limits", told))
    return stores.jobs.get("local", run.id)


def parked_search(stores: Stores) -> Job:
    """A search that was given up after its fault has come back again and again."""
    run = claimed(stores, submitted(stores, SPEC))
    step(stores, run, "train", 0.2, 1, "loss 1.2")
    stores.queue.settle(run.lease, Faulted(Fault.POISON, "broken_file", "image 7 ends whoever reads it"))
    return stores.jobs.get("local", run.id)


def waiting_search(stores: Stores) -> Job:
    """A search that waits for a supernet, which another trains."""
    other = claimed(stores, submitted(stores, SPEC))
    key = SupernetKey(space_digest(SPACE), "d" * 64, "default", 0)
    supernet = stores.supernets.begin(other.lease, key, 30)
    run = claimed(stores, submitted(stores, SPEC))
    step(stores, run, "profile", 10, 139, "measuring")
    stores.queue.settle(run.lease, Waiting(supernet.id))
    return stores.jobs.get("local", run.id)


def cancelled_search(stores: Stores) -> Job:
    """A search that somebody has stopped."""
    run = claimed(stores, submitted(stores, SPEC))
    stores.queue.settle(run.lease, Cancelled())
    return stores.jobs.get("local", run.id)
