"""The documents that a search leaves behind."""

import json

import pytest
from pydantic import ValidationError

from nas.results import Accuracy, SearchResult, VerifiedNetwork
from tests.nas.report.documents import latency, make_result, network, target


def test_a_result_survives_its_file() -> None:
    result = make_result()
    text = json.dumps(result.model_dump(mode="json"))
    assert SearchResult.model_validate_json(text) == result


def test_the_front_is_what_is_published_in_its_order() -> None:
    networks = (
        network("a", 0.1, 0.8),
        network("b", 0.2, 0.9),
        network("c", 0.3, 0.85, status="dominated"),
        network("d", 2.0, 0.99, status="over_limit"),
    )
    assert [found.name for found in target(networks).front] == ["a", "b"]


def test_a_field_that_is_not_known_is_refused() -> None:
    document = network("a", 0.1, 0.8).model_dump(mode="json")
    with pytest.raises(ValidationError, match="speed"):
        VerifiedNetwork.model_validate({**document, "speed": "fast"})


def test_a_measured_figure_cannot_be_called_anything_else() -> None:
    document = network("a", 0.1, 0.8).accuracy.model_dump(mode="json")
    assert document["kind"] == "measured"
    with pytest.raises(ValidationError, match="kind"):
        Accuracy.model_validate({**document, "kind": "fitted"})
    with pytest.raises(ValidationError, match="part"):
        Accuracy.model_validate({**document, "part": "select"})


def test_of_several_targets_each_has_the_stock_networks_as_it_ran_them() -> None:
    result = make_result()
    assert result.references
    # As results were before there were several.
    assert (result.references_at(0), result.references_at(1)) == (result.references, ())
    slower = tuple(latency(10.0, 0.1) for _ in result.references)
    own = tuple(one.latency for one in result.references)
    several = result.model_copy(update={"reference_latencies": (own, slower)})
    assert several.references_at(0) == result.references
    assert [one.latency.median_ms for one in several.references_at(1)] == [10.0] * len(slower)
    assert [one.name for one in several.references_at(1)] == [one.name for one in result.references]


def test_a_target_of_another_precision_has_stock_networks_of_its_own() -> None:
    result = make_result()
    (first, *_) = result.references
    other = first.model_copy(update={"name": f"{first.name}-int8", "file_sha256": "e" * 64})
    several = result.model_copy(update={"target_references": (result.references, (other,))})
    assert (several.references_at(0), several.references_at(1)) == (result.references, (other,))
    assert several.references_at(2) == ()
    assert other.stock == first.name


def test_the_statistic_is_what_a_latency_is_held_by() -> None:
    plain = latency(1.0, 0.1)
    assert plain.value_ms == plain.median_ms == 1.0
    tail = plain.model_copy(update={"statistic": "p95", "p95_ms": 1.5})
    assert (tail.value_ms, tail.median_ms) == (1.5, 1.0)


def test_documents_are_values() -> None:
    found = network("a", 0.1, 0.8)
    with pytest.raises(ValidationError):
        found.name = "b"


def test_a_search_has_used_the_test_images_where_it_scored_anything_on_them() -> None:
    result = make_result()
    assert result.test_uses == 1
    again = result.deliveries[0].model_copy(update={"test_uses": 2})
    assert result.model_copy(update={"deliveries": (*result.deliveries, again)}).test_uses == 2
    undelivered = result.model_copy(update={"deliveries": (), "references": (network("resnet", 1.0, 0.9),)})
    assert undelivered.test_uses == 1
    assert undelivered.model_copy(update={"references": ()}).test_uses == 0
