"""All screens: findings of axe-core, and whether script in anybody's text is run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from benchmarks.figures import Figure
from benchmarks.sections.made_front import many, search_of
from benchmarks.sections.site import Site, browsing, served, watched
from latency_predictors.device import host_device
from latency_predictors.shared_table import share
from nas.jobs import Infeasible
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.handmade import SPEC, claimed, lookup_table, submitted

SERIOUS: Final = ("serious", "critical")
POINTS: Final = 60
NAME: Final = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
SCRIPT: Final = f"</script></title></textarea><script>alert(2)</script>{NAME}"
"""Texts that run where they are taken for markup; the first one may stand in an address."""

_WATCH: Final = """
window.executed = [];
window.alert = (what) => window.executed.push(String(what));
const refused = (event) => window.executed.push(event.violatedDirective);
document.addEventListener("securitypolicyviolation", refused);
"""


@dataclass(frozen=True)
class Screen:
    """A page of the service."""

    name: str
    path: str


def accessible(home: Path, quick: bool) -> list[Figure]:
    """Look at every screen with axe-core, at two widths, in light and in dark."""
    home = home / "seen"
    searches = [search_of(home, POINTS, seed) for seed in (3, 4)]
    looks = [(1280, False), (390, True)] if quick else [(w, d) for w in (1280, 390) for d in (False, True)]
    found: dict[str, list[str]] = {}
    screens = list(_screens(searches, many(POINTS, 3)[0].name))
    with served(home) as (site, login), browsing() as browser:
        for width, dark in looks:
            with watched(browser, login, width=width, dark=dark) as visit:
                for screen in screens:
                    found.setdefault(screen.name, []).extend(_findings(visit.page, site, screen))
                login = _another(site)
                assert not visit.problems, visit.problems
    told = "; ".join(f"{name}: {', '.join(dict.fromkeys(ids))}" for name, ids in found.items() if ids)
    number = sum(len(ids) for ids in found.values())
    detail = told or f"{', '.join(found)}; {len(looks)} looks each"
    return [Figure("accessibility: serious and critical findings", number, "", "<=", 0, detail)]


def _screens(searches: list[str], network: str) -> Iterator[Screen]:
    own, other = searches
    yield Screen("searches", "/searches")
    yield Screen("new search", "/searches/new")
    yield Screen("search", f"/searches/{own}")
    yield Screen("front", f"/searches/{own}/front")
    yield Screen("network", f"/searches/{own}/networks/{network}")
    yield Screen("data sets", "/datasets")
    yield Screen("devices", "/devices")
    yield Screen("device", f"/devices/{host_device().digest}")
    yield Screen("compare", f"/compare?with={own}.1&with={other}.1")


def _findings(page: Page, site: Site, screen: Screen) -> list[str]:
    answer = page.goto(f"{site.url}{screen.path}")
    assert answer is not None
    assert answer.status == 200, (screen.path, answer.status)
    page.wait_for_load_state("networkidle")
    report = Axe().run(page).response
    return [one["id"] for one in report["violations"] if one["impact"] in SERIOUS]


def script(home: Path, quick: bool) -> list[Figure]:
    """Put script into every text that users, files or other machines bring, and look at every screen."""
    home = home / "script"
    searches = [search_of(home, POINTS, seed, NAME) for seed in (3, 4)]
    failed, device = _hostile(home)
    screens = [*_screens(searches, quote(NAME)), Screen("failed search", f"/searches/{failed}")]
    screens += [
        Screen("imported table", f"/devices/{device}"),
        Screen("no such page", f"/devices/{quote(SCRIPT)}"),
    ]
    screens += [Screen("no such network", f"/searches/{searches[0]}/networks/{quote('a' + NAME)}")]
    executed, shown = [], 0
    with served(home) as (site, login), browsing() as browser, watched(browser, login) as visit:
        visit.page.add_init_script(_WATCH)
        for screen in screens:
            visit.page.goto(f"{site.url}{screen.path}")
            visit.page.wait_for_load_state("networkidle")
            executed += [f"{screen.name}: {what}" for what in visit.page.evaluate("() => window.executed")]
            shown += NAME in visit.page.locator("body").inner_text()
    told = "; ".join(executed) or f"{len(screens)} screens, on {shown} of which it stands as text"
    return [
        Figure("script in texts: executions", len(executed), "", "<=", 0, told),
        Figure("script in texts: screens that show it as text", shown, "", ">=", 6),
    ]


def _hostile(home: Path) -> tuple[str, str]:
    """Add a search that failed and an imported table whose texts hold script; return both identifiers."""
    with opened_stores(Settings(home=home)) as stores:
        run = claimed(stores, submitted(stores, SPEC))
        stores.queue.settle(run.lease, Infeasible("limit_not_reachable", SCRIPT))
        stores.datasets.add("local", SCRIPT, {"name": "digits"}, SCRIPT)
        table = lookup_table(cpu_model=NAME)
        told = share(table, exported_by=SCRIPT, tool=SCRIPT).provenance.model_dump(mode="json")
        stores.tables.receive("local", table, told)
        return run.id, table.device.digest


def _another(site: Site) -> str:
    """Return a further link into a server: each works once, so it starts again."""
    site.stop()
    return site.start()
