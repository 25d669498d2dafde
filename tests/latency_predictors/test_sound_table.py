"""What no table of ours can say is named; every number of a table has bounds.

`tests/api/test_tables_hostile.py` tries what else may stand in a field.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

import pytest

from latency_predictors import sound_table
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction, ErrorReport, FormErrors, Hull
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.probes import RuntimeGraph
from latency_predictors.sound_table import undated, unsound
from latency_predictors.table_entry import Entry, SessionValue
from search_spaces.layers import ConvNormAct
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

LAYER = ConvNormAct((3, 8, 8), 8, 3, 1, "relu")
KEY = layer_key(LAYER)
TABLE = LookupTable(device=DEVICE, context=CONTEXT).merged([LAYER], [session("s1", {KEY: 0.1})])


def with_signature(signature: str) -> LookupTable:
    """The table with a layer of another signature, under the digest of that."""
    entry = TABLE.entries[KEY].model_copy(update={"signature": signature})
    return TABLE.model_copy(update={"entries": {hashlib.sha256(signature.encode()).hexdigest(): entry}})


def test_nothing_is_wrong_with_what_was_measured() -> None:
    assert unsound(TABLE) == ""
    assert unsound(TABLE.model_copy(update={"entries": {}})) == ""


@pytest.mark.parametrize(
    ("at", "named"),
    [
        ("", []),
        ("2026-01-01T00:00:01+00:00", []),
        ("2026-01-01T00:00:01", ["here is no time with a time zone"]),
        ("yesterday", ["here is no time with a time zone"]),
    ],
)
def test_a_time_has_a_zone_or_is_not_known(at: str, named: list[str]) -> None:
    assert list(undated("here", at)) == named


@pytest.mark.parametrize(
    "changes",
    [
        {"in_shape": [3, 8]},
        {"in_shape": [3, 8, 0]},
        {"in_shape": [3, 8, -8]},
        {"in_shape": "abc"},
        {"in_shape": [3, 8, "8"]},
        {"stride": 0},
        {"out_channels": "x"},
        {"out_channels": 2**40},
        {"kernel": 0.5},
        {"activation": {"a": 1}},
        {"more": 1},
        {"kind": []},
    ],
)
def test_a_signature_is_that_of_a_layer(changes: Mapping[str, Any]) -> None:
    hostile = with_signature(json.dumps({**json.loads(LAYER.signature()), **changes}))
    assert "signature is that of no layer" in unsound(hostile)


@pytest.mark.parametrize("signature", ["", "x", "[]", "1", "{}", "[" * 100_000])
def test_what_is_no_signature_is_named(signature: str) -> None:
    key = hashlib.sha256(signature.encode()).hexdigest()
    assert unsound(with_signature(signature)) == f"table.entries.{key[:12]}.signature is that of no layer"


def test_a_layer_of_another_version_may_be_one() -> None:
    assert unsound(with_signature('{"kind":"traced","v":1}')) == ""
    assert unsound(with_signature(LAYER.signature().replace('"v":1', '"v":2'))) == ""


def test_a_layer_stands_under_its_digest() -> None:
    moved = TABLE.model_copy(update={"entries": {"0" * 64: TABLE.entries[KEY]}})
    assert unsound(moved) == "table.entries.000000000000 is not stored under the digest of its layer"


def test_a_precision_that_nobody_knows_is_named() -> None:
    other = TABLE.model_copy(update={"context": replace(CONTEXT, precision="int1")})
    assert unsound(other) == "table.context.precision is none of fp32, int8"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, ""),
        ({"floor_ms": 0.0, "c": 0.0}, ""),
        ({"floor_ms": 0.0, "c": 0.1}, "floor_ms is 0"),
        ({"floor_ms": 0.0, "d": 0.1}, "floor_ms is 0"),
        ({"floor_ms": 0.0, "a": 0.0}, "floor_ms is 0"),
        ({"a": 0.0}, ""),
        ({"shares": {"x": -1.0}}, "shares.x is -1"),
        (
            {"hull": Hull(min_sum_ms=2.0, max_sum_ms=1.0, min_layers=1, max_layers=1)},
            "hull.min_sum_ms is 2, above 1",
        ),
        ({"metric": LatencyMetric("median", -1.0)}, "metric.pause_ms is -1"),
    ],
)
def test_a_correction_leaves_every_latency_positive(changes: Mapping[str, Any], named: str) -> None:
    correction = Correction(
        terms=("a",), a=1.0, level=0.9, half_width=0.1, hull=None, floor_ms=0.01, kind="table"
    )
    told = unsound(TABLE.with_correction("space", correction.model_copy(update=changes)))
    assert told == (f"table.corrections.space.{named}" if named else "")


def test_a_correction_stands_under_a_digest() -> None:
    correction = Correction(
        terms=("a",), a=1.0, level=0.9, half_width=0.1, hull=None, floor_ms=0.01, kind="table"
    )
    assert unsound(TABLE.with_correction("x" * 65, correction)).endswith("is stored under no digest")


@pytest.mark.parametrize(
    ("model", "rules", "elsewhere"),
    [
        (LookupTable, "_TABLE", {"version", "entries", "corrections"}),
        (Entry, "_ENTRY", {"values"}),
        (SessionValue, "_VALUE", set()),
        (RuntimeGraph, "_GRAPH", set()),
        (LatencyMetric, "_METRIC", set()),
        (Correction, "_CORRECTION", {"version", "hull", "points", "report", "metric"}),
        (Hull, "_HULL", set(sound_table._SIZES)),
        (CalibrationPoint, "_POINT", {"kernels"}),
        (ErrorReport, "_REPORT", set(sound_table._FORMS)),
        (FormErrors, "_ERRORS", set()),
    ],
)
def test_every_number_of_a_table_has_bounds(model: type[Any], rules: str, elsewhere: set[str]) -> None:
    """A field that is new is not forgotten; those elsewhere are models, or are checked by their types."""
    names = {one.name for one in fields(model)} if is_dataclass(model) else set(model.model_fields)
    hints = get_type_hints(model)
    numbers = {name for name in names if holds_numbers(hints[name])}
    assert numbers - elsewhere == set(getattr(sound_table, rules))


def holds_numbers(hint: Any) -> bool:
    """Whether a type is of numbers, or of several."""
    return hint in (int, float) or any(map(holds_numbers, get_args(hint)))
