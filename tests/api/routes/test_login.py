from api.security import COOKIE
from tests.api.served import Caller, code


def test_a_link_leaves_a_session_in_the_browser(api: Caller) -> None:
    token = api.app.state.service.links.make()
    answer = api.client.get(f"/login?token={token}", follow_redirects=False)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert api.client.get("/v1/searches").status_code == 200
    assert COOKIE in api.client.cookies
    assert code(api.client.get(f"/login?token={token}", follow_redirects=False)) == (403, "login_used")
