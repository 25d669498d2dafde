import gzip
import json
from pathlib import Path

from starlette.requests import Request

from api.dashboard import assets
from api.dashboard.pages import Links, figures, page
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.served import served


def request(**headers: str) -> Request:
    """A request that came under a prefix."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "root_path": "/behind",
            "headers": [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()],
        }
    )


def test_every_address_has_the_prefix_of_the_proxy(tmp_path: Path) -> None:
    with served(tmp_path / "home", root_path="/behind") as api:
        text = sound(browse(api, "/behind/searches"))
    addresses = [
        attributes[name] for _, attributes in elements(text) for name in ("src", "href") if name in attributes
    ]
    assert [one for one in addresses if not one.startswith(("/behind/", "#"))] == []
    assert f"/behind/static/{assets.release()}/app.css" in addresses


def test_an_asset_that_is_none_is_noticed_when_the_page_is_made() -> None:
    assert Links("").static("app.css") == f"/static/{assets.release()}/app.css"
    assert Links("/a").to("/searches") == "/a/searches"


def test_large_answers_are_compressed_for_those_who_take_it() -> None:
    charts = {"front": {"data": [{"x": list(range(1000))}], "layout": {}}}
    plain = figures(request(), charts)
    zipped = figures(request(accept_encoding="gzip, br"), charts)
    assert json.loads(bytes(plain.body)) == charts
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(zipped.body)) == bytes(plain.body)
    assert zipped.headers["vary"] == "Accept-Encoding"


def test_pages_are_never_kept_by_others() -> None:
    problem = {"status": 404, "code": "x", "title": "t", "detail": "<script>alert(1)</script>"}
    answer = page(request(), "error", status=404, problem=problem, next_step="", request_id="r")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "private, no-cache"
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;" in bytes(answer.body)
