"""The page in a browser: opened as a file, alone, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from nas.report.page import write_report
from tests.nas.report.documents import HOSTILE, make_result, network, references, searched_networks, target

pytestmark = pytest.mark.browser

WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.blockedURI));
"""


class Visit:
    """A page that was opened, and everything it did that it should not."""

    def __init__(self, context: BrowserContext, path: Path) -> None:
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(90_000)  # a browser starts slowly beside other work
        self.page.add_init_script(WATCH_POLICY)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on(
            "console", lambda said: self.problems.append(said.text) if said.type == "error" else None
        )
        self.page.on("request", lambda request: self._requested(request.url, path))
        self.page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length > 0")

    def _requested(self, url: str, path: Path) -> None:
        if url != path.as_uri() and not url.startswith(("data:", "blob:")):
            self.problems.append(f"request: {url}")

    def check(self) -> None:
        """Fail if the page asked for anything, threw anything, or was stopped by its own policy."""
        assert self.problems == []
        assert self.page.evaluate("window.violations") == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a limit that some networks break."""
    path = tmp_path_factory.mktemp("search") / "report.html"
    write_report(make_result((target(searched_networks(40, 3, 0.3), 0.3),)), path)
    return path


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """A window on a desk."""
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        yield context


@pytest.fixture(scope="module")
def visit(desk: BrowserContext, report: Path) -> Visit:
    """The report, opened once: a page of five megabytes is not opened for each click."""
    return Visit(desk, report)


def click_point(page: Page, name: str) -> None:
    """Click where a point of the front's chart stands."""
    where = page.evaluate(
        """(name) => {
            const chart = document.querySelector('[data-chart^="front-"]');
            chart._mouseDownTime = 0;  // two clicks of a test are no double click, however quick
            chart.scrollIntoView({ block: "center", behavior: "instant" });
            const trace = chart._fullData.find((one) => (one.customdata || []).includes(name));
            const number = trace.customdata.indexOf(name);
            const box = chart.getBoundingClientRect();
            const { xaxis, yaxis } = chart._fullLayout;
            return [
              box.left + xaxis._offset + xaxis.d2p(trace.x[number]),
              box.top + yaxis._offset + yaxis.d2p(trace.y[number]),
            ];
        }""",
        name,
    )
    page.mouse.move(*where)
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text(name)
    page.mouse.click(*where)


def picked(page: Page) -> list[str]:
    """Names of the rows that are highlighted."""
    found: list[str] = page.eval_on_selector_all(
        "tbody.picked", "rows => rows.map((row) => row.dataset.name)"
    )
    return found


def test_the_page_opens_alone_and_without_errors(visit: Visit) -> None:
    expect(visit.page.locator("h1")).to_contain_text("verified networks")
    assert visit.page.locator(".chart .main-svg").count() >= 5
    visit.check()


def test_a_click_on_a_point_highlights_its_row(visit: Visit) -> None:
    first = visit.page.locator("tbody.front").first.get_attribute("data-name")
    assert first is not None
    click_point(visit.page, first)
    expect(visit.page.locator("tbody.picked")).to_have_attribute("data-name", first)
    assert picked(visit.page) == [first]
    expect(visit.page.locator("tbody.picked")).to_be_in_viewport()
    visit.check()


def test_a_click_on_a_stock_network_highlights_its_row(visit: Visit) -> None:
    click_point(visit.page, "resnet")
    expect(visit.page.locator("tbody.picked")).to_have_attribute("data-name", "resnet")


def test_a_row_shows_its_point_and_its_architecture(visit: Visit) -> None:
    row = visit.page.locator("tbody.front").nth(1)
    name = row.get_attribute("data-name")
    assert name is not None
    row.locator(".pick").click()
    expect(visit.page.locator(".hoverlayer .hovertext")).to_contain_text(name)
    expect(row.locator(".grid")).to_be_hidden()
    row.locator("summary").click()
    expect(row.locator(".grid")).to_contain_text("stage1.block1")


def test_the_slider_picks_the_most_accurate_within_a_budget(visit: Visit) -> None:
    rows = visit.page.locator("tbody.front")
    fastest, best = rows.first.get_attribute("data-name"), rows.last.get_attribute("data-name")
    output = visit.page.locator(".budget output")
    expect(output).to_contain_text(str(best))
    visit.page.locator(".within").fill("0")
    expect(output).to_contain_text(str(fastest))
    assert picked(visit.page) == [fastest]


def test_another_cost_can_be_put_on_the_axis(visit: Visit) -> None:
    visit.page.locator(".cost").select_option("num_params")
    expect(visit.page.locator('[data-chart="front-0-num_params"] .xtitle')).to_contain_text("parameters")
    visit.check()


def test_hostile_names_run_nothing(desk: BrowserContext, tmp_path: Path) -> None:
    point = network(HOSTILE, 0.2, 0.95, architecture={HOSTILE: HOSTILE})
    other = network("other", 0.3, 0.97, architecture={HOSTILE: 2})
    result = make_result(
        (target((point, other), device_label=HOSTILE),),
        references(),
        tuple(f"{HOSTILE}{n}" for n in range(3)),
    )
    path = tmp_path / "report.html"
    write_report(result, path)
    visit = Visit(desk, path)
    click_point(visit.page, HOSTILE)
    expect(visit.page.locator("tbody.picked")).to_have_attribute("data-name", HOSTILE)
    expect(visit.page.locator(".hoverlayer .hovertext")).to_contain_text("<script>alert(1)")
    assert visit.page.locator("img").count() == 0
    visit.check()


def test_the_policy_stops_what_does_not_belong_to_the_page(
    desk: BrowserContext, report: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.html"
    text = report.read_text(encoding="utf-8").replace(
        "</body>", "<script>window.intruder = true</script></body>"
    )
    changed.write_text(text, encoding="utf-8")
    page = Visit(desk, changed).page
    assert page.evaluate("window.intruder") is None
    assert page.evaluate("fetch('https://example.invalid/').then(() => 'sent', () => 'stopped')") == "stopped"
    assert len(page.evaluate("window.violations")) == 2


def readable(visit: Visit) -> None:
    """Fail where text is hard to tell from what it stands on (WCAG 2.2: 4.5, and 7 for the body)."""
    ink, background = visit.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(ink, background) >= 7.0
    # The page hears of another scheme by an event, after its style sheet: the chart follows a moment later.
    soft = visit.page.evaluate("getComputedStyle(document.querySelector('.soft')).color")
    expect(visit.page.locator(".xtick text").first).to_have_css("fill", soft)
    axis = visit.page.evaluate("getComputedStyle(document.querySelector('.xtick text')).fill")
    card = visit.page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
    assert contrast(axis, card) >= 4.5


def test_text_can_be_read_in_light_and_dark_and_when_that_changes(visit: Visit) -> None:
    for scheme in ("light", "dark", "light"):
        visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        readable(visit)
    visit.check()


def test_the_table_fits_on_a_desk(visit: Visit) -> None:
    region = 'document.querySelector(".scroll.card")'
    assert visit.page.evaluate(f"{region}.scrollWidth - {region}.clientWidth") <= 0


def test_a_phone_shows_the_page_without_scrolling_sideways(browser: Browser, report: Path) -> None:
    with browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    ) as context:
        visit = Visit(context, report)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
        assert visit.page.evaluate("document.querySelector('.chart').getBoundingClientRect().right") <= 390
        visit.check()


def contrast(first: str, second: str) -> float:
    """Contrast of two colours `rgb(r, g, b)` (WCAG 2.2, relative luminance)."""
    lights = sorted((_luminance(first), _luminance(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color: str) -> float:
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
