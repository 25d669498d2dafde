from pathlib import Path

from tests.api.served import DIGITS, served


def test_links_stand_under_the_prefix_that_a_proxy_has_put(tmp_path: Path) -> None:
    with served(tmp_path / "home", root_path="/nas") as api:
        answer = api.post("/v1/searches", DIGITS)
        assert answer.headers["location"].startswith("/nas/v1/searches/")
        assert answer.json()["links"]["events"].startswith("/nas/v1/searches/")
