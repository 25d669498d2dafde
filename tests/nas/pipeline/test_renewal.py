"""A new version of the runtime: the old table is checked with few measurements; nothing is thrown away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from latency_predictors.device import host_context
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.probes import probe_subjects
from latency_predictors.renewal import MIN_NETWORKS, NUM_NETWORKS
from latency_predictors.trust import STALE_AFTER
from nas.jobs import Waiting
from nas.pipeline import profile
from nas.pipeline.amounts import NUM_CALIBRATION, NUM_SESSIONS
from nas.pipeline.context import PhaseContext
from nas.pipeline.durations import NETWORK_S, session_s
from nas.pipeline.profile import Due, noted_due, profile_site, recheck
from nas.pipeline.renewal import predecessor, uses_in_fronts
from nas.pipeline.tables import latest_table
from nas.report.numbers import duration
from search_spaces.base import architecture_from_values, space_digest
from search_spaces.catalogue import get_space
from search_spaces.network import layers
from search_spaces.slot_tables import distinct_layers
from tests.nas.pipeline import small_search
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, measured

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
OLD = host_context()
NEW = replace(OLD, runtime_version="99.0.0")


@pytest.fixture
def upgraded(copied: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home of a finished search on a host whose runtime has a new version."""
    monkeypatch.setattr("nas.pipeline.sites.host_context", lambda runtime, **options: NEW)
    return copied


def profiled(home: Home, ctx: PhaseContext) -> LookupTable:
    table = measured(home, lambda: profile_site(ctx, here(NEW)))
    assert isinstance(table, LookupTable)
    return table


def test_a_version_that_changes_nothing_costs_a_sample(upgraded: Home) -> None:
    old, ctx = latest_table(upgraded.stores, here(OLD)), upgraded.context(seed=1)
    table = profiled(upgraded, ctx)
    keys = {layer_key(spec) for spec in distinct_layers(SPACE)}
    asked = [digest for call in upgraded.watch.asked for digest in call]
    sample, probes = keys.intersection(asked), {probe.digest for probe in probe_subjects("onnx", "fp32")}
    assert len(asked) == len(set(asked))
    # Of this small space two of each kind; the rest are the networks that are calibrated with.
    assert len(sample) < len(keys)
    assert probes <= set(asked), "a new version may run other graphs"
    assert NUM_NETWORKS <= len(asked) - len(sample) - len(probes) <= NUM_NETWORKS + NUM_CALIBRATION
    assert table.graph is not None
    assert table.context == NEW
    assert not table.missing(distinct_layers(SPACE))
    for key in keys:
        entry = table.entries[key]
        assert entry.holds
        assert entry.median_ms == pytest.approx(old.entries[key].median_ms)
        assert entry.origin == ("" if key in sample else OLD.digest)
    assert isinstance(ctx.progress, Recorder)
    said = [words for words in ctx.progress.said if "99.0.0 is new here" in words or " holds: " in words]
    assert len(said) == 2
    assert "0 of 10 networks lie outside their intervals" in said[1]
    assert latest_table(upgraded.stores, here(OLD)) == old, "nothing is deleted"


def test_the_correction_of_a_new_version_rests_on_its_own_networks(upgraded: Home) -> None:
    table = profiled(upgraded, upgraded.context(seed=1))
    correction = table.corrections[space_digest(SPACE)]
    assert len(correction.points) == NUM_CALIBRATION
    assert all(point.kernels for point in correction.points), "for the version after this one"
    assert latest_table(upgraded.stores, here(NEW)) == table


