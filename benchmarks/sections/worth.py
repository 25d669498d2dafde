"""Is searching worth it? Hypervolume of the front against what a user would do without a search.

Rivals, each with the CPU-seconds of training that supernet and front had together: one family scaled
uniformly in width, depth and resolution, and four stock networks, both trained alone. A third rival tells
what searching adds to sharing: 60 random subnets of the same supernet, verified alike, against the front as
it was before it was trained on. All are exported, scored on the same test images and measured in the same
sessions.
"""

import statistics
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import t

from benchmarks.figures import Figure, spread
from benchmarks.sections.alone import STOCK, Job, Weights, scaled_family, train_all
from benchmarks.sections.lab import profiled, search_once, stored_search
from benchmarks.sections.scored import Scored, latencies_ms, score_all, scored_files
from benchmarks.sections.shapes_task import open_task, shapes_spec
from nas.pareto import hypervolume, non_dominated
from nas.pipeline import verify
from nas.pipeline.context import PhaseContext
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.results import SearchResult
from search_spaces.base import Architecture, FloatArray
from search_spaces.sampling import as_architecture, random_architectures

NUM_SEEDS: Final = 5
NUM_RANDOM: Final = 60

DIFFICULTY: Final = 0.33
"""Stand-alone networks are to span five points, and the best to be at 85 to 97 %.

At 0.32 it is at 97.2 %, at 0.33 at 96.9 %, at 0.35 at 95.2 %.
"""

Points = FloatArray
"""Rows of (latency in ms, error on test images), both minimised."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Compare over seeds; figures are differences of hypervolume with their lower 95 % bounds."""
    seeds = range(2 if quick else NUM_SEEDS)
    specs = [shapes_spec(seed, quick=quick, difficulty=DIFFICULTY) for seed in seeds]
    ctx = open_task(home, specs[0])
    profiled(ctx, ctx.spec.targets[0].context)
    supernets = train_all([Job("supernet", home, spec) for spec in specs])
    results = {
        supernet.job.spec.seed: search_once(open_task(home, supernet.job.spec)) for supernet in supernets
    }
    seconds = {
        supernet.job.spec.seed: _seconds_of_ours(ctx, supernet, results[supernet.job.spec.seed])
        for supernet in supernets
    }
    rivals = train_all(
        [job for one in supernets for job in _rival_jobs(ctx, one, seconds[one.job.spec.seed])]
    )
    volumes: dict[str, list[float]] = {}
    alone: list[float] = []
    spent: list[float] = []
    for supernet in supernets:
        own = [one for one in rivals if one.job.spec == supernet.job.spec]
        result = results[supernet.job.spec.seed]
        sets = _point_sets(supernet, result, own, NUM_RANDOM if not quick else 10)
        ours = seconds[supernet.job.spec.seed]
        spent += [_seconds(own, kind) / ours for kind in ("stock", "fixed")]
        alone += [1 - error for name in ("stock", "family") for error in sets[name][:, 1].tolist()]
        for name, volume in _volumes(sets).items():
            volumes.setdefault(name, []).append(volume)
    return [*_comparisons(volumes), _budgets(spent), *_difficulty(alone)]


def _seconds_of_ours(ctx: PhaseContext, supernet: Weights, result: SearchResult) -> float:
    """Return the CPU-seconds that supernet and front were trained for, together."""
    return supernet.cpu_seconds + stored_search(ctx, result).load(FINETUNE, FinetuneDocument).cpu_seconds


def _seconds(rivals: list[Weights], kind: str) -> float:
    return sum(one.cpu_seconds for one in rivals if one.job.kind == kind)


def _budgets(spent: list[float]) -> Figure:
    """Return whether rivals had their time: they train whole epochs, as many as a stopwatch says."""
    return Figure(
        "CPU-seconds of the rivals over the search's, least", min(spent), "×", ">=", 0.95, spread(spent)
    )


