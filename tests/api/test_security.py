"""Every operation, with every kind of key: nobody gets further than their scope."""

import asyncio
import itertools
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from api.app import MAX_STREAMS
from api.guesses import GUESSES
from api.keys import KeyText, Scope
from api.rate_limits import Buckets
from api.routes import searches
from api.security import BURST_S, COOKIE, PUBLIC, Gate, Principal, check_guarded, scopes_of
from nas.store.key_store import DatabaseKeyStore, FoundKey
from tests.api.asgi import Sent, ask
from tests.api.served import DIGITS, Caller, code, served

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def operations(app: FastAPI) -> list[tuple[str, str, APIRoute]]:
    """Method, path with something in its places, route."""
    found = []
    for route in app.routes:
        assert isinstance(route, APIRoute)
        path = "/".join("x" if part.startswith("{") else part for part in route.path.split("/"))
        found += [(method, path, route) for method in route.methods or ()]
    return found


def test_without_a_key_nothing_answers_but_what_is_named(api: Caller) -> None:
    for _, path, route in operations(api.app):
        for method in METHODS:
            status = api.client.request(method, path, follow_redirects=False).status_code
            if route.path in PUBLIC:
                assert status not in (401, 403) or route.path in ("/login", "/sign-in"), (method, path)
            else:
                assert status in (401, 405), (method, path, status)


def test_each_scope_opens_what_it_names_and_admin_all(api: Caller) -> None:
    callers = {scope: api.as_(scope) for scope in Scope}
    guarded = [one for one in operations(api.app) if one[2].path not in PUBLIC]
    for (method, path, route), scope in itertools.product(guarded, Scope):
        caller = callers[scope]
        answer = caller.client.request(method, path, headers=caller.headers({}))
        allowed = scope in scopes_of(route) or scope is Scope.ADMIN
        assert (answer.status_code != 403) == allowed, (method, path, scope, answer.text)


def test_an_operation_without_a_scope_is_refused_when_the_application_is_made() -> None:
    app, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()

    @router.get("/v1/health")
    def open_to_all() -> str:
        return "anybody"

    app.router.routes.extend([*searches.router.routes, *router.routes])
    with pytest.raises(AssertionError, match="/v1/health"):
        check_guarded(app)


