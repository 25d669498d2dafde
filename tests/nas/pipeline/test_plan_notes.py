"""Notes of plans; `test_planning` has them as they come with a plan."""

from dataclasses import replace

import numpy as np
import pytest

from nas.data.facts import DIGITS
from nas.pareto import BoolArray
from nas.pipeline.plan_notes import budget_notes, resolved_points
from nas.publication import tied
from nas.specs import parse_spec

SPEC = parse_spec({"dataset": {"name": "digits"}, "budget": {"wall_minutes": 2}})


def test_few_images_resolve_little() -> None:
    # 1.96 sqrt(2 * 0.95 * 0.05 / 40) = 9.55 points.
    assert resolved_points(replace(DIGITS, num_confirm=40)) == pytest.approx(9.55, abs=0.01)


def answers(both: int, only_first: int, only_second: int) -> tuple[BoolArray, BoolArray]:
    """Right answers of two networks to the images that confirm; all others are wrong."""
    first, second = (np.zeros(DIGITS.num_confirm, dtype=np.bool_) for _ in range(2))
    first[: both + only_first] = True
    second[:both] = second[both + only_first : both + only_first + only_second] = True
    return first, second


@pytest.mark.parametrize(("share", "is_tied"), [(0.8, True), (1.15, False)])
def test_the_paired_test_tells_apart_what_is_said(share: float, is_tied: bool) -> None:
    """Of networks whose errors have nothing to do with each other."""
    half = share * resolved_points(DIGITS) / 200
    better, worse = 0.95 + half, 0.95 - half
    shares = (better * worse, better * (1 - worse), worse * (1 - better))
    first, second = answers(*(round(DIGITS.num_confirm * one) for one in shares))
    assert tied(first, second) == is_tied


def test_where_networks_fail_on_the_same_images_less_is_told_apart() -> None:
    first, second = answers(505, 7, 0)
    assert 100 * (first.mean() - second.mean()) < resolved_points(DIGITS) / 2
    assert not tied(first, second)


@pytest.mark.parametrize(
    ("total_s", "epochs", "told"),
    [(119.0, 10, []), (121.0, 10, ["about 2.0 minutes"]), (119.0, 9, ["only 9 epochs"])],
)
def test_what_does_not_fit_into_the_budget_is_said(total_s: float, epochs: int, told: list[str]) -> None:
    *found, images = budget_notes(SPEC, DIGITS, total_s, epochs)
    assert [note[: len(start)] for note, start in zip(found, told, strict=True)] == told
    assert images.startswith("539 images confirm each accuracy")