def test_a_version_that_changes_everything_has_everything_measured(
    upgraded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, ctx = latest_table(upgraded.stores, here(OLD)), upgraded.context(seed=1)
    exact = small_search.file_ms

    def slower(path: Path) -> float:
        return 2.0 * exact(path)

    monkeypatch.setattr(small_search, "file_ms", slower)
    table = profiled(upgraded, ctx)
    for spec in distinct_layers(SPACE):
        entry = table.entries[layer_key(spec)]
        assert (entry.stale, entry.origin) == (False, "")
        assert entry.median_ms == pytest.approx(2.0 * old.entries[layer_key(spec)].median_ms)
    asked = [digest for call in upgraded.watch.asked for digest in call]
    assert len(asked) == len(set(asked)), "what was in the sample is not measured again"
    assert isinstance(ctx.progress, Recorder)
    assert any("does not hold: 10 of 10 networks" in words for words in ctx.progress.said)
    assert latest_table(upgraded.stores, here(OLD)) == old


def test_too_few_networks_have_everything_measured(upgraded: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.pipeline.renewal.NUM_NETWORKS", MIN_NETWORKS - 1)
    ctx = upgraded.context(seed=1)
    table = profiled(upgraded, ctx)
    assert {table.entries[layer_key(spec)].origin for spec in distinct_layers(SPACE)} == {""}
    assert isinstance(ctx.progress, Recorder)
    assert any("0 of 4 networks lie outside their intervals, too few" in words for words in ctx.progress.said)


def test_a_version_that_cannot_run_a_layer_any_more_has_its_kind_measured(
    upgraded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = upgraded.context(seed=1)
    chosen = [spec for spec in distinct_layers(SPACE) if spec.kind == "act_conv_norm"]
    # Whichever of them the sample has is one that it cannot run: the networks can all be run.
    monkeypatch.setattr("nas.pipeline.renewal.sampled_layers", lambda known, *_: tuple(chosen[:2]))
    upgraded.watch.broken = frozenset({layer_key(chosen[0])})
    table = profiled(upgraded, ctx)
    assert list(table.unsupported(distinct_layers(SPACE))) == [chosen[0]]
    assert {table.entries[layer_key(spec)].origin for spec in chosen[1:]} == {""}
    assert isinstance(ctx.progress, Recorder)
    assert any("measured anew: act_conv_norm" in words for words in ctx.progress.said)


def test_a_version_that_runs_other_graphs_has_everything_measured(
    upgraded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, exact = upgraded.context(seed=1), small_search.file_ms
    probes = probe_subjects("onnx", "fp32")
    (dead,) = [probe.path.read_bytes() for probe in probes if probe.path.stem == "dead_branch"]
    monkeypatch.setattr(
        small_search,
        "file_ms",
        lambda path: exact(path) * (0.1 if path.read_bytes() == dead else 1.0),
    )
    table = profiled(upgraded, ctx)
    assert table.graph is not None
    assert table.graph.drops_dead_branches, "by its files the stopwatch says that the old version runs them"
    assert {table.entries[layer_key(spec)].origin for spec in distinct_layers(SPACE)} == {""}
    assert isinstance(ctx.progress, Recorder)
    assert any("another graph runs, and 0 of 10" in words for words in ctx.progress.said)


def test_a_version_that_runs_networks_with_other_kernels_has_everything_measured(
    upgraded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, exact = upgraded.context(seed=1), small_search.file_kernels
    monkeypatch.setattr(small_search, "file_kernels", lambda path: {**exact(path), "Reorder": 1})
    table = profiled(upgraded, ctx)
    assert {table.entries[layer_key(spec)].origin for spec in distinct_layers(SPACE)} == {""}
    assert isinstance(ctx.progress, Recorder)
    assert any("other kernels run 10 of 10 networks, and 0 of 10" in words for words in ctx.progress.said)


def test_a_table_whose_kernels_nobody_asked_for_holds_by_its_networks(
    upgraded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tables of earlier versions, and those of boards."""
    monkeypatch.setattr(small_search, "file_kernels", lambda path: {})
    ctx = upgraded.context(seed=1)
    table = profiled(upgraded, ctx)
    assert OLD.digest in {table.entries[layer_key(spec)].origin for spec in distinct_layers(SPACE)}
    assert not any(point.kernels for point in table.corrections[space_digest(SPACE)].points)


def aged(home: Home, ctx: PhaseContext, table: LookupTable) -> None:
    """Publish a table as it is when all its sessions are too old."""
    long_ago = (datetime.now(UTC) - STALE_AFTER - timedelta(days=1)).isoformat(timespec="seconds")
    entries = {
        key: entry.model_copy(
            update={"values": tuple(one.model_copy(update={"measured_at": long_ago}) for one in entry.values)}
        )
        for key, entry in table.entries.items()
    }
    home.stores.tables.publish(ctx.run.lease, table.model_copy(update={"entries": entries}))


def rechecked(home: Home, ctx: PhaseContext) -> LookupTable:
    due = noted_due(ctx, here(NEW))
    assert due.sessions.keys() == {layer_key(spec) for spec in distinct_layers(SPACE)}
    table = measured(home, lambda: recheck(ctx, profiled(home, ctx), due))
    assert isinstance(table, LookupTable)
    return table


def test_what_holds_is_measured_with_the_new_version_once_it_is_stale(upgraded: Home) -> None:
    ctx = upgraded.context(seed=1)
    before = profiled(upgraded, ctx)
    aged(upgraded, ctx, before)
    assert latest_table(upgraded.stores, here(NEW)).states_of(distinct_layers(SPACE)).keys() == {"stale"}
    progress = Recorder()
    later = upgraded.context(progress, seed=2)
    table = rechecked(upgraded, later)
    # One session more of each, or the two that nothing but the old version has.
    again = sum(2 if entry.origin else 1 for entry in before.entries.values())
    networks = len(noted_due(later, here(NEW)).networks)
    seconds = duration(session_s(again, networks, NETWORK_S))
    assert [words for words in progress.said if words.endswith(f", for about {seconds}")]
    for spec in distinct_layers(SPACE):
        entry, of_old = table.entries[layer_key(spec)], before.entries[layer_key(spec)].origin
        assert entry.origin == ""
        assert not of_old or entry.num_sessions == NUM_SESSIONS, "those of the old version do not count"
        assert entry.state != "stale"
    assert latest_table(upgraded.stores, here(NEW)).entries == table.entries


def test_slow_networks_that_are_measured_once_more_are_said_to_take_longer(upgraded: Home) -> None:
    ctx, key, progress = upgraded.context(seed=1), space_digest(SPACE), Recorder()
    before = profiled(upgraded, ctx)
    aged(upgraded, ctx, before)
    table = latest_table(upgraded.stores, here(NEW))
    correction = table.corrections[key]
    points = [one.model_copy(update={"suspect": True, "measured_ms": 100.0}) for one in correction.points[:2]]
    doubted = table.with_correction(key, correction.model_copy(update={"points": tuple(points)}))
    later = upgraded.context(progress, seed=2)
    sessions = noted_due(later, here(NEW)).sessions
    assert recheck(later, doubted, Due(sessions=sessions, networks={one.digest: 3 for one in points})) is None
    again = sum(2 if entry.origin else 1 for entry in before.entries.values())
    assert progress.said[-1].endswith(f", for about {duration(session_s(again, 2, 1.0 + 0.6))}")


def test_what_holds_and_does_not_run_when_it_is_measured_at_last_is_named(upgraded: Home) -> None:
    ctx = upgraded.context(seed=1)
    table = profiled(upgraded, ctx)
    aged(upgraded, ctx, table)
    kept = [spec for spec in distinct_layers(SPACE) if table.entries[layer_key(spec)].origin]
    upgraded.watch.broken = frozenset({layer_key(kept[0])})
    table = rechecked(upgraded, upgraded.context(seed=2))
    assert list(table.unsupported(distinct_layers(SPACE))) == [kept[0]]


def test_until_it_is_checked_the_table_is_stale(upgraded: Home) -> None:
    ctx = upgraded.context(seed=1)
    assert profile.run(ctx) == Waiting()
    table = latest_table(upgraded.stores, here(NEW))
    assert table.missing(distinct_layers(SPACE)) == list(distinct_layers(SPACE))
    assert all(entry.stale for entry in table.entries.values())
    assert not table.corrections
    # Asked again before anything is measured, it waits for the same.
    assert profile.run(ctx) == Waiting()
    upgraded.watch.serve(upgraded.stores)
    assert [len(call) for call in upgraded.watch.asked if len(call) == NUM_NETWORKS]


def test_without_a_correction_to_check_with_all_is_measured(upgraded: Home) -> None:
    """The old version was profiled for another space only."""
    ctx = upgraded.context(seed=1, dataset={**small_search.DOCUMENT["dataset"], "num_classes": 3})
    table = profiled(upgraded, ctx)
    assert not table.missing(distinct_layers(ctx.space))
    origins = {table.entries[layer_key(spec)].origin for spec in distinct_layers(ctx.space)}
    assert origins == {""}
    assert isinstance(ctx.progress, Recorder)
    assert not any("is new here" in words for words in ctx.progress.said)


def test_the_predecessor_is_the_same_context_in_another_version(copied: Home) -> None:
    found = predecessor(copied.stores, latest_table(copied.stores, here(NEW)))
    assert found == latest_table(copied.stores, here(OLD))
    for other in (OLD, replace(NEW, threads=2)):
        assert predecessor(copied.stores, latest_table(copied.stores, here(other))) is None


def test_layers_of_recent_fronts_are_counted(finished: FinishedSearch) -> None:
    uses = uses_in_fronts(finished.context())
    expected = [
        layer_key(spec)
        for network in finished.target.front
        for spec in layers(SPACE, architecture_from_values(SPACE, network.architecture))
    ]
    assert sum(uses.values()) == len(expected)
    assert uses.keys() == set(expected)
