"""A toy orchestrator: the product's queue, leases and results, with jobs of a few tiny steps.

It runs as a process that others kill and stop at any moment. `chaos` starts it; `toy_checker` looks at what
it left.
"""

import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_

from nas.jobs import JobState, Succeeded
from nas.leases import Claim, Lease, LeaseLost, LeaseTimes, Renewal
from nas.store import fence
from nas.store.job_queue import DatabaseJobQueue
from nas.store.result_store import DatabaseResultStore
from nas.store.session import open_engine
from nas.store.tables import jobs
from search_spaces.errors import StoreError

TIMES: Final = LeaseTimes(lease_ms=1_000, stall_ms=20_000)
STEPS: Final = 3
STEP_S: Final = 0.03
"""How long a step takes, outside of any transaction: most stops then happen between writes."""

ROUNDS: Final = 500
"""Digests behind a step's result."""

_BATCH: Final = 2
_IDLE_S: Final = 0.05
_REAP_S: Final = 0.2


@dataclass(frozen=True)
class Counters:
    """Shared with whoever starts the workers; each worker writes its own place only, without any lock.

    Attributes:
        steps: Steps that were saved, by worker.
        refused: Writes that were refused because the lease was lost, by worker.
    """

    steps: Any
    refused: Any


def step_value(seed: int, step: int) -> str:
    """Return what a step computes: anybody can check it."""
    digest = f"{seed}/{step}".encode()
    for _ in range(ROUNDS):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


def work(url: str, number: int, counters: Counters, fenced: bool) -> None:
    """Claim and run jobs until somebody ends this process, or the one that started it has gone.

    Args:
        url: Of the database.
        number: Which worker this is.
        counters: Where it counts.
        fenced: False takes the check of attempt and token out of every statement: the control of the
            benchmark, which has to go wrong.
    """
    if not fenced:
        fence.owned = _anybodys
    engine = open_engine(url)
    queue, results = DatabaseJobQueue(engine, TIMES), DatabaseResultStore(engine)
    idle, starter = threading.Event(), multiprocessing.parent_process()
    assert starter is not None, "started by `chaos.Team`"
    reaped = 0.0
    while starter.is_alive():
        try:
            if time.monotonic() - reaped > _REAP_S:
                queue.reap()
                reaped = time.monotonic()
            claims = queue.claim(f"toy-{number}-{os.getpid()}", _BATCH)
            if not claims:
                idle.wait(_IDLE_S)
            else:
                _run_all(queue, results, claims, number, counters)
        except StoreError:
            idle.wait(_IDLE_S)  # the database was busy for long: somebody is stopped in the middle of a write


def _anybodys(lease: Lease) -> ColumnElement[bool]:
    return and_(jobs.c.id == lease.job_id, jobs.c.state == JobState.RUNNING)


def _run_all(
    queue: DatabaseJobQueue,
    results: DatabaseResultStore,
    claims: Sequence[Claim],
    number: int,
    counters: Counters,
) -> None:
    heartbeat = Heartbeat(queue, claims)
    for claim in claims:
        try:
            _run(results, claim, heartbeat, number, counters)
            heartbeat.stop(claim.lease)
            queue.settle(claim.lease, Succeeded())
        except LeaseLost:
            heartbeat.stop(claim.lease)
            counters.refused[number] += 1
    heartbeat.join()


def _run(
    results: DatabaseResultStore, claim: Claim, heartbeat: "Heartbeat", number: int, counters: Counters
) -> None:
    lease = claim.lease
    for step in range(STEPS):
        name = f"step-{step}"
        # Before the first attempt nobody can have left anything.
        if lease.attempt == 1 or results.document(lease.tenant, lease.job_id, name) is None:
            value = step_value(claim.spec["seed"], step)
            heartbeat.clock.wait(STEP_S)
            results.save_document(lease, name, json.dumps({"value": value}))
            counters.steps[number] += 1
        heartbeat.progress[lease] = step + 1


class Heartbeat:
    """Renews leases from a thread of its own until each is stopped."""

    def __init__(self, queue: DatabaseJobQueue, claims: Sequence[Claim]) -> None:
        self.progress = {claim.lease: claim.progress for claim in claims}
        self._queue = queue
        self.clock = threading.Event()  # never set: what waits for it takes its time
        self._end = threading.Event()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def stop(self, lease: Lease) -> None:
        """Renew a lease no more: no renewal of it is under way when this returns."""
        with self._changing:
            self.progress.pop(lease, None)

    def join(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._end.wait(TIMES.renew_every_ms / 1000):
            with self._changing:
                try:
                    answers = self._queue.renew(dict(self.progress)) if self.progress else {}
                except StoreError:
                    continue  # no answer is none: the next renewal asks again
                for lease, answer in answers.items():
                    if answer is Renewal.LOST:
                        self.progress.pop(lease, None)
