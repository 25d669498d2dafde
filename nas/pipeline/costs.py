"""The costs of architectures on a target, as a search asks for them."""

from collections.abc import Mapping
from typing import Final

from latency_predictors.arena import ARENA_RUNTIME, arena_of, runtime_arena
from latency_predictors.file_size import file_bytes_of
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import CostPredictor, ExactCost, exact_cost, unsupported_layers
from nas.candidates import Predictor
from nas.objectives import UNSUPPORTED
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.sites import Site
from nas.specs import CostName
from search_spaces.base import Architecture, SearchSpace, space_digest
from search_spaces.errors import MeasurementError
from search_spaces.network import network
from search_spaces.slot_tables import distinct_layers

ARENA: Final = "arena_bytes"

EXACT: Final = ("peak_memory_bytes", "num_params", "num_macs")


def latency_predictor(space: SearchSpace, table: LookupTable, metric: LatencyMetric = PLAIN) -> CostPredictor:
    """Return the predictor of what is meant by latency, for a profiled space.

    Raises:
        MeasurementError: `not_profiled` where the table has no correction for the space.
    """
    correction = table.corrections.get(metric.correction_key(space_digest(space)))
    if correction is None:
        raise MeasurementError(
            "not_profiled",
            f"space '{space.name}' was not profiled on this device ({table.context.label}): "
            "run `hwnas devices profile` first",
        )
    return CostPredictor(space, table, correction)


def cost_predictors(
    space: SearchSpace, table: LookupTable, metric: LatencyMetric = PLAIN
) -> Mapping[str, Predictor]:
    """Return a predictor for every cost that a table and the shapes of layers tell, by name."""
    return {"latency_ms": latency_predictor(space, table, metric).predict, **_of_shapes(space, table)}


def known_predictors(
    space: SearchSpace, table: LookupTable, metric: LatencyMetric = PLAIN
) -> Mapping[str, Predictor]:
    """Return the same without latency where the table is not complete, or not calibrated for it."""
    if is_profiled(space, table, metric):
        return cost_predictors(space, table, metric)
    return _of_shapes(space, table)


def limits_of(space: SearchSpace, table: LookupTable, limits: Mapping[CostName, float]) -> dict[str, float]:
    """Return what networks of a target have to keep: its limits, and that the runtime can run them."""
    runs = {UNSUPPORTED.name: 0.0} if table.unsupported(distinct_layers(space)) else {}
    return {**{str(name): limit for name, limit in limits.items()}, **runs}


def is_profiled(space: SearchSpace, table: LookupTable, metric: LatencyMetric = PLAIN) -> bool:
    """Whether a table tells the latency of every network of a space."""
    return not num_uncalibrated(space, table, metric) and not table.missing(distinct_layers(space))


def num_uncalibrated(space: SearchSpace, table: LookupTable, metric: LatencyMetric = PLAIN) -> int:
    """Return how many whole networks are still to be measured for the correction of a table."""
    known = metric.correction_key(space_digest(space)) in table.corrections
    return 0 if known else NUM_CALIBRATION


def require_arena(space: SearchSpace, site: Site) -> None:
    """Refuse a limit or an objective of what nobody can predict.

    Raises:
        MeasurementError: `arena_unknown`.
    """
    if arena_predictor(space, site) is None:
        raise MeasurementError(
            "arena_unknown",
            f"what the arena of {site.context.runtime} holds for networks of '{space.name}' in "
            f"{site.context.precision} on {site.device.cpu_model} is not known: limit peak_memory_bytes "
            "instead, and leave room for the runtime",
        )


def arena_predictor(space: SearchSpace, site: Site) -> ExactCost | None:
    """Return a function from architectures to the bytes of activations that ONNX Runtime holds for them.

    None for other runtimes and batches, and where its rules are not known.
    """
    return arena_of(space, site.device, site.context.precision) if _has_arena(site) else None


def network_arena(space: SearchSpace, architecture: Architecture, site: Site) -> int | None:
    """Return the same of one network; None likewise."""
    if not _has_arena(site):
        return None
    return runtime_arena(network(space, architecture), site.device, site.context.precision)


def _of_shapes(space: SearchSpace, table: LookupTable) -> dict[str, Predictor]:
    """Return predictors of what follows from a network's shapes, and how a context runs them."""
    batch, precision = table.context.batch, table.context.precision
    exact: dict[str, Predictor] = {name: exact_cost(space, name, batch, precision) for name in EXACT}
    arena = arena_predictor(space, Site.of(table))
    known = {} if arena is None else {ARENA: arena}
    known[UNSUPPORTED.name] = unsupported_layers(space, table)
    return {"file_bytes": file_bytes_of(space, precision), **exact, **known}


def _has_arena(site: Site) -> bool:
    return (site.context.runtime, site.context.batch) == (ARENA_RUNTIME, 1)
