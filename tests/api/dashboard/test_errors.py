import pytest

from tests.api.dashboard.browsing import browse, sound
from tests.api.served import DIGITS, Caller, code


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "not_found"),
        ("/v1/searches/none", 404, "unknown_job"),
        ("/v1/searches?limit=0", 422, "invalid_request"),
        ("/static/x/none.js", 404, "unknown_asset"),
    ],
)
def test_a_browser_gets_a_page_that_says_what_to_do(api: Caller, path: str, status: int, said: str) -> None:
    answer = browse(api, path)
    assert answer.status_code == status
    text = sound(answer)
    assert f'<a href="/errors/{said}"><code>{said}</code></a>' in text
    assert answer.headers["x-request-id"] in text


def test_a_program_gets_a_problem_document(api: Caller) -> None:
    assert code(api.get("/nowhere")) == (404, "not_found")
    assert code(api.get("/searches", accept="application/json", authorization="")) == (
        401,
        "not_authenticated",
    )


def test_whoever_is_not_signed_in_is_told_how(api: Caller) -> None:
    answer = api.client.get("/searches", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    text = sound(answer)
    assert "hwnas serve" in text
    assert "<nav" not in text


def test_our_own_mistake_is_a_page_without_a_trace(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("a secret path")

    monkeypatch.setattr(api.stores.jobs, "page", fail)
    answer = browse(api, "/searches")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in sound(answer)
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_what_somebody_sent_is_text_in_the_page(api: Caller) -> None:
    answer = browse(api, "/v1/searches/%3Cscript%3Ealert(1)")
    assert answer.status_code == 404
    assert "&lt;script&gt;" in sound(answer)


def test_another_tenants_search_is_not_found(api: Caller) -> None:
    search = api.post("/v1/searches", DIGITS).json()["id"]
    assert browse(api.as_("admin", tenant="other"), f"/v1/searches/{search}").status_code == 404
