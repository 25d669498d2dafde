"""Finished searches as large as one likes: real architectures with made-up measurements."""

from pathlib import Path

import numpy as np

from nas.jobs import Succeeded
from nas.publication import front_first, statuses
from nas.results import VerifiedNetwork
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.dashboard.found import measured_here, networks
from tests.api.handmade import claimed, lookup_table, saved_table, submitted
from tests.nas.report import documents

LIMIT_MS = 0.5


def many(count: int, seed: int) -> tuple[VerifiedNetwork, ...]:
    """Return so many verified networks, the front first."""
    rng = np.random.default_rng(seed)
    base = networks(40, seed)
    made = []
    for number in range(count):
        one = base[number % len(base)]
        lost, slower = float(rng.exponential(0.02)), float(rng.uniform(0.5, 2.0))
        made.append(
            one.model_copy(
                update={
                    "name": f"net-{number:06d}",
                    "latency": documents.latency(one.latency.median_ms * slower),
                    "accuracy": documents.accuracy(max(one.accuracy.value - lost, 0.3)),
                    "tied_with": (),
                }
            )
        )
    placed = statuses(made, ("accuracy", "latency_ms"), {"latency_ms": LIMIT_MS})
    return front_first(
        [one.model_copy(update={"status": status}) for one, status in zip(made, placed, strict=True)]
    )


def search_of(home: Path, count: int, seed: int = 3, name: str = "") -> str:
    """Write a finished search of so many points into a home; return its identifier.

    Args:
        home: A folder.
        count: Points.
        seed: Of the figures; another one is another search.
        name: Stands in every field that users or their files fill; nothing for plain ones.
    """
    found = many(count, seed)
    if name:
        found = (found[0].model_copy(update={"name": name}), *found[1:])
    target = measured_here(*found, limit_ms=LIMIT_MS)
    classes = (name, *documents.NAMES[1:]) if name else documents.NAMES
    if name:
        labels = {"device_label": name, "context_label": name, "stopped": name}
        target = target.model_copy(update=labels)
    made = documents.make_result((target,), class_names=classes)
    with opened_stores(Settings(home=home)) as stores:
        run = claimed(stores, submitted(stores, made.spec.model_copy(update={"seed": seed})))
        run.save_result(made.model_copy(update={"id": run.id}))
        stores.fronts.save_front(run.lease, 0, target.model_dump_json())
        stores.queue.settle(run.lease, Succeeded())
        identifier = run.id
    saved_table(home, lookup_table())
    return identifier
