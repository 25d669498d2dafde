from api.dashboard import assets
from tests.api.served import Caller


def test_an_asset_is_kept_for_a_year_under_the_address_of_its_release(api: Caller) -> None:
    answer = api.client.get(f"/static/{assets.release()}/app.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == assets.asset("app.css").content


def test_a_page_of_an_earlier_release_gets_what_there_is_and_does_not_keep_it(api: Caller) -> None:
    answer = api.client.get("/static/0123456789abcdef/page.js", headers={"accept-encoding": "identity"})
    assert answer.content == assets.asset("page.js").content
    assert answer.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in answer.headers
