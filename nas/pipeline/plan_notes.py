"""What the user should know of a plan: whether it fits the budget, and what its images can tell."""

import math

from nas.data.facts import ImageFacts
from nas.specs import SearchSpec


def resolved_points(images: ImageFacts) -> float:
    """Return the percentage points above which accuracies of 95 % are told apart.

    That is of networks whose errors have nothing to do with each other. The test is a paired one: of networks
    that mostly fail on the same images it tells smaller differences apart.
    """
    return 100 * 1.96 * math.sqrt(2 * 0.95 * 0.05 / images.num_confirm)


def budget_notes(spec: SearchSpec, images: ImageFacts, total_s: float, epochs: int) -> list[str]:
    """Return the notes on budget and images.

    Args:
        spec: With the budget.
        images: That confirm accuracies.
        total_s: Seconds of all phases.
        epochs: Of the supernet's training.
    """
    notes, wall_minutes = [], spec.budget.wall_minutes
    if total_s > 60 * wall_minutes:
        notes.append(
            f"about {total_s / 60:.1f} minutes, more than the budget of {wall_minutes:g}: "
            "raise it, or verify fewer networks"
        )
    if epochs < 10:
        notes.append(f"only {epochs} epochs fit into the budget: accuracies will be low")
    notes.append(
        f"{images.num_confirm} images confirm each accuracy: at 95 % accuracy, differences above about "
        f"{resolved_points(images):.1f} points are told apart, smaller ones where networks fail on the same "
        "images"
    )
    return notes
