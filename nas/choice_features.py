"""Choices as numbers: what the accuracy predictor regresses on."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from search_spaces.base import Choice, FloatArray, IntArray, SearchSpace

OWN_EFFECT: Final = 0.4
"""Size of an ordered option's own effect beside the trend along the order: most of what ordered options do is
smooth, so that deviations have to earn their place."""

MAX_GLOBAL: Final = 7
"""Choices whose interactions are looked at: those that the most slots depend on."""


@dataclass(frozen=True)
class Term:
    """Features that depend on one choice, or on two together.

    Attributes:
        columns: Positions of the choices in the space.
        features: One axis of options for each choice, then the features.
    """

    columns: tuple[int, ...]
    features: FloatArray

    def of(self, archs: IntArray) -> FloatArray:
        """Return the features of architectures, shape (n, num_features)."""
        rows: FloatArray = self.features[tuple(archs[:, column] for column in self.columns)]
        return rows


def single_terms(space: SearchSpace) -> list[Term]:
    """Return one term for each choice that has more than one option."""
    return [
        Term((column,), _features(choice))
        for column, choice in enumerate(space.choices)
        if len(choice.options) > 1
    ]


def pair_term(space: SearchSpace, first: int, second: int) -> Term:
    """Return the interaction of two choices: all products of their features."""
    one, other = _features(space.choices[first]), _features(space.choices[second])
    products = np.einsum("ip,jq->ijpq", one, other)
    return Term((first, second), products.reshape(len(one), len(other), -1))


def global_choices(space: SearchSpace) -> list[int]:
    """Return the positions of the choices that shape the most slots, such as resolution, width and depth.

    Only choices of at least two slots count, at most `MAX_GLOBAL` of them, in the order of the space.
    """
    reach = [sum(choice.name in slot.depends_on for slot in space.slots) for choice in space.choices]
    found = [i for i, choice in enumerate(space.choices) if reach[i] > 1 and len(choice.options) > 1]
    widest = sorted(found, key=lambda i: (-reach[i], i))[:MAX_GLOBAL]
    return sorted(widest)


def _features(choice: Choice) -> FloatArray:
    """Return the features of each option, shape (options, num_features).

    Numbers are taken to be ordered: they get a line and a parabola over their places besides an effect of
    their own. The scales are fixed, so that they do not depend on which architectures were drawn.
    """
    own = np.eye(len(choice.options))
    if any(isinstance(option, str) for option in choice.options):
        return own
    place = np.linspace(-1.0, 1.0, len(choice.options))[:, None]
    return np.concatenate([place, place**2 - 0.5, OWN_EFFECT * own], axis=1)
