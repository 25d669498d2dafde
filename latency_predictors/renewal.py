"""A new version of a runtime: whether the table of the old one still holds, asked with few measurements.

The new context's table starts from copies of the old entries, marked `stale` and taken to be off by a tenth.
Then some whole networks, a twentieth of the layers and the probes of the runtime are measured. Where the
networks lie in the intervals that the old table and its correction give, all entries hold; else those kinds
of layers are measured anew whose sample has changed. Where probes say that the new version runs other graphs
than the old one, or it runs a network with other kernels, keys mean something else: everything is measured
anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from latency_predictors.calibration import predict_points
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.device import ExecutionContext
from latency_predictors.kernel_lists import num_compared
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.spread import combine
from latency_predictors.table_entry import Entry
from search_spaces.layers import LayerSpec

STALE_REL_SD: Final = 0.10
"""How far an entry of another version may be off."""

NUM_NETWORKS: Final = 10
SAMPLE_SHARE: Final = 0.05
MIN_OF_KIND: Final = 2
"""Layers of each kind that are measured again: one alone may be disturbed."""

MIN_NETWORKS: Final = 5
"""From which on networks tell whether a table holds."""

MAX_OUTSIDE: Final = 3
"""Of ten networks; of fewer as large a share, rounded down.

With 90 % intervals more than three of ten are outside by chance once in 78 cases, of five to nine too many
at most once in 8. That costs time. To miss a change costs trust: where half of all networks are outside,
five to ten of them pass in less than one case in four. Of three, one outside is no news and none no proof.
"""


@dataclass(frozen=True)
class Verdict:
    """What a new version has changed.

    Attributes:
        num_networks: Networks that were measured.
        num_outside: Those outside the interval that the old table gives.
        ratios: By kind of layer, the median of new over old time in the sample.
        changed: Kinds that have to be measured anew; empty where the old table holds, all of them where
            another graph or other kernels run, or too few networks were measured.
        rel_sd: Spread of new over old times in the sample, as a share.
        other_graph: Whether probes say that another graph runs.
        num_compared: Networks whose kernels both versions tell.
        num_other_kernels: Those of them that other kernels run, or other numbers of them.
    """

    num_networks: int
    num_outside: int
    ratios: Mapping[str, float]
    changed: tuple[str, ...]
    rel_sd: float
    other_graph: bool = False
    num_compared: int = 0
    num_other_kernels: int = 0

    @property
    def too_few(self) -> bool:
        """Whether so few networks were measured that they tell nothing."""
        return self.num_networks < MIN_NETWORKS


def same_but_version(first: ExecutionContext, second: ExecutionContext) -> bool:
    """Return whether two contexts differ in the runtime's version, and in nothing else."""
    version = second.runtime_version
    return first.runtime_version != version and replace(first, runtime_version=version) == second


def stale_copy(table: LookupTable, context: ExecutionContext) -> LookupTable:
    """Return the table that a context begins with: what was measured in another, marked.

    Corrections and anchors are not copied: they belong to the version they were measured with.
    """
    entries = {
        key: entry.model_copy(
            update={
                "checked": False,
                "rel_sd": max(entry.rel_sd, STALE_REL_SD),
                "origin": entry.origin or table.context.digest,
            }
        )
        for key, entry in table.entries.items()
        if entry.kind == "measured"
    }
    return LookupTable(device=table.device, context=context, entries=entries)


def sampled_layers(
    layers: Sequence[LayerSpec], uses: Mapping[str, int], rng: np.random.Generator
) -> tuple[LayerSpec, ...]:
    """Return a twentieth of the layers, at least two of each kind, in the order given.

    Args:
        layers: Distinct.
        uses: By layer key, how often recent fronts use a layer: those are drawn more often.
        rng: Source of randomness.
    """
    weights = np.array([1.0 + uses.get(layer_key(spec), 0) for spec in layers])
    kinds = np.array([spec.kind for spec in layers])
    chosen: set[int] = set()
    for kind in np.unique(kinds):
        own = np.flatnonzero(kinds == kind)
        count = min(max(math.ceil(SAMPLE_SHARE * len(own)), MIN_OF_KIND), len(own))
        chosen.update(rng.choice(own, count, replace=False, p=weights[own] / weights[own].sum()).tolist())
    return tuple(layers[i] for i in sorted(chosen))


def judge(
    correction: Correction,
    points: Sequence[CalibrationPoint],
    old: Mapping[LayerSpec, float],
    new: Mapping[LayerSpec, float],
    *,
    other_graph: bool = False,
) -> Verdict:
    """Return what a new version has changed.

    Args:
        correction: Of the old table.
        points: Networks measured with the new version, beside what the old table says of them. Their kernels
            are held against those of the correction's own, as far as both are known.
        old: Milliseconds of the sampled layers in the old table.
        new: The same with the new version.
        other_graph: Whether probes say that the new version runs other graphs.
    """
    predicted, factor = predict_points(correction, points)
    measured = np.array([point.measured_ms for point in points])
    num_outside = int((np.maximum(measured / predicted, predicted / measured) > factor).sum())
    logs = {spec: math.log(new[spec] / old[spec]) for spec in new}
    kinds = sorted({spec.kind for spec in logs})
    ratios = {
        kind: math.exp(float(np.median([log for spec, log in logs.items() if spec.kind == kind])))
        for kind in kinds
    }
    compared, differ = num_compared(correction.points, points)
    verdict = Verdict(
        num_networks=len(points),
        num_outside=num_outside,
        ratios=ratios,
        changed=(),
        rel_sd=math.sqrt(float(np.mean(np.square(list(logs.values()))))),
        other_graph=other_graph,
        num_compared=compared,
        num_other_kernels=differ,
    )
    return replace(verdict, changed=_changed(verdict))


def _changed(verdict: Verdict) -> tuple[str, ...]:
    """Return the kinds to be measured anew: all of them where networks have changed and no sample moved."""
    if verdict.other_graph or verdict.num_other_kernels or verdict.too_few:
        return tuple(verdict.ratios)
    if verdict.num_outside <= MAX_OUTSIDE * verdict.num_networks // NUM_NETWORKS:
        return ()
    logs = {kind: abs(math.log(ratio)) for kind, ratio in verdict.ratios.items()}
    return tuple(kind for kind, log in logs.items() if log > math.log1p(STALE_REL_SD)) or tuple(logs)


def promoted(table: LookupTable, layers: Sequence[LayerSpec], verdict: Verdict) -> LookupTable:
    """Return a table in which the stale entries of layers hold again, but for those of changed kinds.

    They keep their sessions and where these ran; they are off by no less than the sample was.
    """
    held = {layer_key(spec) for spec in layers if spec.kind not in verdict.changed}
    entries = {
        key: _promoted(entry, verdict.rel_sd) if key in held and entry.stale else entry
        for key, entry in table.entries.items()
    }
    return table.model_copy(update={"entries": entries})


def _promoted(entry: Entry, rel_sd: float) -> Entry:
    _, own = combine([value.median_ms for value in entry.values])
    return entry.model_copy(update={"checked": True, "rel_sd": max(own, rel_sd)})
