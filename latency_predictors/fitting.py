"""Fitting the correction of summed tables on whole networks.

The sum S of lone layers is a biased estimate of a network's latency t. With L layers, M mebibytes of
activations going into and out of them, W mebibytes of those and of weights more than nearest caches keep, and
C billions of multiply-accumulates of an image,

    t = a S + b - c L - d M + e W + f C,   a, b, c, d, e, f >= 0.

b is what an inference costs beside its layers, c what a lone layer pays for being called alone, d what it
pays for converting the layout of its input and output, which layers inside a network hand on as they are. e
is what a lone layer is spared: run over and over, it finds all it needs where the run before left it, while a
network that touches more than stays there fetches it from farther away each time. f tells arithmetic from
the rest of a lone layer's time where of the rest less is left in a network. The fit is non-negative
least squares (Lawson and Hanson 1974) in relative error; which terms stand in it, and how much stays, is
decided by leave-one-out. So is whether single layers have shares of their own, with which they count in S
(`layer_shares`). The interval is a conformal one (Vovk et al. 2005) from leave-one-out residuals with the
finite-sample rank ceil((m + 1) level).
"""

import math
from itertools import combinations

import numpy as np
import scipy

from latency_predictors.correction import UNKNOWN_SPREAD, WIDEST, Columns, Correction, Hull, Term
from latency_predictors.layer_shares import LayerParts, SharedFit, fit_shares
from latency_predictors.leave_one_out import (
    NOTICEABLE,
    fit_relative,
    is_said_already,
    leave_one_out,
    leave_out_of_forms,
)
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError

LEVEL = 0.9
"""Nominal coverage of the intervals."""

MIN_NETWORKS = 3

UNCHECKED_HALF_WIDTH = 1.0
"""Of a bare sum that no network was measured for: it has been seen a half too high on small images."""

_FLOOR_SHARE = 0.1  # no prediction below this share of the fastest network that was measured
_CACHES_MIB: tuple[float, ...] = tuple(2.0 ** (step / 2) for step in range(-6, 13))
"""What the nearest caches may keep, 1/8 to 64; how much that is no processor tells."""

_ROUNDING = 1e-9


def fit_correction(
    columns: Columns,
    measured_ms: FloatArray,
    *,
    spread_ms: FloatArray | None = None,
    parts: LayerParts | None = None,
    level: float = LEVEL,
    repeat_rel_sd: float = 0.0,
) -> Correction:
    """Fit the correction on m networks; with fewer than three it is the bare sum, labelled and wide.

    Args:
        columns: As `regressors` gives them; of d, e and f, those without one are not tried.
        measured_ms: Measured latencies, (m,).
        spread_ms: How far the sums may be off because of their entries, (m,); None or zero where not known.
        parts: What each layer adds to the sums; without it no layer has a share of its own.
        level: Nominal coverage of the interval.
        repeat_rel_sd: Spread of a network between sessions, as a share: no interval is narrower than that.

    Raises:
        UsageError: `invalid_calibration` where a value is not positive and finite.
    """
    measured = _checked(columns, measured_ms)
    if len(measured) < MIN_NETWORKS:
        return _unchecked(level, measured)
    terms, cache_mib, fit = _fit(columns, measured, parts)
    fitted = dict(zip(terms, fit.coefficients.tolist(), strict=True))
    log_width = conformal(fit.residuals, level, num_terms=len(terms))
    repeat = float(scipy.special.ndtri((1 + level) / 2)) * repeat_rel_sd
    spread = 0.0 if spread_ms is None else float((fitted["a"] * spread_ms / measured).max())
    seldom = 0.0 if parts is None else float(np.quantile(parts.seldom_ms() / measured, level))
    return Correction(
        terms=terms,
        **fitted,
        shares=fit.shares,
        share_sd=fit.share_sd,
        seldom=parts.seldom() if parts is not None and fit.shares else (),
        cache_mib=cache_mib,
        level=level,
        half_width=max(math.expm1(min(log_width, math.log1p(WIDEST))), repeat),
        hull=_hull(columns, spread) if parts is None else _shared_hull(columns, spread, parts, fit, seldom),
        floor_ms=_FLOOR_SHARE * float(measured.min()),
        kind="table",
    )