def _rival_jobs(ctx: PhaseContext, supernet: Weights, seconds: float) -> list[Job]:
    """Return what is trained alone, a whole group in so many CPU-seconds."""
    home, spec = supernet.job.home, supernet.job.spec
    family = scaled_family(ctx.space)
    return [
        *(Job("stock", home, spec, name=name, cpu_seconds=seconds / len(STOCK)) for name in STOCK),
        *(Job("fixed", home, spec, architecture=one, cpu_seconds=seconds / len(family)) for one in family),
    ]


def _point_sets(
    supernet: Weights, result: SearchResult, rivals: list[Weights], num_random: int
) -> dict[str, Points]:
    """Return what the search and each rival have to show for one seed."""
    ctx = open_task(supernet.job.home, supernet.job.spec)
    drawn = random_architectures(ctx.space, num_random, np.random.default_rng(supernet.job.spec.seed))
    groups: dict[str, list[tuple[Weights, Architecture]]] = {
        "random": [(supernet, as_architecture(row)) for row in drawn],
        "stock": [(one, ()) for one in rivals if one.job.kind == "stock"],
        "family": [(one, ()) for one in rivals if one.job.kind == "fixed"],
    }
    inherited = stored_search(ctx, result).load(verify.NAME, verify.VerifyDocument).targets[0].front
    scored = {
        "search": scored_files(supernet, result.targets[0].front),
        "inherited": scored_files(supernet, inherited),
    }
    scored |= {name: score_all(tasks) for name, tasks in groups.items()}
    files = [one.file_sha256 for group in scored.values() for one in group]
    latency = latencies_ms(supernet, files)
    sets = {name: _points(group, latency) for name, group in scored.items()}
    confirm = ctx.dataset.folds[0].confirm
    # Random subnets are chosen from as the search chooses: by measured latency and confirmed accuracy.
    shown = np.array(
        [[latency[one.file_sha256], -one.validation[confirm].mean()] for one in scored["random"]]
    )
    sets["random"] = sets["random"][non_dominated(shown)]
    return sets


def _points(group: list[Scored], latency: dict[str, float]) -> Points:
    return np.array([[latency[one.file_sha256], 1 - one.test_accuracy] for one in group])


def _volumes(sets: dict[str, Points]) -> dict[str, float]:
    """Return hypervolumes as shares of the box up to the slowest and the worst of all sets."""
    corner = np.vstack(list(sets.values())).max(axis=0) * np.array([1.1, 1.0])
    best = np.array([0.0, 0.0])
    box = float(np.prod(corner - best))
    return {name: hypervolume(points, corner) / box for name, points in sets.items()}


def _comparisons(volumes: dict[str, list[float]]) -> list[Figure]:
    names = {
        "family": "a family scaled uniformly, trained alone",
        "stock": "four stock networks, trained alone",
        "random": f"{NUM_RANDOM} random subnets verified alike (front before it was trained on)",
    }
    figures = [
        Figure(
            "hypervolume of the front", statistics.mean(volumes["search"]), detail=spread(volumes["search"])
        )
    ]
    for name, words in names.items():
        own = volumes["inherited" if name == "random" else "search"]
        untuned = np.array(volumes["inherited"]) - np.array(volumes[name])
        gains = np.array(own) - np.array(volumes[name])
        n = len(gains)
        bound = gains.mean() - t.ppf(0.95, n - 1) * gains.std(ddof=1) / n**0.5
        figures.append(
            Figure(
                f"hypervolume above {words}: lower 95 % bound",
                float(bound),
                relation=">",
                target=0.0,
                detail=f"gain {spread(gains.tolist())}; theirs {spread(volumes[name])}; "
                f"gain of the front before it was trained on {spread(untuned.tolist())}",
            )
        )
    return figures


def _difficulty(alone: list[float]) -> list[Figure]:
    points = [100 * accuracy for accuracy in alone]
    return [
        Figure("span of stand-alone networks", max(points) - min(points), "points", ">=", 5.0),
        Figure("best stand-alone network", max(points), "%", ">=", 85.0, "the task is meant for 85 to 97 %"),
        Figure("best stand-alone network, not above", max(points), "%", "<=", 97.0, spread(points)),
    ]
