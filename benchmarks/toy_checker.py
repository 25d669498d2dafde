"""Looks at what toy jobs left in a database; shares no code with what wrote it.

It reads with the databases' own drivers and works results out again.
"""

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

STATES = {"queued", "running", "waiting", "succeeded", "failed", "cancelled", "infeasible", "parked"}


@dataclass(frozen=True)
class Findings:
    """What is wrong.

    Attributes:
        lost: Jobs that did not succeed with the right results.
        duplicates: Results that were written more than once.
        stale: Writes of an attempt that no longer ran.
        gaps: Jobs whose events are not numbered 1, 2, 3, ...
        attempts: Of all jobs together.
    """

    lost: int
    duplicates: int
    stale: int
    gaps: int
    attempts: int


def check(url: str, num_jobs: int, num_steps: int, rounds: int) -> Findings:
    """Check every job of a database.

    Args:
        url: Of the database.
        num_jobs: That were submitted, with seeds from 0.
        num_steps: Results of each.
        rounds: Digests behind each result.
    """
    jobs = _read(url, "SELECT id, state, spec, attempt, last_event FROM jobs")
    documents = _read(url, "SELECT job_id, name, content FROM documents")
    events = _read(url, "SELECT job_id, id, attempt, kind, data FROM events ORDER BY job_id, id")
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for job_id, name, content in documents:
        found[job_id][name] = json.loads(content)["value"]
    history: dict[str, list[Any]] = defaultdict(list)
    for job_id, *event in events:
        history[job_id].append(event)
    right = {seed: _expected(seed, num_steps, rounds) for seed in range(num_jobs)}
    good = {
        json.loads(spec)["seed"]
        for job_id, state, spec, _, _ in jobs
        if state == "succeeded" and found[job_id] == right[json.loads(spec)["seed"]]
    }
    gaps = sum([event[0] for event in history[row[0]]] != list(range(1, row[4] + 1)) for row in jobs)
    return Findings(
        lost=num_jobs - len(good),
        duplicates=sum(_duplicates(one) for one in history.values()),
        stale=sum(_stale(one) for one in history.values()),
        gaps=gaps,
        attempts=sum(row[3] for row in jobs),
    )


def _expected(seed: int, num_steps: int, rounds: int) -> dict[str, str]:
    values = {}
    for step in range(num_steps):
        digest = f"{seed}/{step}".encode()
        for _ in range(rounds):
            digest = hashlib.sha256(digest).digest()
        values[f"step-{step}"] = digest.hex()
    return values


def _duplicates(history: Iterable[Any]) -> int:
    written = Counter(json.loads(data)["name"] for _, _, kind, data in history if kind == "document")
    return sum(count - 1 for count in written.values())


def _stale(history: Iterable[Any]) -> int:
    """Count writes that do not belong to the attempt that ran when they were committed."""
    runs, stale = 0, 0
    for _, attempt, kind, _ in history:
        if kind == "running":
            runs = attempt
        elif kind in STATES:
            stale += attempt != runs
            runs = 0
        else:
            stale += attempt != runs
    return stale


def _read(url: str, query: str) -> list[tuple[Any, ...]]:
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return connection.execute(query).fetchall()
        finally:
            connection.close()
    with psycopg.connect(url) as server:
        return server.execute(query.encode()).fetchall()
