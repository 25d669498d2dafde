"""The line from a client to the service: tries again where that is safe, makes errors of problems.

What may be asked twice without harm: everything that only reads, and a `POST` that carries an
`Idempotency-Key`. Pauses between tries are drawn at random below a bound that doubles ("full jitter"), so
that clients which were cut off together do not come back together; `Retry-After` comes on top.
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, final
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from api.keys import read_key
from search_spaces.errors import HwnasError, ResourceError, StoreError, UsageError

TRIES: Final = 6
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 8.0
LONGEST_ASKED_S: Final = 60.0
"""A longer `Retry-After` is not waited for in full."""

AGAIN: Final = frozenset({429, 502, 503, 504})
TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
UPLOAD: Final = httpx.Timeout(60.0, connect=10.0)
"""For a piece of a file to be taken, and for the whole of it to be looked through."""
SILENCE_S: Final = 45.0
"""A stream that says nothing for so long is dead: a living one says so every 15 s."""


Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")
Pause = Callable[[float], object]


class Problem(BaseModel):
    """What this program reads of a problem document (RFC 9457)."""

    code: str
    detail: str


class UnavailableError(StoreError):
    """The service, or its database, cannot be had just now: worth another try.

    Attributes:
        pause_s: For so long at least.
    """

    def __init__(self, code: str, message: str, pause_s: float = 0.0) -> None:
        super().__init__(code, message)
        self.pause_s = pause_s


@final
class Connection:
    """Asks one service with one key; may be shared by threads.

    Args:
        url: Of the service, with the prefix that a proxy gives it, if any.
        key: `hwnas_...`; None asks without one.
        transport: Of httpx, where the usual one will not do.
        pause: Waits for so many seconds; the clock does if not given.

    Raises:
        UsageError: `invalid_server` or `malformed_key`.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: Pause | None = None,
    ) -> None:
        headers = {"authorization": f"Bearer {_checked(key)}"} if key else {}
        self._http = httpx.Client(
            base_url=_address(url), headers=headers, transport=transport, timeout=TIMEOUT
        )
        self._pause = pause or threading.Event().wait

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    def get(self, path: str, model: type[Model], params: Mapping[str, Any] | None = None) -> Model:
        """Return what is at a path.

        Raises:
            HwnasError: What the service says; `server_unreachable` or `unexpected_answer`.
        """
        return self.again(lambda: _read(self._once("GET", path, params=params), model))

    def post(
        self, path: str, model: type[Model], content: bytes | None = None, idempotency_key: str | None = None
    ) -> Model:
        """Send JSON to a path and return the answer; tried again only with an idempotency key.

        Raises:
            HwnasError: As `get`.
        """
        headers = {"content-type": "application/json"} if content is not None else {}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key

        def ask() -> Model:
            return _read(self._once("POST", path, content=content, headers=headers), model)

        return self.again(ask, tries=TRIES if idempotency_key else 1)

    def upload(self, path: str, model: type[Model], file: Path, params: Mapping[str, Any]) -> Model:
        """Send the bytes of a file to a path and return the answer; tried again, from its start.

        Only for what is the same however often it is sent.

        Raises:
            HwnasError: As `get`.
        """

        def ask() -> Model:
            with file.open("rb") as stream:
                sent = self._once(
                    "POST", path, params=params, content=stream, headers=_bytes_of(file), timeout=UPLOAD
                )
            return _read(sent, model)

        return self.again(ask)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """Open what is at a path, to be read as it comes. One try: use it inside `again`.

        Raises:
            UnavailableError: `server_unreachable`, also where the line is cut while it is read; or what a
                service that asks for patience says.
            HwnasError: What the service says, or `unexpected_answer`.
        """
        timeout = httpx.Timeout(SILENCE_S, connect=10.0)
        try:
            with self._http.stream("GET", path, headers=dict(headers or {}), timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _error_of(answer)
                yield answer
        except httpx.TransportError as error:
            raise _unreachable(error, self._http.base_url) from error

    def again(self, ask: Callable[[], Result], tries: int = TRIES) -> Result:
        """Return what asking gives, asking again while the service cannot be had.

        Raises:
            HwnasError: Of the last try.
        """
        for number in range(1, tries):
            try:
                return ask()
            except UnavailableError as error:
                self.rest(number, error.pause_s)
        return ask()

    def rest(self, number: int, at_least_s: float = 0.0) -> None:
        """Pause after the try with a number, counted from 1."""
        bound = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (number - 1))
        self._pause(at_least_s + random.uniform(0.0, bound))

    def _once(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise _unreachable(error, self._http.base_url) from error
        if not answer.is_success:
            raise _error_of(answer)
        return answer


def path_of(*parts: str) -> str:
    """Return the path of something under `/v1`: each part quoted, so that it stays one."""
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def at_target(path: str, target: int | None) -> str:
    """Return a path that asks for one target of a search, counted from 1; None leaves it to the service."""
    return path if target is None else f"{path}?target={target}"


def _bytes_of(file: Path) -> dict[str, str]:
    return {"content-type": "application/zip", "content-length": str(file.stat().st_size)}


def _read(answer: httpx.Response, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise _unexpected(answer) from error


def _error_of(answer: httpx.Response) -> HwnasError:
    """Return what an answer that is no success says, as the error that it was on the server's side."""
    status = answer.status_code
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        if status not in AGAIN:
            return _unexpected(answer)
        said = f"{answer.url.host} answers {status} {answer.reason_phrase}: it cannot be had just now"
        return UnavailableError("server_unreachable", said, _asked_pause(answer))
    if status in AGAIN:
        return UnavailableError(problem.code, problem.detail, _asked_pause(answer))
    if status == 507:
        return ResourceError(problem.code, problem.detail)
    return (UsageError if status < 500 else HwnasError)(problem.code, problem.detail)


def _asked_pause(answer: httpx.Response) -> float:
    """Return the seconds of `Retry-After`; its other form, a date, counts as none."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), LONGEST_ASKED_S) if asked.isascii() and asked.isdigit() else 0.0


def _unexpected(answer: httpx.Response) -> HwnasError:
    return HwnasError(
        "unexpected_answer",
        f"{answer.url.copy_with(query=None)} answered {answer.status_code} with something that this version "
        "does not understand: is that the address of a hwnas service, and of the same version?",
    )


def _unreachable(error: httpx.TransportError, url: httpx.URL) -> UnavailableError:
    reason = str(error) or type(error).__name__
    return UnavailableError(
        "server_unreachable", f"no answer from {url}: {reason}; is `hwnas serve` running there?"
    )


def _address(url: str) -> str:
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        read = httpx.URL()
    if read.scheme not in ("http", "https") or not read.host or read.userinfo:
        raise UsageError(
            "invalid_server", "an address of a service is http:// or https:// with a host and a port"
        )
    return url


def _checked(key: str) -> str:
    if read_key(key.strip()) is None:
        raise UsageError(
            "malformed_key", "that is no whole key: copy it as `hwnas keys create` has shown it, hwnas_..."
        )
    return key.strip()
