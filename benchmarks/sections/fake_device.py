"""Are spoilt measurements corrected or flagged, and quiet ones left alone? Hundreds of devices with a script.

The code is that of real measurements; only the device is not there. The control takes the anchors' correction
out: what was measured is taken as it is, and flagged as if there were no anchors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from latency_predictors.fake_device import FakeDevice, Neighbour, Script, Throttling
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import SessionResult
from latency_predictors.spread import Measured, combine_sessions
from search_spaces.errors import MeasurementError

NUM_CASES: Final = 60
"""Devices of each kind."""

NUM_SUBJECTS: Final = 40
TOLERANCE: Final = 0.03
"""A value so near to the truth is right."""

MakeScript = Callable[[int, np.random.Generator], Script]
Judge = Callable[[Measured, float], bool]
"""Says something of a value, given what is true, in milliseconds."""


@dataclass(frozen=True)
class Case:
    """What came of one device.

    Attributes:
        truth_ms: What its subjects take.
        drift: By how much the device becomes slower.
        sessions: What was measured of them; none where measuring gave up and said so.
    """

    truth_ms: dict[str, float]
    drift: float
    sessions: tuple[SessionResult, ...]

    def share(self, judge: Judge) -> float:
        """Return the share of subjects that something is true of; all where measuring gave up.

        A device that drifts has no speed of its own: the reference may lie anywhere on its way, but has to be
        one for all subjects.
        """
        values = combine_sessions(self.sessions)
        if not values:
            return 1.0
        ratios = [value.median_ms / self.truth_ms[digest] for digest, value in values.items()]
        level = min(max(float(np.median(ratios)), 1.0), 1.0 + self.drift)
        judged = [judge(value, level * self.truth_ms[digest]) for digest, value in values.items()]
        return float(np.mean(judged))

    def without_anchors(self) -> "Case":
        """Return the case with what was measured taken as it is."""
        return Case(self.truth_ms, self.drift, tuple(map(_as_it_is, self.sessions)))


def _slow_session(seed: int, rng: np.random.Generator) -> Script:
    factors = [1.0, 1.0]
    factors[int(rng.integers(2))] = 1.4
    return Script(seed=seed, session_factors=tuple(factors), unevenness=0.05)


def _drift(seed: int, rng: np.random.Generator) -> Script:
    # A session of 40 subjects takes about 15 s.
    return Script(seed=seed, drift=0.10, drift_s=15.0, unevenness=0.05)


def _throttling(seed: int, rng: np.random.Generator) -> Script:
    heat = Throttling(float(rng.uniform(8, 20)), float(rng.uniform(1.1, 1.6)), float(rng.uniform(1, 5)))
    return Script(seed=seed, throttling=heat, unevenness=0.05)


def _neighbour(seed: int, rng: np.random.Generator) -> Script:
    works_s, rests_s = (float(10 ** rng.uniform(-2, 0.3)) for _ in range(2))
    factor = float(rng.uniform(1.4, 2.0))
    return Script(seed=seed, neighbour=Neighbour(factor, works_s, rests_s), unevenness=0.05)


def _crashes(seed: int, rng: np.random.Generator) -> Script:
    return Script(seed=seed, crash_share=0.05)


def _wrong_results(seed: int, rng: np.random.Generator) -> Script:
    return Script(seed=seed, wrong_share=0.03, wrong_factor=float(rng.choice([0.3, 3.0])))


def _everything(seed: int, rng: np.random.Generator) -> Script:
    slow, heat = _slow_session(seed, rng), _throttling(seed, rng).throttling
    return Script(
        seed=seed,
        session_factors=slow.session_factors,
        drift=0.10,
        throttling=heat,
        crash_share=0.05,
        unevenness=0.05,
    )


def _quiet(seed: int, rng: np.random.Generator) -> Script:
    return Script(seed=seed, noise=float(rng.uniform(0.003, 0.03)))


SPOILT: Final[dict[str, MakeScript]] = {
    "a session × 1.4": _slow_session,
    "10 % drift": _drift,
    "throttling": _throttling,
    "a neighbour on the core": _neighbour,
    "5 % crashed runs": _crashes,
    "all of these": _everything,
    "3 % wrong results": _wrong_results,
}


def run(home: Path, quick: bool) -> list[Figure]:
    """Measure devices of each kind; then without the correction by anchors."""
    count = NUM_CASES // 5 if quick else NUM_CASES
    spoilt = {name: _measured(make, count) for name, make in SPOILT.items()}
    bare = {name: [one.without_anchors() for one in cases] for name, cases in spoilt.items()}
    quiet = _measured(_quiet, count)
    num_devices = f"{count} devices of {NUM_SUBJECTS} subjects"
    return [
        _worst("spoilt values corrected or flagged, worst kind", spoilt, ">=", 95.0),
        _worst("control: the same without the anchors' correction", bare, "<=", 95.0),
        Figure("quiet values flagged", _percent(quiet, _flagged), "%", "<=", 5.0, num_devices),
        Figure(
            "quiet values right",
            _percent(quiet, _right),
            "%",
            ">=",
            95.0,
            f"within {100 * TOLERANCE:.0f} %; {num_devices}",
        ),
    ]


def _worst(name: str, kinds: Mapping[str, Sequence[Case]], relation: str, target: float) -> Figure:
    """Return the share of values that are right or flagged where it is smallest, with that of each kind."""
    handled = {kind: _percent(cases, _handled) for kind, cases in kinds.items()}
    every = [one for cases in kinds.values() for one in cases]
    measured = [one for one in every if one.sessions]
    refused = f"{len(every) - len(measured)} of {len(every)} series refused"
    each = "; ".join(f"{kind}: {share:.1f} %" for kind, share in handled.items())
    detail = f"{each}; right as they stand: {_percent(measured, _right):.1f} %; {refused}"
    return Figure(name, min(handled.values()), "%", relation, target, detail)


def _measured(make: MakeScript, count: int) -> list[Case]:
    cases = []
    for seed in range(count):
        rng = np.random.default_rng([count, seed])
        truth = {f"s{i}": float(ms) for i, ms in enumerate(np.exp(rng.uniform(-1.5, 1.5, NUM_SUBJECTS)))}
        script = make(seed, rng)
        device = FakeDevice(truth, script)
        try:
            cases.append(
                Case(truth, script.drift, tuple(device.sessions(list(truth), NETWORK_PROTOCOL, seed=seed)))
            )
        except MeasurementError:
            cases.append(Case(truth, script.drift, ()))
    return cases


def _percent(cases: Sequence[Case], judge: Judge) -> float:
    return 100 * float(np.mean([one.share(judge) for one in cases]))


def _as_it_is(session: SessionResult) -> SessionResult:
    update = {"scale": 1.0, "suspect": False}
    results = tuple(result.model_copy(update=update) for result in session.results)
    return session.model_copy(update={"results": results, "reference_ms": {}})


def _right(value: Measured, truth_ms: float) -> bool:
    return abs(value.median_ms / truth_ms - 1.0) <= TOLERANCE


def _flagged(value: Measured, truth_ms: float) -> bool:
    return value.suspect


def _handled(value: Measured, truth_ms: float) -> bool:
    return _right(value, truth_ms) or _flagged(value, truth_ms)
