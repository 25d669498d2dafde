"""A device without a table: 20 whole networks, on 12 published GPU contexts, replayed.

For each context and seed a fifth of the published networks is set aside. From the others 20 are chosen by
`network_design` and "measured" by a replay; what the model fitted on them predicts for those set aside stands
beside the same fit on all of the others (about 4,000), and a plain non-negative fit of least squares on 20
drawn at random.

What was looked at: features and the split into designed and drawn networks were fixed before this was first
run. That first run, with two seeds, missed the last two targets with a ridge, least squares and a design
without potential terms. What replaced them was chosen and tuned on invented devices; the exponent of the
model is chosen on the 20 networks alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.published import Published, published
from latency_predictors.error_report import form_errors
from latency_predictors.few_shot import FewShotModel, FewShotPoint
from latency_predictors.few_shot_fitting import fit_few_shot, non_negative_weights
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.network_design import design_networks
from latency_predictors.network_features import network_features
from latency_predictors.replay import replay
from latency_predictors.spread import combine_sessions
from search_spaces.base import FloatArray, IntArray

NUM_NETWORKS: Final = 20
NUM_SEEDS: Final = 10


@dataclass(frozen=True)
class _Errors:
    """Spearman and MAPE (in %) of three fits on networks they have not seen; coverage of intervals in %."""

    few: tuple[float, float]
    full: tuple[float, float]
    plain: tuple[float, float]
    coverage: float


def run(home: Path, quick: bool) -> list[Figure]:
    """Fit on 20 networks, on all, and plainly; one line a context, then the targets."""
    found = published()
    features = network_features(found.space)(found.archs)
    seeds = range(2 if quick else NUM_SEEDS)
    contexts = {
        context: [_errors(found, features, context, seed) for seed in seeds] for context in found.traces
    }
    return [*_targets(contexts), *(_line(context, errors) for context, errors in contexts.items())]


def _errors(found: Published, features: FloatArray, context: str, seed: int) -> _Errors:
    rng = np.random.default_rng(seed)
    unseen, pool = np.split(rng.permutation(len(features)), [len(features) // 5])
    design = design_networks(features[pool], NUM_NETWORKS, rng)
    chosen, at_random = pool[design.chosen], rng.choice(pool, NUM_NETWORKS, replace=False)
    latency_ms = found.latency_ms(context)
    few = _fitted(found, features, context, chosen, num_designed=len(design.designed))
    full = _fitted(found, features, context, pool, num_designed=0)
    weights = non_negative_weights(features[at_random], latency_ms[at_random])
    measured = latency_ms[unseen]
    off = np.abs(np.log(few.point(features[unseen]) / measured))
    return _Errors(
        few=_both(few.point(features[unseen]), measured),
        full=_both(full.point(features[unseen]), measured),
        plain=_both(features[unseen] @ weights, measured),
        coverage=100 * float((off <= np.log(few.factor(features[unseen]))).mean()),
    )


def _fitted(
    found: Published, features: FloatArray, context: str, chosen: IntArray, num_designed: int
) -> FewShotModel:
    """Return the model fitted on networks that were replayed, the designed ones first."""
    digests = [found.digests[i] for i in chosen]
    values = combine_sessions([replay(found.traces[context], digests, NETWORK_PROTOCOL)])
    return fit_few_shot(
        [
            FewShotPoint(
                digest=digest,
                features=tuple(features[i].tolist()),
                measured_ms=values[digest].median_ms,
                rel_sd=values[digest].rel_sd,
                drawn=number >= num_designed,
            )
            for number, (i, digest) in enumerate(zip(chosen, digests, strict=True))
        ]
    )


def _both(predicted: FloatArray, measured: FloatArray) -> tuple[float, float]:
    errors = form_errors(predicted, measured)
    return errors.spearman, 100 * errors.mape


def _means(errors: list[_Errors], which: str) -> tuple[float, float]:
    """Return mean Spearman and MAPE of one fit over the seeds."""
    spearman, mape = np.mean([getattr(one, which) for one in errors], axis=0)
    return float(spearman), float(mape)


def _targets(contexts: dict[str, list[_Errors]]) -> list[Figure]:
    few, full, plain = (
        np.array([_means(errors, which) for errors in contexts.values()])
        for which in ("few", "full", "plain")
    )
    coverages = [float(np.mean([one.coverage for one in errors])) for errors in contexts.values()]
    return [
        *_beside_all(few.mean(axis=0), full.mean(axis=0), plain.mean(axis=0)),
        *_beside_plain(list(contexts), few - plain),
        Figure("mean coverage of 90 % intervals", float(np.mean(coverages)), "%", detail=spread(coverages)),
    ]


def _beside_all(few: FloatArray, full: FloatArray, plain: FloatArray) -> list[Figure]:
    """Hold mean Spearman and MAPE, (2,) each, against those of a fit on all networks."""
    ranks = f"{few[0]:.4f} over {full[0]:.4f}; plain {plain[0]:.4f}"
    mapes = f"{few[1]:.2f} % over {full[1]:.2f} %; plain {plain[1]:.2f} %"
    rank, mape = (float(ratio) for ratio in few / full)
    return [
        Figure("Spearman with 20 networks over that with all", rank, "", ">=", 0.98, ranks),
        Figure("MAPE with 20 networks over that with all", mape, "", "<=", 1.15, mapes),
    ]


def _beside_plain(names: list[str], behind: FloatArray) -> list[Figure]:
    """Hold the worst context against a plain fit; the differences are (contexts, 2)."""
    rank, mape = int(behind[:, 0].argmin()), int(behind[:, 1].argmax())
    worst_rank, worst_mape = float(behind[rank, 0]), float(behind[mape, 1])
    return [
        Figure("worst context: Spearman minus a plain fit's", worst_rank, "", ">=", -0.005, names[rank]),
        Figure("worst context: MAPE minus a plain fit's", worst_mape, "%", "<=", 0.2, names[mape]),
    ]


def _line(context: str, errors: list[_Errors]) -> Figure:
    shown = {which: _means(errors, which) for which in ("few", "full", "plain")}
    mapes = ", ".join(f"{mape:.2f} % {which}" for which, (_, mape) in shown.items())
    beside = f"{shown['full'][0]:.4f} full, {shown['plain'][0]:.4f} plain"
    coverage = np.mean([one.coverage for one in errors])
    detail = f"{beside}; MAPE {mapes}; coverage {coverage:.0f} %; {len(errors)} seeds"
    return Figure(f"Spearman on {context}", shown["few"][0], detail=detail)
