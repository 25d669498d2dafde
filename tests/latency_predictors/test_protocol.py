from pathlib import Path

import pytest
from pydantic import ValidationError

from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.protocol import (
    LINE,
    Failed,
    Finished,
    SessionRequest,
    SessionResult,
    Started,
    Subject,
    SubjectResult,
)
from tests.latency_predictors.sessions import CONTEXT, session, summary

REQUEST = SessionRequest(
    context=CONTEXT,
    timing=LAYER_PROTOCOL,
    subjects=(Subject(digest="ab", path=Path("layer.onnx")),),
    anchors=(Subject(digest="cd", path=Path("anchor.onnx")),),
    reference_ms={"cd": 0.5},
    seed=3,
)


def test_a_request_survives_the_wire() -> None:
    assert SessionRequest.model_validate_json(REQUEST.model_dump_json()) == REQUEST


def test_a_result_survives_the_wire() -> None:
    result = session("s1", {"ab": 1.5})
    assert SessionResult.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    "line",
    [
        Started(digest="ab"),
        Failed(code="session_void", message="measure again"),
        Finished(results=(), readings=(), reference_ms={}, cpus=(1,)),
    ],
)
def test_a_line_is_read_as_what_it_is(line: Started | Failed | Finished) -> None:
    assert LINE.validate_json(line.model_dump_json()) == line


@pytest.mark.parametrize("change", [{"version": 2}, {"surprise": 1}, {"seed": "many"}])
def test_another_version_or_field_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SessionRequest.model_validate({**REQUEST.model_dump(mode="json"), **change})


def test_a_corrected_median_is_divided_by_the_scale() -> None:
    result = SubjectResult(digest="x", summary=summary(3.0), scale=1.5, suspect=False, num_repeats=0)
    assert result.median_ms == 2.0
