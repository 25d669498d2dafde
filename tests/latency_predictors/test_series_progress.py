from latency_predictors.series_progress import SeriesProgress


def test_subjects_are_counted_over_all_sessions_and_repeats() -> None:
    told: list[tuple[int, int]] = []
    progress = SeriesProgress(lambda *at: told.append(at), 4)
    progress.tell(1)
    progress.repeat()
    progress.tell(2)
    progress.session_done(2)
    assert told == [(1, 4), (3, 5), (3, 5)]


def test_the_same_is_told_again_where_nothing_is_done_meanwhile() -> None:
    told: list[tuple[int, int]] = []
    progress = SeriesProgress(lambda *at: told.append(at), 4)
    progress.still()
    progress.tell(1)
    progress.still()
    progress.session_done(2)
    progress.still()
    assert told == [(0, 4), (1, 4), (1, 4), (2, 4), (2, 4)]


def test_nobody_need_listen() -> None:
    progress = SeriesProgress(None, 1)
    progress.tell(0)
    progress.still()
    assert progress.total == 1
