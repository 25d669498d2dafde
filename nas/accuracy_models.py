"""The models that compete to predict accuracy: added effects, interactions, similarity to known networks."""

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.choice_features import Term, global_choices, pair_term, single_terms
from nas.leave_one_out import fit_ridge
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.sampling import option_counts

GLOBAL_SHARE: Final = 0.7
"""Share of the global choices (resolution, depths, widths) in the prior variance of all single effects; the
many choices of single blocks have the rest. On two trained supernets, with 60 to 200 scored subnets, held-out
errors were 1 to 7 % smaller than with equal treatment of all choices."""

PAIR_VARIANCE: Final = 0.3
"""Prior variance of all interactions together, in units of that of all single effects."""

SIMILARITY_VARIANCE: Final = 0.5
"""Prior variance of what is particular to a network and those like it, in the same units."""

CHUNK: Final = 8192
"""Architectures evaluated at once: what they need stays in the processor's cache."""


@dataclass(frozen=True)
class ModelKind:
    """One competitor.

    Attributes:
        name: As reported.
        pairs: Whether the global choices interact.
        length: Squared distance at which similarity has fallen to 1/e, in units of the mean squared length of
            the features; None for no similarity.
    """

    name: str
    pairs: bool = False
    length: float | None = None


MODEL_KINDS: Final = (
    ModelKind("additive"),
    ModelKind("pairs", pairs=True),
    ModelKind("similarity_far", length=5.0),
    ModelKind("similarity_middle", length=1.5),
    ModelKind("similarity_near", length=0.5),
)
"""From the plainest to the most flexible. Each contains the additive effects."""


@dataclass(frozen=True)
class AccuracyModel:
    """A fitted model as plain tables. Options are counted through: the first choice's, the second's, ...

    Attributes:
        num_options: Of each choice, shape (num_choices,).
        intercept: The constant.
        effects: What each option adds, shape (num_options in all,).
        pairs: Positions of interacting choices, shape (num_pairs, 2).
        interactions: What each combination of a pair's options adds, all pairs one after the other, flat.
        closeness: Exponent that each option contributes to the similarity to each known network, shape
            (num_options in all, num_known); without columns where the model uses no similarity.
        pull: What a known network adds to one that is equal to it, shape (num_known,).
    """

    num_options: IntArray
    intercept: float
    effects: FloatArray
    pairs: IntArray
    interactions: FloatArray
    closeness: FloatArray
    pull: FloatArray

    def __call__(self, archs: IntArray) -> FloatArray:
        """Return the values of architectures, shape (n, num_choices) to (n,)."""
        values = np.empty(len(archs))
        for start in range(0, len(archs), CHUNK):
            values[start : start + CHUNK] = self._values(archs[start : start + CHUNK])
        return values

    def _values(self, archs: IntArray) -> FloatArray:
        places = archs + _offsets(self.num_options)
        values: FloatArray = self.intercept + self.effects[places].sum(axis=1)
        start = 0
        for first, second in self.pairs:
            width = self.num_options[second]
            values += self.interactions[start + archs[:, first] * width + archs[:, second]]
            start += self.num_options[first] * width
        if len(self.pull):
            chosen = np.zeros((len(archs), len(self.effects)), dtype=np.float32)
            np.put_along_axis(chosen, places, 1.0, axis=1)
            values += np.exp(chosen @ self.closeness.astype(np.float32)) @ self.pull.astype(np.float32)
        return values


class ModelFitter:
    """Fits models of every kind to architectures of one space; what they share is computed once."""

    def __init__(self, space: SearchSpace, archs: IntArray) -> None:
        """Lay out the features.

        Args:
            space: Of the architectures.
            archs: Those with known accuracy, shape (m, num_choices).
        """
        self._archs = archs
        self._num_options = option_counts(space)
        shaping = global_choices(space)
        of_all = [term for term in single_terms(space) if term.columns[0] in shaping]
        of_blocks = [term for term in single_terms(space) if term.columns[0] not in shaping]
        self._single = _scaled(of_all, archs, GLOBAL_SHARE) + _scaled(of_blocks, archs, 1.0 - GLOBAL_SHARE)
        interacting = [pair_term(space, *pair) for pair in itertools.combinations(shaping, 2)]
        self._pairs = _scaled(interacting, archs, PAIR_VARIANCE)
        self._linear = _gram(self._single, archs)

    def fit(
        self, kind: ModelKind, values: FloatArray, weights: FloatArray
    ) -> tuple[AccuracyModel, FloatArray]:
        """Return a fitted model and its leave-one-out residuals, shape (m,).

        Args:
            kind: Which model.
            values: To predict, shape (m,).
            weights: Inverse variances, up to a factor; shape (m,).
        """
        kernel = self._linear
        pairs = self._pairs if kind.pairs else []
        if kind.pairs:
            kernel = kernel + _gram(pairs, self._archs)
        closeness = np.zeros((int(self._num_options.sum()), 0))
        if kind.length is not None:
            closeness = self._closeness() / kind.length
            places = self._archs + _offsets(self._num_options)
            # Row j of the exponents belongs to architecture j, its columns to the known networks.
            kernel = kernel + SIMILARITY_VARIANCE * np.exp(closeness[places].sum(axis=1))
        ridge = fit_ridge(kernel, values, weights)
        model = AccuracyModel(
            self._num_options.copy(),
            ridge.intercept,
            self._effects(ridge.dual),
            np.array([term.columns for term in pairs], dtype=np.int64).reshape(-1, 2),
            np.concatenate(
                [np.empty(0), *(_effect(term, self._archs, ridge.dual).ravel() for term in pairs)]
            ),
            closeness,
            SIMILARITY_VARIANCE * ridge.dual if kind.length is not None else np.empty(0),
        )
        return model, ridge.residuals

    def _effects(self, dual: FloatArray) -> FloatArray:
        effects = np.zeros(int(self._num_options.sum()))
        for term in self._single:
            start = _offsets(self._num_options)[term.columns[0]]
            effect = _effect(term, self._archs, dual)
            effects[start : start + len(effect)] = effect
        return effects

    def _closeness(self) -> FloatArray:
        """Return minus the squared distance of each option to that of each known network."""
        closeness = np.zeros((int(self._num_options.sum()), len(self._archs)))
        for term in self._single:
            column = term.columns[0]
            start = _offsets(self._num_options)[column]
            gaps = term.features[:, None, :] - term.of(self._archs)[None, :, :]
            closeness[start : start + len(term.features)] = -np.sum(gaps**2, axis=-1)
        return closeness


def _offsets(num_options: IntArray) -> IntArray:
    return np.cumsum(num_options) - num_options


def _scaled(terms: list[Term], archs: IntArray, size: float) -> list[Term]:
    """Give the features of all terms together a mean squared length of `size`."""
    total = sum(float(np.mean(np.sum(term.of(archs) ** 2, axis=1))) for term in terms)
    factor = np.sqrt(size / total) if total > 0.0 else 1.0
    return [Term(term.columns, term.features * factor) for term in terms]


def _gram(terms: list[Term], archs: IntArray) -> FloatArray:
    kernel = np.zeros((len(archs), len(archs)))
    for term in terms:
        features = term.of(archs)
        kernel += features @ features.T
    return kernel


def _effect(term: Term, archs: IntArray, dual: FloatArray) -> FloatArray:
    effect: FloatArray = term.features @ (term.of(archs).T @ dual)
    return effect
