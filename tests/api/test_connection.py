"""Tries, pauses and errors, against a service that says what the test wants."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from api.connection import LONGEST_PAUSE_S, TRIES, Connection, UnavailableError, path_of
from api.keys import KeyText
from api.routes.health import Health
from search_spaces.errors import HwnasError, ResourceError, UsageError

Answer = httpx.Response | Exception
OK = httpx.Response(200, json={"status": "ok"})


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json={"code": code, "detail": "so it is", "status": status}, headers=headers
    )


class Script:
    """Gives one answer after another; keeps what was asked and how long was paused."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = iter(answers)
        self.asked: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.line = Connection(
            "http://nas.example/prefix", str(KeyText("a", "b")), httpx.MockTransport(self), self.pauses.append
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_the_key_and_the_prefix_go_with_each_request() -> None:
    script = Script(OK)
    assert script.line.get("/livez", Health) == Health(status="ok")
    (request,) = script.asked
    assert str(request.url) == "http://nas.example/prefix/livez"
    assert request.headers["authorization"] == f"Bearer {KeyText('a', 'b')}"


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut off"),
        problem(503, "database_unreachable"),
        problem(429, "rate_limited"),
        httpx.Response(502, text="<html>bad gateway"),
    ],
)
def test_reading_is_tried_again(trouble: Answer) -> None:
    script = Script(trouble, trouble, OK)
    script.line.get("/livez", Health)
    assert len(script.pauses) == 2


def test_pauses_grow_to_a_bound_and_end() -> None:
    script = Script(*[httpx.ConnectError("refused")] * TRIES)
    with pytest.raises(UnavailableError) as caught:
        script.line.get("/livez", Health)
    assert caught.value.code == "server_unreachable"
    bounds = [min(LONGEST_PAUSE_S, 0.25 * 2**number) for number in range(TRIES - 1)]
    assert all(0.0 <= pause <= bound for pause, bound in zip(script.pauses, bounds, strict=True))


@pytest.mark.parametrize(
    ("asked", "least"), [("3", 3.0), ("100000", 60.0), ("Fri, 31 Dec", 0.0), ("-5", 0.0)]
)
def test_a_server_is_given_the_time_that_it_asks_for(asked: str, least: float) -> None:
    script = Script(problem(503, "database_unreachable", **{"retry-after": asked}), OK)
    script.line.get("/livez", Health)
    assert least <= script.pauses[0] <= least + 0.25


def test_only_what_carries_a_key_is_posted_again() -> None:
    script = Script(httpx.ReadTimeout("late"), OK)
    script.line.post("/x", Health, b"{}", idempotency_key="once")
    assert [one.headers["idempotency-key"] for one in script.asked] == ["once", "once"]
    assert script.asked[0].headers["content-type"] == "application/json"
    script = Script(httpx.ReadTimeout("late"))
    with pytest.raises(UnavailableError):
        script.line.post("/x", Health)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (problem(404, "unknown_job"), UsageError, "unknown_job"),
        (problem(401, "not_authenticated"), UsageError, "not_authenticated"),
        (problem(507, "disk_full"), ResourceError, "disk_full"),
        (problem(500, "internal_error"), HwnasError, "internal_error"),
        (httpx.Response(404, text="<html>"), HwnasError, "unexpected_answer"),
        (httpx.Response(200, text="<html>"), HwnasError, "unexpected_answer"),
        (httpx.Response(307, headers={"location": "http://other.example/"}), HwnasError, "unexpected_answer"),
    ],
)
def test_a_problem_is_an_error_with_its_code(answer: Answer, kind: type[HwnasError], code: str) -> None:
    script = Script(answer)
    with pytest.raises(kind) as caught:
        script.line.get("/livez", Health)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert len(script.asked) == 1


def test_a_stream_that_is_cut_off_says_so() -> None:
    def halves() -> Iterator[bytes]:
        yield b"half"
        raise httpx.ReadError("cut")

    script = Script(httpx.Response(200, content=halves()), problem(404, "unknown_job"))
    with pytest.raises(UnavailableError), script.line.stream("/x") as answer:
        list(answer.iter_bytes())
    with pytest.raises(UsageError) as caught, script.line.stream("/x"):
        pytest.fail("it is not there")
    assert caught.value.code == "unknown_job"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Connection("nas.example"), "invalid_server"),
        (lambda: Connection("ftp://nas.example"), "invalid_server"),
        (lambda: Connection("http://me:secret@nas.example"), "invalid_server"),
        (lambda: Connection(""), "invalid_server"),
        (lambda: Connection("http://[::1"), "invalid_server"),
        (lambda: Connection("http://nas.example", "hwnas_a_b_00000000"), "malformed_key"),
        (lambda: Connection("http://nas.example", "a\r\nb"), "malformed_key"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_asked(
    make: Callable[[], Connection], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.code == code


def test_parts_of_a_path_stay_parts() -> None:
    assert path_of("datasets", "a/b?c#d e") == "/v1/datasets/a%2Fb%3Fc%23d%20e"
