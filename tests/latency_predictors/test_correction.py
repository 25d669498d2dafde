import numpy as np
import pytest

from latency_predictors.correction import Columns, Correction, Floats, Hull, Term

CORRECTION = Correction(
    terms=("a", "b", "c"),
    a=0.5,
    b=0.2,
    c=0.01,
    level=0.9,
    half_width=0.1,
    hull=Hull(min_sum_ms=1.0, max_sum_ms=4.0, min_layers=5, max_layers=10),
    floor_ms=0.05,
    kind="table",
)
IN_MEMORY = CORRECTION.model_copy(
    update={
        "d": 0.02,
        "e": 0.03,
        "cache_mib": 0.5,
        "hull": Hull(
            min_sum_ms=1.0,
            max_sum_ms=4.0,
            min_layers=5,
            max_layers=10,
            boundary_mib=(1.0, 4.0),
            touched_mib=(0.4, 8.0),
        ),
    }
)


def columns(*values: Floats | list[float]) -> Columns:
    """Columns of a, c, d, e and f, as far as they are given."""
    terms: tuple[Term, ...] = ("a", "c", "d", "e", "f")
    return {term: np.asarray(column) for term, column in zip(terms, values, strict=False)}


ONE = columns([2.0], [5.0])


def test_the_point_is_the_formula() -> None:
    point = CORRECTION.point(columns([2.0, 4.0], [5.0, 10.0]))
    assert point.tolist() == pytest.approx([0.5 * 2 + 0.2 - 0.05, 0.5 * 4 + 0.2 - 0.1])


def test_boundaries_are_subtracted_where_they_are_a_term() -> None:
    whole = CORRECTION.model_copy(update={"terms": ("a", "b", "c", "d"), "d": 0.3})
    point = whole.point(columns([2.0], [5.0], [0.5]))
    assert point.tolist() == pytest.approx([0.5 * 2 + 0.2 - 0.05 - 0.15])


def test_what_caches_do_not_keep_is_added_where_it_is_a_term() -> None:
    whole = CORRECTION.model_copy(update={"terms": ("a", "b", "c", "e"), "e": 0.4, "cache_mib": 0.5})
    touched = np.array([0.2, 1.5])
    point = whole.point({**columns([2.0, 2.0], [5.0, 5.0]), "e": touched})
    assert point.tolist() == pytest.approx([0.5 * 2 + 0.2 - 0.05, 0.5 * 2 + 0.2 - 0.05 + 0.4])
    assert touched.tolist() == [0.2, 1.5]


def test_arithmetic_is_added_where_it_is_a_term() -> None:
    whole = CORRECTION.model_copy(update={"terms": ("a", "b", "c", "f"), "f": 17.0})
    point = whole.point({**ONE, "f": np.array([0.1])})
    assert point.tolist() == pytest.approx([0.5 * 2 + 0.2 - 0.05 + 1.7])


def test_a_correction_without_arithmetic_is_stored_as_before() -> None:
    assert "f" not in CORRECTION.model_dump()
    with_it = CORRECTION.model_copy(update={"f": 17.0})
    assert Correction.model_validate_json(with_it.model_dump_json()) == with_it


def test_a_term_is_never_forgotten() -> None:
    for term, needed in (("d", "boundaries"), ("e", "touch"), ("f", "multiply-accumulates")):
        with pytest.raises(AssertionError, match=needed):
            CORRECTION.model_copy(update={term: 0.3}).point(ONE)
    for dropped, needed in (({}, "boundaries"), ({"d": 0.0}, "touch")):
        with pytest.raises(AssertionError, match=needed):
            IN_MEMORY.model_copy(update=dropped).factor(ONE)


def test_the_interval_widens_outside_the_arithmetic_that_was_calibrated() -> None:
    hull = Hull(min_sum_ms=1.0, max_sum_ms=4.0, min_layers=5, max_layers=10, giga_macs=(0.04, 0.2))
    correction = CORRECTION.model_copy(update={"f": 17.0, "hull": hull})
    at = {**columns([2.0] * 3, [7.0] * 3), "f": np.array([0.1, 0.25, 0.032])}
    assert correction.factor(at).tolist() == pytest.approx([1.1, 1.2, 1.2])
    assert correction.model_copy(update={"f": 0.0}).factor(at).tolist() == pytest.approx([1.1] * 3)


