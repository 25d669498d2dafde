"""Networks are found by the identifier that they have outside."""

from pathlib import Path

import pytest

from nas.job_records import JobRequest
from nas.jobs import JobKind, Succeeded
from nas.network_specs import MADE, MadeNetwork
from nas.settings import Settings
from nas.store.stores import opened_stores
from nas.store.subnets import find_subnet, network_of, subnet_id
from search_spaces.errors import UsageError
from tests.api.handmade import (
    FRONT,
    STOCK,
    claimed,
    finished_search,
    network,
    result,
    target,
    unfinished_search,
)


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


def test_the_same_name_is_another_network_at_another_target(tmp_path: Path) -> None:
    there = network("net-bbb222", 0.96, 0.15)
    search = finished_search(tmp_path, target(*FRONT), target(there))
    found = search.result()
    assert network_of(found, "net-bbb222") == network_of(found, "net-bbb222", 0) == (0, FRONT[1])
    assert network_of(found, "net-bbb222", 1) == (1, there)
    assert network_of(found, "net-aaa111", 1) is None
    assert network_of(found, "resnet", 1) is None
    name = subnet_id(search.id, "net-bbb222")
    with opened_stores(Settings(home=tmp_path)) as stores:
        for number, expected in ((None, FRONT[1]), (1, FRONT[1]), (2, there)):
            subnet = find_subnet(stores, "local", name, number)
            assert (subnet.network, subnet.number) == (expected, (number or 1) - 1)
            assert subnet.target == found.targets[subnet.number]
        for other in (0, 3):
            with pytest.raises(UsageError) as caught:
                find_subnet(stores, "local", name, other)
            assert caught.value.code == "unknown_target"
        with pytest.raises(UsageError, match="net-aaa111' for target 2") as caught:
            find_subnet(stores, "local", subnet_id(search.id, "net-aaa111"), 2)
        assert caught.value.code == "unknown_subnet"


def test_a_network_that_was_trained_on_is_of_one_target(tmp_path: Path) -> None:
    search = finished_search(tmp_path, target(*FRONT), target(*FRONT))
    with opened_stores(Settings(home=tmp_path)) as stores:
        run = claimed(stores, stores.jobs.submit("local", JobRequest(JobKind.FINETUNE, {})))
        made = MadeNetwork(
            search=search.id,
            number=1,
            target=target(FRONT[0]),
            network=FRONT[0],
            why="trained on",
            supernet=search.result().supernet,
            versions={},
        )
        run.save(MADE, made)
        stores.queue.settle(run.lease, Succeeded())
        name = subnet_id(run.id, FRONT[0].name)
        for asked in (None, 2, "host"):
            assert find_subnet(stores, "local", name, asked).number == 1
        for other in (1, "pi5"):
            with pytest.raises(UsageError) as caught:
                find_subnet(stores, "local", name, other)
            assert caught.value.code == "unknown_subnet"
