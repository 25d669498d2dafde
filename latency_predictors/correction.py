"""What turns a sum of layers into the latency of a network, with its interval; and how good that is.

`calibration` makes these values; using them takes no more than numpy.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latency_predictors.protocol import WireModel

Term = Literal["a", "b", "c", "d"]
Kind = Literal["measured", "table", "fitted", "modelled", "assumed"]

Floats = NDArray[Any]
"""float32 where speed counts, float64 where digits do."""

WIDENING = 4.0
"""A network a quarter larger (or smaller) than any that was calibrated with has twice the interval."""


class CalibrationPoint(WireModel):
    """One whole network that was measured, beside what the table says of its layers.

    Attributes:
        digest: Of the network.
        sum_ms: Sum of its layers' entries.
        num_layers: Number of its layers.
        num_macs: Its multiply-accumulates.
        measured_ms: Median over sessions.
        rel_sd: Spread between sessions, as a share.
        boundary_mib: Mebibytes of activations into and out of its layers; 0 where that is not known.
    """

    digest: str
    sum_ms: float
    num_layers: int
    num_macs: int
    measured_ms: float
    rel_sd: float
    boundary_mib: float = 0.0


class FormErrors(WireModel):
    """Errors of one way to predict, on networks that the prediction did not see.

    Attributes:
        mape: Mean absolute error, as a share of the measured value.
        median_error: Median absolute error, as a share.
        within_5: Share of networks within 5 %.
        spearman: Rank correlation with the measured values.
    """

    mape: float
    median_error: float
    within_5: float
    spearman: float


class ErrorReport(WireModel):
    """How good a table and its correction are, by leave-one-out.

    Attributes:
        num_networks: Networks it rests on.
        bare_sum: t = S.
        affine: t = a S + b.
        corrected: t = a S + b - c L - d M with the terms that were kept.
        macs: t = a MACs + b, what a table has to beat.
        level: Nominal coverage of the intervals.
        coverage: Share of networks inside the interval made without them.
        median_half_width: Half width of those intervals, as a share of the point.
        repeat_rel_sd: Spread of whole networks between sessions: no prediction can be better.
    """

    num_networks: int
    bare_sum: FormErrors
    affine: FormErrors
    corrected: FormErrors
    macs: FormErrors
    level: float
    coverage: float
    median_half_width: float
    repeat_rel_sd: float


class Hull(WireModel):
    """The range of the networks that a correction was fitted on."""

    min_sum_ms: float
    max_sum_ms: float
    min_layers: int
    max_layers: int


class Correction(WireModel):
    """t = a S + b - c L - d M: S is the sum of layers, L their number, M the mebibytes at their boundaries.

    Attributes:
        terms: Coefficients that were fitted; those not among them are at 1 (a) or 0.
        a: How much of a lone layer's time is left in a network.
        b: What an inference costs beside its layers, in milliseconds.
        c: What a lone layer pays for being called alone, in milliseconds.
        d: What a lone layer pays for converting its input and output, in milliseconds a mebibyte.
        level: Nominal coverage of the interval.
        half_width: The interval is point / (1 + half_width) to point * (1 + half_width).
        hull: Where the interval holds; beyond, it widens.
        floor_ms: No prediction is below.
        kind: `table` where whole networks stand behind it, `modelled` for an unchecked sum.
        points: What it was fitted on; a new fit begins with these.
        report: Leave-one-out errors.
        created_at: UTC, ISO 8601.
    """

    version: Literal[1] = 1
    terms: tuple[Term, ...]
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    level: float
    half_width: float
    hull: Hull | None
    floor_ms: float
    kind: Kind
    points: tuple[CalibrationPoint, ...] = ()
    report: ErrorReport | None = None
    created_at: str = ""

    def point(self, sums_ms: Floats, num_layers: Floats, boundary_mib: Floats | None = None) -> Floats:
        """Return predicted milliseconds, (n,), in the type of the arguments, each (n,).

        Without `boundary_mib` the term d has to be 0.
        """
        number = sums_ms.dtype.type
        point: Floats = sums_ms * number(self.a)
        point += number(self.b)
        if self.c:
            point -= num_layers * number(self.c)
        if self.d:
            assert boundary_mib is not None, "this correction needs the activations at the layers' boundaries"
            point -= boundary_mib * number(self.d)
        np.maximum(point, number(self.floor_ms), out=point)
        return point

    def factor(self, sums_ms: Floats, num_layers: Floats) -> Floats:
        """Return upper / point, which is point / lower, (n,); arguments as for `point`."""
        number = sums_ms.dtype.type
        if self.hull is None:
            return np.full_like(sums_ms, 1.0 + self.half_width)
        beyond = _beyond(sums_ms, self.hull.min_sum_ms, self.hull.max_sum_ms)
        beyond += _beyond(num_layers, self.hull.min_layers, self.hull.max_layers)
        beyond *= number(WIDENING * self.half_width)
        beyond += number(1.0 + self.half_width)
        return beyond


def _beyond(values: Floats, low: float, high: float) -> Floats:
    """Return by what share values lie outside a range, 0 inside; values and low are positive."""
    number = values.dtype.type
    ratio: Floats = number(low) / values
    np.maximum(ratio, values * number(1 / high), out=ratio)
    ratio -= number(1.0)
    np.maximum(ratio, number(0.0), out=ratio)
    return ratio
