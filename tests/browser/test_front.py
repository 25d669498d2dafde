"""The screen of a front in a browser: what moves without the server, and what the address keeps."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.dashboard.found import finished, networks
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


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready=front]")
    return page


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_budget_moves_the_pick_and_stays_in_the_address(browser: Browser, site: Running) -> None:
    search = finished(site.stores)
    with visiting(browser, site) as visit:
        page = ready(visit.open(f"/searches/{search}/front"))
        expect(page.locator("svg.static")).to_have_count(0)
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
    with visiting(browser, site, width=390, dark=True, javascript=javascript) as visit:
        for path in (
            f"/searches/{search}/front",
            f"/searches/{search}/networks/{FRONT[0].name}",
            f"/compare?with={search}.1&with={other}.1",
            "/devices",
        ):
            page = visit.open(path)
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
            assert page.get_by_role("heading", level=1).count() == 1
