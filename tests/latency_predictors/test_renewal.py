from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from latency_predictors.calibration import calibrate
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.filling import filled
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.renewal import (
    MAX_OUTSIDE,
    MIN_NETWORKS,
    STALE_REL_SD,
    judge,
    promoted,
    same_but_version,
    sampled_layers,
    stale_copy,
)
from latency_predictors.trust import STALE_AFTER
from search_spaces.catalogue import get_space
from search_spaces.layers import ConvNormAct, LayerSpec, PooledHead
from search_spaces.slot_tables import distinct_layers
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

CONVS: tuple[LayerSpec, ...] = tuple(ConvNormAct((3, 8, 8), 8 * n, 3, 1, "relu") for n in range(1, 11))
HEADS: tuple[LayerSpec, ...] = tuple(PooledHead((8 * n, 4, 4), 0, "relu", 10) for n in range(1, 4))
LAYERS = (*CONVS, *HEADS)
NEWER = replace(CONTEXT, runtime_version="2.0.0")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
"""When the old sessions ran."""


def old_table() -> LookupTable:
    costs = {layer_key(spec): 0.1 + 0.01 * number for number, spec in enumerate(LAYERS)}
    sessions = [session(name, costs) for name in ("s1", "s2")]
    return LookupTable(device=DEVICE, context=CONTEXT).merged(LAYERS, sessions)


def points(num_outside: int, m: int = 10) -> list[CalibrationPoint]:
    """Networks that run as the sum says, but for some that take a half more."""
    return [
        CalibrationPoint(
            digest=f"{n}",
            sum_ms=1.0 + 0.1 * n,
            num_layers=10,
            num_macs=1_000,
            measured_ms=(1.0 + 0.1 * n) * (1.5 if n < num_outside else 1.0),
            rel_sd=0.01,
        )
        for n in range(m)
    ]


CORRECTION = calibrate(points(0, 20))


def times(share: float = 1.0, kind: str = "") -> dict[LayerSpec, float]:
    """The sample: two convolutions and two heads, those of a kind slower."""
    sample = (*CONVS[:2], *HEADS[:2])
    return {spec: 0.1 * (share if spec.kind == kind else 1.0) for spec in sample}


def test_only_another_version_is_the_same_but_for_the_version() -> None:
    assert same_but_version(CONTEXT, NEWER)
    assert not same_but_version(CONTEXT, CONTEXT)
    assert not same_but_version(CONTEXT, replace(NEWER, threads=2))


def test_a_copy_is_stale_and_wider_and_says_where_it_comes_from() -> None:
    old = old_table().with_correction("ab" * 32, CORRECTION)
    copy = stale_copy(filled(old, [ConvNormAct((3, 8, 8), 12, 3, 1, "relu")]), NEWER)
    assert copy.context == NEWER
    assert copy.entries.keys() == old.entries.keys(), "what was fitted is not copied"
    assert (copy.corrections, copy.reference_ms) == ({}, {})
    for key, entry in copy.entries.items():
        assert (entry.stale, entry.rel_sd, entry.origin) == (True, STALE_REL_SD, CONTEXT.digest)
        assert entry.values == old.entries[key].values
        assert entry.median_ms == old.entries[key].median_ms
    assert copy.missing(LAYERS) == list(LAYERS)
    twice = stale_copy(copy, replace(NEWER, runtime_version="3.0.0"))
    assert {entry.origin for entry in twice.entries.values()} == {CONTEXT.digest}


def test_the_sample_is_a_twentieth_with_two_of_each_kind() -> None:
    layers = distinct_layers(get_space("mobilenet_v3", preset="imagenet", num_classes=10, in_channels=3))
    chosen = sampled_layers(layers, {}, np.random.default_rng(0))
    assert 0.05 * len(layers) <= len(chosen) <= 0.06 * len(layers) + 8
    for kind in {spec.kind for spec in layers}:
        own = sum(spec.kind == kind for spec in layers)
        assert sum(spec.kind == kind for spec in chosen) >= min(2, own)
    assert list(chosen) == [spec for spec in layers if spec in set(chosen)]


def test_layers_of_recent_fronts_are_drawn_more_often() -> None:
    favourite = CONVS[7]
    drawn = [
        favourite in sampled_layers(LAYERS, {layer_key(favourite): 90}, np.random.default_rng(seed))
        for seed in range(50)
    ]
    assert sum(drawn) > 45


@pytest.mark.parametrize("num_outside", [0, MAX_OUTSIDE])
def test_a_table_holds_where_networks_are_as_predicted(num_outside: int) -> None:
    verdict = judge(CORRECTION, points(num_outside), times(), times(1.3, "conv_norm_act"))
    assert (verdict.num_outside, verdict.num_networks) == (num_outside, 10)
    assert verdict.changed == ()
    assert verdict.ratios == pytest.approx({"conv_norm_act": 1.3, "pooled_head": 1.0})
    # Half of the sample is off by a factor of 1.3.
    assert verdict.rel_sd == pytest.approx(np.log(1.3) / 2**0.5)


def with_kernels(points: list[CalibrationPoint], fused: Collection[str] = ()) -> list[CalibrationPoint]:
    """Networks of three kernels, of which some have become two."""
    return [
        one.model_copy(update={"kernels": {"Conv": 2, **({} if one.digest in fused else {"Relu": 1})}})
        for one in points
    ]


def test_other_kernels_of_one_network_have_everything_measured_anew() -> None:
    old = CORRECTION.model_copy(update={"points": tuple(with_kernels(points(0, 20)))})
    same = judge(old, with_kernels(points(0)), times(), times())
    assert (same.num_compared, same.num_other_kernels, same.changed) == (10, 0, ())
    other = judge(old, with_kernels(points(0), {"4"}), times(), times())
    assert (other.num_outside, other.num_compared, other.num_other_kernels) == (0, 10, 1)
    assert other.changed == ("conv_norm_act", "pooled_head")
    renewed = promoted(stale_copy(old_table(), NEWER), LAYERS, other)
    assert renewed.missing(LAYERS) == list(LAYERS)


