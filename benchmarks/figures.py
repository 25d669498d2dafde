"""What a benchmark prints: figures with their targets, as a table or as JSON."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

Compare = Callable[[float, float], bool]

_RELATIONS: Final[dict[str, Compare]] = {
    "<=": lambda value, target: value <= target,
    ">=": lambda value, target: value >= target,
    ">": lambda value, target: value > target,
}


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: What was measured.
        value: The figure; NaN where it could not be measured, which misses every target.
        unit: Of value and target.
        relation: How it has to stand to the target: `<=`, `>=` or `>`; empty for a figure without target.
        target: What it is held against.
        detail: Spread, reference, how it was measured.
    """

    name: str
    value: float
    unit: str = ""
    relation: str = ""
    target: float = 0.0
    detail: str = ""

    @property
    def reached(self) -> bool:
        """Whether the target is reached; true where there is none."""
        return not self.relation or _RELATIONS[self.relation](self.value, self.target)


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print figures: one JSON document, or a table."""
    if as_json:
        print(json.dumps([_document(figure) for figure in figures], indent=1))
        return
    table = Table("figure", "value", "target", "", "detail")
    for figure in figures:
        target = f"{figure.relation} {figure.target:g} {figure.unit}" if figure.relation else ""
        verdict = ("reached" if figure.reached else "MISSED") if figure.relation else ""
        table.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", target, verdict, figure.detail)
    Console(width=160).print(table)


def append(path: Path, figures: Iterable[Figure]) -> None:
    """Keep figures as JSON lines, so that a long benchmark that is stopped leaves what it found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        for figure in figures:
            stream.write(json.dumps(_document(figure)) + "\n")


def spread(values: Sequence[float]) -> str:
    """Return median and range in words."""
    return f"median {statistics.median(values):.4g}, {min(values):.4g} to {max(values):.4g} (n={len(values)})"


def _document(figure: Figure) -> dict[str, object]:
    value = None if math.isnan(figure.value) else figure.value
    return {**asdict(figure), "value": value, "reached": figure.reached}
