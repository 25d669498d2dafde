from api.dashboard.wording import size, when


def test_a_time_is_there_for_programs_and_for_people() -> None:
    assert str(when(1_767_323_045_678)) == (
        '<time datetime="2026-01-02T03:04:05.678Z">2026-01-02 03:04 UTC</time>'
    )


def test_a_size_has_a_unit() -> None:
    assert size(18_432) == "18.0 KiB"