def test_where_one_version_tells_no_kernels_the_networks_decide() -> None:
    verdict = judge(CORRECTION, with_kernels(points(0)), times(), times())
    assert (verdict.num_compared, verdict.num_other_kernels, verdict.changed) == (0, 0, ())


def test_where_it_does_not_the_kinds_that_moved_are_named() -> None:
    verdict = judge(CORRECTION, points(MAX_OUTSIDE + 1), times(), times(1.3, "pooled_head"))
    assert verdict.changed == ("pooled_head",)
    faster = judge(CORRECTION, points(10), times(), times(0.7, "conv_norm_act"))
    assert faster.changed == ("conv_norm_act",)


@pytest.mark.parametrize(("m", "allowed"), [(5, 1), (6, 1), (7, 2), (9, 2), (10, 3)])
def test_of_fewer_networks_fewer_may_be_outside(m: int, allowed: int) -> None:
    sample = times(1.3, "pooled_head")
    assert judge(CORRECTION, points(allowed, m), times(), sample).changed == ()
    assert judge(CORRECTION, points(allowed + 1, m), times(), sample).changed == ("pooled_head",)


@pytest.mark.parametrize("m", [0, 1, MIN_NETWORKS - 1])
def test_too_few_networks_promote_nothing(m: int) -> None:
    verdict = judge(CORRECTION, points(0, m), times(), times())
    assert verdict.too_few
    assert verdict.num_outside == 0
    renewed = promoted(stale_copy(old_table(), NEWER), LAYERS, verdict)
    assert renewed.missing(LAYERS) == list(LAYERS)


def test_where_no_kind_moved_all_are_to_blame() -> None:
    verdict = judge(CORRECTION, points(10), times(), times())
    assert verdict.changed == ("conv_norm_act", "pooled_head")


def test_what_holds_is_promoted_with_what_the_sample_was_off_by() -> None:
    table = stale_copy(old_table(), NEWER)
    sample = {layer_key(spec): 0.2 for spec in HEADS[:2]}
    table = table.merged(HEADS, [session("s9", sample, context=NEWER)])
    verdict = judge(CORRECTION, points(10), times(), times(1.3, "pooled_head"))
    renewed = promoted(table, LAYERS, verdict)
    assert renewed.missing(LAYERS) == [HEADS[2]], "measured anew, or of a kind that has not changed"
    entry = renewed.entries[layer_key(CONVS[0])]
    assert (entry.stale, entry.origin) == (False, CONTEXT.digest)
    assert entry.rel_sd == pytest.approx(verdict.rel_sd)
    fresh = renewed.entries[layer_key(HEADS[0])]
    assert (fresh.median_ms, fresh.num_sessions, fresh.origin) == (0.2, 1, "")


def test_layers_of_other_spaces_are_not_promoted() -> None:
    verdict = judge(CORRECTION, points(0), times(), times())
    renewed = promoted(stale_copy(old_table(), NEWER), LAYERS[:5], verdict)
    assert renewed.missing(LAYERS) == list(LAYERS[5:])


def test_sessions_of_two_versions_do_not_mix() -> None:
    verdict = judge(CORRECTION, points(0), times(), times())
    renewed = promoted(stale_copy(old_table(), NEWER), LAYERS, verdict)
    again = renewed.merged([CONVS[0]], [session("s9", {layer_key(CONVS[0]): 0.5}, context=NEWER)])
    entry = again.entries[layer_key(CONVS[0])]
    assert ([value.session_id for value in entry.values], entry.origin) == (["s9"], "")
    assert entry.median_ms == 0.5


def test_what_holds_of_another_version_is_measured_anew_once_it_is_stale() -> None:
    verdict = judge(CORRECTION, points(0), times(), times())
    renewed = promoted(stale_copy(old_table(), NEWER), LAYERS, verdict)
    assert renewed.due(LAYERS, NEW_YEAR + STALE_AFTER) == [], "a further day tells no more of the old version"
    stale = NEW_YEAR + STALE_AFTER + timedelta(days=1)
    assert renewed.due(LAYERS, stale) == list(LAYERS)
    costs = {layer_key(spec): 0.5 for spec in LAYERS}
    today = [
        session(name, costs, context=NEWER).model_copy(update={"started_at": stale.isoformat()})
        for name in ("s8", "s9")
    ]
    again = renewed.merged(LAYERS, today)
    assert {entry.state_at(stale) for entry in again.entries.values()} == {"provisional"}
    assert again.due(LAYERS, stale) == []


def test_what_holds_of_another_version_and_is_in_doubt_is_measured_anew_at_once() -> None:
    verdict = judge(CORRECTION, points(0), times(), times())
    renewed = promoted(stale_copy(old_table().doubting(["s1", "s2"]), NEWER), LAYERS, verdict)
    assert renewed.due(LAYERS, NEW_YEAR) == list(LAYERS)


def test_what_is_left_of_another_version_without_sessions_in_doubt_may_be_as_far_off() -> None:
    left = stale_copy(old_table(), NEWER).without_sessions(["s2"])
    assert {(one.num_sessions, one.rel_sd) for one in left.entries.values()} == {(1, STALE_REL_SD)}


def test_another_graph_means_that_every_kind_is_measured_anew() -> None:
    verdict = judge(CORRECTION, points(0), times(), times(), other_graph=True)
    assert verdict.other_graph
    assert verdict.num_outside == 0
    assert set(verdict.changed) == {"conv_norm_act", "pooled_head"}
