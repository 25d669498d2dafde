import asyncio

import pytest
from anyio.to_thread import current_default_thread_limiter

from api.dashboard import assets
from tests.api.asgi import Sent, ask
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


@pytest.mark.parametrize("path", ["/static/0123456789abcdef/page.js", "/errors/not_found"])
def test_what_needs_no_database_needs_no_thread(api: Caller, path: str) -> None:
    assert api.client.get(path).status_code == 200  # read once

    async def status() -> int:
        threads = current_default_thread_limiter()
        for _ in range(int(threads.total_tokens)):
            threads.acquire_on_behalf_of_nowait(object())  # as if each waited for a database that hangs
        return (await asyncio.wait_for(ask(api.app, Sent("GET", path), ""), 5.0)).status

    assert asyncio.run(status()) == 200
