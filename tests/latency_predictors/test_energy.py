"""Energies over scripted meters, worked out by hand."""

import itertools
from dataclasses import replace

import pytest

from latency_predictors.energy import (
    EnergyFigure,
    assumed_energy,
    comparable,
    measure_energy,
    modelled_energy,
)
from latency_predictors.meters.meter import Meter, Reading
from search_spaces.errors import MeasurementError, UsageError
from tests.latency_predictors.meters.boards import FakeClock

IDLE_W, LOADED_W, RUN_S = 2.0, 6.0, 0.004


class Board:
    """A device whose meter counts what idling and running take.

    Attributes:
        breaks_at_s: When the meter stops.
    """

    def __init__(self, breaks_at_s: float = 1e9) -> None:
        self.clock = FakeClock()
        self.breaks_at_s = breaks_at_s
        self.joules = 0.0
        self.meter = Meter("board", "board", "energy_j", 1e-6, 0.01, None, self.read)

    def read(self) -> Reading:
        return Reading(self.joules)

    def rest(self, seconds: float) -> None:
        self._spend(IDLE_W, seconds)

    def run_once(self) -> None:
        self._spend(LOADED_W, RUN_S)

    def _spend(self, watts: float, seconds: float) -> None:
        self.clock.wait(seconds)
        if self.clock.seconds < self.breaks_at_s:
            self.joules += watts * seconds


def test_gross_is_everything_and_net_is_above_idle() -> None:
    board = Board()
    found = measure_energy(board.run_once, board.meter, board.clock, board.rest)
    assert found.gross.value_mj == pytest.approx(1e3 * LOADED_W * RUN_S, rel=0.02)
    assert found.net.value_mj == pytest.approx(1e3 * (LOADED_W - IDLE_W) * RUN_S, rel=0.03)
    assert found.idle_w == pytest.approx((IDLE_W, IDLE_W), rel=0.02)
    assert found.mean_w == pytest.approx(LOADED_W, rel=0.02)
    assert found.latency_ms == pytest.approx(1e3 * RUN_S)
    assert (found.gross.kind, found.gross.scope, found.meter) == ("measured", "board", "board")
    assert found.num_updates >= 3 * 20
    for figure in (found.gross, found.net):
        assert figure.lower_mj < figure.value_mj < figure.upper_mj
        assert figure.upper_mj - figure.lower_mj < 0.1 * found.gross.value_mj


def test_a_device_is_watched_idle_loaded_and_idle_again() -> None:
    board = Board()
    measure_energy(board.run_once, board.meter, board.clock, board.rest)
    loaded = [wait == RUN_S for wait in board.clock.waits]
    assert not loaded[0]
    assert not loaded[-1]
    assert sum(first != second for first, second in itertools.pairwise(loaded)) == 2
    assert board.clock.seconds >= 5.0


def test_a_meter_that_stops_while_it_measures_gives_nothing() -> None:
    board = Board(breaks_at_s=2.5)
    with pytest.raises(MeasurementError) as caught:
        measure_energy(board.run_once, board.meter, board.clock, board.rest)
    assert caught.value.code == "meter_stopped"


def test_windows_of_a_slow_meter_tell_that_they_go_on_idle_and_loaded() -> None:
    board, told = Board(), [0.0]
    seen = 0.0, Reading(0.0)

    def read() -> Reading:
        nonlocal seen
        if board.clock.seconds - seen[0] >= 4.0:
            seen = board.clock.seconds, Reading(board.joules)
        return seen[1]

    measure_energy(
        board.run_once,
        replace(board.meter, update_s=4.0, read=read),
        board.clock,
        board.rest,
        alive=lambda: told.append(board.clock.seconds),
    )
    assert board.clock.seconds > 5 * 20 * 4.0
    silences = [later - before for before, later in itertools.pairwise([*told, board.clock.seconds])]
    assert max(silences) < 12.0


def test_energy_is_modelled_from_a_power_that_was_measured() -> None:
    figure = modelled_energy((2.0, 1.9, 2.2), 5.0, "wall")
    assert (figure.value_mj, figure.kind, figure.scope) == (10.0, "modelled", "wall")
    assert [figure.lower_mj, figure.upper_mj] == pytest.approx([9.5 * 0.9, 11.0 * 1.1])


def test_energy_is_assumed_where_no_power_was_measured() -> None:
    figure = assumed_energy((2.0, 2.0, 2.0), 15.0)
    assert (figure.value_mj, figure.kind) == (30.0, "assumed")
    assert (figure.lower_mj, figure.upper_mj) == (15.0, 45.0)


def test_figures_of_one_meter_may_stand_on_one_front() -> None:
    figures = [EnergyFigure(value, value, value, "measured", "wall") for value in (1.0, 2.0)]
    assert comparable(figures) == figures
    assert comparable([]) == []


@pytest.mark.parametrize(
    "other",
    [
        assumed_energy((1.0, 1.0, 1.0), 5.0),
        modelled_energy((1.0, 1.0, 1.0), 5.0, "wall"),
        EnergyFigure(1.0, 1.0, 1.0, "measured", "package"),
    ],
)
def test_other_figures_never_stand_beside_measured_ones(other: EnergyFigure) -> None:
    with pytest.raises(UsageError, match="measured \\(wall\\)") as caught:
        comparable([EnergyFigure(1.0, 1.0, 1.0, "measured", "wall"), other])
    assert caught.value.code == "mixed_energy"


class Averaging(Board):
    """A board whose meter tells the mean power of the last second, as many cards do.

    Attributes:
        stuck_at_s: When it shows the same from then on.
    """

    def __init__(self, stuck_at_s: float = 1e9) -> None:
        super().__init__()
        self.stuck_at_s, self.spent = stuck_at_s, [(0.0, 0.0)]
        self.meter = Meter("card", "board", "power_w", 1e-3, 0.02, None, self.read)

    def read(self) -> Reading:
        now, now_j = next(one for one in reversed(self.spent) if one[0] <= self.stuck_at_s)
        before, before_j = next((one for one in reversed(self.spent) if one[0] <= now - 1.0), self.spent[0])
        return Reading((now_j - before_j) / max(now - before, 1e-9))

    def _spend(self, watts: float, seconds: float) -> None:
        super()._spend(watts, seconds)
        self.spent.append((self.clock.seconds, self.joules))


def test_what_ran_before_is_not_in_the_power_of_what_runs() -> None:
    board = Averaging()
    found = measure_energy(board.run_once, board.meter, board.clock, board.rest)
    assert found.idle_w == pytest.approx((IDLE_W, IDLE_W), rel=0.02)
    assert found.gross.lower_mj >= 0.94 * 1e3 * LOADED_W * RUN_S
    assert found.net.value_mj == pytest.approx(1e3 * (LOADED_W - IDLE_W) * RUN_S, rel=0.03)


def test_a_power_that_is_the_same_at_rest_is_of_a_meter_that_hangs() -> None:
    board = Averaging(stuck_at_s=4.0)
    with pytest.raises(MeasurementError, match="W under load and as much at rest") as caught:
        measure_energy(board.run_once, board.meter, board.clock, board.rest)
    assert caught.value.code == "meter_stopped"
