import hashlib
from dataclasses import replace

import pytest

from api.resources.subnets import subnet_resource
from latency_predictors.memory import peak_memory_bytes
from nas.jobs import Fault, Faulted, JobKind, Succeeded
from nas.network_specs import MADE, MadeNetwork
from nas.pipeline.versions import versions
from nas.specs import ContextSpec, Precision
from nas.store.subnets import find_subnet
from search_spaces.network import layers, network
from tests.api.handmade import SPACE, claimed
from tests.api.routes.conftest import ARCHITECTURE, Finished
from tests.api.served import Caller, code


def address(finished: Finished, name: str = "net-ccc333") -> str:
    return f"/v1/subnets/{finished.search}.{name}"


def test_a_subnet_says_what_it_is_and_where_it_comes_from(finished: Finished) -> None:
    front = finished.api.get(f"/v1/searches/{finished.search}/front").json()
    assert front["subnets"]["net-ccc333"] == f"{finished.search}.net-ccc333"
    shown = finished.api.get(address(finished)).json()
    assert (shown["name"], shown["space"], shown["target"]) == ("net-ccc333", "mobilenet_v3", 1)
    expected = layers(SPACE, ARCHITECTURE)
    assert [(one["kind"], one["num_macs"]) for one in shown["layers"]] == [
        (spec.kind, spec.macs) for spec in expected
    ]
    assert shown["layers"][0]["inputs"] == ["image"]
    assert shown["network"]["accuracy"]["num_images"] == 360
    assert shown["lineage"]["search"] == shown["lineage"]["job"] == finished.search
    assert shown["lineage"]["supernet"] == "k"
    assert finished.api.get(shown["links"]["file"]).content == finished.file


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_layers_need_what_they_need_in_the_precision_of_the_target(
    precision: Precision, finished: Finished
) -> None:
    found = find_subnet(finished.api.stores, "local", f"{finished.search}.net-ccc333")
    asked = found.target.target.model_copy(update={"context": ContextSpec(precision=precision)})
    there = replace(found, target=found.target.model_copy(update={"target": asked}))
    needed = max(one.activation_bytes for one in subnet_resource(there, "").layers)
    # Nothing is alive beside the running layer of a chain.
    assert needed == peak_memory_bytes(network(SPACE, ARCHITECTURE), precision=precision)


def test_a_stock_network_has_layers_and_no_supernet(finished: Finished) -> None:
    shown = finished.api.get(address(finished, "resnet")).json()
    assert shown["lineage"]["supernet"] is None
    assert shown["layers"][-1]["out_shape"] == [10, 1, 1]
    assert "finetune" not in shown["links"]
    refused = finished.api.post(f"{address(finished, 'resnet')}/finetune", {})
    assert code(refused) == (409, "not_a_subnet")


@pytest.mark.parametrize("name", ["none", "SEARCH.none", "SEARCH", "%2e%2e.x"])
def test_what_is_not_there_is_unknown(name: str, finished: Finished) -> None:
    path = f"/v1/subnets/{name.replace('SEARCH', finished.search)}"
    assert code(finished.api.get(path)) == (404, "unknown_subnet")
    assert code(finished.api.post(f"{path}/exports", {})) == (404, "unknown_subnet")
    assert code(finished.api.post(f"{path}/finetune", {})) == (404, "unknown_subnet")


def made(api: Caller, subnet: str) -> None:
    """Do what a worker does with the only queued job on a network whose file is there."""
    (job,) = api.stores.jobs.page("local", kinds=(JobKind.EXPORT, JobKind.FINETUNE)).jobs
    found, run = find_subnet(api.stores, "local", subnet), claimed(api.stores, job)
    document = MadeNetwork(
        search=found.search.id,
        number=0,
        target=found.target.model_copy(update={"networks": (found.network,)}),
        network=found.network,
        why="asked for by name",
        supernet=found.result.supernet,
        versions=versions(),
    )
    run.save(MADE, document)
    api.stores.fronts.add_export(run.lease, found.network.name, "onnx", found.network.file_sha256, {})
    api.stores.queue.settle(run.lease, Succeeded())


