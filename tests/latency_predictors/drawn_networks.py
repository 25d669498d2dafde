"""Whole networks whose latency follows the physical model, but for noise."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from latency_predictors.few_shot import FewShotPoint
from latency_predictors.network_design import design_networks
from latency_predictors.network_features import FEATURES, STEPS, WORK, network_features
from search_spaces.base import FloatArray, IntArray
from search_spaces.catalogue import get_space
from search_spaces.sampling import random_architectures

SPACE: Final = get_space("mobilenet_v3", preset="imagenet", num_classes=10, in_channels=3)
WEIGHTS_MS: Final = dict.fromkeys(FEATURES, 0.0) | {
    "inferences": 2.0,
    "convolutions": 0.05,
    "grouped_convolutions": 0.1,
    "macs": 2e-8,
    "grouped_macs": 1e-7,
    "activation_values": 5e-7,
}
FEATURES_OF: Final = network_features(SPACE)


@dataclass(frozen=True)
class Networks:
    """Architectures, (n, choices), their features, (n, p), and latencies, (n,)."""

    archs: IntArray
    features: FloatArray
    measured_ms: FloatArray


def networks(n: int, seed: int, noise: float = 0.0) -> Networks:
    """Draw networks and run them on a device that never was."""
    rng = np.random.default_rng(seed)
    archs = random_architectures(SPACE, n, rng)
    features = FEATURES_OF(archs)
    exact = features @ np.array([WEIGHTS_MS[name] for name in FEATURES])
    return Networks(archs, features, exact * np.exp(rng.normal(0, noise, n)))


def overlapping(n: int, seed: int, noise: float = 0.0) -> Networks:
    """Draw networks and run them where the longer of starting and working counts; half of the time each."""
    found = networks(n, seed)
    weights = np.array([WEIGHTS_MS[name] for name in FEATURES])
    starting, working = found.features[:, STEPS] @ weights[STEPS], found.features[:, WORK] @ weights[WORK]
    exact = np.maximum(starting * np.median(working) / np.median(starting), working)
    return replace(found, measured_ms=exact * np.exp(np.random.default_rng(seed).normal(0, noise, n)))


def points(found: Networks, count: int, seed: int, rel_sd: float = 0.003) -> list[FewShotPoint]:
    """Choose some of the networks and note what they took."""
    design = design_networks(found.features, count, np.random.default_rng(seed))
    return [
        FewShotPoint(
            digest=f"{i:064x}",
            features=tuple(found.features[i].tolist()),
            measured_ms=float(found.measured_ms[i]),
            rel_sd=rel_sd,
            drawn=i in design.drawn,
        )
        for i in design.chosen
    ]
