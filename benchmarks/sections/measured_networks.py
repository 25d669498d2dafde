"""Whole networks measured twice, independently, beside what a table says of them."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel

from benchmarks.sections.lab import measured_anew, open_profile
from benchmarks.sections.lab import profiled as profiled_for
from latency_predictors.calibration import calibration_point, summed_again
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.lookup_table import LookupTable
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.network_design import at_random, spread_by_cost
from latency_predictors.slot_costs import SlotCosts
from nas.pipeline.calibrating import initial_file
from nas.specs import ContextSpec
from nas.training.recipes import spread_architectures
from search_spaces.atomic import write_atomically
from search_spaces.base import Architecture, FloatArray, Space, architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.digests import sha256_json
from search_spaces.network import layers
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers

_POOL: Final = 4_000


@dataclass(frozen=True)
class Case:
    """One table that is held against whole networks of this host.

    Attributes:
        name: For people.
        space: Whose networks.
        context: How they are run.
    """

    name: str
    space: Space
    context: ContextSpec

    @property
    def key(self) -> str:
        """The name as part of a file's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


class Pairs(BaseModel):
    """Two independent measurements of the same networks, from cheap to dear; the second may be to come.

    Attributes:
        measured_in: Digest of device, context and protocol: what was measured in others is measured anew.
    """

    measured_in: str = ""
    architectures: tuple[tuple[int, ...], ...]
    first: tuple[CalibrationPoint, ...]
    second: tuple[CalibrationPoint, ...] = ()


def demo_space() -> Space:
    """Return the space of the demo: grey images, ten classes."""
    return get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)


DEMO: Final = Case("demo", demo_space(), ContextSpec())
"""The space of the demo in the context of the demo."""


def profiled(home: Path, case: Case = DEMO) -> LookupTable:
    """Return the table of this host, complete for a case."""
    return profiled_for(open_profile(home, case.space), case.context)


def measured_pairs(home: Path, count: int, case: Case = DEMO) -> Pairs:
    """Measure cost-stratified networks that the table was not calibrated with, twice; kept in the folder.

    Each measurement is kept as it ends: a run that was stopped begins with the next one.
    """
    path = home / "benchmark" / f"pairs-{case.key}-{count}.json"
    pairs = Pairs.model_validate_json(path.read_bytes()) if path.exists() else None
    table = profiled(home, case)
    here = sha256_json([table.device.digest, table.context.digest, asdict(NETWORK_PROTOCOL)])
    if pairs is None or pairs.measured_in != here:
        chosen = _stratified(case, table, count)
        pairs = Pairs(measured_in=here, architectures=chosen, first=_measure(case.space, table, chosen))
        write_atomically(path, pairs.model_dump_json().encode())
    if pairs.second:
        return _summed_again(case.space, table, pairs)
    second = _measure(case.space, table, pairs.architectures)
    pairs = pairs.model_copy(update={"second": second})
    write_atomically(path, pairs.model_dump_json().encode())
    return pairs


def _summed_again(space: Space, table: LookupTable, pairs: Pairs) -> Pairs:
    """Return pairs beside what the table says by now: its layers may have been measured again since."""
    nets = [layers(space, one) for one in pairs.architectures]
    first, second = (
        tuple(summed_again(table, net, point) for net, point in zip(nets, points, strict=True))
        for points in (pairs.first, pairs.second)
    )
    return pairs.model_copy(update={"first": first, "second": second})


def _stratified(case: Case, table: LookupTable, count: int) -> tuple[Architecture, ...]:
    """Return networks from cheap to dear that the table was not calibrated with."""
    space = case.space
    known = {point.digest for point in table.corrections[space_digest(space)].points}
    rng = np.random.default_rng(20_26)
    pool = np.unique(spread_architectures(space, _POOL, rng), axis=0)
    unseen = [row for row in pool if architecture_digest(space, as_architecture(row)) not in known]
    archs = np.array(unseen)
    sums = SlotCosts(space, table.costs_ms(distinct_layers(space))[:, np.newaxis])(archs)[:, 0]
    chosen = spread_by_cost(sums.astype(np.float64), count, at_random(rng))
    return tuple(as_architecture(archs[i]) for i in chosen)


def _measure(
    space: Space, table: LookupTable, architectures: Sequence[Architecture]
) -> tuple[CalibrationPoint, ...]:
    """Measure networks in fresh sessions, beside what the table says of them."""
    with tempfile.TemporaryDirectory(prefix="hwnas-bench-") as folder:
        files: dict[str, Path] = {}
        for one in architectures:
            digest = architecture_digest(space, one)
            files[digest] = Path(folder) / f"{digest}.onnx"
            files[digest].write_bytes(initial_file(space, one, table.context.precision))
        measured = measured_anew(table, files)
    return tuple(
        calibration_point(
            table,
            layers(space, one),
            digest=digest,
            measured_ms=measured[digest].median_ms,
            rel_sd=measured[digest].rel_sd,
            suspect=measured[digest].suspect,
        ).found_in(measured[digest].session_ids, measured[digest].measured_at)
        for digest, one in zip(files, architectures, strict=True)
    )


def measured_ms(points: Sequence[CalibrationPoint]) -> FloatArray:
    """Return what was measured, (n,)."""
    return np.array([point.measured_ms for point in points])
