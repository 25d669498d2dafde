"""One request, one try: what comes back is an answer, a refusal, or that the service is away."""

import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from latency_predictors.agent_protocol import PROTOCOL, Nothing
from search_spaces.errors import ArtifactError, HwnasError, UsageError
from workers import agent_link
from workers.agent_link import Link, RefusedError, Server, ServerAwayError

KEY = "hwnas_key"


@contextmanager
def answering(
    status: int, body: bytes = b"{}", cut: int = 0, **headers: str
) -> Iterator[tuple[Link, list[str]]]:
    """A server that always says the same, and what it was asked."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def do_GET(self) -> None:
            asked = {self.headers["authorization"], self.headers["hwnas-agent-protocol"]}
            assert asked == {f"Bearer {KEY}", str(PROTOCOL)}
            seen.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body) + cut))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Link(Server(f"http://127.0.0.1:{server.server_port}/prefix/", KEY), timeout_s=5.0), seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_service_that_encrypts_is_guessed_where_it_closes_the_line_without_a_word() -> None:
    def closes() -> None:
        taken, _ = listening.accept()
        with taken:
            taken.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as aside:
        closed = aside.submit(closes)
        port = listening.getsockname()[1]
        with pytest.raises(ServerAwayError, match="if it speaks https, its address begins with https://"):
            Link(Server(f"http://127.0.0.1:{port}", KEY)).post("agents/leases", Nothing(), Nothing)
        closed.result()


def test_an_answer_comes_from_under_the_prefix() -> None:
    with answering(200) as (link, seen):
        assert link.post("agents/leases", Nothing(), Nothing) == Nothing()
        assert seen[-1] == "/prefix/v1/agents/leases"
    with answering(204, b"") as (link, _):
        assert link.post("x", Nothing(), Nothing) == Nothing()


def test_a_refusal_has_the_code_of_the_service() -> None:
    body = b'{"code": "lease_lapsed", "detail": "it ended", "status": 409}'
    with answering(409, body) as (link, _), pytest.raises(RefusedError, match="it ended") as caught:
        link.post("x", Nothing(), Nothing)
    assert caught.value.code == "lease_lapsed"


@pytest.mark.parametrize(("asked", "pause_s"), [("7", 7.0), ("7000", 60.0), ("Wed, 21 Oct", 0.0)])
@pytest.mark.parametrize("status", [408, 429, 503, 507])
def test_a_service_that_asks_for_patience_gets_it(status: int, asked: str, pause_s: float) -> None:
    body = b'{"code": "rate_limited", "detail": "too many"}'
    with answering(status, body, retry_after=asked) as (link, _), pytest.raises(ServerAwayError) as caught:
        link.post("x", Nothing(), Nothing)
    assert (caught.value.code, caught.value.pause_s) == ("rate_limited", pause_s)


def test_a_file_that_the_service_has_lost_is_not_asked_for_over_and_over() -> None:
    body = b'{"code": "artifact_missing", "detail": "restore it"}'
    with answering(500, body) as (link, _), pytest.raises(ArtifactError, match="restore it"):
        link.fetch("x", io.BytesIO(), 1_000)


def test_a_proxy_whose_service_is_gone_is_away_too() -> None:
    with answering(502, b"<html>Bad gateway</html>") as (link, _), pytest.raises(ServerAwayError):
        link.post("x", Nothing(), Nothing)


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b'{"a": 1}'), (404, b"<html>")])
def test_something_else_at_the_address_is_told(status: int, body: bytes) -> None:
    with answering(status, body) as (link, _), pytest.raises(HwnasError) as caught:
        link.post("x", Nothing(), Nothing)
    assert caught.value.code == "unexpected_answer"


def test_an_answer_that_was_cut_off_is_asked_for_again() -> None:
    with answering(200, b'{"work"', cut=10) as (link, _), pytest.raises(ServerAwayError, match="cut off"):
        link.post("x", Nothing(), Nothing)


@contextmanager
def saying(said: Iterator[bytes]) -> Iterator[Link]:
    """A server that says one thing after another, to the byte, and hangs up each time."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def do_GET(self) -> None:
            self.wfile.write(next(said))

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Link(Server(f"http://127.0.0.1:{server.server_port}", KEY), timeout_s=5.0)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [b"200 OK", b"409 Conflict"])
def test_wherever_the_line_is_cut_the_service_is_away_and_no_file_is_a_damaged_one(status: bytes) -> None:
    body = b'{"code": "no", "detail": "no"}'
    whole = b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)
    with saying(whole[:cut] for cut in range(len(whole)) for _ in range(2)) as link:
        for _ in whole:
            with pytest.raises(ServerAwayError):
                link.fetch("x", io.BytesIO(), 1_000)
            with pytest.raises(ServerAwayError):
                link.post("x", Nothing(), Nothing)


