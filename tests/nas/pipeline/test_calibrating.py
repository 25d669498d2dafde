"""Whole networks to calibrate with: from cheap to dear, and no fewer than half of them have to run."""

import numpy as np
import pytest

from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable
from latency_predictors.memory import touched_mib
from latency_predictors.network_design import at_random
from nas.export.untrained import network_file
from nas.pipeline import calibrating
from nas.pipeline.amounts import NUM_CALIBRATION, NUM_FURTHER, NUM_ROUNDS_FURTHER
from nas.pipeline.calibrating import (
    calibration_set,
    fitted_to_entries,
    further_set,
    in_doubt,
    initial_file,
    measure_networks,
    sharpened,
    tell_doubts,
)
from nas.pipeline.tables import latest_table
from search_spaces.base import architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, measured

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


def test_further_networks_are_others_from_cheap_to_dear(finished: FinishedSearch) -> None:
    table = latest_table(finished.home.stores, here())
    further, more = (further_set(SPACE, table, number) for number in range(NUM_ROUNDS_FURTHER))
    assert further_set(SPACE, table, 0) == further
    assert len({*calibration_set(SPACE, table), *further, *more}) == NUM_CALIBRATION + 2 * NUM_FURTHER
    sums = np.array([table.costs_ms(layers(SPACE, one)).sum() for one in further])
    assert np.all(np.diff(sums) >= -1e-12)


def test_where_predictions_are_in_doubt_further_networks_are_measured(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, progress = latest_table(copied.stores, here()), Recorder()
    ctx, key = copied.context(progress), space_digest(SPACE)
    assert sharpened(ctx, table) is table, "it is sharp enough"
    monkeypatch.setattr(calibrating, "WIDE", 0.001)  # nothing is as sharp
    found: LookupTable = measured(copied, lambda: sharpened(ctx, table))
    assert [len(asked) for asked in copied.watch.asked] == [NUM_FURTHER, NUM_FURTHER]
    further = {one for number in range(NUM_ROUNDS_FURTHER) for one in further_set(SPACE, table, number)}
    assert further <= {point.architecture for point in found.corrections[key].points}
    assert sharpened(ctx, found) is found, "all of them are there"
    published = latest_table(copied.stores, here())
    assert published.corrections[key].points == found.corrections[key].points
    told = [line for line in progress.said if line.startswith("predictions may be off by")]
    assert len(told) == NUM_ROUNDS_FURTHER
    assert all(line.endswith(f"measuring {NUM_FURTHER} networks more") for line in told)


def test_what_repeats_explain_is_no_reason_to_measure_more(finished: FinishedSearch) -> None:
    correction = latest_table(finished.home.stores, here()).corrections[space_digest(SPACE)]
    first = correction.model_copy(update={"points": correction.points[:NUM_CALIBRATION], "half_width": 0.05})
    assert first.report is not None
    steady, shaky = (first.report.model_copy(update={"repeat_rel_sd": sd}) for sd in (0.01, 0.02))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrating, "WIDE", 0.04)
        assert in_doubt(first.model_copy(update={"report": steady}))
        assert not in_doubt(first.model_copy(update={"report": shaky}))


def test_networks_that_do_not_run_are_left_out_unless_they_are_most(copied: Home) -> None:
    table, metric = latest_table(copied.stores, here()), LatencyMetric("p95")
    some = calibration_set(SPACE, table)[:4]
    digests = [architecture_digest(SPACE, one) for one in some]
    copied.watch.broken = frozenset(digests[:1])
    ctx = copied.context()
    points = measured(copied, lambda: measure_networks(ctx, table, some, metric))
    assert [point.digest for point in points] == digests[1:]
    copied.watch.broken = frozenset(digests)
    slow = LatencyMetric("p95", pause_ms=5.0)
    with pytest.raises(MeasurementError, match="4 of 4 networks of this space") as caught:
        measured(copied, lambda: measure_networks(ctx, table, some, slow))
    assert caught.value.code == "too_few_run"


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
    empty = changed.model_copy(update={"entries": {}})
    assert fitted_to_entries(SPACE, empty) is empty


def test_searches_say_what_makes_predictions_better(copied: Home, finished: FinishedSearch) -> None:
    correction = latest_table(finished.home.stores, here()).corrections[space_digest(SPACE)]
    ctx = copied.context(progress := Recorder())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrating, "WIDE", 0.04)
        sharp, blunt = (correction.model_copy(update={"half_width": width}) for width in (0.01, 0.5))
        tell_doubts(ctx, [sharp, blunt])
    (line,) = progress.said
    assert line == "predictions may be off by 50.0 %; `hwnas devices profile` measures more against that"
