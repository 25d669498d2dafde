"""The energy of exported networks on this machine: with a meter, or said to be assumed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from latency_predictors.device import host_context, host_device
from latency_predictors.energy import (
    EnergyFigure,
    MeasuredEnergy,
    assumed_energy,
    measure_energy,
    modelled_energy,
)
from latency_predictors.energy_sessions import correlation_with_latency
from latency_predictors.lease import host_lease_folder, measuring_lease
from latency_predictors.measure import NETWORK_PROTOCOL, Summary, measure
from latency_predictors.meters import Meter, best_meter, find_meters, running_log, wait
from latency_predictors.runtimes import get_runtime
from nas.report.numbers import interval, rounded
from nas.results import Document, Figure
from search_spaces.errors import MeasurementError, UsageError


class EnergyLine(Document):
    """One network.

    Attributes:
        gross_mj: All that was taken for one inference.
        net_mj: What of it was above idle; None where no meter saw it.
        note: What went wrong with its measurement.
    """

    file: str
    latency_ms: Figure
    gross_mj: Figure
    net_mj: Figure | None
    note: str = ""


class Energies(Document):
    """Energies of networks that may be compared with each other.

    Attributes:
        source: Which meter saw them, or which power was assumed.
        correlation: Rank correlation of measured energies with latencies; None below three.
    """

    device: str
    context: str
    source: str
    lines: tuple[EnergyLine, ...]
    correlation: float | None

    def __rich__(self) -> RenderableType:
        """Draw one line a network."""
        table = Table(
            "network", "latency, ms", "gross, mJ", "interval", "net, mJ", "interval", "label", box=None
        )
        for line in self.lines:
            net = ("–", "") if line.net_mj is None else _texts(line.net_mj)
            table.add_row(
                line.file, _texts(line.latency_ms)[0], *_texts(line.gross_mj), *net, line.gross_mj.kind
            )
        said = [f"{self.device} · {self.context}", self.source]
        said += [line.note for line in self.lines if line.note]
        if self.correlation is not None:
            said.append(f"rank correlation of energy with latency: {self.correlation:.3f}")
        return Group(table, Text("\n".join(said)))


@dataclass(frozen=True)
class Ran:
    """One network that ran.

    Attributes:
        energy: What a meter saw, or why it did not.
    """

    path: Path
    latency: Summary
    energy: MeasuredEnergy | MeasurementError | None

    @property
    def latency_ms(self) -> tuple[float, float, float]:
        """Median and its interval."""
        return self.latency.median_ms, self.latency.low_ms, self.latency.high_ms


def measure_energies(paths: Sequence[Path], log: Path | None, watts: float) -> Energies:
    """Run networks and say what one inference of each takes.

    Args:
        paths: Exported files.
        log: CSV file that a meter of the user's writes meanwhile; the machine's own meters if not given.
        watts: Power that is assumed where there is no meter.

    Raises:
        UsageError: `no_such_file`.
        MeasurementError: `file_not_loadable`, `bad_meter_log`, or `meter_stopped` where no network was seen
            to its end.
    """
    for path in paths:
        if not path.is_file():
            raise UsageError("no_such_file", f"there is no file {path}: give exported networks")
    meter = chosen_meter(log)
    with measuring_lease(host_lease_folder(), host_device().digest):
        ran = [run_network(path, meter, time.perf_counter_ns) for path in paths]
    return summed_up(ran, meter, watts)


def chosen_meter(log: Path | None) -> Meter | None:
    """Return the meter that sees most of what runs here; None where there is none.

    Raises:
        MeasurementError: `bad_meter_log`, or `meter_stopped` where the file does not grow.
    """
    return best_meter(find_meters()) if log is None else running_log(log)


def run_network(path: Path, meter: Meter | None, clock: Callable[[], int]) -> Ran:
    """Run a network until its latency and, with a meter, its energy are known."""
    context = host_context()
    executable = get_runtime(context.runtime).prepare(path, context)
    latency = measure(executable.run_once, clock, NETWORK_PROTOCOL)
    if meter is None:
        return Ran(path, latency, None)
    try:
        return Ran(path, latency, measure_energy(executable.run_once, meter, clock, wait))
    except MeasurementError as error:
        return Ran(path, latency, error)


def summed_up(ran: Sequence[Ran], meter: Meter | None, watts: float) -> Energies:
    """Return what was seen, and what follows for networks that the meter did not see.

    Raises:
        MeasurementError: As the first network, where the meter saw none.
    """
    seen = [(one, one.energy) for one in ran if isinstance(one.energy, MeasuredEnergy)]
    faults = [one.energy for one in ran if isinstance(one.energy, MeasurementError)]
    if faults and not seen:
        raise faults[0]
    power_w = median(energy.mean_w for _, energy in seen) if seen else watts
    figures = [energy.gross for _, energy in seen]
    latencies = np.array([one.latency.median_ms for one, _ in seen])
    source = f"assumed, there is no meter: {watts:g} W" if meter is None else meter.label
    return Energies(
        device=host_device().label,
        context=host_context().label,
        source=source,
        lines=tuple(_line(one, meter, power_w) for one in ran),
        correlation=correlation_with_latency(figures, latencies),
    )


def _line(one: Ran, meter: Meter | None, power_w: float) -> EnergyLine:
    median_ms, low_ms, high_ms = one.latency_ms
    net, note = None, ""
    if isinstance(one.energy, MeasuredEnergy):
        gross, net = one.energy.gross, _figure(one.energy.net)
    elif meter is None:
        gross = assumed_energy(one.latency_ms, power_w)
    else:
        gross = modelled_energy(one.latency_ms, power_w, meter.scope)
        note = f"{one.path.name}: {one.energy.message}" if one.energy else ""
    return EnergyLine(
        file=one.path.name,
        latency_ms=Figure(value=median_ms, lower=low_ms, upper=high_ms, kind="measured"),
        gross_mj=_figure(gross),
        net_mj=net,
        note=note,
    )


def _figure(energy: EnergyFigure) -> Figure:
    return Figure(value=energy.value_mj, lower=energy.lower_mj, upper=energy.upper_mj, kind=energy.kind)


def _texts(figure: Figure) -> tuple[str, str]:
    bounds = (figure.value, figure.lower, figure.upper)
    return rounded(*bounds), interval(*bounds)
