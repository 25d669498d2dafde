"""`hwnas agent`: a process on a board that measures for a service until it is told to stop."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from pydantic import BaseModel
from rich.text import Text

from latency_predictors.agent_protocol import Heartbeat, Nothing, check_name
from latency_predictors.gate import gate_rules
from latency_predictors.lease import host_lease_folder
from latency_predictors.scoring import score
from latency_predictors.session import run_sessions
from latency_predictors.wire_types import one_line
from search_spaces.errors import HwnasError, UsageError
from workers.agent import Agent
from workers.agent_board import board_facts
from workers.agent_bundle import BundleDone, run_bundle
from workers.agent_home import AgentHome
from workers.agent_link import Link
from workers.agent_means import Means
from workers.agent_pairing import server_of
from workers.agent_replay import replayed_board

FAREWELL_S: Final = 3.0
"""For the service to hear that the lease is given back, once somebody has ended the agent."""

AGAIN_S: Final = 5.0
"""An agent that is told to end is told again after so long, unless it has heard: what a signal raises can be
lost, as in a finaliser or in Python that native code calls. Once in 168 agents it was."""


class AgentEnded(BaseModel):
    """An agent that has ended.

    Attributes:
        left: What it leaves, in words.
    """

    name: str
    left: str

    def __rich__(self) -> Text:
        """Say so."""
        return Text(f"agent '{self.name}' has ended: {self.left}")


@dataclass(frozen=True)
class Wanted:
    """What somebody wants of an agent.

    Attributes:
        name: What specifications are to call this board.
        server: Address of the service, with
        token: a key; or
        pair: a code. Nothing of it where the board was paired before.
        when_busy: What is done while other work keeps the board busy: `measure`, `refuse` or `ignore`.
        plain_http: Whether the address may be one without encryption, elsewhere than on this machine.
        meter_log: File that a meter of the user's writes, for energies; the board's own meters if empty.
        replay: File with published latencies to answer with, in the place of measuring; None to measure.
    """

    name: str
    server: str = ""
    token: str = field(default="", repr=False)
    pair: str = field(default="", repr=False)
    when_busy: str = "measure"
    plain_http: bool = False
    meter_log: str = ""
    replay: Path | None = None


def run_agent(wanted: Wanted, folder: Path, cache_bytes: int) -> AgentEnded:
    """Work for a service until Ctrl-C or SIGTERM, at once where a file is being measured.

    Args:
        wanted: Which service, and how.
        folder: Of the agent: its journal and files.
        cache_bytes: Room for files.

    Raises:
        UsageError: `agent_running`, `invalid_device_name`, or as `agent_pairing.server_of`; of what is to be
            replayed as `agent_replay.replayed_board`.
        HwnasError: What keeps it from working for good.
    """
    name = check_name(wanted.name)
    facts, means = _facts_and_means(wanted)
    with closing(AgentHome(folder, cache_bytes)) as home, _interrupted_by_signals():
        server = server_of(
            home,
            name,
            url=wanted.server,
            token=wanted.token,
            code=wanted.pair,
            plain_http=wanted.plain_http,
        )
        agent = Agent(name, facts, Link(server), home, means, _say)
        try:
            agent.run()
        except KeyboardInterrupt:
            _heard()
            return AgentEnded(name=name, left=_farewell(agent, Link(server, timeout_s=FAREWELL_S)))
    raise AssertionError("an agent works until it is interrupted")


def measure_bundle(
    bundle: Path | None, out: Path | None, folder: Path, when_busy: str, meter_log: str = ""
) -> BundleDone:
    """Measure what an archive asks for, without a network.

    Args:
        bundle: The archive.
        out: The answer.
        folder: Of the agent, which names its installation.
        when_busy: As for `Wanted`.
        meter_log: Likewise.

    Raises:
        UsageError: `conflicting_options` where one of the files is not given, `agent_running`, or as
            `agent_bundle.run_bundle`.
        HwnasError: Likewise.
    """
    if bundle is None or out is None:
        raise UsageError("conflicting_options", "--bundle and --out belong together: give both")
    with closing(AgentHome(folder)) as home, _interrupted_by_signals():
        return run_bundle(bundle, out, _means(when_busy, meter_log), board_facts(), home.instance, _say)


def _facts_and_means(wanted: Wanted) -> tuple[Callable[[], Mapping[str, Any]], Means]:
    """Return what the board tells of itself, and how it answers."""
    if wanted.replay is None:
        return board_facts, _means(wanted.when_busy, wanted.meter_log)
    board = replayed_board(wanted.replay)
    _say(f"nothing is measured: {len(board.trace.latency_ms)} latencies are served, '{board.trace.source}'")
    return board.facts, board.means


def _means(when_busy: str, meter_log: str) -> Means:
    measure = partial(
        run_sessions,
        lease_folder=host_lease_folder(),
        gate=gate_rules(when_busy),
        repeat=when_busy != "ignore",
        meter_log=meter_log,
    )
    return Means(measure, score)


def _farewell(agent: Agent, link: Link) -> str:
    """Give the lease back, if the service can be had; return what is left."""
    left = [f"{agent.home.num_remembered} results are kept and delivered when it starts again"]
    if agent.work is not None:
        told = Heartbeat(instance=agent.home.instance, attempt=agent.work.attempt)
        left.append(f"{len(agent.work.files)} files were being measured and are given out again")
        if not agent.home.num_remembered:
            try:
                link.post(f"agents/leases/{agent.work.lease}/return", told, Nothing)
            except HwnasError as error:
                left.append(f"the service was not told ({error.code})")
    return "; ".join(left)


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {one_line(line)}\n")
    sys.stderr.flush()


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Have SIGTERM, by which services are stopped, end the agent as Ctrl-C does, whoever started it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        _heard()
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    raise KeyboardInterrupt


def _heard() -> None:
    """Have nobody told again."""
    signal.setitimer(signal.ITIMER_REAL, 0.0)
