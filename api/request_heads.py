"""What a connection is held to while the head of a request, its address and headers, is not all there.

The application sees a request only with its head complete, and counts then. Until then the parser keeps what
came, and joins it anew with each piece: without a limit one connection costs the time of all others.
"""

import asyncio
import logging
import random
from typing import Final, final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api import problems
from api.limits import HEADERS, REQUEST_ID
from search_spaces.errors import HwnasError, UsageError

MAX_HEAD_BYTES: Final = 32 * 1024
"""That may wait for the rest; of a head that is there the application takes less."""
HEAD_S: Final = 20.0
"""For a head to arrive that was begun."""
LINGER_S: Final = 1.0
"""How long a refused client may send on: cut off at once, the answer would be lost (RFC 9112, 9.6)."""

_LOG: Final = logging.getLogger("hwnas.requests")


@final
class HeadLimits(HttpToolsProtocol):
    """A connection: the parser of uvicorn, with limits on what no request has come of yet.

    Those are heads, but also the fields that may follow a body that is sent in chunks.
    """

    _held = 0
    """Bytes since a head, a piece of a body or the end of a request was there."""
    _deadline: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; whoever says nothing waits no longer than between two requests."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._free()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and count it where nothing has come of it."""
        if self._refused:
            return
        self._held += len(data)
        super().data_received(data)
        if self._held:
            self._hold()
        elif self._deadline is not None:
            self._free()

    def on_headers_complete(self) -> None:
        """Begin a request."""
        self._held = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of a body on."""
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have a request be whole."""
        self._held = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(UsageError("bad_request", "that is no request of HTTP"))

    def _hold(self) -> None:
        if self._held > MAX_HEAD_BYTES:
            told = f"the address and the headers have more than {MAX_HEAD_BYTES} bytes: send fewer"
            self._refuse(UsageError("headers_too_large", told))
        elif self._deadline is None and not self._refused:
            self._deadline = self.loop.call_later(HEAD_S, self._too_slow)

    def _too_slow(self) -> None:
        told = f"the address and the headers took more than {HEAD_S:g} s"
        self._refuse(UsageError("headers_too_slow", told))

    def _free(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, error: HwnasError) -> None:
        """Answer, unless an answer is under way, and hear nothing more."""
        self._free()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        # Before the first request there is no cycle, whatever its type says.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self.transport.close()
            return
        answer, request_id = problems.of_error(error, self.root_path), f"{random.getrandbits(64):016x}"
        marks = {**HEADERS, REQUEST_ID: request_id, "connection": "close"}
        told = [*answer.raw_headers, *((name.encode(), value.encode()) for name, value in marks.items())]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in told)
        self.transport.write(STATUS_LINE[answer.status_code] + lines + b"\r\n" + bytes(answer.body))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)
        facts = {"request_id": request_id, "status": answer.status_code, "code": error.code}
        _LOG.info("no request", extra={"facts": facts})
