"""Networks whose latency follows the formula of the correction, but for noise."""

from dataclasses import dataclass

import numpy as np

from latency_predictors.correction import Term
from latency_predictors.fitting import regressors
from search_spaces.base import FloatArray


@dataclass(frozen=True)
class Invented:
    """Sums, numbers of layers, boundaries, those and weights in mebibytes, MACs, latencies; (m,) each."""

    sums: FloatArray
    layers: FloatArray
    boundary: FloatArray
    touched: FloatArray
    giga_macs: FloatArray
    measured: FloatArray

    def columns(self, *without: Term) -> dict[Term, FloatArray]:
        """What coefficients are multiplied with, but for some terms."""
        every = regressors(
            self.sums,
            self.layers,
            boundary_mib=self.boundary,
            touched_mib=self.touched,
            giga_macs=self.giga_macs,
        )
        return {term: column for term, column in every.items() if term not in without}


def networks(
    rng: np.random.Generator,
    m: int,
    *,
    a: float = 0.93,
    b: float = 0.01,
    c: float = 0.004,
    d: float = 0.0,
    e: float = 0.0,
    cache: float = 0.0,
    f: float = 0.0,
    noise: float = 0.0,
) -> Invented:
    """Draw m networks with six to fourteen layers and 50 KiB to 3 MiB of weights."""
    layers = rng.integers(6, 15, m).astype(np.float64)
    sums = np.exp(rng.uniform(np.log(0.1), np.log(0.6), m)) * layers / 10
    boundary = sums * rng.uniform(0.5, 1.5, m)
    exact = a * sums + b - c * layers - d * boundary
    factor = np.exp(rng.normal(0, noise, m))
    weights = np.exp(rng.uniform(np.log(0.05), np.log(3.0), m))
    touched = boundary + weights
    giga_macs = sums * rng.uniform(0.01, 0.03, m)
    exact += e * np.maximum(touched - cache, 0.0) + f * giga_macs
    return Invented(sums, layers, boundary, touched, giga_macs, exact * factor)
