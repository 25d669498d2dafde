"""Whole networks of the demo's space measured twice, independently, beside what the table says of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from benchmarks.sections.quiet import Quiet
from latency_predictors.calibration import spread_by_cost
from latency_predictors.correction import CalibrationPoint
from latency_predictors.lookup_table import LookupTable
from latency_predictors.slot_costs import SlotCosts
from nas.pipeline.profile import context_of, load_table, measure_networks, profile_context
from nas.settings import Settings
from nas.specs import ContextSpec
from nas.training.recipes import spread_architectures
from search_spaces.atomic import write_atomically
from search_spaces.base import FloatArray, Space, architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers

_POOL = 4_000


class Pairs(BaseModel):
    """Two independent measurements of the same networks, from cheap to dear."""

    first: tuple[CalibrationPoint, ...]
    second: tuple[CalibrationPoint, ...]


def demo_space() -> Space:
    """Return the space of the demo: grey images, ten classes."""
    return get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)


def profiled(home: Path) -> LookupTable:
    """Return the table of this host, complete for the demo's space."""
    settings = Settings(home=home)
    profile_context(demo_space(), ContextSpec(), settings, Quiet())
    return load_table(settings, context_of(ContextSpec()))


def measured_pairs(home: Path, count: int) -> Pairs:
    """Measure cost-stratified networks that the table was not calibrated with, twice; kept in the folder."""
    path = home / "benchmark" / f"pairs-{count}.json"
    if path.exists():
        return Pairs.model_validate_json(path.read_bytes())
    space, table = demo_space(), profiled(home)
    known = {point.digest for point in table.corrections[space_digest(space)].points}
    rng = np.random.default_rng(20_26)
    pool = np.unique(spread_architectures(space, _POOL, rng), axis=0)
    unseen = [row for row in pool if architecture_digest(space, as_architecture(row)) not in known]
    archs = np.array(unseen)
    sums = SlotCosts(space, table.costs_ms(distinct_layers(space))[:, np.newaxis])(archs)[:, 0]
    chosen = [as_architecture(archs[i]) for i in spread_by_cost(sums.astype(np.float64), count, rng)]
    first, second = (measure_networks(space, table, chosen, Quiet()) for _ in range(2))
    pairs = Pairs(first=tuple(first), second=tuple(second))
    write_atomically(path, pairs.model_dump_json().encode())
    return pairs


def measured_ms(points: Sequence[CalibrationPoint]) -> FloatArray:
    """Return what was measured, (n,)."""
    return np.array([point.measured_ms for point in points])
