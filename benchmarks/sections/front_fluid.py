"""The screen of a front with 10,000 points: frames a second while a slider, the plot or its zoom moves."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final
from unittest.mock import patch

from playwright.sync_api import Page

from benchmarks.figures import Figure
from benchmarks.sections.made_front import search_of
from benchmarks.sections.site import browsing, served, watched
from nas.pareto import BoolArray, non_dominated
from search_spaces.base import FloatArray
from tests.api.served import served as in_process

POINTS: Final = 10_000
LEAST_FPS: Final = 30.0
MOVED_S: Final = 3.0

_BEGIN: Final = """() => {
    window.frames_ms = [];
    const next = (now) => { window.frames_ms.push(now); window.ticking = requestAnimationFrame(next); };
    window.ticking = requestAnimationFrame(next);
}"""
_END: Final = "() => { cancelAnimationFrame(window.ticking); return window.frames_ms; }"
_PLOT: Final = "[data-chart=front] .plot"
_PAINTS: Final = "() => Number(document.querySelector('[data-chart=front]').dataset.paints)"

_ZOOM: Final = """([place, lasts]) => new Promise((done) => {
    const plot = document.querySelector(place);
    const [low, high] = plot.layout.xaxis.range;
    const began = performance.now();
    const step = async (now) => {
        const share = 0.3 * Math.abs(Math.sin((now - began) / 500)) * (high - low);
        await Plotly.relayout(plot, { "xaxis.range": [low + share, high - share] });
        if (now - began < lasts) requestAnimationFrame(step);
        else done();
    };
    requestAnimationFrame(step);
})"""
"""Every frame another range, drawn whole: harder than a wheel, which scales what is drawn until it rests."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Move a budget's slider, pan and zoom; a frame counts where the points were painted anew for it."""
    search = search_of(home / "fluid", POINTS)
    figures = []
    with served(home / "fluid") as (site, login), browsing() as browser, watched(browser, login) as visit:
        page = visit.page
        page.goto(f"{site.url}/searches/{search}/front")
        page.wait_for_selector("html[data-ready=front]")
        for name, move in (("slider", _slide), ("pan", _pan), ("zoom", _zoom)):
            runs = [_fps(page, move) for _ in range(1 if quick else 3)]
            fps = median(fps for fps, _, _ in runs)
            detail = f"median of {len(runs)}; worst frame {max(worst for _, worst, _ in runs):.0f} ms; "
            detail += f"points painted {sum(paints for _, _, paints in runs)} times"
            figures.append(Figure(f"front, {POINTS:,} points: {name}", fps, "/s", ">=", LEAST_FPS, detail))
        assert not visit.problems, visit.problems
    return [*figures, _dominance(home / "fluid", search)]


def _dominance(home: Path, search: str) -> Figure:
    """Count how often a page has points compared; while a slider or the plot moves, nothing is asked."""
    sizes: list[int] = []

    def counted(values: FloatArray) -> BoolArray:
        sizes.append(len(values))
        return non_dominated(values)

    with patch("nas.report.front_traces.non_dominated", counted), in_process(home) as api:
        assert api.get(f"/searches/{search}/front", accept="text/html").status_code == 200
    detail = (
        f"for the stair, of {sizes} points of the front: what is on it was worked out when it was verified"
    )
    return Figure(f"front, {POINTS:,} points: times a page compares", len(sizes), "", "<=", 1, detail)


def _fps(page: Page, move: Callable[[Page, float], None]) -> tuple[float, float, int]:
    """Return frames a second, the longest frame in ms, and how often the points were painted."""
    page.wait_for_load_state("networkidle")
    before = page.evaluate(_PAINTS)
    page.evaluate(_BEGIN)
    move(page, MOVED_S)
    times = page.evaluate(_END)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return 1000.0 * len(gaps) / (times[-1] - times[0]), max(gaps), page.evaluate(_PAINTS) - before


def _slide(page: Page, seconds: float) -> None:
    box = page.get_by_role("slider", name="latency, at most").bounding_box()
    assert box is not None
    left, right, middle = box["x"] + 8, box["x"] + box["width"] - 8, box["y"] + box["height"] / 2
    page.mouse.move(right, middle)
    page.mouse.down()
    _there_and_back(page, seconds, lambda share: (right - share * (right - left), middle))
    page.mouse.up()


def _pan(page: Page, seconds: float) -> None:
    x, y = _middle(page)
    page.evaluate(f"() => Plotly.relayout(document.querySelector({_PLOT!r}), {{dragmode: 'pan'}})")
    page.mouse.move(x, y)
    page.mouse.down()
    _there_and_back(page, seconds, lambda share: (x + 160 * share - 80, y + 80 * share - 40))
    page.mouse.up()


def _zoom(page: Page, seconds: float) -> None:
    """Zoom in and out, frame by frame, as a wheel over an axis does."""
    page.evaluate(_ZOOM, [_PLOT, 1000.0 * seconds])


def _middle(page: Page) -> tuple[float, float]:
    box = page.locator(_PLOT).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _there_and_back(page: Page, seconds: float, place: Callable[[float], tuple[float, float]]) -> None:
    began = page.evaluate("() => performance.now()")
    step = 0
    while page.evaluate("() => performance.now()") - began < 1000.0 * seconds:
        step += 1
        share = abs((step % 80) / 40.0 - 1.0)
        page.mouse.move(*place(share))
