"""A confusion matrix of many classes as a heat map: classes downwards, what they are taken for across."""

import html
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from markupsafe import Markup

from nas.confusion import Confusion

MOST_CELLS: Final = 5_000
"""That are drawn, those with the most images: with more a page is slow, not clearer."""

MOST_NAMED: Final = 40
"""Classes whose names fit beside the map."""

_SIDE: Final = 640.0
_MARGIN: Final = 110.0
_FAINTEST: Final = 0.25
"""A single image of many must still be seen."""


def confusion_svg(found: Confusion, names: Sequence[str]) -> Markup:
    """Return a heat map; each cell says what it is where a pointer rests on it.

    Args:
        found: The matrix.
        names: Of the classes.
    """
    margin = _MARGIN if len(names) <= MOST_NAMED else 24.0
    step, whole = _SIDE / len(names), _SIDE + margin
    label = f"Confusion matrix of {len(names)} classes; the tables below name the worst of it."
    parts = [*_axes(names, margin, step), *_cells(found, names, margin, step)]
    # Every name is escaped where it is put in.
    return Markup(
        f'<svg class="confusion" role="img" aria-label="{label}" viewBox="0 0 {whole:g} {whole:g}">'
        f"{''.join(parts)}</svg>"
    )


def _axes(names: Sequence[str], margin: float, step: float) -> Iterator[str]:
    yield f'<rect class="field" x="{margin:g}" y="{margin:g}" width="{_SIDE:g}" height="{_SIDE:g}"/>'
    middle = margin + _SIDE / 2
    yield f'<text x="{middle:g}" y="12" text-anchor="middle">taken for</text>'
    turn = f"rotate(-90 12 {middle:g})"
    yield f'<text transform="{turn}" x="12" y="{middle:g}" text-anchor="middle">class</text>'
    for number, name in enumerate(names if len(names) <= MOST_NAMED else ()):
        at, text = margin + (number + 0.5) * step, html.escape(name[:14])
        yield f'<text x="{margin - 5:g}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
        turn = f"rotate(-90 {at + 4:.1f} {margin - 5:g})"
        yield f'<text transform="{turn}" x="{at + 4:.1f}" y="{margin - 5:g}">{text}</text>'


def _cells(found: Confusion, names: Sequence[str], margin: float, step: float) -> Iterator[str]:
    totals = found.num_images
    for cell in np.argsort(-found.counts, kind="stable")[:MOST_CELLS]:
        label, taken_for = int(found.labels[cell]), int(found.predicted[cell])
        share = found.counts[cell] / totals[label]
        tone = "right" if label == taken_for else "wrong"
        told = f"{names[label]} taken for {names[taken_for]}: {found.counts[cell]} of {totals[label]}"
        yield (
            f'<rect class="{tone}" x="{margin + taken_for * step:.2f}" y="{margin + label * step:.2f}" '
            f'width="{step:.2f}" height="{step:.2f}" fill-opacity="{max(share, _FAINTEST):.2f}">'
            f"<title>{html.escape(told)}</title></rect>"
        )
