from datetime import UTC, datetime

import pytest

from latency_predictors.trust import agreeing, counting, is_settled, is_suspect, state_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY, YESTERDAY, WINTER = (
    "2026-03-01T08:00:00+00:00",
    "2026-02-28T08:00:00+00:00",
    "2025-11-01T08:00:00+00:00",
)


@pytest.mark.parametrize(
    ("medians", "agree"),
    [
        ([1.0], [True]),
        ([1.0, 1.1], [True, True]),
        ([1.0, 1.2], [False, False]),  # one against one
        ([1.0, 3.0, 1.05], [True, False, True]),
        ([1.0, 1.08, 1.16], [True, True, True]),  # all agree with the one between
        ([1.0, 1.2, 1.5], [False, False, False]),
        ([1.0, 1.0, 3.0, 3.0], [False, False, False, False]),
    ],
)
def test_more_than_half_decide(medians: list[float], agree: list[bool]) -> None:
    assert agreeing(medians) == agree


def test_nothing_agrees_with_nothing() -> None:
    assert agreeing([]) == []


@pytest.mark.parametrize(
    ("medians", "suspect", "counted"),
    [
        ([1.0, 1.2], [False, False], [True, True]),  # nobody knows which
        ([1.0, 3.0, 1.05], [False, False, False], [True, False, True]),
        ([1.0, 1.05, 1.02], [False, True, False], [True, False, True]),
        ([1.0, 1.05], [False, True], [True, True]),  # a single one has no spread
        ([1.0, 1.05], [True, True], [True, True]),
    ],
)
def test_outvoted_sessions_do_not_count_and_disturbed_ones_only_where_they_are_needed(
    medians: list[float], suspect: list[bool], counted: list[bool]
) -> None:
    assert counting(medians, suspect) == counted


@pytest.mark.parametrize(
    ("medians", "suspect", "verdict"),
    [
        ([1.0, 1.05], [False, False], False),
        ([1.0, 1.05], [True, False], False),  # what was found at rest confirms it
        ([1.0, 1.05], [True, True], True),
        ([1.0, 1.2], [False, False], True),
        ([1.0, 1.2, 1.0], [False, False, False], False),  # the third one decides
        ([1.0, 1.2, 1.2], [False, True, True], True),  # disturbed ones alone do not
        ([1.0, 1.2, 1.2], [False, False, False], True),  # nor slower ones
        ([1.0, 1.2, 1.2], [True, False, False], False),
        ([1.0], [True], True),
        ([1.0, 1.08], [False, True], True),  # half-way between them is 4 % from the only calm one
        ([1.0, 1.05, 1.06], [False, True, True], True),
        ([1.0, 1.02, 1.09], [False, True, True], False),
        ([1.0, 1.01, 1.09], [False, False, True], False),  # made of the two calm ones
    ],
)
def test_a_value_is_suspect_where_no_majority_of_sessions_holds_it(
    medians: list[float], suspect: list[bool], verdict: bool
) -> None:
    assert is_suspect(medians, suspect) is verdict


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ([], "unconfirmed"),
        ([TODAY], "unconfirmed"),
        ([TODAY, TODAY], "provisional"),
        ([TODAY, TODAY, TODAY], "provisional"),  # a third one, but none on a later day
        ([YESTERDAY, TODAY], "provisional"),
        ([YESTERDAY, YESTERDAY, TODAY], "settled"),
        ([WINTER, WINTER, YESTERDAY], "settled"),
        ([WINTER, WINTER], "stale"),
        (["", ""], "provisional"),  # nobody knows when
    ],
)
def test_sessions_and_days_make_the_state(at: list[str], state: str) -> None:
    assert state_of([1.0] * len(at), [False] * len(at), at, NOW) == state
    assert is_settled([1.0] * len(at), [False] * len(at), at) is (state == "settled")


@pytest.mark.parametrize(
    ("medians", "suspect"),
    [
        ([1.0, 1.01, 1.3], [False, False, False]),  # the one of today is outvoted
        ([1.0, 1.01, 1.02], [False, False, True]),  # it was disturbed
        ([1.0, 1.01, 1.02], [False, True, True]),  # two of the three were
    ],
)
def test_a_later_session_that_confirms_nothing_settles_nothing(
    medians: list[float], suspect: list[bool]
) -> None:
    at = [YESTERDAY, YESTERDAY, TODAY]
    assert state_of(medians, suspect, at, NOW) == "provisional"
    assert state_of([1.0, 1.01, 1.02], [False] * 3, at, NOW) == "settled"


def test_an_outvoted_session_makes_no_value_younger() -> None:
    at = [WINTER, WINTER, TODAY]
    assert state_of([1.0, 1.01, 1.3], [False] * 3, at, NOW) == "stale"


def test_what_contradicts_itself_is_suspect_before_it_is_anything_else() -> None:
    assert state_of([1.0, 2.0], [False, False], [WINTER, WINTER], NOW) == "suspect"


def test_a_value_is_stale_after_ninety_days() -> None:
    at = ["2025-12-01T12:00:00+00:00"] * 2  # 90 days before
    assert state_of([1.0, 1.0], [False, False], at, NOW) == "provisional"
    assert state_of([1.0, 1.0], [False, False], at, NOW.replace(minute=1)) == "stale"
