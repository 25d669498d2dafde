"""What a search would cost, and how its budget is split."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latency_predictors.latency_metric import LatencyMetric
from nas.pipeline.amounts import NUM_CALIBRATION, NUM_PAIRED, NUM_SESSIONS
from nas.pipeline.context import SearchContext
from nas.pipeline.costs import latency_predictor
from nas.pipeline.durations import (
    CHECKPOINT_S,
    EXPORT_S,
    NETWORK_S,
    QUANTISE_S,
    RAY_S,
    TRAINING_S,
    num_verified,
    seconds_of,
    share_of_time,
)
from nas.pipeline.plan import epochs_for
from nas.pipeline.planning import basis_of, make_plan, planned_epochs
from nas.pipeline.tables import latest_table
from nas.pipeline.train import MAX_EPOCHS, TRAINING_SHARE
from nas.pipeline.trained import training_key
from nas.ports import Run
from nas.task_events import SupernetTimed
from nas.tasks import Task, TimeSupernet, WholeSpace
from search_spaces.base import space_digest
from search_spaces.errors import InfeasibleError
from search_spaces.sampling import random_architectures
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder

FAST = SupernetTimed(step_s=1.0, image_s=1e-4)
WIDE: dict[str, Any] = {"limits": {"latency_ms": 1e6}}
SHORT = {"wall_minutes": 0.001}
OPEN: dict[str, Any] = {"supernet": {}, "references": [], "budget": {"wall_minutes": 10}}
# 120 images in batches of at most 64 are two steps an epoch: two seconds; then a checkpoint.
EPOCH_S = 2.0 + CHECKPOINT_S
START_S = RAY_S + TRAINING_S
VERIFIED_S = NUM_SESSIONS * NETWORK_S + EXPORT_S
RESNET_S = TRAINING_S + VERIFIED_S


class Quick:
    """A machine that trains a step a second."""

    at_once = 1

    def run(self, task: Task) -> Run:
        assert isinstance(task, TimeSupernet)
        return (event for event in (FAST,))


def planned(home: Home, **changes: object) -> SearchContext:
    """A search on that machine."""
    return replace(home.unsubmitted(**changes), compute=Quick())


@pytest.mark.parametrize(
    ("others_s", "references", "epochs"),
    [
        (100.0, [], int((600 - 100 - START_S) * TRAINING_SHARE / EPOCH_S)),
        (100.0, ["resnet"], int((600 - 100 - START_S - RESNET_S) * TRAINING_SHARE / 2 / EPOCH_S)),
        (600.0, [], 1),
        (10_000.0, ["resnet"], 1),
    ],
)
def test_training_takes_what_the_other_phases_leave(
    others_s: float, references: list[str], epochs: int, home: Home
) -> None:
    """Stock networks take as long as the supernet, so they halve it."""
    ctx = planned(home, **{**OPEN, "references": references})
    assert epochs_for(basis_of(ctx), others_s) == (epochs, EPOCH_S)


def test_a_long_budget_does_not_train_for_ever(home: Home) -> None:
    ctx = planned(home, **{**OPEN, "budget": {"wall_minutes": 100_000}})
    assert epochs_for(basis_of(ctx), 0.0)[0] == MAX_EPOCHS


def test_epochs_that_were_asked_for_count_more_than_the_budget(home: Home) -> None:
    changes: dict[str, Any] = {**OPEN, "supernet": {"epochs": 5_000}, "budget": {"wall_minutes": 1}}
    assert epochs_for(basis_of(planned(home, **changes)), 1_000.0)[0] == 5_000
    assert planned_epochs(home.context(**changes)) == 5_000


def test_a_search_goes_on_with_the_epochs_that_it_has_begun_with(home: Home) -> None:
    """Another estimate of the budget would start from nothing."""
    ctx = replace(home.context(**OPEN), compute=Quick())
    estimated = planned_epochs(ctx)
    home.stores.supernets.begin(ctx.run.lease, training_key(ctx, WholeSpace()), 9)
    assert estimated > 90
    assert planned_epochs(ctx) == 9


@pytest.mark.parametrize(
    ("share", "gone_on"), [(0.4, False), (0.6, True), (1.0, True), (1.2, True), (1.3, False), (30.0, False)]
)
def test_what_another_search_has_begun_is_gone_on_with_where_the_budget_fits(
    share: float, gone_on: bool, home: Home
) -> None:
    ctx = planned(home, **OPEN)
    estimated = epochs_for(basis_of(ctx), 0.0)[0]
    begun = round(share * estimated)
    home.stores.supernets.begin(home.context().run.lease, training_key(ctx, WholeSpace()), begun)
    assert epochs_for(basis_of(ctx), 0.0)[0] == (begun if gone_on else estimated)


def test_a_finished_supernet_is_taken_with_its_epochs(finished: FinishedSearch) -> None:
    ctx = planned(finished.home, **{**OPEN, "budget": SHORT})
    assert epochs_for(basis_of(ctx), 0.0)[0] == 2
    plan = make_plan(ctx)
    training = next(phase for phase in plan.phases if phase.name == "train")
    assert (training.seconds, training.note) == (0.0, "a supernet is there")
    scoring = next(phase for phase in plan.phases if phase.name == "predict")
    assert (scoring.seconds, scoring.note) == (0.0, "subnets are scored already")


def test_a_trial_does_not_stand_for_a_training_of_hours(finished: FinishedSearch) -> None:
    ctx = planned(finished.home, **{**OPEN, "budget": {"wall_minutes": 60}})
    assert epochs_for(basis_of(ctx), 0.0)[0] > 100


def test_phases_are_in_order_and_add_up(home: Home) -> None:
    plan = make_plan(planned(home))
    names = [phase.name for phase in plan.phases]
    assert names == ["profile", "train", "predict", "verify", "finetune", "references", "export"]
    assert plan.total_seconds == pytest.approx(sum(phase.seconds for phase in plan.phases))
    by_name = {phase.name: phase for phase in plan.phases}
    assert by_name["train"].seconds == START_S + 2 * EPOCH_S
    assert plan.num_layers == plan.num_layers_missing
    # Six edges with five operations each: 15,625.
    assert plan.num_architectures == "10^4.2"


def test_training_on_takes_its_share_of_the_budget(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.pipeline.planning.usable_cpus", lambda: 2)
    spec: dict[str, Any] = {"finetune": {"share": 0.5, "points": 4}, "references": []}
    plan = make_plan(planned(home, **spec))
    by_name = {phase.name: phase for phase in plan.phases}
    # Four networks, trained two at a time, and measured one after the other.
    share = share_of_time(4, 2)
    beside_s, verified_s = share * 4 * TRAINING_S, 4 * VERIFIED_S
    training_s = share * 0.5 * 2 * EPOCH_S
    assert by_name["finetune"].seconds == pytest.approx(training_s + beside_s + verified_s)
    open_ = {**OPEN, **spec}
    alone, shared = (
        planned(home, **{**open_, "finetune": {"share": given, "points": 4}}) for given in (0.0, 1.0)
    )
    left_s = (600 - beside_s - verified_s - START_S) * TRAINING_SHARE
    assert epochs_for(basis_of(shared), 0.0)[0] == int(left_s / (1 + share) / EPOCH_S)
    assert epochs_for(basis_of(alone), 0.0)[0] == int((600 - START_S) * TRAINING_SHARE / EPOCH_S)


@pytest.mark.parametrize(("cpus", "workers", "room"), [(1, 1, 1), (4, 1, 4), (4, 2, 2), (2, 3, 1)])
def test_a_plan_trains_as_many_at_a_time_as_there_are_processors(
    cpus: int, workers: int, room: int, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.pipeline.planning.usable_cpus", lambda: cpus)
    ctx = planned(home)
    settings = ctx.settings.model_copy(update={"training_workers": workers})
    assert basis_of(replace(ctx, settings=settings)).room == room


def test_what_is_measured_already_costs_nothing_again(finished: FinishedSearch, home: Home) -> None:
    known, fresh = (make_plan(planned(one, targets=[WIDE])) for one in (finished.home, home))
    assert known.num_layers_missing == 0
    assert known.phases[0].seconds < fresh.phases[0].seconds / 10
    assert fresh.share_within_limits == (None,)
    assert known.share_within_limits == (1.0,)
    table = latest_table(finished.home.stores, here())
    assert fresh.reports == (None,)
    assert known.reports == (table.corrections[space_digest(finished.context().space)].report,)


def test_every_context_and_every_latency_is_counted(finished: FinishedSearch) -> None:
    """The table of one runtime is there; the other one is measured from the start, and so are tails."""
    openvino: dict[str, Any] = {"context": {"runtime": "openvino"}}
    tails: dict[str, Any] = {"latency": {"statistic": "p95"}, **WIDE}
    asked: list[list[dict[str, Any]]] = [[WIDE], [WIDE, tails], [{}, openvino, openvino]]
    plain, tail, other = (make_plan(planned(finished.home, targets=targets)) for targets in asked)
    assert (plain.num_layers_missing, tail.num_layers_missing) == (0, 0)
    assert other.num_layers_missing == other.num_layers
    notes = [plan.phases[0].note for plan in (plain, tail, other)]
    assert [note.partition(", ")[2] for note in notes] == [
        "0 networks to calibrate on",
        f"{NUM_CALIBRATION} networks to calibrate on",
        f"{NUM_CALIBRATION} networks to calibrate on",
    ]
    assert (plain.share_within_limits, tail.share_within_limits) == ((1.0,), (1.0, None))


def test_pauses_take_time() -> None:
    plain, tail, paced = (LatencyMetric(), LatencyMetric("p95"), LatencyMetric(pause_ms=20.0))
    assert seconds_of(plain) == NETWORK_S < seconds_of(tail)
    # At least 60 runs and 10 to warm up, each after 20 ms; and the anchors likewise.
    assert seconds_of(paced) > NETWORK_S + 70 * 0.02


def test_the_share_of_the_space_within_the_limits_is_between_none_and_all(finished: FinishedSearch) -> None:
    """A limit at the median of what random architectures take at most is kept by half of them."""
    ctx = planned(finished.home)
    archs = random_architectures(ctx.space, 20_000, np.random.default_rng(9))
    table = latest_table(ctx.stores, here())
    limit = float(np.median(latency_predictor(ctx.space, table).predict(archs).upper))
    asked = planned(finished.home, targets=[{"limits": {"latency_ms": limit}}])
    assert make_plan(asked).share_within_limits == pytest.approx((0.5,), abs=0.02)


def test_limits_nobody_can_meet_are_refused_before_training_is_timed(home: Home) -> None:
    targets: list[dict[str, Any]] = [{"limits": {"num_params": 1}}]
    with pytest.raises(InfeasibleError) as caught:
        make_plan(home.unsubmitted(targets=targets))
    assert caught.value.code == "infeasible_limits"
    assert home.compute.tasks == []


def test_notes_say_what_budget_and_images_are_good_for(home: Home) -> None:
    notes = make_plan(planned(home, budget={"wall_minutes": 0.01})).notes
    assert any("more than the budget of 0.01" in note for note in notes)
    assert any("only 2 epochs fit into the budget" in note for note in notes)
    # Both halves of 80 validation images confirm: 1.96 sqrt(2 * 0.95 * 0.05 / 80) = 6.75 points.
    assert any(note.startswith("80 images confirm") and "6.8 points" in note for note in notes)
    roomy = make_plan(planned(home, budget={"wall_minutes": 1_000}, supernet={"epochs": 10})).notes
    assert not any("budget" in note for note in roomy)


def test_a_plan_leaves_nothing_behind(home: Home) -> None:
    """Training is really timed: on scratch space that is gone, and no job is queued."""
    progress = Recorder()
    assert make_plan(replace(home.unsubmitted(), progress=progress)).epochs == 2
    assert any("timing training" in message for message in progress.said)
    assert home.stores.jobs.page("local").jobs == ()
    assert home.stores.supernets.list_all("local") == ()
    assert list((home.settings.home / "scratch").iterdir()) == []


def test_an_int8_target_has_a_table_of_its_own_and_is_scored_in_int8_once(
    finished: FinishedSearch, home: Home
) -> None:
    """The fp32 table is complete and the subnets are scored: what is left is that of int8."""
    int8 = {"context": {"precision": "int8"}, **WIDE}
    plan = make_plan(planned(finished.home, targets=[{}, int8]))
    assert plan.num_layers_missing == plan.num_layers
    assert plan.share_within_limits == (1.0, None)
    phases = {phase.name: phase for phase in plan.phases}
    # 80 validation images and all 120 training images in torch.
    export_s = EXPORT_S + 200 * FAST.image_s
    assert phases["predict"].seconds == pytest.approx(NUM_PAIRED * (export_s + QUANTISE_S))
    assert "networks exported in int8 too" in phases["predict"].note
    fp32 = {phase.name: phase for phase in make_plan(planned(finished.home, targets=[{}, {}])).phases}
    assert phases["verify"].seconds - fp32["verify"].seconds == pytest.approx(num_verified(6) * QUANTISE_S)
    fresh = make_plan(planned(home, targets=[{}, int8]))
    assert fresh.num_layers_missing == 2 * fresh.num_layers
