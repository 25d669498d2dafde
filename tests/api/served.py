"""The application in this process, with keys of two tenants."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.keys import KeyText
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores

DIGITS: dict[str, Any] = {"dataset": {"name": "digits"}}


@dataclass(frozen=True)
class Caller:
    """Somebody with a key, and the service they call."""

    app: FastAPI
    stores: Stores
    client: TestClient
    key: str

    def as_(self, *scopes: str, tenant: str = "local") -> "Caller":
        """The same service, called with another key."""
        return replace(self, key=new_key(self.stores, scopes, tenant))

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=self.headers(headers), follow_redirects=False)

    def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        return self.client.post(path, json=body, headers=self.headers(headers))

    def send(self, path: str, content: bytes, kind: str = "application/json") -> httpx2.Response:
        return self.client.post(path, content=content, headers=self.headers({"content-type": kind}))

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        own = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return {**own, **{name.replace("_", "-"): value for name, value in more.items()}}


def new_key(stores: Stores, scopes: Sequence[str], tenant: str = "local") -> str:
    """The text of a new key."""
    key, secret = stores.keys.create(tenant, "tests", scopes)
    return str(KeyText(key.id, secret))


@contextmanager
def served(home: Path, root_path: str = "", **settings_: Any) -> Iterator[Caller]:
    """The service of a home, called with a key that may everything."""
    settings = Settings(home=home, **settings_)
    with opened_stores(settings) as stores:
        app = create_app(settings, stores)
        with TestClient(
            app, base_url="http://localhost", raise_server_exceptions=False, root_path=root_path
        ) as client:
            yield Caller(app, stores, client, new_key(stores, ["admin"]))


def code(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem document, which is one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    assert document["type"] == f"/errors/{document['code']}"
    return response.status_code, document["code"]
