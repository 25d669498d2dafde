"""Parallel coordinates: the choices in which the networks of a front differ, and what they lead to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nas.report.architecture import active_options, varying
from nas.report.front_traces import TITLES, quantity_for
from nas.report.marks import BLUE, GREY, Chart, Trace, escaped
from nas.report.numbers import plain
from nas.report.words import accuracy_text, latency_text
from nas.results import VerifiedNetwork
from search_spaces.base import Option, SearchSpace

MOST_LINES: Final = 200
_ENDS: Final = ("latency_ms", "accuracy")
"""What stands at the right, after the choices."""

_COLUMN_PX: Final = 74


def parallel_figure(
    front: Sequence[VerifiedNetwork], space: SearchSpace | None = None, pick: str | None = None
) -> Chart:
    """Draw a line a network through the options it has of every choice that varies, to its figures.

    A choice that changes nothing in a network leaves a gap there.

    Args:
        front: By latency; the first `MOST_LINES` are drawn.
        space: Tells which choices are active; without it all are shown.
        pick: Name of the network that is drawn boldly.
    """
    shown = list(front[:MOST_LINES])
    options = [active_options(network.architecture, space) for network in shown]
    names = [name for name in varying(tuple(shown), space) if any(name in one for one in options)]
    if not names:
        return {"data": [], "layout": {}}
    places = {name: _places([one.get(name) for one in options]) for name in names}
    columns = [*names, *_ENDS]
    lines = [_line(network, one, places, shown, pick) for network, one in zip(shown, options, strict=True)]
    # The picked one lies above the others.
    lines.sort(key=lambda line: line["line"]["width"])
    return {
        "data": lines,
        "layout": {
            "xaxis": {
                "tickvals": list(range(len(columns))),
                "ticktext": [escaped(_label(name)) for name in columns],
                "range": [-0.4, len(columns) - 0.6],
                "tickangle": -38,
                "showgrid": True,
                "zeroline": False,
                "automargin": True,
                "title": {"text": ""},
            },
            "yaxis": {"visible": False, "range": [-0.08, 1.12], "tickvals": [], "title": {"text": ""}},
            "annotations": [
                *(note for place, name in enumerate(names) for note in _ticks(place, places[name])),
                *(note for place, name in enumerate(_ENDS, len(names)) for note in _ends(place, name, shown)),
            ],
            "hovermode": "closest",
            "showlegend": False,
            "minwidth": _COLUMN_PX * len(columns),
        },
    }


def _label(name: str) -> str:
    return {"latency_ms": "latency, ms", "accuracy": "accuracy, %"}.get(name, TITLES.get(name, name))


def _places(used: Sequence[Option | None]) -> dict[Option, float]:
    """Return where each option in use stands, 0 to 1: numbers by size, names as they come."""
    found = list(dict.fromkeys(option for option in used if option is not None))
    if all(isinstance(option, int | float) for option in found):
        found.sort(key=float)
    steps = max(len(found) - 1, 1)
    return {option: place / steps for place, option in enumerate(found)}


def _line(
    network: VerifiedNetwork,
    options: Mapping[str, Option],
    places: Mapping[str, Mapping[Option, float]],
    shown: Sequence[VerifiedNetwork],
    pick: str | None,
) -> Trace:
    heights: list[float | None] = [
        placed[options[name]] if name in options else None for name, placed in places.items()
    ]
    heights += [_share(network, name, shown) for name in _ENDS]
    picked = network.name == pick
    text = f"<b>{escaped(network.name)}</b><br>{latency_text(network.latency)}, "
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": network.name,
        "x": list(range(len(heights))),
        "y": heights,
        "line": {"color": BLUE, "width": 3.5 if picked else 1.5},
        "marker": {"color": BLUE, "size": 6},
        "opacity": 1.0 if picked else 0.4,
        "customdata": [network.name] * len(heights),
        "hovertext": [text + accuracy_text(network.accuracy)] * len(heights),
        "hoverinfo": "text",
    }


def _share(network: VerifiedNetwork, name: str, shown: Sequence[VerifiedNetwork]) -> float:
    values = [quantity_for(name, shown).value(one) for one in shown]
    low, high = min(values), max(values)
    return (quantity_for(name, shown).value(network) - low) / ((high - low) or 1.0)


def _ticks(place: int, placed: Mapping[Option, float]) -> list[dict[str, Any]]:
    return [_note(place, height, str(option)) for option, height in placed.items()]


def _ends(place: int, name: str, shown: Sequence[VerifiedNetwork]) -> list[dict[str, Any]]:
    values = [quantity_for(name, shown).value(one) for one in shown]
    return [_note(place, 0.0, plain(min(values))), _note(place, 1.0, plain(max(values)))]


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
