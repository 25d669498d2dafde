"""A device that follows a script: every rule of measuring can be tried without hardware, in no time.

It has a virtual clock, true latencies, and whatever spoils measurements: noise with outliers, drift,
throttling, slow sessions, processes that crash or hang, wrong results, a clock that jumps. Seeded: the same
script gives the same series of sessions.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from latency_predictors.child_process import ChildEnded
from latency_predictors.clock import NS_PER_MS, NS_PER_S
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.energy import measure_energy
from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.measure import TimingProtocol
from latency_predictors.meters import Meter, Reading
from latency_predictors.protocol import (
    Conditions,
    Failed,
    Finished,
    Line,
    SessionRequest,
    SessionResult,
    Subject,
)
from latency_predictors.series import run_series
from latency_predictors.session_process import answer
from search_spaces.errors import MeasurementError

CONTEXT: Final = ExecutionContext("fake", "1")
ANCHORS: Final = {"anchor-network": 0.5, "anchor-memory": 0.2}
"""Latencies of the anchors, in milliseconds."""

_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SILENCE_S: Final = 120.0
_DRAWN: Final = 4096  # noise is drawn so much at a time
_GLANCE_S: Final = 25e-6


@dataclass(frozen=True)
class Throttling:
    """Heat: after so many seconds of work the device is slower by a factor, for so many seconds.

    Attributes:
        counted: Whether the device counts how often; most do not tell.
    """

    after_s: float
    factor: float
    lasts_s: float
    counted: bool = False


@dataclass(frozen=True)
class Neighbour:
    """Somebody else's work on the other thread of the core, on and off at random.

    Attributes:
        factor: How slow that makes the core.
        works_s: Seconds for which it goes on, on average.
        rests_s: Seconds until the next time, on average.
    """

    factor: float = 1.7
    works_s: float = 0.3
    rests_s: float = 0.3


@dataclass(frozen=True)
class Script:
    """How a device behaves. The default is a quiet one.

    Attributes:
        seed: Of all that is random.
        noise: Standard deviation of the logarithm of one run's time.
        outlier_share: Share of the runs that take
            outlier_factor: times as long.
        session_factors: How slow each session is, from the first; 1 for those beyond.
        unevenness: How differently files are hit by what slows the device down: a file's own factor is the
            device's to the power of a number around 1 with this standard deviation, or of the one in
        felt: by digest. Who is bound by memory feels little of a slower clock.
        drift: How much slower the device has become, as a share, after the first
            drift_s: seconds of each session, little by little.
        throttling: Heat, if any.
        neighbour: Who has the core's other thread, if anybody.
        crash_share: Share of the measurements in which the process dies.
        hang_share: Share of those in which it hangs.
        wrong_share: Share of those whose result is wrong by
            wrong_factor: all of it.
        jumps: Seconds since the device's start, each with the seconds by which the clock jumps then.
        broken: Files that the runtime cannot load.
        deadly: Files that end every process that measures them.
        busy: Processors that other work keeps busy, and all of it is suspect.
        watts: Power while a file runs, as the device's meter counts it; it has none where that is 0.
        idle_watts: Power while nothing runs.
        meter_stops_s: Seconds since the device's start after which the meter counts no more.
    """

    seed: int = 0
    noise: float = 0.01
    outlier_share: float = 0.01
    outlier_factor: float = 4.0
    session_factors: tuple[float, ...] = ()
    unevenness: float = 0.0
    felt: Mapping[str, float] = field(default_factory=dict)
    drift: float = 0.0
    drift_s: float = 20.0
    throttling: Throttling | None = None
    neighbour: Neighbour | None = None
    crash_share: float = 0.0
    hang_share: float = 0.0
    wrong_share: float = 0.0
    wrong_factor: float = 3.0
    jumps: tuple[tuple[float, float], ...] = ()
    broken: frozenset[str] = frozenset()
    deadly: frozenset[str] = frozenset()
    busy: float = 0.0
    watts: float = 0.0
    idle_watts: float = 1.0
    meter_stops_s: float = math.inf


@dataclass
class FakeDevice:
    """A `series.Machine`. Its `clock` and `loaded` are what `measure` and `run_schedule` take.

    Attributes:
        truth_ms: What a run of each file takes on the quiet device, in milliseconds, by digest.
        script: How it behaves.
        busy_s: Seconds that it has worked.
        num_processes: That were started.
        joules: That its meter has counted.
    """

    truth_ms: Mapping[str, float]
    script: Script = field(default_factory=Script)
    busy_s: float = 0.0
    num_processes: int = 0
    joules: float = 0.0

    device = Device("a device that follows a script", (), 1, 1, "none", "none")

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.script.seed)
        self._num_sessions = 0
        self._session_began_s = 0.0
        self._noise: Iterator[float] = iter(())
        self._exponents = dict(self.script.felt)
        self._comes_and_goes = np.random.default_rng(self.script.seed + 1)
        self._neighbour_works = False
        self._neighbour_changes_s = 0.0

    def sessions(
        self, subjects: Sequence[str], timing: TimingProtocol, num_sessions: int = 2, seed: int = 0
    ) -> Iterator[SessionResult]:
        """Measure subjects as `run_sessions` does, in a context of its own."""
        request = SessionRequest(
            context=CONTEXT,
            timing=timing,
            subjects=tuple(map(_subject, subjects)),
            anchors=tuple(map(_subject, ANCHORS)),
            reference_ms={},
            seed=seed,
        )
        return run_series(request, self, num_sessions)

    def clock(self) -> int:
        """Return the time in nanoseconds, as the device shows it."""
        jumps = self.script.jumps
        jumped_s = sum(by_s for at_s, by_s in jumps if self.busy_s >= at_s) if jumps else 0.0
        return round((self.busy_s + jumped_s) * NS_PER_S)

    def now(self) -> datetime:
        """Return the date and time."""
        return _BEGIN + timedelta(seconds=self.busy_s)

    def settle(self) -> Conditions:
        """Begin a session."""
        self._num_sessions += 1
        self._session_began_s = self.busy_s
        return Conditions(busy=self.script.busy, too_busy=self.script.busy > 0)

    def num_throttles(self) -> int:
        """Return how often the device has been throttled, if it counts that."""
        heat = self.script.throttling
        if heat is None or not heat.counted:
            return 0
        return math.floor((self.busy_s + heat.lasts_s) / (heat.after_s + heat.lasts_s))

    def run(self, request: SessionRequest) -> Generator[Line | ChildEnded, None, None]:
        """Answer as a process would; it has ended when the iterator has."""
        self.num_processes += 1
        lines: list[Line] = []
        last: Line | ChildEnded = Finished(cpus=(0,))
        try:
            answer(request, self._loaded, self.clock, lines.append, watch=self._watched, work=self._glance)
        except _ProcessEnded as ended:
            last = ChildEnded(str(ended), "")
        except MeasurementError as error:
            last = Failed(code=error.code, message=error.message)
        yield from lines
        yield last

    def _loaded(self, subject: Subject) -> Callable[[], None]:
        return self.loaded(subject.digest)

    def loaded(self, digest: str) -> Callable[[], None]:
        """Return what runs a file once.

        Raises:
            MeasurementError: `file_not_loadable`.
        """
        script = self.script
        if digest in script.broken:
            raise MeasurementError("file_not_loadable", f"the script says that {digest} is broken")
        fate = self._rng.random(3)
        ends = None
        if digest in script.deadly or fate[0] < script.crash_share:
            ends = "was ended by signal 11"
        elif fate[1] < script.hang_share:
            ends = f"was silent for {_SILENCE_S:g} s"
        wrong = script.wrong_factor if fate[2] < script.wrong_share else 1.0
        exponent = self._exponents.setdefault(digest, self._rng.normal(1.0, script.unevenness))
        quiet_s = self.truth_ms.get(digest, ANCHORS.get(digest, 0.0)) * wrong * NS_PER_MS / NS_PER_S

        def run_once() -> None:
            if ends is not None:
                self.busy_s += _SILENCE_S if "silent" in ends else 0.0
                raise _ProcessEnded(ends)
            self._spend(self.script.watts, quiet_s * self._slowness() ** exponent * self._disturbance())

        return run_once

    def _glance(self) -> None:
        """Do a little that is always the same, as real sessions do to see whether the core is slowed down."""
        self._spend(self.script.watts, _GLANCE_S * self._slowness())

    @property
    def meter(self) -> Meter:
        """What counts the joules of the device."""
        return Meter("fake", "board", "energy_j", 1e-6, 0.01, None, lambda: Reading(self.joules))

    def _watched(self, run_once: Callable[[], None]) -> MeasuredEnergy:
        if not self.script.watts:
            raise MeasurementError("no_meter", "the script says that there is no meter")
        rest = partial(self._spend, self.script.idle_watts)
        return measure_energy(run_once, self.meter, self.clock, rest)

    def _spend(self, watts: float, seconds: float) -> None:
        """Let time go by."""
        self.busy_s += seconds
        if self.busy_s < self.script.meter_stops_s:
            self.joules += watts * seconds

    def _slowness(self) -> float:
        """Return how slow the device is now, by what hits all of its work."""
        factors, number = self.script.session_factors, max(self._num_sessions, 1)
        slow = factors[number - 1] if number <= len(factors) else 1.0
        drifted = min((self.busy_s - self._session_began_s) / self.script.drift_s, 1.0)
        slow *= 1.0 + self.script.drift * drifted
        heat = self.script.throttling
        if heat and self.busy_s % (heat.after_s + heat.lasts_s) >= heat.after_s:
            slow *= heat.factor
        return slow * self._neighbour_factor()

    def _neighbour_factor(self) -> float:
        neighbour = self.script.neighbour
        if neighbour is None:
            return 1.0
        while self._neighbour_changes_s <= self.busy_s:
            lasts_s = neighbour.rests_s if self._neighbour_works else neighbour.works_s
            self._neighbour_works = not self._neighbour_works
            self._neighbour_changes_s += self._comes_and_goes.exponential(lasts_s)
        return neighbour.factor if self._neighbour_works else 1.0

    def _disturbance(self) -> float:
        """Return by how much the next run is off."""
        drawn = next(self._noise, None)
        if drawn is None:
            noise = np.exp(self._rng.normal(0.0, self.script.noise, _DRAWN))
            outliers = self._rng.random(_DRAWN) < self.script.outlier_share
            self._noise = iter(np.where(outliers, noise * self.script.outlier_factor, noise).tolist())
            drawn = next(self._noise)
        return drawn


class _ProcessEnded(Exception):  # noqa: N818 - not an error of the product: what happened to the process
    """The process of a session has ended."""


def _subject(digest: str) -> Subject:
    return Subject(digest=digest, path=Path(f"{digest}.fake"))
