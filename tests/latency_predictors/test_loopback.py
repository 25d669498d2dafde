import pytest

from latency_predictors.loopback import is_loopback


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("nas.example", False)],
)
def test_loopback_is_told_from_elsewhere(host: str, *, inside: bool) -> None:
    assert is_loopback(host) == inside
