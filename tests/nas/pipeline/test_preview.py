"""A preview says what is known without a worker, and what is not."""

from typing import Any

import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable
from nas.data.facts import facts_of
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.preview import Asker, Preview, preview
from nas.pipeline.sites import site_of
from nas.pipeline.tables import latest_table
from nas.specs import TargetSpec
from search_spaces.errors import UsageError
from search_spaces.slot_tables import distinct_layers
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, small_spec


def previewed(finished: FinishedSearch, home: Home, **changes: Any) -> Preview:
    """The preview of a small search, its images those of the finished one."""

    def table_of(target: TargetSpec) -> LookupTable:
        return latest_table(home.stores, site_of(home.stores, "local", target.device, target.context))

    images = facts_of(finished.context().dataset.report.as_dict())
    return preview(Asker("local", home.stores), small_spec(**changes), images, table_of)


def test_where_nothing_is_known_all_of_it_is_still_to_be_done(finished: FinishedSearch, home: Home) -> None:
    found = previewed(finished, home, targets=[{"limits": {"latency_ms": 1.0}}])
    (target,) = found.targets
    layers = len(distinct_layers(finished.context().space))
    assert (target.num_layers, target.num_layers_missing, target.num_networks_missing) == (
        layers,
        layers,
        NUM_CALIBRATION,
    )
    assert (target.device, target.context) == ("", "")
    assert target.measuring_s == pytest.approx(found.phases[0].seconds - 1.0)
    assert (target.outlook.state, target.outlook.share) == ("unknown", None)
    assert (found.training, found.share_within_limits) == ("modelled", (None,))


def test_what_is_measured_and_trained_is_told(finished: FinishedSearch) -> None:
    found = previewed(finished, finished.home)
    (target,) = found.targets
    assert (target.num_layers_missing, target.num_networks_missing, target.measuring_s) == (0, 0, 0.0)
    assert target.device == host_device().label
    assert target.context == host_context().label
    assert found.training == "measured"
    phases = {phase.name: phase for phase in found.phases}
    assert phases["train"].note == "a supernet is there"
    assert phases["predict"].note == "subnets are scored already"


def test_an_earlier_training_tells_how_long_one_takes(finished: FinishedSearch) -> None:
    """More epochs of the same supernet take so many times as long as they are more."""
    (trained,) = [
        one for one in finished.home.stores.supernets.list_all("local") if "alone" not in one.key.recipe
    ]
    more = previewed(finished, finished.home, supernet={"epochs": 20 * trained.epochs})
    seconds = next(phase.seconds for phase in more.phases if phase.name == "train")
    assert seconds > 0.9 * 20 * float(trained.summary["seconds"])


def test_another_tenant_sees_nothing_of_it(finished: FinishedSearch) -> None:
    images = facts_of(finished.context().dataset.report.as_dict())
    empty = LookupTable(device=host_device(), context=host_context())
    other = preview(Asker("other", finished.home.stores), small_spec(), images, lambda target: empty)
    assert (other.training, other.phases[1].note) == ("modelled", "2 epochs")


@pytest.mark.parametrize(
    ("limits", "state", "binding"),
    [
        ({}, "feasible", ()),
        ({"num_params": 1e9, "latency_ms": 1e6}, "feasible", ()),
        ({"latency_ms": 1e-6}, "infeasible", ("latency_ms",)),
        ({"num_params": 1}, "infeasible", ("num_params",)),
    ],
)
def test_limits_are_judged(
    limits: dict[str, float], state: str, binding: tuple[str, ...], finished: FinishedSearch
) -> None:
    (target,) = previewed(finished, finished.home, targets=[{"limits": limits}]).targets
    assert (target.outlook.state, target.outlook.binding) == (state, binding)
    assert set(target.outlook.reachable) == set(limits)
    assert bool(target.outlook.message) == (state == "infeasible")


def test_what_follows_from_shapes_is_judged_before_anything_is_measured(
    finished: FinishedSearch, home: Home
) -> None:
    (target,) = previewed(finished, home, targets=[{"limits": {"num_params": 1, "latency_ms": 1.0}}]).targets
    assert target.outlook.state == "infeasible"
    assert "num_params" in target.outlook.message


def test_more_subnets_a_step_take_longer(finished: FinishedSearch, home: Home) -> None:
    def training_s(recipe: str) -> float:
        found = previewed(finished, home, supernet={"epochs": 2_000, "recipe": recipe})
        return next(phase.seconds for phase in found.phases if phase.name == "train")

    assert training_s("sandwich") > 2 * training_s("uniform")


def test_the_spaces_that_exist_are_named(finished: FinishedSearch, home: Home) -> None:
    with pytest.raises(UsageError) as caught:
        previewed(finished, home, space={"name": "none", "preset": "tiny"})
    assert caught.value.code == "unknown_space"
