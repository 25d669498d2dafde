"""Finished searches whose networks are real architectures with made-up measurements, as pages show them."""

from collections.abc import Callable
from dataclasses import asdict

from api.dashboard.results import TargetFront, target_front
from latency_predictors.device import host_context, host_device
from nas.jobs import Succeeded
from nas.results import SearchResult, TargetResult, VerifiedNetwork
from nas.store.job_run import JobRun
from nas.store.stores import Stores
from search_spaces.base import architecture_digest, architecture_from_values
from tests.api.handmade import claimed, submitted
from tests.nas.report import documents


def networks(count: int = 30, seed: int = 3, limit_ms: float = 1.0) -> tuple[VerifiedNetwork, ...]:
    """Verified networks, the front first, each with the digest of its architecture."""
    space = documents.space()
    return tuple(
        one.model_copy(
            update={
                "architecture_digest": architecture_digest(
                    space, architecture_from_values(space, one.architecture)
                )
            }
        )
        for one in documents.searched_networks(count, seed, limit_ms)
    )


def measured_here(*found: VerifiedNetwork, limit_ms: float | None = 1.0) -> TargetResult:
    """What was found for this machine."""
    return documents.target(
        found or networks(),
        limit_ms,
        device=asdict(host_device()),
        context=asdict(host_context()),
        device_label=host_device().label,
        context_label=host_context().label,
    )


def finished(
    stores: Stores,
    *targets: TargetResult,
    tenant: str = "local",
    class_names: tuple[str, ...] = documents.NAMES,
    stock: tuple[VerifiedNetwork, ...] | None = None,
    beside: Callable[[JobRun], None] = lambda run: None,
) -> str:
    """Write a finished search, and what `beside` writes; return its name. Another one differs in its seed."""
    given = targets or (measured_here(),)
    made = documents.make_result(given, stock, class_names=class_names)
    seed = len(stores.jobs.page("local", limit=200).jobs)
    run = claimed(stores, submitted(stores, made.spec.model_copy(update={"seed": seed})))
    result: SearchResult = made.model_copy(update={"id": run.id})
    run.save_result(result)
    for number, target in enumerate(result.targets):
        stores.fronts.save_front(run.lease, number, target.model_dump_json())
    beside(run)
    stores.queue.settle(run.lease, Succeeded())
    return run.id


def front_of(stores: Stores, search: str, number: int = 1) -> TargetFront:
    """The front of a search."""
    return target_front(stores, "local", search, number)
