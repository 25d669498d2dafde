"""What numbers that came from elsewhere may be: more than any device needs, less than arithmetic cannot hold.

Predictors add, square and divide in float32; whatever lies within these bounds they can work with.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from latency_predictors.device import Device, ExecutionContext
from latency_predictors.wire_types import LEAST_MS, MOST_MS

Bounds = tuple[float, float]
Rules = Mapping[str, Bounds]
"""Bounds by the name of a field."""

LATENCY: Final[Bounds] = (LEAST_MS, MOST_MS)
EXTRA: Final[Bounds] = (0.0, MOST_MS)
"""Milliseconds that may be none."""

SIZE: Final[Bounds] = (0.0, 1e9)
"""Mebibytes, or billions of operations."""

SHARE: Final[Bounds] = (0.0, 1.0)
SPREAD: Final[Bounds] = (0.0, 100.0)
"""How far values may be off, as a share of them."""

ERROR: Final[Bounds] = (0.0, 1e9)
"""Of a prediction, as a share: MACs alone, for example, may say anything."""

COUNT: Final[Bounds] = (0, 2**53)
PLACE: Final[Bounds] = (0, 2**20)
"""In a list, or of a processor."""

SOME: Final[Bounds] = (1, 2**20)
"""How many there are of what is not missing."""

_DEVICE: Final[Rules] = {"num_cores": (0, 2**16), "memory_gib": (0, 2**20)}
_CONTEXT: Final[Rules] = {"threads": (1, 2**16), "batch": SOME, "affinity": PLACE, "pause_ms": EXTRA}


def beyond(where: str, value: object, bounds: Bounds) -> Iterator[str]:
    """Yield which numbers lie outside of their bounds, with where they stand.

    Args:
        where: The field stands.
        value: A number, several of them, also by name; None where it is not known.
        bounds: Of each.
    """
    if isinstance(value, int | float):
        if not bounds[0] <= value <= bounds[1]:
            yield f"{where} is {value:g}"
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from beyond(f"{where}.{name}", one, bounds)
    elif isinstance(value, tuple):
        for number, one in enumerate(value):
            yield from beyond(f"{where}.{number}", one, bounds)


def beyond_rules(where: str, model: object, rules: Rules) -> Iterator[str]:
    """Yield the same of the fields of a model that rules name."""
    for name, bounds in rules.items():
        yield from beyond(f"{where}.{name}", getattr(model, name), bounds)


def beyond_site(where: str, device: Device | None, context: ExecutionContext) -> Iterator[str]:
    """Yield the same of a device and of how it ran networks.

    Args:
        where: Both stand, with a dot behind it.
        device: None where it is not known.
        context: How it ran.
    """
    if device is not None:
        yield from beyond_rules(f"{where}device", device, _DEVICE)
    yield from beyond_rules(f"{where}context", context, _CONTEXT)
