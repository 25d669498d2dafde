from pathlib import Path

from tests.api.dashboard.browsing import browse, sound
from tests.api.served import Caller, code, served


def test_anybody_may_read_what_a_code_means(api: Caller) -> None:
    assert api.client.get("/errors/unknown_job").json()["what_to_do"]
    assert {"unknown_job", "internal_error"} <= {
        one["code"] for one in api.client.get("/errors").json()["items"]
    }
    text = sound(browse(api, "/errors/unknown_job"))
    assert "<code>unknown_job</code>" in text
    assert "<code>internal_error</code>" in sound(browse(api, "/errors"))
    assert code(api.client.get("/errors/nothing")) == (404, "unknown_code")


def test_the_page_is_found_behind_a_proxy(tmp_path: Path) -> None:
    with served(tmp_path / "home", root_path="/nas") as api:
        assert api.get("/v1/searches/none").json()["type"] == "/nas/errors/unknown_job"
        assert 'href="/nas/errors"' in sound(browse(api, "/errors/unknown_job"))
