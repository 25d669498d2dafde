"""Tables are completed, calibrated once and checked against the limits before anything is trained."""

from dataclasses import replace

import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from latency_predictors.probes import probe_subjects
from nas.jobs import JobState, Waiting
from nas.pipeline import profile, sites
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.calibrating import add_points, calibration_set, mean_sum_ms, measure_networks
from nas.pipeline.context import Done, PhaseContext
from nas.pipeline.durations import measuring_s
from nas.pipeline.profile import ProfileDocument, profile_site, table_summary
from nas.pipeline.tables import latest_table
from nas.report.numbers import duration
from search_spaces.base import space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import InfeasibleError, MeasurementError
from search_spaces.slot_tables import distinct_layers
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, measured, small_spec

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
NUM_FIRST = len(distinct_layers(SPACE)) + len(probe_subjects("onnx", "fp32"))
"""What is measured of a context that is used for the first time: layers, and probes of the runtime."""


def profiled(home: Home, ctx: PhaseContext) -> LookupTable:
    """The table of the host, with everything measured that it lacked."""
    table = measured(home, lambda: profile_site(ctx, here()))
    assert isinstance(table, LookupTable)
    return table


def test_every_layer_is_measured_once_then_whole_networks(home: Home) -> None:
    ctx = home.context()
    summary = table_summary(ctx, profiled(home, ctx))
    keys = [layer_key(spec) for spec in distinct_layers(SPACE)]
    layers_asked, networks_asked = home.watch.asked
    probes = [probe.digest for probe in probe_subjects("onnx", "fp32")]
    assert sorted(layers_asked) == sorted(keys + probes)
    assert len(set(networks_asked)) == len(networks_asked) == NUM_CALIBRATION
    assert (summary.num_layers, summary.num_measured_now) == (len(keys), len(keys))
    assert summary.report["num_networks"] == NUM_CALIBRATION
    assert isinstance(ctx.progress, Recorder)
    seconds = measuring_s(NUM_FIRST, NUM_CALIBRATION, LatencyMetric())
    what = f"{len(keys)} layers and {NUM_CALIBRATION} whole networks"
    assert f"measuring {what} on {host_device().label}, for about {duration(seconds)}" in ctx.progress.said
    later = home.context(seed=1)
    again = table_summary(later, profiled(home, later))
    assert len(home.watch.asked) == 2
    assert again.num_measured_now == 0
    assert again.report == summary.report


def test_layers_and_networks_are_timed_each_by_their_protocol(home: Home) -> None:
    ctx = home.context()
    protocols = []
    for _ in range(2):
        assert profile_site(ctx, here()) is None
        leased = home.stores.measurements.lease(host_device().digest, "by hand")
        assert leased is not None
        protocols += [batch.timing for batch in leased[1]]
        home.stores.measurements.give_back(leased[0])
        home.watch.serve(home.stores)
    assert protocols == [LAYER_PROTOCOL, NETWORK_PROTOCOL]


def test_what_is_measured_is_announced_once_however_often_the_phase_comes_back(home: Home) -> None:
    ctx = home.context()
    for _ in range(3):
        assert profile_site(ctx, here()) is None
    assert isinstance(ctx.progress, Recorder)
    assert len(ctx.progress.said) == 1


def test_a_space_that_shares_layers_measures_only_the_others(copied: Home) -> None:
    """With another number of classes only the head is another layer; networks are calibrated anew."""
    document = small_spec().model_dump(mode="json")["dataset"]
    ctx = copied.context(dataset={**document, "num_classes": 7})
    summary = table_summary(ctx, profiled(copied, ctx))
    asked, networks = copied.watch.asked
    # On a restless machine the probes have told nothing, and are asked again.
    head = set(asked) - {probe.digest for probe in probe_subjects("onnx", "fp32")}
    assert summary.num_measured_now == len(head) == 1
    assert len(networks) == NUM_CALIBRATION
    table = latest_table(copied.stores, here())
    assert {space_digest(SPACE), space_digest(ctx.space)} == set(table.corrections)


def test_layers_that_were_measured_are_kept_when_calibrating_fails(home: Home) -> None:
    ctx = home.context()
    assert profile_site(ctx, here()) is None
    home.watch.serve(home.stores)
    assert profile_site(ctx, here()) is None
    leased = home.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    lease, (batch,) = leased
    blamed = next(iter(batch.artifacts))
    home.stores.measurements.fail(lease, batch, [blamed], "session_died", "killed by signal 11")
    home.stores.measurements.give_back(lease)
    with pytest.raises(MeasurementError, match="killed by signal 11"):
        profile_site(ctx, here())
    assert not latest_table(home.stores, here()).missing(distinct_layers(SPACE))
    profiled(home, ctx)
    assert [len(asked) for asked in home.watch.asked] == [NUM_FIRST, NUM_CALIBRATION]


