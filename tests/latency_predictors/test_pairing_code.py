import pytest

from latency_predictors.pairing_code import PairingCode, read_code
from search_spaces.errors import UsageError

CODE = PairingCode("192.168.1.20", 8265, bytes(range(16)), bytes(range(100, 110)))


@pytest.mark.parametrize("host", ["192.168.1.20", "nas.local", "[fe80::1]"])
def test_what_is_shown_is_read_again_however_it_is_typed(host: str) -> None:
    code = PairingCode(host, 8265, CODE.fingerprint, CODE.secret)
    for text in (str(code), f" {code}\n", str(code).upper(), str(code).replace("-", "")):
        assert read_code(text) == code
    assert code.url == f"https://{host}:8265"


def test_a_code_is_no_secret_in_a_log() -> None:
    assert str(CODE).partition("/")[2] not in repr(CODE)


@pytest.mark.parametrize(
    "text",
    ["", str(CODE)[:-1], str(CODE) + "a", str(CODE).replace("8265", "0"), "x/y", "http://x:1/" + "a" * 42],
)
def test_half_a_code_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_code(text)
    assert caught.value.code == "malformed_code"
