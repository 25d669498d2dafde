"""What a search has found so far, in few figures: of its fronts, and what it has cost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.job_records import Job
from nas.report.numbers import percent, plain
from nas.results import SEARCH_PHASES, Ledger, PhaseCost
from nas.settings import Settings
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError


@dataclass(frozen=True)
class Best:
    """The most accurate network of a front: it keeps the limits, which is what makes it stand there.

    Attributes:
        target: Counted from 1.
        accuracy: With its unit.
        latency: Likewise.
        num_points: Of the front.
    """

    target: int
    name: str
    accuracy: str
    latency: str
    num_points: int


def bests(stores: Stores, job: Job, num_targets: int) -> list[Best]:
    """Return the best of every front that a search has; a front without points has none."""
    found = []
    for number in range(num_targets):
        content = stores.fronts.front(job.tenant, job.id, number)
        best = _best(number + 1, json.loads(content)) if content else None
        if best is not None:
            found.append(best)
    return found


def spent(stores: Stores, job: Job, settings: Settings) -> Ledger | None:
    """Return what a search has cost so far; a phase that keeps its book writes it down every few seconds.

    None where nothing is written down yet, or where it cannot be read: never a part of it.
    """
    stored = stores.stored(job)
    try:
        costs = tuple(
            stored.load(f"{name}.cost", PhaseCost) for name in SEARCH_PHASES if stored.has(f"{name}.cost")
        )
    except ArtifactError:
        return None
    if not costs:
        return None
    return Ledger(
        phases=costs,
        watts_per_core=settings.watts_per_core,
        grid_g_per_kwh=settings.grid_g_per_kwh,
        grid_source=settings.grid_source,
    )


def _best(target: int, front: Mapping[str, Any]) -> Best | None:
    """As plain JSON: a list of searches does not check every network of each front."""
    points = [one for one in front["networks"] if one["status"] == "front"]
    if not points:
        return None
    best = max(points, key=lambda one: float(one["accuracy"]["value"]))
    accuracy, latency = best["accuracy"], best["latency"]
    value_ms = latency.get("p95_ms") or latency["median_ms"]
    return Best(
        target=target,
        name=str(best["name"]),
        accuracy=f"{percent(accuracy['value'], accuracy['lower'], accuracy['upper'])} %",
        latency=f"{plain(value_ms)} ms",
        num_points=len(points),
    )
