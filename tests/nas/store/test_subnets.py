"""Networks are found by the identifier that they have outside."""

from pathlib import Path

import pytest

from nas.settings import Settings
from nas.store.stores import opened_stores
from nas.store.subnets import find_subnet, network_of, subnet_id
from search_spaces.errors import UsageError
from tests.api.handmade import FRONT, STOCK, finished_search, result, unfinished_search


def test_every_verified_network_is_found(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores:
        for network in (*FRONT, STOCK):
            found = find_subnet(stores, "local", subnet_id(search.id, network.name))
            assert (found.network, found.number, found.search.id) == (network, 0, search.id)
            assert found.weights is None


def test_nobody_finds_anothers(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores, pytest.raises(UsageError) as caught:
        find_subnet(stores, "other", subnet_id(search.id, FRONT[0].name))
    assert caught.value.code == "unknown_subnet"


@pytest.mark.parametrize("name", ["", ".", "none", "SEARCH", "SEARCH.", "SEARCH.none", ".net-aaa111"])
def test_what_is_not_there_is_unknown(name: str, tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores, pytest.raises(UsageError) as caught:
        find_subnet(stores, "local", name.replace("SEARCH", search.id))
    assert caught.value.code == "unknown_subnet"


def test_a_search_that_goes_on_has_none_yet(tmp_path: Path) -> None:
    job = unfinished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores, pytest.raises(UsageError) as caught:
        find_subnet(stores, "local", subnet_id(job.id, "net-aaa111"))
    assert caught.value.code == "search_not_finished"


def test_a_result_names_its_networks() -> None:
    found = result("s")
    assert network_of(found, "net-bbb222") == (0, FRONT[1])
    assert network_of(found, "resnet") == (0, STOCK)
    assert network_of(found, "none") is None
