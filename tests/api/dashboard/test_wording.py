from api.dashboard.wording import ago, coded, milliseconds, size, when


def test_a_time_is_there_for_programs_and_for_people() -> None:
    assert str(when(1_767_323_045_678)) == (
        '<time datetime="2026-01-02T03:04:05.678Z">2026-01-02 03:04 UTC</time>'
    )


def test_a_time_of_a_document_is_read() -> None:
    assert milliseconds("2026-01-02T03:04:05.678Z") == 1_767_323_045_678


def test_a_size_has_a_unit() -> None:
    assert size(18_432) == "18.0 KiB"


def test_what_is_to_be_typed_is_code_and_the_rest_is_text() -> None:
    assert str(coded("run `hwnas <serve>` & wait")) == "run <code>hwnas &lt;serve&gt;</code> &amp; wait"


def test_an_age_has_one_unit() -> None:
    ages = [ago(0, 1_000 * seconds) for seconds in (59, 60, 7_199, 172_799, 172_800)]
    assert ages == ["just now", "1 min ago", "1 h ago", "47 h ago", "2 days ago"]
