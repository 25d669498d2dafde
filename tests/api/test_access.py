"""Every operation, by everybody: without a key, with each scope, as the owner and as another tenant."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.keys import Scope
from api.security import is_public, scopes_of
from tests.api.served import Caller, code
from tests.api.world import Operation, World, operations, world

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service in which there is one of everything."""
    with world(tmp_path_factory.mktemp("world") / "home", requests_per_s=100_000) as found:
        yield found


def guarded(full: World) -> list[Operation]:
    """Every operation that needs a key."""
    found = [one for one in operations(full.api.app) if not is_public(one.route)]
    assert len(found) > 20
    return found


def by_anybody(full: World) -> list[Operation]:
    """Those that whoever has the key may ask, not a registered board alone."""
    return [one for one in guarded(full) if not one.by_boards]


def opened_by(operation: Operation) -> set[Scope]:
    """The scopes that open an operation."""
    return {*scopes_of(operation.route), Scope.ADMIN}


def test_without_a_key_nobody_gets_in(full: World) -> None:
    nobody = replace(full.api, key="")
    for operation in guarded(full):
        for method in METHODS:
            answer = full.api.client.request(method, full.path(operation), follow_redirects=False)
            assert answer.status_code in (401, 405), (method, operation.name)
        assert code(full.ask(nobody, operation)) == (401, "not_authenticated")


def test_whoever_may_gets_an_answer(full: World) -> None:
    for operation in by_anybody(full):
        for scope in opened_by(operation):
            answer = full.ask(full.api.as_(scope), operation)
            assert 200 <= answer.status_code < 400, (operation.name, scope, answer.text[:500])


def test_whoever_may_not_is_refused(full: World) -> None:
    callers = {scope: full.api.as_(scope) for scope in Scope}
    for operation in guarded(full):
        for scope in set(Scope) - opened_by(operation):
            assert code(full.ask(callers[scope], operation)) == (403, "not_allowed"), (operation.name, scope)


def test_what_changes_something_needs_more_than_reading(full: World) -> None:
    for operation in guarded(full):
        assert not (operation.changes and Scope.READ in opened_by(operation)), operation.name


def test_another_tenants_objects_are_not_there(full: World) -> None:
    stranger = full.api.as_("admin", tenant="other")
    own = {value for place, value in full.values.items() if place.endswith("_id") and place != "device_id"}
    for operation in by_anybody(full):
        answer = full.ask(stranger, operation)
        if operation.owned:
            assert code(answer)[0] == 404, operation.name
            assert answer.json()["code"].startswith("unknown_"), operation.name
        else:
            assert 200 <= answer.status_code < 400, (operation.name, answer.text[:500])
            assert not [one for one in own if one in answer.text], operation.name


def test_every_change_is_noted_once_and_every_refusal_never(full: World) -> None:
    audit, stranger = full.api.stores.audit, full.api.as_("admin", tenant="other")
    changing = [operation for operation in by_anybody(full) if operation.changes]
    assert changing
    for operation in changing:
        before = len(audit.last("local", 10_000))
        full.ask(full.api, operation)
        noted = audit.last("local", 10_000)
        assert len(noted) == before + 1, operation.name
        assert (noted[0].owner, noted[0].key_id) == ("tests", full.api.key.split("_")[1])
        assert noted[0].request_id
        if operation.owned:
            before = len(audit.last("other", 10_000))
            full.ask(stranger, operation)
            assert len(audit.last("other", 10_000)) == before, operation.name
    assert audit.check("local").broken_at is None


def test_a_route_that_nobody_knows_fails(api: Caller) -> None:
    @api.app.get("/v1/things/{thing_id}")
    def thing(thing_id: str) -> str:
        return thing_id

    with pytest.raises(AssertionError, match="thing_id"):
        operations(api.app)
