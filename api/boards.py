"""Boards that are registered: how their agents are, what they have to do, why they get no work."""

from collections.abc import Sequence
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.resources.times import rfc3339
from nas.results import Document
from nas.settings import Settings
from nas.store.agent_store import Agent
from nas.store.stores import Stores, opened_stores

BoardState = Literal["idle", "measuring", "silent", "quarantine"]


class BoardLine(Document):
    """A registered board.

    Attributes:
        name: What specifications call it.
        state: `silent` where its agent was not heard of for a minute.
        label: Its hardware.
        version: Of hwnas on it.
        runtimes: Their versions.
        seen_at: When its agent was heard of, give or take a quarter of a minute.
        pending: Files in its queue.
        measured: Files of its batch that are measured, of
        to_measure: all, over all sessions; zeros where it does not measure.
        quarantine: Why it gets no work; empty where it does.
    """

    name: str
    device: str
    state: BoardState
    label: str
    version: str
    runtimes: dict[str, str]
    registered_at: str
    seen_at: str
    pending: int
    measured: int
    to_measure: int
    quarantine: str

    def __rich__(self) -> RenderableType:
        """Draw all of it."""
        versions = ", ".join(f"{name} {version}" for name, version in self.runtimes.items())
        lines = [
            f"{self.name}: {self.state}",
            f"device    {self.label}",
            f"          {self.device}",
            f"agent     hwnas {self.version}, heard of {_moment(self.seen_at)} (UTC)",
            f"since     {_moment(self.registered_at)}",
            f"runtimes  {versions or 'none'}",
            f"queue     {self.pending} files{_progress(self)}",
        ]
        if self.quarantine:
            lines += [
                f"quarantine {self.quarantine}",
                f"`hwnas devices release {self.name}` gives it work again",
            ]
        return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def board_line(stores: Stores, agent: Agent) -> BoardLine:
    """Return a registered board as it is now."""
    digest = agent.device.digest
    load = stores.agent_queue.load(digest)
    state: BoardState = "measuring" if load.leased else "idle"
    if not agent.alive:
        state = "silent"
    return BoardLine(
        name=agent.name,
        device=digest,
        state="quarantine" if agent.quarantine else state,
        label=agent.device.label,
        version=agent.facts["version"],
        runtimes=agent.facts["runtimes"],
        registered_at=rfc3339(agent.registered_at_ms),
        seen_at=rfc3339(agent.seen_at_ms),
        pending=load.pending,
        measured=load.measured,
        to_measure=load.to_measure,
        quarantine=agent.quarantine,
    )


def board_lines(stores: Stores, tenant: str) -> tuple[BoardLine, ...]:
    """Return the boards of a tenant, by name."""
    return tuple(board_line(stores, agent) for agent in stores.agents.list_all(tenant))


def release_board(settings: Settings, name: str) -> BoardLine:
    """End the quarantine of a board.

    Raises:
        UsageError: `unknown_device`.
    """
    with opened_stores(settings) as stores:
        return board_line(stores, stores.agents.release(settings.tenant, name))


def drawn(boards: Sequence[BoardLine]) -> RenderableType:
    """Return a table of boards, a line each."""
    table = Table("board", "state", "hardware", "queue", "heard of (UTC)", box=None)
    for one in boards:
        table.add_row(one.name, one.state, one.label, f"{one.pending}{_progress(one)}", _moment(one.seen_at))
    return Group(table, Text())


def _progress(board: BoardLine) -> str:
    return f", {board.measured} of {board.to_measure} measured" if board.to_measure else ""


def _moment(at: str) -> str:
    return at[:16].replace("T", " ")
