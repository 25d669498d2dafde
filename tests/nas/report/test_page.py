"""The page is one HTML document: complete, escaped, and closed to the outside."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from nas.report.page import render_report, write_report
from nas.results import SearchResult
from tests.nas.report.documents import (
    HOSTILE,
    latency,
    make_result,
    network,
    searched_networks,
    target,
)

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """What stands in a page: elements with their attributes, texts, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.preformatted: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] == "pre":
            self.preformatted.append(data)
        elif data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def words(self) -> str:
        """All text that is shown."""
        return " ".join(self.texts)


def hostile() -> SearchResult:
    """A search in which every name that users can give is hostile."""
    point = network(HOSTILE, 0.2, 0.95, architecture={HOSTILE: HOSTILE}, tied_with=(HOSTILE,))
    one = target(
        (point, network("b", 0.3, 0.97, architecture={HOSTILE: 2})), device_label=HOSTILE, stopped=HOSTILE
    )
    stock = network(HOSTILE, 0.4, 0.9, origin="reference", status="dominated")
    names = tuple(f"{HOSTILE}{number}" for number in range(3))
    return make_result((one,), (stock,), names, versions={HOSTILE: HOSTILE}, id=HOSTILE)


VARIANTS = {
    "one target": make_result(),
    "one point": make_result((target((network("only", 0.2, 0.95),)),)),
    "empty front": make_result((target((), 0.05, cloud=()),), ()),
    "only over the limit": make_result((target((network("x", 0.2, 0.9, status="over_limit"),), 0.1),), ()),
    "no references": make_result(stock=()),
    "three targets": make_result(
        (
            target(searched_networks(12, 5, 0.4), 0.4),
            target(()),
            target((network("only", 0.2, 0.95),), None),
        )
    ),
    "hostile": hostile(),
}


@pytest.fixture(scope="module", params=list(VARIANTS.values()), ids=list(VARIANTS))
def page(request: pytest.FixtureRequest) -> Page:
    result: SearchResult = request.param
    return Page(render_report(result))


def test_every_tag_is_closed(page: Page) -> None:
    assert page.open == []


def test_nothing_is_loaded_from_outside(page: Page) -> None:
    loading = {"src", "srcset", "data", "poster", "action", "formaction", "background", "href"}
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in loading and value
    ]
    assert [address for address in addresses if not address.startswith(("./", "#"))] == []
    assert {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base", "img"} == set()


def test_no_element_has_a_handler_of_its_own(page: Page) -> None:
    handlers = [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert handlers == []


def test_the_policy_admits_exactly_the_scripts_of_the_page(page: Page) -> None:
    policy = next(
        attributes["content"] or ""
        for _, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    charts, *scripts = page.scripts
    json.loads(charts)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert directives["default-src"] == "'none'"
    assert directives["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert "connect-src" not in directives  # default-src forbids every connection
    assert "http" not in policy


def test_scripts_are_the_data_plotly_and_ours(page: Page) -> None:
    assert len(page.scripts) == 3
    assert "plotly.js v" in page.scripts[1][:200]


def test_every_chart_of_the_page_has_its_figure(page: Page) -> None:
    charts = json.loads(page.scripts[0])
    places = [attributes["data-chart"] for _, attributes in page.elements if "data-chart" in attributes]
    assert places
    assert set(places) <= charts.keys()


def test_ids_are_unique(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_hostile_names_are_shown_as_text() -> None:
    page = Page(render_report(hostile()))
    assert len(page.scripts) == 3
    assert not any(tag == "img" for tag, _ in page.elements)
    assert HOSTILE in page.words


def test_the_headline_and_the_limit_come_first() -> None:
    page = Page(render_report(VARIANTS["one target"]))
    first = " ".join(page.texts[:8]).replace("\u00a0", " ")
    assert "11 verified networks, from 0.0870 ms at 93.3 % to 0.491 ms at 98.9 %" in first
    assert "Limit kept: latency of at most 1 ms" in first


def test_rows_equal_the_documents() -> None:
    result = VARIANTS["one target"]
    text = render_report(result)
    named = re.findall(r'<tbody data-name="([^"]+)"', text)
    everyone = [*result.targets[0].networks, *result.references]
    assert sorted(named) == sorted(one.name for one in everyone)
    for one in result.targets[0].front:
        row = text.split(f'<tbody data-name="{one.name}"')[1].split("<tbody data-name")[0]
        assert f'data-latency="{one.latency.upper_ms}"' in row
        assert f"{100 * one.accuracy.value:.1f}" in row
        assert one.file_sha256 in row
        assert f"{one.accuracy.num_images} {one.accuracy.part}" in row


def test_delivered_networks_link_to_their_folder() -> None:
    result = VARIANTS["one target"]
    page = Page(render_report(result))
    links = [attributes.get("href") for tag, attributes in page.elements if tag == "a"]
    for delivery in result.deliveries:
        assert f"./{delivery.folder}/" in links
        assert delivery.why in page.words


def test_the_specification_can_be_read_back() -> None:
    result = VARIANTS["one target"]
    page = Page(render_report(result))
    specification = page.preformatted[0]
    assert yaml.safe_load(specification) == result.spec.model_dump(mode="json")
    assert result.spec.digest in page.words


def test_what_stands_behind_the_figures_is_told() -> None:
    words = Page(render_report(VARIANTS["one target"])).words
    for expected in (
        "rank correlation of 0.91",
        "files_skipped",
        "truncated",
        "Neoverse-N1",
        "2.13.0",
        "4 min 22 s",
        "median half width of the interval",
        "worked out from the shapes of the layers",
        "a plain call of the runtime copies and allocates too",
    ):
        assert expected in words


def test_three_targets_have_a_section_each() -> None:
    page = Page(render_report(VARIANTS["three targets"]))
    assert [attributes["id"] for _, attributes in page.elements if attributes.get("class") == "target"] == [
        "target-0",
        "target-1",
        "target-2",
    ]


def test_the_report_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    write_report(VARIANTS["one point"], path)
    before = path.read_bytes()
    assert before.startswith(b"<!doctype html>")

    def fail(*_: object) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="input/output"):
        write_report(VARIANTS["empty front"], path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_equal_results_give_equal_bytes() -> None:
    assert render_report(make_result()) == render_report(make_result())


def test_a_suspect_latency_says_so_in_its_row_and_where_it_was_chosen() -> None:
    calm = network("calm", 0.1, 0.95)
    restless = network("restless", 0.5, 0.98, latency=latency(0.5).model_copy(update={"suspect": True}))
    text = render_report(make_result((target((calm, restless)),)))
    row = text.split('<tbody data-name="restless"')[1].split('<tr class="more">')[0]
    assert '<span class="interval">suspect</span>' in row
    assert "suspect" not in text.split('<tbody data-name="calm"')[1].split("</tbody>")[0]
    assert text.count("<dt>latency, suspect</dt>") == 1


def test_a_stock_network_that_beats_what_was_delivered_is_told_below_the_headline() -> None:
    found = target((network("fast", 0.1, 0.95), network("best", 0.5, 0.98)), 1.0)
    stock = network("resnet", 0.4, 0.99, origin="reference", status="dominated")
    told = (
        "resnet, a stock network, is faster and more accurate than best: "
        "hwnas export digits-1f3a9c2e --name resnet"
    )
    assert told in Page(render_report(make_result((found,), (stock,)))).texts
    slower = network("resnet", 0.5, 0.99, origin="reference", status="dominated")
    assert "a stock network, is faster" not in render_report(make_result((found,), (slower,)))
