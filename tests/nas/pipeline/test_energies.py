"""Energy as an objective: measured with a meter before it is published, refused where there is none."""

from typing import Any

import pytest

from latency_predictors.measure import ENERGY_PROTOCOL
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.energies import profile_energy
from nas.pipeline.tables import latest_table
from nas.results import TargetResult, VerifiedNetwork
from search_spaces.errors import MeasurementError, UsageError
from tests.nas.pipeline.published import published
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, file_mj, measured

ASKED: dict[str, Any] = {
    "search": {"evaluations": 300, "objectives": ["accuracy", "energy_mj"]},
    "references": [],
}


def beaten(network: VerifiedNetwork, target: TargetResult) -> bool:
    """Whether another one that keeps the limits is no worse in both measurements and better in one."""
    rest = [one for one in target.networks if one.status != "over_limit"]
    points = [(-one.accuracy.value, one.energy.gross_mj) for one in rest if one.energy]
    assert network.energy is not None
    own = (-network.accuracy.value, network.energy.gross_mj)
    return any(a <= own[0] and b <= own[1] and (a, b) != own for a, b in points)


def test_a_front_of_energy_was_measured_with_a_meter(copied: Home) -> None:
    (target,) = copied.search(**ASKED, targets=[{"limits": {"energy_mj": 10.0}}]).targets
    assert target.front
    for network in target.networks:
        assert network.energy is not None
        assert network.energy.gross_mj == pytest.approx(
            file_mj(copied.stores.artifacts.local_path(network.file_sha256, ".onnx"))
        )
        assert (network.energy.kind, network.energy.scope) == ("measured", "board")
        assert network.predicted_energy is not None
        assert network.predicted_energy.kind == "fitted"
        if network.status == "over_limit":
            assert network.energy.gross_upper_mj > 10.0
        else:
            assert network.energy.gross_upper_mj <= 10.0
            assert beaten(network, target) == (network.status == "dominated")
    summary = target.energy
    assert summary is not None
    assert (summary.meter, summary.scope) == ("a meter", "board")
    assert summary.num_networks >= 20
    inside = [
        one.predicted_energy.lower <= one.energy.gross_mj <= one.predicted_energy.upper
        for one in target.networks
        if one.energy and one.predicted_energy
    ]
    assert summary.verified_coverage == sum(inside) / len(inside)


def test_a_device_without_a_meter_is_refused_before_anything_is_trained(copied: Home) -> None:
    copied.watch.has_meter = False
    with pytest.raises(MeasurementError) as caught:
        copied.search(**ASKED, seed=5)
    assert caught.value.code == "no_meter"
    assert copied.compute.tasks == []


def test_networks_are_watched_once_and_predict_the_energy_of_others(copied: Home) -> None:
    ctx = copied.context()
    table = latest_table(copied.stores, here())
    model = measured(copied, lambda: profile_energy(ctx, table))
    assert profile_energy(copied.context(seed=1), table) is not None, "what was measured is there"
    assert [len(asked) for asked in copied.watch.asked] == [NUM_CALIBRATION]
    assert (model.correction.kind, model.correction.report.num_networks) == ("fitted", NUM_CALIBRATION)
    assert model.correction.report.corrected.mape < 0.2
    both = tuple(f"{copied.watch.name}-1-{number}" for number in range(2))
    assert {point.session_ids for point in model.correction.points} == {both}
    assert all(point.measured_at for point in model.correction.points)
    assert ENERGY_PROTOCOL.energy


def test_a_search_after_a_change_of_meter_is_to_be_begun_again_and_begins_with_the_new_one(
    copied: Home,
) -> None:
    assert copied.search(**ASKED).targets[0].energy
    copied.watch.scope = "wall"
    with pytest.raises(UsageError, match="now sees the wall: search again") as caught:
        copied.search(**ASKED, seed=1)
    assert caught.value.code == "mixed_energy"
    num_asked = len(copied.watch.asked)
    (target,) = copied.search(**ASKED, seed=2).targets
    assert target.energy is not None
    assert target.energy.scope == "wall"
    assert {one.energy.scope for one in target.networks if one.energy} == {"wall"}
    assert len(copied.watch.asked[num_asked]) == NUM_CALIBRATION, "the networks of the calibration, once more"


def test_no_published_figure_predicts_an_energy(copied: Home) -> None:
    ctx, table = copied.context(), latest_table(copied.stores, here())
    with pytest.raises(MeasurementError) as caught:
        published(copied, ctx, here(), lambda: profile_energy(ctx, table))
    assert caught.value.code == "published_values"
