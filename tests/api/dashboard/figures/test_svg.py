"""A chart without a script: the same points at the same places."""

import re
from typing import Any
from xml.etree import ElementTree

from api.dashboard.figures.svg import HEIGHT, WIDTH, draw
from nas.report.figures import front_figure
from nas.report.marks import Chart
from tests.nas.report.documents import HOSTILE, network, references, target

FAST, BEST = network("fast", 0.1, 0.95), network("best", 0.4, 0.98)


def chart(**changes: Any) -> Chart:
    """Three points on plain axes from 0 to 10 and 0 to 100."""
    trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "n",
        "x": [0.0, 5.0, 10.0],
        "y": [0.0, 50.0, 100.0],
    }
    axis = {"title": {"text": "time, ms"}, "range": [0.0, 10.0]}
    other = {"title": {"text": "share, %"}, "range": [0.0, 100.0]}
    marker = {"color": "#2f7de1", "size": 8}
    return {"data": [{**trace, "marker": marker, **changes}], "layout": {"xaxis": axis, "yaxis": other}}


def tree(text: str) -> ElementTree.Element:
    """The elements of an SVG as HTML has it, which knows them without a name space."""
    named = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return ElementTree.fromstring(named)


def attributes(text: str, tag: str) -> list[dict[str, str]]:
    root = tree(text)
    return [dict(one.attrib) for one in root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")]


def test_points_stand_in_proportion() -> None:
    circles = attributes(draw(chart(), "three"), "circle")
    left, middle, right = (float(one["cx"]) for one in circles)
    assert middle == (left + right) / 2
    bottom, _, top = (float(one["cy"]) for one in circles)
    assert 0 < top < bottom < HEIGHT
    assert 0 < left < right < WIDTH


def test_points_outside_of_the_axes_are_not_drawn() -> None:
    assert len(attributes(draw(chart(x=[-5.0, 5.0, 11.0]), "one"), "circle")) == 1


def test_error_bars_reach_from_end_to_end_and_stay_inside() -> None:
    bars = {"array": [0.0, 2.0, 99.0], "arrayminus": [0.0, 1.0, 99.0], "color": "#abc"}
    lines = [
        one for one in attributes(draw(chart(error_x=bars), "bars"), "line") if one.get("stroke") == "#abc"
    ]
    plain = attributes(draw(chart(), "bars"), "circle")
    step = (float(plain[2]["cx"]) - float(plain[0]["cx"])) / 10
    assert float(lines[0]["x2"]) - float(lines[0]["x1"]) == 3 * step
    assert float(lines[1]["x2"]) <= WIDTH
    assert len(lines) == 2


def test_each_symbol_is_another_shape() -> None:
    shapes = {
        "circle": "circle",
        "circle-open": "circle",
        "diamond": "polygon",
        "square-open": "rect",
        "triangle-up": "polygon",
        "x-thin-open": "path",
    }
    for symbol, tag in shapes.items():
        drawn = draw(chart(marker={"color": "#123456", "size": 8, "symbol": symbol}), "one")
        assert len(attributes(drawn, tag)) == 3
        assert ('fill="none"' in drawn) == (symbol.endswith("open"))


def test_a_stair_has_corners() -> None:
    line = {"color": "#123456", "width": 2, "shape": "hv"}
    (stair,) = attributes(draw(chart(mode="lines", line=line), "stair"), "polyline")
    assert len(stair["points"].split()) == 5
    (band,) = attributes(
        draw(chart(mode="lines", line={"width": 0}, fill="toself", fillcolor="rgba(1,2,3,0.2)"), "band"),
        "polygon",
    )
    assert band["fill"] == "rgba(1,2,3,0.2)"


def test_a_front_is_drawn_whole_with_its_limit_and_names() -> None:
    text = draw(front_figure(target((FAST, BEST), 0.5), references()), "front")
    assert "latency, ms" in text
    assert "accuracy, %" in text
    assert "limit 0.5 ms" in text
    assert re.search(r">resnet<", text)
    assert len(attributes(text, "circle")) > 2


def test_text_is_shown_as_it_is() -> None:
    text = draw(
        front_figure(target((FAST, BEST)), (network(HOSTILE, 0.2, 0.9, origin="reference"),)), HOSTILE
    )
    root = tree(text)
    assert root.attrib["aria-label"] == HOSTILE
    assert HOSTILE in [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script" not in text


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw({"data": [], "layout": {}}, "none") == ""
