from dataclasses import replace

import pytest

from api.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES
from tests.api.served import Caller, code

NASTY = [
    b'{"dataset": {"name": "digits"}, "seed": NaN}',
    b'{"dataset": {"name": "digits"}, "seed": 1e999}',
    b'{"dataset": {"name": "digits"}, "dataset": {"name": "digits"}}',
    b'{"dataset": {"name": "\\ud800"}}',
    b'{"dataset": {"name": "digits\\u0000"}}',
    b"[" * 100_000,
    b"\xff",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b'{"dataset": null}',
    b'{"dataset": {"name": "digits"}, "unknown": 1}',
    b'{"dataset": {"name": "digits"}, "targets": []}',
    b'{"dataset": {"name": "image_folder", "path": "/etc"}}',
    b'{"dataset": {"name": "stored", "id": "../../etc/passwd"}}',
    b'{"dataset": {"name": "digits"}, "space": {"name": "os.system"}}',
]


@pytest.mark.parametrize("body", NASTY)
def test_a_nasty_body_is_refused_and_not_repeated(api: Caller, body: bytes) -> None:
    answer = api.send("/v1/searches", body)
    status, _ = code(answer)
    assert 400 <= status < 500
    assert api.get("/v1/searches").json()["items"] == []


def test_the_log_says_why_a_request_was_refused(api: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "hwnas.requests"):
        api.send("/v1/searches", NASTY[0])
        api.get("/v1/searches/none")
        api.get("/v1/searches")
    codes = [vars(record)["facts"].get("code") for record in caplog.records]
    assert codes == ["malformed_json", "unknown_job", None]


def test_a_body_that_is_no_json_is_refused(api: Caller) -> None:
    assert code(api.send("/v1/searches", b"a=1", "application/x-www-form-urlencoded")) == (415, "not_json")


def test_a_body_is_counted_as_it_comes(api: Caller) -> None:
    assert code(api.send("/v1/searches", b" " * (MAX_BODY_BYTES + 1))) == (413, "body_too_large")


@pytest.mark.parametrize("kind", ["application/zip", "application/octet-stream"])
def test_only_what_reads_a_stream_takes_a_long_one(api: Caller, kind: str) -> None:
    """Whoever names the kind of an upload elsewhere has nothing read into memory, with a key or without."""
    for caller in (api, replace(api, key="")):
        answer = caller.send("/v1/searches", b"x" * (MAX_BODY_BYTES + 1), kind)
        assert code(answer) == (413, "body_too_large")
    # Counted by the operation itself, which then says what is wrong with it.
    assert code(api.send("/v1/datasets?name=pets", b"x" * (MAX_BODY_BYTES + 1), "application/zip"))[0] == 422


@pytest.mark.parametrize("address", ["/v1/searches/a%00b", "/v1/searches?cursor=%00", "/searches/%00"])
def test_no_address_has_a_nul(api: Caller, address: str) -> None:
    assert code(api.get(address)) == (400, "bad_request")


def test_no_field_of_a_page_has_a_nul(api: Caller) -> None:
    for body in (b"do=submit&seed=%00", b"do=submit&seed=\0"):
        answer = api.send("/searches/new", body, "application/x-www-form-urlencoded")
        assert code(answer) == (400, "bad_request")


def test_headers_have_a_limit(api: Caller) -> None:
    assert code(api.get("/v1/searches", x_long="a" * MAX_HEADER_BYTES)) == (431, "headers_too_large")
    assert code(api.get("/v1/searches?cursor=" + "a" * MAX_HEADER_BYTES)) == (431, "headers_too_large")


def test_every_answer_carries_its_request_and_what_browsers_are_told(api: Caller) -> None:
    answer = api.get("/livez", x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert api.get("/livez", x_request_id="no\tid").headers["x-request-id"] != "no\tid"


def test_another_host_is_refused(api: Caller) -> None:
    for path in ("/livez", "/v1/searches", "/searches"):
        assert code(api.get(path, host="evil.example")) == (400, "bad_request")
        twice = [("host", "localhost"), ("host", "localhost")]
        assert code(api.client.get(path, headers=twice)) == (400, "bad_request")
