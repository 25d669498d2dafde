"""The verified front of a finished search."""

from typing import Annotated

from pydantic import Field
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from api.searches import unbroken
from nas.report.stock import better_stock_sentences
from nas.report.terminal import front_table, target_lines
from nas.report.terminal_plot import front_plot
from nas.report.words import where_sentence
from nas.results import Delivery, Document, TargetResult, VerifiedNetwork
from nas.settings import Settings
from nas.store.searches import find_search, target_index
from nas.store.stores import opened_stores


class Front(Document):
    """The verified front of one search for one target.

    Attributes:
        target_number: Counted from 1.
        networks: The published points, by latency.
        references: Stock networks, verified alike.
        deliveries: Those of this target.
        result: Everything that was found for the target; JSON has the above only.
    """

    search: str
    target_number: int
    device: str
    context: str
    limits: dict[str, float]
    networks: tuple[VerifiedNetwork, ...]
    references: tuple[VerifiedNetwork, ...]
    deliveries: tuple[Delivery, ...]
    result: Annotated[TargetResult, Field(exclude=True)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the front as a plot and as a table."""
        ascii_only = options.ascii_only
        yield Text(f"{self.search}, target {self.target_number}: {where_sentence(self.result)}")
        yield front_plot(self.result, self.references, width=options.max_width, ascii_only=ascii_only)
        if self.result.front:
            yield front_table(self.result, self.deliveries, ascii_only=ascii_only)
        better = better_stock_sentences(
            self.search, self.target_number, self.result, self.references, self.deliveries
        )
        yield unbroken(["", *target_lines(self.result, better)])


def show_front(settings: Settings, name: str, target_number: int) -> Front:
    """Return the verified front of a finished search.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search`, `search_not_finished` or `unknown_target`.
        ArtifactError: `damaged_file`.
    """
    with opened_stores(settings) as stores:
        result = stores.stored(find_search(stores, settings.tenant, name)).result()
    index = target_index(result, target_number)
    target = result.targets[index]
    return Front(
        search=result.id,
        target_number=target_number,
        device=target.device_label,
        context=target.context_label,
        limits=target.limits,
        networks=target.front,
        references=result.references_at(index),
        deliveries=tuple(delivery for delivery in result.deliveries if delivery.target == index),
        result=target,
    )
