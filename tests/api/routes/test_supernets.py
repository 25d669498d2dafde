from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.store.supernet_store import SupernetKey
from tests.api.served import Caller, code


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
