"""What turns a sum of layers into the latency of a network, with its interval; and how good that is.

`calibration` makes these values; using them takes no more than numpy.
"""

from collections.abc import Mapping
from functools import reduce
from statistics import NormalDist
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.protocol import WireModel

Term = Literal["a", "b", "c", "d", "e", "f"]
Kind = Literal["measured", "table", "fitted", "modelled", "assumed"]

Floats = NDArray[Any]
"""float32 where speed counts, float64 where digits do."""

WIDENING = 4.0
"""A network a quarter larger (or smaller) than any that was calibrated with has twice the interval."""

WIDEST = 1e3
"""Half width that no interval needs: with networks that contradict each other so, nothing is known."""

Columns = Mapping[Term, Floats]
"""What the coefficients of terms are multiplied with, of n networks: (n,) each, of one type."""

_MEANINGS: dict[Term, str] = {
    "a": "the sums of the layers",
    "c": "the numbers of layers",
    "d": "the activations at the layers' boundaries",
    "e": "what the layers touch",
    "f": "the layers' multiply-accumulates",
}

UNKNOWN_SPREAD = 1.0
"""Of corrections that were fitted without knowing how far entries may be off."""


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
        corrected: t = a S + b - c L - d M + e W + f C with the terms that were kept.
        macs: t = a MACs + b, what a table has to beat.
        level: Nominal coverage of the intervals.
        coverage: Share of networks inside the interval made without them.
        median_half_width: Half width of those intervals, as a share of the point.
        repeat_rel_sd: Spread of whole networks between sessions: no prediction can be better.
        num_verified: Networks among them that searches chose and verified.
        verified_coverage: Share of those inside the interval that was predicted before; None without any.
            A search picks what looks good, so these are not like networks drawn at random.
        num_suspect: Networks among them whose latency is suspect, where too few others were measured: errors
            and intervals are as good as these are.
        num_left_out: Networks beside them that were left out because their latency is suspect.
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
    num_verified: int = 0
    verified_coverage: float | None = None
    num_suspect: int = 0
    num_left_out: Annotated[int, Field(exclude_if=lambda number: number == 0)] = 0


class Hull(WireModel):
    """The range of the networks that a correction was fitted on.

    Attributes:
        max_spread: The most that entries were said to be off in one of them, as a share of its latency: the
            residuals hold that much already.
        seldom_spread: Likewise what layers may be off that too few others of them have, as the share that no
            more networks exceed than intervals leave out.
        boundary_mib: Least and most mebibytes at their layers' boundaries, and
        touched_mib: those of weights and at boundaries, and
        giga_macs: billions of multiply-accumulates of an image; None where that is not known of all of them,
            and in corrections of earlier versions.
    """

    min_sum_ms: float
    max_sum_ms: float
    min_layers: int
    max_layers: int
    max_spread: float = UNKNOWN_SPREAD
    seldom_spread: Annotated[float, Field(exclude_if=lambda value: value == 0.0)] = 0.0
    boundary_mib: Annotated[tuple[float, float] | None, Field(exclude_if=lambda known: known is None)] = None
    touched_mib: Annotated[tuple[float, float] | None, Field(exclude_if=lambda known: known is None)] = None
    giga_macs: Annotated[tuple[float, float] | None, Field(exclude_if=lambda known: known is None)] = None


