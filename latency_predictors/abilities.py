"""Whether a board can run what is asked of it, by what it told when it registered."""

from collections.abc import Mapping
from typing import Any, Final

from latency_predictors.device import ExecutionContext

PRECISIONS: Final = ("fp32", "int8")
"""Of a board that does not say which it measures in."""


def lacking(facts: Mapping[str, Any], context: ExecutionContext) -> str:
    """Return why a board cannot run networks in a context; empty where it can.

    Args:
        facts: As `agent_protocol.Registration` has them.
        context: How networks are to be run.
    """
    version = facts["runtimes"].get(context.runtime)
    if version != context.runtime_version:
        return f"it has {context.runtime} {version}" if version else f"it has no {context.runtime}"
    precisions = facts.get("precisions", PRECISIONS)
    if context.precision not in precisions:
        return f"it measures in {', '.join(precisions) or 'no precision'} only"
    if context.threads > facts["device"]["num_cores"]:
        return f"it has {facts['device']['num_cores']} cores"
    if context.power_mode and context.power_mode != facts["power_mode"]:
        return f"it is powered as {facts['power_mode'] or 'nobody can tell'} now"
    return ""
