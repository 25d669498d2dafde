import pytest

from api.hosts import Hosts, in_address

HOSTS = Hosts(["127.0.0.1", "localhost", "[::1]", "fe80::5", "NAS.example", "*.example.org"])


@pytest.mark.parametrize(
    "host",
    [
        *["localhost", "localhost:8265", "LocalHost:1", "127.0.0.1:80", "[::1]", "[::1]:80", "[fe80::5]:80"],
        *["nas.example", "a.example.org:443", "a.b.example.org"],
    ],
)
def test_a_name_of_ours_is_known_with_and_without_a_port(host: str) -> None:
    assert host.encode() in HOSTS


@pytest.mark.parametrize(
    "host",
    [
        *[
            "",
            ":80",
            "evil.example",
            "localhost.evil.example",
            "localhost:80:80",
            "localhost:x",
            "localhost@x",
        ],
        *[
            "example.org",
            "/x.example.org",
            "x?.example.org",
            "evil\\a.example.org",
            "[::1",
            "::1",
            "[::2]:80",
        ],
    ],
)
def test_another_is_not(host: str) -> None:
    assert host.encode() not in HOSTS


def test_all_are_known_where_that_is_wanted() -> None:
    assert b"nas.example:80" in Hosts(["*"])
    assert b"" not in Hosts(["*"])


def test_an_address_is_written_as_in_a_link() -> None:
    assert [in_address(host) for host in ("::1", "[::1]", "localhost")] == ["[::1]", "[::1]", "localhost"]
