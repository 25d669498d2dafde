"""Answers of a service as the command line draws them; `--json` gives them as the service does."""

from typing import Self

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.resources.fronts import FrontResource
from api.resources.jobs import JobResource
from api.searches import unbroken
from nas.pipeline.plan_text import plan_text
from nas.pipeline.preview import Preview
from nas.report.numbers import duration
from nas.report.words import accuracy_text, cost_text, latency_text
from nas.results import Document


class RemotePlan(Preview):
    """What a search would cost at a service."""

    @classmethod
    def of(cls, found: Preview) -> Self:
        """Return a preview so that it can be drawn."""
        return cls.model_validate(found.model_dump())

    @property
    def failed(self) -> bool:
        """Whether some limits can be met by nobody."""
        return any(one.outlook.state == "infeasible" for one in self.targets)

    def __rich__(self) -> RenderableType:
        """Draw the plan, then what stands in its way and what is expected only."""
        lines = [
            f"target {number}: {one.outlook.message}"
            for number, one in enumerate(self.targets, 1)
            if one.outlook.message
        ]
        if self.training != "measured":
            known = "other trainings there" if self.training == "fitted" else "what a small machine takes"
            low, high = duration(self.training_seconds_low), duration(self.training_seconds_high)
            lines.append(f"note: training is expected to take {low} to {high}, by {known}")
        return Group(plan_text(self), unbroken(lines))


class RemoteList(Document):
    """Searches of a service, the last submitted last."""

    searches: tuple[JobResource, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line a search."""
        if not self.searches:
            return Text("No searches yet: `hwnas search SPEC.yaml` submits one.")
        table = Table(box=None)
        table.add_column("search", no_wrap=True, min_width=max(len(job.id) for job in self.searches))
        for name in ("submitted (UTC)", "data set", "owner", "state"):
            table.add_column(name)
        for job in self.searches:
            submitted = job.created_at[:16].replace("T", " ")
            table.add_row(job.id, submitted, Text(job.name), Text(job.owner), str(job.state))
        return table


class RemoteFront(FrontResource):
    """The verified front of a search of a service."""

    @classmethod
    def of(cls, front: FrontResource) -> Self:
        """Return a front that can be drawn."""
        return cls(**dict(front))

    def __rich__(self) -> RenderableType:
        """Draw one line a network."""
        head = Text(f"{self.search}, target {self.target}: {self.device} · {self.context}")
        table = Table(box=None)
        for name in ("network", "latency", "accuracy", "parameters", "activations"):
            table.add_column(name, justify="left" if name == "network" else "right")
        for network in self.networks:
            table.add_row(
                network.name,
                latency_text(network.latency),
                accuracy_text(network.accuracy),
                f"{network.num_params:,}",
                cost_text("peak_memory_bytes", network.peak_memory_bytes),
            )
        return Group(head, table if self.networks else Text("no network keeps the limits"))


class RemoteSearch(Document):
    """One search of a service.

    Attributes:
        fronts: By target, once it has succeeded.
    """

    search: JobResource
    fronts: tuple[RemoteFront, ...]

    def __rich__(self) -> RenderableType:
        """Draw where it stands, and its fronts."""
        job = self.search
        lines = [f"{job.id}: {job.state}, submitted {job.created_at}"]
        if job.error is not None:
            lines.append(f"{job.error.code}: {job.error.message}")
        return Group(unbroken(lines), *self.fronts)
