"""Tables are completed, calibrated once and checked against the limits before anything is trained."""

from pathlib import Path

import numpy as np
import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import layer_key
from nas.pipeline import profile
from nas.pipeline.profile import (
    NUM_CALIBRATION,
    ProfileDocument,
    calibration_set,
    check_limits,
    context_of,
    load_table,
    profile_context,
    table_path,
)
from nas.pipeline.runner import run_search
from nas.settings import Settings
from nas.specs import ContextSpec, TargetSpec
from search_spaces.base import architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import ArtifactError, InfeasibleError, MeasurementError
from search_spaces.network import layers
from search_spaces.slot_tables import distinct_layers
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Recorder, Stopwatch, context, small_spec

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)


def test_every_layer_is_measured_once_then_whole_networks(tmp_path: Path, watch: Stopwatch) -> None:
    settings, progress = Settings(home=tmp_path), Recorder()
    summary = profile_context(SPACE, ContextSpec(), settings, progress)
    keys = [layer_key(spec) for spec in distinct_layers(SPACE)]
    layers_asked, networks_asked = watch.asked
    assert sorted(layers_asked) == sorted(keys)
    assert len(set(networks_asked)) == len(networks_asked) == NUM_CALIBRATION
    assert (summary.num_layers, summary.num_measured_now) == (len(keys), len(keys))
    assert summary.report["num_networks"] == NUM_CALIBRATION
    assert progress.said[0].startswith(f"measuring {len(keys)} of {len(keys)} layers on ")
    again = profile_context(SPACE, ContextSpec(), settings, Recorder())
    assert len(watch.asked) == 2
    assert again.num_measured_now == 0
    assert again.report == summary.report


def test_a_space_that_shares_layers_measures_only_the_others(tmp_path: Path, watch: Stopwatch) -> None:
    """With another number of classes only the head is another layer; networks are calibrated anew."""
    settings = Settings(home=tmp_path)
    profile_context(SPACE, ContextSpec(), settings, Recorder())
    other = get_space("nas_bench_201", preset="tiny", num_classes=7, in_channels=3)
    summary = profile_context(other, ContextSpec(), settings, Recorder())
    assert summary.num_measured_now == len(watch.asked[2]) == 1
    assert len(watch.asked[3]) == NUM_CALIBRATION
    assert {space_digest(SPACE), space_digest(other)} == set(load_table(settings, host_context()).corrections)


def test_layers_that_were_measured_are_kept_when_calibrating_fails(
    tmp_path: Path, watch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)

    def fail(*arguments: object) -> None:
        raise MeasurementError("session_void", "the machine is busy")

    with monkeypatch.context() as patch:
        patch.setattr(profile, "measure_networks", fail)
        with pytest.raises(MeasurementError):
            profile_context(SPACE, ContextSpec(), settings, Recorder())
    assert profile_context(SPACE, ContextSpec(), settings, Recorder()).num_measured_now == 0
    assert len(watch.asked) == 2


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = table_path(settings, host_context())
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(ArtifactError) as caught:
        load_table(settings, host_context())
    assert caught.value.code == "damaged_table"
    assert path.name in caught.value.message


def test_an_empty_table_stands_for_one_that_is_not_there(tmp_path: Path) -> None:
    table = load_table(Settings(home=tmp_path), host_context())
    assert (table.device, table.context) == (host_device(), host_context())
    assert not table.entries
    assert list(tmp_path.iterdir()) == []


def test_the_context_is_that_of_the_installed_runtime() -> None:
    assert context_of(ContextSpec()) == host_context("onnxruntime", threads=1)


def test_networks_to_calibrate_on_reach_from_cheap_to_dear(finished: FinishedSearch) -> None:
    table = load_table(Settings(home=finished.home), host_context())
    chosen = calibration_set(SPACE, table)
    assert calibration_set(SPACE, table) == chosen
    assert len(set(chosen)) == NUM_CALIBRATION
    sums = np.array([table.costs_ms(layers(SPACE, one)).sum() for one in chosen])
    assert np.all(np.diff(sums) >= 0)
    steps = np.diff(np.log(sums))
    assert steps.max() < 0.35 * np.log(sums[-1] / sums[0])


def test_verified_networks_improve_the_table(finished: FinishedSearch) -> None:
    """Whatever was measured for verification is one more network behind the correction."""
    table = load_table(Settings(home=finished.home), host_context())
    digests = {point.digest for point in table.corrections[space_digest(SPACE)].points}
    verified = {network.architecture_digest for network in finished.target.networks}
    assert verified <= digests
    assert {architecture_digest(SPACE, one) for one in calibration_set(SPACE, table)} <= digests


def test_without_limits_all_of_the_space_is_within_them(tmp_path: Path) -> None:
    assert check_limits(context(tmp_path), TargetSpec()) == 1.0


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"latency_ms": 1e-4}, "latency_ms <= 0.0001"),
        ({"num_params": 10}, "num_params <= 10"),
        ({"num_macs": 10, "latency_ms": 50}, "num_macs <= 10"),
    ],
)
def test_limits_nobody_can_meet_end_a_search_before_training(
    limits: dict[str, float], named: str, tmp_path: Path, watch: Stopwatch
) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(InfeasibleError) as caught:
        run_search(small_spec(targets=[{"limits": limits}]), settings, Recorder())
    assert caught.value.code == "infeasible_limits"
    assert named in caught.value.message
    assert "the nearest reachable value is" in caught.value.message
    assert not settings.supernets.exists()


def test_the_nearest_reachable_value_can_be_asked_for(tmp_path: Path, watch: Stopwatch) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(InfeasibleError) as caught:
        run_search(small_spec(targets=[{"limits": {"latency_ms": 1e-4}}]), settings, Recorder())
    nearest = float(caught.value.message.split("nearest reachable value is ")[1].split(";")[0])
    ctx = context(tmp_path)
    assert check_limits(ctx, TargetSpec(limits={"latency_ms": nearest})) >= 0.0
    with pytest.raises(InfeasibleError):
        check_limits(ctx, TargetSpec(limits={"latency_ms": 0.99 * nearest}))


def test_each_target_has_its_table(finished: FinishedSearch, watch: Stopwatch) -> None:
    ctx = context(finished.home, targets=[{}, {"limits": {"latency_ms": 50.0}}])
    profile.run(ctx)
    first, second = ctx.run.load("profile", ProfileDocument).tables
    assert first == second
    assert watch.asked == []
