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
from nas.pipeline.sites import check_devices
from nas.settings import Settings
from nas.spec_files import load_document
from nas.specs import parse_spec
from nas.store.registered import names_registered, with_registered
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
    """Work out what the search that a file specifies would cost here.

    What is seen of the images is kept for the search; nothing else is left behind.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml`, `invalid_spec` or `unknown_device`.
        HwnasError: What keeps the search from starting, such as limits that cannot be met.
    """
    written = load_document(path)
    if not names_registered(written):
        parse_spec(written)  # what is wrong with it is told before anything is opened
    with opened_stores(settings) as stores, shown_progress() as progress:
        document, _ = with_registered(stores, settings.tenant, written)
        spec = parse_spec(document)
        check_devices(stores, settings.tenant, spec.targets, spec.when_missing)
        compute = InProcessCompute(stores.artifacts, settings.home)
        around = Surroundings(settings, stores, compute, progress)
        return DrawnPlan.of(make_plan(open_search(spec, around)))
