import gzip
import re

import pytest

from api.dashboard import assets
from search_spaces.errors import UsageError


def test_plotly_comes_from_the_installed_package_and_travels_compressed() -> None:
    found = assets.asset(assets.PLOTLY)
    assert b"plotly.js v" in found.content[:200]
    assert gzip.decompress(found.zipped) == found.content
    assert len(found.zipped) < 1_600_000


def test_nothing_but_assets_is_handed_out() -> None:
    for name in ("../pages.py", "pages.py", "/etc/passwd", ""):
        with pytest.raises(UsageError) as caught:
            assets.asset(name)
        assert caught.value.code == "unknown_asset"


def test_the_release_stands_for_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    before = assets.release.__wrapped__()
    assert re.fullmatch("[0-9a-f]{16}", before)
    assert before == assets.release()
    read = assets._read
    monkeypatch.setattr(assets, "_read", lambda name: read(name) + (b" " if name == "app.css" else b""))
    assert assets.release.__wrapped__() != before


def test_no_script_makes_markup_of_text() -> None:
    sinks = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style"
    )
    own = sorted(assets.names() - {assets.PLOTLY})
    assert [name for name in own if sinks.search(assets.asset(name).content.decode())] == []
