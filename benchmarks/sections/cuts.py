"""Section `cuts`: the service goes away again and again while a board measures for it."""

import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.service_at_work import (
    exactly_twice,
    forget_instance,
    free_port,
    queued,
    registered,
    served_apart,
    times_kept,
)
from nas.settings import Settings
from nas.store.stores import opened_stores
from workers.agent import Agent
from workers.agent_link import Server

STEP_S: Final = 0.1
"""That a file takes, so that cuts meet an agent at work."""

LONGEST_THERE_S: Final = 8.0
"""The service is there for so long between two cuts at most."""

LAST_S: Final = 300.0
"""For everything that is left to come after the last cut."""


class _Enough(BaseException):
    """The agent is to end."""


def _work(agent: Agent) -> None:
    """Be a board until that is enough."""
    try:
        agent.run()
    except _Enough:
        agent.home.close()


def run(home: Path, quick: bool) -> list[Figure]:
    """Restart the service 20 times, away for 1 to 60 s each; count how often each result is kept."""
    cuts, longest_s = (4, 2.0) if quick else (20, 60.0)
    settings, port, rng = Settings(home=home / "cuts"), free_port(), random.Random(0)
    over, lines = threading.Event(), list[str]()
    away = [rng.uniform(1.0, longest_s) for _ in range(cuts)]

    def pause(seconds: float) -> None:
        over.wait(seconds)
        if over.is_set():
            raise _Enough

    with opened_stores(settings) as stores:
        boarded = registered(stores, "board")
        boarded.board.step_s = STEP_S
        tasks = queued(stores, [boarded.agent], cuts * 2, 10, 2)
        forget_instance(stores, boarded.agent)
        server = Server(f"http://127.0.0.1:{port}", boarded.key)
        agent = boarded.board.agent(server, settings.home / "board", lines.append, pause)
        thread = threading.Thread(target=_work, args=(agent,))
        thread.start()
        _cut(settings, port, away, rng)
        before, began = sum(times_kept(stores, tasks)), time.perf_counter()
        with served_apart(settings, port):
            while min(times_kept(stores, tasks)) < 2 and time.perf_counter() - began < LAST_S:
                threading.Event().wait(0.5)
            over.set()
            thread.join()
        kept, caught_up = times_kept(stores, tasks), time.perf_counter() - began
    what = f"{2 * len(tasks)} measurements, {cuts} restarts, every second a kill, away for {sum(away):.0f} s"
    return [
        *exactly_twice(kept, what),
        Figure("kept before the last cut", before, "", "", 0, "what was cut was at work"),
        Figure("everything is there, after the last cut", caught_up, "s"),
    ]


def _cut(settings: Settings, port: int, away: Sequence[float], rng: random.Random) -> None:
    """Have the service there for a while, stopped or killed in turn, and away for some seconds each time."""
    for number, seconds in enumerate(away):
        with served_apart(settings, port, killed=number % 2 == 1):
            threading.Event().wait(rng.uniform(1.0, LONGEST_THERE_S))
        threading.Event().wait(seconds)