def test_two_searches_that_wait_for_the_same_layers_have_them_measured_once(home: Home) -> None:
    first, second = home.submit(small_spec()), home.submit(small_spec(seed=1))
    for job in (first, second):
        assert home.attempt(job) is JobState.WAITING
    home.watch.serve(home.stores)
    states = {home.stores.jobs.get("local", job.id).state for job in (first, second)}
    assert states == {JobState.QUEUED}
    assert [len(asked) for asked in home.watch.asked] == [NUM_FIRST]


def test_a_search_predicts_with_what_it_profiled_whatever_is_measured_later(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context()
    assert profile.run(ctx) == Done()
    document = ctx.run.load("profile", ProfileDocument)
    before = document.table(ctx, 0)
    # Another search measures further networks, and layers of another space.
    other = copied.context(seed=1)
    points = measured(copied, lambda: measure_networks(other, before, calibration_set(SPACE, before)[:5]))
    refitted = add_points(SPACE, before, [one.model_copy(update={"measured_ms": 9.0}) for one in points])
    extra = get_space("nas_bench_201", preset="tiny", num_classes=9, in_channels=3).slots[-1].layer()
    entry = next(iter(before.entries.values()))
    entries = {**refitted.entries, layer_key(extra): entry}  # type: ignore[arg-type]
    copied.stores.tables.publish(other.run.lease, refitted.model_copy(update={"entries": entries}))
    latest = latest_table(copied.stores, here())
    assert latest.entries.keys() != before.entries.keys()
    assert latest.corrections[space_digest(SPACE)] != before.corrections[space_digest(SPACE)]
    # The same search in another process.
    assert document.table(ctx, 0) == before
    assert finished.run.load("profile", ProfileDocument).versions == document.versions


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"latency_ms": 1e-4}, "latency_ms <= 0.0001"),
        ({"num_params": 10}, "num_params <= 10"),
        ({"num_macs": 10, "latency_ms": 50}, "num_macs <= 10"),
    ],
)
def test_limits_nobody_can_meet_end_a_search_before_training(
    limits: dict[str, float], named: str, copied: Home
) -> None:
    known = len(copied.stores.supernets.list_all("local"))
    with pytest.raises(InfeasibleError) as caught:
        copied.search(targets=[{"limits": limits}], seed=1)
    assert caught.value.code == "infeasible_limits"
    assert named in caught.value.message
    assert "the nearest reachable value is" in caught.value.message
    assert len(copied.stores.supernets.list_all("local")) == known
    assert copied.compute.tasks == []


def test_limits_that_shapes_rule_out_are_refused_before_anything_is_measured(home: Home) -> None:
    ctx = home.context(targets=[{}, {"limits": {"num_params": 10, "latency_ms": 50.0}}])
    with pytest.raises(InfeasibleError, match="num_params <= 10: the nearest reachable value is") as caught:
        profile.run(ctx)
    assert caught.value.code == "infeasible_limits"
    assert home.stores.measurements.lease(host_device().digest, "by hand") is None


def test_a_limit_of_an_arena_that_nobody_knows_is_refused_before_anything_is_measured(home: Home) -> None:
    ctx = home.context(targets=[{"limits": {"arena_bytes": 100_000}}])
    with pytest.raises(MeasurementError) as caught:
        profile.run(ctx)
    assert caught.value.code == "arena_unknown"
    assert home.stores.measurements.lease(host_device().digest, "by hand") is None


def test_each_target_has_its_table(copied: Home) -> None:
    ctx = copied.context(targets=[{}, {"limits": {"latency_ms": 50.0}}])
    assert profile.run(ctx) == Done()
    first, second = ctx.run.load("profile", ProfileDocument).tables
    assert first == second
    assert copied.watch.asked == []


def test_a_runtime_that_is_used_for_the_first_time_is_probed(home: Home) -> None:
    ctx = home.context()
    graph = profiled(home, ctx).graph
    assert graph is not None
    assert graph.probes_ms.keys() == {probe.path.stem for probe in probe_subjects("onnx", "fp32")}
    stored = latest_table(home.stores, here())
    assert stored.graph == graph
    # What is known of it stays when layers of another space are measured.
    assert home.stores.tables.publish(ctx.run.lease, stored.model_copy(update={"graph": None})) > 0
    assert latest_table(home.stores, here()).graph == graph


