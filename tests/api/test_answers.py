from pathlib import Path

from tests.api.served import DIGITS, Caller
from tests.api.world import Operation, operations, world

STREAMS = ("/events", "/candidates.csv")
"""What is sent as it is found: nobody knows its ETag before its end."""


def is_one_thing(operation: Operation) -> bool:
    """Whether an operation returns something that a client may keep: not a page of a list, not a stream."""
    paged = any(field.alias == "cursor" for field in operation.route.dependant.query_params)
    reads = operation.method == "GET" and operation.route.path.startswith("/v1/") and not operation.by_boards
    return reads and not paged and not operation.route.path.endswith(STREAMS)


def test_an_answer_that_is_still_good_is_not_sent_again(api: Caller) -> None:
    path = "/v1/searches/" + api.post("/v1/searches", DIGITS).json()["id"]
    first = api.get(path)
    again = api.get(path, if_none_match=f'"other", W/{first.headers["etag"]}')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    api.post(f"{path}/cancel")
    changed = api.get(path, if_none_match=first.headers["etag"])
    assert changed.status_code == 200
    assert changed.json()["state"] == "cancelled"


def test_nothing_that_a_client_has_is_sent_again(tmp_path: Path) -> None:
    with world(tmp_path / "home") as here:
        found = [one for one in operations(here.api.app) if is_one_thing(one)]
        assert len(found) > 14
        for operation in found:
            path = here.path(operation)
            tag = here.api.get(path).headers.get("etag", "none")
            again = here.api.get(path, if_none_match=tag)
            assert (again.status_code, again.content) == (304, b""), operation.name
            assert again.headers["etag"] == tag
            assert here.api.get(path, if_none_match='"other"').status_code == 200, operation.name
