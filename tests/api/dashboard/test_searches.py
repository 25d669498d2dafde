from tests.api.dashboard.browsing import browse, sound
from tests.api.served import DIGITS, Caller


def test_the_front_door_leads_to_the_searches(api: Caller) -> None:
    assert browse(api, "/").headers["location"] == "/searches"


def test_an_empty_list_says_so(api: Caller) -> None:
    assert "No searches yet" in sound(browse(api, "/searches"))


def test_searches_are_listed_for_their_tenant_only(api: Caller) -> None:
    search = api.post("/v1/searches", DIGITS).json()["id"]
    assert search in sound(browse(api, "/searches"))
    assert search not in sound(browse(api.as_("read", tenant="other"), "/searches"))
