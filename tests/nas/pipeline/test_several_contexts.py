"""One search for several contexts of one device: each has its table, its front, and its own measurements."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.selection import select_by_rule
from latency_predictors.device import host_context, host_device
from latency_predictors.latency_metric import LatencyMetric
from nas.results import SearchResult
from search_spaces.base import space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from tests.nas.pipeline.small_search import Home, file_ms

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
TAIL = LatencyMetric("p95", pause_ms=20.0)
TARGETS = [
    {},
    {"context": {"runtime": "openvino", "batch": 2}},
    {"latency": {"statistic": "p95", "mode": "paced", "pause_ms": 20}},
]


@dataclass(frozen=True)
class Searched:
    """A search for all of the targets, and its home."""

    home: Home
    result: SearchResult


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    home = Home(tmp_path_factory.mktemp("several") / "home")
    yield Searched(home, home.search(targets=TARGETS))
    home.remove()


def test_every_target_has_its_own_context_front_and_stock_networks(searched: Searched) -> None:
    home, result = searched.home, searched.result
    plain, openvino, tail = result.targets
    contexts = [host_context(), host_context("openvino", batch=2), TAIL.context(host_context())]
    assert [one.context_label for one in result.targets] == [context.label for context in contexts]
    assert all(one.front for one in result.targets)
    for target, share in ((plain, 1.0), (openvino, 1.0), (tail, 1.03)):
        for network in target.networks:
            path = home.stores.artifacts.local_path(network.file_sha256, ".onnx")
            assert network.latency.value_ms == pytest.approx(share * file_ms(path))
    assert {network.latency.statistic for network in tail.networks} == {"p95"}
    (stock,) = result.references_at(0)
    assert [one.latency.value_ms for one in result.references_at(1)] == [stock.latency.median_ms]
    assert [one.latency.value_ms for one in result.references_at(2)] == [
        pytest.approx(1.03 * stock.latency.median_ms)
    ]
    # A runtime has one table; what is meant by latency has a correction in it.
    keys = {(key.device, key.context) for key in home.stores.tables.published()}
    assert keys == {(host_device().digest, context.digest) for context in contexts[:2]}
    table = home.stores.tables.load(host_device().digest, contexts[0].digest)
    assert table is not None
    space = space_digest(SPACE)
    assert table.corrections.keys() == {space, TAIL.correction_key(space)}
    verified = {network.architecture_digest for network in tail.networks}
    assert verified <= {point.digest for point in table.corrections[TAIL.correction_key(space)].points}


def test_another_runtime_than_the_one_that_scores_is_compared_with_it(searched: Searched) -> None:
    result = searched.result
    plain, openvino, _ = result.targets
    scoring = f"onnxruntime {host_context().runtime_version}"
    assert {target.scored_with for target in result.targets} == {scoring}
    delivered = [one for one in openvino.networks if one.test_accuracy is not None]
    assert delivered
    for network in delivered:
        agreed = network.agreement
        assert agreed is not None
        assert (agreed.scored_with, agreed.runtime) == (scoring, host_context("openvino").label.split(",")[0])
        # All images there are: fewer than the five hundred that are asked for.
        assert agreed.num_images == 60 + 80 + 120
        assert agreed.num_same >= 0.99 * agreed.num_images
    assert all(network.agreement is None for network in plain.networks)


def test_what_is_best_under_a_limit_is_asked_of_one_meaning_of_latency(searched: Searched) -> None:
    home, result = searched.home, searched.result
    limits = {"latency_ms": 2 * max(one.latency.upper_ms for at in result.targets for one in at.networks)}
    for asked in (None, "host"):
        with pytest.raises(
            UsageError, match="target 3 the p95 with pauses of 20 ms; .* by its number"
        ) as caught:
            select_by_rule(home.settings, "latest", "best", limits, asked)
        assert caught.value.code == "ambiguous_target"
    for number, target in enumerate(result.targets, 1):
        chosen = select_by_rule(home.settings, "latest", "best", limits, number)
        assert chosen.network.accuracy.value == max(one.accuracy.value for one in target.networks)
        assert chosen.network in target.networks
        assert ("p95" in chosen.why) == (number == 3)
