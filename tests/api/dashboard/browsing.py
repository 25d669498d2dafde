"""Pages, as a browser asks for them and as a test looks at them."""

import re
from html.parser import HTMLParser

import httpx2

from tests.api.served import Caller

HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def browse(api: Caller, path: str) -> httpx2.Response:
    """Ask for a page, like a browser."""
    return api.get(path, accept=HTML)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def elements(text: str) -> list[tuple[str, dict[str, str]]]:
    """Every element of a page: its tag, its attributes."""
    parser = _Elements()
    parser.feed(text)
    return parser.found


def sound(answer: httpx2.Response) -> str:
    """The text of a page which holds nothing that our policy refuses, and has what readers need."""
    text = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8", text
    assert text.startswith("<!doctype html>")
    assert text.count("<h1") == 1
    assert re.search(r"<title>\S[^<]* · hwnas</title>", text)
    found = elements(text)
    for tag, attributes in found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )
        assert tag != "style"
        for name in ("src", "href", "action"):
            assert not re.match(r"(?i)(https?:)?//|javascript:|data:", attributes.get(name, "")), attributes
    # Data for scripts is no script.
    scripts = [at for tag, at in found if tag == "script" and at.get("type") != "application/json"]
    assert all(attributes.get("src") for attributes in scripts)
    identifiers = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    labelled = {attributes["for"] for tag, attributes in found if tag == "label" and "for" in attributes}
    for tag, attributes in found:
        if tag in ("input", "select", "textarea") and attributes.get("type") not in ("hidden", "submit"):
            assert attributes.get("id") in labelled or "aria-label" in attributes, attributes
    return text
