"""The page of a search that runs, in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from nas.jobs import Succeeded
from nas.store.job_run import JobRun
from nas.store.stores import Stores
from tests.api.dashboard.searched import running_search, step
from tests.api.running import running
from tests.browser.visiting import visiting

pytestmark = pytest.mark.browser


def tell(stores: Stores, run: JobRun, text: str) -> None:
    """Tell watchers something, as a worker does."""
    stores.results.report(run.lease, "message", {"text": text})


def test_a_page_goes_on_while_its_search_runs_and_after_the_server_was_away(
    browser: Browser, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with running(home) as site:
        run = running_search(site.stores)
        port = int(site.url.rpartition(":")[2])
        visit_to = visiting(browser, site)
        visit = visit_to.__enter__()
        page = visit.open(f"/searches/{run.id}")
        expect(page.locator("#log")).to_contain_text("phase verify")
        expect(page.locator("[data-chart=loss][data-drawn]")).to_be_visible()
        tell(site.stores, run, "said before")
        expect(page.locator("#log")).to_contain_text("said before")
        page.locator("summary").first.click()
    # The server is gone, and comes back where it was: the page was never loaded again.
    visit.expected = ("Failed to load resource", "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    with running(home, port=port) as site:
        tell(site.stores, run, "said after")
        step(site.stores, run, "verify", 20, 40, "round 2: measuring")
        expect(page.locator("#log")).to_contain_text("said after", timeout=20_000)
        expect(page.locator("#progress")).to_contain_text("50 %")
        expect(page.locator("details").first).to_have_attribute("open", "")
        site.stores.queue.settle(run.lease, Succeeded())
        expect(page.locator("#state")).to_contain_text("succeeded")
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        visit_to.__exit__(None, None, None)
