"""The time left is told honestly."""

import pytest

from nas.report.stages import Stage, next_stage


def stage_after(*steps: tuple[float, float, float], note: str = "working") -> Stage:
    """The stage after steps of (time, done, total)."""
    stage = None
    for now, done, total in steps:
        stage = next_stage(stage, now, "train", done, total, note)
    assert stage is not None
    return stage


def test_the_time_left_follows_from_the_speed_so_far() -> None:
    # 20 of 100 units took 10 s: 80 units take 40 s.
    stage = stage_after((0.0, 0, 100), (10.0, 20, 100))
    assert stage.seconds_left(10.0) == pytest.approx(40.0)
    assert stage.seconds_left(15.0) == pytest.approx(35.0)
    assert stage.seconds_left(1_000.0) == 0.0


def test_nothing_is_promised_before_something_is_done() -> None:
    assert stage_after((0.0, 0, 100)).seconds_left(5.0) is None


def test_what_an_earlier_process_did_is_not_taken_for_speed() -> None:
    # A resumed training begins at epoch 40; the next 10 take 20 s, so 50 more take 100 s.
    stage = stage_after((0.0, 40, 100), (20.0, 50, 100))
    assert stage.seconds_left(20.0) == pytest.approx(100.0)


@pytest.mark.parametrize("restart", [(50.0, 0, 100), (50.0, 3, 16)])
def test_another_stretch_of_a_phase_has_a_speed_of_its_own(restart: tuple[float, float, float]) -> None:
    now, done, total = restart
    stage = stage_after((0.0, 0, 100), (50.0, 100, 100), restart, (now + 1, done + 1, total))
    assert stage.seconds_left(now + 1) == pytest.approx(total - done - 1)


def test_what_is_done_once_more_is_no_other_stretch() -> None:
    stage = stage_after((0.0, 0, 100), (50.0, 50, 100), (60.0, 60, 105))
    assert stage.seconds_left(60.0) == pytest.approx(45.0)


def test_a_phase_took_as_long_as_all_its_stretches() -> None:
    first = next_stage(None, 0.0, "profile", 0, 1, "")
    layers = next_stage(
        next_stage(first, 1.0, "profile", 0, 139, "layers"), 60.0, "profile", 139, 139, "layers"
    )
    assert not layers.finished
    over = next_stage(layers, 75.0, "profile", 1, 1, "")
    assert over.finished
    assert over.times(80.0) == "took 1 min 15 s"
