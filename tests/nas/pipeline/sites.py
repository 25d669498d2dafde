"""Where tests measure."""

from latency_predictors.device import ExecutionContext, host_context, host_device
from nas.pipeline.sites import Site


def here(context: ExecutionContext | None = None) -> Site:
    """This machine, with the usual context or another."""
    return Site(host_device(), context or host_context())
