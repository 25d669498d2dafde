"""What weight sharing costs: points of the front against the same networks trained alone."""

from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, spread
from benchmarks.sections.alone import Job, Weights, train_all
from benchmarks.sections.scored import score_all
from benchmarks.sections.shapes_task import open_task, search_once, shapes_spec
from search_spaces.base import Architecture, architecture_from_values

NUM_SEEDS: Final = 3
FINETUNE_SHARE: Final = 0.1
"""Of the epochs of a stand-alone training."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Train three points of each seed's front alone, and fine-tune them; figures are gaps in points."""
    shared: list[tuple[Weights, Architecture]] = []
    jobs: list[Job] = []
    seeds = range(1 if quick else NUM_SEEDS)
    supernets = train_all([Job("supernet", home, shapes_spec(seed, quick=quick)) for seed in seeds])
    for supernet in supernets:
        spec = supernet.job.spec
        for architecture in _three_points(supernet):
            shared.append((supernet, architecture))
            jobs.append(Job("fixed", home, spec, architecture=architecture))
            jobs.append(Job("finetune", home, spec, architecture=architecture, share=FINETUNE_SHARE))
    trained = train_all(jobs)
    inherited = [100 * one.test_accuracy for one in score_all(shared)]
    alone = [100 * one.test_accuracy for one in score_all([(one, ()) for one in trained[::2]])]
    tuned = [100 * one.test_accuracy for one in score_all([(one, ()) for one in trained[1::2]])]
    gaps = [own - part for own, part in zip(alone, inherited, strict=True)]
    left = [own - part for own, part in zip(alone, tuned, strict=True)]
    return [
        Figure(
            "gap to the same networks trained alone", sum(gaps) / len(gaps), "points", "<=", 2.5, spread(gaps)
        ),
        Figure("gap after fine-tuning", sum(left) / len(left), "points", "<=", 1.0, spread(left)),
    ]


def _three_points(supernet: Weights) -> list[Architecture]:
    """Return the fastest, the middle and the most accurate point of a supernet's front."""
    ctx = open_task(supernet.job.home, supernet.job.spec)
    front = search_once(ctx).targets[0].front
    chosen = (front[0], front[len(front) // 2], front[-1])
    return [architecture_from_values(ctx.space, network.architecture) for network in chosen]
