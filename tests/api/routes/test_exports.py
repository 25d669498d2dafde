import io
import zipfile

from nas.jobs import Succeeded
from tests.api.handmade import SPEC, claimed, submitted
from tests.api.routes.conftest import Finished
from tests.api.served import code


def test_what_was_delivered_is_listed_and_comes_with_its_card(finished: Finished) -> None:
    (export,) = finished.api.get(f"/v1/searches/{finished.search}/exports").json()["items"]
    assert (export["name"], export["format"], export["sha256"]) == ("net-ccc333", "onnx", finished.sha256)
    assert finished.api.get(export["links"]["self"]).json() == export
    assert finished.api.get(export["links"]["file"]).content == finished.file
    bundle = finished.api.get(export["links"]["bundle"])
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        assert archive.read("net-ccc333/model.onnx") == finished.file
    assert names >= {"model.onnx", "architecture.json", "measurements.json", "README.md", "manifest.json"}
    again = finished.api.get(export["links"]["bundle"])
    assert again.content == bundle.content


def test_what_was_delivered_for_one_of_several_targets_comes_with_its_own_figures(
    finished: Finished,
) -> None:
    """Its name says which target; so does its card."""
    stores = finished.api.stores
    stored = stores.stored(stores.jobs.get("local", finished.search))
    first = stored.result().targets[0]
    slow = [
        one.model_copy(update={"latency": one.latency.model_copy(update={"median_ms": 77.0})})
        for one in first.networks
    ]
    delivery = stored.result().deliveries[0]
    changed = stored.result().model_copy(
        update={
            "targets": (first, first.model_copy(update={"networks": tuple(slow)})),
            "deliveries": (
                delivery.model_copy(update={"target": 1, "folder": f"exports/{delivery.name}-1"}),
            ),
        }
    )
    job = submitted(stores, SPEC)
    run = claimed(stores, job)
    run.save_result(changed)
    name = f"{delivery.name}-1"
    export = stores.fronts.add_export(run.lease, name, "onnx", finished.sha256, {"target": 1})
    stores.queue.settle(run.lease, Succeeded())
    answer = finished.api.get(f"/v1/exports/{export.id}/bundle")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert b"77" in archive.read(f"{name}/measurements.json")


def test_what_is_not_there_is_said(finished: Finished) -> None:
    assert code(finished.api.get("/v1/exports/none/file")) == (404, "unknown_export")
