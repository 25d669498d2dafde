"""Does `hwnas plan` tell the truth? Planned against real time of each phase of different searches."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.figures import Figure
from benchmarks.sections.lab import hwnas, last_result, settings_of

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
        path = home / f"plan{number}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        plan = json.loads(hwnas(settings, "plan", str(path), "--json"))
        planned = {phase["name"]: float(phase["seconds"]) for phase in plan["phases"]}
        hwnas(settings, "search", str(path), "--json")
        real = {phase.name: phase.seconds for phase in last_result(settings).phases}
        print(f"{number}: planned {_rounded(planned)}, was {_rounded(real)}", file=sys.stderr)
        worst = max(real, key=lambda name: _factor(planned[name], real[name]))
        factor = _factor(planned[worst], real[worst])
        kept += factor <= FACTOR
        details.append(f"{number}: {worst} x{factor:.2f} ({planned[worst]:.0f} s, was {real[worst]:.0f} s)")
    target = 9.0 * len(specifications) / 10
    name = f"plans whose phases are all within x{FACTOR:g}, of {len(specifications)}"
    return [Figure(name, kept, "", ">=", target, "; ".join(details))]


def _rounded(seconds: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.1f}" for name, value in seconds.items())


def _factor(planned: float, real: float) -> float:
    if max(planned, real) <= NEGLIGIBLE_S:
        return 1.0
    low, high = sorted((max(planned, 0.1), max(real, 0.1)))
    return high / low
