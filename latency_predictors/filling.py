"""Entries for layers that were not measured, from those that were: labelled `fitted`, and wider.

A layer of which other spatial sizes were measured is interpolated between the two nearest, on a straight line
in the logarithms of size and time. Any other layer is predicted by a regressor of its kind: a non-negative
fit (Lawson and Hanson 1974) in relative error on multiply-accumulates, bytes in, bytes out and weights. How
far a fitted value may be off is found by leaving out what the layer lacks: a size, a layer, or a whole kind.
"""

import json
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from latency_predictors.leave_one_out import fit_relative, leave_one_out
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.table_entry import Entry, Unsupported
from search_spaces.base import FloatArray
from search_spaces.errors import MeasurementError
from search_spaces.layers import BYTES_PER_VALUE, LayerSpec
from search_spaces.operations import num_values
from search_spaces.signatures import layer_of

MIN_LAYERS: Final = 10
"""Measured layers behind a regressor: two for each of its coefficients."""

MIN_LEFT_OUT: Final = 5
"""Layers that were left out, behind a figure of how far fitted values are off."""

UNCHECKED_REL_SD: Final = 0.5
"""How far values may be off that nothing could be left out for."""

_LEAST_SHARE: Final = 0.5  # of the fastest measured layer: no layer is for nothing


def filled(table: LookupTable, layers: Iterable[LayerSpec]) -> LookupTable:
    """Return a table with a fitted entry for every layer of which nothing was ever measured.

    Entries that were measured, stale ones too, stay as they are. The result serves whoever asks for it
    (`CostPredictor(..., filled=True)`); `LookupTable.missing` still names the layers that are not measured.

    Args:
        table: With at least `MIN_LAYERS` measured layers.
        layers: That are wanted.

    Raises:
        MeasurementError: `too_few_layers` where the table has fewer than that and something has to be filled.
    """
    wanted = {layer_key(spec): spec for spec in layers}
    absent = {
        key: spec
        for key, spec in wanted.items()
        if key not in table.entries or (table.entries[key].is_open and table.entries[key].kind == "fitted")
    }
    if not absent:
        return table
    known = _known(table)
    if len(known) < MIN_LAYERS:
        raise MeasurementError(
            "too_few_layers",
            f"{len(known)} layers are measured on {table.device.label} ({table.context.label}), and "
            f"{MIN_LAYERS} are needed to predict others: profile the device",
        )
    fit = _Fit(known, table.median_rel_sd)
    entries = {key: fit.entry(spec) for key, spec in absent.items()}
    return table.model_copy(update={"entries": {**table.entries, **entries}})


def with_unsupported(table: LookupTable, layers: Mapping[LayerSpec, Unsupported]) -> LookupTable:
    """Return a table that says of some layers why the runtime cannot run them.

    They get the value that other layers give them, so that sums with them are finite. What was measured in
    this context stays: it has run before.

    Args:
        table: With a measured layer at least.
        layers: With why.
    """
    fit = _Fit(_known(table), table.median_rel_sd)
    noted = {
        layer_key(spec): fit.entry(spec).model_copy(update={"unsupported": layers[spec]})
        for spec in table.untried(layers)
    }
    return table.model_copy(update={"entries": {**table.entries, **noted}})


@dataclass(frozen=True)
class _Known:
    """A layer that was measured."""

    spec: LayerSpec
    ms: float


def _known(table: LookupTable) -> list[_Known]:
    measured = [entry for entry in table.entries.values() if entry.kind == "measured"]
    found = [(layer_of(entry.signature), entry.median_ms) for entry in measured]
    return [_Known(spec, ms) for spec, ms in found if spec is not None]


