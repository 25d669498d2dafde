"""Two replicas on one PostgreSQL: one is killed in mid-stream, and the database goes away and comes back."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from api.databases import upgrade_database
from api.key_commands import create_key
from benchmarks.postgres import Server, find_binaries, started
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from tests.api.served import DIGITS, code

COMMAND = [sys.executable, "-c", "import hwnas; hwnas.main()", "serve", "--port", "0", "--no-worker"]
BACK_S = 10.0
"""On a busy machine; on a free one it takes less than a second."""


@dataclass(frozen=True)
class Replicas:
    """Replicas of a service, and what they share."""

    database: Server
    stores: Stores
    processes: tuple[subprocess.Popen[str], ...]
    clients: tuple[httpx2.Client, ...]


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Two of them, without workers."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL found (looked for pg_ctl and /usr/lib/postgresql)")
    with ExitStack() as opened:
        database = opened.enter_context(started(binaries, durable=True))
        settings = Settings(home=tmp_path, database_url=database.url)
        upgrade_database(settings)
        key = create_key(settings, "me", ["read", "submit"], None).key
        processes = tuple(opened.enter_context(replica(settings)) for _ in range(2))
        clients = tuple(opened.enter_context(client_of(process, key)) for process in processes)
        stores = opened.enter_context(opened_stores(settings))
        yield Replicas(database, stores, processes, clients)
        for process in processes:
            process.kill()


def replica(settings: Settings) -> subprocess.Popen[str]:
    environment = {**os.environ, **settings.as_environment()}
    return subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True)


def client_of(process: subprocess.Popen[str], key: str) -> httpx2.Client:
    assert process.stderr is not None
    address = re.search(r"http://\S+(?=;)", process.stderr.readline())
    assert address
    return httpx2.Client(base_url=address[0], headers={"authorization": f"Bearer {key}"}, timeout=20)


def numbers(client: httpx2.Client, search: str, after: int) -> Iterator[int]:
    """The numbers of events as a stream tells them."""
    headers = {"accept": "text/event-stream", "last-event-id": str(after)}
    with client.stream("GET", f"{search}/events", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("id:"):
                yield int(line.removeprefix("id:"))


def test_a_stream_goes_on_at_another_replica_and_nothing_is_lost(replicas: Replicas) -> None:
    first, second = replicas.clients
    search = first.post("/v1/searches", json=DIGITS).headers["location"]
    (claim,) = replicas.stores.queue.claim("w1")
    for number in range(50):
        replicas.stores.results.report(claim.lease, "message", {"number": number})
    seen: list[int] = []
    with suppress(httpx2.TransportError):
        for number in numbers(first, search, 0):
            seen.append(number)
            if len(seen) == 20:
                replicas.processes[0].kill()
                replicas.processes[0].wait()
    assert len(seen) >= 20
    for number in range(50, 60):
        replicas.stores.results.report(claim.lease, "message", {"number": number})
    for number in numbers(second, search, seen[-1]):
        seen.append(number)
        if number == 62:
            break
    assert seen == list(range(1, 63))  # queued, running, 60 messages: each once, in order


def test_while_the_database_is_away_clients_are_told_to_wait(replicas: Replicas) -> None:
    client = replicas.clients[0]
    search = client.post("/v1/searches", json=DIGITS).headers["location"]
    for _ in range(2):
        replicas.database.kill()
        for path in (search, "/v1/searches", "/readyz"):
            answer = client.get(path)
            assert code(answer) == (503, "database_unreachable")
            assert answer.headers["retry-after"]
            assert "127.0.0.1" not in answer.text
        assert code(client.post("/v1/searches", json=DIGITS))[0] == 503
        assert client.get("/livez").status_code == 200
        replicas.database.start()
        begun = time.monotonic()
        while client.get(search).status_code == 503:
            assert time.monotonic() - begun < BACK_S
        assert client.get(search).status_code == 200
        assert client.get("/readyz").status_code == 200
