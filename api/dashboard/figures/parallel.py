"""Parallel coordinates: the choices in which the networks of a front differ, and what they lead to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nas.report.architecture import active_options, option_places, varying
from nas.report.front_traces import TITLES, quantity_for
from nas.report.marks import BLUE, GREY, Chart, Trace, escaped
from nas.report.numbers import plain
from nas.report.words import accuracy_text, latency_text
from nas.results import VerifiedNetwork
from search_spaces.base import Option, SearchSpace

MOST_LINES: Final = 200
ENDS: Final = ("latency_ms", "accuracy")
"""What stands at the right, after the choices."""

_COLUMN_PX: Final = 44


def parallel_figure(
    front: Sequence[VerifiedNetwork], space: SearchSpace | None = None, pick: str | None = None
) -> Chart:
    """Draw a line a network through the options it has of every choice that varies, to its figures.

    A choice that changes nothing in a network leaves a gap there. Beside `data` and `layout` the chart has
    `columns`, for the script that selects lines: their names, with the values that the ends of the last are.

    Args:
        front: By latency; the first `MOST_LINES` are drawn.
        space: Tells which choices are active; without it all are shown.
        pick: Name of the network that is drawn boldly.
    """
    shown = list(front[:MOST_LINES])
    options = [active_options(network.architecture, space) for network in shown]
    places = choice_places(shown, space)
    if not places:
        return {"data": [], "layout": {}, "columns": []}
    shares = zip(*(_shares(name, shown) for name in ENDS), strict=True)
    lines = [
        _line(network, [*_heights(one, places), *ends], picked=network.name == pick)
        for network, one, ends in zip(shown, options, shares, strict=True)
    ]
    # The picked one lies above the others.
    lines.sort(key=lambda line: line["line"]["width"])
    columns: list[dict[str, Any]] = [{"name": name} for name in places]
    columns += [{"name": name, "ends": _ends(name, shown)} for name in ENDS]
    return {"data": lines, "layout": _layout(places, shown), "columns": columns}


def choice_places(
    shown: Sequence[VerifiedNetwork], space: SearchSpace | None
) -> dict[str, dict[Option, float]]:
    """Return the choices in which networks differ, each with where its options stand, 0 to 1."""
    options = [active_options(network.architecture, space) for network in shown]
    names = [name for name in varying(tuple(shown), space) if any(name in one for one in options)]
    return {name: option_places(one.get(name) for one in options) for name in names}


def _layout(places: Mapping[str, Mapping[Option, float]], shown: Sequence[VerifiedNetwork]) -> dict[str, Any]:
    columns = [*places, *ENDS]
    return {
        "xaxis": {
            "tickvals": list(range(len(columns))),
            "ticktext": [escaped(column_label(name)) for name in columns],
            "range": [-0.4, len(columns) - 0.4],
            "tickangle": -38,
            "showgrid": True,
            "zeroline": False,
            "automargin": True,
            "title": {"text": ""},
        },
        "yaxis": {"visible": False, "range": [-0.08, 1.12], "tickvals": [], "title": {"text": ""}},
        "annotations": [
            *(note for place, placed in enumerate(places.values()) for note in _ticks(place, placed)),
            *(
                note
                for place, name in enumerate(ENDS, len(places))
                for note in _end_notes(place, name, shown)
            ),
        ],
        "hovermode": "closest",
        "showlegend": False,
        "dragmode": False,
        "minwidth": _COLUMN_PX * len(columns),
    }


def column_label(name: str) -> str:
    """Return what a column is called."""
    return {"latency_ms": "latency, ms", "accuracy": "accuracy, %"}.get(name, TITLES.get(name, name))


def _heights(
    options: Mapping[str, Option], places: Mapping[str, Mapping[Option, float]]
) -> list[float | None]:
    return [placed[options[name]] if name in options else None for name, placed in places.items()]


def _line(network: VerifiedNetwork, heights: Sequence[float | None], *, picked: bool) -> Trace:
    text = f"{escaped(network.name)}<br>{latency_text(network.latency)}, "
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": network.name,
        "x": list(range(len(heights))),
        "y": list(heights),
        "line": {"color": BLUE, "width": 3.5 if picked else 1.5},
        "marker": {"color": BLUE, "size": 6},
        "opacity": 1.0 if picked else 0.4,
        "customdata": [network.name] * len(heights),
        "hovertext": [text + accuracy_text(network.accuracy)] * len(heights),
        "hoverinfo": "text",
    }


def _values(name: str, shown: Sequence[VerifiedNetwork]) -> list[float]:
    quantity = quantity_for(name, shown)
    return [quantity.value(one) for one in shown]


def _shares(name: str, shown: Sequence[VerifiedNetwork]) -> list[float]:
    low, high = _ends(name, shown)
    return [(value - low) / ((high - low) or 1.0) for value in _values(name, shown)]


def _ends(name: str, shown: Sequence[VerifiedNetwork]) -> list[float]:
    values = _values(name, shown)
    return [min(values), max(values)]


def _ticks(place: int, placed: Mapping[Option, float]) -> list[dict[str, Any]]:
    return [_note(place, height, str(option)) for option, height in placed.items()]


def _end_notes(place: int, name: str, shown: Sequence[VerifiedNetwork]) -> list[dict[str, Any]]:
    low, high = _ends(name, shown)
    return [_note(place, 0.0, plain(low)), _note(place, 1.0, plain(high))]


def _note(place: int, height: float, text: str) -> dict[str, Any]:
    return {
        "text": escaped(text),
        "x": place,
        "y": height,
        "xanchor": "left",
        "xshift": 6,
        "yshift": 7,
        "showarrow": False,
        "font": {"size": 11, "color": GREY},
    }