def test_nothing_is_predicted_below_the_floor() -> None:
    assert CORRECTION.point(columns([0.01], [100.0])).tolist() == [0.05]


def test_the_interval_widens_outside_what_was_calibrated() -> None:
    sums = np.array([1.0, 4.0, 5.0, 0.8, 2.0, 2.0, 5.0])
    layers = np.array([5.0, 10.0, 7.0, 7.0, 12.5, 4.0, 12.5])
    # A quarter beyond, at either end and along either axis, doubles the width of 0.1; both add up.
    expected = [1.1, 1.1, 1.2, 1.2, 1.2, 1.2, 1.3]
    assert CORRECTION.factor(columns(sums, layers)).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        # A quarter beyond M at either end, beyond W, and beyond both: only the larger distance counts.
        ((), [1.1, 1.2, 1.2, 1.2, 1.3]),
        (("e",), [1.1, 1.2, 1.2, 1.1, 1.2]),
        (("d",), [1.1, 1.1, 1.1, 1.2, 1.3]),
        (("d", "e"), [1.1, 1.1, 1.1, 1.1, 1.1]),
    ],
)
def test_the_interval_widens_outside_the_memory_of_a_term_that_was_kept(
    dropped: tuple[str, ...], expected: list[float]
) -> None:
    correction = IN_MEMORY.model_copy(update=dict.fromkeys(dropped, 0.0))
    boundary, touched = np.array([2.0, 5.0, 0.8, 2.0, 5.0]), np.array([6.0, 6.0, 6.0, 10.0, 12.0])
    factor = correction.factor(columns(np.full(5, 2.0), np.full(5, 7.0), boundary, touched))
    assert factor.tolist() == pytest.approx(expected)


def test_what_is_beyond_in_memory_adds_to_what_is_beyond_in_time() -> None:
    assert IN_MEMORY.factor(columns([5.0], [12.5], [5.0], [6.0])).tolist() == pytest.approx([1.4])


def test_below_what_caches_keep_nothing_is_extrapolated() -> None:
    at = columns([2.0], [7.0], [2.0], [0.32])
    assert IN_MEMORY.factor(at).tolist() == pytest.approx([1.1])
    without = IN_MEMORY.model_copy(update={"cache_mib": 0.0})
    assert without.factor(at).tolist() == pytest.approx([1.2])


def test_entries_that_may_be_off_further_than_in_calibration_widen_the_interval() -> None:
    hull = Hull(min_sum_ms=1.0, max_sum_ms=4.0, min_layers=5, max_layers=10, max_spread=0.03)
    correction = CORRECTION.model_copy(update={"hull": hull})
    sums, layers = np.full(4, 2.0), np.full(4, 7.0)
    spread = np.array([0.0, 0.03, 0.05, 0.13])
    # What is beyond 0.03, in quadrature, times 1.645 for 90 %, beside the half width of 0.1.
    beyond = np.sqrt(np.maximum(spread**2 - 0.03**2, 0.0)) * 1.644854
    expected = 1 + np.sqrt(0.1**2 + beyond**2)
    np.testing.assert_allclose(correction.factor(columns(sums, layers), spread), expected, rtol=1e-6)
    assert correction.factor(columns(sums[:2], layers[:2]), spread[:2]).tolist() == pytest.approx([1.1, 1.1])


def test_an_unchecked_sum_knows_of_no_spread() -> None:
    bare = CORRECTION.model_copy(update={"hull": None, "half_width": 1.0})
    factor = bare.factor(columns([2.0], [7.0]), np.array([0.5]))
    assert factor.tolist() == pytest.approx([1 + np.hypot(1.0, 1.644854 * 0.5)])


def test_the_spread_is_that_of_the_point() -> None:
    # Half of a lone layer's time is left in a network: so is what it may be off.
    assert CORRECTION.spread(np.array([0.1]), np.array([1.0])).tolist() == pytest.approx([0.05])


