"""What is published of a small search was measured; a second search on its supernet keeps other limits."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nas.pipeline.networks import score_file
from nas.pipeline.runner import run_search
from nas.pipeline.verify import VerifyDocument
from nas.results import SearchResult, VerifiedNetwork
from nas.settings import Settings
from search_spaces.base import architecture_digest, architecture_from_values
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Recorder, file_ms, small_spec, stopwatch


def beaten(network: VerifiedNetwork, others: tuple[VerifiedNetwork, ...]) -> bool:
    """Whether another one is no worse in both measurements and better in one."""
    own = (-network.accuracy.value, network.latency.median_ms)
    points = [(-other.accuracy.value, other.latency.median_ms) for other in others]
    return any(a <= own[0] and b <= own[1] and (a, b) != own for a, b in points)


def test_the_front_is_non_dominated_in_what_was_measured(finished: FinishedSearch) -> None:
    networks = finished.target.networks
    assert {network.status for network in networks} <= {"front", "dominated"}
    for network in networks:
        assert beaten(network, networks) == (network.status == "dominated")


def test_no_more_is_verified_than_was_allowed(finished: FinishedSearch) -> None:
    networks = finished.target.networks
    assert 1 <= len(networks) <= 6
    assert len({network.architecture_digest for network in networks}) == len(networks)
    assert {network.round for network in networks} <= {1, 2}
    assert finished.target.num_rounds <= 2
    assert finished.target.stopped


def test_figures_are_those_of_the_files(finished: FinishedSearch) -> None:
    for network in finished.target.networks:
        path = finished.run.network_path(network.file_sha256)
        assert network.latency.median_ms == pytest.approx(file_ms(path))
        assert network.file_bytes == path.stat().st_size


def test_names_and_options_say_which_architecture_it_is(finished: FinishedSearch) -> None:
    space = finished.context().space
    for network in finished.target.networks:
        architecture = architecture_from_values(space, network.architecture)
        assert architecture_digest(space, architecture) == network.architecture_digest
        assert network.name == f"net-{network.architecture_digest[:6]}"


def test_accuracies_come_from_images_that_confirm(finished: FinishedSearch) -> None:
    """80 images are two swapped halves, and every network shows both."""
    ctx = finished.context()
    for network in finished.target.networks:
        correct = score_file(ctx, network.file_sha256, "validation")
        assert network.accuracy.num_images == 80
        assert network.accuracy.value == pytest.approx(float(correct.mean()))
        assert network.accuracy.part == "validation"


def test_predictions_stand_beside_with_their_intervals(finished: FinishedSearch) -> None:
    for network in finished.target.networks:
        for figure, kind in ((network.predicted_accuracy, "fitted"), (network.predicted_latency, "table")):
            assert figure is not None
            assert figure.kind == kind
            assert figure.lower <= figure.value <= figure.upper


def test_ties_are_mutual_and_between_points_of_the_front(finished: FinishedSearch) -> None:
    front = {network.name: network for network in finished.target.front}
    for network in finished.target.networks:
        assert set(network.tied_with) <= set(front)
        if network.status != "front":
            assert network.tied_with == ()
        for other in network.tied_with:
            assert network.name in front[other].tied_with


@dataclass(frozen=True)
class Second:
    """Another search in the home of a finished one.

    Attributes:
        limit_ms: Its limit.
        measured: How many files were measured, one number a call.
    """

    result: SearchResult
    limit_ms: float
    measured: list[int]


@pytest.fixture(scope="module")
def second(finished: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Second:
    """A search on the same supernet and table whose limit the fastest point just keeps."""
    home: Path = tmp_path_factory.mktemp("second")
    for name in ("tables", "supernets"):
        shutil.copytree(finished.home / name, home / name)
    limit_ms = float(np.median([network.latency.upper_ms for network in finished.target.networks])) * 1.02
    with stopwatch() as watch:
        spec = small_spec(targets=[{"limits": {"latency_ms": limit_ms}}], references=[])
        result = run_search(spec, Settings(home=home), Recorder())
    return Second(result, limit_ms, [len(asked) for asked in watch.asked])


def test_a_second_search_trains_and_profiles_nothing(second: Second) -> None:
    assert second.result.supernet.reused
    assert second.result.targets[0].table.num_measured_now == 0
    assert sum(second.measured) == len(second.result.targets[0].networks)


def test_the_measured_upper_bound_of_every_point_keeps_the_limit(second: Second) -> None:
    (target,) = second.result.targets
    assert target.front
    assert all(network.latency.upper_ms <= second.limit_ms for network in target.front)
    for network in target.networks:
        assert (network.latency.upper_ms > second.limit_ms) == (network.status == "over_limit")


def test_without_references_there_are_none(second: Second) -> None:
    assert second.result.references == ()


def test_the_document_is_what_the_result_shows(finished: FinishedSearch) -> None:
    (target,) = finished.run.load("verify", VerifyDocument).targets
    assert [network.name for network in target.networks] == [one.name for one in finished.target.networks]
    assert all(network.test_accuracy is None for network in target.networks)
