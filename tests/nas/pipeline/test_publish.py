"""A finished search can be asked for row by row: what the rows say is what its result says."""

import pytest
from sqlalchemy import select

from nas.leases import LeaseLost
from nas.objectives import OBJECTIVES
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.publish import publish
from nas.pipeline.train import TrainDocument
from nas.publication import measured_value
from nas.results import TargetResult
from nas.store.model_tables import subnets
from nas.store.session import reading
from search_spaces.errors import ArtifactError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home


def test_every_verified_network_is_a_candidate_with_what_was_measured(finished: FinishedSearch) -> None:
    found = finished.home.stores.fronts.candidates("local", finished.run.id, 0)
    by_digest = {network.architecture_digest: network for network in finished.target.networks}
    assert [one.architecture_digest for one in found] == sorted(by_digest)
    for one in found:
        network = by_digest[one.architecture_digest]
        assert (one.target, one.fidelity, one.architecture) == (0, "verified", network.architecture)
        known = set(OBJECTIVES) - {
            "energy_mj",
            "arena_bytes",
        }  # no meter has seen it, and cells have branches
        measured = {name: measured_value(network, name) for name in known}
        assert one.values == {**measured, "latency_suspect": False}
        assert one.values["accuracy"] == network.accuracy.value


def test_a_candidate_says_that_its_latency_is_suspect(copied: Home, finished: FinishedSearch) -> None:
    ctx, (first, *others) = copied.context(), finished.target.networks
    for name, model in (("train", TrainDocument), ("finetune", FinetuneDocument)):
        ctx.run.save(name, finished.run.load(name, model))
    doubted = first.model_copy(update={"latency": first.latency.model_copy(update={"suspect": True})})
    target = finished.target.model_copy(update={"networks": (doubted, *others)})
    publish(ctx, finished.result.model_copy(update={"targets": (target,), "deliveries": ()}))
    found = copied.stores.fronts.candidates("local", ctx.run.id, 0)
    told = {one.architecture_digest: one.values["latency_suspect"] for one in found}
    assert told == {one.architecture_digest: one is doubted for one in (doubted, *others)}


def test_the_front_is_the_document_of_its_target(finished: FinishedSearch) -> None:
    content = finished.home.stores.fronts.front("local", finished.run.id, 0)
    assert content is not None
    assert TargetResult.model_validate_json(content) == finished.target
    assert finished.home.stores.fronts.front("local", finished.run.id, 1) is None


def test_points_of_the_front_are_subnets_of_the_supernet(finished: FinishedSearch) -> None:
    with reading(finished.home.stores.engine) as connection:
        rows = connection.execute(select(subnets)).all()
    front = {network.architecture_digest for network in finished.target.front}
    assert {row.architecture_digest for row in rows} == front
    assert {row.supernet_id for row in rows} == {finished.result.supernet.key}
    assert {row.weights for row in rows} == {""}


def test_what_is_delivered_is_an_export_with_its_reason(finished: FinishedSearch) -> None:
    exports = {one.name: one for one in finished.home.stores.fronts.exports("local", finished.run.id)}
    networks = {network.name: network for network in finished.target.networks}
    assert exports.keys() == {delivery.name for delivery in finished.result.deliveries}
    for delivery in finished.result.deliveries:
        export = exports[delivery.name]
        assert (export.format, export.file) == ("onnx", networks[delivery.name].file_sha256)
        assert export.card["why"] == delivery.why
        assert finished.home.stores.artifacts.has(export.file)


def test_publishing_again_changes_nothing(copied: Home, finished: FinishedSearch) -> None:
    """Killed after it was published, before its result was kept: the next attempt publishes once more."""
    ctx = copied.context()
    for name, model in (("train", TrainDocument), ("finetune", FinetuneDocument)):
        ctx.run.save(name, finished.run.load(name, model))
    publish(ctx, finished.result)
    store, job = copied.stores.fronts, ctx.run.id
    before = (store.candidates("local", job, 0), store.front("local", job, 0), store.exports("local", job))
    publish(ctx, finished.result)
    after = (store.candidates("local", job, 0), store.front("local", job, 0), store.exports("local", job))
    assert after == before


def test_a_network_that_was_trained_on_has_weights_of_its_own(copied: Home, finished: FinishedSearch) -> None:
    ctx = copied.context()
    tuned = finished.target.front[0].model_copy(update={"finetune_epochs": 4})
    target = finished.target.model_copy(update={"networks": (tuned, *finished.target.networks[1:])})
    own = {tuned.architecture_digest: "f" * 64}
    ctx.run.save("train", finished.run.load("train", TrainDocument))
    ctx.run.save("finetune", FinetuneDocument(targets=(target,), cpu_seconds=1.0, weights=own))
    publish(ctx, finished.result.model_copy(update={"targets": (target,), "deliveries": ()}))
    fidelities = {
        one.architecture_digest: one.fidelity
        for one in copied.stores.fronts.candidates("local", ctx.run.id, 0)
    }
    assert fidelities.pop(tuned.architecture_digest) == "tuned"
    assert set(fidelities.values()) <= {"verified"}
    with reading(copied.stores.engine) as connection:
        query = select(subnets.c.weights).where(subnets.c.architecture_digest == tuned.architecture_digest)
        assert set(connection.execute(query).scalars()) == {"", "f" * 64}


def test_another_result_of_the_same_search_is_refused(copied: Home, finished: FinishedSearch) -> None:
    ctx = copied.context()
    for name, model in (("train", TrainDocument), ("finetune", FinetuneDocument)):
        ctx.run.save(name, finished.run.load(name, model))
    publish(ctx, finished.result)
    first = finished.target.networks[0]
    other = first.model_copy(update={"accuracy": first.accuracy.model_copy(update={"value": 0.123})})
    target = finished.target.model_copy(update={"networks": (other, *finished.target.networks[1:])})
    with pytest.raises(ArtifactError) as caught:
        publish(ctx, finished.result.model_copy(update={"targets": (target,)}))
    assert caught.value.code == "result_conflict"


def test_whoever_has_lost_the_search_publishes_nothing(finished: FinishedSearch) -> None:
    with pytest.raises(LeaseLost):
        publish(finished.context(), finished.result)
