"""Whole networks to calibrate with: from cheap to dear, and no fewer than half of them have to run."""

import numpy as np
import pytest

from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.layer_shares import LayerParts
from latency_predictors.memory import touched_mib
from latency_predictors.network_design import at_random
from nas.export.untrained import network_file
from nas.pipeline import calibrating
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.calibrating import (
    calibration_set,
    doubted_ms,
    fitted_to_entries,
    initial_file,
    mean_sum_ms,
    measure_networks,
)
from nas.pipeline.tables import latest_table
from search_spaces.base import architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, random_architectures, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.published import published
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, measured

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)


def test_networks_to_calibrate_on_reach_from_cheap_to_dear(finished: FinishedSearch) -> None:
    table = latest_table(finished.home.stores, here())
    chosen = calibration_set(SPACE, table)
    assert calibration_set(SPACE, table) == chosen
    assert len(set(chosen)) == NUM_CALIBRATION
    sums = np.array([table.costs_ms(layers(SPACE, one)).sum() for one in chosen])
    assert np.all(np.diff(sums) >= 0)
    steps = np.diff(np.log(sums))
    assert steps.max() < 0.35 * np.log(sums[-1] / sums[0])


def test_they_tell_what_the_sums_are_corrected_with_apart(
    finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = latest_table(finished.home.stores, here())

    def told_apart() -> float:
        """The determinant of the normal equations: what a fit on the networks knows of two terms."""
        found = [layers(SPACE, one) for one in calibration_set(SPACE, table)]
        sums = np.array([table.costs_ms(some).sum() for some in found], dtype=np.float64)
        touched = np.array([sum(touched_mib(spec, 1) for spec in some) for some in found])
        terms = np.stack([np.ones(len(sums)), 1 / sums, touched / sums], axis=1)
        return float(np.linalg.det(terms.T @ terms))

    designed = told_apart()
    monkeypatch.setattr(calibrating, "telling_apart", lambda candidates: at_random(np.random.default_rng(0)))
    assert designed > 1.2 * told_apart()


def test_networks_that_do_not_run_are_left_out_unless_they_are_most(copied: Home) -> None:
    table, metric = latest_table(copied.stores, here()), LatencyMetric("p95")
    some = calibration_set(SPACE, table)[:4]
    digests = [architecture_digest(SPACE, one) for one in some]
    copied.watch.broken = frozenset(digests[:1])
    ctx = copied.context()
    points = measured(copied, lambda: measure_networks(ctx, table, some, metric))
    assert [point.digest for point in points] == digests[1:]
    where = (here().device.digest, metric.context(here().context).digest)
    for point in points:
        every = copied.stores.sessions.sessions(*where, [point.digest])
        stored = {one.session_id: one.started_at for one in every if one.timing == metric.timing}
        assert set(point.session_ids) == stored.keys()
        assert point.measured_at == max(stored.values())
    copied.watch.broken = frozenset(digests)
    slow = LatencyMetric("p95", pause_ms=5.0)
    with pytest.raises(MeasurementError, match="4 of 4 networks of this space") as caught:
        measured(copied, lambda: measure_networks(ctx, table, some, slow))
    assert caught.value.code == "too_few_run"


def test_networks_that_are_timed_plainly_keep_the_kernels_that_run_them(copied: Home) -> None:
    table, ctx = latest_table(copied.stores, here()), copied.context()
    some = calibration_set(SPACE, table)[:2]
    plain = measured(copied, lambda: measure_networks(ctx, table, some))
    assert all(point.kernels["Node"] > 1 for point in plain)
    tails = measured(copied, lambda: measure_networks(ctx, table, some, LatencyMetric("p95")))
    assert [point.kernels for point in tails] == [{}, {}], "a new version is not checked with them"


def test_a_file_to_calibrate_with_is_the_same_each_time_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that cannot be run is told by its bytes: another file would be tried again, for ever."""
    monkeypatch.setattr(calibrating, "network_file", network_file)  # tests beside it write each once
    architecture = as_architecture(smallest(SPACE)[0])
    assert initial_file(SPACE, architecture) == initial_file(SPACE, architecture)


def test_corrections_are_fitted_again_where_layers_take_another_time(finished: FinishedSearch) -> None:
    table, key = latest_table(finished.home.stores, here()), space_digest(SPACE)
    assert fitted_to_entries(SPACE, table) is table, "nothing has changed"
    entries = {
        name: one.model_copy(update={"median_ms": 2.0 * one.median_ms}) for name, one in table.entries.items()
    }
    changed = table.model_copy(update={"entries": entries})
    before, after = table.corrections[key], fitted_to_entries(SPACE, changed).corrections[key]
    assert before.hull is not None
    assert after.a == pytest.approx(before.a / 2, rel=1e-6)
    for old, new in zip(before.points, after.points, strict=True):
        assert new.sum_ms == changed.costs_ms(layers(SPACE, new.architecture)).sum()
        assert new.spread_ms == pytest.approx(2.0 * old.spread_ms)
        assert (new.digest, new.measured_ms) == (old.digest, old.measured_ms)
    assert {architecture_digest(SPACE, one.architecture) for one in after.points} == {
        one.digest for one in after.points
    }
    untold = [one.model_copy(update={"touched_mib": 0.0}) for one in before.points]
    older = table.with_correction(key, before.model_copy(update={"points": tuple(untold)}))
    assert fitted_to_entries(SPACE, older).corrections[key].points == before.points, "layers say what was not"
    unknown = [one.model_copy(update={"architecture": ()}) for one in before.points]
    old_kind = changed.with_correction(key, before.model_copy(update={"points": tuple(unknown)}))
    assert fitted_to_entries(SPACE, old_kind) is old_kind, "of earlier versions nothing is known but digests"
    hull = before.hull.model_copy(update={"giga_macs": None})
    outdated = table.with_correction(key, before.model_copy(update={"hull": hull}))
    assert fitted_to_entries(SPACE, outdated).corrections[key].hull == before.hull
    empty = changed.model_copy(update={"entries": {}})
    assert fitted_to_entries(SPACE, empty) is empty


def test_a_correction_is_fitted_again_where_it_does_not_know_how_far_shares_can_be_relied_on(
    finished: FinishedSearch,
) -> None:
    table, key = latest_table(finished.home.stores, here()), space_digest(SPACE)
    correction = table.corrections[key]
    assert not correction.shares, "too few networks"
    older = correction.model_copy(update={"shares": {"one": 0.01}})
    found = fitted_to_entries(SPACE, table.with_correction(key, older)).corrections[key]
    assert (found.shares, found.points) == ({}, correction.points)
    assert LayerParts.of(correction.points).seldom() == ()
    told = table.with_correction(key, older.model_copy(update={"share_sd": 0.02}))
    assert fitted_to_entries(SPACE, told) is told
    other = {"share_sd": 0.02, "seldom": ("one",)}
    half_told = table.with_correction(key, older.model_copy(update=other))
    assert fitted_to_entries(SPACE, half_told).corrections[key].shares == {}, "not those of few networks"


def test_sums_of_networks_say_what_they_take_on_average(finished: FinishedSearch) -> None:
    table = latest_table(finished.home.stores, here())
    points = table.corrections[space_digest(SPACE)].points[:3]
    found = mean_sum_ms(SPACE, table, [point.architecture for point in points])
    assert found == pytest.approx(sum(point.sum_ms for point in points) / 3)


def test_suspect_networks_say_what_they_take_on_average_as_far_as_they_are_noted(
    finished: FinishedSearch,
) -> None:
    table, key = latest_table(finished.home.stores, here()), space_digest(SPACE)
    correction = table.corrections[key]
    points = [
        point.model_copy(update={"suspect": i < 3, "measured_ms": 10.0**i})
        for i, point in enumerate(correction.points[:4])
    ]
    doubted = table.with_correction(key, correction.model_copy(update={"points": tuple(points)}))
    noted = {point.digest: 3 for point in points[1:]}
    assert doubted_ms(SPACE, doubted, noted) == pytest.approx((10 + 100) / 2)
    assert doubted_ms(SPACE, doubted, {}) == 0


def test_no_published_figure_corrects_a_table(copied: Home) -> None:
    table, ctx = latest_table(copied.stores, here()), copied.context()
    known = {point.digest for point in table.corrections[space_digest(SPACE)].points}
    drawn = map(as_architecture, random_architectures(SPACE, 30, np.random.default_rng(1)))
    new = [one for one in drawn if architecture_digest(SPACE, one) not in known][:2]
    with pytest.raises(MeasurementError) as caught:
        published(copied, ctx, here(), lambda: measure_networks(ctx, table, new))
    assert caught.value.code == "published_values"
