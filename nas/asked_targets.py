"""Which targets of a search a question is about: one by its number, or those of a device together.

Latencies of different devices, or with different meanings, are never compared as if they were of one kind:
whoever asks without saying which is told how to say it.
"""

from collections.abc import Sequence
from typing import Protocol

from latency_predictors.latency_metric import LatencyMetric
from search_spaces.errors import UsageError

Asked = int | str | None
"""A number, counted from 1; the name of a device, as specifications have it; None where nothing was said."""


class Target(Protocol):
    """What tells whether targets can be compared."""

    @property
    def device_name(self) -> str:
        """What the specification calls the device."""

    @property
    def metric(self) -> LatencyMetric:
        """What is meant by latency there."""


def positions(targets: Sequence[Target], asked: Asked) -> list[int]:
    """Return where the targets that are asked for stand, from 0; all of them where nothing was said."""
    return [at for at, one in enumerate(targets) if asked in (None, at + 1, one.device_name)]


def meant_targets(search: str, targets: Sequence[Target], asked: Asked) -> list[int]:
    """Return where the targets that are asked for stand, from 0.

    Args:
        search: Identifier, for the message.
        targets: Of that search.
        asked: Which of them.

    Raises:
        UsageError: `unknown_target` where there is no such, naming what there is.
    """
    found = positions(targets, asked)
    if asked is not None and not found:
        told = str(asked) if isinstance(asked, int) else f"'{asked[:60]}'"
        raise UsageError(
            "unknown_target",
            f"search {search} has no target {told}; its targets are 1 to {len(targets)}, "
            f"of {_listed(_devices(targets))}",
        )
    return found


def compared_targets(search: str, targets: Sequence[Target], asked: Asked) -> list[int]:
    """Return where the targets stand whose networks answer a question together, from 0.

    They are of one device, and mean the same by latency: the same statistic, with the same pauses.

    Args:
        search: Identifier, for the message.
        targets: Of that search.
        asked: Which of them; None where all are of one device.

    Raises:
        UsageError: `unknown_target`; `ambiguous_target` where what is asked for cannot be compared, naming
            the devices or the meanings, and how to ask for one.
    """
    found = meant_targets(search, targets, asked)
    devices = _devices([targets[at] for at in found])
    if len(devices) > 1:
        raise UsageError(
            "ambiguous_target",
            f"search {search} has targets of several devices, {_listed(devices)}: say which one is meant, "
            f"for example --target {devices[-1]}, or --target 1 for the first target alone",
        )
    if len({targets[at].metric for at in found}) > 1:
        means = _listed([f"target {at + 1} the {targets[at].metric.label}" for at in found])
        raise UsageError(
            "ambiguous_target",
            f"the targets of {devices[0]} in search {search} do not mean the same by latency and are not "
            f"compared: {means}; ask for one by its number, for example --target {found[0] + 1}",
        )
    return found


def _devices(targets: Sequence[Target]) -> list[str]:
    return list(dict.fromkeys(one.device_name for one in targets))


def _listed(names: Sequence[str]) -> str:
    """Return names in words: `host`, `host and pi5`, `host, pi4 and pi5`."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
