"""Exported files are measured by what is meant by latency; what does not run is told beside the others."""

from datetime import UTC, datetime

import pytest

from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.spread import Measured
from nas.pipeline.calibrating import add_points, initial_file
from nas.pipeline.context import PhaseContext
from nas.pipeline.measured_files import latency_of, measure_file, measure_files, measure_sustained
from nas.pipeline.tables import latest_table
from search_spaces.base import space_digest
from search_spaces.errors import MeasurementError
from search_spaces.sampling import as_architecture, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.older_sessions import forget_waiting
from tests.nas.pipeline.published import published
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, file_ms, measured

TAIL = LatencyMetric("p95")


def test_files_are_measured_under_their_digests(copied: Home, finished: FinishedSearch) -> None:
    ctx, known = copied.context(), finished.target.networks[0].file_sha256
    files = [
        ctx.stores.artifacts.put(initial_file(ctx.space, as_architecture(smallest(ctx.space)[0]))),
        known,
    ]
    found = measured(copied, lambda: measure_files(ctx, here(), LatencyMetric(), files))
    assert found.unsupported == {}
    for file in files:
        assert found.values[file].median_ms == pytest.approx(file_ms(ctx.run.network_path(file)))
    # The second one was measured when it was verified.
    assert copied.watch.asked == [files[:1]]


def test_networks_that_were_disturbed_widen_no_interval_of_others(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx, table = copied.context(), latest_table(copied.stores, here())
    drawn = [point for point in table.corrections[space_digest(ctx.space)].points if not point.predicted_ms]
    disturbed = [
        point.model_copy(update={"digest": f"disturbed {n}", "suspect": True, "rel_sd": 0.5})
        for n, point in enumerate(drawn)
    ]
    ctx.stores.tables.publish(ctx.run.lease, add_points(ctx.space, table, disturbed))
    known = finished.target.networks[0].file_sha256
    found = measured(copied, lambda: measure_files(ctx, here(), LatencyMetric(), [known])).values[known]
    assert found.upper_ms / found.lower_ms < 1.1


@pytest.mark.parametrize("older", [False, True])
def test_the_next_job_measures_a_suspect_file_once_more_and_says_so(
    copied: Home, finished: FinishedSearch, *, older: bool
) -> None:
    """What a job has measured itself stays as it is: the device is busy still."""
    first, calm = copied.context(), finished.target.networks[0].file_sha256
    content = initial_file(first.space, as_architecture(smallest(first.space)[0]))
    new = first.stores.artifacts.put(content)

    def suspect(ctx: PhaseContext, *, again: bool = True) -> bool:
        found = measured(copied, lambda: measure_files(ctx, here(), PLAIN, [new, calm], again=again))
        return bool(found.values[new].suspect)

    copied.watch.busy = 1.3
    assert suspect(first)
    assert suspect(first)
    if older:
        forget_waiting(copied)
    copied.watch.busy = 0.0
    shown = Recorder()
    second = copied.context(shown)
    assert suspect(second, again=False)
    assert not suspect(second)
    assert copied.watch.asked == [[new], [new]]
    assert [one for one in shown.said if one.startswith("measuring 1 network once more on ")]
    assert not suspect(copied.context())
    assert copied.watch.asked == [[new], [new]]


def test_no_published_figure_verifies_a_file(copied: Home) -> None:
    ctx = copied.context()
    file = ctx.stores.artifacts.put(initial_file(ctx.space, as_architecture(smallest(ctx.space)[0])))
    with pytest.raises(MeasurementError) as caught:
        published(copied, ctx, here(), lambda: measure_files(ctx, here(), PLAIN, [file]))
    assert caught.value.code == "published_values"


@pytest.mark.parametrize("asked", ["energy", "sustained"])
def test_no_published_figure_stands_beside_a_measured_latency(
    copied: Home, finished: FinishedSearch, asked: str
) -> None:
    ctx, known = copied.context(), finished.target.networks[0].file_sha256

    def ask() -> object:
        if asked == "energy":
            return measure_files(ctx, here(), PLAIN, [known], energy=True)
        return measure_sustained(ctx, here(), PLAIN, 5.0, [known])

    with pytest.raises(MeasurementError) as caught:
        published(copied, ctx, here(), ask)
    assert caught.value.code == "published_values"


def test_what_was_measured_is_shown_as_measured() -> None:
    shown = latency_of(Measured("d", 1.0, 0.9, 1.2, 1.3, 0.01, ("s1", "s2"), suspect=False))
    assert (shown.lower_ms, shown.median_ms, shown.upper_ms, shown.p90_ms) == (0.9, 1.0, 1.2, 1.3)
    assert (shown.kind, shown.sessions) == ("measured", ("s1", "s2"))
    assert (shown.value_ms, shown.statistic, shown.p95_ms) == (1.0, "median", None)


def test_a_network_says_when_it_was_measured_and_that_this_is_provisional(finished: FinishedSearch) -> None:
    began = datetime.fromisoformat(finished.run.started_at())
    for network in finished.target.networks:
        assert began <= datetime.fromisoformat(network.latency.measured_at) <= datetime.now(UTC)
        assert network.latency.provisional is True, "two sessions are behind it, both of one day"
    days = "2026-01-03T03:04:05+00:00"
    measured_thrice = Measured("d", 1, 1, 1, 1, 0.01, ("s1",), suspect=False, measured_at=days, settled=True)
    shown = latency_of(measured_thrice)
    assert (shown.measured_at, shown.provisional) == (days, False)


def test_a_tail_is_measured_and_shown_as_a_tail(copied: Home, finished: FinishedSearch) -> None:
    ctx, (network, *_) = copied.context(), finished.target.networks
    metric, file = LatencyMetric("p95", pause_ms=20.0), network.file_sha256
    found, energy = measured(copied, lambda: measure_file(ctx, here(), metric, file))
    assert energy is None
    shown = latency_of(found)
    # The stopwatch's tail is 3 % above its median.
    assert shown.median_ms == pytest.approx(network.latency.median_ms)
    assert shown.value_ms == shown.p95_ms == pytest.approx(1.03 * shown.median_ms)
    assert shown.statistic == "p95"
    assert shown.lower_ms < shown.value_ms < shown.upper_ms


def test_what_the_runtime_cannot_run_is_told_beside_what_was_measured(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx, (first, second, *_) = copied.context(), finished.target.networks
    files = [first.file_sha256, second.file_sha256]
    copied.watch.broken = frozenset(files[:1])
    found = measured(copied, lambda: measure_files(ctx, here(), TAIL, files))
    assert found.values.keys() == {files[1]}
    assert {(file, why.code) for file, why in found.unsupported.items()} == {(files[0], "file_not_loadable")}
    # It is not tried again, whoever asks.
    with pytest.raises(MeasurementError) as caught:
        measure_file(ctx, here(), TAIL, files[0])
    assert caught.value.code == "file_not_loadable"
    assert [len(asked) for asked in copied.watch.asked] == [2]
