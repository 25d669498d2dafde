import pytest

from api.security import COOKIE
from tests.api.dashboard.browsing import HTML, elements, sound
from tests.api.served import Caller

SAME = {"sec-fetch-site": "same-origin", "accept": HTML}


def test_a_key_that_is_typed_becomes_the_session(api: Caller) -> None:
    asked = elements(sound(api.client.get("/searches", headers={"accept": HTML})))
    assert [at["action"] for tag, at in asked if tag == "form"] == ["/sign-in?next=/searches"]
    answer = api.client.post("/sign-in", data={"key": f" {api.key} "}, headers=SAME, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/searches")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert api.client.get("/searches").status_code == 200


def test_who_signs_in_comes_to_the_page_that_was_asked_for(api: Caller) -> None:
    text = sound(api.client.get("/devices?a=1&b=2", headers={"accept": HTML}))
    (action,) = [at["action"] for tag, at in elements(text) if tag == "form"]
    refused = api.client.post(action, data={"key": "none"}, headers=SAME)
    assert [at["action"] for tag, at in elements(sound(refused)) if tag == "form"] == [action]
    answer = api.client.post(action, data={"key": api.key}, headers=SAME, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices?a=1&b=2")


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/%5Cevil.example", "/%09/evil"]
)
def test_nobody_is_led_to_another_site(api: Caller, wanted: str) -> None:
    answer = api.client.post(
        f"/sign-in?next={wanted}", data={"key": api.key}, headers=SAME, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/searches")


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
