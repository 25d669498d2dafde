"""One layer of a table: whether it has to be measured, and what state it is in."""

from datetime import UTC, datetime

import pytest

from latency_predictors.renewal import STALE_REL_SD
from latency_predictors.spread import MIN_REL_SD
from latency_predictors.table_entry import Entry, SessionValue, Unsupported, doubted, made_of, together

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


def four_sessions(**fields: object) -> Entry:
    """Two sessions of a board, and two when its fan had stopped."""
    times = {"s1": 1.0, "s2": 1.0, "s3": 1.09, "s4": 1.09}
    values = tuple(value(name, median_ms) for name, median_ms in times.items())
    return entry(values=values, **{**together(values), **fields})


def test_a_value_is_made_of_what_is_not_in_doubt() -> None:
    known = four_sessions()
    assert [known.median_ms, known.rel_sd] == pytest.approx([1.045, 0.05], rel=0.01)
    one = doubted(known, {"s3", "s4"})
    assert (one.median_ms, one.rel_sd) == (1.0, MIN_REL_SD)
    assert (one.num_sessions, one.state_at(NOW)) == (4, "provisional")


def test_where_all_is_in_doubt_the_value_stays_and_is_suspect() -> None:
    known = four_sessions()
    one = doubted(known, {"s1", "s2", "s3", "s4"})
    assert (one.median_ms, one.rel_sd, one.state_at(NOW)) == (known.median_ms, known.rel_sd, "suspect")
    busy = tuple(value(name, 1.08, suspect=True) for name in ("s3", "s4"))
    disturbed = entry(values=(*known.values[:2], *busy), median_ms=1.0)
    assert doubted(disturbed, {"s1", "s2"}).median_ms == 1.0, "disturbed sessions are no better"


def test_what_another_version_measured_is_off_by_no_less_than_it_was_said_to_be() -> None:
    stale = four_sessions(origin="e" * 64, checked=False, rel_sd=STALE_REL_SD)
    one = doubted(stale, {"s3", "s4"})
    assert (one.median_ms, one.rel_sd) == (1.0, STALE_REL_SD)
    assert made_of(stale, stale.values[:2]).rel_sd == STALE_REL_SD
    assert made_of(four_sessions(rel_sd=STALE_REL_SD), stale.values[:2]).rel_sd == MIN_REL_SD
    assert made_of(stale, (value("s1", 1.0), value("s2", 1.5))).rel_sd > 0.25
