from pathlib import Path

import pytest
from pydantic import ValidationError

from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.protocol import (
    LINE,
    Alive,
    AnchorReading,
    Conditions,
    Failed,
    Finished,
    Line,
    Segment,
    SessionRequest,
    SessionResult,
    Started,
    Subject,
    SubjectFailure,
    SubjectResult,
    Timed,
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


READING = AnchorReading(at_ns=3, median_ms={"anchor": 0.5})


def test_a_request_survives_the_wire() -> None:
    assert SessionRequest.model_validate_json(REQUEST.model_dump_json()) == REQUEST


def test_a_result_survives_the_wire() -> None:
    result = session("s1", {"ab": 1.5})
    assert SessionResult.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    "line",
    [
        Started(digest="ab"),
        Alive(),
        Failed(code="session_void", message="measure again"),
        Finished(cpus=(1,)),
        Segment(
            timed=(
                Timed(
                    digest="ab",
                    at_ns=5,
                    summary=summary(1.5),
                    before=READING,
                    after=READING,
                    moved=True,
                    num_repeats=2,
                ),
            ),
            failures=(SubjectFailure(digest="cd", code="file_not_loadable", message="broken"),),
            readings=(READING,),
        ),
    ],
)
def test_a_line_is_read_as_what_it_is(line: Line) -> None:
    assert LINE.validate_json(line.model_dump_json()) == line


@pytest.mark.parametrize("change", [{"version": 2}, {"surprise": 1}, {"seed": "many"}])
def test_another_version_or_field_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SessionRequest.model_validate({**REQUEST.model_dump(mode="json"), **change})


def test_a_corrected_median_is_divided_by_the_scale() -> None:
    result = SubjectResult(digest="x", summary=summary(3.0), scale=1.5, suspect=False, num_repeats=0)
    assert result.median_ms == 2.0


def test_kernels_are_written_where_they_are_known_and_of_a_bounded_number() -> None:
    told = SubjectResult(
        digest="x", summary=summary(3.0), scale=1.5, suspect=False, num_repeats=0, kernels={"Conv": 3}
    )
    assert SubjectResult.model_validate_json(told.model_dump_json()) == told
    silent = told.model_copy(update={"kernels": {}}).model_dump(mode="json")
    assert "kernels" not in silent, "as earlier versions wrote it"
    assert SubjectResult.model_validate(silent).kernels == {}
    for hostile in ({"Conv": -1}, {"x" * 201: 1}, {str(kind): 1 for kind in range(201)}):
        with pytest.raises(ValidationError):
            SubjectResult.model_validate({**silent, "kernels": hostile})


def test_a_unit_is_a_short_text_that_moves_no_cursor() -> None:
    document = session("s1", {"ab": 1.5}).model_dump(mode="json")
    told = SessionResult.model_validate({**document, "unit": "board\x1b[2J"})
    assert told.unit == "board [2J"
    with pytest.raises(ValidationError, match="unit"):
        SessionResult.model_validate({**document, "unit": "x" * 81})


def test_what_was_kept_before_conditions_were_noted_can_be_read() -> None:
    document = session("s1", {"ab": 1.5}).model_dump(mode="json")
    del document["failures"], document["conditions"]
    assert SessionResult.model_validate(document) == session("s1", {"ab": 1.5})


@pytest.mark.parametrize(
    ("conditions", "disturbed"),
    [
        (Conditions(), False),
        (Conditions(busy=0.4, temperature_c=80.0), False),
        (Conditions(busy=1.4, too_busy=True), True),
        (Conditions(num_throttles=1), True),
    ],
)
def test_other_work_and_heat_disturb(conditions: Conditions, disturbed: bool) -> None:
    assert conditions.disturbed is disturbed
