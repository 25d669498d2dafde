"""Every operation of the service with a request of it that succeeds, on objects that are all there.

A route that a test does not know how to call fails here, with what to add: the value of a new place in a
path, or the body of a new `POST`.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.dashboard.assets import release
from api.security import SAFE_METHODS
from nas.job_records import JobRequest
from nas.jobs import JobKind, Succeeded
from nas.specs import parse_spec
from nas.store.stores import Stores
from nas.store.supernet_store import SupernetKey
from search_spaces.base import space_digest
from tests.api.dashboard.searched import parked_search
from tests.api.handmade import SMALLEST, SPACE, claimed, lookup_table, saved_table
from tests.api.routes.conftest import exported_file, written
from tests.api.served import DIGITS, Caller, served
from tests.nas.data.zips import folder_zip
from tests.nas.store.boards import new_board

PLACES: dict[str, str] = {
    # Of a tenant: another's are not there (404).
    "search_id": "own",
    "job_id": "own",
    "export_id": "own",
    "dataset_id": "own",
    "supernet_id": "own",
    "subnet_id": "own",
    "board_name": "own",
    "lease_id": "own",
    "digest": "own",
    # For all: what was measured of a device, families of networks, documentation.
    "device_id": "shared",
    "name": "shared",
    "code": "shared",
    "release": "shared",
}
"""Whose what stands in a place of a path is."""

ELSEWHERE = {
    "/static/{release}/{name}": {"release": release(), "name": "app.css"},
    "/v1/spaces/{name}": {"name": "mobilenet_v3"},
    "/v1/devices/{device_id}/profiles": {"device_id": "host"},
}
"""Values of places where a path takes others than most."""

ON_PARKED_JOBS = (
    "/v1/searches/{search_id}/resume",
    "/v1/jobs/{job_id}/resume",
    "/searches/{search_id}/resume",
)
"""What succeeds on a job that is parked, each time on another."""

ON_OPEN_JOBS = (
    "/v1/searches/{search_id}/cancel",
    "/v1/jobs/{job_id}/cancel",
    "/searches/{search_id}/cancel",
)
"""What succeeds on a job that has not ended, each time on another."""

READS_BY_POST = ("POST /v1/searches/preview", "POST /v1/devices/{device_id}/predictions")
"""What takes a body and changes nothing."""

BODIES: dict[str, Any] = {
    "POST /v1/searches": DIGITS,
    "POST /v1/searches/preview": DIGITS,
    "POST /v1/datasets": folder_zip(4),
    "POST /v1/subnets/{subnet_id}/exports": {"precision": "fp32"},
    "POST /v1/subnets/{subnet_id}/finetune": {"epochs": 2},
    "POST /v1/supernets/{supernet_id}/searches": {"targets": [{"limits": {"latency_ms": 1.0}}]},
    "POST /v1/devices/{device_id}/predictions": {"in_channels": 1, "architectures": [SMALLEST]},
    "POST /v1/devices/{device_id}/profiles": {"space": {"name": "nas_bench_201", "preset": "tiny"}},
}
"""Of each operation that takes one."""


BY_BOARDS = "/v1/agents/"
"""What only a registered board asks, in an order of its own: `tests/api/routes/test_agents.py` does."""

FORMS: dict[str, dict[str, Any]] = {
    "POST /searches/new": {
        "do": "submit",
        "dataset": "digits",
        "search.objectives": ["accuracy", "latency_ms"],
        "export.formats": ["onnx"],
    },
}
"""Of each page that takes one."""


@dataclass(frozen=True)
class Operation:
    """A method of a route."""

    method: str
    route: APIRoute

    @property
    def name(self) -> str:
        return f"{self.method} {self.route.path}"

    @property
    def places(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.route.path)

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.method not in SAFE_METHODS and self.name not in READS_BY_POST

    @property
    def by_boards(self) -> bool:
        """Whether a registered board alone gets an answer."""
        return self.route.path.startswith(BY_BOARDS)

    @property
    def owned(self) -> bool:
        """Whether it is about an object of a tenant."""
        return any(PLACES[place] == "own" for place in self.places)


@dataclass(frozen=True)
class World:
    """A service in which there is one of everything, of the tenant `local`."""

    api: Caller
    values: Mapping[str, str]

    def places(self, operation: Operation) -> dict[str, str]:
        """What to write in the places of a path for what is there."""
        values = {**self.values, **ELSEWHERE.get(operation.route.path, {})}
        if operation.route.path in ON_OPEN_JOBS:
            job = self.api.stores.jobs.submit("local", JobRequest(JobKind.SEARCH, {"targets": []}))
            values |= {"search_id": job.id, "job_id": job.id}
        elif operation.route.path in ON_PARKED_JOBS:
            job = parked_search(self.api.stores)
            values |= {"search_id": job.id, "job_id": job.id}
        missing = [place for place in operation.places if place not in values]
        assert not missing, f"{operation.name}: tell in tests/api/world.py what to write for {missing}"
        return {place: values[place] for place in operation.places}

    def path(self, operation: Operation) -> str:
        """The address of an operation on what is there."""
        path = operation.route.path.format(**self.places(operation))
        return path + ("?" + urlencode(query) if (query := self.query(operation)) else "")

    def query(self, operation: Operation) -> dict[str, str]:
        """What an operation cannot do without."""
        if operation.route.path == "/login":
            return {"token": self.api.app.state.service.links.make()}
        # Each time another data set.
        return {"name": f"pets-{secrets.token_hex(4)}"} if operation.name == "POST /v1/datasets" else {}

    def ask(self, caller: Caller, operation: Operation) -> httpx2.Response:
        """The answer to a request that succeeds for whoever may make it."""
        if (form := FORMS.get(operation.name)) is not None:
            return caller.client.request(
                operation.method,
                self.path(operation),
                headers=caller.headers({}),
                data=form,
                follow_redirects=False,
            )
        body = {} if operation.by_boards else BODIES.get(operation.name)
        assert body is not None or not operation.route.dependant.body_params, (
            f"{operation.name}: give a body that is taken in tests/api/world.py"
        )
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
        kind = {"content-type": "application/zip"} if isinstance(body, bytes) else {}
        return caller.client.request(
            operation.method,
            self.path(operation),
            headers=caller.headers(kind),
            follow_redirects=False,
            **content,
        )


def operations(app: FastAPI) -> list[Operation]:
    """Every operation that is served."""
    found = []
    for route in app.routes:
        assert isinstance(route, APIRoute), f"{route}: only operations that name their scope are served"
        unknown = [place for place in re.findall(r"\{(\w+)\}", route.path) if place not in PLACES]
        assert not unknown, f"{route.path}: say in tests/api/world.py whose {unknown} are"
        found += [Operation(method, route) for method in sorted(route.methods or ())]
    return found


@contextmanager
def world(home: Path, **settings: Any) -> Iterator[World]:
    """A service with a finished search, a running one, a data set, a device and a supernet."""
    saved_table(home, lookup_table())
    with served(home, **settings) as api:
        yield World(api, filled(api.stores))


def filled(stores: Stores) -> dict[str, str]:
    """Make one of everything; return the identifiers by the place they stand in."""
    content = exported_file()
    search = written(stores, content)
    (export,) = stores.fronts.exports("local", search)
    return {
        "search_id": search,
        "job_id": search,
        "export_id": export.id,
        "dataset_id": _dataset(stores),
        "supernet_id": _supernet(stores),
        "subnet_id": f"{search}.net-ccc333",
        "device_id": lookup_table().device.digest,
        "board_name": new_board(stores.engine, "board", "local").name,
        "lease_id": "0" * 32,
        "digest": "0" * 64,
        "name": "net-ccc333",
        "code": "unknown_job",
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _dataset(stores: Stores) -> str:
    found = stores.datasets.add("local", "mine", {"name": "digits"})
    run = claimed(stores, stores.jobs.get("local", found.job_id))
    stores.datasets.judge(run.lease, found.id, "ready", {"num_images": 3}, "d" * 64)
    stores.queue.settle(run.lease, Succeeded())
    return found.id


def _supernet(stores: Stores) -> str:
    spec = parse_spec(DIGITS).model_dump(mode="json")
    run = claimed(stores, stores.jobs.submit("local", JobRequest(JobKind.SEARCH, spec)))
    key = SupernetKey(space_digest(SPACE), "d" * 64, "default", 0)
    found = stores.supernets.begin(run.lease, key, 30)
    stores.queue.settle(run.lease, Succeeded())
    return found.id
