"""Does `hwnas plan` tell the truth? Planned against real time of each phase of different searches."""

from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.sections.lab import settings_of
from benchmarks.sections.quiet import Quiet
from nas.compute import InProcessCompute
from nas.pipeline.context import Surroundings
from nas.pipeline.plan import Plan, make_plan
from nas.pipeline.runner import open_search
from nas.settings import Settings
from nas.specs import SearchSpec, parse_spec
from nas.store.stores import opened_stores
from workers.inprocess import run_search

FACTOR: Final = 1.5
NEGLIGIBLE_S: Final = 1.5
"""Phases that are planned and last below this are not told apart."""

_SHAPES: Final = {"name": "shapes", "num_train": 3_000, "num_validation": 1_000, "num_test": 1_000}
_DIGITS: Final = {"name": "digits"}

SPECIFICATIONS: Final[tuple[dict[str, Any], ...]] = (
    {"dataset": _DIGITS, "supernet": {"epochs": 10}, "verify": {"candidates": 20}},
    {"dataset": _DIGITS, "supernet": {"epochs": 20}, "verify": {"candidates": 10}, "seed": 1},
    {"dataset": _DIGITS, "supernet": {"epochs": 8, "recipe": "sandwich"}, "verify": {"candidates": 8}},
    {"dataset": _DIGITS, "supernet": {"epochs": 15, "recipe": "uniform"}, "verify": {"candidates": 12}},
    {"dataset": _DIGITS, "supernet": {"epochs": 12}, "references": ["resnet", "mobilenet_v2"], "seed": 2},
    {"dataset": _DIGITS, "budget": {"wall_minutes": 1.0}, "verify": {"candidates": 10}, "seed": 3},
    {"dataset": _SHAPES, "supernet": {"epochs": 2}, "verify": {"candidates": 10}},
    {"dataset": _SHAPES, "supernet": {"epochs": 3, "recipe": "uniform"}, "verify": {"candidates": 16}},
    {"dataset": _SHAPES, "supernet": {"epochs": 1, "recipe": "sandwich"}, "verify": {"candidates": 8}},
    {
        "dataset": {**_SHAPES, "num_classes": 5, "seed": 1},
        "supernet": {"epochs": 3},
        "search": {"evaluations": 50_000},
        "verify": {"candidates": 12},
    },
)


def run(home: Path, quick: bool) -> list[Figure]:
    """Plan and run each specification; the first one profiles the device, the others find the table."""
    settings = settings_of(home / "plans")
    kept, details = 0, []
    specifications = SPECIFICATIONS[:2] if quick else SPECIFICATIONS
    for number, document in enumerate(specifications, 1):
        spec = parse_spec(document)
        planned = {phase.name: phase.seconds for phase in _plan(spec, settings).phases}
        real = {phase.name: phase.seconds for phase in run_search(spec, settings, Quiet()).phases}
        worst = max(real, key=lambda name: _factor(planned[name], real[name]))
        factor = _factor(planned[worst], real[worst])
        kept += factor <= FACTOR
        details.append(f"{number}: {worst} x{factor:.2f} ({planned[worst]:.0f} s, was {real[worst]:.0f} s)")
    target = 9.0 * len(specifications) / 10
    name = f"plans whose phases are all within x{FACTOR:g}, of {len(specifications)}"
    return [Figure(name, kept, "", ">=", target, "; ".join(details))]


def _plan(spec: SearchSpec, settings: Settings) -> Plan:
    with opened_stores(settings) as stores:
        compute = InProcessCompute(stores.artifacts, settings.home)
        return make_plan(open_search(spec, Surroundings(settings, stores, compute, Quiet())))


def _factor(planned: float, real: float) -> float:
    if max(planned, real) <= NEGLIGIBLE_S:
        return 1.0
    low, high = sorted((max(planned, 0.1), max(real, 0.1)))
    return high / low
