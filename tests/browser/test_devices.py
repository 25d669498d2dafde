"""The screens of devices in a browser: on a phone, what ails a board is in sight."""

import pytest
from playwright.sync_api import Browser, expect

from nas.store.agent_store import Agent
from tests.api.handmade import lookup_table, saved_table
from tests.api.running import Running
from tests.browser.visiting import visiting
from tests.nas.store.boards import new_board

pytestmark = pytest.mark.browser

WHY = "session_died: the measuring process ended by signal 11 while measuring " + "0123456789abcdef" * 4


def boards(site: Running) -> tuple[Agent, ...]:
    """Two boards of one model, each with a table; the second one is in quarantine."""
    found = tuple(new_board(site.stores.engine, name, "local", unit=name) for name in ("pi5-a", "pi5-b"))
    for one in found:
        saved_table(site.service.settings.home, lookup_table().model_copy(update={"device": one.device}))
    for _ in range(5):
        site.stores.agent_queue.faulted(found[1], WHY)
    return found


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_how_boards_are_is_in_sight(browser: Browser, site: Running, width: int, dark: bool) -> None:
    two = boards(site)
    with visiting(browser, site, width=width, dark=dark, javascript=not dark) as visit:
        page = visit.open("/devices")
        rows = page.get_by_role("region", name="Boards").locator("tbody tr")
        expect(rows).to_have_count(2)
        for row, state, name in zip(rows.all(), ("idle", "quarantine"), ("pi5-a", "pi5-b"), strict=True):
            told = (row.get_by_text(state, exact=True), row.get_by_role("link"), row.get_by_text("heard of"))
            for shown in told:
                box = shown.bounding_box()
                assert box is not None
                assert 0 <= box["x"] <= box["x"] + box["width"] <= width
            expect(row.get_by_role("link")).to_have_text(name)
        expect(rows.nth(1)).to_contain_text(WHY)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        for one in two:
            page = visit.open(f"/devices/{one.device.digest}")
            expect(page.get_by_role("heading", level=1)).to_have_text(one.name)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