def test_a_revoked_key_is_good_for_seconds_at_most(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.security.REMEMBERED_S", 0.0)
    caller = api.as_("read")
    assert caller.get("/v1/searches").status_code == 200
    api.stores.keys.revoke("local", caller.key.split("_")[1])
    assert code(caller.get("/v1/searches")) == (401, "not_authenticated")


def test_keys_that_are_known_are_asked_for_again_together(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = [api.as_("read") for _ in range(3)]
    assert [caller.get("/v1/datasets").status_code for caller in callers] == [200] * 3
    api.stores.keys.revoke("local", callers[1].key.split("_")[1])
    looks = looks_at_known_keys(monkeypatch)
    monkeypatch.setattr("api.security.REMEMBERED_S", 60.0)
    api.app.state.service.gate._good_until = 0.0
    assert [caller.get("/v1/datasets").status_code for caller in callers] == [200, 401, 200]
    assert looks == [3]


def looks_at_known_keys(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many keys each look from here on is at."""
    looks, good_among = list[int](), DatabaseKeyStore.good_among

    def counted(self: DatabaseKeyStore, key_ids: list[str]) -> frozenset[str]:
        looks.append(len(key_ids))
        return good_among(self, key_ids)

    monkeypatch.setattr(DatabaseKeyStore, "good_among", counted)
    return looks


def test_while_one_has_keys_asked_for_again_others_go_on(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.security.REMEMBERED_S", 60.0)
    gate: Gate = api.app.state.service.gate
    keys = [api.as_("read").key for _ in range(2)]

    def principal(key: str) -> Principal | None:
        return asyncio.run(gate.principal(key, ""))

    for key in keys * 2:
        principal(key)
    looks = looks_at_known_keys(monkeypatch)
    gate._good_until, gate._ask_at = time.monotonic() + 29.0, 0.0  # half of the time is over
    assert gate.remembered(keys[0]) is None
    assert [gate.remembered(key) for key in keys] == [principal(key) for key in keys]
    assert [gate.remembered(key) is None for key in keys] == [False, False]
    assert looks == [2]


@pytest.mark.parametrize("call", ["good_among", "find"])
def test_a_database_that_hangs_holds_one_thread_and_nobody_for_long(
    api: Caller, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr("api.security.REMEMBERED_S", 0.0)
    monkeypatch.setattr("api.security.LOOK_S", 0.2)
    gate = api.app.state.service.gate
    monkeypatch.setattr(gate._again, "_wait_s", 0.2)
    if call == "good_among":
        assert api.get("/v1/spaces").status_code == 200
    goes_on, hanging = threading.Event(), list[int]()

    def hangs(self: DatabaseKeyStore, *_: object) -> dict[str, FoundKey]:
        hanging.append(1)
        goes_on.wait(20)
        return {}

    async def statuses(path: str, times: int) -> list[int]:
        answers = await asyncio.gather(*(ask(api.app, Sent("GET", path), api.key) for _ in range(times)))
        return [one.status for one in answers]

    async def asked() -> list[list[int]]:
        try:
            # More than there are threads to share.
            return [await statuses("/v1/spaces", 60), await statuses("/errors/not_found", 1)]
        finally:
            goes_on.set()

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseKeyStore, call, hangs)
        began = time.monotonic()
        assert asyncio.run(asked()) == [[503] * 60, [200]]
        assert time.monotonic() - began < 5.0
        assert hanging == [1]
    assert api.get("/v1/spaces").status_code == 200


def test_wrong_secrets_are_all_alike(api: Caller) -> None:
    prefix, public, secret, _ = api.key.split("_")
    wrong = [f"{prefix}_{public}_{secret}_00000000", "x", "", f"{prefix}_{'0' * 16}_{secret}_00000000"]
    answers = [api.client.get("/v1/searches", headers={"authorization": f"Bearer {text}"}) for text in wrong]
    assert {answer.text for answer in answers} == {answers[0].text}
    assert {answer.status_code for answer in answers} == {401}


def test_another_tenants_objects_do_not_exist(api: Caller) -> None:
    search_id = api.post("/v1/searches", DIGITS).json()["id"]
    other = api.as_("admin", tenant="other")
    assert other.get("/v1/searches").json()["items"] == []
    for _, path, route in operations(other.app):
        if "{search_id}" in route.path or "{job_id}" in route.path:
            own = path.replace("/x", f"/{search_id}", 1)
            method = next(iter(route.methods or ()))
            answer = other.client.request(method, own, headers=other.headers({}))
            assert code(answer)[0] == 404, own
            assert search_id not in answer.text.replace(f"'{search_id}'", "").replace(f"/{search_id}", "")


def test_a_page_of_another_site_changes_nothing(api: Caller) -> None:
    token = api.app.state.service.links.make()
    api.client.get(f"/login?token={token}", follow_redirects=False)
    assert COOKIE in api.client.cookies
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        assert code(api.client.post("/v1/searches", headers=headers, json=DIGITS)) == (403, "cross_site")
    for headers in ({"origin": "http://localhost"}, {"sec-fetch-site": "same-origin"}):
        assert api.client.post("/v1/searches", headers=headers, json=DIGITS).status_code == 202


def test_a_key_that_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    with served(tmp_path / "home", requests_per_s=1) as api:
        caller, other = api.as_("read"), api.as_("read")
        answers = [caller.get("/v1/datasets") for _ in range(3 * int(BURST_S))]
        assert [answer.status_code for answer in answers[: int(BURST_S)]] == [200] * int(BURST_S)
        refused = [answer for answer in answers if answer.status_code != 200]
        assert {code(answer) for answer in refused} == {(429, "rate_limited")}
        assert refused[0].headers["retry-after"]
        assert other.get("/v1/datasets").status_code == 200


def guess(api: Caller, *, key_id: str, number: int) -> httpx2.Response:
    """The answer to a well-formed key with a secret that is made up."""
    text = str(KeyText(key_id, f"guess{number}"))
    return api.client.get("/v1/spaces", headers={"authorization": f"Bearer {text}"})


def calls_of(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Gets a number for each call of a method of the store of keys from here on."""
    calls, method = list[int](), getattr(DatabaseKeyStore, name)

    def counted(self: DatabaseKeyStore, *arguments: object) -> object:
        calls.append(len(calls))
        return method(self, *arguments)

    monkeypatch.setattr(DatabaseKeyStore, name, counted)
    return calls


def locked(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guess until an address gets no further, however long this test takes."""
    guesses = api.app.state.service.gate._guesses
    monkeypatch.setattr(guesses, "_wrong", Buckets(0.0, GUESSES, lambda: 0.0))
    answers = [guess(api, key_id=f"{n:016x}", number=n) for n in range(60)]
    assert [answer.status_code for answer in answers[:20]] == [401] * 20
    assert {code(answer) for answer in answers[20:]} == {(429, "rate_limited")}


def test_guessing_keys_is_refused_before_the_database_is_asked(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.guesses.LISTED_S", 60.0)
    looked_up, listed = calls_of(monkeypatch, "find"), calls_of(monkeypatch, "ids")
    locked(api, monkeypatch)
    assert (len(looked_up), len(listed)) == (20, 1)


def test_guesses_lock_nobody_out(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    holder, unused, over = api.as_("read"), api.as_("read"), api.as_("read")
    api.stores.keys.revoke("local", over.key.split("_")[1])
    assert holder.get("/v1/spaces").status_code == 200
    monkeypatch.setattr("api.security.REMEMBERED_S", 0.0)
    monkeypatch.setattr("api.security.FORGOTTEN_S", -1.0)  # nobody has come for long
    locked(api, monkeypatch)
    looked_up = calls_of(monkeypatch, "find")
    for n in range(30):
        assert guess(api, key_id=holder.key.split("_")[1], number=n).status_code == 401
        assert guess(api, key_id=unused.key.split("_")[1], number=n).status_code == 401
        assert over.get("/v1/spaces").status_code == 401
    # Each of the two that was not met before once.
    assert len(looked_up) == 2
    assert [caller.get("/v1/spaces").status_code for caller in (holder, unused)] == [200, 200]


def test_open_streams_of_a_key_are_counted(api: Caller) -> None:
    job = api.post("/v1/searches", DIGITS).json()["id"]
    streams, key_id = api.app.state.service.streams, api.key.split("_")[1]
    with ExitStack() as held:
        for _ in range(MAX_STREAMS):
            held.enter_context(streams.taken(key_id))
        listening = {"accept": "text/event-stream"}
        assert code(api.get(f"/v1/searches/{job}/events", **listening)) == (429, "too_many_streams")
    with streams.taken(key_id) as free:
        assert free


def test_a_tenant_has_so_many_open_jobs(tmp_path: Path) -> None:
    with served(tmp_path / "small", max_open_jobs=2) as api:
        bodies = [{**DIGITS, "seed": seed} for seed in range(3)]
        answers = [api.post("/v1/searches", body, idempotency_key=str(body["seed"])) for body in bodies]
        assert [answer.status_code for answer in answers] == [202, 202, 409]
        assert code(answers[2]) == (409, "too_many_jobs")
        assert api.post("/v1/searches", bodies[0], idempotency_key="0").json() == answers[0].json()
        other = api.as_("submit", tenant="other")
        assert other.post("/v1/searches", DIGITS).status_code == 202
