"""Hard kills of PostgreSQL while searches are submitted: nothing that was acknowledged is lost."""

import secrets
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from api.databases import upgrade_database
from benchmarks.figures import Figure, spread
from benchmarks.postgres import Server, find_binaries, started
from benchmarks.sections.lab import settings_of
from benchmarks.served import service
from benchmarks.service_store import TENANT, new_key
from nas.settings import Settings
from nas.store.searches import all_searches
from nas.store.stores import opened_stores

KILLS: Final = 20
WRITERS: Final = 4
LOAD_S: Final = 1.5
"""Of submissions before each kill."""

GIVE_UP_S: Final = 60.0


@dataclass
class History:
    """What clients have seen.

    Attributes:
        acknowledged: Identifiers of searches that were taken in.
        statuses: How often each was answered; 0 where the connection broke.
        slowest_s: Longest answer.
    """

    acknowledged: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_s: float = 0.0
    lock: threading.Condition = field(default_factory=threading.Condition)

    def note(self, status: int, seconds: float, search_id: str = "") -> None:
        """Enter an answer."""
        with self.lock:
            self.statuses[status] += 1
            self.slowest_s = max(self.slowest_s, seconds)
            if search_id:
                self.acknowledged.add(search_id)
                self.lock.notify_all()

    def next_one(self, seconds: float) -> bool:
        """Wait until one more is acknowledged; return whether one was in that time."""
        with self.lock:
            before = len(self.acknowledged)
            return self.lock.wait_for(lambda: len(self.acknowledged) > before, seconds)


def run(home: Path, quick: bool) -> list[Figure]:
    """Submit, kill, start again, see when the service is back; then look for what was acknowledged."""
    binaries = find_binaries()
    if binaries is None:
        print("  no PostgreSQL here: nothing is killed", file=sys.stderr)
        return []
    kills = 3 if quick else KILLS
    with started(binaries, durable=True) as database:
        settings = settings_of(home / "kills").model_copy(
            update={"database_url": database.url, "requests_per_s": 1_000_000, "max_open_jobs": 1_000_000}
        )
        upgrade_database(settings)
        with opened_stores(settings) as stores:
            key = new_key(stores)
        history, back_s = History(), list[float]()
        with service(settings) as address:
            stop = threading.Event()
            threads = [
                threading.Thread(target=_submit, args=(address, key, history, stop)) for _ in range(WRITERS)
            ]
            for thread in threads:
                thread.start()
            try:
                for number in range(kills):
                    back_s.append(_killed(database, history))
                    print(f"  kill {number + 1}: back in {back_s[-1]:.2f} s", file=sys.stderr, flush=True)
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
        return _figures(settings, history, back_s, kills)


def _killed(database: Server, history: History) -> float:
    """Kill the database under load; return the seconds from its return to the next search that is taken in.

    Every process of the server is killed, the postmaster first. It is back once it has recovered and answers.
    """
    threading.Event().wait(LOAD_S)
    database.kill()
    database.start()
    begun = time.perf_counter()
    assert history.next_one(GIVE_UP_S), "the service takes searches in again"
    return time.perf_counter() - begun


def _client(address: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=60)


def _submit(address: str, key: str, history: History, stop: threading.Event) -> None:
    with _client(address, key) as client:
        while not stop.is_set():
            body = {"dataset": {"name": "digits"}, "seed": secrets.randbelow(2**31)}
            headers = {"idempotency-key": secrets.token_hex(16)}
            while not stop.is_set():
                begun = time.perf_counter()
                try:
                    answer = client.post("/v1/searches", json=body, headers=headers)
                except httpx.TransportError:
                    history.note(0, time.perf_counter() - begun)
                    continue
                seconds = time.perf_counter() - begun
                history.note(answer.status_code, seconds, answer.json().get("id", ""))
                if answer.status_code == 202:
                    break
                stop.wait(0.05)  # asked again with the same key


def _figures(settings: Settings, history: History, back_s: list[float], kills: int) -> list[Figure]:
    with opened_stores(settings) as stores:
        there = [job.id for job in all_searches(stores, TENANT)]
    lost = len(history.acknowledged - set(there))
    extra = len(set(there) - history.acknowledged)
    others = sum(times for status, times in history.statuses.items() if status not in (202, 503))
    detail = f"{kills} kills, {len(history.acknowledged)} acknowledged; {extra} more whose answer was lost"
    seen = ", ".join(f"{status}: {times}" for status, times in sorted(history.statuses.items()))
    seen += f"; the slowest took {history.slowest_s:.2f} s"
    return [
        Figure("acknowledged searches lost to kills of PostgreSQL", lost, "", "<=", 0, detail),
        Figure("answers but 202 and 503 meanwhile", others, "", "<=", 0, seen),
        Figure("back after the database", max(back_s), "s", "<=", 3.0, spread(back_s)),
    ]