def test_nobody_there_is_away() -> None:
    with answering(200) as (link, _):
        gone = link
    with pytest.raises(ServerAwayError, match="no answer from http"):
        gone.post("x", Nothing(), Nothing)


def test_a_file_is_written_as_it_comes_and_its_digest_told() -> None:
    content = bytes(range(256)) * 4_000
    into = io.BytesIO()
    with answering(200, content) as (link, _):
        assert link.fetch("agents/artifacts/x", into, len(content)) == hashlib.sha256(content).hexdigest()
    assert into.getvalue() == content


def test_a_file_that_is_too_large_is_not_read_on() -> None:
    into = io.BytesIO()
    with answering(200, bytes(1_000_000)) as (link, _), pytest.raises(HwnasError) as caught:
        link.fetch("x", into, 300_000)
    assert caught.value.code == "file_too_large"
    assert len(into.getvalue()) <= 300_000


@pytest.mark.parametrize("url", ["nas.example", "ftp://x", "http://", "http://me:secret@x", "http://x:y"])
def test_an_address_of_nothing_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Link(Server(url, KEY))
    assert caught.value.code == "invalid_server"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("key", ["hwnas_a\r", "hwnas_a\nx-evil: 1", "hwnas_\N{EURO SIGN}"])
def test_a_key_that_no_request_can_carry_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(UsageError, match="no whole key") as caught:
        Link(Server("http://127.0.0.1:9", key))
    assert caught.value.code == "malformed_key"


@contextmanager
def keeping() -> Iterator[tuple[Link, list[int], list[socket.socket]]]:
    """A server that keeps connections, the ports that it was asked from, and its ends of them."""
    ports, open_ = list[int](), list[socket.socket]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            ports.append(self.client_address[1])
            open_.append(self.connection)
            status, body = (409, b'{"code": "no", "detail": "no"}') if "no" in self.path else (200, b"{}")
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Link(Server(f"http://127.0.0.1:{server.server_port}", KEY), timeout_s=5.0), ports, open_
    finally:
        for one in open_:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_connection_is_kept_from_one_request_to_the_next_also_where_that_is_refused() -> None:
    with keeping() as (link, ports, _):
        for path in ("x", "no", "x"):
            with suppress(RefusedError):
                link.post(path, Nothing(), Nothing)
        assert len(ports) == 3
        assert len(set(ports)) == 1


def test_two_threads_never_share_a_connection() -> None:
    with keeping() as (link, ports, _), ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: link.post("x", Nothing(), Nothing), range(40)))
        assert len(ports) == 40
        assert len(set(ports)) <= 4


def test_where_the_service_has_closed_a_connection_meanwhile_another_one_is_made() -> None:
    with keeping() as (link, ports, open_):
        link.post("x", Nothing(), Nothing)
        open_[0].shutdown(socket.SHUT_RDWR)
        assert link.post("x", Nothing(), Nothing) == Nothing()
        assert len(set(ports)) == 2


def test_a_connection_that_was_not_used_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as (link, ports, _):
        link.post("x", Nothing(), Nothing)
        monkeypatch.setattr(agent_link, "KEPT_S", 0.0)
        link.post("x", Nothing(), Nothing)
        assert len(set(ports)) == 2
