"""What people usually want of a search, as changes to its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.dashboard.forms import put


@dataclass(frozen=True)
class Wish:
    """A usual wish.

    Attributes:
        title: In the words of whoever has it.
        changes: Of the document, by path; those of targets are of each of them, below `target`.
    """

    title: str
    what: str
    changes: Mapping[str, Any]


WISHES: Final[Mapping[str, Wish]] = {
    "fast": Wish(
        "Most accurate under 20 ms",
        "latency ≤ 20 ms, median",
        {"target.limits": {"latency_ms": 20.0}, "search.objectives": ["accuracy", "latency_ms"]},
    ),
    "steady": Wish(
        "Never slower than 20 ms",
        "95 % of inferences ≤ 20 ms, with pauses between them",
        {
            "target.limits": {"latency_ms": 20.0},
            "target.latency": {"statistic": "p95", "mode": "paced", "pause_ms": 50.0},
            "search.objectives": ["accuracy", "latency_ms"],
        },
    ),
    "small": Wish(
        "Fits a microcontroller",
        "file ≤ 1 MiB, working memory ≤ 256 KiB",
        {
            "target.limits": {"file_bytes": float(2**20), "peak_memory_bytes": float(2**18)},
            "target.context": {"precision": "fp32"},
            "search.objectives": ["accuracy", "file_bytes"],
        },
    ),
    "int8": Wish(
        "Fast in int8",
        "quantised after training, scored as quantised",
        {"target.context": {"precision": "int8"}, "search.objectives": ["accuracy", "latency_ms"]},
    ),
    "quick": Wish(
        "A first look", "5 minutes, all limits open", {"budget.wall_minutes": 5.0, "target.limits": {}}
    ),
    "thorough": Wish(
        "The last tenth of a point",
        "the front trained on, stock networks beside it, 4 hours",
        {
            "budget.wall_minutes": 240.0,
            "finetune.share": 0.5,
            "references": ["mobilenet_v2", "shufflenet_v2"],
            "verify.candidates": 80,
        },
    ),
}


def grant(wish: Wish, document: dict[str, Any]) -> None:
    """Write what a wish means into a document."""
    for path, value in wish.changes.items():
        head, _, rest = path.partition(".")
        if head != "target":
            put(document, path, value)
            continue
        for number in range(len(document["targets"])):
            put(document, f"targets.{number}.{rest}", value)
