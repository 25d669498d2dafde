import pytest

from api.security import COOKIE
from tests.api.dashboard.browsing import HTML, elements, sound
from tests.api.served import Caller

SAME = {"sec-fetch-site": "same-origin", "accept": HTML}


def test_a_key_that_is_typed_becomes_the_session(api: Caller) -> None:
    asked = elements(sound(api.client.get("/searches", headers={"accept": HTML})))
    assert [at["action"] for tag, at in asked if tag == "form"] == ["/sign-in"]
    answer = api.client.post("/sign-in", data={"key": f" {api.key} "}, headers=SAME, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/searches")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert api.client.get("/searches").status_code == 200


@pytest.mark.parametrize("key", ["", "none", "hwnas_a_b_c"])
def test_what_is_no_key_is_refused_and_asked_for_again(api: Caller, key: str) -> None:
    answer = api.client.post("/sign-in", data={"key": key}, headers=SAME)
    assert answer.status_code == 401
    assert 'name="key"' in sound(answer)
    assert COOKIE not in api.client.cookies


def test_a_page_of_another_site_signs_nobody_in(api: Caller) -> None:
    answer = api.client.post("/sign-in", data={"key": api.key}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert COOKIE not in api.client.cookies
