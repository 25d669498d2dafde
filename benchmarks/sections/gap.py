"""What weight sharing costs: points of the front against the same networks trained alone.

Of a supernet that was trained long enough to be reused: about ten CPU-minutes, where a network alone takes
one or two. With a training of minutes the small networks are further behind.
"""

from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, spread
from benchmarks.sections.alone import Job, Weights, train_all
from benchmarks.sections.lab import search_once
from benchmarks.sections.scored import score_all
from benchmarks.sections.shapes_task import long_spec, open_task
from search_spaces.base import Architecture, architecture_from_values

NUM_SEEDS: Final = 3
SUPERNET_EPOCHS: Final = 1_000
ALONE_EPOCHS: Final = 260
"""Of a stand-alone training: twice as many bring the smallest network 2 points more, a middle one 0.4."""

FINETUNE_SHARE: Final = 0.1
"""Of the epochs of a stand-alone training."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Train three points of each seed's front alone, and fine-tune them; figures are gaps in points."""
    shared: list[tuple[Weights, Architecture]] = []
    jobs: list[Job] = []
    seeds = range(1 if quick else NUM_SEEDS)
    supernets = train_all(
        [Job("supernet", home, long_spec(seed, SUPERNET_EPOCHS, quick=quick)) for seed in seeds]
    )
    for supernet in supernets:
        spec = long_spec(supernet.job.spec.seed, ALONE_EPOCHS, quick=quick)
        for architecture in _three_points(supernet):
            shared.append((supernet, architecture))
            jobs.append(Job("fixed", home, spec, architecture=architecture))
            jobs.append(
                Job(
                    "finetune",
                    home,
                    spec,
                    architecture=architecture,
                    share=FINETUNE_SHARE,
                    start=supernet.path,
                )
            )
    trained = train_all(jobs)
    inherited = [100 * one.test_accuracy for one in score_all(shared)]
    alone = [100 * one.test_accuracy for one in score_all([(one, ()) for one in trained[::2]])]
    tuned = [100 * one.test_accuracy for one in score_all([(one, ()) for one in trained[1::2]])]
    gaps = [own - part for own, part in zip(alone, inherited, strict=True)]
    left = [own - part for own, part in zip(alone, tuned, strict=True)]
    detail = ", ".join(f"{part:.1f} → {own:.1f}" for part, own in zip(inherited, alone, strict=True))
    name = "gap to the same networks trained alone"
    return [
        Figure(name, sum(gaps) / len(gaps), "points", "<=", 2.5, f"{spread(gaps)}; {detail}"),
        Figure("gap after fine-tuning", sum(left) / len(left), "points", "<=", 1.0, spread(left)),
    ]


def _three_points(supernet: Weights) -> list[Architecture]:
    """Return the fastest, the middle and the most accurate point of a supernet's front."""
    ctx = open_task(supernet.job.home, supernet.job.spec)
    front = search_once(ctx).targets[0].front
    chosen = (front[0], front[len(front) // 2], front[-1])
    return [architecture_from_values(ctx.space, network.architecture) for network in chosen]
