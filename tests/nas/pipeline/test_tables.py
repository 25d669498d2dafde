"""What is known of the devices of targets."""

import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable
from nas.pipeline.sites import context_of
from nas.pipeline.tables import check_limits, known_feasibility, latest_table
from nas.specs import ContextSpec, TargetSpec
from search_spaces.errors import InfeasibleError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home


def test_an_empty_table_stands_for_one_that_is_not_there(home: Home) -> None:
    table = latest_table(home.stores, here())
    assert (table.device, table.context) == (host_device(), host_context())
    assert not table.entries
    assert home.stores.tables.published() == ()


def test_the_context_is_that_of_the_installed_runtime() -> None:
    assert context_of(ContextSpec()) == host_context("onnxruntime", threads=1)


def test_without_limits_all_of_the_space_is_within_them(home: Home) -> None:
    assert check_limits(home.unsubmitted(), TargetSpec()) == 1.0


def test_the_nearest_reachable_value_can_be_asked_for(finished: FinishedSearch) -> None:
    ctx = finished.context()
    with pytest.raises(InfeasibleError) as caught:
        check_limits(ctx, TargetSpec(limits={"latency_ms": 1e-4}))
    nearest = float(caught.value.message.split("nearest reachable value is ")[1].split(";")[0])
    assert check_limits(ctx, TargetSpec(limits={"latency_ms": nearest})) >= 0.0
    with pytest.raises(InfeasibleError):
        check_limits(ctx, TargetSpec(limits={"latency_ms": 0.99 * nearest}))


def test_what_no_table_tells_is_left_out(finished: FinishedSearch) -> None:
    """The limit of latency cannot be judged before anything is measured; that of parameters can."""
    space, empty = finished.context().space, LookupTable(device=host_device(), context=host_context())
    target = TargetSpec(limits={"latency_ms": 1e-4, "num_params": 10})
    unmeasured = known_feasibility(space, target, empty, 0)
    assert (dict(unmeasured.limits), unmeasured.feasible) == ({"num_params": 10.0}, False)
    measured = known_feasibility(space, target, latest_table(finished.home.stores, here()), 0)
    assert set(measured.limits) == {"latency_ms", "num_params"}
    assert set(measured.binding) == {"latency_ms", "num_params"}


def test_the_share_that_is_only_told_is_near_that_of_all(finished: FinishedSearch) -> None:
    ctx = finished.context()
    table = latest_table(ctx.stores, here())
    open_ = known_feasibility(ctx.space, TargetSpec(limits={"num_params": 1e9}), table, 0)
    assert open_.share == 1.0
    limit = float(open_.closest.point[0, 0]) * 1.5
    target = TargetSpec(limits={"num_params": limit})
    told = known_feasibility(ctx.space, target, table, 1).share
    assert told == pytest.approx(check_limits(ctx, target), abs=0.02)