def test_what_layers_without_a_share_may_be_off_comes_on_top_of_what_residuals_hold() -> None:
    hull = Hull(min_sum_ms=1.0, max_sum_ms=4.0, min_layers=5, max_layers=10, max_spread=0.03)
    correction = CORRECTION.model_copy(update={"hull": hull, "shares": {"one": 0.0}, "share_sd": 0.08})
    at, point_ms = columns([2.0] * 4, [7.0] * 4), np.full(4, 1.0)
    # Half of each is left in a network: the spreads are 0, 0, 3 and 5 %, those of shares 0, 4, 4 and 4 %.
    spread = correction.spread(np.array([0.0, 0.0, 0.06, 0.1]), point_ms, np.array([0.0, 1.0, 1.0, 1.0]))
    beyond = np.array([0.0, 0.04, 0.04, np.hypot(0.04, 0.04)])
    assert correction.factor(at, spread) == pytest.approx(1 + np.hypot(0.1, 1.644854 * beyond))


def test_layers_of_few_networks_widen_by_more_than_calibration_networks_had_of_them() -> None:
    hull = Hull(min_sum_ms=1.0, max_sum_ms=4.0, min_layers=5, max_layers=10, seldom_spread=0.03)
    shares = {"one": 0.0, "two": 0.1}
    correction = CORRECTION.model_copy(
        update={"hull": hull, "shares": shares, "share_sd": 0.08, "seldom": ("two",)}
    )
    assert correction.well_known == {"one"}
    # Half of each is left in a network: 0, 2, 3 and 5 % of the latency, of which residuals hold 3.
    spread = correction.spread(np.zeros(4), np.full(4, 1.0), np.array([0.0, 0.5, 0.75, 1.25]))
    at, beyond = columns([2.0] * 4, [7.0] * 4), np.array([0.0, 0.0, 0.0, 0.04])
    assert correction.factor(at, spread) == pytest.approx(1 + np.hypot(0.1, 1.644854 * beyond))
    assert Correction.model_validate_json(correction.model_dump_json()) == correction


def test_a_correction_that_does_not_know_how_shares_differ_is_stored_and_widens_as_before() -> None:
    old = CORRECTION.model_copy(update={"shares": {"one": 0.02}})
    assert not {"share_sd", "seldom"} & old.model_dump().keys()
    entries, one = np.array([0.1]), np.array([1.0])
    assert old.spread(entries, one, one) == old.spread(entries, one)
    new = old.model_copy(update={"share_sd": 0.05})
    assert Correction.model_validate_json(new.model_dump_json()) == new


def test_a_correction_of_an_earlier_version_widens_nothing() -> None:
    document = CORRECTION.model_dump(mode="json")
    del document["hull"]["max_spread"]
    old = Correction.model_validate(document)
    assert old.factor(columns([2.0], [7.0]), np.array([0.2])).tolist() == pytest.approx([1.1])


def test_a_correction_that_knows_no_range_of_memory_is_stored_and_widens_as_before() -> None:
    hull = CORRECTION.model_dump(mode="json")["hull"]
    assert hull.keys() == {"min_sum_ms", "max_sum_ms", "min_layers", "max_layers", "max_spread"}
    old = IN_MEMORY.model_copy(update={"hull": Hull.model_validate(hull)})
    assert old.factor(columns([2.0], [7.0], [50.0], [90.0])).tolist() == pytest.approx([1.1])


def test_float32_stays_float32() -> None:
    sums, layers = np.array([2.0], dtype=np.float32), np.array([5.0], dtype=np.float32)
    at = columns(sums, layers, sums, layers, sums)
    every = IN_MEMORY.model_copy(update={"f": 17.0})
    assert every.point(at).dtype == every.factor(at).dtype == np.float32
    wide = CORRECTION.model_copy(update={"hull": None})
    assert wide.factor(at, wide.spread(sums, sums)).dtype == np.float32
    shared = CORRECTION.model_copy(update={"share_sd": 0.05})
    assert shared.spread(sums, sums, sums).dtype == np.float32


def test_the_arguments_are_left_as_they_were() -> None:
    sums, layers = np.array([2.0, 9.0]), np.array([5.0, 20.0])
    IN_MEMORY.point(columns(sums, layers, sums, layers))
    IN_MEMORY.factor(columns(sums, layers, sums, layers))
    assert sums.tolist() == [2.0, 9.0]
    assert layers.tolist() == [5.0, 20.0]


def test_json_gives_it_back() -> None:
    for correction in (CORRECTION, IN_MEMORY):
        assert Correction.model_validate_json(correction.model_dump_json()) == correction
