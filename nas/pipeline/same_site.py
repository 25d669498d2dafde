"""A search ends in the context that it began in: figures of two contexts are never put side by side.

The context is the board's own: a runtime that is updated or a governor that is changed makes another one of
it, with another table. Before a later phase measures, that is held against what was measured before.
"""

from latency_predictors.device import ExecutionContext, facts_digest
from nas.export.card import context_of
from nas.pipeline.context import Reads
from nas.pipeline.sites import Site, metric_site, target_site
from nas.results import TargetResult
from nas.specs import TargetSpec
from search_spaces.errors import MeasurementError


def same_site(ctx: Reads, target: TargetSpec, device: str, context: ExecutionContext | None) -> Site:
    """Return where a target is measured, if that is where and how it was.

    Args:
        ctx: The search.
        target: As it was asked for.
        device: Digest of the device that was measured; empty where an earlier version did not keep it.
        context: In which its layers were; None likewise.

    Raises:
        MeasurementError: `context_mismatch`, or as `site_of`.
    """
    site = target_site(ctx, target)
    _require(target, site, device, context)
    return site


def result_site(ctx: Reads, target: TargetResult) -> Site:
    """Return likewise where the target of a result is measured.

    Raises:
        MeasurementError: As `same_site`.
    """
    site = target_site(ctx, target.target)
    here = metric_site(site, target.target.latency.metric)
    _require(target.target, here, facts_digest(target.device), context_of(target))
    return site


def _require(target: TargetSpec, site: Site, device: str, context: ExecutionContext | None) -> None:
    if device not in ("", site.device.digest):
        raise MeasurementError(
            "context_mismatch",
            f"the search was begun on another device than '{target.device}' is here ({site.device.label}): "
            "bring that one back and resume the search, or search again",
        )
    if context is not None and context.digest != site.context.digest:
        raise MeasurementError(
            "context_mismatch",
            f"the search has measured '{target.device}' with {context.label}, and it runs "
            f"{site.context.label} now: bring the runtime's version and power mode back and resume the "
            "search, or search again: that measures anew and trains nothing",
        )
