import math
from dataclasses import replace
from typing import Any

import pytest

from latency_predictors.bounds import COUNT, LATENCY, beyond, beyond_rules, beyond_site
from latency_predictors.correction import FormErrors
from tests.latency_predictors.sessions import CONTEXT, DEVICE


@pytest.mark.parametrize("value", [None, 1.0, 3, {"a": 1e-6}, (1.0, 1e6), {}, ()])
def test_what_lies_within_is_not_named(value: Any) -> None:
    assert list(beyond("here", value, LATENCY)) == []


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (0.0, ["here is 0"]),
        (-1, ["here is -1"]),
        (math.nan, ["here is nan"]),
        (math.inf, ["here is inf"]),
        (1e300, ["here is 1e+300"]),
        (1e-300, ["here is 1e-300"]),
        ({"a": 1.0, "b": -2.0}, ["here.b is -2"]),
        ((0.0, 1.0, 2e6), ["here.0 is 0", "here.2 is 2e+06"]),
    ],
)
def test_what_lies_beyond_is_named_with_its_place(value: Any, named: list[str]) -> None:
    assert list(beyond("here", value, LATENCY)) == named


def test_the_fields_of_rules_are_looked_at() -> None:
    errors = FormErrors(mape=-1.0, median_error=-1.0, within_5=0.5, spearman=0.9)
    assert list(beyond_rules("report", errors, {"mape": COUNT, "within_5": COUNT})) == ["report.mape is -1"]


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"threads": 0}, "x.context.threads is 0"),
        ({"batch": -1}, "x.context.batch is -1"),
        ({"affinity": (0, -1)}, "x.context.affinity.1 is -1"),
        ({"pause_ms": -0.5}, "x.context.pause_ms is -0.5"),
    ],
)
def test_no_network_runs_in_such_a_context(facts: Any, named: str) -> None:
    assert list(beyond_site("x.", DEVICE, replace(CONTEXT, **facts))) == [named]


def test_no_device_has_such_facts() -> None:
    assert list(beyond_site("", DEVICE, CONTEXT)) == []
    assert list(beyond_site("", replace(DEVICE, num_cores=-1), CONTEXT)) == ["device.num_cores is -1"]
    assert list(beyond_site("", None, CONTEXT)) == []
