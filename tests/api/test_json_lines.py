import io
import json
import logging
from typing import Any

import pytest

from api.json_lines import logged
from tests.api.served import DIGITS, Caller, code

LOG = logging.getLogger("hwnas.tests")


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
