"""The line from a board to the service: connections are kept from one request to the next.

Of the standard library alone, so that an agent needs nothing that measuring does not. What may be repeated is
for the caller to say: here one request is one try, and one more where the connection that it went out on was
closed while nobody used it.
"""

import hashlib
import http.client
import ssl
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Annotated, BinaryIO, Final, TypeVar, final

from pydantic import BaseModel, Field, ValidationError

from latency_predictors.agent_protocol import PROTOCOL, PROTOCOL_HEADER
from latency_predictors.protocol import WireModel
from latency_predictors.wire_types import Shown
from search_spaces.errors import ArtifactError, HwnasError, StoreError, UsageError
from workers.agent_address import read_address

TIMEOUT_S: Final = 30.0
LONGEST_ASKED_S: Final = 60.0
"""A longer `Retry-After` is not waited for in full."""

KEPT_S: Final = 20.0
"""A connection that was not used for so long is not used again: the service closes it after half a minute."""

MAX_ANSWER_BYTES: Final = 4 * 2**20
_CHUNK_BYTES: Final = 2**18
_AWAY: Final = frozenset({408, 429, 500, 502, 503, 504, 507})
_LOST: Final = ("artifact_missing", "artifact_damaged")
"""What the service says of a file that it has not any more: asking again would not bring it back."""

Model = TypeVar("Model", bound=BaseModel)


class ServerAwayError(StoreError):
    """The service cannot be had just now: worth another try.

    Attributes:
        pause_s: For so long at least.
    """

    def __init__(self, code: str, message: str, pause_s: float = 0.0) -> None:
        super().__init__(code, message)
        self.pause_s = pause_s


class RefusedError(UsageError):
    """The service says no, and would say so again."""


class _Problem(BaseModel):
    """What is read of a problem document."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    detail: Shown


@dataclass(frozen=True)
class Server:
    """Where the service is, and how it is known.

    Attributes:
        url: Its address, with the prefix that a proxy gives it, if any.
        key: `hwnas_...`.
        fingerprint: SHA-256 of its certificate in hex, or the first half of it, where it made that itself;
            empty where an authority vouches for it.
    """

    url: str
    key: str = field(repr=False)
    fingerprint: str = ""


_Line = http.client.HTTPConnection
_Request = tuple[str, str, bytes | None, dict[str, str]]
_CLOSED: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What is met on a connection that was closed while nobody used it."""


