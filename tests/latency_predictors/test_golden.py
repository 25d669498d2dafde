"""What golden subjects say, by values worked out by hand; what of a toolchain counts."""

import pytest

from latency_predictors.golden import SUBJECTS, changes, fastest_ms, furthest, judge
from latency_predictors.lookup_table import layer_key
from tests.latency_predictors.sessions import session

ONE, TWO, THREE = SUBJECTS
GOOD = {ONE: 1.0, TWO: 2.0, THREE: 4.0}


def scaled(by: float) -> dict[str, float]:
    """What subjects take on a board that is slower as a whole."""
    return {digest: by * ms for digest, ms in GOOD.items()}


@pytest.mark.parametrize(
    ("found", "drifted", "expected"),
    [
        (scaled(1.09), {}, ("good", 1.09)),
        (scaled(1 / 1.09), scaled(1.3), ("good", 1 / 1.09)),
        (scaled(1.2), {}, ("drifted", 1.2)),
        (scaled(0.8), {}, ("drifted", 0.8)),
        ({**GOOD, TWO: 2.4}, {}, ("drifted", 1.2)),
        (scaled(1.2), scaled(1.25), ("settled", 1.2)),
        (scaled(1.2), scaled(1.4), ("drifted", 1.2)),
    ],
)
def test_a_check_is_held_against_the_last_good_one_and_against_the_one_before(
    found: dict[str, float], drifted: dict[str, float], expected: tuple[str, float]
) -> None:
    said = judge(found, GOOD, drifted)
    assert said.verdict == expected[0]
    assert said.ratio == pytest.approx(expected[1])


def test_the_first_check_is_good_whatever_it_finds() -> None:
    assert judge(GOOD, {}, {}).verdict == "good"


def test_what_moved_most_counts_up_or_down() -> None:
    assert furthest({ONE: 1.5, TWO: 1.0}, GOOD) == 0.5
    assert furthest({ONE: 1.5, TWO: 1.9}, GOOD) == 1.5


def test_the_fastest_session_counts_as_it_was_timed_not_as_anchors_correct_it() -> None:
    slow = session("a", {ONE: 1.3, TWO: 2.0}, scale=1.3)
    fast = session("bb", {ONE: 1.1, TWO: 2.2, "another": 1.0}, scale=1.1)
    assert fastest_ms([slow, fast]) == {ONE: 1.1, TWO: 2.0}


def test_golden_subjects_are_no_rows_of_tables() -> None:
    assert len(SUBJECTS) == 3
    assert not {layer_key(spec) for spec in SUBJECTS.values()} & set(SUBJECTS)


def test_a_change_of_the_toolchain_is_told_and_nothing_else_is_one() -> None:
    before = {
        "runtimes": {"onnxruntime": "1.22"},
        "power_mode": "governor schedutil",
        "system": "6.1",
        "name": "a",
        "version": "0.1.0",
    }
    assert changes(before, {**before, "name": "b"}) == ""
    assert changes(before, {**before, "version": "0.2.0"}) == "hwnas 0.1.0 -> 0.2.0"
    now = {**before, "runtimes": {"onnxruntime": "1.23"}, "power_mode": ""}
    assert changes(before, now) == (
        "runtimes onnxruntime 1.22 -> onnxruntime 1.23; power mode governor schedutil -> not told"
    )
