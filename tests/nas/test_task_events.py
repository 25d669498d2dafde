from nas.task_events import EpochDone


def test_time_left_is_estimated_from_the_mean_epoch() -> None:
    event = EpochDone(epoch=2, epochs=10, step=40, loss=0.5, images_per_second=900.0, seconds=5.0)
    assert event.seconds_left == 20.0
