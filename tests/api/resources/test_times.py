from api.resources.times import rfc3339, rfc3339_or_none


def test_times_are_utc() -> None:
    assert rfc3339(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert rfc3339_or_none(0) is None
    assert rfc3339_or_none(1) == "1970-01-01T00:00:00.001Z"
