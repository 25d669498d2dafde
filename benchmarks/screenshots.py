"""`python -m benchmarks.screenshots`: the pictures of the dashboard's tutorial, made anew.

    python -m benchmarks.screenshots --home HOME     of an installation with two finished searches
    python -m benchmarks.screenshots                 of made-up searches, to look at the pages alone

The home is copied, nothing in it changes.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from benchmarks.sections.made_front import search_of
from benchmarks.sections.site import browsing, served, watched
from latency_predictors.device import host_device
from nas.choosing import roles
from nas.jobs import JobState
from nas.settings import Settings
from nas.store.searches import all_searches
from nas.store.stores import opened_stores

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "images" / "dashboard"
POINTS: Final = 60
_DRAWN: Final = """() => [...document.querySelectorAll("[data-chart]")]
    .every((place) => place.hidden || "drawn" in place.dataset)"""


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: Of the file.
        path: Of the page.
        width: Of the window.
        height: Of the picture, from the top of the page.
        of: What is shown alone, as a selector; the page from its top if not given.
    """

    name: str
    path: str
    width: int = 1280
    height: int = 1000
    dark: bool = False
    of: str = ""


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument(
        "--home", type=Path, help="of an installation with two finished searches; it is copied"
    )
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hwnas-shots-") as temporary:
        home = Path(temporary) / "home"
        if options.home:
            shutil.copytree(options.home, home)
        else:
            for seed in (3, 4):
                search_of(home, POINTS, seed)
        _take(home, list(_shots(home)), options.out)


def _shots(home: Path) -> Iterator[Shot]:
    with opened_stores(Settings(home=home)) as stores:
        finished = [one for one in all_searches(stores, "local") if one.state is JobState.SUCCEEDED]
        first, last = (stores.stored(finished[end]).result().targets[0].front for end in (0, -1))
    knee = roles(first)[2][0].name
    here = f"/searches/{finished[0].id}"
    yield Shot("searches", "/searches", height=560)
    yield Shot("new-search", "/searches/new", height=1100)
    yield Shot("search", here, height=1100)
    parts = "&".join(f"show={one}" for one in ("none", "dominated", "predicted", "stock", "ties"))
    yield Shot("front", f"{here}/front?pick={knee}&{parts}")
    yield Shot("front-phone", f"{here}/front?pick={knee}", width=390, height=1250, dark=True)
    yield Shot("network", f"{here}/networks/{knee}")
    # The last one: what an earlier version has verified has no matrix.
    newest = f"/searches/{finished[-1].id}/networks/{roles(last)[2][0].name}"
    yield Shot("confusion", newest, of="section.mistakes")
    yield Shot("device", f"/devices/{host_device().digest}", height=1150)
    yield Shot("compare", "/compare?" + "&".join(f"with={job.id}.1" for job in finished[-2:]))


def _take(home: Path, shots: list[Shot], out: Path) -> None:
    with served(home) as (site, login), browsing() as browser:
        for shot in shots:
            with watched(browser, login, width=shot.width, dark=shot.dark) as visit:
                answer = visit.page.goto(f"{site.url}{shot.path}")
                assert answer is not None
                assert answer.status == 200, (shot.path, answer.status)
                _settle(visit.page)
                _shoot(visit.page, shot, out / f"{shot.name}.png")
                print(out / f"{shot.name}.png")
            site.stop()
            login = site.start()


def _shoot(page: Page, shot: Shot, path: Path) -> None:
    if shot.of:
        page.locator(shot.of).screenshot(path=path)
        return
    clip = {"x": 0.0, "y": 0.0, "width": float(shot.width), "height": float(shot.height)}
    page.screenshot(path=path, full_page=True, clip=clip)  # type: ignore[arg-type]


def _settle(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_function(_DRAWN)


if __name__ == "__main__":
    main()