METRICS = [LatencyMetric("p95"), LatencyMetric(pause_ms=20.0), LatencyMetric("p95", pause_ms=20.0)]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.label)
def test_the_tail_and_pauses_are_calibrated_on_networks_that_are_measured_so(
    metric: LatencyMetric, copied: Home
) -> None:
    """The layers are those that are there; the networks are other measurements, and another correction."""
    ctx = copied.context()
    assert profile_site(ctx, here(), metric) is None
    assert isinstance(ctx.progress, Recorder)
    seconds = measuring_s(0, NUM_CALIBRATION, metric)
    what = f"{NUM_CALIBRATION} whole networks ({metric.label}) on {host_device().label}"
    assert f"measuring {what}, for about {duration(seconds)}" in ctx.progress.said
    leased = copied.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    lease, (batch,) = leased
    assert (batch.timing, batch.context) == (metric.timing, metric.context(host_context()))
    assert len(batch.artifacts) == NUM_CALIBRATION
    copied.stores.measurements.give_back(lease)
    table = measured(copied, lambda: profile_site(ctx, here(), metric))
    correction = table.corrections[metric.correction_key(space_digest(SPACE))]
    plain = table.corrections[space_digest(SPACE)]
    assert (correction.metric, plain.metric) == (metric, LatencyMetric())
    by_digest = {point.digest: point.measured_ms for point in plain.points}
    # The stopwatch's tail is 3 % above its median, its pauses cost nothing.
    tail = 1.03 if metric.statistic == "p95" else 1.0
    for point in correction.points:
        # Those that were verified are files of other facts, which are a few bytes longer.
        assert point.measured_ms == pytest.approx(tail * by_digest[point.digest], rel=1e-3)


def test_networks_of_a_second_metric_are_announced_too(home: Home) -> None:
    ctx = home.context(targets=[{}, {"latency": {"statistic": "p95", "mode": "paced", "pause_ms": 20}}])
    measured(home, lambda: profile.run(ctx))
    assert isinstance(ctx.progress, Recorder)
    said = [line.split(" on ")[0] for line in ctx.progress.said if line.startswith("measuring ")]
    networks = f"{NUM_CALIBRATION} whole networks"
    layers = f"measuring {len(distinct_layers(SPACE))} layers and {networks}"
    assert said == [layers, f"measuring {networks} (p95 with pauses of 20 ms)"]


def test_it_is_said_that_networks_take_longer_where_the_layers_are_slow(copied: Home) -> None:
    ctx, metric = copied.context(), LatencyMetric("p95")
    table = latest_table(copied.stores, here())
    entries = {
        key: entry.model_copy(update={"median_ms": 1000 * entry.median_ms})
        for key, entry in table.entries.items()
    }
    copied.stores.tables.publish(ctx.run.lease, table.model_copy(update={"entries": entries}))
    assert profile_site(ctx, here(), metric) is None
    slow = latest_table(copied.stores, here())
    network_ms = mean_sum_ms(SPACE, slow, calibration_set(SPACE, slow))
    assert network_ms > 50
    assert isinstance(ctx.progress, Recorder)
    seconds = measuring_s(0, NUM_CALIBRATION, metric, network_ms)
    assert ctx.progress.said[-1].endswith(f", for about {duration(seconds)}")


def test_a_search_that_comes_back_on_another_version_says_so(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = copied.context()
    assert profile.run(ctx) == Done()
    changed = replace(host_context(), runtime_version="0.0.1")
    monkeypatch.setattr(sites, "context_of", lambda spec: changed)
    with pytest.raises(MeasurementError, match=r"onnxruntime 0\.0\.1") as caught:
        ctx.run.load("profile", ProfileDocument).table(ctx, 0)
    assert caught.value.code == "context_mismatch"


def test_a_table_of_the_same_number_in_another_context_is_not_taken_for_that_of_the_search(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its correction was fitted in one context; the layers of another would be summed with it."""
    ctx = copied.context()
    assert profile.run(ctx) == Done()
    document = ctx.run.load("profile", ProfileDocument)
    before, number = document.table(ctx, 0), document.versions[0]
    changed = replace(host_context(), power_mode="governor powersave")
    for count in range(1, number + 1):
        some = dict(list(before.entries.items())[:count])
        other = before.model_copy(update={"context": changed, "entries": some, "corrections": {}})
        assert copied.stores.tables.publish(ctx.run.lease, other) == count
    assert document.contexts == (host_context(),)
    monkeypatch.setattr(sites, "context_of", lambda spec: changed)
    with pytest.raises(MeasurementError) as caught:
        document.table(ctx, 0)
    assert caught.value.code == "context_mismatch"
    assert f"with {host_context().label}, and it runs {changed.label} now" in caught.value.message


def test_a_search_does_not_go_on_with_the_table_of_another_machine(finished: FinishedSearch) -> None:
    ctx = finished.home.unsubmitted()
    elsewhere = finished.run.load("profile", ProfileDocument).model_copy(update={"devices": ("f" * 64,)})
    with pytest.raises(MeasurementError) as caught:
        elsewhere.table(ctx, 0)
    assert caught.value.code == "context_mismatch"


def test_the_phase_waits_without_leaving_its_document(home: Home) -> None:
    ctx = home.context()
    assert profile.run(ctx) == Waiting()
    assert not ctx.run.has("profile")
