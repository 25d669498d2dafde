"""Databases that the service is measured on: one search, or as much as an installation has after years."""

from typing import Final

from api.keys import KeyText
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.stores import Stores, opened_stores

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
