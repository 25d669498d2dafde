"""Further networks where predictions could be sharper: the same ones, once; who can do something is told."""

import numpy as np
import pytest

from latency_predictors.correction import Correction
from latency_predictors.latency_metric import PLAIN
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import exact_cost
from nas.pipeline import sharpening
from nas.pipeline.amounts import NUM_FURTHER, NUM_ROUNDS_FURTHER
from nas.pipeline.costs import latency_predictor
from nas.pipeline.durations import measuring_s
from nas.pipeline.sharpening import further_due, further_set, sharpened, tell_doubt, wider
from nas.pipeline.tables import latest_table
from nas.report.numbers import duration
from search_spaces.base import architecture_digest, space_digest
from search_spaces.catalogue import get_space
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, measured

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
KEY = space_digest(SPACE)


@pytest.fixture
def blunt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No interval is as narrow as is wanted."""
    monkeypatch.setattr(sharpening, "SHARP", 0.001)
    monkeypatch.setattr(sharpening, "WIDE", 0.04)


def changed(table: LookupTable, **changes: object) -> LookupTable:
    """A table with another correction."""
    return table.with_correction(KEY, table.corrections[KEY].model_copy(update=changes))


def test_further_networks_reach_from_little_to_much_work(finished: FinishedSearch) -> None:
    table = latest_table(finished.home.stores, here())
    rounds = [further_set(SPACE, table, number) for number in range(NUM_ROUNDS_FURTHER)]
    assert len({one for some in rounds for one in some}) == NUM_ROUNDS_FURTHER * NUM_FURTHER
    for some in rounds:
        macs = exact_cost(SPACE, "num_macs")(np.array(some))
        assert np.all(np.diff(macs) >= 0)
        assert np.diff(np.log(macs)).max() < 0.35 * np.log(macs[-1] / macs[0])


def test_they_stay_the_same_whatever_layers_take(finished: FinishedSearch) -> None:
    table, rng = latest_table(finished.home.stores, here()), np.random.default_rng(0)
    entries = {
        name: one.model_copy(update={"median_ms": one.median_ms * float(rng.uniform(0.5, 2.0))})
        for name, one in table.entries.items()
    }
    again = table.model_copy(update={"entries": entries})
    assert further_set(SPACE, again, 0) == further_set(SPACE, table, 0)


@pytest.mark.usefixtures("blunt")
def test_where_predictions_are_not_sharp_further_networks_are_measured_once(copied: Home) -> None:
    table, progress = latest_table(copied.stores, here()), Recorder()
    ctx = copied.context(progress)
    found: LookupTable = measured(copied, lambda: sharpened(ctx, table))
    assert len(copied.watch.asked) == NUM_ROUNDS_FURTHER
    assert all(NUM_FURTHER / 2 < len(asked) <= NUM_FURTHER for asked in copied.watch.asked)
    further = {one for number in range(NUM_ROUNDS_FURTHER) for one in further_set(SPACE, table, number)}
    assert further <= {point.architecture for point in found.corrections[KEY].points}
    assert sharpened(ctx, found) is found
    assert latest_table(copied.stores, here()).corrections[KEY].points == found.corrections[KEY].points
    told = [line for line in progress.said if line.startswith("predictions may be off by")]
    assert len(told) == NUM_ROUNDS_FURTHER
    for line, asked in zip(told, copied.watch.asked, strict=True):
        seconds = duration(measuring_s(0, len(asked), PLAIN))
        assert line.endswith(f"measuring {len(asked)} networks more, for about {seconds}")


@pytest.mark.usefixtures("blunt")
def test_it_is_said_that_slow_networks_take_longer(copied: Home) -> None:
    table, progress = latest_table(copied.stores, here()), Recorder()
    entries = {
        name: one.model_copy(update={"median_ms": 1000 * one.median_ms})
        for name, one in table.entries.items()
    }
    slow = table.model_copy(update={"entries": entries})
    due = further_due(SPACE, slow, 0)
    network_ms = float(latency_predictor(SPACE, slow).predict(np.array(due)).point.mean())
    assert sharpened(copied.context(progress), slow) is None
    seconds = measuring_s(0, len(due), PLAIN, network_ms)
    assert seconds > 2 * measuring_s(0, len(due), PLAIN)
    assert progress.said[-1].endswith(f"measuring {len(due)} networks more, for about {duration(seconds)}")


@pytest.mark.usefixtures("blunt")
def test_networks_that_do_not_run_keep_no_others_from_being_measured(copied: Home) -> None:
    table = latest_table(copied.stores, here())
    broken = further_due(SPACE, table, 0)[:3]
    copied.watch.broken = frozenset(architecture_digest(SPACE, one) for one in broken)
    ctx = copied.context()
    found: LookupTable = measured(copied, lambda: sharpened(ctx, table))
    points = {point.architecture for point in found.corrections[KEY].points}
    assert set(further_set(SPACE, table, 1)) <= points
    assert set(further_set(SPACE, table, 0)) - points == set(broken)
    assert sharpened(ctx, found) is found


def test_what_is_sharp_enough_measures_nothing(copied: Home) -> None:
    table = latest_table(copied.stores, here())
    assert sharpened(copied.context(), table) is table
    assert copied.watch.asked == []


@pytest.mark.usefixtures("blunt")
def test_where_layers_of_networks_are_not_known_more_networks_would_not_help(copied: Home) -> None:
    table = latest_table(copied.stores, here())
    points = table.corrections[KEY].points
    old = changed(table, points=(points[0].model_copy(update={"layer_ms": {}}), *points[1:]))
    assert further_due(SPACE, table, 0) != []
    assert further_due(SPACE, old, 0) == []


def test_what_repeats_explain_is_no_reason_to_measure_more(finished: FinishedSearch) -> None:
    correction = latest_table(finished.home.stores, here()).corrections[KEY]
    assert correction.report is not None

    def noisy(repeat_rel_sd: float) -> Correction:
        report = correction.report.model_copy(update={"repeat_rel_sd": repeat_rel_sd})  # type: ignore[union-attr]
        return correction.model_copy(update={"half_width": 0.05, "report": report})

    assert wider(noisy(0.01), 0.04)
    assert not wider(noisy(0.02), 0.04)
    assert not wider(noisy(0.01), 0.05)
    assert wider(noisy(0.02).model_copy(update={"report": None}), 0.04), "of so few networks nothing is known"


@pytest.mark.usefixtures("blunt")
def test_a_search_says_what_would_help_where_something_would(copied: Home) -> None:
    table, progress = latest_table(copied.stores, here()), Recorder()
    ctx = copied.context(progress)
    tell_doubt(ctx, changed(table, half_width=0.063))
    (line,) = progress.said
    assert line.startswith(f"{table.device.label}, {table.context.label}: predictions may be off by 6.3 %")
    assert "`hwnas devices profile`" in line
    tell_doubt(ctx, changed(table, half_width=0.03))
    tell_doubt(ctx, changed(measured(copied, lambda: sharpened(ctx, table)), half_width=0.063))
    assert sum("`hwnas devices profile`" in line for line in progress.said) == 1
