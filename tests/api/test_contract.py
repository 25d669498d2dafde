from pathlib import Path
from typing import Any

from tests.api.served import Caller, served


def operations(api: Caller) -> dict[str, dict[str, Any]]:
    """Every operation of the contract, by method and path."""
    paths = api.get("/openapi.json").json()["paths"]
    return {f"{method} {path}": one for path, methods in paths.items() for method, one in methods.items()}


def test_every_operation_says_how_errors_are_told_and_which_scope_opens_it(api: Caller) -> None:
    found = operations(api)
    for name, operation in found.items():
        problem = operation["responses"]["default"]["content"]
        assert list(problem) == ["application/problem+json"], name
        assert "422" not in operation["responses"], name
    assert found["post /v1/searches"]["security"] == [{"key": ["submit"]}]
    assert "security" not in found["get /livez"]


def test_every_answer_has_its_media_type(api: Caller) -> None:
    contents = {
        name: operation["responses"].get("200", {}).get("content")
        for name, operation in operations(api).items()
    }
    assert [name for name, content in contents.items() if content == {}] == []
    assert list(contents["get /v1/exports/{export_id}/file"] or ()) == ["application/octet-stream"]
    assert "text/event-stream" in (contents["get /v1/jobs/{job_id}/events"] or ())


def test_the_contract_says_where_a_proxy_has_put_the_server(tmp_path: Path) -> None:
    with served(tmp_path / "home", root_path="/nas") as api:
        assert api.get("/openapi.json").json()["servers"] == [{"url": "/nas"}]
