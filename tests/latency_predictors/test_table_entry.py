"""One layer of a table: whether it has to be measured, and what state it is in."""

from datetime import UTC, datetime

import pytest

from latency_predictors.table_entry import Entry, SessionValue, Unsupported, doubted, together

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def value(name: str, median_ms: float, *, suspect: bool = False) -> SessionValue:
    at = "2026-01-01T00:00:00+00:00"
    return SessionValue(session_id=name, measured_at=at, median_ms=median_ms, suspect=suspect)


def entry(**fields: object) -> Entry:
    values = (value("s1", 0.1), value("s2", 0.1))
    plain = {"signature": "{}", "values": values, "median_ms": 0.1, "rel_sd": 0.01}
    return Entry.model_validate({**plain, **fields})


@pytest.mark.parametrize(
    ("fields", "holds", "is_open", "state"),
    [
        ({}, True, False, "provisional"),
        ({"checked": False}, False, True, "stale"),
        ({"kind": "fitted", "values": ()}, False, True, "unconfirmed"),
        (
            {"kind": "fitted", "values": (), "unsupported": Unsupported(code="c", message="m")},
            False,
            False,
            "unsupported",
        ),
    ],
)
def test_what_holds_or_cannot_be_run_is_not_measured_again(
    fields: dict[str, object], holds: bool, is_open: bool, state: str
) -> None:
    one = entry(**fields)
    assert (one.holds, one.is_open, one.state_at(NOW)) == (holds, is_open, state)
    assert not one.is_due(NOW) or one.holds


def test_sessions_make_the_value_of_those_that_count() -> None:
    found = together([value("s1", 0.10), value("s2", 0.11), value("s3", 0.4)])
    assert found["median_ms"] == pytest.approx(0.105)


def test_a_session_in_doubt_is_suspect_and_the_others_stay() -> None:
    one = doubted(entry(), {"s2"})
    assert [(found.session_id, found.suspect) for found in one.values] == [("s1", False), ("s2", True)]
