"""Databases that the service is measured on: one search, or as much as an installation has after years."""

import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from api.keys import KeyText
from api.pagination import sealed
from latency_predictors.device import host_context, host_device
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.device_rows import register
from nas.store.session import writing
from nas.store.stores import Stores, opened_stores
from tests.api.handmade import FRONT, LEAN, OVER, target

TENANT: Final = "local"
SPEC: Final = parse_spec({"dataset": {"name": "digits"}, "targets": [{"limits": {"latency_ms": 1.0}}]})


def new_key(stores: Stores) -> str:
    """Return the text of a new key that may read and submit."""
    key, secret = stores.keys.create(TENANT, "benchmark", ["read", "submit"])
    return str(KeyText(key.id, secret))


def fill_small(settings: Settings) -> tuple[str, str]:
    """Make one search that has not ended; return a key and its identifier."""
    with opened_stores(settings) as stores:
        request = JobRequest(JobKind.SEARCH, SPEC.model_dump(mode="json"), "digits", "benchmark")
        job = stores.jobs.submit(TENANT, request)
        return new_key(stores), job.id


@dataclass(frozen=True)
class Filled:
    """A database with very much in it.

    Attributes:
        key: That may read.
        big: A search with very many candidates.
        front: One with a front.
        deep_cursor: Of the list of searches, in its middle, as the store has it.
        candidate_cursor: Of the candidates of the big search, likewise, as clients have it.
    """

    key: str
    big: str
    front: str
    deep_cursor: str
    candidate_cursor: str


_JOBS: Final = """
INSERT INTO jobs (id, tenant, owner, kind, state, name, spec, attempt, token, worker, lease_until_ms,
  progress,
  progress_at_ms, faults, faults_without_progress, code, message, cancel_requested, awaited, not_before_ms,
  created_at_ms, changed_at_ms, finished_at_ms, last_event)
SELECT 'job-' || lpad(n::text, 6, '0'), :tenant, 'benchmark', 'search',
  CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END, 'digits', :spec, 1, '', '', 0, 0, 0, '{}', 0,
  '', '', false, '', 0, 1700000000000 + n * 1000, 1700000000000 + n * 1000, 1700000000000 + n * 1000, 2
FROM generate_series(0, CAST(:count AS integer) - 1) AS n
"""
_FACETS: Final = """
INSERT INTO job_facets (tenant, name, value, created_at_ms, job_id)
SELECT tenant, facet, value, created_at_ms, id
FROM jobs, (VALUES ('device', 'host'), ('device', 'pi5'), ('space', 'mobilenet_v3')) AS told (facet, value)
WHERE value <> 'pi5' OR state = 'failed'
"""
_EVENTS: Final = """
INSERT INTO events (job_id, id, attempt, kind, data, at_ms)
SELECT id, number, 0, 'message', '{}', created_at_ms FROM jobs, generate_series(1, 2) AS number
"""
_CANDIDATES: Final = """
INSERT INTO candidates
  (job_id, target, architecture_digest, fidelity, architecture, "values", attempt, saved_at_ms)
SELECT 'job-' || lpad(job::text, 6, '0'), 0, lpad(to_hex(n), 64, '0'), 'tuned', :architecture, :values,
  1, 1700000000000
FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS job,
  generate_series(0, CAST(:each AS integer) - 1) AS n
"""
_SESSIONS: Final = """
INSERT INTO sessions (id, device, context, protocol, content, worker, number, delivered_at_ms)
SELECT 'session-' || n, :device, :context, repeat('p', 64), '{}', 'w', n, 1700000000000
FROM generate_series(1, CAST(:count AS integer)) AS n
"""
_MEASUREMENTS: Final = """
INSERT INTO measurements (session_id, subject, position, result)
SELECT 'session-' || session, lpad(to_hex(n), 64, '0'), n, :result
FROM generate_series(1, CAST(:count AS integer)) AS session,
  generate_series(0, CAST(:each AS integer) - 1) AS n
"""
_FRONT: Final = """
INSERT INTO fronts (job_id, target, content, attempt, saved_at_ms) SELECT id, 0, :content, 1, 0 FROM jobs
"""


def fill_large(stores: Stores, num_searches: int, num_candidates: int, num_rows: int) -> Filled:
    """Fill an empty PostgreSQL; a tenth of the candidates are of one search, few searches are for `pi5`."""
    many, few = num_candidates // 10, (9 * num_candidates // 10) // (num_searches - 1)
    facts = {
        "architecture": json.dumps({f"choice{n}": n for n in range(12)}),
        "values": json.dumps({"accuracy": 0.9, "latency_ms": 0.5}),
    }
    with writing(stores.engine) as connection:
        jobs = {"tenant": TENANT, "spec": json.dumps(SPEC.model_dump(mode="json")), "count": num_searches}
        connection.execute(text(_JOBS), jobs)
        connection.execute(text(_FACETS))
        connection.execute(text(_EVENTS))
        connection.execute(text(_CANDIDATES), {**facts, "first": 0, "last": 0, "each": many})
        connection.execute(text(_CANDIDATES), {**facts, "first": 1, "last": num_searches - 1, "each": few})
        front = target(*FRONT, LEAN, OVER).model_dump_json()
        connection.execute(text(_FRONT), {"content": front})
        _measurements(connection, num_rows)
    with stores.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    middle = num_searches // 2
    return Filled(
        key=new_key(stores),
        big="job-000000",
        front=f"job-{middle:06d}",
        deep_cursor=f"{1_700_000_000_000 + middle * 1000}.job-{middle:06d}",
        candidate_cursor=str(sealed(f"{many // 2:064x}.tuned")),
    )


def _measurements(connection: Connection, count: int) -> None:
    device, context = host_device(), host_context()
    register(connection, device, context, {"tenant": TENANT, "owner": "benchmark"})
    sessions = max(1, count // 1_000)
    whose = {"device": device.digest, "context": context.digest}
    connection.execute(text(_SESSIONS), {**whose, "count": sessions})
    result = json.dumps({"median_ms": 0.01, "rel_sd": 0.02})
    connection.execute(text(_MEASUREMENTS), {"count": sessions, "each": 1_000, "result": result})
