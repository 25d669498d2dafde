"""Quantiles with intervals that assume no distribution. Pure."""

import math
from typing import Final

import numpy as np

from search_spaces.base import FloatArray

_NORMAL_95: Final = 1.96


def median_interval(values: FloatArray) -> tuple[float, float, float]:
    """Return the median and its 95 % interval, as (low, median, high).

    With fewer than six values the interval is the whole range.
    """
    return quantile_interval(values, 0.5)


def quantile_interval(values: FloatArray, share: float) -> tuple[float, float, float]:
    """Return the quantile below which a share of the values lies, with its 95 % interval: (low, at, high).

    The interval is the distribution-free one between two order statistics (normal approximation of the
    binomial ranks).
    """
    ordered = np.sort(values)
    n = len(ordered)
    spread = _NORMAL_95 * math.sqrt(n * share * (1 - share))
    low = max(math.floor(n * share - spread) - 1, 0)
    high = min(math.ceil(n * share + spread), n - 1)
    return float(ordered[low]), float(np.quantile(ordered, share)), float(ordered[high])
