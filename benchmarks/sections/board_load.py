"""Section `board_load`: a thousand boards that come at once, wait for work, and keep their leases at it.

The boards are one process beside the service, on the same processors: it makes their requests when they are
due and does nothing else, so that what an answer takes is the service's doing. How late it is itself, and
what share of a core it takes, is told with each figure.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from benchmarks.databases import database, kinds
from benchmarks.figures import Figure
from benchmarks.http_load import Answered, Asked, ask_all
from benchmarks.service_at_work import Boarded, free_port, queued, registered, served_apart
from latency_predictors.agent_protocol import WorkAnswer
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores

EVERY_S: Final = 5.0
"""Between two heartbeats of a board."""

AT_ONCE: Final = 200
"""Requests of a crowd that are under way at one moment: other boards wait for their turn, which counts."""


@dataclass(frozen=True)
class _Steady:
    """What came of requests at an even pace.

    Attributes:
        every_s: Pause of a board between two of them.
        share: Of a core, that the service took.
        own_share: That the boards took.
    """

    answers: list[Answered]
    every_s: float
    share: float
    own_share: float


@dataclass(frozen=True)
class _Place:
    """A service that has boards, in a process of its own."""

    stores: Stores
    port: int
    process: psutil.Process
    boards: list[Boarded]

    def at_once(self, ask: Callable[[Boarded], Asked]) -> list[Answered]:
        """Have all boards ask now."""
        return ask_all(self.port, [ask(board) for board in self.boards], AT_ONCE)

    def steadily(self, ask: Callable[[Boarded], Asked], every_s: float, seconds: float) -> "_Steady":
        """Have each board ask again and again for a while."""
        rng = random.Random(0)
        requests = [
            Asked(one.path, one.key, one.body, start + every_s * number)
            for one, start in ((ask(board), rng.uniform(0.0, every_s)) for board in self.boards)
            for number in range(round(seconds / every_s))
        ]
        before, own, began = self._cpu_s(), time.process_time(), time.perf_counter()
        answers = ask_all(self.port, requests, at_once=len(self.boards))
        seconds = time.perf_counter() - began
        shares = (self._cpu_s() - before) / seconds, (time.process_time() - own) / seconds
        return _Steady(answers, every_s, *shares)

    def _cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


def run(home: Path, quick: bool) -> list[Figure]:
    """Have boards come, wait and work, on each database; look at their answers and at what those cost."""
    count, seconds = (100, 10.0) if quick else (1_000, 60.0)
    figures: list[Figure] = []
    for kind in kinds():
        with _place(home / f"board_load-{kind}", kind, count) as place:
            figures += [replace(figure, name=f"{figure.name} ({kind})") for figure in _crowd(place, seconds)]
    return figures


@contextmanager
def _place(home: Path, kind: str, count: int) -> Iterator[_Place]:
    home.mkdir(parents=True)
    with database(kind, home) as url:
        settings, port = Settings(home=home, database_url=url), free_port()
        with opened_stores(settings) as stores:
            boards = [registered(stores, f"board{number}") for number in range(count)]
            with served_apart(settings, port) as pid:
                yield _Place(stores, port, psutil.Process(pid), boards)


def _crowd(place: _Place, seconds: float) -> list[Figure]:
    """Have all boards come at once, then wait for work, then get some at once, then be at it.

    Boards that wait ask at the pace that the service tells them; those at work renew their leases.
    """
    began = time.perf_counter()
    storm = place.at_once(_registration) + place.at_once(_request)
    came = time.perf_counter() - began
    pause_s = WorkAnswer.model_validate_json(storm[-1].body).ask_again_s
    waiting = place.steadily(_request, pause_s, seconds)
    queued(place.stores, [board.agent for board in place.boards], 1, 1, 1)
    began = time.perf_counter()
    got = place.at_once(_request)
    began_to_work = time.perf_counter() - began
    leases = {
        one.key: WorkAnswer.model_validate_json(answer.body).work
        for one, answer in zip(place.boards, got, strict=True)
    }

    def beat(one: Boarded) -> Asked:
        work = leases[one.key]
        assert work is not None
        told = {"instance": one.agent.instance, "attempt": work.attempt, "measured": 1, "to_measure": 2}
        return Asked(f"leases/{work.lease}/heartbeat", one.key, json.dumps(told).encode())

    working = place.steadily(beat, EVERY_S, seconds)
    answers = [*storm, *waiting.answers, *got, *working.answers]
    return [
        Figure("all have come at once", came, "s", "<=", 30, f"{len(place.boards)} boards"),
        Figure("all have got work at once", began_to_work, "s", "<=", 30, f"{len(place.boards)} boards"),
        *_steady("asking for work", waiting),
        *_steady("a heartbeat", working),
        Figure("refused", sum(not 200 <= one.status < 300 for one in answers), "", "<=", 0),
    ]


def _steady(what: str, found: _Steady) -> list[Figure]:
    millis = [1000 * one.seconds for one in found.answers]
    late = float(np.percentile([1000 * one.late_s for one in found.answers], 99))
    sent = float(np.percentile([1000 * (one.seconds - one.late_s) for one in found.answers], 99))
    told = f"{len(millis)} answers, median {np.median(millis):.3g} ms; this client is late by {late:.3g} ms, "
    told += f"from when it asks they take {sent:.3g} ms"
    took = f"each board every {found.every_s:g} s; this client takes {found.own_share:.2g} of a core beside"
    return [
        Figure(f"{what}, 99th percentile", float(np.percentile(millis, 99)), "ms", "<=", 50, told),
        Figure(f"{what}, of a core", found.share, "", "<=", 0.3, took),
    ]


def _registration(one: Boarded) -> Asked:
    told = one.told.model_copy(update={"clock_s": time.time()})
    return Asked("register", one.key, told.model_dump_json().encode())


def _request(one: Boarded) -> Asked:
    body = {"instance": one.agent.instance, "number": 1, "clock_s": time.time()}
    return Asked("leases", one.key, json.dumps(body).encode())