def test_a_file_is_made_and_downloaded(finished: Finished) -> None:
    api = finished.api
    answer = api.post(f"{address(finished)}/exports", {"precision": "fp32"}, idempotency_key="a")
    assert answer.status_code == 202
    again = api.post(f"{address(finished)}/exports", {"precision": "fp32"}, idempotency_key="a")
    assert again.json() == answer.json()
    where = answer.headers["location"]
    assert where == answer.json()["links"]["export"]
    waiting = api.get(where).json()
    assert (waiting["state"], waiting["sha256"], waiting["name"]) == ("queued", None, "net-ccc333")
    for part in ("file", "bundle"):
        assert code(api.get(waiting["links"][part])) == (409, "export_not_ready")
    made(api, f"{finished.search}.net-ccc333")
    ready = api.get(where).json()
    assert (ready["state"], ready["sha256"], ready["id"]) == ("ready", finished.sha256, waiting["id"])
    assert api.get(ready["links"]["file"]).content == finished.file
    bundle = api.get(ready["links"]["bundle"])
    assert bundle.headers["content-type"] == "application/zip"
    assert hashlib.sha256(bundle.content).hexdigest() == bundle.headers["etag"].strip('"')


def test_what_ended_the_making_is_told(finished: Finished) -> None:
    api = finished.api
    answer = api.post(f"{address(finished)}/exports", {"precision": "int8"})
    (job,) = api.stores.jobs.page("local", kinds=(JobKind.EXPORT,)).jobs
    fault = Faulted(Fault.BAD_DATA, "not_quantisable", "it does not run in int8")
    api.stores.queue.settle(claimed(api.stores, job).lease, fault)
    shown = api.get(answer.headers["location"]).json()
    assert (shown["state"], shown["error"]["code"]) == ("failed", "not_quantisable")
    assert code(api.get(shown["links"]["file"])) == (409, "export_not_ready")


def test_a_network_that_was_trained_on_is_a_subnet(finished: Finished) -> None:
    api = finished.api
    answer = api.post(f"{address(finished)}/finetune", {"epochs": 3})
    assert answer.status_code == 202
    assert api.get(answer.headers["location"]).json()["spec"]["epochs"] == 3
    subnet = answer.json()["links"]["subnet"]
    assert code(api.get(subnet)) == (409, "search_not_finished")
    made(api, f"{finished.search}.net-ccc333")
    shown = api.get(subnet).json()
    assert (shown["lineage"]["search"], shown["lineage"]["job"]) == (finished.search, answer.json()["id"])
    assert code(api.get(f"/v1/exports/{answer.json()['id']}")) == (404, "unknown_export")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("exports", {"format": "pickle"}),
        ("exports", {"precision": "int4"}),
        ("exports", {"more": 1}),
        ("finetune", {"epochs": 0}),
        ("finetune", {"epochs": "many"}),
        ("finetune", []),
    ],
)
def test_what_cannot_be_made_is_refused(path: str, body: object, finished: Finished) -> None:
    assert code(finished.api.post(f"{address(finished)}/{path}", body)) == (422, "invalid_request")


def test_others_see_and_make_nothing(finished: Finished) -> None:
    other, reader = finished.api.as_("admin", tenant="other"), finished.api.as_("read")
    assert code(other.get(address(finished))) == (404, "unknown_subnet")
    for path in ("exports", "finetune"):
        where = f"{address(finished)}/{path}"
        assert code(other.post(where, {})) == (404, "unknown_subnet")
        assert code(reader.post(where, {})) == (403, "not_allowed")
    location = finished.api.post(f"{address(finished)}/exports", {}).headers["location"]
    assert code(other.get(location)) == (404, "unknown_export")
