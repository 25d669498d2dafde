"""What a search leaves behind of the lookup table of a target."""

from typing import Any

from pydantic import Field

from latency_predictors.trust import State
from nas.network_results import Document


class UnsupportedLayer(Document):
    """A layer that the runtime of a target cannot run, and why: no network with it is searched there."""

    signature: str
    code: str
    message: str


class TableSummary(Document):
    """How the lookup table of a target was made and how good it is.

    Attributes:
        num_layers: Distinct layers of the space.
        num_measured_now: Those that were measured for this search; the others were there.
        median_spread: Median difference between sessions, as a share.
        sessions: Identifiers of the sessions in the table.
        report: Error report of the correction (see `latency_predictors.calibration`).
        unsupported: Layers of the space that the runtime cannot run.
        states: How many layers of the space were in which state then (see `latency_predictors.trust`); empty
            in earlier results.
    """

    num_layers: int
    num_measured_now: int
    median_spread: float
    sessions: tuple[str, ...]
    report: dict[str, Any]
    unsupported: tuple[UnsupportedLayer, ...] = ()
    states: dict[State, int] = Field(default_factory=dict)