class _Fit:
    """What measured layers say of others."""

    def __init__(self, known: Sequence[_Known], least_rel_sd: float) -> None:
        self._known = known
        self._least_rel_sd = least_rel_sd
        self._families: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for one in known:
            self._families[_family(one.spec)].append((_area(one.spec), one.ms))
        for sizes in self._families.values():
            sizes.sort()
        self._kinds: dict[str, list[_Known]] = defaultdict(list)
        for one in known:
            self._kinds[one.spec.kind].append(one)
        self._by_kind: dict[str, tuple[FloatArray, float]] = {}

    def entry(self, spec: LayerSpec) -> Entry:
        """Return the entry of a layer that was not measured."""
        between = _interpolated(self._families.get(_family(spec), []), _area(spec))
        if between is None:
            ms, rel_sd = self._regressed(spec)
        else:
            ms, rel_sd = between, self._size_errors(spec.kind)
        rel_sd = max(rel_sd, self._least_rel_sd)
        return Entry(signature=spec.signature(), values=(), median_ms=ms, rel_sd=rel_sd, kind="fitted")

    def _regressed(self, spec: LayerSpec) -> tuple[float, float]:
        if spec.kind not in self._by_kind:
            own = self._kinds.get(spec.kind, [])
            alone = len(own) >= MIN_LAYERS
            matrix, measured = _design(own if alone else self._known)
            rel_sd = (
                _rms_log(leave_one_out(matrix, measured), measured) if alone else self._errors_of_other_kinds
            )
            self._by_kind[spec.kind] = fit_relative(matrix, measured), rel_sd
        coefficients, rel_sd = self._by_kind[spec.kind]
        least = _LEAST_SHARE * min(one.ms for one in self._known)
        return max(float(_features(spec) @ coefficients), least), rel_sd

    def _size_errors(self, kind: str) -> float:
        """Return how far interpolation was off where a measured size was left out."""
        own = self._left_out_sizes(lambda family: json.loads(family)["kind"] == kind)
        errors = own if len(own) >= MIN_LEFT_OUT else self._left_out_sizes(lambda family: True)
        return _rms(errors) if len(errors) >= MIN_LEFT_OUT else UNCHECKED_REL_SD

    def _left_out_sizes(self, counts: Callable[[str], bool]) -> list[float]:
        errors = []
        for family, sizes in self._families.items():
            if not counts(family):
                continue
            for number, (area, ms) in enumerate(sizes):
                others = [*sizes[:number], *sizes[number + 1 :]]
                between = _interpolated(others, area)
                if between is not None:
                    errors.append(math.log(between / ms))
        return errors

    @cached_property
    def _errors_of_other_kinds(self) -> float:
        """How far a regressor is off on kinds that it has not seen."""
        errors: list[float] = []
        for kind, own in self._kinds.items():
            others = [one for one in self._known if one.spec.kind != kind]
            if len(others) >= MIN_LAYERS:
                coefficients = fit_relative(*_design(others))
                matrix, measured = _design(own)
                errors += np.log(np.maximum(matrix @ coefficients, measured.min() / 10) / measured).tolist()
        return max(_rms(errors), UNCHECKED_REL_SD) if errors else UNCHECKED_REL_SD


def _family(spec: LayerSpec) -> str:
    """Return what layers have in common that differ in spatial size alone."""
    fields = json.loads(spec.signature())
    fields["in_shape"] = fields["in_shape"][0]
    return json.dumps(fields, sort_keys=True)


def _area(spec: LayerSpec) -> int:
    return spec.in_shape[1] * spec.in_shape[2]


def _interpolated(sizes: Sequence[tuple[int, float]], area: int) -> float | None:
    """Return the time at a size between the nearest two, None where it does not lie between."""
    place = bisect_left([size for size, _ in sizes], area)
    if place < len(sizes) and sizes[place][0] == area:
        return sizes[place][1]
    if not 0 < place < len(sizes):
        return None
    (low, low_ms), (high, high_ms) = sizes[place - 1], sizes[place]
    share = math.log(area / low) / math.log(high / low)
    return math.exp((1 - share) * math.log(low_ms) + share * math.log(high_ms))


def _features(spec: LayerSpec) -> FloatArray:
    """Return what the time of a layer may follow: millions each, (5,)."""
    bytes_in, bytes_out = (BYTES_PER_VALUE * num_values(shape) for shape in (spec.in_shape, spec.out_shape))
    weights = BYTES_PER_VALUE * spec.num_params
    return np.array([1.0, *(value / 1e6 for value in (spec.macs, bytes_in, bytes_out, weights))])


def _design(known: Sequence[_Known]) -> tuple[FloatArray, FloatArray]:
    return np.stack([_features(one.spec) for one in known]), np.array([one.ms for one in known])


def _rms_log(predicted: FloatArray, measured: FloatArray) -> float:
    return _rms(np.log(np.maximum(predicted, measured.min() / 10) / measured).tolist())


def _rms(errors: Sequence[float]) -> float:
    return math.sqrt(sum(error**2 for error in errors) / len(errors))
