"""A search begins with what others on the same supernet have verified here and keeps its limits."""

from sqlalchemy import update

from nas.pipeline.answers import find_answers
from nas.pipeline.earlier import EarlierNetworks
from nas.store.measurement_tables import sessions
from nas.store.session import writing
from tests.nas.pipeline.conftest import FinishedSearch, Second
from tests.nas.pipeline.small_search import Home, Recorder


def test_it_begins_with_the_networks_that_keep_its_limit(second: Second, finished: FinishedSearch) -> None:
    begun = {one.name: one for one in second.search.target.networks if one.round == 0}
    kept = {one.name: one for one in finished.target.networks if one.latency.upper_ms <= second.limit_ms}
    assert len(begun) >= 2
    assert set(begun) == set(kept)
    for name, network in begun.items():
        assert network.accuracy == kept[name].accuracy
        assert network.latency.median_ms == kept[name].latency.median_ms
        assert (network.predicted_accuracy, network.predicted_latency) == (None, None)
    new = [one for one in second.search.target.networks if one.round]
    assert all(one.predicted_latency is not None for one in new)


def test_what_was_known_takes_nothing_of_the_budget(second: Second) -> None:
    spec, networks = second.result.spec, second.search.target.networks
    assert sum(one.round > 0 for one in networks) <= spec.verify.candidates
    assert len({one.architecture_digest for one in networks}) == len(networks)


def test_the_answers_of_what_was_known_are_found_with_the_search(second: Second) -> None:
    for network in second.search.target.networks:
        answers = find_answers(second.search.run, 0, network)
        assert answers is not None
        right = float((answers.labels == answers.predicted).mean())
        assert right == network.accuracy.value


def test_a_first_search_begins_with_nothing(finished: FinishedSearch) -> None:
    assert finished.run.load("verify.0.0", EarlierNetworks).architectures == ()
    assert all(one.round for one in finished.target.networks)


def test_what_was_measured_otherwise_is_not_known(copied: Home) -> None:
    """Percentiles take another protocol: no network was measured by that."""
    (target,) = copied.search(targets=[{"latency": {"statistic": "p95"}}], references=[]).targets
    assert all(one.round for one in target.networks)


def test_a_search_for_energy_begins_with_nothing(copied: Home) -> None:
    objectives = ["accuracy", "latency_ms", "energy_mj"]
    result = copied.search(references=[], search={"evaluations": 300, "objectives": objectives})
    (target,) = result.targets
    assert all(one.round for one in target.networks)


def test_the_same_search_again_measures_what_is_suspect_of_its_front(
    copied: Home, finished: FinishedSearch
) -> None:
    behind = {one for network in finished.target.networks for one in network.latency.sessions}
    with writing(copied.stores.engine) as connection:
        connection.execute(update(sessions).where(sessions.c.id.in_(behind)).values(doubt="it drifted"))
    shown = Recorder()
    (target,) = copied.search(shown, references=[]).targets
    begun = [one for one in target.networks if one.round == 0]
    assert {one.file_sha256 for one in finished.target.front} <= {one.file_sha256 for one in begun}
    assert sorted(copied.watch.asked[0]) == sorted(one.file_sha256 for one in begun)
    assert not [one for one in begun if one.latency.suspect]
    (said,) = [one for one in shown.said if "once more" in one]
    assert said.startswith(f"measuring {len(begun)} networks once more on ")
