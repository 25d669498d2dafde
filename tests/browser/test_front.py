"""The screen of a front in a browser: what moves without the server, and what the address keeps."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from latency_predictors.device import host_device
from tests.api.dashboard.found import finished, measured_here, networks
from tests.api.handmade import lookup_table, saved_table
from tests.api.running import Running
from tests.browser.visiting import visiting

pytestmark = pytest.mark.browser

FRONT = [one for one in networks() if one.status == "front"]

_LONELIEST = """async () => {
    const source = document.querySelector('script[src$="front.js"]').src;
    const figures = await import(source.replace("front", "figures"));
    const place = document.querySelector("[data-chart=front]");
    const [many, names] = [figures.manyOf(place), figures.chartOf(place).budget.name];
    const spots = [];
    many.inSight((x, y, group, i) => spots.push([names[group.rows[i]], x, y]));
    const { x, y } = many.frame();
    const along = (axis, value) => ((axis.log ? Math.log10(value) : value) - axis.low) * axis.factor;
    const front = place.querySelector(".plot").data.find((trace) => trace.name === "front");
    const others = front.x.map((value, i) => [
        "", x.start + along(x, value), y.start + y.length - along(y, front.y[i]),
    ]);
    const gap = (one, other) => Math.hypot(one[1] - other[1], one[2] - other[2]);
    const apart = (one, other) => (one === other ? Infinity : gap(one, other));
    const alone = (one) => Math.min(...[...spots, ...others].map((other) => apart(one, other)));
    return spots.toSorted((one, other) => alone(other) - alone(one))[0];
}"""
"""Of the many points, the one furthest from all others: the pointer means no other."""


_LAST_AXIS = """async (plot) => {
    const source = document.querySelector('script[src$="front.js"]').src;
    const { frameOf } = await import(source.replace("front", "figures"));
    const [{ x, y }, box] = [frameOf(plot), plot.getBoundingClientRect()];
    const column = plot.data[0].x.length - 1;
    const down = (at) => box.top + y.start + y.length - (at - y.low) * y.factor;
    return [box.left + x.start + (column - x.low) * x.factor, down(1.05), down(0)];
}"""
"""Where the last axis of a plot stands: from the left, its upper and its lower end from the top."""

_BRIGHT = """() => {
    const { data } = document.querySelector("[data-chart=front] .plot");
    const front = data.find((trace) => trace.name === "front");
    const opacity = front.marker.opacity ?? front.x.map(() => 1);
    return front.customdata.filter((name, i) => opacity[i] === 1);
}"""
"""Points of the front that are not faded."""


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready=front]")
    return page


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_budget_moves_the_pick_and_stays_in_the_address(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        expect(page.locator("svg.static").first).to_be_hidden()
        page.emulate_media(media="print")
        expect(page.locator("[data-chart=front] > svg.static")).to_be_visible()
        expect(page.locator("[data-chart=front] > .plot")).to_be_hidden()
        page.emulate_media(media="screen")
        field = page.get_by_label("latency at most, ms", exact=True)
        limit = FRONT[1].latency.upper_ms
        field.fill(f"{limit:.6f}")
        field.press("Tab")
        within = [one for one in networks() if one.latency.upper_ms <= round(limit, 6)]
        best = max(within, key=lambda one: (one.accuracy.value, -one.latency.value_ms))
        expect(page.locator("[data-picked]")).to_have_attribute("data-picked", best.name)
        expect(page.locator("output.best")).to_contain_text(best.name)
        assert query(page)["latency_ms"] == [f"{limit:.6f}"]
        page.reload()
        ready(page)
        expect(page.locator("[data-picked]")).to_have_attribute("data-picked", best.name)


def test_what_the_board_has_refused_is_not_the_best_within_the_budgets(
    browser: Browser, site: Running
) -> None:
    best = max(FRONT, key=lambda one: (one.accuracy.value, -one.latency.value_ms))
    others = [one for one in networks() if one.name != best.name]
    refused = best.model_copy(update={"status": "unverified"})
    search = finished(site.stores, measured_here(*others, refused))
    kept = [one for one in others if one.latency.upper_ms <= 1.0]
    other = max(kept, key=lambda one: (one.accuracy.value, -one.latency.value_ms))
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        expect(page.locator("[data-picked]")).to_have_attribute("data-picked", other.name)
        # What the page works out while a slider moves.
        expect(page.locator("output.best")).to_contain_text(other.name)


def test_a_slider_answers_without_the_server(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        slider = page.get_by_role("slider", name="latency, at most")
        slider.fill("0")
        fastest = min(networks(), key=lambda one: one.latency.upper_ms)
        expect(page.locator("output.best")).to_contain_text(fastest.name)
        # Nothing is asked while it moves; when it is let go, once.
        expect(page.locator("[data-picked]")).to_have_attribute("data-picked", fastest.name)
        assert sum("/pick?" in address for address in asked) <= 1


def test_a_row_is_picked_and_has_a_ring_in_the_plot(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        name = FRONT[2].name
        page.locator(f'tr[data-name="{name}"] a[data-pick]').click()
        expect(page.locator("[data-picked]")).to_have_attribute("data-picked", name)
        expect(page.locator(f'tr[data-name="{name}"]')).to_have_attribute("aria-current", "true")
        assert query(page)["pick"] == [name]
        ring = page.evaluate("() => document.querySelector('[data-chart=front] .plot').data.at(-1).x")
        assert ring == pytest.approx([FRONT[2].latency.value_ms])


def test_other_axes_are_drawn_without_a_reload(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        page.evaluate("() => { window.stays = true; }")
        page.get_by_label("To the right", exact=True).select_option("num_params")
        expect(page.locator(".xtitle")).to_have_text(re.compile("parameters"))
        page.get_by_role("checkbox", name="predicted only").check()
        page.wait_for_url(re.compile("show=predicted"))
        assert query(page)["x"] == ["num_params"]
        assert page.evaluate("() => window.stays")


def test_dragging_along_an_axis_selects_networks_everywhere(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        plot = page.locator("[data-chart=parallel] .plot")
        plot.scroll_into_view_if_needed()
        x, high, low = plot.evaluate(_LAST_AXIS)
        # The upper half of the last axis, which is accuracy.
        page.mouse.move(x, high)
        page.mouse.down()
        page.mouse.move(x, (high + low) / 2, steps=3)
        page.mouse.up()
        values = [100 * one.accuracy.value for one in FRONT]
        upper = [one.name for one in FRONT if 100 * one.accuracy.value >= (min(values) + max(values)) / 2]
        assert 0 < len(upper) < len(FRONT)
        for one in FRONT:
            shown = expect(page.locator(f'tr[data-name="{one.name}"]'))
            shown.to_be_visible() if one.name in upper else shown.to_be_hidden()
        said = f"{len(upper)} of {len(FRONT)} networks are selected"
        expect(page.locator("#selected")).to_contain_text(said)
        assert page.evaluate(_BRIGHT) == upper
        assert "only_accuracy" in query(page)
        # The address has it; a click on a link takes it back.
        page.reload()
        expect(ready(page).locator("#selected")).to_contain_text(said)
        assert page.evaluate(_BRIGHT) == upper
        page.get_by_role("link", name="Select all").click()
        assert page.evaluate(_BRIGHT) == [one.name for one in FRONT]
        assert "only_accuracy" not in query(page)
        # By keyboard: Enter reloads nothing.
        field = page.get_by_label("latency, ms", exact=True)
        field.fill("0..1000")
        field.press("Enter")
        expect(page.locator("#selected")).to_contain_text(f"{len(FRONT)} of {len(FRONT)}")


def test_a_point_of_the_many_is_told_and_picked(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front?show=none&show=dominated"))
        # Far from others, so that the pointer means this one.
        name, x, y = page.evaluate(_LONELIEST)
        box = page.locator("[data-chart=front] .plot").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + x + 2, box["y"] + y)
        page.mouse.move(box["x"] + x + 1, box["y"] + y)
        page.mouse.down()
        page.mouse.up()
        expect(page.locator("[data-picked]")).to_have_attribute("data-picked", name)


@pytest.mark.parametrize("javascript", [True, False])
def test_every_screen_fits_a_phone(browser: Browser, site: Running, javascript: bool) -> None:
    search, other = finished(site.stores), finished(site.stores)
    saved_table(site.service.settings.home, lookup_table())
    with visiting(browser, site, width=390, dark=True, javascript=javascript) as visit:
        for path in (
            f"/searches/{search}/front",
            f"/searches/{search}/networks/{FRONT[0].name}",
            f"/compare?with={search}.1&with={other}.1",
            "/devices",
            f"/devices/{host_device().digest}",
        ):
            page = visit.open(path)
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
            assert page.get_by_role("heading", level=1).count() == 1
