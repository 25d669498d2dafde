"""Further networks for a table whose predictions could be sharper: which, when, and who is told.

They say what single layers take inside networks (see `latency_predictors.layer_shares`).
"""

from statistics import NormalDist
from typing import Final

import numpy as np

from latency_predictors.correction import Correction
from latency_predictors.latency_metric import PLAIN
from latency_predictors.lookup_table import LookupTable
from latency_predictors.network_design import at_random, spread_by_cost
from latency_predictors.predictor import exact_cost
from nas.pipeline.amounts import NUM_FURTHER, NUM_ROUNDS_FURTHER
from nas.pipeline.calibrating import add_points, calibration_pool, measure_networks
from nas.pipeline.context import RunContext
from nas.pipeline.costs import latency_predictor
from nas.pipeline.durations import measuring_s
from nas.report.numbers import duration
from nas.report.words import counted
from nas.results import Document
from search_spaces.base import Architecture, SearchSpace, architecture_digest, space_digest
from search_spaces.sampling import as_architecture

_SEED: Final = 0

SHARP: Final = 0.015
"""Half width of intervals, as a share, above which a profile measures more networks, and"""

WIDE: Final = 0.04
"""that above which a search says that a profile would help."""


def sharpened(ctx: RunContext, table: LookupTable) -> LookupTable | None:
    """Return a table whose plain correction rests on further networks where it is not sharp; None meanwhile.

    Args:
        ctx: The job.
        table: Calibrated for the space; the same is returned where nothing is to be measured.

    Raises:
        MeasurementError: As `measure_networks`.
    """
    known = table
    for number in range(NUM_ROUNDS_FURTHER):
        due = further_due(ctx.space, table, number)
        if not due:
            continue
        # The whole round: those that are measured cost nothing, and say how many of it run.
        points = measure_networks(ctx, table, further_set(ctx.space, table, number))
        if points is None:
            _say_once(ctx, table, number, due)
            return None
        there = {point.digest for point in _correction(ctx.space, table).points}
        new = [point for point in points if point.digest not in there]
        table = add_points(ctx.space, table, new) if new else table
    if table is not known:
        ctx.stores.tables.publish(ctx.run.lease, table)
    return table


def further_due(space: SearchSpace, table: LookupTable, number: int) -> list[Architecture]:
    """Return the networks of a round that are to be measured because the plain correction is not sharp.

    There are none where they would not help: layers of networks of earlier versions are not known.
    """
    correction = _correction(space, table)
    if not wider(correction, SHARP) or not all(point.layer_ms for point in correction.points):
        return []
    there = {point.digest for point in correction.points}
    return [one for one in further_set(space, table, number) if architecture_digest(space, one) not in there]


def further_set(space: SearchSpace, table: LookupTable, number: int) -> list[Architecture]:
    """Return architectures from little to much work, any of those that are about as much.

    They say what single layers take inside networks, and are drawn as those are that will be asked about.
    Work is what they are spread by, and not their sums: whatever is measured again, they stay the same.

    Args:
        space: The space.
        table: With an entry for every layer.
        number: Of the round, from 0; each has others.
    """
    pool = calibration_pool(space, table)
    count, pick = NUM_FURTHER * NUM_ROUNDS_FURTHER, at_random(np.random.default_rng(_SEED))
    chosen = spread_by_cost(exact_cost(space, "num_macs")(pool), count, pick)
    return [as_architecture(pool[i]) for i in chosen[number::NUM_ROUNDS_FURTHER]]


def wider(correction: Correction, half_width: float) -> bool:
    """Return whether intervals are wider than that to either side, and than repeated measurements explain."""
    if correction.report is None:
        return True
    repeat = NormalDist().inv_cdf((1 + correction.level) / 2) * correction.report.repeat_rel_sd
    return correction.half_width**2 - repeat**2 > half_width**2


class _Further(Document):
    """It has been said that a round is measured."""

    number: int


def _say_once(ctx: RunContext, table: LookupTable, number: int, due: list[Architecture]) -> None:
    name = f"further.{table.context.digest[:12]}.{number}"
    if not ctx.run.has(name):
        network_ms = float(latency_predictor(ctx.space, table).predict(np.array(due)).point.mean())
        seconds = measuring_s(0, len(due), PLAIN, network_ms)
        what = f"measuring {counted(len(due), 'network')} more, for about {duration(seconds)}"
        ctx.progress.say(f"{_doubt(_correction(ctx.space, table))}: {what}")
        ctx.run.save(name, _Further(number=number))


def tell_doubt(ctx: RunContext, table: LookupTable) -> None:
    """Say where the plain predictions of a table may be far off, and what to do about it."""
    rounds = range(NUM_ROUNDS_FURTHER)
    if wider(_correction(ctx.space, table), WIDE) and any(
        further_due(ctx.space, table, number) for number in rounds
    ):
        ctx.progress.say(
            f"{table.device.label}, {table.context.label}: {_doubt(_correction(ctx.space, table))}; `hwnas "
            "devices profile` measures more networks against that"
        )


def _doubt(correction: Correction) -> str:
    return f"predictions may be off by {100 * correction.half_width:.1f} %"


def _correction(space: SearchSpace, table: LookupTable) -> Correction:
    return table.corrections[PLAIN.correction_key(space_digest(space))]
