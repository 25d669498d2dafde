"""What single architectures would cost."""

from latency_predictors.correction import Kind
from latency_predictors.device import ExecutionContext
from latency_predictors.predictor import Costs, exact_cost
from nas.results import Document, Figure
from search_spaces.base import IntArray, Option, SearchSpace, architecture_digest, option_values
from search_spaces.sampling import as_architecture


class PredictedNetwork(Document):
    """What one architecture would cost on the device of a table.

    Attributes:
        coverage: Share of the sum of its layers that was measured, 0..1.
        peak_memory_bytes: For batch and precision of the context.
    """

    architecture_digest: str
    architecture: dict[str, Option]
    latency_ms: Figure
    coverage: float
    peak_memory_bytes: Figure
    num_macs: Figure
    num_params: Figure


def predicted_networks(
    space: SearchSpace, archs: IntArray, latency: Costs, context: ExecutionContext
) -> tuple[PredictedNetwork, ...]:
    """Return what is told of architectures, canonical, (n, choices).

    Args:
        space: Theirs.
        archs: Which.
        latency: Of each.
        context: How they run.
    """
    names = ("peak_memory_bytes", "num_macs", "num_params")
    exact = {name: exact_cost(space, name, context.batch, context.precision)(archs) for name in names}
    networks = []
    for row, arch in enumerate(archs):
        one = as_architecture(arch)
        bounds = (float(latency.point[row]), float(latency.lower[row]), float(latency.upper[row]))
        networks.append(
            PredictedNetwork(
                architecture_digest=architecture_digest(space, one),
                architecture=option_values(space, one),
                latency_ms=_figure(*bounds, latency.kind_of(row)),
                coverage=float(latency.coverage[row]),
                **{name: _exactly(float(values[row])) for name, values in exact.items()},
            )
        )
    return tuple(networks)


def _figure(value: float, lower: float, upper: float, kind: Kind) -> Figure:
    return Figure(value=value, lower=lower, upper=upper, kind=kind)


def _exactly(value: float) -> Figure:
    return _figure(value, value, value, "modelled")