def _fit(
    columns: Columns, measured: FloatArray, parts: LayerParts | None
) -> tuple[tuple[Term, ...], float, SharedFit]:
    """Return the terms that are kept, the mebibytes that caches do (0 without e), and their fit."""
    cache_mib, tried = _cache_mib(columns, measured)
    terms, residuals = _choose_terms(tried, measured, cache_mib)
    fit = _shared_or_not(design(columns, terms, cache_mib), measured, parts, residuals)
    return terms, cache_mib if "e" in terms else 0.0, fit


def _shared_or_not(
    matrix: FloatArray, measured: FloatArray, parts: LayerParts | None, residuals: FloatArray
) -> SharedFit:
    """Return the fit with shares where leave-one-out says that they help, else the one without.

    Args:
        matrix: Design of the terms, (m, terms).
        measured: Latencies, (m,).
        parts: What each layer adds to the sums.
        residuals: |log residuals| without shares, (m,).
    """
    fit = None if parts is None else fit_shares(matrix, measured, parts)
    return fit or SharedFit(fit_relative(matrix, measured), {}, residuals)


def _checked(columns: Columns, measured_ms: FloatArray) -> FloatArray:
    """Return the latencies as float64; refuse what no network takes."""
    measured = np.asarray(measured_ms, dtype=np.float64)
    same_length = all(len(column) == len(measured) for column in columns.values())
    if not same_length or not all(((v > 0) & np.isfinite(v)).all() for v in (*columns.values(), measured)):
        raise UsageError(
            "invalid_calibration", "what is known of networks has to be positive and finite, for each of them"
        )
    return measured


def _hull(columns: Columns, max_spread: float) -> Hull:
    return Hull(
        min_sum_ms=float(columns["a"].min()),
        max_sum_ms=float(columns["a"].max()),
        min_layers=int(columns["c"].min()),
        max_layers=int(columns["c"].max()),
        max_spread=max_spread or UNKNOWN_SPREAD,
        boundary_mib=_range(columns.get("d")),
        touched_mib=_range(columns.get("e")),
        giga_macs=_range(columns.get("f")),
    )


def _shared_hull(
    columns: Columns, max_spread: float, parts: LayerParts, fit: SharedFit, seldom: float
) -> Hull:
    """Return the hull of sums with shares; `seldom` is what of a latency layers take that few networks have.

    The interval is a quantile of residuals: what these hold of such layers is taken at the same one.
    """
    spread = float(fit.coefficients[0]) * fit.share_sd * seldom
    return _hull(parts.shared(columns, fit.shares), max_spread).model_copy(update={"seldom_spread": spread})


def _range(column: FloatArray | None) -> tuple[float, float] | None:
    return None if column is None else (float(column.min()), float(column.max()))


def regressors(
    sums_ms: FloatArray,
    num_layers: FloatArray | IntArray,
    *,
    boundary_mib: FloatArray | None = None,
    touched_mib: FloatArray | None = None,
    giga_macs: FloatArray | None = None,
) -> dict[Term, FloatArray]:
    """Return what coefficients are multiplied with, (m,) each, as float64.

    Args:
        sums_ms: Sums of the layers' entries, (m,).
        num_layers: Numbers of layers, (m,).
        boundary_mib: Activations into and out of the layers, (m,), or None where that is not known.
        touched_mib: Those of all images and weights, (m,), likewise.
        giga_macs: Billions of multiply-accumulates of an image, (m,), likewise.
    """
    columns: dict[Term, FloatArray | IntArray | None] = {
        "a": sums_ms,
        "b": np.ones(len(sums_ms)),
        "c": num_layers,
        "d": boundary_mib,
        "e": touched_mib,
        "f": giga_macs,
    }
    return {
        term: np.asarray(column, dtype=np.float64) for term, column in columns.items() if column is not None
    }


def design(columns: Columns, terms: tuple[Term, ...], cache_mib: float = 0.0) -> FloatArray:
    """Return the design matrix of a form, (m, terms): c and d are subtracted, e counts what does not stay."""
    matrix = np.stack([columns[term] * (-1.0 if term in "cd" else 1.0) for term in terms], axis=1)
    if "e" in terms:
        place = terms.index("e")
        matrix[:, place] = np.maximum(matrix[:, place] - cache_mib, 0.0)
    return matrix


