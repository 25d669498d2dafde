from typing import Any

import pytest

from api.pagination import sealed
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.specs import parse_spec
from nas.store.supernet_store import SupernetKey
from tests.api.served import DIGITS, Caller, code

SPEC = {**DIGITS, "supernet": {"flip": True}, "seed": 7, "targets": [{"limits": {"latency_ms": 1.0}}]}


def begun(api: Caller, recipe: str = "progressive, flip", **more: Any) -> str:
    """A supernet in training, by its identifier."""
    spec = parse_spec({**SPEC, **more}).model_dump(mode="json")
    api.stores.jobs.submit("local", JobRequest(JobKind.SEARCH, spec, "digits"))
    (claim,) = api.stores.queue.claim("w")
    key = SupernetKey("s" * 64, "d" * 64, recipe, 7)
    return api.stores.supernets.begin(claim.lease, key, 30).id


def test_supernets_are_shown_to_their_tenant(api: Caller) -> None:
    api.stores.jobs.submit("local", JobRequest(JobKind.SEARCH, {}))
    (claim,) = api.stores.queue.claim("w")
    api.stores.supernets.begin(claim.lease, SupernetKey("s" * 64, "d" * 64, "default", 0), 30)
    (shown,) = api.get("/v1/supernets").json()["items"]
    assert (shown["recipe"], shown["epochs"], shown["trained"]) == ("default", 30, False)
    assert api.get(f"/v1/supernets/{shown['id']}").json() == shown
    other = api.as_("read", tenant="other")
    assert other.get("/v1/supernets").json()["items"] == []
    assert code(other.get(f"/v1/supernets/{shown['id']}")) == (404, "unknown_supernet")


def test_supernets_come_in_pages(api: Caller) -> None:
    api.stores.jobs.submit("local", JobRequest(JobKind.SEARCH, {}))
    (claim,) = api.stores.queue.claim("w")
    key = SupernetKey("s" * 64, "d" * 64, "default", 0)
    ids = {api.stores.supernets.begin(claim.lease, key, epochs).id for epochs in (1, 2, 3)}
    first = api.get("/v1/supernets?limit=2").json()
    rest = api.get(f"/v1/supernets?limit=2&cursor={first['next_cursor']}").json()
    assert (len(first["items"]), rest["next_cursor"]) == (2, None)
    assert {one["id"] for one in first["items"] + rest["items"]} == ids
    for cursor in ("nonsense", sealed("none"), "%E2%82%AC"):
        assert code(api.get(f"/v1/supernets?cursor={cursor}")) == (400, "invalid_cursor")


def test_a_supernet_is_searched_for_another_device_without_training_one(api: Caller) -> None:
    sent = {"targets": [{"context": {"threads": 2}, "limits": {"num_params": 9_000}}]}
    answer = api.post(f"/v1/supernets/{begun(api)}/searches", sent)
    assert answer.status_code == 202, answer.text
    spec = api.get(answer.headers["location"]).json()["spec"]
    assert spec["supernet"] == {"recipe": "default", "epochs": 30, "flip": True}
    assert (spec["seed"], spec["dataset"]) == (7, {"name": "digits"})
    assert spec["targets"][0]["limits"] == {"num_params": 9_000}
    assert spec["targets"][0]["context"]["threads"] == 2


def test_another_search_proceeds_without_missing_boards_where_the_first_one_did(api: Caller) -> None:
    api.stores.keys.create("local", "pi5", ["device"])
    sent = {"targets": [{"device": "host"}, {"device": "pi5"}]}
    first, proceeding = begun(api), begun(api, "sandwich", when_missing="proceed")
    assert code(api.post(f"/v1/supernets/{first}/searches", sent)) == (404, "unknown_device")
    assert api.post(f"/v1/supernets/{proceeding}/searches", sent).status_code == 202


@pytest.mark.parametrize("recipe", ["progressive, alone", "progressive, from 0123456789ab"])
def test_one_network_is_no_supernet(recipe: str, api: Caller) -> None:
    refused = api.post(f"/v1/supernets/{begun(api, recipe)}/searches", {})
    assert code(refused) == (409, "not_a_supernet")


@pytest.mark.parametrize(
    "body", [{"supernet": {}}, {"dataset": {"name": "digits"}}, {"targets": []}, {"seed": 1}, []]
)
def test_what_a_supernet_is_cannot_be_changed(body: Any, api: Caller) -> None:
    assert code(api.post(f"/v1/supernets/{begun(api)}/searches", body)) == (422, "invalid_request")


def test_others_search_nothing(api: Caller) -> None:
    supernet = begun(api)
    other = api.as_("admin", tenant="other")
    assert code(other.post(f"/v1/supernets/{supernet}/searches", {})) == (404, "unknown_supernet")
    assert code(api.as_("read").post(f"/v1/supernets/{supernet}/searches", {})) == (403, "not_allowed")
