"""A device as it is shown: a board that is registered, or a table, with its models of few whole networks."""

from rich.console import Group, RenderableType

from api.boards import BoardLine, board_line
from api.devices import TableDetails, show_table
from api.few_shot_lines import FewShotLine, drawn_models, few_shot_lines, of_device
from api.searches import unbroken
from latency_predictors.device import host_device
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError


class ShownBoard(BoardLine):
    """A registered board with the models of few networks that were measured on it."""

    few_shot: tuple[FewShotLine, ...] = ()

    def __rich__(self) -> RenderableType:
        """Draw all of it."""
        return Group(super().__rich__(), *([drawn_models(self.few_shot)] if self.few_shot else ()))


class ShownTable(TableDetails):
    """One table with the models of few networks of the same device, in whichever context."""

    few_shot: tuple[FewShotLine, ...] = ()

    def __rich__(self) -> RenderableType:
        """Draw all of it."""
        models = [drawn_models(self.few_shot)] if self.few_shot else []
        return Group(super().__rich__(), *models)


class ShownModels(Document):
    """This machine, of which nothing but few whole networks was measured."""

    device_digest: str
    device_label: str
    few_shot: tuple[FewShotLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw its models, and how to get a table."""
        head = unbroken(
            [f"device    {self.device_label}", "          no table: `hwnas devices profile` measures one"]
        )
        return Group(head, drawn_models(self.few_shot))


def show_device(settings: Settings, name: str | None) -> ShownBoard | ShownTable | ShownModels:
    """Return a registered board by its name; a table, as `show_table`, where none has it.

    Without a name it is this machine's table; its models of few networks, where it has no table.

    Raises:
        UsageError: `no_table`, `unknown_table` or `ambiguous_table`.
        ArtifactError: `damaged_table`, `artifact_missing` or `artifact_damaged`.
    """
    with opened_stores(settings) as stores:
        lines = few_shot_lines(stores, settings.tenant)
        board = stores.agents.find(settings.tenant, name) if name else None
        if board is not None:
            told = dict(board_line(stores, board))
            return ShownBoard(**told, few_shot=of_device(lines, board.device.digest))
    mine = of_device(lines, host_device().digest)
    try:
        table = show_table(settings, name)
    except UsageError:
        if name is not None or not mine:
            raise
        return ShownModels(
            device_digest=host_device().digest, device_label=host_device().label, few_shot=mine
        )
    return ShownTable(**dict(table), few_shot=of_device(lines, table.device_digest))
