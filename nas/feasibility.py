"""Whether limits can be met at all, answered before anything is trained."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.candidates import Candidates, Predictor, Predictors, joined
from nas.objectives import get_objective
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.sampling import canonical, largest, option_counts, random_architectures, smallest

NUM_SAMPLES: Final = 200_000
CHUNK: Final = 50_000
NUM_STARTS: Final = 5
"""Best samples from which the descent starts, for each limit and for all together."""

Score = Callable[[Candidates], FloatArray]
"""What a descent minimises, shape (n,)."""


@dataclass(frozen=True)
class Feasibility:
    """What is known of limits before training.

    Attributes:
        limits: As asked, by name.
        reachable: The best worst case found for each limited name on its own.
        closest: One architecture: feasible, or the one of least total violation that was found.
        share: Of random architectures that keep all limits, 0..1.
    """

    limits: Mapping[str, float]
    reachable: Mapping[str, float]
    closest: Candidates
    share: float

    @property
    def feasible(self) -> bool:
        """Whether an architecture that keeps all limits was found."""
        return bool(self.closest.violations[0] <= 0.0)

    @property
    def binding(self) -> tuple[str, ...]:
        """The limits that cannot be met on their own; if there are none, those that `closest` breaks."""
        alone = tuple(
            name for name, limit in self.limits.items() if _breaks(name, self.reachable[name], limit)
        )
        if alone:
            return alone
        found = {name: float(self.closest.worst_case(name)[0]) for name in self.limits}
        return tuple(name for name, limit in self.limits.items() if _breaks(name, found[name], limit))

    @property
    def alone(self) -> bool:
        """Whether some limit cannot be met even on its own."""
        return any(_breaks(name, self.reachable[name], limit) for name, limit in self.limits.items())


def check_feasible(
    space: SearchSpace,
    limits: Mapping[str, float],
    predictors: Mapping[str, Predictor],
    rng: np.random.Generator,
    num_samples: int = NUM_SAMPLES,
) -> Feasibility:
    """Look for architectures that keep limits, each on its own and all together.

    The space's smallest and largest architectures and many random ones are predicted; from the best of them a
    local descent changes one choice at a time until nothing improves. Of costs that are summed over slots
    this finds the minimum, or very nearly; an answer "no" is not a proof, least of all for a largest value
    that several slots share.

    Args:
        space: What is searched.
        limits: By name: at most this, at least this for accuracy; held against the worst case of the
            interval.
        predictors: By name, for every limit.
        rng: Source of the random architectures.
        num_samples: Number of random architectures.

    Raises:
        UsageError: `unknown_objective`, `missing_predictor` or `invalid_limit`.
    """
    extremes = np.concatenate([smallest(space), largest(space)])
    predict = Predictors({name: predictors[name] for name in limits if name in predictors}, limits)
    scores: dict[str, Score] = {name: _worst_case_score(name) for name in limits}
    best: dict[str, list[Candidates]] = {name: [predict(extremes)] for name in limits}
    together: list[Candidates] = [predict(extremes)]
    num_feasible = 0
    for archs in _samples(space, rng, num_samples):
        seen = predict(archs)
        num_feasible += int(np.sum(seen.violations <= 0.0))
        together.append(_lowest(seen, seen.violations))
        for name, score in scores.items():
            best[name].append(_lowest(seen, score(seen)))
    minima = [_descend(space, predict, score, joined(best[name])) for name, score in scores.items()]
    closest = _descend(space, predict, lambda found: found.violations, joined([*together, *minima]))
    reachable = {name: float(found.worst_case(name)[0]) for name, found in zip(scores, minima, strict=True)}
    return Feasibility(dict(limits), reachable, closest, num_feasible / max(num_samples, 1))


def infeasible_message(feasibility: Feasibility) -> str:
    """Return one line that names the binding limit and the nearest reachable value."""
    if feasibility.alone:
        name = feasibility.binding[0]
        nearest = _rounded(name, feasibility.reachable[name])
        verb, relation = ("lower", ">=") if get_objective(name).maximise else ("raise", "<=")
        return (
            f"no architecture keeps {name} {relation} {feasibility.limits[name]:g}: "
            f"the nearest reachable value is {nearest}; {verb} the limit to that or beyond"
        )
    parts = [
        f"{name} {_rounded(name, float(feasibility.closest.worst_case(name)[0]))} (limit {limit:g})"
        for name, limit in feasibility.limits.items()
    ]
    return (
        "each limit can be met alone, but no architecture was found that keeps all of them: "
        f"the closest has {', '.join(parts)}; relax {' or '.join(feasibility.binding)}"
    )


def _samples(space: SearchSpace, rng: np.random.Generator, num_samples: int) -> Iterator[IntArray]:
    for start in range(0, num_samples, CHUNK):
        yield random_architectures(space, min(CHUNK, num_samples - start), rng)


def _worst_case_score(name: str) -> Score:
    sign = -1.0 if get_objective(name).maximise else 1.0
    return lambda found: sign * found.worst_case(name)


def _breaks(name: str, value: float, limit: float) -> bool:
    return value < limit if get_objective(name).maximise else value > limit


def _lowest(found: Candidates, scores: FloatArray) -> Candidates:
    return found.take(np.argsort(scores, kind="stable")[:NUM_STARTS])


def _descend(space: SearchSpace, predict: Predictors, score: Score, starts: Candidates) -> Candidates:
    """Return the best single architecture reached from the best of the starts."""
    ends = []
    for row in np.argsort(score(starts), kind="stable")[:NUM_STARTS]:
        here = starts.take(np.array([row]))
        while True:
            around = predict(_neighbours(space, here.archs[0]))
            best = int(np.argmin(score(around)))
            if score(around)[best] >= score(here)[0]:
                break
            here = around.take(np.array([best]))
        ends.append(here)
    found = joined(ends)
    return found.take(np.argsort(score(found), kind="stable")[:1])


def _neighbours(space: SearchSpace, arch: IntArray) -> IntArray:
    """Return the architecture and all that differ in one choice, canonical, shape (n, num_choices)."""
    rows = [arch]
    for choice, size in enumerate(option_counts(space)):
        for option in range(size):
            changed = arch.copy()
            changed[choice] = option
            rows.append(changed)
    return np.unique(canonical(space, np.array(rows)), axis=0)


def _rounded(name: str, value: float) -> str:
    """Round to four digits towards what is surely reachable: a limit set to the result can be met."""
    if value == 0.0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    rounding = math.floor if get_objective(name).maximise else math.ceil
    return f"{rounding(value / step) * step:.10g}"
