"""Boards that are registered: how their agents are, what they have to do, why they get no work."""

from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from pydantic import Field
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from api.resources.times import rfc3339
from latency_predictors.golden import Verdict
from nas.results import Document
from nas.settings import Settings
from nas.store.agent_store import Agent
from nas.store.measurement_rows import CONTEXT
from nas.store.stores import Stores, opened_stores

BoardState = Literal["idle", "measuring", "silent", "quarantine"]


class CheckLine(Document):
    """What golden subjects said of a board in a context.

    Attributes:
        context: In words.
        verdict: `good`; `drifted` where they took another time than in the last good check; `settled` where
            they took that other time again: it counts from then on.
        ratio: Of the subject that moved most: its time over that of the last good check.
        doubted: Results since the last good check, which are suspect and measured again.
        said: All of it in words, with what had changed.
    """

    context: str
    verdict: Verdict
    ratio: float
    doubted: int
    said: str
    at: str


class GivenUpLine(Document):
    """Files that a board does not try again in a context, until there are others.

    Attributes:
        context: In words.
        files: How many.
        code: Why, and
        said: what was said of one of them.
    """

    context: str
    files: int
    code: str
    said: str


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
        checks: What its golden subjects said last, in each context.
        given_up: Files that are in quarantine there, and why.
        replays: Whose published latencies it answers with; empty, and left out, where it measures.
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
    checks: tuple[CheckLine, ...] = ()
    given_up: tuple[GivenUpLine, ...] = ()
    replays: Annotated[str, Field(exclude_if=lambda text: not text)] = ""

    def __rich__(self) -> RenderableType:
        """Draw all of it."""
        versions = ", ".join(f"{name} {version}" for name, version in self.runtimes.items())
        lines = [
            f"{self.name}: {self.state}",
            f"device    {self.label}",
            f"          {self.device}",
            *([f"replays   {self.replays}"] if self.replays else []),
            f"agent     hwnas {self.version}, heard of {_moment(self.seen_at)} (UTC)",
            f"since     {_moment(self.registered_at)}",
            f"runtimes  {versions or 'none'}",
            f"queue     {self.pending} files{_progress(self)}",
            *(f"check     {one.context}: {one.said}, {_moment(one.at)} (UTC)" for one in self.checks),
            *(f"given up  {one.context}: {one.files} files, {one.code}: {one.said}" for one in self.given_up),
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
        checks=_checks(stores, digest),
        given_up=_given_up(stores, digest),
        replays=agent.facts.get("replays", ""),
    )


def _given_up(stores: Stores, device: str) -> tuple[GivenUpLine, ...]:
    found = stores.agent_queue.given_up(device)
    labels = _context_labels(stores, {one.context for one in found})
    return tuple(
        GivenUpLine(
            context=labels[one.context],
            files=one.files,
            code=one.code,
            said=one.message,
        )
        for one in found
    )


def _context_labels(stores: Stores, digests: Collection[str]) -> dict[str, str]:
    """Return contexts in words, by their digests."""
    contexts = stores.tables.contexts() if digests else {}
    return {digest: CONTEXT.validate_python(contexts[digest]).label for digest in digests}


def _checks(stores: Stores, device: str) -> tuple[CheckLine, ...]:
    newest = stores.golden.newest(device)
    labels = _context_labels(stores, {one.context for one in newest})
    return tuple(
        CheckLine(
            context=labels[one.context],
            verdict=one.verdict,
            ratio=one.ratio,
            doubted=one.doubted,
            said=one.in_words,
            at=rfc3339(one.at_ms),
        )
        for one in newest
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
        replays = f", replays {escape(one.replays)}" if one.replays else ""
        queue = f"{one.pending}{_progress(one)}"
        table.add_row(one.name, one.state, f"{escape(one.label)}{replays}", queue, _moment(one.seen_at))
    return Group(table, Text())


def _progress(board: BoardLine) -> str:
    return f", {board.measured} of {board.to_measure} measured" if board.to_measure else ""


def _moment(at: str) -> str:
    return at[:16].replace("T", " ")
