"""The browser of these tests notes what it is there for."""

import pytest
from playwright.sync_api import Browser

from tests.api.running import Running
from tests.browser.visiting import visiting

pytestmark = pytest.mark.browser


def test_a_page_loads_nothing_from_elsewhere_and_complains_of_nothing(
    browser: Browser, site: Running
) -> None:
    with visiting(browser, site) as visit:
        assert visit.page.url == f"{site.url}/searches"
        assert visit.page.get_by_role("heading", level=1).inner_text() == "Searches"


def provoke(browser: Browser, site: Running) -> None:
    """Do in a page whatever it must not."""
    with visiting(browser, site) as visit:
        visit.page.evaluate("() => { console.error('wrong'); }")
        visit.page.evaluate("() => fetch('http://localhost:9/').catch(() => 0)")
        visit.page.evaluate(
            "() => { const s = document.createElement('script'); s.text = '1'; document.body.append(s); }"
        )
        visit.page.evaluate("() => new Promise((done) => setTimeout(done, 1))")


def test_requests_to_others_errors_and_refused_scripts_are_noted(browser: Browser, site: Running) -> None:
    with pytest.raises(AssertionError) as caught:
        provoke(browser, site)
    told = str(caught.value)
    assert "console: wrong" in told
    assert "violates the following Content Security Policy directive" in told
    assert "localhost:9" in told
