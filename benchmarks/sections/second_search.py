"""A second search with another limit, on the supernet and the table of the demo."""

import time
from pathlib import Path
from typing import Final

import yaml

from benchmarks.figures import Figure
from benchmarks.sections import demo_run
from benchmarks.sections.lab import hwnas, last_result, settings_of

SHARE: Final = 0.8
"""The new limit, as a share of the slowest point of the demo's front."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Search again, with what the section `demo` left in the same home; it is run where it left nothing.

    It trains nothing: neither stock networks nor a network of its front.
    """
    settings = settings_of(home / "demo")
    if not settings.home.exists():
        demo_run.run(home, quick)
    first = last_result(settings)
    limit = SHARE * max(network.latency.upper_ms for network in first.targets[0].front)
    document = first.spec.model_dump(mode="json")
    document["targets"][0]["limits"] = {"latency_ms": limit}
    document["references"], document["finetune"] = [], {"share": 0.0}
    path = home / "second.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    started = time.perf_counter()
    hwnas(settings, "search", str(path), "--json")
    seconds = time.perf_counter() - started
    second = last_result(settings)
    kept = [network.latency.upper_ms <= limit for network in second.targets[0].front]
    return [
        Figure("second search: wall time", seconds, "s", "<=", 60.0, f"limit {limit:.3g} ms"),
        Figure("second search: verified points", len(kept), "", ">=", 8),
        Figure("second search: supernet reused", float(second.supernet.reused), "", ">=", 1.0),
        Figure(
            "second search: share of points whose upper bound keeps the limit",
            sum(kept) / len(kept),
            "",
            ">=",
            1.0,
        ),
    ]
