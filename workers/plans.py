"""What a search would cost, as people read it."""

from pathlib import Path
from typing import Self

from rich.console import RenderableType

from nas.compute import InProcessCompute
from nas.pipeline.context import Surroundings
from nas.pipeline.plan import Plan
from nas.pipeline.plan_text import plan_text
from nas.pipeline.planning import make_plan
from nas.pipeline.runner import open_search
from nas.settings import Settings
from nas.specs import load_spec
from nas.store.stores import opened_stores
from workers.progress import shown_progress


class DrawnPlan(Plan):
    """A plan that people can read."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Return a plan so that it can be drawn."""
        return cls.model_validate(plan.model_dump())

    def __rich__(self) -> RenderableType:
        """Draw the phases with their times, then what else is worth knowing."""
        return plan_text(self)


def plan_file(path: Path, settings: Settings) -> DrawnPlan:
    """Work out what the search that a file specifies would cost here; nothing is left behind.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml` or `invalid_spec`.
        HwnasError: What keeps the search from starting, such as limits that cannot be met.
    """
    spec = load_spec(path)
    with opened_stores(settings) as stores, shown_progress() as progress:
        compute = InProcessCompute(stores.artifacts, settings.home)
        return DrawnPlan.of(make_plan(open_search(spec, Surroundings(settings, stores, compute, progress))))