@final
class Link:
    """Asks one service; threads may share it.

    Args:
        server: Which.
        timeout_s: For each step of a request.

    Raises:
        UsageError: `invalid_server` or `malformed_key`.
    """

    def __init__(self, server: Server, timeout_s: float = TIMEOUT_S) -> None:
        if not (server.key.isascii() and server.key.isprintable()):
            raise UsageError(
                "malformed_key",
                "that is no whole key: copy it as `hwnas keys create` has shown it, hwnas_...",
            )
        self._server = server
        self._address = read_address(server.url)
        self._timeout_s = timeout_s
        self._idle: deque[tuple[_Line, float]] = deque()
        weakref.finalize(self, _close, self._idle)

    def post(self, path: str, body: WireModel, model: type[Model]) -> Model:
        """Send a document and return the answer.

        Raises:
            ServerAwayError: It cannot be had just now.
            RefusedError: With its code.
            ArtifactError: `artifact_missing` or `artifact_damaged`: the service has lost a file.
            HwnasError: `unexpected_answer`; `certificate_unknown`.
        """
        content = self._ask("POST", path, body.model_dump_json().encode())
        try:
            return model.model_validate_json(content or b"{}")
        except ValidationError as error:
            raise self._unexpected(f"a document that is no {model.__name__}") from error

    def fetch(self, path: str, into: BinaryIO, limit: int) -> str:
        """Write what is at a path into a file; return its SHA-256.

        Args:
            path: Under /v1.
            into: Open for writing.
            limit: Bytes at most.

        Raises:
            HwnasError: As `post`; `file_too_large`.
            OSError: The file cannot be written.
        """
        digest, length = hashlib.sha256(), 0
        with self._answer("GET", path, None) as answer:
            while chunk := self._chunk(answer):
                length += len(chunk)
                if length > limit:
                    raise HwnasError(
                        "file_too_large", f"a file has more than the {limit} bytes that there is room for"
                    )
                digest.update(chunk)
                into.write(chunk)
            self._check_whole(answer)
        return digest.hexdigest()

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        with self._answer(method, path, body) as answer:
            return self._body(answer)

    @contextmanager
    def _answer(self, method: str, path: str, body: bytes | None) -> Iterator[http.client.HTTPResponse]:
        """Yield the answer to a request where it is one of success; keep its connection once it was read."""
        line, answer = self._asked(method, path, body)
        try:
            if not 200 <= answer.status < 300:
                raise self._error_of(answer, self._body(answer))
            yield answer
        finally:
            if answer.isclosed() and not answer.length and not answer.will_close:
                self._idle.append((line, time.monotonic()))
            else:
                answer.close()
                line.close()

    def _asked(self, method: str, path: str, body: bytes | None) -> tuple[_Line, http.client.HTTPResponse]:
        """Send a request; return its connection and the answer, its body unread."""
        headers = {"authorization": f"Bearer {self._server.key}", PROTOCOL_HEADER: str(PROTOCOL)}
        headers |= {"content-type": "application/json"} if body is not None else {}
        request = (method, f"{self._address.path.rstrip('/')}/v1/{path}", body, headers)
        try:
            while (line := self._kept()) is not None:
                with suppress(*_CLOSED):
                    return line, self._sent(line, request)
            line = self._new()
            return line, self._sent(line, request)
        except ssl.SSLCertVerificationError as error:
            raise self._stranger(error.verify_message) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error

    def _sent(self, line: _Line, request: _Request) -> http.client.HTTPResponse:
        """Send a request on a connection, which is closed where that fails."""
        try:
            if line.sock is None:
                line.connect()
                self._check_certificate(line)
            line.request(*request)
            return line.getresponse()
        except BaseException:
            line.close()
            raise

    def _kept(self) -> _Line | None:
        """Return a connection that nobody uses, the one that was used last; None where there is none."""
        with suppress(IndexError):  # another thread may have taken the last one
            while True:
                line, since = self._idle.pop()
                if time.monotonic() - since < KEPT_S:
                    return line
                line.close()
        return None

    def _new(self) -> _Line:
        host, port = str(self._address.hostname), self._address.port
        if self._address.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._trust())

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._server.fingerprint:
            # One certificate is trusted, whatever it says of itself: its bytes are compared below.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _chunk(self, answer: http.client.HTTPResponse, size: int = _CHUNK_BYTES) -> bytes:
        try:
            return answer.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        """Return all of a short answer."""
        content = self._chunk(answer, MAX_ANSWER_BYTES)
        self._check_whole(answer)
        return content

    def _check_whole(self, answer: http.client.HTTPResponse) -> None:
        """Raise where something of an answer is missing: where the line is cut, reading just ends.

        An answer tells its length or comes in chunks: where it does neither, its headers were cut.
        """
        if answer.length or (answer.length is None and not answer.chunked):
            raise self._away(EOFError("the answer was cut off"))

    def _check_certificate(self, line: _Line) -> None:
        """Raise where the certificate is not the one whose fingerprint is known; before anything is sent."""
        if not self._server.fingerprint or not isinstance(line.sock, ssl.SSLSocket):
            return
        shown = hashlib.sha256(line.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not shown.startswith(self._server.fingerprint):
            raise self._stranger(f"its SHA-256 is {shown[:16]}..., not {self._server.fingerprint[:16]}...")

    def _stranger(self, reason: str) -> UsageError:
        return UsageError(
            "certificate_unknown",
            f"{self._address.hostname} shows a certificate that is not to be trusted ({reason}): nothing was "
            "sent; pair again with a code of `hwnas serve --lan`, or use a certificate of an authority",
        )

    def _away(self, error: Exception) -> ServerAwayError:
        reason = str(error) or type(error).__name__
        told = f"no answer from {self._address.geturl()} ({reason})"
        if self._address.scheme == "http" and isinstance(error, http.client.BadStatusLine):
            told += "; if it speaks https, its address begins with https://"
        return ServerAwayError("server_unreachable", told)

    def _error_of(self, answer: http.client.HTTPResponse, said: bytes) -> HwnasError:
        """Return what an answer that is no success says."""
        pause_s = _asked_pause(answer.headers)
        try:
            problem = _Problem.model_validate_json(said)
        except ValidationError:
            if answer.status in _AWAY:
                told = f"{self._address.hostname} answers {answer.status} just now"
                return ServerAwayError("server_unreachable", told, pause_s)
            return self._unexpected(f"status {answer.status}")
        if problem.code in _LOST:
            return ArtifactError(problem.code, problem.detail)
        if answer.status in _AWAY:
            return ServerAwayError(problem.code, problem.detail, pause_s)
        return RefusedError(problem.code, problem.detail)

    def _unexpected(self, what: str) -> HwnasError:
        return HwnasError(
            "unexpected_answer",
            f"{self._address.geturl()} answers with {what}: is that the address of a hwnas service, and of "
            "the same version?",
        )


def _close(idle: deque[tuple[_Line, float]]) -> None:
    """Close connections that nobody uses."""
    for line, _ in idle:
        line.close()


def _asked_pause(headers: Message) -> float:
    """Return the seconds of `Retry-After`; its other form, a date, counts as none."""
    asked = headers.get("retry-after", "")
    return min(float(asked), LONGEST_ASKED_S) if asked.isascii() and asked.isdigit() else 0.0
