"""Digits on PostgreSQL with two replicas: one is killed while the search trains, the other tells the rest."""

import sys
from pathlib import Path
from typing import Any, Final

from api.client import Client
from api.databases import upgrade_database
from api.resources.jobs import EventResource
from benchmarks.figures import Figure
from benchmarks.postgres import find_binaries, started
from benchmarks.sections.lab import settings_of
from benchmarks.sections.service_end_to_end import checked
from benchmarks.served import Replica, replica
from benchmarks.service_store import new_key
from nas.jobs import JobState
from nas.store.stores import opened_stores
from search_spaces.errors import HwnasError

SPEC: Final[dict[str, Any]] = {
    "dataset": {"name": "digits"},
    "targets": [{"limits": {"latency_ms": 1.0}}],
    "supernet": {"epochs": 5},
    "verify": {"candidates": 6},
}


def run(home: Path, quick: bool) -> list[Figure]:
    """Submit at one replica, listen there until it is killed, listen on at the other, then take the file."""
    binaries = find_binaries()
    if binaries is None:
        print("  no PostgreSQL here: nothing is killed", file=sys.stderr)
        return []
    with started(binaries, durable=True) as database:
        settings = settings_of(home / "replicas").model_copy(update={"database_url": database.url})
        upgrade_database(settings)
        with opened_stores(settings) as stores:
            key = new_key(stores)
        with replica(settings) as first, replica(settings, worker=True) as second:
            search, told = _until_killed(first, key)
            return [*_rest(second.address, key, search, told), *_file(second.address, key, search, home)]


def _until_killed(server: Replica, key: str) -> tuple[str, list[EventResource]]:
    """Submit a search and listen; the server is killed when it trains. Return what was heard by then."""
    told: list[EventResource] = []
    with Client(server.address, key, pause=lambda seconds: None) as client:
        search = client.submit(SPEC).id
        try:
            for event in client.events(search):
                told.append(event)
                if server.process.poll() is None and event.data.get("phase") == "train":
                    server.kill()
        except HwnasError as error:
            print(f"  killed after event {told[-1].id}: {error.code}", file=sys.stderr)
    return search, told


def _rest(address: str, key: str, search: str, told: list[EventResource]) -> list[Figure]:
    """Listen on at another server; return what is missing, or came twice, or otherwise than it is kept."""
    heard = len(told)
    with Client(address, key) as client:
        told = [*told, *client.events(search, after=told[-1].id)]
        ended = client.search(search)
    with Client(address, key) as client:
        kept = list(client.events(search))
    numbers = [event.id for event in told]
    wrong = len(set(range(1, numbers[-1] + 1)) ^ set(numbers)) + len(numbers) - len(set(numbers))
    wrong += sum(one != other for one, other in zip(told, kept, strict=False)) + abs(len(told) - len(kept))
    detail = f"{heard} by the one that was killed, {len(told) - heard} by the other"
    return [
        Figure("events lost or told twice over a killed replica", wrong, "", "<=", 0, detail),
        Figure("searches that did not succeed", ended.state is not JobState.SUCCEEDED, "", "<=", 0),
    ]


def _file(address: str, key: str, search: str, home: Path) -> list[Figure]:
    """Take a network that was delivered; hold it against what was said."""
    with Client(address, key) as client:
        file = client.download(search, client.exports(search)[0].name, home / "replicas.onnx")
    return checked("the other replica", address, key, file)
