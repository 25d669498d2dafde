"""A table that is named predicts for its own context, and for no other that is asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.devices import list_tables
from api.named_tables import named_table
from latency_predictors.device import host_context
from latency_predictors.lookup_table import LookupTable
from nas.settings import Settings
from nas.specs import ContextSpec, LatencySpec
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError, UsageError
from tests.api.handmade import SPACE, lookup_table, saved_table

CONTEXT = replace(host_context(), precision="int8", threads=2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation that has the table of a board in that context."""
    settings = Settings(home=tmp_path)
    table = lookup_table(cpu_model="A small board").model_copy(update={"context": CONTEXT})
    saved_table(settings.home, table)
    return settings


def named(settings: Settings, **fields: Any) -> LookupTable:
    """That table, where fields of a context were asked for."""
    (line,) = list_tables(settings).tables
    return named_table(settings, SPACE, line.name[:6], ContextSpec(**fields), LatencySpec())


@pytest.mark.parametrize("given", [{}, {"threads": 2}, {"precision": "int8", "threads": 2, "batch": 1}])
def test_it_is_found_where_nothing_contradicts_it(settings: Settings, given: dict[str, Any]) -> None:
    assert named(settings, **given).context == CONTEXT


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"runtime": "openvino", "precision": "int8", "threads": 4}, "--runtime openvino --threads 4"),
        ({"precision": "fp32"}, "--precision fp32"),
        ({"threads": 1, "batch": 1}, "--threads 1"),
        ({"batch": 8}, "--batch 8"),
    ],
)
def test_another_context_is_refused_even_where_it_is_the_usual_one(
    settings: Settings, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(MeasurementError) as caught:
        named(settings, **given)
    assert caught.value.code == "context_mismatch"
    assert f" is of {CONTEXT.label}, and {told} asks for another context: " in caught.value.message
    assert "leave that out, or name a table of that context" in caught.value.message


def test_what_it_lacks_of_a_space_is_said_with_the_fix(settings: Settings) -> None:
    (line,) = list_tables(settings).tables
    colour = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    with pytest.raises(MeasurementError, match=r"lacks \d+ layers of .*: profile that device") as caught:
        named_table(settings, colour, line.name, ContextSpec(), LatencySpec())
    assert caught.value.code == "no_profile"


def test_one_that_there_is_not_is_named(settings: Settings) -> None:
    with pytest.raises(UsageError, match="no table 'zzz'"):
        named_table(settings, SPACE, "zzz", ContextSpec(), LatencySpec())


def test_a_latency_that_it_is_not_calibrated_for_is_refused(settings: Settings) -> None:
    (line,) = list_tables(settings).tables
    with pytest.raises(MeasurementError, match=r"^table .* has no correction of .* for p95: ") as caught:
        named_table(settings, SPACE, line.name, ContextSpec(), LatencySpec(statistic="p95"))
    assert caught.value.code == "no_profile"
    assert "`latency: {statistic: p95}` in its target" in caught.value.message
