"""The screen of a front with 2,000 points, opened for the first time: requests, bytes, seconds."""

from pathlib import Path
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser

from benchmarks.figures import Figure, spread
from benchmarks.sections.made_front import search_of
from benchmarks.sections.site import browsing, served, watched

POINTS: Final = 2_000
MOST_REQUESTS: Final = 6
MOST_BYTES: Final = 2_000_000
MOST_S: Final = 3.0

_LOADED: Final = """() => performance.getEntriesByType("navigation")
    .concat(performance.getEntriesByType("resource"))
    .filter((entry) => !entry.name.endsWith("icon.svg"))
    .map((entry) => [entry.name, entry.transferSize])"""
"""What the page itself asked for; the icon is the browser's own wish."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Open the page in browsers that have nothing of it, and note what it takes until it answers."""
    search = search_of(home / "cold", POINTS)
    found = []
    with served(home / "cold") as (site, login), browsing() as browser:
        # A server has imported and drawn before: what is cold is the browser.
        found.append(_opened(browser, login, f"{site.url}/searches/{search}/front"))
        for _ in range(1 if quick else 5):
            site.stop()
            found.append(_opened(browser, site.start(), f"{site.url}/searches/{search}/front"))
    seconds = [one["s"] for one in found]
    first = found[0]
    names = ", ".join(sorted(str(name).rpartition("/")[2][:24] for name, _ in first["loaded"]))
    size = sum(num_bytes for _, num_bytes in first["loaded"])
    detail = f"{POINTS} points, server started just before; {spread(seconds)}"
    middle = median(seconds)
    return [
        Figure("front, cold: requests", len(first["loaded"]), "", "<=", MOST_REQUESTS, names),
        Figure("front, cold: bytes as they travel", size, "B", "<=", MOST_BYTES),
        Figure("front, cold: until it answers", middle, "s", "<=", MOST_S, detail),
    ]


def _opened(browser: Browser, login: str, address: str) -> dict[str, Any]:
    """Open a page in a browser that has nothing of it: what logging in has left is cleared."""
    with watched(browser, login) as visit:
        client = visit.page.context.new_cdp_session(visit.page)
        client.send("Network.clearBrowserCache")
        visit.page.goto("about:blank")
        visit.page.goto(address, wait_until="commit")
        visit.page.wait_for_selector("html[data-ready=front]")
        ready_ms = visit.page.evaluate("() => performance.now()")
        assert not visit.problems, visit.problems
        return {"s": ready_ms / 1000.0, "loaded": visit.page.evaluate(_LOADED)}
