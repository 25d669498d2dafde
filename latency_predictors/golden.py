"""Golden subjects: a few fixed layers that tell whether a board still is what its table says of it.

Sessions correct for drift by their anchors, so a board that has become slower for good, or a toolchain that
has changed under it, shows in no corrected value. The golden subjects are held against themselves instead: as
they were timed, uncorrected, against the last check that was good.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from latency_predictors.protocol import SessionResult
from latency_predictors.trust import AGREEMENT
from search_spaces.layers import ConvNormAct, InvertedResidual, LayerSpec, PooledHead

TOLERANCE: Final = AGREEMENT
"""Share by which a golden subject may differ; two sessions of one file contradict each other beyond it."""

MAX_DRIFTED: Final = 5
"""So many checks in a row, each unlike those before, and the board does not come to rest."""

GOLDEN: Final[tuple[LayerSpec, ...]] = (
    ConvNormAct((32, 28, 28), out_channels=64, kernel=3, stride=1, activation="relu"),
    InvertedResidual(
        (24, 28, 28),
        hidden=96,
        out_channels=24,
        kernel=5,
        stride=1,
        squeeze=0,
        activation="hard_swish",
        residual=True,
    ),
    PooledHead((96, 14, 14), hidden=256, activation="hard_swish", num_classes=100),
)
"""One bound by arithmetic, one by memory, one by weights. Others than these would be other subjects."""

Verdict = Literal["good", "drifted", "settled"]


def golden_key(spec: LayerSpec) -> str:
    """Return what a golden subject is stored under: never the key of a layer in a table."""
    return hashlib.sha256(f"golden {spec.signature()}".encode()).hexdigest()


SUBJECTS: Final[Mapping[str, LayerSpec]] = {golden_key(spec): spec for spec in GOLDEN}


@dataclass(frozen=True)
class Judgement:
    """What a check says.

    Attributes:
        verdict: `good` where every subject takes what it took in the last good check, or there was none;
            `drifted` where one does not; `settled` where it does not, but takes what it took in the check
            before, which had drifted: the board is another now, and comes to rest.
        ratio: Of the subject that has moved most: its time over the one of the last good check.
    """

    verdict: Verdict
    ratio: float


def fastest_ms(sessions: Sequence[SessionResult]) -> dict[str, float]:
    """Return what golden subjects took in the fastest session, as it was; what disturbs only slows down."""
    found: dict[str, float] = {}
    for session in sessions:
        for result in session.results:
            if result.digest in SUBJECTS:
                median = result.summary.median_ms
                found[result.digest] = min(median, found.get(result.digest, median))
    return found


def judge(
    found_ms: Mapping[str, float], good_ms: Mapping[str, float], drifted_ms: Mapping[str, float]
) -> Judgement:
    """Return what a check says.

    Args:
        found_ms: What its subjects took.
        good_ms: What they took in the last good check; empty where there was none.
        drifted_ms: What they took in the check before, where that had drifted; empty otherwise.
    """
    ratio = furthest(found_ms, good_ms)
    if _near(ratio):
        return Judgement("good", ratio)
    settled = bool(drifted_ms) and _near(furthest(found_ms, drifted_ms))
    return Judgement("settled" if settled else "drifted", ratio)


def furthest(found_ms: Mapping[str, float], before_ms: Mapping[str, float]) -> float:
    """Return the ratio of the subject that has moved most; 1 where none is in both."""
    ratios = [found_ms[digest] / before_ms[digest] for digest in found_ms if digest in before_ms]
    return max(ratios, key=lambda ratio: max(ratio, 1 / ratio), default=1.0)


def toolchain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides what a board measures beside its hardware, out of what it told of itself."""
    return {
        "hwnas": facts.get("version", ""),
        "runtimes": facts.get("runtimes", {}),
        "power mode": facts.get("power_mode", ""),
        "system": facts.get("system", ""),
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what of the toolchain has changed between two registrations, in words; empty where nothing."""
    old, new = toolchain(before), toolchain(now)
    told = [f"{name} {_told(old[name])} -> {_told(new[name])}" for name in old if old[name] != new[name]]
    return "; ".join(told)


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in sorted(value.items())) or "none"
    return str(value) or "not told"


def _near(ratio: float) -> bool:
    return max(ratio, 1 / ratio) <= 1 + TOLERANCE
