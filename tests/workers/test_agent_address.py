import pytest

from search_spaces.errors import UsageError
from workers.agent_address import read_address, safe_address


@pytest.mark.parametrize(
    "url", ["http://nas:8265", "HTTP://192.0.2.2:1", "http://127.0.0.1.example.org", "http://[fe80::1]"]
)
def test_elsewhere_without_encryption_a_key_is_sent_only_where_somebody_says_so(url: str) -> None:
    with pytest.raises(UsageError, match="--plain-http") as caught:
        safe_address(url, plain_http=False)
    assert caught.value.code == "plain_http"
    assert safe_address(url, plain_http=True) == url


@pytest.mark.parametrize("url", ["https://nas", "https://192.0.2.2:8265/nas"])
def test_with_encryption_it_is_sent_anywhere(url: str) -> None:
    assert safe_address(url, plain_http=False) == url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.3.1", "[::1]"])
def test_to_this_machine_it_is_sent_as_it_is(host: str) -> None:
    assert safe_address(f"http://{host}:8265", plain_http=False).endswith(":8265")


@pytest.mark.parametrize(
    "url", ["", "nas", "ftp://nas", "http://", "http://[::1", "http://me@nas", "http://nas:0"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_address(url)
    assert caught.value.code == "invalid_server"
