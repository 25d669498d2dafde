"""What latencies are predicted with: a lookup table, or a model of few whole networks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from latency_predictors.correction import Correction, ErrorReport
from latency_predictors.few_shot import FewShotModel, FewShotPredictor, FewShotReport
from latency_predictors.filling import filled
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import CostPredictor, Costs, require_supported
from latency_predictors.trust import State
from nas.pipeline.sites import Site
from search_spaces.base import IntArray, SearchSpace
from search_spaces.slot_tables import distinct_layers


@dataclass(frozen=True)
class PredictionSource:
    """A table or a model, ready for the architectures of a space.

    Attributes:
        site: Where networks run.
        level: Nominal coverage of the intervals, 0..1.
        report: How good predictions from the table were; None of a model, or where too few networks tell.
        predict: Returns the costs of architectures, (n, choices).
        few_shot: How good those of the model were; None of a table.
        states: How many layers of the space, of those that the table has, are in which state today.
    """

    site: Site
    level: float
    report: ErrorReport | None
    predict: Callable[[IntArray], Costs]
    few_shot: FewShotReport | None = None
    states: dict[State, int] = field(default_factory=dict)


def table_source(
    space: SearchSpace, table: LookupTable, correction: Correction, *, fill: bool = False
) -> PredictionSource:
    """Return a table with a correction of its sums; `fill` fits layers that it lacks.

    Raises:
        MeasurementError: `too_few_layers` where it lacks so much that nothing can be filled in. Predicting
            raises `unsupported_subject` where the runtime cannot run a network.
    """
    layers = distinct_layers(space)
    predictor = CostPredictor(space, filled(table, layers) if fill else table, correction, filled=fill)

    def predict(archs: IntArray) -> Costs:
        require_supported(space, table, archs)
        return predictor.predict(archs)

    return PredictionSource(
        Site.of(table),
        correction.level,
        correction.report,
        predict,
        states=table.states_of(layers),
    )


def few_shot_source(space: SearchSpace, model: FewShotModel, site: Site) -> PredictionSource:
    """Return a model of a device in a context."""
    return PredictionSource(site, model.level, None, FewShotPredictor(space, model).predict, model.report)
