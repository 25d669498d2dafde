"""What a phase is given."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from nas.pipeline.context import Progress
from tests.nas.pipeline.small_search import Recorder, context


def test_a_phase_is_given_the_data_and_the_space_of_its_specification(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    assert ctx.dataset.name == "shapes"
    assert ctx.space.name == "nas_bench_201/tiny"
    # Four classes of colour images, as the specification says.
    assert ctx.space.slots[-1].layer().out_shape == (4, 1, 1)  # type: ignore[union-attr]
    assert ctx.run.path.parent == ctx.settings.searches
    assert ctx.run.spec() == ctx.spec


def test_a_context_is_a_value(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    with pytest.raises(FrozenInstanceError):
        ctx.run = ctx.run  # type: ignore[misc]


def test_anything_that_takes_steps_and_words_is_progress() -> None:
    progress: Progress = Recorder()
    progress.step("train", 1, 2)
    progress.say("half of it")
    assert isinstance(progress, Recorder)
    assert progress.steps == [("train", 1, 2, "")]
    assert progress.said == ["half of it"]
