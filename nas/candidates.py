"""Architectures with everything that was predicted of them: what a search evaluates and chooses from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from nas.objectives import Objective, get_objective, minimised, violations
from nas.pareto import BoolArray, dominated_by, non_dominated
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError


@runtime_checkable
class Interval(Protocol):
    """A prediction and its interval, each of shape (n,), in the unit of what is predicted."""

    @property
    def point(self) -> FloatArray:
        """The predicted values."""

    @property
    def lower(self) -> FloatArray:
        """Lower ends of the intervals."""

    @property
    def upper(self) -> FloatArray:
        """Upper ends of the intervals."""


Predictor = Callable[[IntArray], FloatArray | Interval]
"""Gives the values of architectures, shape (n, num_choices) to (n,): exact, or with an interval."""


@dataclass(frozen=True)
class Candidates:
    """Architectures and their predicted values. Columns follow `names`, each in its own unit.

    Attributes:
        names: Objectives first, in the order of the call, then what is only limited.
        num_objectives: How many of the names are objectives.
        archs: Canonical architectures, shape (n, num_choices).
        point: Predicted values, shape (n, len(names)).
        lower: Lower ends of their intervals, of the same shape.
        upper: Upper ends of their intervals, of the same shape.
        violations: Total normalised violation of the limits in the worst case of the intervals, shape (n,).
            An architecture is feasible where this is 0.
        best_case_violations: The same in the best case: above 0 the architecture surely breaks a limit.
    """

    names: tuple[str, ...]
    num_objectives: int
    archs: IntArray
    point: FloatArray
    lower: FloatArray
    upper: FloatArray
    violations: FloatArray
    best_case_violations: FloatArray

    def __len__(self) -> int:
        """Return the number of architectures."""
        return len(self.archs)

    def column(self, name: str) -> FloatArray:
        """Return the predicted values of one name, shape (n,)."""
        return self.point[:, self.names.index(name)]

    def worst_case(self, name: str) -> FloatArray:
        """Return the end of the interval that a limit is held against: the lower one of what is maximised."""
        ends = self.lower if get_objective(name).maximise else self.upper
        return ends[:, self.names.index(name)]

    def take(self, rows: IntArray | BoolArray) -> "Candidates":
        """Return some of the architectures, by position or mask."""
        return Candidates(
            self.names,
            self.num_objectives,
            self.archs[rows],
            self.point[rows],
            self.lower[rows],
            self.upper[rows],
            self.violations[rows],
            self.best_case_violations[rows],
        )

    def minimised(self) -> FloatArray:
        """Return the predicted objectives turned so that all are minimised, shape (n, num_objectives)."""
        return minimised(self.point[:, : self.num_objectives], self._objectives())

    def corners(self) -> tuple[FloatArray, FloatArray]:
        """Return the best and the worst case of the objectives, minimised, both (n, num_objectives)."""
        ends = [
            minimised(end[:, : self.num_objectives], self._objectives()) for end in (self.lower, self.upper)
        ]
        return np.minimum(*ends), np.maximum(*ends)

    def _objectives(self) -> list[Objective]:
        return [get_objective(name) for name in self.names[: self.num_objectives]]


def joined(batches: Sequence[Candidates]) -> Candidates:
    """Return several batches of one search as one; an architecture that comes again is dropped."""
    everyone = Candidates(
        batches[0].names,
        batches[0].num_objectives,
        np.concatenate([batch.archs for batch in batches]),
        np.concatenate([batch.point for batch in batches]),
        np.concatenate([batch.lower for batch in batches]),
        np.concatenate([batch.upper for batch in batches]),
        np.concatenate([batch.violations for batch in batches]),
        np.concatenate([batch.best_case_violations for batch in batches]),
    )
    _, first = np.unique(everyone.archs, axis=0, return_index=True)
    return everyone.take(np.sort(first))


def front_of(candidates: Candidates) -> Candidates:
    """Return the non-dominated architectures among those that keep the limits.

    They are ordered by the first objective that is minimised, ascending; where none is, by the last one, best
    first.
    """
    feasible = candidates.take(candidates.violations <= 0.0)
    values = feasible.minimised()
    front = non_dominated(values)
    feasible, values = feasible.take(front), values[front]
    objectives = [get_objective(name) for name in feasible.names[: feasible.num_objectives]]
    key = next((i for i, objective in enumerate(objectives) if not objective.maximise), -1)
    return feasible.take(np.lexsort([*feasible.archs.T, values[:, key]]))


def within_reach(candidates: Candidates) -> BoolArray:
    """Return which architectures may belong to the true front, given their intervals, shape (n,).

    One may where its best case keeps the limits and is not dominated by the worst case of an architecture
    that keeps them in its own worst case. These are what verification has to look at before a front is final.
    """
    best, worst = candidates.corners()
    safe = worst[candidates.violations <= 0.0]
    reached = candidates.best_case_violations <= 0.0
    reached[reached] = ~dominated_by(safe[non_dominated(safe)], best[reached])
    return reached


class Predictors:
    """Predicts everything that a search wants to know of architectures."""

    def __init__(
        self,
        objectives: Mapping[str, Predictor],
        limits: Mapping[str, float] | None = None,
        limited: Mapping[str, Predictor] | None = None,
    ) -> None:
        """Put what is predicted in order.

        Args:
            objectives: What is optimised, by the names in `objectives.OBJECTIVES`.
            limits: By name: at most this (for what is maximised: at least this).
            limited: Predictors of what is limited without being an objective.

        Raises:
            UsageError: `unknown_objective`, `missing_predictor` or `invalid_limit`.
        """
        others = {name: predictor for name, predictor in (limited or {}).items() if name not in objectives}
        self._predictors = {**objectives, **others}
        self._num_objectives = len(objectives)
        self._limits = dict(limits or {})
        self.names = tuple(self._predictors)
        for name in (*self.names, *self._limits):
            get_objective(name)
        for name, limit in self._limits.items():
            if name not in self._predictors:
                raise UsageError(
                    "missing_predictor", f"'{name}' is limited, but no predictor of it was given"
                )
            if not np.isfinite(limit):
                raise UsageError("invalid_limit", f"the limit of '{name}' is {limit}; give a finite number")

    def __call__(self, archs: IntArray) -> Candidates:
        """Return what is predicted of canonical architectures, shape (n, num_choices)."""
        point, lower, upper = np.empty((3, len(archs), len(self.names)))
        for column, predict in enumerate(self._predictors.values()):
            point[:, column], lower[:, column], upper[:, column] = _ends(predict(archs))
        worst, best = self._excess(lower, upper), self._excess(upper, lower)
        return Candidates(self.names, self._num_objectives, archs, point, lower, upper, worst, best)

    def _excess(self, of_maximised: FloatArray, of_minimised: FloatArray) -> FloatArray:
        held = [get_objective(name) for name in self._limits]
        columns = [self.names.index(name) for name in self._limits]
        maximised = np.array([objective.maximise for objective in held], dtype=np.bool_)
        bounds = np.where(maximised, of_maximised[:, columns], of_minimised[:, columns])
        return violations(bounds, list(self._limits.values()), held)


def _ends(values: FloatArray | Interval) -> tuple[FloatArray, FloatArray, FloatArray]:
    if isinstance(values, Interval):
        return values.point, values.lower, values.upper
    return values, values, values
