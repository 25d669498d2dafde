import pytest
from pydantic import TypeAdapter, ValidationError

from latency_predictors.wire_types import Count, Pause, ShortText, one_line


def test_what_is_shown_is_one_line_that_moves_no_cursor() -> None:
    assert one_line("a\x1b]0;gone\x07\r\n\u202eb\u2028c\x9bd") == "a ]0;gone    b c d"
    assert one_line("Raspberry Pi 5 – Größe ½") == "Raspberry Pi 5 – Größe ½"


def test_a_text_has_its_limit_and_is_one_line() -> None:
    assert TypeAdapter(ShortText).validate_python("x\ny") == "x y"
    with pytest.raises(ValidationError):
        TypeAdapter(ShortText).validate_python("x" * 41)


def test_counts_fit_the_columns_of_any_database() -> None:
    assert TypeAdapter(Count).validate_python(2**31 - 1) == 2**31 - 1
    for wrong in (-1, 2**31):
        with pytest.raises(ValidationError):
            TypeAdapter(Count).validate_python(wrong)


def test_nobody_pauses_for_longer_than_an_hour() -> None:
    for wrong in (-1.0, 3_601.0, float("inf"), float("nan")):
        with pytest.raises(ValidationError):
            TypeAdapter(Pause).validate_python(wrong)
