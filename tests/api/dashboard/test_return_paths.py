import pytest
from fastapi import Request

from api.dashboard.return_paths import MAX_PATH, asked_path, return_path


@pytest.mark.parametrize("path", ["/", "/searches", "/searches/a/front?x=latency_ms&pick=n", "/a/%C3%BC"])
def test_a_page_of_this_server_is_returned_to(path: str) -> None:
    assert return_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "searches",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "javascript:alert(1)",
        "/" + "a" * MAX_PATH,
    ],
)
def test_what_may_lead_elsewhere_is_not(path: str) -> None:
    assert return_path(path) == ""


@pytest.mark.parametrize(
    ("method", "path", "query", "wanted"),
    [
        ("GET", "/at/searches", "", "/searches"),
        ("GET", "/at/searches/a/networks/net 1ü", "target=2", "/searches/a/networks/net%201%C3%BC?target=2"),
        ("POST", "/at/searches/a/cancel", "", ""),
        ("POST", "/at/sign-in", "next=/devices%3Fa%3Db", "/devices?a=b"),
        ("POST", "/at/sign-in", "next=//evil.example", ""),
    ],
)
def test_the_page_that_was_asked_for_is_remembered(method: str, path: str, query: str, wanted: str) -> None:
    request = Request(
        {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "/at",
            "query_string": query.encode(),
            "headers": [],
        }
    )
    assert asked_path(request) == wanted
