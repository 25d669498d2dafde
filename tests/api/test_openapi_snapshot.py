"""The contract in the repository is the one that is served (`python -m tests.api.test_openapi_snapshot`).

docs/reference/openapi.json is the contract itself: a change of it is seen in review. docs/reference/rest.md
is made of it, and of the scopes that the operations ask for.
"""

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.security import is_public, scopes_of
from nas.settings import Settings
from nas.store.stores import opened_stores

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
SNAPSHOT = REFERENCE / "openapi.json"
PAGE = REFERENCE / "rest.md"
HEAD = """\
# REST

Made of the contract, [openapi.json](openapi.json); a running service has its own at `/openapi.json`.
[How to use it](../how-to/rest.md) shows the main job.

- **Who asks.** `Authorization: Bearer hwnas_...`, a key of `hwnas keys create`. Its scopes are named
  below; `admin` contains the others.
- **Work** is answered with `202` and `Location`: where it stands is told there.
- **`Idempotency-Key`** on a `POST` that makes something: the same key with the same body is the same thing,
  also where both come at once; with another body it is `idempotency_conflict`. Owners do not share keys.
- **Errors** are problem documents (RFC 9457) with a stable `code`: see [errors](errors.md), or the page
  that `type` names. `429` and `503` say in `Retry-After` when to ask again.
- **Lists** come in pages: `limit=`, and `cursor=` with the `next_cursor` of the page before.
- **`ETag`** is on whatever is one thing, files and bundles too: `If-None-Match` with it is answered `304`
  while it is still good. Pages of lists and streams have none.
- **How a job stands** may be told as it was a tenth of a second ago; whoever changes it sees that at once, at
  the replica that made the change.
- **Times** are RFC 3339 in UTC; units are in the names of fields.
"""


@cache
def application() -> FastAPI:
    """The application of an empty home."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with opened_stores(settings) as stores:
            return create_app(settings, stores)


def snapshot() -> str:
    """The contract as it is kept."""
    return json.dumps(application().openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def operations(tag: str) -> Iterator[tuple[str, APIRoute]]:
    """Every documented operation with a tag: its method with its path, and the route."""
    for route in application().routes:
        if isinstance(route, APIRoute) and route.include_in_schema and tag in route.tags:
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}", route


def query_of(name: str) -> list[str]:
    """The parameters of an operation's query, what has to be given first."""
    method, _, path = name.partition(" ")
    operation = application().openapi()["paths"][path][method.lower()]
    found = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    return [one["name"] for one in sorted(found, key=lambda one: not one["required"])]


def row(name: str, route: APIRoute) -> str:
    """One line of the table."""
    scopes = "public" if is_public(route) else " ".join(f"`{scope}`" for scope in sorted(scopes_of(route)))
    query = ", ".join(f"`{parameter}`" for parameter in query_of(name))
    said = " ".join(route.description.partition("\n\n")[0].split())
    return f"| `{name}` | {said} | {query} | {scopes} |"


def reference() -> str:
    """The whole page."""
    tags: list[str] = []
    for route in application().routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            tags += [str(tag) for tag in route.tags if tag not in tags]
    lines = [HEAD]
    for tag in tags:
        lines += [f"## {tag.capitalize()}", "", "| operation | does | query | scope |", "|---|---|---|---|"]
        lines += [*(row(name, route) for name, route in operations(tag)), ""]
    return "\n".join(lines).rstrip() + "\n"


def test_the_snapshot_is_up_to_date() -> None:
    told = "run: python -m tests.api.test_openapi_snapshot"
    assert SNAPSHOT.read_text(encoding="utf-8") == snapshot(), told
    assert PAGE.read_text(encoding="utf-8") == reference(), told


def test_every_operation_of_the_contract_is_on_the_page() -> None:
    contract: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    named = [f"{method.upper()} {path}" for path, methods in contract["paths"].items() for method in methods]
    assert named
    assert [name for name in named if f"| `{name}` |" not in page] == []


def test_every_operation_says_what_it_does() -> None:
    contract: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    silent = [
        f"{method} {path}"
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description") or not operation.get("tags")
    ]
    assert silent == []


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
    PAGE.write_text(reference(), encoding="utf-8")