class Correction(WireModel):
    """t = a S + b - c L - d M + e W + f C.

    S is the sum of layers, each with its share where it has one, L their number, M the mebibytes at their
    boundaries, W those of weights and at boundaries that are more than `cache_mib`, C billions of
    multiply-accumulates of an image, whatever the batch.

    Attributes:
        terms: Coefficients that were fitted; those not among them are at 1 (a) or 0.
        a: How much of a lone layer's time is left in a network.
        b: What an inference costs beside its layers, in milliseconds.
        c: What a lone layer pays for being called alone, in milliseconds.
        d: What a lone layer pays for converting its input and output, in milliseconds a mebibyte.
        e: What a network pays for what does not stay in the nearest caches from one inference to the next,
            as weights and activations of a lone layer do, in milliseconds a mebibyte.
        cache_mib: Mebibytes (fp32) that do stay there.
        f: What a billion multiply-accumulates take beside what `a` leaves of them, in milliseconds.
        shares: Of single layers, by `share_key`: how much more than alone, beside a, each takes in a network,
            as a share; less where it is negative. Others, those of no network that was measured, have none.
        share_sd: By how much shares differ, as a standard deviation: what layers that are not `well_known`
            may be off; 0 where no layer has a share, and in corrections of earlier versions.
        seldom: Layers whose shares too few networks tell to rely on them.
        level: Nominal coverage of the interval.
        half_width: The interval is point / (1 + half_width) to point * (1 + half_width).
        hull: Where the interval holds; beyond, it widens.
        floor_ms: No prediction is below.
        kind: `table` where whole networks stand behind it, `modelled` for an unchecked sum.
        points: Networks that were measured for it; a new fit begins with these. It rests on those of them
            that are not suspect, where enough are left (`calibration.counted_points`).
        report: Leave-one-out errors.
        created_at: UTC, ISO 8601.
        metric: What of the networks' latency it was fitted on, and so predicts.
    """

    version: Literal[1] = 1
    terms: tuple[Term, ...]
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    cache_mib: float = 0.0
    f: Annotated[float, Field(exclude_if=lambda value: value == 0.0)] = 0.0
    shares: dict[str, float] = Field(default_factory=dict, exclude_if=lambda shares: not shares)
    share_sd: Annotated[float, Field(exclude_if=lambda value: value == 0.0)] = 0.0
    seldom: Annotated[tuple[str, ...], Field(exclude_if=lambda keys: not keys)] = ()
    level: float
    half_width: float
    hull: Hull | None
    floor_ms: float
    kind: Kind
    points: tuple[CalibrationPoint, ...] = ()
    report: ErrorReport | None = None
    created_at: str = ""
    metric: LatencyMetric = LatencyMetric()

    @property
    def well_known(self) -> frozenset[str]:
        """Layers with a share that enough networks tell, by `share_key`."""
        return frozenset(self.shares) - frozenset(self.seldom)

    def point(self, columns: Columns) -> Floats:
        """Return predicted milliseconds, (n,), in the type of the columns.

        Args:
            columns: Of a, and of c to f where the coefficient is not 0; of e all that is touched.
        """
        sums_ms = _column(columns, "a")
        number = sums_ms.dtype.type
        point: Floats = sums_ms * number(self.a)
        point += number(self.b)
        linear: tuple[tuple[Term, float], ...] = (("c", -self.c), ("d", -self.d), ("f", self.f))
        for term, coefficient in linear:
            if coefficient:
                point += _column(columns, term) * number(coefficient)
        if self.e:
            beyond = _column(columns, "e") - number(self.cache_mib)
            np.maximum(beyond, number(0.0), out=beyond)
            beyond *= number(self.e)
            point += beyond
        np.maximum(point, number(self.floor_ms), out=point)
        return point

    def spread(self, spread_ms: Floats, point_ms: Floats, unseen_ms: Floats | None = None) -> Floats:
        """Return how far points may be off because of single layers, as a share, (n,).

        Layers that are not `well_known` may all be off the same way: it comes on top of what residuals hold,
        as far as it is more than these hold of it.

        Args:
            spread_ms: How far the sums may be off because of their entries, (n,).
            point_ms: The points, (n,).
            unseen_ms: What layers that are not `well_known` add to the sums, (n,); None where all are.
        """
        number = spread_ms.dtype.type
        spread: Floats = spread_ms / point_ms
        spread *= number(self.a)
        if self.share_sd and unseen_ms is not None:
            held, seldom = (self.hull.max_spread, self.hull.seldom_spread) if self.hull else (0.0, 0.0)
            np.maximum(spread, number(held), out=spread)
            beyond = np.square(unseen_ms / point_ms * number(self.a * self.share_sd)) - number(seldom**2)
            np.hypot(spread, np.sqrt(np.maximum(beyond, number(0.0))), out=spread)
        return spread

    def factor(self, columns: Columns, spread: Floats | None = None) -> Floats:
        """Return upper / point, which is point / lower, (n,).

        Args:
            columns: As for `point`; of c in any case.
            spread: As `spread` gives it, (n,); what goes beyond the networks that were calibrated with widens
                the interval, in quadrature.
        """
        sums_ms = _column(columns, "a")
        number = sums_ms.dtype.type
        if self.hull is None:
            return self._widened(np.full_like(sums_ms, 1.0 + self.half_width), spread, 0.0)
        beyond = _beyond(sums_ms, self.hull.min_sum_ms, self.hull.max_sum_ms)
        beyond += _beyond(_column(columns, "c"), self.hull.min_layers, self.hull.max_layers)
        if others := self._beyond_in_size(self.hull, columns):
            beyond += reduce(np.maximum, others)
        beyond *= number(WIDENING * self.half_width)
        beyond += number(1.0 + self.half_width)
        return self._widened(beyond, spread, self.hull.max_spread)

    def _beyond_in_size(self, hull: Hull, columns: Columns) -> list[Floats]:
        """Return by what shares networks lie outside what was calibrated, (n,) for each of d, e and f kept.

        What is larger in one of them mostly is so in the others: the largest share counts, not all.
        """
        shares = []
        if self.d and hull.boundary_mib:
            shares.append(_beyond(_column(columns, "d"), *hull.boundary_mib))
        if self.e and hull.touched_mib:
            low, high = hull.touched_mib
            # Of whatever caches keep the term is 0: below that there is nothing to extrapolate.
            shares.append(_beyond(_column(columns, "e"), low if low > self.cache_mib else 0.0, high))
        if self.f and hull.giga_macs:
            shares.append(_beyond(_column(columns, "f"), *hull.giga_macs))
        return shares

    def _widened(self, factor: Floats, spread: Floats | None, known: float) -> Floats:
        if spread is None or not (spread > known).any():
            return factor
        number = factor.dtype.type
        excess = np.maximum(spread * spread - number(known**2), number(0.0))
        quantile = NormalDist().inv_cdf((1 + self.level) / 2)
        half = factor - number(1.0)
        widened: Floats = np.sqrt(half * half + number(quantile**2) * excess) + number(1.0)
        return widened


def _column(columns: Columns, term: Term) -> Floats:
    """Return the column of a term that a correction has."""
    assert term in columns, f"this correction needs {_MEANINGS[term]}"
    return columns[term]


def _beyond(values: Floats, low: float, high: float) -> Floats:
    """Return by what share values lie outside a range, 0 inside; values are positive."""
    number = values.dtype.type
    ratio: Floats = number(low) / values
    np.maximum(ratio, values * number(1 / high), out=ratio)
    ratio -= number(1.0)
    np.maximum(ratio, number(0.0), out=ratio)
    return ratio
