"""Raw connections to a server: what is held until a request is there has an end."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from api import request_heads
from api.request_heads import MAX_HEAD_BYTES
from tests.api.running import Running, running
from tests.api.served import DIGITS

ENDLESS = {
    "a header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
    "an address": b"GET /livez?",
    "many headers": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("heads") / "home") as found:
        yield found


def connected(service: Running) -> socket.socket:
    address = urlsplit(service.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=10)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def refused(answer: bytes) -> tuple[int, str]:
    """Status and code of the last answer, a problem document."""
    head, _, body = answer[answer.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json\r\n" in head
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    assert b"\r\nconnection: close" in head
    document = json.loads(body)
    assert document["status"] == int(head.split()[1])
    return document["status"], document["code"]


@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_refused_and_nobody_waits_for_it(service: Running, what: str) -> None:
    piece = b"X-A: a\r\n" * 256 if what == "many headers" else b"a" * 2048
    with connected(service) as connection:
        connection.sendall(ENDLESS[what])
        for _ in range(9 * MAX_HEAD_BYTES // len(piece)):  # one read takes up to eight
            connection.sendall(piece)
        assert httpx2.get(f"{service.url}/livez").status_code == 200
        assert refused(all_of(connection)) == (431, "headers_too_large")


def test_a_field_after_a_body_has_an_end_too(service: Running) -> None:
    with connected(service) as connection:
        connection.sendall(
            b"GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"0\r\nX-Long: " + b"a" * 2 * MAX_HEAD_BYTES)
        assert refused(all_of(connection)) == (431, "headers_too_large")


def test_a_head_has_so_many_seconds(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_heads, "HEAD_S", 0.2)
    for begun in (b"GET /livez HT", ENDLESS["a header"], b"\r\n"):
        with connected(service) as connection:
            connection.sendall(begun)
            assert refused(all_of(connection)) == (408, "headers_too_slow")


def test_a_head_in_pieces_and_a_body_that_takes_longer_are_served(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_heads, "HEAD_S", 0.1)
    body = json.dumps(DIGITS).encode()
    head = (
        f"POST /v1/searches HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with connected(service) as connection:
        for _ in range(2):
            connection.sendall(head[:40])
            connection.sendall(head[40:])
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(10)
            connection.sendall(body)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 202 ")


def test_whoever_says_nothing_is_not_waited_for(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    made = request_heads.HeadLimits.connection_made

    def impatient(self: request_heads.HeadLimits, transport: object) -> None:
        self.timeout_keep_alive = 0.1  # type: ignore[assignment]
        made(self, transport)  # type: ignore[arg-type]

    monkeypatch.setattr(request_heads.HeadLimits, "connection_made", impatient)
    with connected(service) as connection:
        assert all_of(connection) == b""


def test_what_is_no_http_is_refused_as_everything_else_is(service: Running) -> None:
    with connected(service) as connection:
        connection.sendall(b"how do you do\r\n\r\n")
        assert refused(all_of(connection)) == (400, "bad_request")


def test_an_answer_under_way_is_not_broken_into(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of events is cut off, not followed by a document, where half a request comes after its own."""
    monkeypatch.setattr(request_heads, "HEAD_S", 0.2)
    with service.client() as client:
        search = client.submit(DIGITS).id
    asked = f"GET /v1/searches/{search}/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    with connected(service) as connection:
        connection.sendall(f"{asked}Authorization: Bearer {service.key}\r\n\r\n".encode())
        answer = connection.recv(65_536)
        connection.sendall(b"GET /live")
        answer += all_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1
