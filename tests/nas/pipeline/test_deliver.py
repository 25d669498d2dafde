"""One verified network becomes a folder that can be handed on, a finished search one that can be read."""

import hashlib
import json
from pathlib import Path

import pytest

from nas.pipeline.deliver import deliver, deliver_search
from nas.results import VerifiedNetwork
from nas.store.job_run import StoredJob
from search_spaces.errors import ArtifactError, UsageError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, small_spec


def write(
    finished: FinishedSearch, folder: Path, network: VerifiedNetwork, job: StoredJob | None = None
) -> Path:
    return deliver(
        job or finished.run,
        network,
        finished.target,
        folder,
        why="it was asked for",
        supernet=finished.result.supernet,
        versions=finished.result.versions,
    )


def test_any_verified_network_can_be_delivered(finished: FinishedSearch, tmp_path: Path) -> None:
    network = finished.target.networks[-1]
    folder = write(finished, tmp_path / "bundle", network)
    told = json.loads((folder / "measurements.json").read_text())
    assert "it was asked for" in (folder / "README.md").read_text()
    assert finished.run.id in json.dumps(told)
    assert (folder / "model.onnx").stat().st_size == network.file_bytes


def test_every_card_tells_how_often_the_search_has_used_the_test_images(
    finished: FinishedSearch, tmp_path: Path
) -> None:
    """Also that of a network which was not scored on them."""
    delivered = {delivery.name for delivery in finished.result.deliveries}
    other = next(one for one in finished.target.networks if one.name not in delivered)
    for network in (finished.target.front[0], other, *finished.result.references):
        folder = write(finished, tmp_path / network.name, network)
        told = json.loads((folder / "measurements.json").read_text())
        assert told["provenance"]["test_uses"] == 1
        aside = ", not for this network" if network.test_accuracy is None else ""
        assert f"This search has used the test images once{aside};" in (folder / "README.md").read_text()


def test_stock_networks_are_delivered_too(finished: FinishedSearch, tmp_path: Path) -> None:
    """They were trained alone, so no supernet is named."""
    (resnet,) = finished.result.references
    folder = write(finished, tmp_path / "resnet", resnet)
    assert finished.result.supernet.key not in (folder / "measurements.json").read_text()


def test_delivering_again_replaces_the_bundle(finished: FinishedSearch, tmp_path: Path) -> None:
    first, second = finished.target.networks[0], finished.target.networks[-1]
    write(finished, tmp_path / "bundle", first)
    write(finished, tmp_path / "bundle", second)
    assert (tmp_path / "bundle" / "model.onnx").stat().st_size == second.file_bytes
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_that_holds_something_else_is_not_touched(finished: FinishedSearch, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError) as caught:
        write(finished, tmp_path, finished.target.networks[0])
    assert caught.value.code == "folder_in_use"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_that_is_not_what_was_scored_is_not_delivered(
    finished: FinishedSearch, copied: Home, tmp_path: Path
) -> None:
    network = finished.target.networks[0]
    path = copied.stores.artifacts.local_path(network.file_sha256)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError) as caught:
        write(finished, tmp_path / "bundle", network, copied.stores.stored(finished.job))
    assert caught.value.code == "artifact_damaged"
    assert not (tmp_path / "bundle").exists()


@pytest.fixture
def folder(finished: FinishedSearch, tmp_path: Path) -> Path:
    """The folder of the finished search."""
    deliver_search(finished.run, tmp_path / "search")
    return tmp_path / "search"


def test_the_folder_of_a_search_has_report_bundles_and_every_verified_file(
    folder: Path, finished: FinishedSearch
) -> None:
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in folder.iterdir()) == ["exports", "networks", "report.html"]
    assert {f"exports/{path.name}" for path in (folder / "exports").iterdir()} == {
        delivery.folder for delivery in finished.result.deliveries
    }
    verified = (*finished.target.networks, *finished.result.references)
    assert {path.name for path in (folder / "networks").iterdir()} == {
        f"{network.file_sha256}.onnx" for network in verified
    }
    for path in (folder / "networks").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def test_the_delivered_file_is_the_one_that_was_scored(folder: Path, finished: FinishedSearch) -> None:
    by_name = {network.name: network for network in finished.target.front}
    for delivery in finished.result.deliveries:
        bundle = folder / delivery.folder
        content = (bundle / "model.onnx").read_bytes()
        assert hashlib.sha256(content).hexdigest() == by_name[delivery.name].file_sha256
        manifest = json.loads((bundle / "manifest.json").read_text())["files"]
        for name, facts in manifest.items():
            assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == facts["sha256"]


def test_what_a_killed_process_left_of_the_folder_is_replaced(folder: Path, finished: FinishedSearch) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "report.html").unlink()
    cut = next((folder / "networks").iterdir())
    cut.write_bytes(cut.read_bytes()[:100])
    deliver_search(finished.run, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_delivered_belongs_to_whoever_reads_it(folder: Path) -> None:
    """Files of the artifact store are nobody's to change; copies of them are the user's."""
    for path in folder.rglob("*.onnx"):
        path.write_bytes(path.read_bytes())


def test_a_search_that_is_not_finished_has_no_folder(home: Home, tmp_path: Path) -> None:
    job = home.submit(small_spec())
    with pytest.raises(UsageError) as caught:
        deliver_search(home.stores.stored(job), tmp_path / "search")
    assert caught.value.code == "search_not_finished"
    assert not (tmp_path / "search").exists()
