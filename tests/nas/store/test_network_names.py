"""A network is found by what people call it, or the message tells what there is."""

from pathlib import Path

import pytest

from nas.job_records import JobRequest
from nas.jobs import JobKind, Succeeded
from nas.network_specs import MADE, MadeNetwork
from nas.settings import Settings
from nas.store.network_names import by_name, named_subnet, network_by_name
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError
from tests.api.handmade import FRONT, claimed, finished_search, network, target, unfinished_search


def refusal(home: Path, words: str, target_number: int | None = None) -> UsageError:
    with opened_stores(Settings(home=home)) as stores, pytest.raises(UsageError) as caught:
        named_subnet(stores, "local", words, target_number)
    return caught.value


@pytest.mark.parametrize(
    "words",
    ["SEARCH.net-bbb222", "START.net-bbb222", "latest.net-bbb222", "latest.net-b", "net-bbb222", "net-b"],
)
def test_a_network_goes_by_all_that_is_printed_of_it(words: str, tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores:
        given = words.replace("SEARCH", search.id).replace("START", search.id[:-6])
        found = named_subnet(stores, "local", given)
    assert (found.id, found.job.id, found.network) == (f"{search.id}.net-bbb222", search.id, FRONT[1])
    assert (found.number, found.target) == (0, search.result().targets[0])


def test_the_target_that_is_meant_is_looked_at(tmp_path: Path) -> None:
    there = network("net-bbb222", 0.96, 0.15)
    search = finished_search(tmp_path, target(*FRONT), target(there))
    with opened_stores(Settings(home=tmp_path)) as stores:
        for words in ("net-bbb222", "latest.net-bbb222"):
            found = named_subnet(stores, "local", words, 2)
            assert (found.id, found.number, found.network) == (f"{search.id}.net-bbb222", 1, there)
    error = refusal(tmp_path, "latest.net-aaa111", 2)
    assert error.code == "unknown_subnet"
    assert "no network 'net-aaa111' in search latest for target 2; networks are net-bbb222" in error.message
    assert refusal(tmp_path, "latest.net-bbb222", 3).code == "unknown_target"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("net-zzz", "no network 'net-zzz' in any finished search; networks are net-aaa111, net-bbb222,"),
        ("latest.net-zzz", "no network 'net-zzz' in search latest; networks are net-aaa111, net-bbb222,"),
        ("none.net-aaa111", "no search 'none'; searches are SEARCH; write SEARCH.NETWORK,"),
        ("SEARCH", "write SEARCH.NETWORK, for example latest."),
    ],
)
def test_what_is_not_there_names_what_is(words: str, said: str, tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    error = refusal(tmp_path, words.replace("SEARCH", search.id))
    assert error.code == "unknown_subnet"
    assert said.replace("are SEARCH", f"are {search.id}") in error.message


@pytest.mark.parametrize("words", ["", ".", "latest."])
def test_no_name_is_the_start_of_none(words: str, tmp_path: Path) -> None:
    finished_search(tmp_path, target(FRONT[0]))
    assert refusal(tmp_path, words).code == "unknown_subnet"


def test_a_name_of_two_searches_is_asked_back_in_words_that_are_taken(tmp_path: Path) -> None:
    ids = [finished_search(tmp_path).id, finished_search(tmp_path, seed=1).id]
    error = refusal(tmp_path, "net-aaa111")
    assert error.code == "ambiguous_network"
    with opened_stores(Settings(home=tmp_path)) as stores:
        for search in ids:
            assert f"{search}.net-aaa111" in error.message
            assert named_subnet(stores, "local", f"{search}.net-aaa111").job.id == search
    assert refusal(tmp_path, "digits.net-aaa111").code == "ambiguous_search"


def test_a_search_that_goes_on_has_none_yet_and_hides_none(tmp_path: Path) -> None:
    finished = finished_search(tmp_path)
    unfinished_search(tmp_path)
    assert refusal(tmp_path, "latest.net-aaa111").code == "search_not_finished"
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert named_subnet(stores, "local", "net-aaa111").job.id == finished.id


def test_nobody_finds_anothers(tmp_path: Path) -> None:
    finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores, pytest.raises(UsageError, match="there are none"):
        named_subnet(stores, "other", "latest.net-aaa111")


def test_a_network_that_was_trained_on_goes_by_its_job(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores:
        run = claimed(stores, stores.jobs.submit("local", JobRequest(JobKind.FINETUNE, {})))
        found = search.result()
        made = MadeNetwork(
            search=search.id,
            number=0,
            target=found.targets[0],
            network=FRONT[0],
            why="trained on",
            supernet=found.supernet,
            versions={},
        )
        run.save(MADE, made)
        stores.queue.settle(run.lease, Succeeded())
        assert named_subnet(stores, "local", f"{run.id}.net-aaa111").job.id == run.id
        # Its name alone is that of the network it was.
        assert named_subnet(stores, "local", "net-aaa111").job.id == search.id


def test_a_target_is_of_the_search_that_is_named(tmp_path: Path) -> None:
    finished_search(tmp_path)
    with opened_stores(Settings(home=tmp_path)) as stores:
        with pytest.raises(UsageError) as caught:
            network_by_name(stores, "local", "net-aaa111", "latest", 2)
        assert caught.value.code == "unknown_target"


def test_an_exact_name_is_no_start_of_a_longer_one() -> None:
    known = [("s", "net", 1), ("s", "net-2", 2), ("s", "net", 3)]
    assert by_name(known, "net", "search s") == 1
    with pytest.raises(UsageError, match=r"may be any of s\.net, s\.net-2") as caught:
        by_name(known, "ne", "search s")
    assert caught.value.code == "ambiguous_network"
