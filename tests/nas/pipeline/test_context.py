"""What a phase is given."""

from dataclasses import FrozenInstanceError

import pytest

from nas.pipeline.context import Progress
from nas.tasks import Inputs
from tests.nas.pipeline.small_search import Home, Recorder


def test_a_phase_is_given_the_data_and_the_space_of_its_specification(home: Home) -> None:
    ctx = home.context()
    assert ctx.dataset.name == "shapes"
    assert ctx.space.name == "nas_bench_201/tiny"
    # Four classes of colour images, as the specification says.
    assert ctx.space.slots[-1].layer().out_shape == (4, 1, 1)  # type: ignore[union-attr]
    assert ctx.run.spec() == ctx.spec
    assert ctx.tenant == ctx.run.lease.tenant == "local"


def test_tasks_are_told_what_to_open_by_plain_values(home: Home) -> None:
    ctx = home.unsubmitted()
    assert ctx.inputs == Inputs(ctx.spec.dataset, ctx.dataset.digest, ctx.spec.space)


def test_a_context_is_a_value(home: Home) -> None:
    ctx = home.context()
    with pytest.raises(FrozenInstanceError):
        ctx.run = ctx.run  # type: ignore[misc]


def test_anything_that_takes_steps_and_words_is_progress() -> None:
    progress: Progress = Recorder()
    progress.step("train", 1, 2)
    progress.say("half of it")
    assert isinstance(progress, Recorder)
    assert progress.steps == [("train", 1, 2, "")]
    assert progress.said == ["half of it"]
