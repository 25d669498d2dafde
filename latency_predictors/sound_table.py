"""Whether a table that came from elsewhere says only what measuring and fitting can say.

Each number that is shown, summed or divided by lies within its bounds, and each time has a zone: whatever is
done with the table afterwards then gives finite figures.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from latency_predictors.abilities import PRECISIONS
from latency_predictors.bounds import (
    COUNT,
    ERROR,
    EXTRA,
    LATENCY,
    PLACE,
    SHARE,
    SIZE,
    SOME,
    SPREAD,
    Bounds,
    Rules,
    beyond,
    beyond_rules,
    beyond_site,
)
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import WIDEST, Correction, ErrorReport, FormErrors, Hull
from latency_predictors.lookup_table import LookupTable
from latency_predictors.plausible import zoned_s
from latency_predictors.table_entry import Entry
from search_spaces.layers import LayerSpec
from search_spaces.signatures import layer_of

_SUM: Final[Bounds] = (LATENCY[0], 1e3 * LATENCY[1])
"""Milliseconds of the layers of a network."""

_DIGEST_LENGTH: Final = 64
_ROUNDING: Final = 1e-6
_TABLE: Final[Rules] = {"reference_ms": LATENCY}
_ENTRY: Final[Rules] = {"median_ms": LATENCY, "rel_sd": SPREAD}
_VALUE: Final[Rules] = {"median_ms": LATENCY}
_GRAPH: Final[Rules] = {"probes_ms": LATENCY}
_METRIC: Final[Rules] = {"pause_ms": EXTRA}
_CORRECTION: Final[Rules] = {
    "a": (0.0, 100.0),
    "b": EXTRA,
    "c": EXTRA,
    "d": EXTRA,
    "e": EXTRA,
    "f": EXTRA,
    "cache_mib": SIZE,
    "shares": (-0.99, SPREAD[1]),
    "share_sd": SPREAD,
    "level": (0.01, 0.999),
    "half_width": (0.0, WIDEST * (1.0 + _ROUNDING)),
    "floor_ms": EXTRA,
}
_HULL: Final[Rules] = {
    "min_sum_ms": _SUM,
    "max_sum_ms": _SUM,
    "min_layers": SOME,
    "max_layers": SOME,
    "max_spread": SPREAD,
    "seldom_spread": SPREAD,
}
_SIZES: Final = ("boundary_mib", "touched_mib", "giga_macs")
_POINT: Final[Rules] = {
    "sum_ms": _SUM,
    "num_layers": SOME,
    "num_macs": COUNT,
    "measured_ms": LATENCY,
    "rel_sd": SPREAD,
    "boundary_mib": SIZE,
    "touched_mib": SIZE,
    "layer_ms": _SUM,
    "spread_ms": (0.0, _SUM[1]),
    "predicted_ms": _SUM,
    "architecture": PLACE,
}
_REPORT: Final[Rules] = {
    "num_networks": COUNT,
    "level": SHARE,
    "coverage": SHARE,
    "median_half_width": (-_ROUNDING, ERROR[1]),
    "repeat_rel_sd": SPREAD,
    "num_verified": COUNT,
    "verified_coverage": SHARE,
    "num_suspect": COUNT,
    "num_left_out": COUNT,
}
_ERRORS: Final[Rules] = {
    "mape": ERROR,
    "median_error": ERROR,
    "within_5": SHARE,
    "spearman": (-1.0 - _ROUNDING, 1.0 + _ROUNDING),
}
_FORMS: Final = ("bare_sum", "affine", "corrected", "macs")
_LARGEST_SIDE: Final = 2**20
"""Of a layer: channels, pixels, features."""


def unsound(table: LookupTable, where: str = "table") -> str:
    """Return which field of a table says what none of ours can, and what it says; empty where none does.

    Args:
        table: From elsewhere.
        where: It stands in a document.
    """
    precision = table.context.precision
    unknown = (f"{where}.context.precision is none of {', '.join(PRECISIONS)}",)
    entries = (_of_entry(f"{where}.entries.{key[:12]}", key, one) for key, one in table.entries.items())
    corrections = (_of_correction(f"{where}.corrections", *item) for item in table.corrections.items())
    return next(
        chain(
            beyond_site(f"{where}.", table.device, table.context),
            () if precision in PRECISIONS else unknown,
            beyond_rules(where, table, _TABLE),
            beyond_rules(f"{where}.graph", table.graph, _GRAPH) if table.graph else (),
            chain.from_iterable(entries),
            chain.from_iterable(corrections),
        ),
        "",
    )


def undated(where: str, at: str) -> Iterator[str]:
    """Yield a time that has no zone, or is none; one that nobody knows is empty."""
    if at and zoned_s(at) is None:
        yield f"{where} is no time with a time zone"


def _of_entry(where: str, key: str, entry: Entry) -> Iterator[str]:
    if key != hashlib.sha256(entry.signature.encode()).hexdigest():
        yield f"{where} is not stored under the digest of its layer"
    if not _names_a_layer(entry.signature):
        yield f"{where}.signature is that of no layer"
    yield from beyond_rules(where, entry, _ENTRY)
    for number, value in enumerate(entry.values):
        yield from beyond_rules(f"{where}.values.{number}", value, _VALUE)
        yield from undated(f"{where}.values.{number}.measured_at", value.measured_at)


def _names_a_layer(signature: str) -> bool:
    """Return whether a signature is of a kind that is not known here, or of a layer that there can be."""
    try:
        spec = layer_of(signature)
        return spec is None or (_is_sized(spec) and spec.signature() == signature and spec.macs >= 0)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return False


def _is_sized(spec: LayerSpec) -> bool:
    fields: dict[str, Any] = {name: value for name, value in vars(spec).items() if name != "activation"}
    shape = fields.pop("in_shape")
    whole = all(isinstance(size, int) and 0 <= size <= _LARGEST_SIDE for size in (*shape, *fields.values()))
    return whole and len(shape) == len("CHW") and min(shape) > 0


def _of_correction(where: str, key: str, correction: Correction) -> Iterator[str]:
    where = f"{where}.{key[:12]}"
    if len(key) > _DIGEST_LENGTH:
        yield f"{where} is stored under no digest"
    yield from beyond_rules(where, correction, _CORRECTION)
    yield from beyond_rules(f"{where}.metric", correction.metric, _METRIC)
    # Without a floor predictions are positive where nothing is subtracted from what a leaves.
    subtracts = correction.c or correction.d or correction.a < LATENCY[0]
    if subtracts and correction.floor_ms < LATENCY[0]:
        yield f"{where}.floor_ms is {correction.floor_ms:g}"
    yield from undated(f"{where}.created_at", correction.created_at)
    if correction.hull is not None:
        yield from _of_hull(f"{where}.hull", correction.hull)
    for number, point in enumerate(correction.points):
        yield from _of_point(f"{where}.points.{number}", point)
    if correction.report is not None:
        yield from _of_report(f"{where}.report", correction.report)


def _of_hull(where: str, hull: Hull) -> Iterator[str]:
    yield from beyond_rules(where, hull, _HULL)
    yield from _upside_down(f"{where}.min_sum_ms", (hull.min_sum_ms, hull.max_sum_ms))
    yield from _upside_down(f"{where}.min_layers", (hull.min_layers, hull.max_layers))
    for name in _SIZES:
        ends = getattr(hull, name)
        yield from beyond(f"{where}.{name}", ends, (1e-9, SIZE[1]))
        yield from _upside_down(f"{where}.{name}", ends)


def _of_point(where: str, point: CalibrationPoint) -> Iterator[str]:
    yield from beyond_rules(where, point, _POINT)
    yield from _upside_down(f"{where}.predicted_ms", point.predicted_ms)
    yield from undated(f"{where}.measured_at", point.measured_at)


def _of_report(where: str, report: ErrorReport) -> Iterator[str]:
    yield from beyond_rules(where, report, _REPORT)
    for name in _FORMS:
        form: FormErrors = getattr(report, name)
        yield from beyond_rules(f"{where}.{name}", form, _ERRORS)


def _upside_down(where: str, ends: tuple[float, float] | None) -> Iterator[str]:
    if ends is not None and not ends[0] <= ends[1]:
        yield f"{where} is {ends[0]:g}, above {ends[1]:g}"
