import io
import json
import logging
import os
import threading
from select import PIPE_BUF
from typing import Any

import pytest

from api.json_lines import HELD_S, logged
from tests.api.served import DIGITS, Caller, code

LOG = logging.getLogger("hwnas.tests")


class Counted(io.StringIO):
    """A stream that keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_is_one_document_whatever_is_in_it() -> None:
    written = io.StringIO()
    with logged(written):
        LOG.info("two\nlines \u2028 %s", {"a": "\x1b"}, extra={"facts": {"status": 200}})
        try:
            raise ValueError("so it is")
        except ValueError:
            LOG.exception("failed")
    first, second = lines(written)
    assert first["message"] == "two\nlines \u2028 {'a': '\\x1b'}"
    assert (first["level"], first["logger"], first["status"]) == ("info", "hwnas.tests", 200)
    assert first["at"].endswith("+00:00")
    assert second["trace"].endswith("ValueError: so it is")
    LOG.info("nobody listens")
    assert len(lines(written)) == 2


def test_a_line_is_read_soon_though_none_follows() -> None:
    reading, writing = os.pipe()
    with open(reading) as read, open(writing, "w") as pipe, logged(pipe):
        LOG.info("alone")
        assert json.loads(read.readline())["message"] == "alone"
        LOG.info("again")
        assert json.loads(read.readline())["message"] == "again"


def test_lines_are_written_together_and_no_write_is_torn_on_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.json_lines.HELD_S", 3600.0)
    written = Counted()
    with logged(written):
        for number in range(200):
            LOG.info("line %d", number)
        LOG.info("long %s", "x" * PIPE_BUF)
        LOG.info("after it")
        assert len(written.writes) < 20
    assert all(len(text) <= PIPE_BUF for text in written.writes if "long" not in text)
    told = [line["message"].split()[1] for line in lines(written)]
    assert told == [*map(str, range(200)), "x" * PIPE_BUF, "it"]


def test_what_is_bad_is_written_at_once_after_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.json_lines.HELD_S", 3600.0)
    written = Counted()
    with logged(written):
        LOG.info("before")
        assert written.writes == []
        LOG.warning("bad")
        assert [line["message"] for line in lines(written)] == ["before", "bad"]


def test_a_stream_that_takes_nothing_for_a_while_ends_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        refused = threading.Event()
        came = threading.Event()

        def write(self, text: str) -> int:
            if not self.refused.is_set():
                self.refused.set()
                raise OSError(28, "No space left on device")
            self.came.set()
            return super().write(text)

    written = Full()
    with logged(written):
        LOG.info("lost")
        assert written.refused.wait(100 * HELD_S)
        LOG.info("kept")
        assert written.came.wait(100 * HELD_S)
        assert [line["message"] for line in lines(written)] == ["kept"]
    assert "No space left on device" in capsys.readouterr().err


def test_a_log_that_nobody_reads_hides_no_outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("api.json_lines.HELD_S", 3600.0)

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with logged(Gone()):
        LOG.info("waits to the end")
    assert "Broken pipe" in capsys.readouterr().err


def test_a_request_is_told_with_its_key_and_its_job_and_no_secret(api: Caller) -> None:
    search = api.post("/v1/searches", DIGITS).json()["id"]
    written = io.StringIO()
    with logged(written):
        api.get(f"/v1/searches/{search}/events?after=1", x_request_id="mine")
        api.get("/login?token=secret")
    events, login = lines(written)
    _, key_id, secret, _ = api.key.split("_")
    assert (events["request_id"], events["key"], events["job"]) == ("mine", key_id, search)
    assert (events["method"], events["route"]) == ("GET", "/v1/searches/{search_id}/events")
    assert events["status"] == 200
    assert events["ms"] > 0
    assert (login["route"], login["status"]) == ("/login", 403)
    assert secret not in written.getvalue()
    assert "token=secret" not in written.getvalue()


def test_our_mistake_is_found_in_the_log_by_its_id(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(api.stores.datasets, "page", broken)
    written = io.StringIO()
    with logged(written):
        answer = api.get("/v1/datasets", x_request_id="mine")
    assert code(answer) == (500, "internal_error")
    assert answer.headers["x-request-id"] == "mine"
    told = {line["message"]: line for line in lines(written)}
    assert told["request"]["status"] == 500
    assert told["request failed"]["request_id"] == "mine"
    assert "RuntimeError: broken" in told["request failed"]["trace"]
