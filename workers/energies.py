"""The energy of exported networks on this machine: with a meter, or said to be assumed.

They are measured in sessions, as whatever else is: in fresh processes, never in this one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, get_args

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.energy import EnergyFigure, assumed_energy, modelled_energy
from latency_predictors.energy_sessions import SessionsEnergy, combine_energies, correlation_with_latency
from latency_predictors.gate import busy_sentence, gate_rules
from latency_predictors.lease import host_lease_folder
from latency_predictors.measure import ENERGY_PROTOCOL, NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.meters import Meter, best_meter, find_meters, running_log
from latency_predictors.processors import chosen_processors, package_of
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.session import run_sessions
from latency_predictors.spread import Measured, combine_sessions
from nas.export.onnx_file import read_onnx
from nas.report.numbers import interval, rounded
from nas.results import Document, Figure
from nas.settings import Settings
from nas.specs import Precision
from search_spaces.errors import MeasurementError, UsageError

METER_FAULTS: Final = ("bad_meter_log", "meter_stopped", "meter_too_slow", "no_meter")
"""Codes of what leaves a network without an energy, though it can be timed."""


class EnergyLine(Document):
    """One network.

    Attributes:
        gross_mj: All that was taken for one inference.
        net_mj: What of it was above idle; None where no meter saw it.
        note: What went wrong with its measurement, or why it is suspect.
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
        context: How it ran.
        latency: Over all its sessions.
        energy: What a meter saw in them, or why it did not; None where there is none.
        busy: What other work did during them, in words; empty where there was none.
    """

    path: Path
    context: ExecutionContext
    latency: Measured
    energy: SessionsEnergy | MeasurementError | None
    busy: str = ""

    @property
    def latency_ms(self) -> tuple[float, float, float]:
        """Median and its interval."""
        return self.latency.median_ms, self.latency.lower_ms, self.latency.upper_ms

    @property
    def note(self) -> str:
        """What went wrong, in words; empty where nothing did."""
        said = [self.energy.message] if isinstance(self.energy, MeasurementError) else []
        if self.latency.suspect:
            said.append(self.busy or "suspect, its sessions differ or were disturbed: measure again")
        return f"{self.path.name}: {'; '.join(said)}" if said else ""


def measure_energies(paths: Sequence[Path], log: Path | None, settings: Settings) -> Energies:
    """Measure networks in sessions of their own and say what one inference of each takes.

    Args:
        paths: Exported files.
        log: CSV file that a meter of the user's writes meanwhile; that of the settings, or else the machine's
            own meters, if not given.
        settings: What is done while other work keeps the machine busy; the power of a processor, which is
            assumed where there is no meter.

    Raises:
        UsageError: `no_such_file`.
        MeasurementError: As `run_sessions`; a file's own, `file_not_loadable` or `unsupported_subject`; of
            the meter only where no network was seen to its end.
    """
    for path in paths:
        if not path.is_file():
            raise UsageError("no_such_file", f"there is no file {path}: give exported networks")
    log = log or (Path(settings.meter_log) if settings.meter_log else None)
    meter = chosen_meter(log)
    bench = _Bench(settings.when_busy, "" if log is None else str(log))
    contexts = {path: context_of(path) for path in paths}
    faults = _watch(bench, contexts) if meter else {}
    for context in dict.fromkeys(contexts.values()):
        unseen = [path for path in (faults if meter else contexts) if contexts[path] == context]
        bench.measure(unseen, context, NETWORK_PROTOCOL)
    found = bench.ran(contexts, faults)
    summed = summed_up([found[path] for path in contexts], meter, settings.watts_per_core)
    lines = dict(zip(contexts, summed.lines, strict=True))
    return summed.model_copy(update={"lines": tuple(lines[path] for path in paths)})


def chosen_meter(log: Path | None) -> Meter | None:
    """Return the meter that sees most of what runs here; None where there is none.

    Raises:
        MeasurementError: `bad_meter_log`, `meter_too_slow`, or `meter_stopped` where the file does not grow.
    """
    if log is not None:
        return running_log(log)
    return best_meter(find_meters(), package_of(chosen_processors(host_context())))


def context_of(path: Path) -> ExecutionContext:
    """Return how a file runs here: one thread of ONNX Runtime, in the precision that the file names."""
    try:
        properties = read_onnx(path.read_bytes()).properties
    except (OSError, ValueError):  # the runtime says what is wrong with it
        properties = {}
    named = properties.get("precision", "")
    return replace(host_context(), precision=named if named in get_args(Precision) else "fp32")


class _Bench:
    """Measures networks, and keeps the sessions of each context.

    Args:
        when_busy: As the setting.
        meter_log: File that a meter of the user's writes; this machine's own meters if empty.
    """

    def __init__(self, when_busy: str, meter_log: str) -> None:
        self._run: Callable[..., Iterator[SessionResult]] = partial(
            run_sessions,
            lease_folder=host_lease_folder(),
            gate=gate_rules(when_busy),
            meter_log=meter_log,
            repeat=when_busy != "ignore",
        )
        self._sessions: dict[ExecutionContext, list[SessionResult]] = {}

    def measure(self, paths: Sequence[Path], context: ExecutionContext, timing: TimingProtocol) -> None:
        """Measure files in at least two sessions.

        Raises:
            MeasurementError: As `run_sessions`; the first of a file's own. Nothing is kept then.
        """
        there = self._sessions.setdefault(context, [])
        # By path: the anchors go by their digests, and one of them may be measured too.
        subjects = [Subject(digest=str(path), path=path) for path in paths]
        reference_ms = there[-1].reference_ms if there else {}
        found = list(self._run(subjects, context, timing, reference_ms=reference_ms))
        for failure in (failure for session in found for failure in session.failures):
            raise MeasurementError(failure.code, failure.message)
        there += found

    def ran(
        self, contexts: Mapping[Path, ExecutionContext], faults: Mapping[Path, MeasurementError]
    ) -> dict[Path, Ran]:
        """Return what all sessions say together of each file."""
        latencies = {context: combine_sessions(found) for context, found in self._sessions.items()}
        every = [session for found in self._sessions.values() for session in found]
        energies = combine_energies(every)
        return {
            path: Ran(
                path=path,
                context=context,
                latency=latencies[context][str(path)],
                energy=energies.get(str(path), faults.get(path)),
                busy=busy_sentence([one for one in every if _measured(path, one)]),
            )
            for path, context in contexts.items()
        }


def _measured(path: Path, session: SessionResult) -> bool:
    return any(result.digest == str(path) for result in session.results)


def _watch(bench: _Bench, contexts: Mapping[Path, ExecutionContext]) -> dict[Path, MeasurementError]:
    """Measure files under the meter, each in sessions of its own: a meter that stops spoils no other.

    Returns what went wrong with the meter, by file.

    Raises:
        MeasurementError: As `_Bench.measure`; of the meter where it saw no file to its end.
    """
    faults: dict[Path, MeasurementError] = {}
    for path, context in contexts.items():
        try:
            bench.measure([path], context, ENERGY_PROTOCOL)
        except MeasurementError as error:
            if error.code not in METER_FAULTS:
                raise
            faults[path] = error
    if len(faults) == len(contexts):
        raise next(iter(faults.values()))
    return faults


def summed_up(ran: Sequence[Ran], meter: Meter | None, watts: float) -> Energies:
    """Return what was seen, and what follows for networks that the meter did not see.

    Args:
        ran: One at least that the meter saw, where there is one.
        meter: That was there.
        watts: Power that is assumed without a meter.
    """
    seen = [(one, one.energy) for one in ran if isinstance(one.energy, SessionsEnergy)]
    figures = [energy.gross for _, energy in seen]
    latencies = np.array([one.latency.median_ms for one, _ in seen])
    source = f"assumed, there is no meter: {watts:g} W" if meter is None else meter.label
    return Energies(
        device=host_device().label,
        context="; ".join(dict.fromkeys(one.context.label for one in ran)),
        source=source,
        lines=tuple(_line(one, meter, _power_w(seen, one.context) if seen else watts) for one in ran),
        correlation=correlation_with_latency(figures, latencies),
    )


def _power_w(seen: Sequence[tuple[Ran, SessionsEnergy]], context: ExecutionContext) -> float:
    """Return the mean power in a context; in all of them where the meter saw no network in that one."""
    own = [energy.mean_w for one, energy in seen if one.context == context]
    return median(own or [energy.mean_w for _, energy in seen])


def _line(one: Ran, meter: Meter | None, power_w: float) -> EnergyLine:
    median_ms, low_ms, high_ms = one.latency_ms
    net = None
    if isinstance(one.energy, SessionsEnergy):
        gross, net = one.energy.gross, _figure(one.energy.net)
    elif meter is None:
        gross = assumed_energy(one.latency_ms, power_w)
    else:
        gross = modelled_energy(one.latency_ms, power_w, meter.scope)
    return EnergyLine(
        file=one.path.name,
        latency_ms=Figure(value=median_ms, lower=low_ms, upper=high_ms, kind="measured"),
        gross_mj=_figure(gross),
        net_mj=net,
        note=one.note,
    )


def _figure(energy: EnergyFigure) -> Figure:
    return Figure(value=energy.value_mj, lower=energy.lower_mj, upper=energy.upper_mj, kind=energy.kind)


def _texts(figure: Figure) -> tuple[str, str]:
    bounds = (figure.value, figure.lower, figure.upper)
    return rounded(*bounds), interval(*bounds)
