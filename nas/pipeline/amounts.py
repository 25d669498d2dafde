"""How much phases do, where no specification says it."""

from typing import Final

NUM_SESSIONS: Final = 2
"""Fresh processes behind every measured value."""

NUM_CALIBRATION: Final = 24
"""Whole networks that the correction of a table is fitted on, at first."""

NUM_FURTHER: Final = 48
"""Those that a profile fits it on besides, where it is not sharp; and"""

NUM_ROUNDS_FURTHER: Final = 2
"""how often so many, while it is not."""

NUM_SUBNETS: Final = 100
"""Subnets that the accuracy predictors learn from, at first."""

NUM_PAIRED: Final = 24
"""Networks that are scored in both precisions, spread by their work: a few more than the interval needs."""
