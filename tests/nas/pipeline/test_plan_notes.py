"""Notes of plans; `test_planning` has them as they come with a plan."""

from dataclasses import replace

import pytest

from nas.data.facts import DIGITS
from nas.pipeline.plan_notes import budget_notes, resolved_points
from nas.specs import parse_spec

SPEC = parse_spec({"dataset": {"name": "digits"}, "budget": {"wall_minutes": 2}})


def test_few_images_resolve_little() -> None:
    # 1.96 sqrt(2 * 0.95 * 0.05 / 40) = 9.55 points.
    assert resolved_points(replace(DIGITS, num_confirm=40)) == pytest.approx(9.55, abs=0.01)


@pytest.mark.parametrize(
    ("total_s", "epochs", "told"),
    [(119.0, 10, []), (121.0, 10, ["about 2.0 minutes"]), (119.0, 9, ["only 9 epochs"])],
)
def test_what_does_not_fit_into_the_budget_is_said(total_s: float, epochs: int, told: list[str]) -> None:
    *found, images = budget_notes(SPEC, DIGITS, total_s, epochs)
    assert [note[: len(start)] for note, start in zip(found, told, strict=True)] == told
    assert images.startswith("269 images confirm each accuracy")
