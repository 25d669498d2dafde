"""Nothing that is shipped asks another host for anything."""

import ast
import re
from pathlib import Path

import pytest

from tests.rules.sources import PACKAGES, ROOT, docstring_nodes, nodes, package_files, place

URL = re.compile(r"https?://([^/\s\"'<>)]+)")
# Hosts that may be named in the text of an answer, a card or a message; nothing fetches them.
# 127.0.0.1:9 is the proxy that Ray is given so that it reaches nobody.
ONLY_NAMED: set[str] = {"127.0.0.1", "127.0.0.1:9", "localhost"}
FETCHING = re.compile(
    r"""(<(script|img|iframe|source|video)\b[^>]*\bsrc\s*=\s*["']?(https?:)?//"""
    r"""|<link\b[^>]*\bhref\s*=\s*["']?(https?:)?//|@import\s+(url\()?["']?(https?:)?//|url\(\s*["']?(https?:)?//)""",
    re.IGNORECASE,
)
ASSET_SUFFIXES = {".html", ".j2", ".css", ".js", ".svg"}


def assets() -> list[Path]:
    """Templates and static files in the packages, relative to the root."""
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.suffix in ASSET_SUFFIXES]
    return sorted(path.relative_to(ROOT) for path in found)


def test_no_address_of_another_host_is_a_value() -> None:
    hits = [
        f"{place(path, node)} {host}"
        for path in package_files()
        for node in set(nodes(path)) - docstring_nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for host in URL.findall(node.value)
        if host not in ONLY_NAMED
    ]
    assert hits == []


def test_no_page_loads_from_another_host() -> None:
    hits = [str(path) for path in assets() if FETCHING.search((ROOT / path).read_text(encoding="utf-8"))]
    assert hits == []


@pytest.mark.parametrize(
    ("markup", "fetches"),
    [
        ('<script src="https://cdn.example/x.js">', True),
        ("<link rel=stylesheet href=//cdn.example/x.css>", True),
        ("body { background: url('http://x/y.png') }", True),
        ('<script src="/static/x.js">', False),
        ('<a href="https://example.org">', False),
        ('<img src="data:image/png;base64,xx">', False),
    ],
)
def test_fetching_markup_is_recognised(markup: str, fetches: bool) -> None:
    assert bool(FETCHING.search(markup)) is fetches
