"""A network is read at a glance."""

from pathlib import Path

import pytest

from api.subnets import show_subnet
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError
from tests.api.handmade import finished_search
from tests.api.routes.conftest import exported_file, written
from tests.api.test_searches import drawn


def test_a_network_is_shown_with_its_layers(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with opened_stores(settings) as stores:
        search = written(stores, exported_file())
    shown = show_subnet(settings, f"{search}.net-ccc333")
    text = drawn(shown)
    assert "net-ccc333 of mobilenet_v3/tiny, front" in text
    assert "from      supernet k, search" in text
    assert shown.layers[-1].slot in text
    assert len(shown.layers) > 5


def test_a_stock_network_is_said_to_be_one(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    assert "a stock network" in drawn(show_subnet(Settings(home=tmp_path), f"{search.id}.resnet"))


def test_what_is_not_there_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        show_subnet(Settings(home=tmp_path), "none.none")
    assert caught.value.code == "unknown_subnet"
