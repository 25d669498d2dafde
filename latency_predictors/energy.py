"""Energy of one inference: measured with a meter, or said to be worked out or assumed.

Pure: the meter's `read`, what runs, and the clock are functions.

A meter shows steps: a window begins and ends at one of them, is at least a second long and holds at least
twenty (the error of an unseen step is then below 5 %). One that tells watts is first given a second, over
which it may average. Idle windows before and after give what the device takes anyway: `gross` is everything,
which whoever pays for the current wants to know; `net` is above idle, what the network adds. A meter that
stops in a window makes it void.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import numpy as np

from latency_predictors.energy_figure import EnergyFigure, EnergyKind, MeasuredEnergy, Scope
from latency_predictors.meters.meter import Meter
from latency_predictors.meters.window import Window, WindowRules, poll_s, settle, unheard, watch
from search_spaces.errors import MeasurementError, UsageError

__all__ = [
    "EnergyFigure",
    "EnergyKind",
    "MeasuredEnergy",
    "Scope",
    "assumed_energy",
    "comparable",
    "measure_energy",
    "modelled_energy",
]

MODELLED_SHARE = 0.10
"""Half width of the interval where a mean power that was measured is taken for another network."""
ASSUMED_SHARE = 0.50
"""The same for a power from a data sheet, which says what cooling has to bear, not what a network takes."""
_MJ_PER_J = 1e3
_MS_PER_S = 1e3


def measure_energy(
    run_once: Callable[[], None],
    meter: Meter,
    clock: Callable[[], int],
    pause: Callable[[float], None],
    rules: WindowRules | None = None,
    alive: Callable[[], object] = unheard,
) -> MeasuredEnergy:
    """Measure the energy of one inference.

    Args:
        run_once: Runs the network once; it is warm.
        meter: That moves (`meters.find_meters`).
        clock: Monotonic time in nanoseconds.
        pause: Waits for so many seconds, using no power.
        rules: Of the windows.
        alive: Called now and then where a window takes long.

    Raises:
        MeasurementError: `meter_stopped`, `meter_too_slow` or `clock_jumped`: nothing that was seen counts.
    """
    rules = rules or WindowRules()
    rest = partial(pause, poll_s(meter, rules))
    settle(rest, meter, clock, rules)
    before = watch(rest, meter, clock, rules, alive)
    settle(run_once, meter, clock, rules)
    loaded = [watch(run_once, meter, clock, rules, alive) for _ in range(rules.windows)]
    settle(rest, meter, clock, rules)
    after = watch(rest, meter, clock, rules, alive)
    _check_moves(meter, loaded[-1], after)
    mj = np.array([window.mean_w * window.run_s for window in loaded]) * _MJ_PER_J
    # A window may miss a part of an update at either end.
    edge = 1.0 / min(window.num_updates for window in loaded)
    run_s = median(window.run_s for window in loaded)
    idle_mj = sorted(window.mean_w * run_s * _MJ_PER_J for window in (before, after))
    gross = float(np.median(mj))
    lower, upper = float(mj.min()) * (1 - edge), float(mj.max()) * (1 + edge)
    net = gross - sum(idle_mj) / 2
    return MeasuredEnergy(
        gross=EnergyFigure(gross, lower, upper, "measured", meter.scope),
        net=EnergyFigure(net, lower - idle_mj[1], upper - idle_mj[0], "measured", meter.scope),
        mean_w=median(window.mean_w for window in loaded),
        idle_w=(before.mean_w, after.mean_w),
        latency_ms=run_s * _MS_PER_S,
        meter=meter.name,
        num_updates=sum(window.num_updates for window in loaded),
    )


def _check_moves(meter: Meter, loaded: Window, after: Window) -> None:
    """Refuse a power that is the same whether something runs or not: a meter that hangs, or sees too little.

    A steady power alone says nothing: many boards idle at one.
    """
    if not after.moved and math.isclose(loaded.mean_w, after.mean_w, rel_tol=1e-6):
        raise MeasurementError(
            "meter_stopped",
            f"{meter.name} shows {after.mean_w:g} W under load and as much at rest: look whether it still "
            "measures, and what",
        )


def modelled_energy(latency_ms: tuple[float, float, float], mean_w: float, scope: Scope) -> EnergyFigure:
    """Return the energy of a network that no meter saw, from a mean power that one measured of others.

    Args:
        latency_ms: Value, lower and upper end.
        mean_w: Power under load on the same device and context.
        scope: Of the meter.
    """
    return _from_power(latency_ms, mean_w, MODELLED_SHARE, "modelled", scope)


def assumed_energy(latency_ms: tuple[float, float, float], watts: float) -> EnergyFigure:
    """Return the energy of a network where no power was ever measured, from a data sheet's."""
    return _from_power(latency_ms, watts, ASSUMED_SHARE, "assumed", "package")


def _from_power(
    latency_ms: tuple[float, float, float], watts: float, share: float, kind: EnergyKind, scope: Scope
) -> EnergyFigure:
    # Milliseconds times watts are millijoules.
    value, lower, upper = (ms * watts for ms in latency_ms)
    return EnergyFigure(value, lower * (1 - share), upper * (1 + share), kind, scope)


def comparable(figures: Sequence[EnergyFigure]) -> Sequence[EnergyFigure]:
    """Return figures that may stand on one front: of one kind and one scope.

    A latency times a constant would rank beside a measurement as if it knew something.

    Raises:
        UsageError: `mixed_energy`, naming what is mixed.
    """
    kinds = sorted({f"{figure.kind} ({figure.scope})" for figure in figures})
    if len(kinds) > 1:
        raise UsageError(
            "mixed_energy",
            f"energies that are {' and '.join(kinds)} cannot be compared: measure all of them with one "
            "meter, or leave energy out",
        )
    return figures
