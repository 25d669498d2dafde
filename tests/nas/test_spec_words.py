"""What is asked for in words is checked as in files, and what was not asked for is known."""

from typing import Any

import pytest
import yaml

from latency_predictors.latency_metric import LatencyMetric
from nas.spec_words import latency_part, parse_context, parse_latency
from nas.specs import ContextSpec, TargetSpec, parse_spec
from search_spaces.errors import UsageError


def test_a_context_is_that_of_specifications() -> None:
    asked: dict[str, Any] = {"runtime": "openvino", "precision": "int8", "threads": 4, "batch": 8}
    assert parse_context(**asked) == ContextSpec.model_validate(asked)


def test_what_was_not_asked_for_is_as_usual_and_not_set() -> None:
    context = parse_context("onnxruntime", None, 1, None)
    assert context == ContextSpec()
    assert context.model_fields_set == {"runtime", "batch"}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (("abacus", 1, 1, None), "onnxruntime"),
        (("openvino", 3, 1, None), "threads"),
        (("openvino", 1, 0, None), "batch"),
        (("openvino", 1, 1, "int4"), "precision"),
    ],
)
def test_a_context_that_there_is_not_is_refused_in_words(asked: tuple[Any, ...], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        parse_context(*asked)
    assert caught.value.code == "invalid_spec"


@pytest.mark.parametrize(
    ("words", "metric", "part"),
    [
        (("median", None), LatencyMetric(), "latency: {}"),
        (("p95", None), LatencyMetric("p95"), "latency: {statistic: p95}"),
        (("median", 20), LatencyMetric(pause_ms=20.0), "latency: {mode: paced, pause_ms: 20.0}"),
        (("p95", 0.5), LatencyMetric("p95", 0.5), "latency: {statistic: p95, mode: paced, pause_ms: 0.5}"),
    ],
)
def test_a_latency_is_that_of_targets(
    words: tuple[str, float | None], metric: LatencyMetric, part: str
) -> None:
    latency = parse_latency(*words)
    assert latency.metric == metric
    assert latency_part(latency) == part
    assert parse_spec({"dataset": {"name": "digits"}, "targets": [yaml.safe_load(part)]}).targets == (
        TargetSpec(latency=latency),
    )


@pytest.mark.parametrize(
    ("words", "named"), [(("p99", None), "p95"), (("median", 0), "pause_ms"), (("p95", 201), "pause_ms")]
)
def test_a_latency_that_there_is_not_is_refused_in_words(words: tuple[str, float | None], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        parse_latency(*words)
    assert caught.value.code == "invalid_spec"
