"""A search is submitted by its form."""

import pytest
from playwright.sync_api import Browser, expect

from tests.api.running import Running
from tests.browser.visiting import visiting

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_what_is_typed_is_looked_at_kept_in_step_and_submitted(
    browser: Browser, site: Running, width: int, dark: bool
) -> None:
    with visiting(browser, site, width=width, dark=dark) as visit:
        page = visit.open("/searches/new")
        limit = page.get_by_label("Latency, ms").first
        limit.fill("-3")
        expect(page.locator("#targets-0-limits-latency_ms-wrong")).to_contain_text("greater than 0")
        limit.fill("2.5")
        expect(page.locator("#example-yaml")).to_contain_text("latency_ms: 2.5")
        expect(page.locator("#targets-0-limits-latency_ms-wrong")).to_be_empty()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Submit").click()
        expect(page.locator("#state")).to_contain_text("queued")
        expect(page.locator("main")).to_contain_text("latency ≤ 2.5 ms")


def test_without_a_script_a_search_is_submitted_too(browser: Browser, site: Running) -> None:
    with visiting(browser, site, javascript=False) as visit:
        page = visit.open("/searches/new")
        page.get_by_role("button", name="Most accurate under 20 ms").click()
        expect(page.get_by_label("Latency, ms").first).to_have_value("20")
        page.get_by_role("button", name="Submit").click()
        expect(page.locator("#state")).to_contain_text("queued")
