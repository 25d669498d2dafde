"""Section `cuts`: the service goes away again and again while a board measures for it."""

import random
import threading
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.service_at_work import (
    exactly_twice,
    forget_instance,
    free_port,
    queued,
    registered,
    served,
    times_kept,
)
from nas.settings import Settings
from nas.store.stores import opened_stores
from workers.agent import Agent
from workers.agent_link import Server


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
    clock, over, lines = threading.Event(), threading.Event(), list[str]()

    def pause(seconds: float) -> None:
        over.wait(seconds)
        if over.is_set():
            raise _Enough

    with opened_stores(settings) as stores:
        boarded = registered(stores, "board")
        tasks = queued(stores, boarded.agent, cuts * 2, 10, 2)
        forget_instance(stores, boarded.agent)
        server = Server(f"http://127.0.0.1:{port}", boarded.key)
        agent = boarded.board.agent(server, settings.home / "board", lines.append, pause)

        thread = threading.Thread(target=_work, args=(agent,))
        thread.start()
        away = [rng.uniform(1.0, longest_s) for _ in range(cuts)]
        for seconds in away:
            with served(settings, stores, port):
                clock.wait(rng.uniform(0.3, 2.0))
            clock.wait(seconds)
        started = time.perf_counter()
        with served(settings, stores, port):
            while min(times_kept(stores, tasks)) < 2 and time.perf_counter() - started < 120:
                clock.wait(0.1)
            over.set()
            thread.join()
        kept, caught_up = times_kept(stores, tasks), time.perf_counter() - started
    what = f"{2 * len(tasks)} measurements, {cuts} restarts, away for {sum(away):.0f} s in all"
    return [
        *exactly_twice(kept, what),
        Figure("everything is there, after the last cut", caught_up, "s"),
    ]