def _told_apart(columns: Columns, measured: FloatArray, cache_mib: float) -> Columns:
    """Return the columns without those that are sums of the ones before: a fit never needs them.

    In cells, weights are proportional to MACs, and activations grow linearly with the numbers of layers. What
    caches do not keep may be no such sum where all that is touched is one.
    """
    if len(measured) <= len(columns):
        return columns
    told: dict[Term, FloatArray] = {}
    relative = design(columns, tuple(columns), cache_mib) / measured[:, np.newaxis]
    kept = np.zeros(len(columns), dtype=np.bool_)
    for place, term in enumerate(columns):
        if not is_said_already(relative[:, place], relative[:, kept]):
            told[term], kept[place] = columns[term], True
    return told


def _forms(columns: Columns) -> list[tuple[Term, ...]]:
    """Return all sets of terms with a, those with fewer terms first."""
    others = [term for term in columns if term != "a"]
    return [("a", *some) for size in range(len(others) + 1) for some in combinations(others, size)]


def _cache_mib(columns: Columns, measured: FloatArray) -> tuple[float, Columns]:
    """Return how many mebibytes caches keep, and the columns that are told apart where they keep as many.

    With all of these the leave-one-out error is least. Sizes are tried that three networks or more do not
    reach, and three do.
    """
    sizes = [0.0]
    if "e" in columns:
        touched = np.sort(columns["e"])
        low, high = touched[MIN_NETWORKS - 1], touched[-MIN_NETWORKS]
        sizes += [size for size in _CACHES_MIB if low <= size < high]
    told = [_told_apart(columns, measured, size) for size in sizes]
    if len(sizes) == 1:
        return 0.0, told[0]
    designs = [design(some, tuple(some), size) for some, size in zip(told, sizes, strict=True)]
    errors = [np.abs(leave_one_out(matrix, measured) / measured - 1.0).mean() for matrix in designs]
    best = int(np.argmin(errors))
    return sizes[best], told[best]


def _choose_terms(
    columns: Columns, measured: FloatArray, cache_mib: float
) -> tuple[tuple[Term, ...], FloatArray]:
    """Return the terms with the least leave-one-out error, and |log residuals| with them, (m,).

    A form needs two networks a term and one more, and has to beat those with fewer terms noticeably.
    """
    forms = [terms for terms in _forms(columns) if 2 * len(terms) + 1 <= len(measured)]
    chosen = np.array([[term in terms for term in columns] for terms in forms])
    left_out = leave_out_of_forms(design(columns, tuple(columns), cache_mib), measured, chosen)
    predictions = np.maximum(left_out, _FLOOR_SHARE * measured.min())
    best_error, best_terms, best = math.inf, forms[0], measured
    for terms, predicted in zip(forms, predictions, strict=True):
        error = float(np.mean(np.abs(predicted / measured - 1.0)))
        if error < best_error - max(NOTICEABLE * error, _ROUNDING):
            best_error, best_terms, best = error, terms, predicted
    return best_terms, np.abs(np.log(measured / best))


def conformal(residuals: FloatArray, level: float, num_terms: int) -> float:
    """Return the quantile of residuals that covers the next one with the given probability.

    With too few residuals for the finite-sample rank, the largest says too little: the t quantile times
    their root mean square is taken where it is larger.
    """
    m = len(residuals)
    rank = math.ceil((m + 1) * level - _ROUNDING)
    if rank <= m:
        return float(np.sort(residuals)[rank - 1])
    spread = math.sqrt(float(np.mean(np.square(residuals))))
    quantile = float(scipy.special.stdtrit(max(m - num_terms, 1), (1 + level) / 2))
    return max(float(residuals.max()), quantile * spread)


def _unchecked(level: float, measured: FloatArray) -> Correction:
    return Correction(
        terms=(),
        a=1.0,
        level=level,
        half_width=UNCHECKED_HALF_WIDTH,
        hull=None,
        floor_ms=_FLOOR_SHARE * float(measured.min()) if len(measured) else 0.0,
        kind="modelled",
    )
